/**
 * A clock that fails to sleep: the call ends as plain Effect ends on that clock, and holds nothing afterwards.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Deadline from "@holdfast/core/Deadline"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { show } from "../Script.ts"

const live = Context.get(Context.empty(), Clock.Clock)

const clocks: ReadonlyArray<[name: string, sleep: (duration: Duration.Duration) => Effect.Effect<void>]> = [
  ["dies at once", () => Effect.die("the clock is broken")],
  ["dies later", () => Effect.andThen(Effect.yieldNow, Effect.die("the clock is broken"))],
  ["throws", () => {
    throw "the clock is broken"
  }]
]

const on = <A, E, R>(effect: Effect.Effect<A, E, R>, sleep: Clock.Clock["sleep"]) =>
  Effect.provideService(effect, Clock.Clock, {
    currentTimeMillisUnsafe: () => live.currentTimeMillisUnsafe(),
    currentTimeMillis: live.currentTimeMillis,
    currentTimeNanosUnsafe: () => live.currentTimeNanosUnsafe(),
    currentTimeNanos: live.currentTimeNanos,
    monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: live.monotonicTimeNanos,
    sleep
  })

describe.each(clocks)("a clock that %s", (_, sleep) => {
  const ended = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Exit.Exit<A, E>> => Effect.exit(on(effect, sleep))
  const broken = "Die(\"the clock is broken\")"

  it.live("ends a timeout, a deadline and a delay as plain Effect ends them", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 second" })
      const plain = show(yield* ended(Effect.timeout(Effect.never, "1 second")))
      assertTrue(plain.includes(broken), plain)
      strictEqual(show(yield* ended(policy.protect(Effect.never))), plain)
      strictEqual(show(yield* ended(Deadline.within(Effect.never, "1 second"))), plain)
      const retried = show(yield* ended(Effect.retry(Effect.fail("down"), Schedule.spaced("1 second"))))
      const backoff = Backoff.constant({ delay: "1 second" })
      strictEqual(show(yield* ended(Retry.retry(Effect.fail("down"), { backoff }))), retried)
    }))

  it.live("ends a wait in a queue, which is then empty", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1 })
      const running = yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
      assertTrue(show(yield* ended(bulkhead.protect(Effect.void))).includes(broken))
      const { running: held, waiting } = yield* bulkhead.stats()
      deepStrictEqual([held, waiting], [1, 0])
      yield* Fiber.interrupt(running)
      strictEqual((yield* bulkhead.stats()).running, 0)

      const limit = yield* RateLimit.make({ limit: 1, window: "1 hour", maxWait: "2 hours" })
      yield* limit.protect(Effect.void)
      assertTrue(show(yield* ended(limit.protect(Effect.void))).includes(broken))
      strictEqual((yield* limit.stats()).waiting, 0)
    }))

  it.live("ends a hedged call, and interrupts what runs of it", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const slow = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const exit = yield* ended(Hedge.hedge(Hedge.idempotent(slow), { after: "1 second" }))
      assertTrue(show(exit).includes(broken), show(exit))
      strictEqual(interrupted, 1)
    }))

  it.live("gives back what a call held whose deadline cannot be kept", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1 })
      const policy = yield* Policy.make({ deadline: "1 second", bulkhead, attemptTimeout: "500 millis" })
      let closed = 0
      const work = Effect.ensuring(Effect.never, Effect.sync(() => closed++))
      assertTrue(show(yield* ended(policy.protect(work))).includes(broken))
      strictEqual(closed, 1)
      strictEqual((yield* bulkhead.stats()).running, 0)
    }))
})
