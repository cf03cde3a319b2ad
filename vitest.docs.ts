/**
 * Runs the examples in doc comments and Markdown. Each ` ```ts import.meta.vitest ` block becomes a module of its own, in
 * which `expression // => value` asserts that the two are equal, by Effect's `Equal` and otherwise deeply. A block
 * keeps its line numbers, so that a failure points into the file it was read from.
 */
import { fileURLToPath } from "node:url"
import { parseAst, type Vite } from "vitest/node"

const cli = fileURLToPath(import.meta.resolve("./packages/cli/src/index.ts"))
const fence = /^([ *]*)```ts import\.meta\.vitest\b.*\n([^]*?)^[ *]*```$/gm

const withAssertions = (code: string, assertions: string): string => {
  let out = `import { assertEquals as $assert } from ${JSON.stringify(assertions)};`
  let from = 0
  let asserted = 0
  for (const { end, start, type } of parseAst(code, { lang: "ts" }).body) {
    const expected = type === "ExpressionStatement" ? /^\s*\/\/ => (.+)/.exec(code.slice(end))?.[1] : undefined
    if (expected === undefined) continue
    out += `${code.slice(from, start)};$assert(${code.slice(start, end)}, (${expected}))`
    from = end
    asserted++
  }
  if (asserted < code.split("// =>").length - 1) throw new Error("`// => value` only follows an expression statement")
  return out + code.slice(from)
}

interface Example {
  /** The line of its fence. */
  readonly line: number
  /** Its module, padded with blank lines to where it stood. `assertions` has `assertEquals`. */
  readonly module: (assertions?: string) => string
}

/** The examples in a text. */
export const examples = (text: string): ReadonlyArray<Example> =>
  Array.from(text.matchAll(fence), ({ 1: margin = "", 2: body = "", index }) => {
    const line = text.slice(0, index).split("\n").length
    const code = body.replace(/^.*$/gm, (row) => row.slice(margin.length).padStart(row.length))
    return {
      line,
      module: (assertions = "@effect/vitest/utils") => withAssertions("\n".repeat(line) + code, assertions)
    }
  })

export const docExamples = (): Vite.Plugin => ({
  name: "holdfast:doc-examples",
  enforce: "pre",
  // Markdown has no package of its own: its imports resolve as the CLI's do, which depends on all the others.
  resolveId: {
    filter: { id: /^[^./]/ },
    handler(id, importer) {
      return importer?.includes(".md?example=") ? this.resolve(id, cli) : undefined
    }
  },
  load: {
    filter: { id: /\?example=\d+\.ts$/ },
    async handler(id) {
      const [file = "", line] = id.split(/\?example=|\.ts$/)
      const text = await this.fs.readFile(file, { encoding: "utf8" })
      const example = examples(text).find((one) => `${one.line}` === line)
      return example && { code: example.module(), map: null }
    }
  },
  transform: {
    filter: { id: /(\/src\/.*\.ts|\.md)$/, code: /```ts import\.meta\.vitest/ },
    handler(text, id) {
      const tests = examples(text).map(({ line }) =>
        `import.meta.vitest.test("line ${line}", () => import(${JSON.stringify(`${id}?example=${line}.ts`)}))`
      )
      return `${id.endsWith(".md") ? "" : text}\nif (import.meta.vitest) {\n${tests.join("\n")}\n}`
    }
  }
})
