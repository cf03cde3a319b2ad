/** When a circuit opens, for how long, and how it closes. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import { BulkheadFull, type CircuitOpen, PolicyError } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { consecutive, Down, down, failing, rate, tagOf } from "./Reference.ts"

describe("trip", () => {
  it.effect("does not open after nine failures, fifty idle minutes and one more failure", () =>
    Effect.gen(function*() {
      const some = [
        consecutive(10),
        rate({ size: 10 }),
        rate({ window: "40 minutes", minimumCalls: 10 }),
        rate({ window: "30 seconds", minimumCalls: 10 })
      ]
      for (const trip of some) {
        const idle = yield* CircuitBreaker.make({ trip })
        const busy = yield* CircuitBreaker.make({ trip })
        yield* failing(idle, 9)
        yield* failing(busy, 10)
        strictEqual(yield* tagOf(busy), "Open")
        yield* TestClock.adjust("50 minutes")
        yield* failing(idle, 1)
        strictEqual(yield* tagOf(idle), "Closed")
      }
    }))

  it.effect("forgets a call with its tenth of the window, without others", () =>
    Effect.gen(function*() {
      const cases = [[0, 9_999, "Open"], [0, 10_000, "Closed"], [950, 9_999, "Open"], [950, 10_000, "Closed"]] as const
      for (const [first, second, tag] of cases) {
        yield* TestClock.setTime(first)
        const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "10 seconds", minimumCalls: 2 }) })
        yield* failing(breaker, 1)
        yield* TestClock.setTime(second)
        yield* failing(breaker, 1)
        strictEqual(yield* tagOf(breaker), tag)
      }
    }))

  it.effect("forgets that a call was slow with the call", () =>
    Effect.gen(function*() {
      const slow = { longerThan: "1 second", threshold: 0.5 } as const
      const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "10 seconds", minimumCalls: 4, slow }) })
      const call = (millis: number) => breaker.protect(Effect.sleep(millis))
      const calls = Effect.forEach(
        [1_500, 0, 0, 0],
        (millis) => Effect.andThen(call(millis), Effect.sleep("3 seconds"))
      )
      yield* Effect.forkChild(Effect.repeat(calls, { times: 3 }), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("counts on when the clock is set back a little, and anew when it is set back by the window", () =>
    Effect.gen(function*() {
      for (const [back, tag] of [[500, "Open"], [1_100, "Closed"]] as const) {
        const breaker = yield* CircuitBreaker.make({ trip: rate({ window: "1 second", minimumCalls: 3 }) })
        for (const time of [5_000, 5_050, 5_000 - back]) {
          yield* TestClock.setTime(time)
          yield* failing(breaker, 1)
        }
        strictEqual(yield* tagOf(breaker), tag)
      }
    }))

  it.effect("opens when too many calls are slow, though they succeed", () =>
    Effect.gen(function*() {
      const slow = { longerThan: "1 second", threshold: 0.5 } as const
      const breaker = yield* CircuitBreaker.make({ trip: rate({ size: 4, slow }) })
      const call = (millis: number) => breaker.protect(Effect.sleep(millis))
      yield* Effect.forkChild(Effect.forEach([1_001, 1_000, 1_000, 1_000, 1_001, 1_001], call), {
        startImmediately: true
      })
      yield* TestClock.adjust(5_002)
      // One of the last four is slow.
      strictEqual(yield* tagOf(breaker), "Closed")
      yield* TestClock.adjust(1_001)
      strictEqual(yield* tagOf(breaker), "Open")
      yield* TestClock.adjust("30 seconds")
      yield* Effect.forkChild(call(1_001), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust(1_001)
      strictEqual(yield* tagOf(breaker), "Open")
    }))

  it.effect("counts failures by the predicate, defects always, interruption and rejections within never", () =>
    Effect.gen(function*() {
      const full = Effect.fail(new PolicyError({ reason: new BulkheadFull({ limit: 1, queue: 0 }) }))
      const cases: ReadonlyArray<[call: Effect.Effect<unknown, unknown>, opens: boolean]> = [
        [Effect.fail("unavailable"), true],
        [Effect.fail("not found"), false],
        [Effect.die("defect"), true],
        [Effect.interrupt, false],
        [full, false],
        [Effect.succeed("stock"), false]
      ]
      for (const [call, opens] of cases) {
        const breaker = yield* CircuitBreaker.make({
          trip: consecutive(1),
          isFailure: (error: unknown) => error !== "not found"
        })
        yield* Effect.exit(breaker.protect(call))
        strictEqual(yield* tagOf(breaker), opens ? "Open" : "Closed")
      }
    }))

  it.effect("takes an error that is not a failure for a success, and an ignored call for neither", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(2),
        isFailure: (error: string) => error === "down"
      })
      const call = (error: string) => Effect.exit(breaker.protect(Effect.fail(error)))
      yield* call("down")
      yield* call("not found")
      yield* call("down")
      strictEqual((yield* breaker.state())._tag, "Closed")
      yield* Effect.exit(breaker.protect(Effect.interrupt))
      yield* call("down")
      strictEqual((yield* breaker.state())._tag, "Open")
    }))

  it.effect("frees the slot of a probe whose predicate throws", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(1),
        isFailure: () => {
          throw new Error("a bug in the predicate")
        }
      })
      for (let opening = 0; opening < 2; opening++) {
        assertTrue(Exit.hasDies(yield* Effect.exit(breaker.protect(down))))
        strictEqual((yield* breaker.state())._tag, "Open")
        yield* TestClock.adjust("30 seconds")
      }
    }))
})

describe("open", () => {
  it.effect("rejects with the time that is left, and runs nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "10 seconds" })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("4 seconds")
      let ran = false
      const call: Effect.Effect<number, Down> = Effect.sync(() => {
        ran = true
        return 1
      })
      const protectedCall: Effect.Effect<number, Down | PolicyError<CircuitOpen>> = call.pipe(breaker.protect)
      const error = yield* Effect.flip(protectedCall)
      assertTrue(error._tag === "PolicyError" && !ran)
      deepStrictEqual(error.reason.retryAfter, Duration.seconds(6))
      strictEqual(yield* Effect.flip(call.pipe(breaker.protect({ key: undefined }))), error)
    }))

  it.effect("lasts longer with each opening in a row, and starts again after a rest as long as the last", () =>
    Effect.gen(function*() {
      const openFor = Backoff.exponential({ initial: "1 second", max: "10 seconds", jitter: Jitter.none })
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor })
      const fail = Effect.gen(function*() {
        yield* failing(breaker, 1)
        const state = yield* breaker.state()
        return state._tag === "Open" ? Duration.toMillis(state.retryAfter) : 0
      })
      for (const millis of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
        strictEqual(yield* fail, millis)
        yield* TestClock.adjust(millis)
      }
      yield* breaker.protect(Effect.void)
      yield* TestClock.adjust(9_999)
      strictEqual(yield* fail, 10_000)
      yield* TestClock.adjust(10_000)
      yield* breaker.protect(Effect.void)
      yield* TestClock.adjust(10_000)
      strictEqual(yield* fail, 1_000)
    }))

  it.effect("lasts as long as the failure asks for, up to a limit", () =>
    Effect.gen(function*() {
      const cases = [[1, 10_000], [20, 20_000], [86_400, 60_000]] as const
      for (const [seconds, millis] of cases) {
        const breaker = yield* CircuitBreaker.make({
          trip: consecutive(1),
          openFor: "10 seconds",
          maxRetryAfter: "1 minute"
        })
        yield* Effect.exit(breaker.protect(Effect.fail(new Down({ retryAfter: Duration.seconds(seconds) }))))
        deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.millis(millis) })
      }
    }))

  it.effect("does not last longer because the clock was set back", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "10 seconds" })
      yield* failing(breaker, 1)
      yield* TestClock.setTime(1_000)
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(10) })
      yield* TestClock.adjust("10 seconds")
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("ends when as many probes have succeeded as may run at once", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), probes: 2, openFor: "1 second" })
      yield* failing(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* breaker.protect(Effect.void)
      deepStrictEqual(yield* breaker.state(), { _tag: "HalfOpen", probing: 0 })
      const probe = yield* Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      deepStrictEqual(yield* breaker.state(), { _tag: "HalfOpen", probing: 1 })
      const error = yield* Effect.flip(breaker.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.zero)
      yield* Fiber.interrupt(probe)
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))

  it.effect("is not ended or prolonged by a call that was admitted before", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "1 second" })
      const late = (call: Effect.Effect<void, Down>) =>
        Effect.forkChild(breaker.protect(Effect.delay(call, "900 millis")), { startImmediately: true })
      yield* Effect.all([late(Effect.void), late(down)])
      yield* failing(breaker, 1)
      yield* TestClock.adjust("900 millis")
      deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.millis(100) })
    }))
})
