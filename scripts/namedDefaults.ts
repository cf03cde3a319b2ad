/**
 * Finds the defaults that comments name and `defaults.ts` holds to no table of the code: each has to be a default that the code of
 * its package gives to an option of that name.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { documented, isSame, literal, parse, saidIn } from "./defaults.ts"

const packages = join(dirname(import.meta.dirname), "packages")

const files: ReadonlyArray<readonly [file: string, text: string]> = execFileSync("git", ["ls-files", "*/src/*.ts"], {
  cwd: packages,
  encoding: "utf8"
}).split("\n").filter((file) => file !== "").map((file) => [file, readFileSync(join(packages, file), "utf8")])

/**
 * Options whose default the code does not write, because it asks whether another value was given (`commit`), because it is Node's
 * or Effect's own (`rejectUnauthorized`, `toolChoice`, `concurrency`), or because the comment spells out a schedule (`backoff`).
 */
const unwritten = new Set([
  "idempotencyKey",
  "streamBody",
  "commit",
  "rejectUnauthorized",
  "toolChoice",
  "concurrency",
  "backoff"
])

const packageOf = (file: string): string => file.slice(0, file.indexOf("/"))

const withoutComments = (text: string): string => text.replaceAll(/\/\*[^]*?\*\/|^ *\/\/.*$/gmu, "")

/** The last argument of a call, from behind its parenthesis on, if it has more than one. */
const lastArgument = (code: string, from: number): string => {
  let depth = 0
  let comma = -1
  for (let at = from; at < code.length; at++) {
    const char = code[at] ?? ""
    if ("([{".includes(char)) depth++
    else if (depth === 0 && char === ",") comma = at
    else if (")]}".includes(char) && depth-- === 0) return comma === -1 ? "" : code.slice(comma + 1, at).trim()
  }
  return ""
}

const value = "(\"[^\"]*\"|`[^`]*`|-?[\\w.]+(?:\\([\\d_]+\\))?)"

const constants = new WeakMap<ReadonlyArray<string>, ReadonlyMap<string, unknown>>()

/** The constants of code that are literals, by name. */
const constantsOf = (texts: ReadonlyArray<string>): ReadonlyMap<string, unknown> => {
  const before = constants.get(texts)
  if (before !== undefined) return before
  const found = new Map<string, unknown>()
  for (const code of texts) {
    for (const [, name = "", said = ""] of code.matchAll(new RegExp(`const (\\w+)(?:: [^=\\n]*)? = ${value}`, "gu"))) {
      if (literal(said) !== undefined && !found.has(name)) found.set(name, literal(said))
    }
  }
  constants.set(texts, found)
  return found
}

/** The defaults that code gives to options of a name: `name ?? 3`, `name = 3`, `optional(check, 3)` and the like. */
export const givenTo = (option: string, texts: ReadonlyArray<string>): ReadonlyArray<unknown> => {
  const name = `(?:\\b${option}|\\bdefault${option[0]?.toUpperCase()}${option.slice(1)})`
  const patterns = [
    new RegExp(`${name} \\?\\? ${value}`, "gu"),
    new RegExp(`${name}(?:: [^=\\n]*)? = ${value}`, "gu"),
    new RegExp(`${name}: ${value}(?: as const)?,?$`, "gmu")
  ]
  const constant = (text: string): unknown => constantsOf(texts).get(text.split(".").at(-1) ?? "")
  const valueOf = (said: string): unknown =>
    literal(said) ?? (said.startsWith("`")
      ? said.slice(1, -1).replaceAll(/\$\{(\w+)\}/gu, "<$1>")
      : /^[a-z]/u.test(said)
      ? constant(said)
      : undefined)
  const checked = new RegExp(`${name}: (?:\\w+\\.)?optional\\(`, "gu")
  const byName = texts.filter((code) => code.toLowerCase().includes(option.toLowerCase()))
  const said = byName.flatMap((code) => {
    const written = patterns.flatMap((pattern) => Array.from(code.matchAll(pattern), ([, said = ""]) => said))
    const inChecks = Array.from(
      code.matchAll(checked),
      ({ 0: begin, index }) =>
        new RegExp(`^${value}(?: as const)?$`, "u").exec(lastArgument(code, index + begin.length))?.[1] ?? ""
    )
    return written.concat(inChecks)
  })
  return said.map(valueOf).filter((found) => found !== undefined)
}

const codes = files.map(([file, text]) => [packageOf(file), withoutComments(text)] as const)

const every = codes.map(([, code]) => code)

const byPackage = new Map(
  Array.from(Map.groupBy(codes, ([name]) => name), ([name, codes]) => [name, codes.map(([, code]) => code)])
)

const known = new Map<string, ReadonlyArray<unknown>>()

/** The defaults of an option in a package. One that is handed down has the default of the package below. */
const defaultsOf = (name: string, option: string): ReadonlyArray<unknown> => {
  const key = `${name} ${option}`
  const before = known.get(key)
  if (before !== undefined) return before
  const here = givenTo(option, byPackage.get(name) ?? [])
  const given = here.length > 0 ? here : givenTo(option, every)
  known.set(key, given)
  return given
}

/** The defaults in comments that no code has, as `file owner option: words`. */
export const unfounded = (): { readonly faults: ReadonlyArray<string>; readonly held: number } => {
  const faults: Array<string> = []
  let held = 0
  for (const [file, text] of files) {
    const given = (option: string) => defaultsOf(packageOf(file), option)
    for (const [, kind = "", name = ""] of text.matchAll(/^export (?:declare )?(interface|const) (\w+)/gmu)) {
      const owner = `${kind} ${name}`
      const tables = documented.filter((row) => row[0] === file && row[1] === owner).map((row) => row[2])
      for (const { option, words } of saidIn(text, owner)) {
        const said = parse(words)
        // Without a limit, and without a switch, an option is left out, and the code gives it no value.
        if (said === undefined || said === false || said === Infinity) continue
        if (unwritten.has(option) || tables.some((table) => table[option] !== undefined)) continue
        held++
        const values = given(option)
        if (!values.some((value) => isSame(said, value) || isSame(value, said))) {
          faults.push(
            `${file} ${owner} ${option}: the comment says ${words.split("\n")[0]}, the code ${values.join(", ")}`
          )
        }
      }
    }
  }
  return { faults, held }
}
