/** A ledger on terminals of every width, with colours and without: no line is wider, and every cost is there. */
import { assert, describe, it } from "@effect/vitest"
import * as Usage from "@holdfast/llm/Usage"
import { displayWidth } from "effect/cli/CliOutput"
import { stripVTControlCharacters } from "node:util"
import { coloured, plain } from "../src/terminal/style.ts"
import type { Row } from "../src/usage/UsageScreen.ts"
import { lines } from "../src/usage/UsageScreen.ts"

const total = (size: number, cost: number): Usage.Total => ({
  ...Usage.zero,
  attempts: size,
  failed: size,
  inputTokens: size * 1e6,
  outputTokens: size * 1e5,
  cost,
  unpriced: size,
  partial: size
})

const groups: Readonly<Record<string, ReadonlyArray<Row>>> = {
  day: [
    { group: "2026-11-01", total: total(3, 0.5) },
    { group: "2026-11-25", total: total(4_000_000, 1_234_567.89) }
  ],
  model: [
    { group: "openai/accounts/fireworks/models/gpt-oss-120b", total: total(9_999, 320_987.63) },
    { group: "ollama/qwen3", total: total(1, 0) }
  ],
  user: [
    {
      group: "\u4e16\u754c\u4eba\u6c11\u5171\u548c\u56fd\u7684\u7528\u6237\u540d\u5f88\u957f\u5f88\u957f",
      total: total(12, 0.000001)
    },
    { group: "\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67".repeat(12), total: total(12, 0.01) },
    { group: "red \u001b[31malert\u0007", total: total(7, 1) },
    { group: undefined, total: total(1, 0.02) }
  ]
}

const widths = [40, 52, 60, 80, 120]

const show = (by: string, rows: ReadonlyArray<Row>, width: number, style: typeof plain) =>
  lines(
    "/a/folder/of/a/long/name/that/goes/on/and/on/usage.db",
    by === "user" ? { tag: "user" } : by as Usage.By,
    rows,
    {
      ...total(20, 12.5)
    },
    { style, width } as Parameters<typeof lines>[4]
  )

describe("a ledger on a terminal", () => {
  it.each(Object.entries(groups).flatMap(([by, rows]) => widths.map((width) => [by, width, rows] as const)))(
    "by %s fits %i columns",
    (by, width, rows) => {
      const shown = show(by, rows, width, plain)
      const painted = show(by, rows, width, coloured)
      for (const line of shown) assert.isAtMost(displayWidth(line), width, line)
      assert.isTrue(shown.every((line) => !line.includes("\u001b")))
      assert.isTrue(painted.some((line) => line.includes("\u001b[")))
      // Colours change nothing else.
      assert.deepStrictEqual(
        painted.map((line) => stripVTControlCharacters(line).trimEnd()),
        shown.map((line) => line.trimEnd())
      )
      assert.isTrue(shown.some((line) => /cost/u.test(line)))
      if (by === "model") assert.isTrue(shown.some((line) => line.includes("320,987.63")))
    }
  )
})
