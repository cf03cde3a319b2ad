/**
 * What the promises of a fetch are rejected with: a `TypeError`, as the standard says, that has the failure as its cause.
 *
 * Guarded by `test/fetch/contract.test.ts` and `test/fetch/promises.test.ts`.
 */
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as HttpFailure from "../../HttpFailure.ts"

/** What a call is rejected with before it has a response. */
export const fetchFailed = (cause: Cause.Cause<unknown>): unknown => rejection("fetch failed", cause)

/** What reading a body is rejected with. */
export const terminated = (cause: Cause.Cause<unknown>): unknown => rejection("terminated", cause)

/** What a call is rejected with whose fetch is closed. */
export const closed = () => new TypeError("fetch failed", { cause: new Error("This fetch was closed") })

// Libraries tell a failure of the network from a mistake of the program by exactly these messages.
const rejection = (message: string, cause: Cause.Cause<unknown>): unknown => {
  const fail = cause.reasons.find(Cause.isFailReason)
  if (fail !== undefined) return new TypeError(message, { cause: failureOf(fail.error) })
  return Cause.hasInterruptsOnly(cause) ? closed() : Cause.squash(cause)
}

const failureOf = (error: unknown): unknown => {
  if (!HttpClientError.isHttpClientError(error)) return error
  const { cause } = error.reason
  if (isPolicyError(cause)) return cause
  if (error.reason._tag === "EncodeError" && cause !== undefined) return cause
  return Option.getOrElse(HttpFailure.fromClientError(error), () => error)
}
