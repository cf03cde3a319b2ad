/**
 * The order of the parts: deadline, bulkhead, rate limit, retry, circuit breaker, hedge, attempt timeout. Each test has two
 * neighbours, and what it sees would be otherwise if they changed places.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { flaky, watch } from "../Script.ts"

const second = Backoff.constant({ delay: "1 second" })

/** The reason of the policy's error that a call failed with. */
const reasonOf = (exit: Exit.Exit<unknown, unknown>): PolicyError.Reason | undefined => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return PolicyError.isPolicyError(error) ? error.reason : undefined
}

/** The tag of that reason, or the success. */
const endOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : reasonOf(exit)?._tag ?? String(exit)

/** Runs calls that start together, in this order, and gives the end of each. */
const together = <A, E>(...calls: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.gen(function*() {
    const { exit } = yield* watch(Effect.forEach(calls, (call) => Effect.exit(call), { concurrency: "unbounded" }))
    return Exit.isSuccess(exit) ? exit.value : []
  })

const takes = (millis: number) => Effect.delay(Effect.succeed("answer"), millis)

describe("the order of the parts", () => {
  it.effect("deadline, then bulkhead: the wait in the queue is on the deadline", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        deadline: "1 second",
        bulkhead: { limit: 1, queue: 2, maxWait: "1 minute" }
      })
      const [first, second, third] = yield* together(
        policy.protect(takes(700)),
        policy.protect(takes(400)),
        policy.protect(takes(100))
      )
      strictEqual(first && endOf(first), "answer")
      deepStrictEqual(
        second && reasonOf(second),
        new PolicyError.DeadlineExceeded({ deadline: Duration.seconds(1), phase: "attempt" })
      )
      deepStrictEqual(
        third && reasonOf(third),
        new PolicyError.DeadlineExceeded({ deadline: Duration.seconds(1), phase: "queue" })
      )
    }))

  it.effect("bulkhead, then rate limit: who waits for the rate limit has a permit, and who has none does not count", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 2 })
      const rateLimit = yield* RateLimit.make({ limit: 1, window: "1 second", maxWait: "1 second" })
      const policy = yield* Policy.make({ bulkhead, rateLimit })
      const ends = yield* together(policy.protect(takes(10)), policy.protect(takes(10)), policy.protect(takes(10)))
      deepStrictEqual(ends.map(endOf), ["answer", "answer", "BulkheadFull"])
      strictEqual((yield* rateLimit.stats()).rejections, 0)
    }))

  it.effect("rate limit, then retry: a call counts once, however often it is tried", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        rateLimit: { limit: 1, window: "1 day" },
        retry: { times: 3, backoff: second }
      })
      const down = flaky(3)
      strictEqual(endOf((yield* watch(policy.protect(down.effect))).exit), 4)
      strictEqual(endOf((yield* watch(policy.protect(down.effect))).exit), "RateLimited")
      strictEqual(down.at.length, 4)
    }))

  it.effect("retry, then circuit breaker: the breaker sees every attempt, and ends the retry", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        retry: { times: 5, backoff: second },
        circuitBreaker: { trip: CircuitBreaker.consecutive(3), openFor: "1 minute" }
      })
      const down = flaky(Infinity)
      const { exit } = yield* watch(policy.protect(down.effect))
      strictEqual(endOf(exit), "CircuitOpen")
      deepStrictEqual(down.at, [0, 1_000, 2_000])
    }))

  it.effect("circuit breaker, then hedge: the breaker sees how a race ended, and an open one starts none", () =>
    Effect.gen(function*() {
      const circuitBreaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(2), openFor: "1 day" })
      const policy = yield* Policy.make({ circuitBreaker, hedge: { after: 0, max: 2 } })
      const down = flaky(Infinity)
      const call = policy.protect(Hedge.idempotent(down.effect))
      yield* watch(call, 1, 10)
      strictEqual(down.at.length, 3)
      strictEqual((yield* circuitBreaker.state())._tag, "Closed")
      yield* watch(call, 1, 10)
      strictEqual(down.at.length, 6)
      strictEqual(endOf((yield* watch(call, 1, 10)).exit), "CircuitOpen")
      strictEqual(down.at.length, 6)
    }))

  it.effect("hedge, then attempt timeout: each leg of a race has its own time", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ hedge: { after: 60 }, attemptTimeout: 100 })
      let started = 0
      const { exit, took } = yield* watch(
        policy.protect(Hedge.idempotent(Effect.suspend(() => ++started === 1 ? Effect.never : takes(90))))
      )
      deepStrictEqual([endOf(exit), took, started], ["answer", 150, 2])
      const hanging = yield* watch(policy.protect(Hedge.idempotent(Effect.never)))
      deepStrictEqual([endOf(hanging.exit), hanging.took], ["AttemptTimeout", 160])
    }))

  it.effect("`wrap` makes any other order", () =>
    Effect.gen(function*() {
      const limited = yield* Policy.make({ rateLimit: { limit: 2, window: "1 day" } })
      const retrying = yield* Policy.make({ retry: { times: 3, backoff: second } })
      const down = flaky(Infinity)
      const { exit } = yield* watch(Policy.wrap(retrying, limited).protect(down.effect))
      strictEqual(endOf(exit), "RateLimited")
      strictEqual(down.at.length, 2)
    }))
})

