/**
 * Checks how the repository is laid out and documented, for `npm run lint`:
 *
 * - Source files have at most 300 lines, tests 500, and folders under `internal` 12 files.
 * - The header of an internal file names the tests that guard it, and these exist.
 * - The doc of a public module has the headings When to use, Details, Gotchas and Example, in this order.
 * - The guides name files that exist.
 * - A count in a message is written by `Arguments.plural`, so that no message says "1 retries".
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = dirname(import.meta.dirname)

const headings = ["When to use", "Details", "Gotchas", "Example"]

/** The comment at the top of a file, without its stars. */
const headerOf = (text: string): string =>
  (/^\s*\/\*\*([^]*?)\*\//u.exec(text)?.[1] ?? "").replaceAll(/^\s*\* ?/gmu, "").trim()

const packageOf = (file: string): string => /^packages\/[^/]+/u.exec(file)?.[0] ?? ""

/** The tests that the header of a file names: "Guarded by `test/a.test.ts` and `test/b.test.ts`." */
export const guardsOf = (text: string): ReadonlyArray<string> => {
  const [, sentence = ""] = /Guarded by((?:[^`.]|`[^`]*`)*)\./u.exec(headerOf(text)) ?? []
  return Array.from(sentence.matchAll(/`([^`]+)`/gu), ([, name = ""]) => name)
}

/** A value before a noun in the plural, in a template. A name of something is no count. */
const counted =
  /\$\{(?!name\})[\w.?!]+\} (?:attempts|bytes|calls|characters|circuits|connections|deadlines|embeddings|entries|events|faults|failures|files|hedges|keys|lines|members|minutes|models|numbers|options|others|parts|probes|providers|questions|redirects|requests|resumes|retries|rows|runs|services|tasks|texts|times|tokens|tools|vectors|words)\b/gu

/** The faults of one source file. */
export const faultsOf = (
  file: string,
  text: string,
  isPublic: boolean,
  exists: (file: string) => boolean
): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const lines = text.split("\n").length - 1
  const limit = file.includes("/src/") ? 300 : 500
  if (lines > limit) faults.push(`has ${lines} lines: split it at ${limit}`)
  if (file.includes("/src/")) {
    for (const [found] of text.matchAll(counted)) faults.push(`counts by hand in "${found}": write Arguments.plural`)
  }
  if (file.includes("/src/internal/")) {
    const guards = guardsOf(text)
    if (guards.length === 0) faults.push("names no tests: end its header with \"Guarded by `test/...`.\"")
    for (const guard of guards) {
      if (!exists(`${packageOf(file)}/${guard}`)) faults.push(`is guarded by ${guard}, which does not exist`)
    }
  }
  if (isPublic) {
    const found = Array.from(headerOf(text).matchAll(/^\*\*([^*]+)\*\*/gmu), ([, heading = ""]) => heading)
    if (found.join() !== headings.join()) {
      faults.push(`has the headings [${found.join(", ")}]: write [${headings.join(", ")}]`)
    }
  }
  return faults.map((fault) => `${file} ${fault}`)
}

/** The folders with more than 12 files. */
export const crowded = (files: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...Map.groupBy(files.filter((file) => file.includes("/src/internal/")), dirname)]
    .flatMap(([folder, inside]) => inside.length > 12 ? [`${folder} has ${inside.length} files: split it at 12`] : [])

/** Where the names of files in a guide begin, beside at the root. */
const bases = [
  "",
  ...["core", "http", "llm", "simulator", "cli"].flatMap((name) =>
    ["", "src/", "test/"].map((folder) => `packages/${name}/${folder}`)
  )
]

/** The names in a guide of files that do not exist. A name with a placeholder, such as `<Part>.ts`, names no file. */
export const strangers = (guide: string, exists: (file: string) => boolean): ReadonlyArray<string> =>
  Array.from(
    guide.replaceAll(/^```[^]*?^```/gmu, "").matchAll(/`([\w./-]+\.(?:ts|md|yaml))`/gu),
    ([, name = ""]) => name
  )
    .filter((name) => !name.startsWith(".") && !bases.some((base) => exists(`${base}${name}`)))

/** Whether `exports` of a package reaches a module. */
const isPublicModule = (file: string): boolean => {
  if (!/^packages\/\w+\/src\/(?!internal\/)(?!index\.|bin\.)/u.test(file)) return false
  const index = readFileSync(join(root, packageOf(file), "src/index.ts"), "utf8")
  return !file.startsWith("packages/cli/") || index.includes(`./${file.replace("packages/cli/src/", "")}"`)
}

if (import.meta.main) {
  const list = (...patterns: ReadonlyArray<string>) =>
    execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...patterns], {
      cwd: root,
      encoding: "utf8"
    })
      .split("\n").filter((file) => file !== "" && existsSync(join(root, file)))
  const exists = (file: string) => existsSync(join(root, file))
  const sources = list("packages/*/src/*.ts")
  const faults = [
    ...[...sources, ...list("packages/*/test/*.ts")].flatMap((file) =>
      faultsOf(file, readFileSync(join(root, file), "utf8"), isPublicModule(file), exists)
    ),
    ...crowded(sources),
    ...list("CONTRIBUTING.md", "AGENTS.md", "docs/adding-a-provider.md").flatMap((file) =>
      strangers(readFileSync(join(root, file), "utf8"), exists).map((name) =>
        `${file} names ${name}, which does not exist`
      )
    )
  ]
  if (faults.length > 0) {
    process.stdout.write(`${faults.join("\n")}\nfaults of the house: ${faults.length}\n`)
    process.exitCode = 1
  }
}
