/**
 * Notices by what comes back that a client retries around another one that retries. When a client is made, combinators of
 * Effect's can hide another one in it, as a closure; but a response and a failure tell which client gave them out.
 *
 * Guarded by `test/client/nested.test.ts`.
 */
import type * as Cause from "effect/Cause"
import { isFailReason } from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isHttpClientError } from "effect/http/HttpClientError"
import { BodyResponse, type Recorder } from "../call/bodyResponse.ts"
import type { Through } from "../telemetry/policySpan.ts"
import { recorderOf } from "../telemetry/requestDuration.ts"

/** Sends through a client, and warns once if `retries` is so and the client turns out to retry. */
export const noticing = (through: Through, name: string, retries: boolean, recorder: Recorder): Through => {
  if (through.isOwn) return through
  let isKnown = false
  return {
    isOwn: false,
    send: (fiber, request, told) =>
      Effect.onExit(through.send(fiber, request, told), (exit) => {
        if (isKnown || !isRetried(exit)) return Effect.void
        isKnown = recorder.retries = true
        return retries ? Effect.logWarning(`${name}: ${advice}`) : Effect.void
      })
  }
}

const advice = "retries around a client that retries itself, so attempts multiply. Set retry: false in one of the two"

const isRetried = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isSuccess(exit) ? isFromRetries(exit.value) : exit.cause.reasons.some(isRetriedFailure)

const isRetriedFailure = (reason: Cause.Reason<unknown>): boolean => {
  if (!isFailReason(reason)) return false
  const { error } = reason
  if (typeof error !== "object" || error === null) return false
  return recorderOf(error)?.retries === true || (isHttpClientError(error) && isFromRetries(error.response))
}

const isFromRetries = (response: unknown): boolean =>
  response instanceof BodyResponse && response.recordedBy?.retries === true
