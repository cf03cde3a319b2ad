/** Quantiles of a histogram beside those of the sorted values. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import * as Histogram from "../src/Histogram.ts"

const millis = Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 1e6 }))
const values = Schema.Array(millis).check(Schema.isMinLength(1), Schema.isMaxLength(40))

law(
  "the last rank is the greatest value itself, and each other is within 0.4 % of its value",
  { values },
  ({ values }) =>
    Effect.sync(() => {
      const histogram = new Histogram.Histogram()
      for (const value of values) histogram.add(value)
      const sorted = values.toSorted((a, b) => a - b)
      assert.strictEqual(histogram.quantile(1), sorted.at(-1))
      assert.strictEqual(histogram.max, sorted.at(-1))
      for (const [i, value] of sorted.entries()) {
        const found = histogram.quantile((i + 1) / sorted.length)
        assert.isAtMost(Math.abs(found - value), 0.004 * value + 1e-9)
      }
    })
)

it("has no quantile of nothing, and counts a value below zero as zero", () => {
  const histogram = new Histogram.Histogram()
  assert.isNaN(histogram.quantile(0.5))
  histogram.add(-1)
  histogram.add(2)
  assert.deepStrictEqual([histogram.quantile(0), histogram.quantile(0.5), histogram.quantile(1)], [0, 0, 2])
})
