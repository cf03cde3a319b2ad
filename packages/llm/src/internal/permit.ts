/**
 * A place in a provider's bulkhead for as long as an answer is read.
 *
 * Guarded by `test/chain/fallback.test.ts` and `test/chain/treatment.test.ts`.
 */
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as PolicyError from "@holdfast/core/PolicyError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Takes a permit that is held until the scope ends: a stream holds it for as long as it is read. */
export const permit = (
  bulkhead: Bulkhead.Bulkhead,
  scope: Scope.Scope
): Effect.Effect<void, PolicyError.PolicyError<PolicyError.BulkheadFull>> =>
  Effect.gen(function*() {
    const taken = yield* Deferred.make<void, PolicyError.PolicyError<PolicyError.BulkheadFull>>()
    yield* Effect.andThen(Deferred.succeed(taken, undefined), Effect.never).pipe(
      bulkhead.protect,
      Effect.catch((error) => Deferred.fail(taken, error)),
      Effect.forkIn(scope, { startImmediately: true })
    )
    yield* Deferred.await(taken)
  })
