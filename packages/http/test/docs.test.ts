/** Tables of the README that the code writes: as the code is now. */
import { describe, it } from "@effect/vitest"
import { assertTrue, strictEqual } from "@effect/vitest/utils"
import { readFileSync } from "node:fs"
import * as HttpTables from "../../../scripts/httpTables.ts"

/** Formatting pads the cells of a table. */
const unpadded = (text: string) => text.replaceAll(/ +/gu, " ").replaceAll(/-{3,}/gu, "---")

describe("The README", () => {
  it("has the statuses, hints, timeouts, options and bounds of the code", () => {
    const text = readFileSync(HttpTables.file, "utf8")
    strictEqual(unpadded(text), unpadded(HttpTables.filled(text)), "run `npm run docs`")
  })

  it("finds every row", () => {
    const rows = (name: string) => (HttpTables.tables[name] ?? "").split("\n").slice(2)
    strictEqual(rows("statuses").length, 14)
    strictEqual(rows("hints").length, 7)
    strictEqual(rows("options").length, 19)
    assertTrue(rows("options").every((row) => row.split(" | ").length === 3))
  })
})
