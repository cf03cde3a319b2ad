/**
 * Packs the packages as they would be published and tries the tarballs: publint and attw read them, then a consumer
 * outside the workspace type-checks and runs every public module of them. Nothing is downloaded: what the packages depend on is
 * linked from the workspace.
 */
import { execFileSync } from "node:child_process"
import {
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

try {
  const entries = names.flatMap(unpack)
  withoutNodeTypes(entries)
  link("@types/node", root)
  writeFileSync(join(outside, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(
    join(outside, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: { module: "nodenext", target: "es2024", strict: true, noEmit: true, types: ["node"] },
      files: ["consumer.ts"]
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
} finally {
  rmSync(outside, { recursive: true })
}
