/** Circuits that are isolated and closed by hand, and breakers that go on from others. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { consecutive, down, failing, tagOf } from "./Reference.ts"

describe("by hand", () => {
  it.effect("isolate rejects until close, whatever time passes", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ openFor: "1 second" })
      const late = yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 minute")), { startImmediately: true })
      yield* breaker.isolate()
      yield* TestClock.adjust("1 day")
      yield* Fiber.await(late)
      deepStrictEqual(yield* breaker.state(), { _tag: "Isolated" })
      const error = yield* Effect.flip(breaker.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.infinity)
      yield* breaker.close()
      strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
    }))

  it.effect("close forgets what was counted, and calls under way", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2) })
      yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 second")), { startImmediately: true })
      yield* failing(breaker, 1)
      yield* breaker.close()
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      strictEqual(yield* tagOf(breaker), "Closed")
      yield* failing(breaker, 1)
      strictEqual(yield* tagOf(breaker), "Open")
      yield* breaker.close()
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("close starts the open time again", () =>
    Effect.gen(function*() {
      const openFor = Backoff.linear({ initial: "1 second", jitter: Jitter.none })
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* breaker.protect(Effect.void)
      yield* breaker.close()
      yield* failing(breaker, 1)
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(1) })
    }))
})

describe("a previous breaker", () => {
  it.effect("lets another probe through for one that is under way, which no longer counts", () =>
    Effect.gen(function*() {
      const options = { trip: consecutive(1), openFor: "1 second" } as const
      const breaker = yield* CircuitBreaker.make(options)
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(breaker.protect(Effect.delay(down, "1 second")), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      const next = yield* CircuitBreaker.makeFrom(breaker, options)
      yield* next.protect(Effect.void)
      yield* TestClock.adjust("1 second")
      deepStrictEqual([yield* tagOf(breaker), yield* tagOf(next)], ["Open", "Closed"])
    }))

  it.effect("drops the counts of closed circuits, and publishes no transitions", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2) })
      yield* failing(breaker, 1)
      const next = yield* CircuitBreaker.makeFrom(breaker, { trip: consecutive(2) })
      yield* failing(next, 1)
      strictEqual(yield* tagOf(next), "Closed")
      yield* failing(next, 1)
      strictEqual(yield* tagOf(next), "Open")
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("keeps a circuit open for what the other side asked for, where the new options believe it", () =>
    Effect.gen(function*() {
      const asked = Effect.fail({ retryAfter: Duration.minutes(2) })
      const options = { trip: consecutive(1), openFor: "1 second" } as const
      const breaker = yield* CircuitBreaker.make(options)
      yield* Effect.exit(breaker.protect(asked))
      const left = (maxRetryAfter: Duration.Input) =>
        Effect.flatMap(CircuitBreaker.makeFrom(breaker, { ...options, maxRetryAfter }), (next) => next.state())
      deepStrictEqual(yield* left("5 minutes"), { _tag: "Open", retryAfter: Duration.minutes(2) })
      deepStrictEqual(yield* left("1 minute"), { _tag: "Open", retryAfter: Duration.minutes(1) })
      deepStrictEqual(yield* left(0), { _tag: "Open", retryAfter: Duration.seconds(1) })
    }))
})
