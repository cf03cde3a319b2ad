/**
 * The snippets of the READMEs and the guides, as a project that has installed the packages has them: programs in
 * TypeScript, files in YAML under the name that their first comment gives them, and lines of a shell.
 */
import { globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { examples } from "../vitest.docs.ts"

const root = dirname(import.meta.dirname)

export interface Snippet {
  /** Where it stands, such as `docs/start.md:18`. */
  readonly place: string
  readonly text: string
}

const documents = globSync(["README.md", "packages/*/README.md", "docs/*.md"], { cwd: root }).toSorted()

/** Every code block of a language that is not a test, with the file and the line that it stands at. */
const blocks = (language: string): ReadonlyArray<Snippet> =>
  documents.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8")
    return Array.from(
      text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gmu")),
      ({ 1: body = "", index }) => ({
        place: `${file}:${text.slice(0, index).split("\n").length}`,
        text: body
      })
    )
  })

/** Every program in TypeScript. `assertions` is the module that has `assertEquals`, for those that say what they give. */
export const programs = (assertions: string): ReadonlyArray<Snippet> => [
  ...blocks("ts"),
  ...documents.flatMap((file) =>
    examples(readFileSync(join(root, file), "utf8")).map(({ line, module }) => ({
      place: `${file}:${line}`,
      text: module(assertions).trimStart()
    }))
  )
]

/** Every file in YAML, by its name. One of another program has that program's name after its language: ```yaml litellm. */
export const files = (): ReadonlyMap<string, Snippet> =>
  new Map(
    blocks("yaml").map((snippet) => [
      /^# ([\w-]+\.yaml)\n/u.exec(snippet.text)?.[1] ?? `${snippet.place.replaceAll(/\W+/gu, "-")}.yaml`,
      snippet
    ])
  )

/** Every line of a shell, without its comment. */
export const commands = (): ReadonlyArray<Snippet> =>
  blocks("sh").flatMap(({ place, text }) =>
    text.split("\n").map((line) => ({ place, text: line.replace(/\s+#.*$/u, "").trim() })).filter(({ text }) =>
      text !== ""
    )
  )
