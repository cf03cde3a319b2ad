/** Doc comments name the defaults of the code. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import { corrected, held, inChecks, wrong } from "../../../scripts/defaults.ts"
import { givenTo, unfounded } from "../../../scripts/namedDefaults.ts"

it("the defaults in comments are those of the code: run `npm run docs`", () => {
  deepStrictEqual(wrong(), [])
  assertTrue(held() >= 95, `only ${held()} are compared`)
})

it("every other default that a comment names is one that the code gives to an option of that name", () => {
  const { faults, held } = unfounded()
  deepStrictEqual(faults, [])
  assertTrue(held >= 55, `only ${held} are looked for`)
})

it("finds the defaults that code gives to a name", () => {
  const code = [
    "const defaultTable = \"entries\"\nexport const defaultHost = `http://${name}:1`\n",
    "const a = options.size ?? 12\nconst f = ({ pace = 3 }) => pace\nconst c = struct({ table: optional(name, defaultTable) })\n",
    "export const defaults = {\n  wait: \"2 seconds\",\n}\n"
  ]
  deepStrictEqual(
    ["size", "pace", "table", "host", "wait", "other"].map((option) => givenTo(option, code)[0]),
    [12, 3, "entries", "http://<name>:1", "2 seconds", undefined]
  )
})

describe("a comment that is out of date", () => {
  const options = `
export interface Options {
  /** How many. Default: 3. */
  readonly times?: number | undefined
  /**
   * How long, as text that is wrapped. Default: \`"10
   * minutes"\`, or more.
   */
  readonly idle?: string | undefined
  /** How long. Default: 30 seconds, locally 5 minutes. */
  readonly first?: string | undefined
  /** Whether. Default: \`false\`. */
  readonly flag?: boolean | undefined
  /** In words. Default: what the server chooses. */
  readonly other?: string | undefined
}
`
  const now = { times: 3, idle: 600_000, first: "30 seconds", flag: false, locally: { first: "5 minutes" } }

  it("stays as it is while the code says the same", () => {
    deepStrictEqual(corrected(options, "interface Options", now), { text: options, wrong: [] })
  })

  it("is found and written in its own style", () => {
    const { text, wrong } = corrected(options, "interface Options", {
      times: 1_200,
      idle: 90_000,
      first: "1 minute",
      flag: true
    })
    strictEqual(wrong.length, 4)
    for (const words of ["Default: 1,200.", "`\"90 seconds\"`, or more", "1 minute, locally", "Default: `true`."]) {
      assertTrue(text.includes(words), text)
    }
    deepStrictEqual(
      corrected(options, "interface Options", { locally: { first: "6 minutes" }, first: "30 seconds" }).wrong.length,
      1
    )
  })

  it("may be the list of a function", () => {
    const list =
      "/**\n * Grows.\n *\n * - `initial`: Default: `\"100 millis\"`.\n * - `factor`: at least 1. Default: 2.\n */\n" +
      "export const exponential = 1\n"
    deepStrictEqual(corrected(list, "const exponential", { initial: 100, factor: 2 }).wrong, [])
    const { text } = corrected(list, "const exponential", { initial: 1_000, factor: 3 })
    assertTrue(text.includes("`\"1 second\"`") && text.includes("Default: 3."), text)
  })
})

it("reads the defaults of checks", () => {
  const code =
    "const options = struct({\n  a: optional(integer({ min: 1 }), 1_000),\n  b: optional(oneOf(\"x\"), \"x\" as const),\n" +
    "  c: optional(span)\n})\n\nconst other = optional(d, 1)\n"
  deepStrictEqual(inChecks(code, "const options"), { a: 1_000, b: "x" })
})
