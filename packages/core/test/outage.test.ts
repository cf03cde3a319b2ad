/**
 * An hour in which a dependency is down for forty minutes, as 200 callers live through it: what reaches the dependency, and
 * how long the callers wait for their answers.
 */
import { describe, it, type TestContext } from "@effect/vitest"
import { assertTrue, deepStrictEqual, notDeepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import type * as Retry from "@holdfast/core/Retry"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"

const minute = 60_000
const callers = 200
/** Every caller calls so often, whatever came of its last call. */
const period = minute
const outage = { from: 10 * minute, to: 50 * minute }

class Down extends Data.TaggedError("Down")<{}> {}

interface Call {
  /** Milliseconds from the start of the hour. */
  readonly at: number
  readonly took: number
  readonly succeeded: boolean
}

interface Hour {
  readonly calls: ReadonlyArray<Call>
  /** When each attempt reached the dependency, in milliseconds from the start of the hour. */
  readonly attempts: ReadonlyArray<number>
  /** The most attempts that the dependency had to serve at once. */
  readonly parallel: number
}

/** The hour under a policy. The seed determines all random events. */
const live = <X>(policy: Policy.Policy<Down, X>, seed = 1): Effect.Effect<Hour> =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const calls: Array<Call> = []
    const attempts: Array<number> = []
    let running = 0
    let parallel = 0

    const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - start)

    // While it is down, half of what reaches it fails after a second and half hangs; otherwise it answers in 50 ms.
    const dependency = Effect.gen(function*() {
      const at = yield* elapsed
      attempts.push(at)
      parallel = Math.max(parallel, ++running)
      if (at < outage.from || at >= outage.to) return yield* Effect.sleep(50)
      if (yield* Random.nextBoolean) return yield* Effect.never
      yield* Effect.sleep(1_000)
      return yield* new Down()
    }).pipe(Effect.ensuring(Effect.sync(() => running--)))

    const call = Effect.gen(function*() {
      const at = yield* elapsed
      const succeeded = yield* Effect.match(policy.protect(dependency), {
        onFailure: () => false,
        onSuccess: () => true
      })
      calls.push({ at, took: (yield* elapsed) - at, succeeded })
    })

    const caller = Effect.gen(function*() {
      const offset = yield* Random.nextIntBetween(0, period)
      for (let at = offset; at < 60 * minute; at += period) {
        yield* Effect.sleep(at - (yield* elapsed))
        yield* call
      }
    })

    const all = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: callers }), () => caller, { concurrency: "unbounded", discard: true }).pipe(
        Random.withSeed(seed),
        Effect.provide(Logger.layer([]))
      ),
      { startImmediately: true }
    )
    yield* TestClock.adjust("62 minutes")
    yield* Fiber.join(all)
    return { calls, attempts, parallel }
  })

const within = (from: number, to: number) => (at: number): boolean => at >= from && at < to

/** What an hour came to, in numbers. */
const reckon = ({ attempts, calls, parallel }: Hour) => {
  const down = within(outage.from, outage.to)
  const failures = calls.filter(({ at, succeeded }) => !succeeded && down(at)).map(({ took }) => took).toSorted((
    a,
    b
  ) => a - b)
  return {
    calls: calls.length,
    load: attempts.length / calls.length,
    loadInOutage: attempts.filter(down).length / calls.filter(({ at }) => down(at)).length,
    parallel,
    /** How long a caller waits for a failure while the dependency is down. */
    median: failures[Math.floor(failures.length / 2)] ?? NaN,
    mean: failures.reduce((sum, took) => sum + took, 0) / failures.length,
    longest: failures.at(-1) ?? NaN,
    failuresBefore: calls.filter(({ at, succeeded }) => !succeeded && at < outage.from - minute).length,
    failuresAfter: calls.filter(({ at, succeeded }) => !succeeded && at >= outage.to + minute).length
  }
}

/** Shows the numbers beside the test, where the reporter shows annotations (`--reporter=verbose`). */
const told = (test: TestContext, hour: ReturnType<typeof reckon>) =>
  Effect.promise(() =>
    test.annotate(
      `load ${hour.load.toFixed(2)} x the calls, ${hour.loadInOutage.toFixed(2)} x while it is down; ` +
        `at most ${hour.parallel} at once; a failure takes ${hour.median} ms (median), ${hour.longest} ms at most`
    )
  )

const retry: Retry.Options = { times: 3, backoff: Backoff.exponential({ initial: "1 second" }) }
const attemptTimeout = "2 seconds"
const budget: RetryBudget.Options = { ratio: 0.2, minPerSecond: 0.1 }
const bulkhead: Bulkhead.Options = { limit: 8, queue: 8 }
const circuitBreaker: CircuitBreaker.Options = { trip: CircuitBreaker.rate({ threshold: 0.5 }), openFor: "30 seconds" }

describe("an hour with a dependency that is down for forty minutes of it, called by 200 callers", () => {
  it.effect("has its load held below 1.3 x the calls by breaker, budget and bulkhead, with failures at once", (test) =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ bulkhead, retry: { ...retry, budget }, circuitBreaker, attemptTimeout })
      const hour = reckon(yield* live(policy))
      yield* told(test, hour)
      strictEqual(hour.calls, 12_000)
      assertTrue(hour.load < 1.3, `the load is ${hour.load} x the calls`)
      // Next to nothing reaches a dependency that is down: the failures that report it, and a probe every half a minute.
      assertTrue(hour.loadInOutage < 0.05, `the load is ${hour.loadInOutage} x the calls while it is down`)
      assertTrue(hour.parallel <= 8, `${hour.parallel} attempts ran at once`)
      strictEqual(hour.median, 0)
      assertTrue(hour.mean < 100, `a failure takes ${hour.mean} ms`)
      // A bound on a call: the wait in the queue, four attempts, and three delays that double.
      assertTrue(hour.longest <= 1_000 + 4 * 2_000 + 7_000)
      strictEqual(hour.failuresBefore, 0)
      strictEqual(hour.failuresAfter, 0)
    }))

  it.effect("has its load held below 1.3 x the calls by the budget alone, with failures as slow as an attempt", (test) =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: { ...retry, budget }, attemptTimeout })
      const hour = reckon(yield* live(policy))
      yield* told(test, hour)
      assertTrue(hour.load < 1.3, `the load is ${hour.load} x the calls`)
      assertTrue(hour.loadInOutage < 1.3, `the load is ${hour.loadInOutage} x the calls while it is down`)
      assertTrue(hour.median >= 1_000)
      strictEqual(hour.failuresAfter, 0)
    }))

  it.effect("meets four times the calls while it is down, when all that they do is retry", (test) =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry, attemptTimeout })
      const hour = reckon(yield* live(policy))
      yield* told(test, hour)
      assertTrue(hour.load > 2.9, `the load is ${hour.load} x the calls`)
      assertTrue(hour.loadInOutage > 3.9, `the load is ${hour.loadInOutage} x the calls while it is down`)
      assertTrue(hour.parallel > 16, `${hour.parallel} attempts ran at once`)
      assertTrue(hour.median > 8_000, `a failure takes ${hour.median} ms`)
    }))

  it.effect("goes the same way when the seed is the same", () =>
    Effect.gen(function*() {
      const make = Policy.make({ bulkhead, retry: { ...retry, budget }, circuitBreaker, attemptTimeout })
      const hour = (seed: number) =>
        Effect.flatMap(make, (policy) => live(policy, seed)).pipe(Effect.provide(TestClock.layer()))
      const first = yield* hour(7)
      deepStrictEqual(yield* hour(7), first)
      notDeepStrictEqual(yield* hour(8), first)
    }))
})
