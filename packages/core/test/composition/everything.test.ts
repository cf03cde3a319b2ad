/**
 * All parts in one policy: what its calls tell, and how it is described.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import type * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Down, flaky, watch } from "../Script.ts"

const make = Policy.make({
  name: "stock",
  deadline: "10 seconds",
  bulkhead: { limit: 1, queue: 1, maxWait: "5 seconds" },
  rateLimit: { limit: 3, window: "1 minute" },
  retry: {
    times: 3,
    backoff: Backoff.constant({ delay: "1 second" }),
    retryAfter: { max: "1 second" },
    budget: { ratio: 0, minPerSecond: 0.2, window: "10 seconds" }
  },
  circuitBreaker: { trip: CircuitBreaker.consecutive(2), openFor: "2 seconds" },
  hedge: { after: 100 },
  attemptTimeout: 500
})

/** An event in short: when it was, and what is of its kind alone. */
const short = (event: PolicyEvent.PolicyEvent): ReadonlyArray<unknown> => {
  switch (event._tag) {
    case "Queued":
      return [event.at, event._tag, event.ahead]
    case "Rejected":
      return [event.at, event._tag, event.by, event.retryAfter]
    case "CircuitChanged":
      return [event.at, event._tag, event.from, event.to]
    case "Hedged":
      return [event.at, event._tag, event.hedge, event.because]
    case "RetryScheduled":
      return [event.at, event._tag, event.delay]
    case "RetryStopped":
      return [event.at, event._tag, event.reason]
    default:
      return [event.at, event._tag]
  }
}

describe("a policy of all parts", () => {
  it.effect("tells every decision, in order", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const slow = Hedge.idempotent(Effect.delay(Effect.succeed("answer"), 150))
      const down = Hedge.idempotent(flaky(Infinity).effect)
      const call = <A>(self: Hedge.Idempotent<A, Down>, after: number) =>
        Effect.delay(Effect.exit(policy.protect({ key: "oak" })(self)), after)
      const { events } = yield* watch(
        Effect.all([call(slow, 0), call(down, 1), call(slow, 2)], { concurrency: "unbounded" })
      )
      strictEqual(events.every(({ key, policy }) => key === "oak" && policy === "stock"), true)
      deepStrictEqual(events.map(short), [
        [0, "AttemptStarted"],
        [1, "Queued", 0],
        [2, "Rejected", "bulkhead", undefined],
        [100, "Hedged", 1, "slow"],
        [150, "AttemptSucceeded"],
        [150, "AttemptStarted"],
        [150, "Hedged", 1, "failed"],
        [150, "AttemptFailed"],
        [150, "RetryScheduled", 1_000],
        [1_150, "AttemptStarted"],
        [1_150, "Hedged", 1, "failed"],
        [1_150, "CircuitChanged", "Closed", "Open"],
        [1_150, "AttemptFailed"],
        [1_150, "RetryScheduled", 1_000],
        [2_150, "Rejected", "circuitBreaker", 1_000],
        [2_150, "RetryStopped", "budget"]
      ])
    }))

  it.effect("reports the probe that closes the circuit, and the rate limit that is reached", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const { effect } = flaky(4)
      const down = Hedge.idempotent(effect)
      yield* watch(policy.protect(down), 1, "5 seconds")
      const probe = yield* watch(policy.protect(down), 1, 0)
      deepStrictEqual(probe.events.map(short), [
        [0, "AttemptStarted"],
        [0, "CircuitChanged", "HalfOpen", "Closed"],
        [0, "AttemptSucceeded"]
      ])
      yield* watch(policy.protect(down), 1, 0)
      const { events } = yield* watch(policy.protect(down), 1, 0)
      deepStrictEqual(events.map(short), [[0, "Rejected", "rateLimit", 55_000]])
    }))

  it.effect("reports the deadline that passes in the queue, and while an attempt runs", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1 })
      const long = yield* Policy.make({ deadline: "1 second", bulkhead })
      const short = yield* Policy.make({ deadline: 300, bulkhead })
      const { events } = yield* watch(
        Effect.all([Effect.exit(long.protect(Effect.never)), Effect.exit(short.protect(Effect.never))], {
          concurrency: 2
        })
      )
      deepStrictEqual(events.map(({ _tag, at, attempt }) => [at, _tag, attempt]), [
        [0, "AttemptStarted", 1],
        [0, "Queued", 0],
        [300, "DeadlinePassed", 0],
        [1_000, "DeadlinePassed", 1],
        [1_000, "AttemptFailed", 1]
      ])
    }))

  it.effect("is described with all of them, in their order", () =>
    Effect.gen(function*() {
      const description = Policy.describe(yield* make)
      strictEqual(description.attempts, 8)
      deepStrictEqual(description.duration, Duration.seconds(10))
      strictEqual(
        description.text,
        `stock: at most 8 attempts, in at most 10s
- deadline: the call ends within 10s, with its waits and delays
- bulkhead: 1 call runs at the same time, 1 waits for up to 5s, further calls are rejected
- rateLimit: 3 calls start in 1m, further calls are rejected
- retry: up to 3 retries after 1s, or as the other side asks, up to 1s; a budget bounds the retries of all calls
- circuitBreaker: opens when 2 failures in a row; for 2s, then 1 probe must succeed
- hedge: up to 1 more attempt beside one that is slow
- attemptTimeout: an attempt is interrupted after 500ms`
      )
    }))

  it.effect("is described as long as its waits, attempts and delays can be, without a deadline", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        bulkhead: { limit: 1, queue: 1, maxWait: "5 seconds" },
        rateLimit: { limit: 3, window: "1 minute", maxWait: "2 seconds" },
        retry: { times: 3, backoff: Backoff.constant({ delay: "1 second" }), retryAfter: { max: "1 second" } },
        hedge: { after: 100 },
        attemptTimeout: 500
      })
      // 5 + 2 + 4 x (2 x 0.5) + 3 x 1.1
      deepStrictEqual(Policy.describe(policy).duration, Duration.millis(14_300))
    }))
})
