/**
 * A half-open circuit that is decided by the share of failed probes, and for how long it may stay undecided.
 *
 * The rows of the table are what resilience4j's `HALF_OPEN` does with `permittedNumberOfCallsInHalfOpenState` and
 * `failureRateThreshold` (resilience4j.readme.io/docs/circuitbreaker): all probes end before their rate decides.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

const open = (options: CircuitBreaker.Options) =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({
      trip: CircuitBreaker.consecutive(1),
      openFor: "10 seconds",
      ...options
    })
    yield* Effect.ignore(breaker.protect(Effect.fail("down")))
    yield* TestClock.adjust("10 seconds")
    return breaker
  })

const tagOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.state(), ({ _tag }) => _tag)

describe("probeThreshold", () => {
  // Probes as they end: s for a success, f for a failure. The states after each.
  const rows = [
    { probes: 4, threshold: 0.5, ends: "ssss", states: ["HalfOpen", "HalfOpen", "HalfOpen", "Closed"] },
    { probes: 4, threshold: 0.5, ends: "sfss", states: ["HalfOpen", "HalfOpen", "HalfOpen", "Closed"] },
    { probes: 4, threshold: 0.5, ends: "sfsf", states: ["HalfOpen", "HalfOpen", "HalfOpen", "Open"] },
    { probes: 4, threshold: 0.5, ends: "ffff", states: ["HalfOpen", "HalfOpen", "HalfOpen", "Open"] },
    { probes: 4, threshold: 1, ends: "fffs", states: ["HalfOpen", "HalfOpen", "HalfOpen", "Closed"] },
    { probes: 2, threshold: 0.1, ends: "sf", states: ["HalfOpen", "Open"] },
    { probes: 3, threshold: undefined, ends: "sf", states: ["HalfOpen", "Open"] },
    { probes: 1, threshold: 0.5, ends: "f", states: ["Open"] }
  ] as const

  it.effect.each(rows)("$probes probes that end $ends, of which $threshold may fail", (row) =>
    Effect.gen(function*() {
      const breaker = yield* open({ probes: row.probes, probeThreshold: row.threshold })
      const states: Array<string> = []
      for (const end of row.ends) {
        yield* Effect.ignore(breaker.protect(end === "s" ? Effect.void : Effect.fail("down")))
        states.push(yield* tagOf(breaker))
      }
      deepStrictEqual(states, [...row.states])
    }))

  it.effect("admits no more than so many probes, also after some of them failed", () =>
    Effect.gen(function*() {
      const breaker = yield* open({ probes: 2, probeThreshold: 1 })
      yield* Effect.ignore(breaker.protect(Effect.fail("down")))
      const probe = yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      strictEqual((yield* Effect.flip(breaker.protect(Effect.void))).reason._tag, "CircuitOpen")
      yield* Fiber.interrupt(probe)
      // The slot is free again.
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))
})

describe("halfOpenFor", () => {
  it.effect("opens a circuit again whose probe never ends, for as long as before", () =>
    Effect.gen(function*() {
      const breaker = yield* open({ halfOpenFor: "5 seconds" })
      yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      yield* TestClock.adjust("4999 millis")
      strictEqual((yield* Effect.flip(breaker.protect(Effect.void))).reason._tag, "CircuitOpen")
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust("1 millis")
      strictEqual((yield* Effect.flip(breaker.protect(Effect.void))).reason._tag, "CircuitOpen")
      strictEqual(yield* tagOf(breaker), "Open")
      yield* TestClock.adjust("10 seconds")
      strictEqual(yield* breaker.protect(Effect.succeed("up")), "up")
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("is not prolonged by a clock that is set back", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      const breaker = yield* open({ halfOpenFor: "5 seconds" })
      yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      yield* TestClock.setTime(60_000)
      strictEqual((yield* Effect.flip(breaker.protect(Effect.void))).reason._tag, "CircuitOpen")
      yield* TestClock.adjust("5 seconds")
      strictEqual((yield* Effect.flip(breaker.protect(Effect.void))).reason._tag, "CircuitOpen")
      strictEqual(yield* tagOf(breaker), "Open")
    }))
})
