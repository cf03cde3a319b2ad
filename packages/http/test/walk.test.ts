/** The page that follows a call names files that exist, each once, and no more than a reader can follow. */
import { assert, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

const root = join(import.meta.dirname, "../../..")
const page = readFileSync(join(root, "docs/how-a-call-runs.md"), "utf8")
const steps = Array.from(
  page.matchAll(/^(\d+)\. `([^`]+\.ts)`/gm),
  ([, step, file = ""]) => ({ step: Number(step), file })
)

const pathOf = (file: string): string =>
  join(root, file.startsWith("core/") ? file.replace("core/", "packages/core/src/") : `packages/http/src/${file}`)

it("names the files of the way in order, each once, and at most 22", () => {
  assert.isAbove(steps.length, 15)
  assert.isAtMost(steps.length, 22)
  assert.deepStrictEqual(steps.map(({ step }) => step), steps.map((_, index) => index + 1))
  assert.strictEqual(new Set(steps.map(({ file }) => file)).size, steps.length)
})

it("names files that exist", () => {
  const named = Array.from(page.matchAll(/`([\w/]+\.ts)`/g), ([, file = ""]) => file)
  const short = new Set(steps.map(({ file }) => basename(file)))
  assert.deepStrictEqual(named.filter((file) => !short.has(file) && !existsSync(pathOf(file))), [])
})

it("follows imports: each file of the way is imported by another of them", () => {
  // The policy does not know the transport below it, which this module gives a program.
  const sources = ["UndiciTransport.ts", ...steps.map(({ file }) => file)].map((file) =>
    readFileSync(pathOf(file), "utf8")
  )
  const reached = steps.slice(1).filter(({ file }) => {
    const name = basename(file)
    return !sources.some((source) => source.includes(`/${name}"`) || source.includes(`/${name.replace(".ts", "")}"`))
  })
  assert.deepStrictEqual(reached.map(({ file }) => file), [])
})
