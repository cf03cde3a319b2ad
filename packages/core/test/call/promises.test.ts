/**
 * What each part promises, where a user meets it: in a policy.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Down, flaky, watch } from "../Script.ts"

describe("the breaker of a policy", () => {
  it.effect("stays open for as long as the failure asks, up to `maxRetryAfter`", () =>
    Effect.gen(function*() {
      for (const [hint, expected] of [[30, 30], [300, 60], [0.1, 1]] as const) {
        const circuitBreaker = yield* CircuitBreaker.make({
          trip: CircuitBreaker.consecutive(1),
          openFor: "1 second",
          maxRetryAfter: "1 minute"
        })
        const policy = yield* Policy.make({ circuitBreaker })
        yield* Effect.flip(policy.protect(Effect.fail(new Down({ attempt: 1, retryAfter: Duration.seconds(hint) }))))
        deepStrictEqual(yield* circuitBreaker.state(), { _tag: "Open", retryAfter: Duration.seconds(expected) })
      }
    }))

  it.effect("takes a hint of what it counts as a success for nothing", () =>
    Effect.gen(function*() {
      const circuitBreaker = yield* CircuitBreaker.make<Down>({
        trip: CircuitBreaker.rate({ threshold: 0.5, size: 2, minimumCalls: 2 }),
        openFor: "1 second",
        isFailure: (error) => error.retryAfter === undefined
      })
      const policy = yield* Policy.make({ circuitBreaker })
      yield* Effect.flip(policy.protect(Effect.fail(new Down({ attempt: 1 }))))
      yield* Effect.flip(policy.protect(Effect.fail(new Down({ attempt: 2, retryAfter: Duration.seconds(30) }))))
      deepStrictEqual(yield* circuitBreaker.state(), { _tag: "Open", retryAfter: Duration.seconds(1) })
    }))

  it.effect("rejects at once what has no attempt left, though there is time to wait for the circuit", () =>
    Effect.gen(function*() {
      for (const [times, attempts, took] of [[1, 1, 10], [2, 2, 100]] as const) {
        const policy = yield* Policy.make({
          deadline: "10 seconds",
          retry: { times, backoff: Backoff.constant({ delay: 10 }) },
          circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: 100 }
        })
        const down = flaky(1)
        const story = yield* watch(policy.protect(down.effect), 1, "1 minute")
        deepStrictEqual([down.at.length, story.took], [attempts, took])
        strictEqual(Exit.isSuccess(story.exit), times === 2)
      }
    }))
})

describe("a breaker around a policy with a deadline", () => {
  it.effect("counts the deadline that passes during an attempt, and not the one that passes in a queue", () =>
    Effect.gen(function*() {
      for (const [occupied, phase, state] of [[true, "queue", "Closed"], [false, "attempt", "Open"]] as const) {
        const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
        const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "1 minute" })
        const policy = yield* Policy.make({ deadline: 100, bulkhead })
        if (occupied) yield* Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
        const { exit } = yield* watch(Effect.flip(breaker.protect(policy.protect(Effect.never))), 1, "1 second")
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        strictEqual(error?.reason._tag === "DeadlineExceeded" && error.reason.phase, phase)
        strictEqual((yield* breaker.state())._tag, state)
      }
    }))
})

describe("an adaptive bulkhead in a policy", () => {
  /** The limit after some windows of calls that fail. */
  const limitAfter = Effect.fnUntraced(function*(error: string) {
    const bulkhead = yield* Bulkhead.adaptive({
      initial: 20,
      window: 100,
      isOverload: (error) => error === "overload"
    })
    const policy = yield* Policy.make({ bulkhead })
    for (let window = 0; window < 5; window++) {
      const calls = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 20 }, () => Effect.exit(policy.protect(Effect.delay(Effect.fail(error), 150)))),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust(200)
      yield* Fiber.join(calls)
    }
    return (yield* bulkhead.stats()).limit
  })

  it.effect("shrinks for overload, and for no other failure", () =>
    Effect.gen(function*() {
      strictEqual(yield* limitAfter("not found"), 20)
      strictEqual((yield* limitAfter("overload")) < 20, true)
    }))
})

describe("a shared budget that takes its time", () => {
  const slowBudget = RetryBudget.makeShared({ key: "stock", minPerSecond: 10, timeout: "1 second" }).pipe(
    Effect.provideService(RetryBudget.RetryBudgetStore, {
      settle: () => Effect.delay(Effect.succeed({ granted: true, balance: 10 }), 200)
    })
  )
  const backoff = Backoff.constant({ delay: 900 })

  it.effect("leaves no time for a delay that would pass the deadline", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: 1_000, retry: { times: 1, backoff, budget: yield* slowBudget } })
      const { events, exit, took } = yield* watch(policy.protect(Effect.fail("down")), 1, "10 seconds")
      deepStrictEqual([exit, took], [Exit.fail("down"), 200])
      const last = events.at(-1)
      strictEqual(last?._tag === "RetryStopped" && last.reason, "deadline")
    }).pipe(Effect.scoped))

  it.effect("leaves no time for a delay that would pass `maxElapsed`", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        retry: { times: 1, backoff, maxElapsed: 1_000, budget: yield* slowBudget }
      })
      const { events, exit, took } = yield* watch(policy.protect(Effect.fail("down")), 1, "10 seconds")
      deepStrictEqual([exit, took], [Exit.fail("down"), 200])
      const last = events.at(-1)
      strictEqual(last?._tag === "RetryStopped" && last.reason, "elapsed")
    }).pipe(Effect.scoped))
})

it.effect("a warning is one line, whatever the error says", () =>
  Effect.gen(function*() {
    const error = { _tag: "Down", message: "one\ntwo\r\n\tthree  four" }
    const policy = yield* Policy.make({ retry: { times: 1, backoff: Backoff.constant({ delay: 10 }) } })
    const { logs } = yield* watch(policy.protect(Effect.fail(error)), 1, "1 minute")
    deepStrictEqual(logs, ["WARN policy: attempt 1 of 2 failed, next in 10ms: Down: one two three four"])
  }))

it.effect("the time of an attempt is measured in seconds", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ attemptTimeout: "1 minute" })
    yield* watch(policy.protect(Effect.delay(Effect.succeed("answer"), 2_500)), 1, "1 minute")
    const [sum] = (yield* Metric.snapshot).flatMap(({ state }) => "sum" in state ? [state.sum] : [])
    strictEqual(sum, 2.5)
  }).pipe(Effect.provide(PolicyEvent.layerMetrics), Effect.provideService(Metric.MetricRegistry, new Map())))

it.effect("a reader of events may be 256 of them behind", () =>
  Effect.gen(function*() {
    const { events, observer } = yield* PolicyEvent.subscribe()
    const policy = yield* Policy.make({ attemptTimeout: "1 minute" })
    const call = (n: number) => PolicyEvent.observe(policy.protect({ key: `${n}` })(Effect.void), observer)
    // Two events each.
    for (let n = 0; n < 200; n++) yield* call(n)
    const read = yield* Stream.runCollect(Stream.take(events, 256))
    deepStrictEqual([read[0]?.key, read.at(-1)?.key], ["72", "199"])
  }).pipe(Effect.scoped))
