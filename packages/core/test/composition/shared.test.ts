/**
 * One part in two policies: what one policy's calls do to it, the other's calls find.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import { flaky, watch } from "../Script.ts"

const soon = Backoff.constant({ delay: 10 })

/** Watches an effect for so short a time that nothing of it is forgotten. */
const briefly = <A, E, R>(self: Effect.Effect<A, E, R>, millis = 20) => watch(self, 1, millis)

describe("a bulkhead in two policies", () => {
  it.effect("counts the calls of both, and serves them in one queue", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1 })
      const one = yield* Policy.make({ bulkhead })
      const other = yield* Policy.make({ bulkhead })
      const slow = Effect.delay(Effect.succeed("answer"), 100)
      const calls = [one.protect(slow), other.protect(slow), one.protect(slow)]
      const { exit, took } = yield* watch(
        Effect.forEach(calls, (call) => Effect.result(call), { concurrency: "unbounded" })
      )
      assertTrue(Exit.isSuccess(exit))
      deepStrictEqual(exit.value.map(({ _tag }) => _tag), ["Success", "Success", "Failure"])
      strictEqual(took, 200)
      deepStrictEqual(yield* bulkhead.stats(), { running: 0, waiting: 0, limit: 1, queue: 1, rejections: 1 })
    }))
})

describe("a rate limit in two policies", () => {
  it.effect("counts the calls of both", () =>
    Effect.gen(function*() {
      const rateLimit = yield* RateLimit.make({ limit: 1, window: "1 day" })
      const one = yield* Policy.make({ rateLimit })
      const other = yield* Policy.make({ rateLimit })
      strictEqual(yield* one.protect(Effect.succeed("answer")), "answer")
      const error = yield* Effect.flip(other.protect(Effect.succeed("answer")))
      strictEqual(error.reason._tag, "RateLimited")
      strictEqual(yield* other.protect({ key: "blue" })(Effect.succeed("answer")), "answer")
    }))
})

describe("a circuit breaker in two policies", () => {
  const options = { name: "stock", trip: CircuitBreaker.consecutive(2), openFor: "1 minute" } as const
  const kinds = [
    ["of this process", CircuitBreaker.make(options)],
    ["in a store", Effect.provide(CircuitBreaker.makeShared(options), layerStoreMemory())]
  ] as const

  it.effect.each(kinds)("%s opens and closes for both", ([, make]) =>
    Effect.gen(function*() {
      const circuitBreaker = yield* make
      const one = yield* Policy.make({ circuitBreaker })
      const other = yield* Policy.make({ circuitBreaker, retry: { times: 3, backoff: soon } })
      const patient = yield* Policy.make({ circuitBreaker, deadline: "2 minutes", retry: { times: 1, backoff: soon } })
      const down = flaky(2)
      yield* Effect.flip(one.protect(down.effect))
      strictEqual((yield* circuitBreaker.state())._tag, "Closed")
      const { exit, took } = yield* briefly(other.protect(down.effect))
      assertTrue(Exit.isFailure(exit))
      deepStrictEqual([down.at.length, took], [2, 10])
      deepStrictEqual(yield* circuitBreaker.state(), { _tag: "Open", retryAfter: Duration.millis(59_980) })
      strictEqual((yield* Effect.flip(one.protect(down.effect)))._tag, "PolicyError")
      // The third policy has the time to wait for a probe, which succeeds.
      const answer = yield* watch(patient.protect(down.effect))
      deepStrictEqual([answer.exit, answer.took], [Exit.succeed(3), 59_980])
      deepStrictEqual(yield* circuitBreaker.state(), { _tag: "Closed" })
    }))
})

describe("a retry budget in two policies", () => {
  it.effect("counts the calls of both, and their retries and hedges", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ ratio: 0.5, minPerSecond: 0.1, window: "10 seconds" })
      const retrying = yield* Policy.make({ retry: { times: 3, backoff: soon, budget } })
      const hedging = yield* Policy.make({ hedge: { after: 10, max: 3, budget }, attemptTimeout: 100 })
      // One retry for nothing, and half a one for each call.
      const down = flaky(Infinity)
      const { events } = yield* briefly(retrying.protect(down.effect))
      strictEqual(down.at.length, 2)
      const stopped = events.at(-1)
      strictEqual(stopped?._tag === "RetryStopped" && stopped.reason, "budget")
      yield* briefly(retrying.protect(Effect.succeed("answer")))
      strictEqual(yield* budget.balance, 1)
      let legs = 0
      yield* briefly(
        hedging.protect(Hedge.idempotent(Effect.suspend(() => {
          legs++
          return Effect.never
        }))),
        200
      )
      strictEqual(legs, 2)
      strictEqual(yield* budget.balance, 0)
    }))
})
