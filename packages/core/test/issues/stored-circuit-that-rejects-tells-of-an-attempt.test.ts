/**
 * A circuit in a store is consulted in an effect, and the policy took that effect for the attempt: a rejected call was
 * published, counted and timed as a failed attempt, no `Rejected` event was published, and `describe` did not list the
 * breaker. A rejected call has not run, wherever the circuit is kept.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import { watch } from "../Script.ts"

const options = { name: "stock", trip: CircuitBreaker.consecutive(1), openFor: "1 minute" } as const

const makeShared = Effect.provide(CircuitBreaker.makeShared(options), layerStoreMemory())

it.effect("a circuit in a store tells what it rejects, as one of this process does", () =>
  Effect.gen(function*() {
    for (const make of [CircuitBreaker.make(options), makeShared]) {
      const policy = yield* Policy.make({ circuitBreaker: yield* make })
      yield* Effect.flip(policy.protect(Effect.fail("down")))
      const { events } = yield* watch(policy.protect(Effect.succeed("answer")), 1, 0)
      deepStrictEqual(events.map((event) => [event._tag, "retryAfter" in event && event.retryAfter]), [
        ["Rejected", 60_000]
      ])
    }
  }))

it.effect("a circuit in a store lets an attempt be told when it starts", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ circuitBreaker: yield* makeShared })
    const { events } = yield* watch(policy.protect(Effect.succeed("answer")))
    deepStrictEqual(events.map(({ _tag }) => _tag), ["AttemptStarted", "AttemptSucceeded"])
  }))

it.effect("a policy with a circuit in a store is described with it", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ circuitBreaker: yield* makeShared })
    strictEqual(
      Policy.describe(policy).text,
      `policy: at most 1 attempt, with no bound on time
- circuitBreaker: opens when 1 failure in a row; for 1m, then 1 probe must succeed; others share it through a store`
    )
  }))
