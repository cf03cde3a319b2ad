/**
 * The failures of a cause.
 *
 * Guarded by `test/composition/interruption.test.ts` and `test/composition/nested.test.ts`.
 */
import * as Cause from "effect/Cause"

/**
 * The failure that a caller may recover from, as `Effect.retry` and `Effect.catch` find it: the first of a cause that
 * holds no defect.
 */
export const firstFailure = <E>(cause: Cause.Cause<E>): Cause.Fail<E> | undefined => {
  let first: Cause.Fail<E> | undefined
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason)) return undefined
    if (Cause.isFailReason(reason)) first ??= reason
  }
  return first
}
