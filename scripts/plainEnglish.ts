/**
 * Finds phrases that a native reader stumbles over, in everything that a person reads: documents, comments, help, errors and
 * the names of tests. `npm run lint` runs it. CONTRIBUTING.md says what to write in their place.
 */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"

const root = dirname(import.meta.dirname)

/** What not to write, and why. */
const banned: ReadonlyArray<readonly [phrase: RegExp, instead: string]> = [
  [/\bthat can(?:not)? be\b/giu, "\"valid\", \"invalid\", or what it is"],
  [/\bcannot be right\b/giu, "\"is invalid\""],
  [/\bis none\b/giu, "\"is not a ...\""],
  [/\bnobody\b/giu, "\"no ...\", and the thing"],
  [/\bwhoever\b/giu, "the thing"],
  [/\bsomebody\b/giu, "the thing"],
  [/\bbelongs? into\b/giu, "\"goes in\", \"belongs in\""],
  [/\bturn(?:s|ed)? away\b/giu, "\"reject\""],
  [/\bleft alone\b/giu, "\"skipped\", \"cooling down\""],
  [/\b(?:is|are|was|were) told (?:so|of)\b/giu, "\"gets\", \"sees\", or what it receives"],
  [/\bsays? nothing (?:of|to)\b/giu, "\"tells nothing about\", \"does not tell\""],
  [/\b(?:no matter of|for want of|what is said of|what comes of)\b/giu, "what happens, in the active voice"],
  [/\b(?:attempt|call|request) in hand\b/giu, "\"current\""],
  [
    /(?<!\bthere\s+(?:\*\s+)?)\b(?:is|are|was|were) no (?!longer\b|more\b|other\b|use\b|interest\b|reason\b|such\b|one\b)/giu,
    "\"is not a ...\""
  ],
  [/\bnothing (?:else )?is said\b/giu, "\"by default\", \"without ...\""],
  [/\b(?:refuses|rejects) what\b/giu, "\"rejects an invalid ...\""],
  [/\btells? of\b/giu, "\"reports\", \"mentions\""],
  [/\ball the same\b/giu, "\"anyway\", \"still\""],
  [/\b(?:counts?|changes?) no more\b/giu, "\"no longer counts\""],
  [/(?:^|[.!?] +)(?:What|Who)\b[^.?!:;`]*[.](?=\s|$)/gmu, "a sentence that begins with its subject"]
]

/** Comments and strings of a file of code; the whole of a document, without its code. */
const proseOf = (file: string, text: string): string => {
  const blank = (part: string) => part.replaceAll(/[^\n]/gu, " ")
  if (file.endsWith(".md")) return text.replaceAll(/```[^]*?```|`[^`\n]*`/gu, blank)
  // Everything that is neither comment nor string becomes blank; positions stay.
  return text.replaceAll(
    /(\/\*[^]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|[^"'`/]+|[^]/gu,
    (part: string, prose: string | undefined) =>
      prose === undefined ? blank(part) : prose.replaceAll(/^( *)\*/gmu, "$1 ")
  )
}

/** Each finding as `file:line: phrase`. */
export const findings = (file: string, text: string): ReadonlyArray<string> => {
  const prose = proseOf(file, text)
  return banned.flatMap(([phrase, instead]) =>
    Array.from(prose.matchAll(phrase), ({ 0: found, index }) => {
      const line = prose.slice(0, index + found.length - found.trimStart().length).split("\n").length
      return `${file}:${line}: "${found.trim().replaceAll(/\s+/gu, " ").slice(0, 70)}": write ${instead}`
    })
  )
}

if (import.meta.main) {
  const files = execFileSync("git", [
    "ls-files",
    "*.md",
    "packages/*/src/*.ts",
    "packages/*/test/*.ts",
    "examples/*.ts"
  ], {
    cwd: root,
    encoding: "utf8"
  }).split("\n").filter((file) => file !== "")
  const found = files.flatMap((file) => findings(file, readFileSync(join(root, file), "utf8")))
  if (found.length > 0) {
    process.stdout.write(`${found.join("\n")}\n${found.length} sentences to put in plain English\n`)
    process.exitCode = 1
  }
}
