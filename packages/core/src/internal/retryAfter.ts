/**
 * What an error says about when to come back: its `retryAfter`, as `AiError` and errors made from a `Retry-After` header
 * have it.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { hasProperty } from "effect/Predicate"

/** How long the error asks to be left alone, in milliseconds, or 0. */
export const hintOf = (error: unknown): number =>
  hasProperty(error, "retryAfter") && Duration.isDuration(error.retryAfter) ? Duration.toMillis(error.retryAfter) : 0

/** {@link hintOf} of the first failure of an exit. */
export const hintOfExit = (exit: Exit.Exit<unknown, unknown>): number =>
  Exit.isSuccess(exit) ? 0 : hintOf(exit.cause.reasons.find(Cause.isFailReason)?.error)
