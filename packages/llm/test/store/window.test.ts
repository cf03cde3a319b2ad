/** Laws of the window of requests and tokens: no minute has more than the limit, and no request waits longer than it must. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { SlidingWindow } from "../../src/internal/store/window.ts"

const Step = Schema.Struct({
  pause: Schema.Literals([0, 1, 250, 999, 1_000, 1_001, 7_000, 30_000, 59_999, 60_000, 61_000]),
  tokens: Schema.Literals([0, 1, 10, 40, 99, 100]),
  used: Schema.Literals([0, 1, 10, 40, 99, 100])
})

describe("the window of a member's limits", () => {
  law(
    "M14: the requests and tokens let in within any minute keep the limits",
    { steps: Schema.Array(Step), requests: Schema.Literals([1, 2, 5, 100]) },
    ({ requests, steps }, reach) =>
      Effect.sync(() => {
        const window = new SlidingWindow(60_000)
        const limits = { requests, amount: 100, alone: true }
        const admitted: Array<{ readonly at: number; readonly tokens: number }> = []
        let now = 1_000_000
        for (const { pause, tokens } of steps) {
          now += pause
          const wait = window.wait(now, tokens, limits)
          if (wait > 0) {
            reach("waits")
            // Never longer than until all of the last minute has left the window.
            assert.isAtMost(wait, 61_000)
            now += wait
            assert.strictEqual(window.wait(now, tokens, limits), 0)
          }
          window.add(now, 1, tokens)
          admitted.push({ at: now, tokens })
        }
        for (const { at } of admitted) {
          const minute = admitted.filter((one) => one.at >= at && one.at < at + 60_000)
          assert.isAtMost(minute.length, requests)
          assert.isAtMost(minute.reduce((sum, one) => sum + one.tokens, 0), 100)
        }
      }),
    { reaches: ["waits"] }
  )

  law(
    "M14: what the vendor reports takes the place of the estimate",
    { steps: Schema.Array(Step) },
    ({ steps }, reach) =>
      Effect.sync(() => {
        const window = new SlidingWindow(60_000)
        const limits = { requests: 1_000, amount: 100, alone: true }
        const settled: Array<{ readonly at: number; readonly tokens: number }> = []
        let now = 1_000_000
        for (const { pause, tokens, used } of steps) {
          now += pause
          if (window.wait(now, tokens, limits) > 0) continue
          const inUse = settled.filter(({ at }) => at > now - 60_000).reduce((sum, one) => sum + one.tokens, 0)
          // Let in by the estimate, so over the limit by no more than this request's error.
          assert.isAtMost(inUse + tokens, 100 + Math.max(0, ...settled.map((one) => one.tokens)))
          window.correct(now, window.add(now, 1, tokens), used - tokens)
          settled.push({ at: now, tokens: used })
          if (used !== tokens) reach(used > tokens ? "more" : "less")
        }
      }),
    { reaches: ["more", "less"] }
  )
})
