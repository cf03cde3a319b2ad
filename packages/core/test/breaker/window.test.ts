/** What a circuit remembers survives being saved and loaded: from then on it is what it would have been. */
import { describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { remember } from "../../src/internal/breaker/window.ts"

const trips = {
  "a row": CircuitBreaker.consecutive(5),
  "the last calls": CircuitBreaker.rate({ threshold: 0.5, size: 8, minimumCalls: 4 }),
  "a time": CircuitBreaker.rate({ threshold: 0.5, window: "1 second", minimumCalls: 4 })
}

const Ended = Schema.Struct({
  after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 250 })),
  failed: Schema.Boolean,
  slow: Schema.Boolean
})

describe("what a circuit remembers", () => {
  law(
    "is the same after it was saved and loaded, call for call",
    {
      trip: Schema.Literals(["a row", "the last calls", "a time"]),
      before: Schema.Array(Ended).check(Schema.isMaxLength(20)),
      later: Schema.Array(Ended).check(Schema.isMaxLength(20))
    },
    ({ before, later, trip }, reach) =>
      Effect.sync(() => {
        const original = remember(trips[trip])
        let now = 1_000_000
        for (const { after, failed, slow } of before) original.record(now += after, failed, slow)
        const loaded = remember(trips[trip])
        loaded.load(original.save())
        for (const { after, failed, slow } of later) {
          now += after
          const { failures, slow: slowCalls } = original.count(now)
          if (failures !== slowCalls) reach("failures that are not the slow calls")
          deepStrictEqual(loaded.count(now), original.count(now))
          deepStrictEqual(loaded.record(now, failed, slow), original.record(now, failed, slow))
        }
      }),
    { cases: 1_000, reaches: ["failures that are not the slow calls"] }
  )
})