describe("a rejected call", () => {
  it.effect("has not run, says so in its error, and is told as rejected by the part", () =>
    Effect.gen(function*() {
      const full = yield* Policy.make({ bulkhead: { limit: 1 } })
      const limited = yield* Policy.make({ rateLimit: { limit: 1, window: "1 day" } })
      const broken = yield* Policy.make({
        circuitBreaker: { trip: CircuitBreaker.consecutive(1), openFor: "1 day" }
      })
      const down = flaky(0)
      const rejected = [
        ["bulkhead", "BulkheadFull", full.protect(full.protect(down.effect))],
        ["rateLimit", "RateLimited", Effect.andThen(limited.protect(Effect.void), limited.protect(down.effect))],
        [
          "circuitBreaker",
          "CircuitOpen",
          Effect.andThen(Effect.ignore(broken.protect(Effect.fail("down"))), broken.protect(down.effect))
        ]
      ] as const
      for (const [by, tag, call] of rejected) {
        const { events, exit } = yield* watch<number, unknown, never>(call)
        strictEqual(endOf(exit), tag)
        assertTrue(reasonOf(exit)?.message.endsWith("nothing of the call ran") === true)
        deepStrictEqual(events.filter(({ _tag }) => _tag === "Rejected").map((event) => "by" in event && event.by), [
          by
        ])
      }
      strictEqual(down.at.length, 0)
    }))

  it.effect("by a circuit ends the retry, unless the circuit may let a probe through before the deadline", () =>
    Effect.gen(function*() {
      const ends = []
      for (const deadline of [undefined, "2 seconds", "10 seconds"] as const) {
        const policy = yield* Policy.make({
          deadline,
          retry: { times: 5, backoff: Backoff.constant({ delay: 100 }) },
          circuitBreaker: { trip: CircuitBreaker.consecutive(2), openFor: "3 seconds" }
        })
        const down = flaky(2)
        const { exit, took } = yield* watch(policy.protect(down.effect))
        ends.push([endOf(exit), down.at, took])
      }
      deepStrictEqual(ends, [
        ["CircuitOpen", [0, 100], 200],
        ["CircuitOpen", [0, 100], 200],
        // The circuit opened at 100, and was asked at 200.
        [3, [0, 100, 3_100], 3_100]
      ])
    }))
})

describe("a retry", () => {
  it.effect("of all parts together tells `onRetry` before each delay", () =>
    Effect.gen(function*() {
      const told: Array<readonly [number, number]> = []
      const policy = yield* Policy.make({
        deadline: "1 minute",
        bulkhead: { limit: 1 },
        retry: { times: 2, backoff: second, onRetry: ({ attempt, delay }) => told.push([attempt, delay]) },
        circuitBreaker: {},
        attemptTimeout: "1 second"
      })
      const down = flaky(Infinity)
      const { exit } = yield* watch(policy.protect(down.effect))
      deepStrictEqual(told, [[1, 1_000], [2, 1_000]])
      strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), down.errors[2])
    }))

  it.effect("stops at a timeout where `onTimeout` says so, of a leg of a race too", () =>
    Effect.gen(function*() {
      for (const hedge of [undefined, { after: 50 }]) {
        const policy = yield* Policy.make({
          retry: { times: 3, backoff: second, onTimeout: "stop" },
          hedge,
          attemptTimeout: 100
        })
        const { events, exit } = yield* watch(policy.protect(Hedge.idempotent(Effect.never)))
        strictEqual(endOf(exit), "AttemptTimeout")
        const stopped = events.at(-1)
        strictEqual(stopped?._tag === "RetryStopped" && stopped.reason, "notRetryable")
        strictEqual(stopped?.attempt, 1)
      }
    }))
})
