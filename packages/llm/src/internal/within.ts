/**
 * A limit on the time of an effect that costs no fiber.
 *
 * Guarded by `test/chain/within.test.ts` and `test/chain/signsOfLife.test.ts`.
 */
import * as Deadline from "@holdfast/core/Deadline"
import * as PolicyError from "@holdfast/core/PolicyError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * `Effect.timeoutOrElse` in the fiber of the caller, by a deadline that the effect does not see: its context is that around.
 * The answer is read in that context for longer than the deadline.
 */
export const within = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  limit: Duration.Duration,
  late: () => E
): Effect.Effect<A, E, R> => {
  const millis = Duration.toMillis(limit)
  if (millis === 0 || millis === Infinity) {
    return Effect.timeoutOrElse(self, { duration: limit, orElse: () => Effect.suspend(() => Effect.fail(late())) })
  }
  return Effect.contextWith((around: Context.Context<R>) =>
    Effect.updateContext<A, E, R, never>(self, () => around).pipe(
      Deadline.within(millis),
      Effect.mapError((error) => PolicyError.isPolicyError(error) ? late() : error),
      Effect.provideService(Deadline.Deadline, Infinity)
    )
  )
}
