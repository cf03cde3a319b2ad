/** The rules of the house find what breaks them. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { crowded, faultsOf, guardsOf, strangers } from "../../../scripts/houseRules.ts"

const root = join(import.meta.dirname, "../../..")
const faults = (file: string, text: string, isPublic = false) =>
  faultsOf(file, text, isPublic, (name) => name === "packages/core/test/there.test.ts")

describe("the header of an internal file", () => {
  const header = (sentence: string) => `/**\n * Does something.\n *\n * ${sentence}\n */\nconst a = 1\n`
  const file = "packages/core/src/internal/a/a.ts"

  it("names its tests, over several lines too", () => {
    deepStrictEqual(guardsOf(header("Guarded by `test/a.test.ts`,\n * `test/b.test.ts` and `test/c.test.ts`.")), [
      "test/a.test.ts",
      "test/b.test.ts",
      "test/c.test.ts"
    ])
    deepStrictEqual(faults(file, header("Guarded by `test/there.test.ts`.")), [])
  })

  it("is at fault without tests, or with one that does not exist", () => {
    deepStrictEqual(faults(file, header("It has tests.")).length, 1)
    deepStrictEqual(faults(file, "const a = 1\n").length, 1)
    deepStrictEqual(faults(file, header("Guarded by `test/gone.test.ts`.")), [
      `${file} is guarded by test/gone.test.ts, which does not exist`
    ])
  })
})

it("finds a public module without the usual headings in their order", () => {
  const doc = (...headings: ReadonlyArray<string>) =>
    `/**\n * Text.\n${headings.map((heading) => ` * **${heading}**\n *\n * Text.\n`).join("")} */\n`
  deepStrictEqual(faults("packages/core/src/A.ts", doc("When to use", "Details", "Gotchas", "Example"), true), [])
  deepStrictEqual(faults("packages/core/src/A.ts", doc("When to use", "Details", "Gotchas"), true).length, 1)
  deepStrictEqual(faults("packages/core/src/A.ts", doc("Details", "When to use", "Gotchas", "Example"), true).length, 1)
  deepStrictEqual(faults("packages/core/src/A.ts", "export const a = 1\n", true).length, 1)
})

it("finds long files and crowded folders", () => {
  const lines = (count: number) => "\n".repeat(count)
  deepStrictEqual(faults("packages/core/src/A.ts", lines(300)), [])
  deepStrictEqual(faults("packages/core/src/A.ts", lines(301)).length, 1)
  deepStrictEqual(faults("packages/core/test/A.test.ts", lines(500)), [])
  deepStrictEqual(faults("packages/core/test/A.test.ts", lines(501)).length, 1)
  const folder = (count: number) => Array.from({ length: count }, (_, i) => `packages/core/src/internal/a/${i}.ts`)
  deepStrictEqual(crowded(folder(12)), [])
  deepStrictEqual(crowded(folder(13)).length, 1)
})

it("finds messages that count by hand", () => {
  const said = (template: string) => faults("packages/core/src/A.ts", `const said = \`${template}\`\n`).length
  deepStrictEqual(["${times} retries", "up to ${a.b.length} calls", "${limit} bytes: raise it"].map(said), [1, 1, 1])
  deepStrictEqual(["${plural(times, \"retry\", \"retries\")}", "${name} calls", "${millis} ms"].map(said), [0, 0, 0])
})

it("finds files that a guide names and that do not exist", () => {
  const guide = "Write `Retry.ts`, then `<Part>.ts` and `internal/gone.ts`.\n```sh\nvitest `other.ts`\n```\n"
  deepStrictEqual(strangers(guide, (file) => file === "packages/core/src/Retry.ts"), ["internal/gone.ts"])
})

it("a new part of a policy changes eight source files at most, and CONTRIBUTING names them", () => {
  const guide = readFileSync(join(root, "CONTRIBUTING.md"), "utf8")
  const section = guide.split("## Add a part to the policies")[1]?.split("\n## ")[0] ?? ""
  const files = Array.from(section.matchAll(/^\d+\. `([^`]+\.ts)`/gmu), ([, file = ""]) => file)
  assertTrue(files.length > 0 && files.length <= 8, `${files.length} files`)
  // A part that is there stands in each of them, and in no other file outside of its own.
  const source = join(root, "packages/core/src")
  const mentions = globSync("**/*.ts", { cwd: source, exclude: ["internal/rateLimit/*", "RateLimit.ts"] })
    .filter((file) => /\brateLimit\b|\bRateLimit(?:ed)?\b/u.test(readFileSync(join(source, file), "utf8")))
  deepStrictEqual(mentions.toSorted(), files.filter((file) => !file.includes("<")).toSorted())
})
