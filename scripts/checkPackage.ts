/**
 * Packs the packages as they would be published and tries the tarballs: publint and attw read them, then a consumer
 * outside the workspace type-checks and runs every public module of them, and every snippet of the READMEs and the guides.
 * Nothing is downloaded: what the packages depend on is linked from the workspace.
 */
import { execFile, execFileSync } from "node:child_process"
import {
  chmodSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { commands, files, programs } from "./snippets.ts"

interface Manifest {
  readonly version: string
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

const root = dirname(import.meta.dirname)
const names = ["core", "http", "llm", "simulator", "cli"]
const outside = mkdtempSync(join(tmpdir(), "holdfast-"))
const modules = join(outside, "node_modules")

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] })

const runApart = promisify(execFile)

/** Runs a program of the documents, and shows what it says only if it fails. */
const runQuietly = (place: string, command: string, ...args: ReadonlyArray<string>): Promise<unknown> => {
  const env = { ...process.env, PATH: `${join(modules, ".bin")}:${process.env["PATH"]}` }
  return runApart(command, args, { cwd: outside, env, maxBuffer: Infinity }).catch((cause) => {
    throw new Error(`${place} failed\n${cause.stdout}${cause.stderr}`)
  })
}

const link = (name: string, from: string) => {
  const to = join(modules, name)
  mkdirSync(dirname(to), { recursive: true })
  rmSync(to, { force: true })
  symlinkSync(realpathSync(join(from, "node_modules", name)), to)
}

const unpack = (name: string): ReadonlyArray<string> => {
  const workspace = join(root, "packages", name)
  const tarball = join(outside, `${name}.tgz`)
  run(workspace, "npx", "--yes", "pnpm@12.21.0", "pack", "--silent", "--out", tarball)
  run(root, "publint", "run", tarball, "--strict")
  run(root, "attw", tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji", "--quiet")

  const home = join(modules, "@holdfast", name)
  mkdirSync(home, { recursive: true })
  run(home, "tar", "-xzf", tarball, "--strip-components=1")
  const manifest: Manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"))
  const { dependencies = {}, peerDependencies = {}, version } = manifest
  for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) {
    if (!dependency.startsWith("@holdfast/")) link(dependency, workspace)
    else if (dependencies[dependency] !== `^${version}`) throw new Error(`${name}: ${dependency} is not ^${version}`)
  }
  // The CLI is a program: what others can use of it is in its index.
  return globSync(name === "cli" ? "index.js" : "**/*.js", {
    cwd: join(home, "dist"),
    exclude: ["internal/**", "**/internal/**", "bin.js", "index.node.js"]
  }).map(
    (file) => {
      const entry = file.replace(/(^|\/)index\.js$|\.js$/, "")
      return entry === "" ? `@holdfast/${name}` : `@holdfast/${name}/${entry}`
    }
  )
}

/** The types of core, http and llm need no `@types/node`, but where they are undici's. */
const withoutNodeTypes = (entries: ReadonlyArray<string>): void => {
  const bare = entries.filter((entry) =>
    /^@holdfast\/(core|http|llm)/.test(entry) && entry !== "@holdfast/http/ResilientDispatcher"
  )
  writeFileSync(
    join(outside, "bare.ts"),
    bare.map((entry, index) => `export type * as Module${index} from "${entry}"`).join("\n")
  )
  const lib = "esnext,dom,dom.iterable,dom.asynciterable"
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--lib", lib, "--types", ""]
  run(outside, "tsc", ...options, "--skipLibCheck", "false", "bare.ts")
}

/** Writes every program of the documents, and one that runs them in one process. Returns their names. */
const writePrograms = (): ReadonlyArray<string> => {
  const all = programs("./assertions.ts").map(({ place, text }, index) => ({ place, text, file: `snippet${index}.ts` }))
  for (const { file, text } of all) writeFileSync(join(outside, file), text)
  writeFileSync(
    join(outside, "assertions.ts"),
    [
      "import { Equal } from \"effect\"",
      "import { deepStrictEqual } from \"node:assert\"",
      "export const assertEquals = <A>(actual: A, expected: A): void => {",
      "  if (!Equal.equals(actual, expected)) deepStrictEqual(actual, expected)",
      "}"
    ].join("\n")
  )
  writeFileSync(
    join(outside, "snippets.ts"),
    [
      `for (const [place, file] of ${JSON.stringify(all.map(({ file, place }) => [place, `./${file}`]))}) {`,
      "  await import(file!).catch((cause) => { throw new Error(`The program at ${place} failed`, { cause }) })",
      "}",
      // A program may have set something up for its process, such as a dispatcher.
      "process.exit()"
    ].join("\n")
  )
  return ["snippets.ts", ...all.map(({ file }) => file)]
}

/** Gives every file of the documents to the program, and runs the lines of a shell that need no network. */
const runFiles = async (): Promise<void> => {
  const found = files()
  for (const [name, { text }] of found) writeFileSync(join(outside, name), text)
  mkdirSync(join(modules, ".bin"), { recursive: true })
  symlinkSync(join(modules, "@holdfast/cli/dist/bin.js"), join(modules, ".bin/holdfast"))
  chmodSync(join(modules, "@holdfast/cli/dist/bin.js"), 0o755)
  // A minute is enough to see that a system runs. Its bounds are held by the tests of the CLI, over the whole time.
  const brief = "--set 'duration=61 seconds'"
  const lines = [
    ...Array.from(found, ([name, { place, text }]) => ({
      place,
      text: text.includes("services:")
        ? `holdfast simulate ${name} ${brief}`
        : `holdfast check ${name} ${place.startsWith("packages/http") ? "--as http --at llm.http" : "--as llm"}`
    })),
    ...commands().filter(({ text }) =>
      /^holdfast simulate \S+\.yaml(?!.*--(?:expect|find-limit))/u.test(text) &&
      (text.match(/[\w-]+\.yaml/gu) ?? []).every((name) => found.has(name))
    ).map(({ place, text }) => ({ place, text: `${text} ${brief}` }))
  ]
  for (const { place, text } of lines) await runQuietly(`${place}: ${text}`, "sh", "-c", text)
}

try {
  const entries = names.flatMap(unpack)
  withoutNodeTypes(entries)
  link("@types/node", root)
  writeFileSync(join(outside, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(
    join(outside, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        target: "es2024",
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        types: ["node"]
      },
      files: ["consumer.ts", ...writePrograms()]
    })
  )
  writeFileSync(
    join(outside, "consumer.ts"),
    [
      ...entries.map((entry, index) => `import * as Module${index} from "${entry}"`),
      `const modules: ReadonlyArray<object> = [${entries.map((_, index) => `Module${index}`).join(", ")}]`,
      `console.log(\`imported \${modules.length} public modules from the packed packages\`)`,
      ...names.map((name) =>
        `await import("@holdfast/${name}/internal/closed" as string).then(() => { throw new Error("internal is open") }, (error) => {
  if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error
})`
      )
    ].join("\n")
  )
  run(outside, "tsc", "-p", ".")
  run(outside, "node", "consumer.ts")
  run(outside, "node", join(modules, "@holdfast/cli/dist/bin.js"), "--version")
  run(outside, "node", join(modules, "@holdfast/cli/dist/bin.js"), "simulate", "--help")
  await Promise.all([runQuietly("A program of the documents", "node", "snippets.ts"), runFiles()])
  process.stdout.write("ran every program, file and command of the documents over the packed packages\n")
} finally {
  rmSync(outside, { recursive: true })
}
