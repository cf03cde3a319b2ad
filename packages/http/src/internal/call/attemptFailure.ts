/**
 * The failure of one attempt, as the policy and its observers see it: an `HttpFailure`, with the response or error that
 * the attempt left behind.
 *
 * It has the prototype of an `Error` but skips the constructor, because capturing a stack takes longer than the whole
 * decision to retry. This failure is never thrown, its stack would say nothing, and most are retried and never read.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/call/fetchFailures.test.ts`.
 */
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as HttpFailure from "../../HttpFailure.ts"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { shouldRetry } from "../../ServerHints.ts"
import type { Shown } from "../secrets/shown.ts"
import * as RequestDuration from "../telemetry/requestDuration.ts"
import { BodyResponse, type Recorder } from "./bodyResponse.ts"

/** What a failure needs of its call. */
export interface Call {
  readonly request: HttpPolicy.Attempt["request"]
  readonly bodySpent: boolean
  /** How long the origin has asked not to be called, in milliseconds. */
  readonly pause: number
  /** In how much time calls return that wait for `wait` after a failure, both in milliseconds. */
  spread(failure: AttemptFailure, wait: number): number
  readonly shownFailure: Shown
  readonly recorder: Recorder
  discard(response: BodyResponse): void
}

/** `HttpFailure` without the constructor of `Error`. */
const Unthrown = function() {} as unknown as new() => HttpFailure.HttpFailure
Unthrown.prototype = HttpFailure.HttpFailure.prototype

/** The caller's result, if this was the last attempt. */
type Outcome = BodyResponse | HttpClientError.HttpClientError

type Facts = Pick<HttpFailure.HttpFailure, "phase" | "requestWritten" | "cause">

export class AttemptFailure extends Unthrown {
  override readonly _tag = "HttpFailure"
  override readonly phase: HttpFailure.Phase
  override readonly requestWritten: boolean
  declare readonly cause?: unknown

  // Private, so that logging the failure does not log the request and the response.
  readonly #call: Call
  readonly #outcome: Outcome
  readonly #hint: Duration.Duration | undefined
  #reason: HttpFailure.Reason | undefined

  private constructor(
    call: Call,
    outcome: Outcome,
    { cause, phase, requestWritten }: Facts,
    reason: HttpFailure.Reason | undefined,
    hint: Duration.Duration | undefined
  ) {
    super()
    this.phase = phase
    this.requestWritten = requestWritten
    if (cause !== undefined) this.cause = cause
    this.#call = call
    this.#outcome = outcome
    this.#reason = reason
    this.#hint = hint
  }

  /** The failure for a transient response, which asks to wait for `hint`. */
  static answered(call: Call, response: BodyResponse, hint: Duration.Duration | undefined): AttemptFailure {
    return new AttemptFailure(call, response, answered, undefined, hint)
  }

  /** The failure for an attempt without a response, or with less of one than `commit` needs. */
  static lost(call: Call, error: HttpClientError.HttpClientError, phase?: "body"): AttemptFailure {
    // Effect reports a cut body as a DecodeError, although nothing has been decoded yet.
    const failure = phase === "body" && error.reason._tag === "DecodeError"
      ? HttpFailure.fromUnknown(error.reason.cause, { phase })
      : Option.getOrUndefined(HttpFailure.fromClientError(error))
    if (failure !== undefined) {
      const { phase, reason, requestWritten, retryAfter } = failure
      const cause = call.shownFailure.below(error.reason.request).cause(failure.cause)
      return new AttemptFailure(call, error, { phase, requestWritten, cause }, reason, retryAfter)
    }
    // A policy below ended the call, or the request is invalid: sending it again would fail in the same way.
    const policy = isPolicyError(error.reason.cause) ? error.reason.cause.reason : undefined
    const reason = new HttpFailure.ProtocolError({ code: policy?._tag ?? error.reason._tag })
    const requestWritten = policy?._tag === "AttemptTimeout" || policy?._tag === "DeadlineExceeded"
    return new AttemptFailure(
      call,
      error,
      { phase: "headers", requestWritten, cause: call.shownFailure.error(error) },
      reason,
      undefined
    )
  }

  override get reason(): HttpFailure.Reason {
    return this.#reason ??= new HttpFailure.StatusFailure({
      status: this.response?.status ?? 0,
      retryAfter: this.#hint,
      excerpt: undefined
    })
  }

  /** The server's hint for this attempt, or the rest of the pause that it asked of another call, if that is longer. */
  override get retryAfter(): Duration.Duration | undefined {
    const { pause } = this.#call
    return pause === 0 ? this.#hint : Duration.max(this.#hint ?? Duration.zero, Duration.millis(pause))
  }

  /** The longest random part of a wait for the hint, as a share of the hint, if no more than `longest` is believed. */
  spreadShare(longest: number): number {
    const { retryAfter } = this
    const wait = retryAfter === undefined ? 0 : Math.min(Duration.toMillis(retryAfter), longest)
    return wait === 0 || wait === Infinity ? 0 : this.#call.spread(this, wait) / wait
  }

  override toJSON(): unknown {
    return { ...this, reason: this.reason }
  }

  /** The facts on which `HttpPolicy.decide` decides. */
  get attempt(): HttpPolicy.Attempt {
    const { response } = this
    return {
      request: this.#call.request,
      failure: this,
      transientResponse: response !== undefined,
      invited: response !== undefined && shouldRetry(response.headers) === true,
      bodySpent: this.#call.bodySpent
    }
  }

  /** The response, if one came. */
  get response(): BodyResponse | undefined {
    return this.#outcome instanceof BodyResponse ? this.#outcome : undefined
  }

  /** The caller's result, if this was the last attempt. */
  get outcome(): Effect.Effect<BodyResponse, HttpClientError.HttpClientError> {
    return this.#outcome instanceof BodyResponse
      ? Effect.succeed(this.#outcome)
      : Effect.fail(RequestDuration.recordedFailure(this.#call.shownFailure.error(this.#outcome), this.#call.recorder))
  }

  /** Frees the connection. */
  discard(): void {
    const { response } = this
    if (response !== undefined) this.#call.discard(response)
  }
}

const answered: Facts = { phase: "headers", requestWritten: true }
