/**
 * The failures of requests that are not sent.
 *
 * Guarded by `test/dispatcher/dispatcher.test.ts` and `test/undici/bounds.test.ts`.
 */
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpFailure from "../../../HttpFailure.ts"
import { transportError } from "../../call/bodyResponse.ts"

type Failure = HttpClientError.HttpClientError

/** The failure of a request that never got a connection. */
export const notSent = (request: HttpClientRequest.HttpClientRequest, reason: HttpFailure.Reason): Failure =>
  transportError(request, new HttpFailure.HttpFailure({ reason, phase: "pool", requestWritten: false }))

/** The failure of an invalid request. */
export const encodeError = (
  request: HttpClientRequest.HttpClientRequest,
  description: string,
  cause?: unknown
): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.EncodeError({ request, description, ...(cause === undefined ? undefined : { cause }) })
  })
