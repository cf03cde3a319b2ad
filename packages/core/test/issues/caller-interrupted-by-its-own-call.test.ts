/**
 * An interruption takes effect at once, inside the code that requests it. If an attempt, an observer or `onRetry`
 * interrupted the caller of its own call, from the second attempt on, the call was not at a point where it could stop:
 * it continued for a caller that had ended, with the attempt, a delay and the next attempts. A supervisor that the call
 * wakes through a `Deferred` does exactly this.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

/** A call whose attempts fail after half a second, under a policy that goes through all it has. */
const start = Effect.fnUntraced(
  function*(onRetry: () => void, onAttempt: (attempt: number) => void, onEvent: () => void) {
    const bulkhead = yield* Bulkhead.make({ limit: 1 })
    const circuitBreaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(2), openFor: "2 seconds" })
    const policy = yield* Policy.make({
      deadline: "1 minute",
      bulkhead,
      retry: { times: 4, backoff: Backoff.constant({ delay: "1 second" }), onRetry },
      circuitBreaker,
      attemptTimeout: "1 second"
    })
    const seen = { started: 0, running: 0, ended: false, runningAtEnd: NaN }
    const attempt = Effect.suspend(() => {
      seen.running++
      onAttempt(++seen.started)
      return Effect.delay(Effect.fail("down"), 500)
    }).pipe(Effect.ensuring(Effect.sync(() => seen.running--)))
    const fiber = yield* attempt.pipe(
      policy.protect,
      PolicyEvent.observe(onEvent),
      Effect.onExit(() =>
        Effect.sync(() => {
          seen.ended = true
          seen.runningAtEnd = seen.running
        })
      ),
      Effect.provide(Logger.layer([])),
      Effect.forkChild
    )
    const idle = Effect.gen(function*() {
      const { running, waiting } = yield* bulkhead.stats()
      const state = yield* circuitBreaker.state()
      return running + waiting === 0 && !(state._tag === "HalfOpen" && state.probing > 0)
    })
    return { fiber, seen, idle }
  }
)

/** Runs the call to its end, and an hour further. */
const watch = Effect.fnUntraced(function*({ fiber, idle, seen }: Effect.Success<ReturnType<typeof start>>) {
  yield* TestClock.adjust("1 hour")
  strictEqual(fiber.pollUnsafe() === undefined, false)
  deepStrictEqual([seen.ended, seen.runningAtEnd, seen.running, yield* idle], [true, 0, 0, true])
})

describe("a caller that is interrupted", () => {
  it.effect.each([1, 2, 3])("as attempt %i begins, is left by it", (n) =>
    Effect.gen(function*() {
      let fiber: Fiber.Fiber<unknown, unknown> | undefined
      const call = yield* start(() => {}, (attempt) => attempt === n && fiber?.interruptUnsafe(), () => {})
      fiber = call.fiber
      yield* watch(call)
      strictEqual(call.seen.started, n)
    }))

  it.effect.each([1, 2, 3])("in `onRetry` %i, is not retried", (n) =>
    Effect.gen(function*() {
      let fiber: Fiber.Fiber<unknown, unknown> | undefined
      let retries = 0
      const call = yield* start(() => ++retries === n && fiber?.interruptUnsafe(), () => {}, () => {})
      fiber = call.fiber
      yield* watch(call)
      strictEqual(retries, n)
      strictEqual(call.seen.started, Math.min(n, 2))
    }))

  it.effect.each(Array.from({ length: 13 }, (_, index) => index + 2))(
    "by the observer of event %i, sees no other",
    (n) =>
      Effect.gen(function*() {
        let fiber: Fiber.Fiber<unknown, unknown> | undefined
        let events = 0
        const call = yield* start(() => {}, () => {}, () => ++events === n && fiber?.interruptUnsafe())
        fiber = call.fiber
        yield* watch(call)
        strictEqual(events, n)
      })
  )

  it.effect("by the observer of a hedge, is not hedged", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ hedge: { after: "1 second" } })
      let started = 0
      let running = 0
      const attempt = Hedge.idempotent(Effect.suspend(() => {
        started++
        running++
        return Effect.ensuring(Effect.never, Effect.sync(() => running--))
      }))
      let fiber: Fiber.Fiber<unknown, unknown> | undefined
      fiber = yield* attempt.pipe(
        policy.protect,
        PolicyEvent.observe(({ _tag }) => _tag === "Hedged" && fiber?.interruptUnsafe()),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 hour")
      deepStrictEqual([started, running, fiber.pollUnsafe() === undefined], [1, 0, false])
    }))
})
