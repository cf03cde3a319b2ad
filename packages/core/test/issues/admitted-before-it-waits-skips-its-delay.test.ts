/**
 * A call in a queue may be admitted before it has begun to wait, here by an observer that widens the bulkhead. It keeps that for its
 * wait. Kept any longer, the delay before its retry would end at once.
 */
import { it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

it.effect("a call that is admitted before it waits sleeps its whole delay afterwards", () =>
  Effect.gen(function*() {
    const runSync = Effect.runSyncWith(yield* Effect.context())
    const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "1 minute" })
    const policy = yield* Policy.make({
      bulkhead,
      retry: { times: 1, backoff: Backoff.constant({ delay: "10 seconds" }) }
    })
    yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
    let attempts = 0
    const call = Effect.suspend(() => Effect.fail(`down ${++attempts}`)).pipe(
      policy.protect,
      PolicyEvent.observe((event) => {
        if (event._tag === "Queued") runSync(Bulkhead.makeFrom(bulkhead, { limit: 2 }))
      })
    )
    yield* Effect.forkChild(Effect.ignore(call), { startImmediately: true })
    yield* TestClock.adjust("9 seconds")
    strictEqual(attempts, 1)
    yield* TestClock.adjust("1 second")
    strictEqual(attempts, 2)
  }))
