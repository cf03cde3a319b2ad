/**
 * What ends one body or one request of a download, and what the caller gets if nothing follows it.
 *
 * Guarded by `test/download/laws.download.test.ts` and `test/download/toFile.test.ts`.
 */
import { isPolicyError, type PolicyError } from "@holdfast/core/PolicyError"
import type * as Duration from "effect/Duration"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as DownloadError from "../../DownloadError.ts"
import * as HttpFailure from "../../HttpFailure.ts"

export type Outcome = HttpClientError.HttpClientError | DownloadError.DownloadError

export class Interruption extends HttpFailure.HttpFailure {
  /** Not enumerable: what is logged of an interruption must not hold the request and the response. */
  declare readonly outcome: Outcome

  private static with(failure: HttpFailure.HttpFailure, outcome: Outcome): Interruption {
    const { phase, reason, requestWritten } = failure
    const self = new Interruption({ reason, phase, requestWritten })
    Object.defineProperty(self, "outcome", { value: outcome })
    return self
  }

  /** A failure of the client; `received` is how much of the body had come. */
  static lost(error: HttpClientError.HttpClientError): Interruption {
    return Interruption.with(
      Option.getOrElse(HttpFailure.fromClientError(error), () => broken(error.reason._tag)),
      error
    )
  }

  /** A body that is shorter than it was announced to be. */
  static short(response: HttpClientResponse.HttpClientResponse, received: number): Interruption {
    const reason = new HttpFailure.BodyCut({ code: "short", received })
    const failure = new HttpFailure.HttpFailure({ reason, phase: "body", requestWritten: true })
    const { request } = response
    const cut = new HttpClientError.TransportError({ request, cause: failure, description: failure.message })
    return Interruption.with(failure, new HttpClientError.HttpClientError({ reason: cut }))
  }

  /** A status that is not the one hoped for. */
  static status(
    response: HttpClientResponse.HttpClientResponse,
    retryAfter: Duration.Duration | undefined
  ): Interruption {
    const { request, status } = response
    const reason = new HttpClientError.StatusCodeError({ request, response })
    const error = new HttpClientError.HttpClientError({ reason })
    return Interruption.with(HttpFailure.fromStatus(status, { retryAfter }), error)
  }

  /** A reason of ours not to go on. */
  static refused(reason: DownloadError.Reason, cause?: unknown): Interruption {
    return Interruption.with(
      broken(reason._tag),
      new DownloadError.DownloadError({ reason, ...(cause === undefined ? undefined : { cause }) })
    )
  }

  get isRefusal(): boolean {
    return this.outcome._tag === "DownloadError"
  }

  override get message(): string {
    return this.isRefusal || this.policy !== undefined ? this.outcome.message : super.message
  }

  /** A client's own bound on one call does not end a download, which is made of many. */
  override get isRetryable(): boolean {
    if (this.isRefusal) return false
    const { policy } = this
    return policy === undefined ? super.isRetryable : policy.isRetryable || policy.reason._tag === "DeadlineExceeded"
  }

  override get retryAfter(): Duration.Duration | undefined {
    return this.policy?.retryAfter ?? super.retryAfter
  }

  private get policy(): PolicyError | undefined {
    const cause = this.outcome._tag === "HttpClientError" ? this.outcome.reason.cause : undefined
    return isPolicyError(cause) ? cause : undefined
  }
}

const broken = (code: string) =>
  new HttpFailure.HttpFailure({
    reason: new HttpFailure.ProtocolError({ code }),
    phase: "headers",
    requestWritten: true
  })
