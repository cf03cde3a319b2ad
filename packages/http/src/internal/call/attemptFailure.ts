/**
 * The failure of one attempt, as the policy and its observers see it: an `HttpFailure`, and what the attempt has left.
 *
 * It is an `Error` in all but how it is made. An `Error` takes longer than all that is decided by it, and this one is
 * never thrown, where it was made says nothing, and most that are retried nobody ever looks at.
 */
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as HttpFailure from "../../HttpFailure.ts"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { shouldRetry } from "../../ServerHints.ts"
import { BodyResponse } from "./bodyResponse.ts"
import type { HttpCall } from "./httpCall.ts"

/** `HttpFailure` without the constructor of `Error`. */
const Unthrown = function() {} as unknown as new() => HttpFailure.HttpFailure
Unthrown.prototype = HttpFailure.HttpFailure.prototype

/** What the caller gets when the attempt was the last. */
type Outcome = BodyResponse | HttpClientError.HttpClientError

type Facts = Pick<HttpFailure.HttpFailure, "phase" | "requestWritten" | "cause">

export class AttemptFailure extends Unthrown {
  override readonly _tag = "HttpFailure"
  override readonly phase: HttpFailure.Phase
  override readonly requestWritten: boolean
  declare readonly cause?: unknown

  // Private: what is logged of the failure must not hold the request and the response.
  readonly #call: HttpCall
  readonly #outcome: Outcome
  readonly #hint: Duration.Duration | undefined
  #reason: HttpFailure.Reason | undefined

  private constructor(
    call: HttpCall,
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

  /** A response came that is one to try again after, and that asks to wait for as long as `hint` says. */
  static answered(call: HttpCall, response: BodyResponse, hint: Duration.Duration | undefined): AttemptFailure {
    return new AttemptFailure(call, response, answered, undefined, hint)
  }

  /** No response came, or not as much of one as the attempt needs. */
  static lost(call: HttpCall, error: HttpClientError.HttpClientError, phase?: "body"): AttemptFailure {
    // Effect calls a body that was cut a failure to decode; nothing is decoded yet.
    const failure = phase === "body" && error.reason._tag === "DecodeError"
      ? HttpFailure.fromUnknown(error.reason.cause, { phase })
      : Option.getOrUndefined(HttpFailure.fromClientError(error))
    if (failure !== undefined) return new AttemptFailure(call, error, failure, failure.reason, failure.retryAfter)
    // A policy below ended the call, or the request could not be built: the same request would fail in the same way.
    const policy = isPolicyError(error.reason.cause) ? error.reason.cause.reason : undefined
    const reason = new HttpFailure.ProtocolError({ code: policy?._tag ?? error.reason._tag })
    const requestWritten = policy?._tag === "AttemptTimeout" || policy?._tag === "DeadlineExceeded"
    return new AttemptFailure(call, error, { phase: "headers", requestWritten, cause: error }, reason, undefined)
  }

  override get reason(): HttpFailure.Reason {
    return this.#reason ??= new HttpFailure.StatusFailure({
      status: this.response?.status ?? 0,
      retryAfter: this.#hint,
      excerpt: undefined
    })
  }

  /** What the server has asked of this call, or the rest of what it has asked of another in the meantime. */
  override get retryAfter(): Duration.Duration | undefined {
    const { pause } = this.#call
    return pause === 0 ? this.#hint : Duration.max(this.#hint ?? Duration.zero, Duration.millis(pause))
  }

  override toJSON(): unknown {
    return { ...this, reason: this.reason }
  }

  /** What the policy is asked about. */
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

  /** What the caller gets, if this was the last attempt. */
  get outcome(): Effect.Effect<BodyResponse, HttpClientError.HttpClientError> {
    return this.#outcome instanceof BodyResponse ? Effect.succeed(this.#outcome) : Effect.fail(this.#outcome)
  }

  /** Frees the connection. */
  discard(): void {
    const { response } = this
    if (response !== undefined) this.#call.discard(response)
  }
}

const answered: Facts = { phase: "headers", requestWritten: true }
