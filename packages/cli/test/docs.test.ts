import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as DecisionTable from "../../../scripts/decisionTable.ts"
import * as ProviderTable from "../../../scripts/providerTable.ts"

/** Formatting pads the cells of a table. */
const unpadded = (text: string) => text.replaceAll(/ +/gu, " ").replaceAll(/-{3,}/gu, "---")

describe("docs/fallback.md", () => {
  it("says what the chain decides", () => {
    const text = readFileSync(DecisionTable.file, "utf8")
    assert.strictEqual(unpadded(text), unpadded(DecisionTable.filled(text)), "run `npm run docs`")
  })
})

describe("docs/providers.md", () => {
  it("says what settings can describe", () => {
    const text = readFileSync(ProviderTable.file, "utf8")
    assert.strictEqual(unpadded(text), unpadded(ProviderTable.filled(text)), "run `npm run docs`")
  })
})
