/**
 * What an error says about when to come back: its `retryAfter`, as `AiError` and errors made from a `Retry-After` header
 * have it.
 *
 * Guarded by `test/composition/swap.test.ts` and `test/composition/everything.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { hasProperty } from "effect/Predicate"

/**
 * How long the error asks to wait, in milliseconds, or 0. Errors are foreign: the property is read once, because
 * a getter may answer with another value each time, and one that throws or is not a duration says nothing.
 */
export const retryAfterOf = (error: unknown): number => {
  try {
    if (!hasProperty(error, "retryAfter")) return 0
    const { retryAfter } = error
    if (!Duration.isDuration(retryAfter)) return 0
    const millis = Duration.toMillis(retryAfter)
    return millis > 0 ? millis : 0
  } catch {
    return 0
  }
}

/** {@link retryAfterOf} of the first failure of an exit. */
export const retryAfterOfExit = (exit: Exit.Exit<unknown, unknown>): number =>
  Exit.isSuccess(exit) ? 0 : retryAfterOf(exit.cause.reasons.find(Cause.isFailReason)?.error)
