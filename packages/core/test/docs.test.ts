/**
 * Tables of documents that the code writes: as the code is now.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { readFileSync } from "node:fs"
import * as CoreTables from "../../../scripts/coreTables.ts"

/** Formatting pads the cells of a table. */
const unpadded = (text: string) => text.replaceAll(/ +/gu, " ").replaceAll(/-{3,}/gu, "---")

describe("docs/core.md", () => {
  it("has the defaults, metrics and events of the code", () => {
    const text = readFileSync(CoreTables.file, "utf8")
    strictEqual(unpadded(text), unpadded(CoreTables.filled(text)), "run `npm run docs`")
  })

  it("finds every metric and event that the code names", () => {
    const { events = "", metrics = "" } = CoreTables.tables
    for (
      const name of [
        "policy.attempts",
        "policy.attempt.duration",
        "policy.stops",
        "circuit_breaker.transitions",
        "circuit_breaker.rejections",
        "rate_limit.rejections",
        "bulkhead.running",
        "bulkhead.rejections",
        "chaos.injections"
      ]
    ) {
      assertTrue(metrics.includes(`\`holdfast.${name}\``), `${name} is not in:\n${metrics}`)
    }
    strictEqual(events.split("\n").length, 2 + 10)
  })
})
