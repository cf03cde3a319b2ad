/** The page that follows an answer names files that exist, each once, and no more than a reader can follow. */
import { assert, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../../..")
const page = readFileSync(join(root, "docs/how-an-answer-comes.md"), "utf8")
const steps = Array.from(
  page.matchAll(/^(\d+)\. `([^`]+\.ts)`/gm),
  ([, step, file = ""]) => ({ step: Number(step), file })
)

it("names the files of the way in order, each once, and at most 20", () => {
  assert.isAbove(steps.length, 15)
  assert.isAtMost(steps.length, 20)
  assert.deepStrictEqual(steps.map(({ step }) => step), steps.map((_, i) => i + 1))
  assert.strictEqual(new Set(steps.map(({ file }) => file)).size, steps.length)
})

it("names files that exist", () => {
  const named = Array.from(page.matchAll(/`((?:internal\/)?[\w/]+\.ts)`/g), ([, file = ""]) => file)
  const missing = named.filter((file) =>
    !existsSync(join(root, "packages/llm/src", file)) &&
    !existsSync(join(root, "packages/llm/src/internal/chain", file))
  )
  assert.deepStrictEqual(missing, [])
})
