/**
 * When an HTTP request may be sent again: the options of a policy for HTTP, their defaults, and the decisions as pure
 * functions.
 *
 * Three questions, and all three must say yes. Is the failure transient? Statuses and reasons say so. May the request
 * be repeated? Its method says so (RFC 9110 section 9.2.2), or a key that makes the server do it once (the
 * `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header), or proof that nothing of it was written. And is the
 * body still there? A stream can be read once.
 *
 * It hurts where the second question is answered wrongly: a payment that is sent again after a timeout is a second
 * payment. So a POST is not repeated unless something says that it may be.
 */
import * as Retry from "@holdfast/core/Retry"
import type * as Duration from "effect/Duration"
import type * as Headers from "effect/http/Headers"
import type * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import * as HttpFailure from "./HttpFailure.ts"
import { retryAfterOf, shouldRetry } from "./internal/retryHints.ts"

/** How to retry: a core retry over `HttpFailure`, without `while`, which this module answers. */
export type RetryOptions = Omit<Retry.Options<HttpFailure.HttpFailure>, "while">

/** The bounds on time. A policy's own timeouts are `PolicyError`s. */
export interface Timeouts {
  /**
   * How long one attempt may take: waiting for a connection, the head, and as much of the body as `commit` wants.
   * Defaults to no bound beyond the transport's own.
   */
  readonly attempt?: Duration.Input | undefined
  /**
   * How long the whole call may take, with all attempts, all delays and the body: a body that is read past it fails.
   * Defaults to no bound.
   */
  readonly total?: Duration.Input | undefined
}

/** The options of a policy for HTTP. */
export interface Options {
  /** Names the policy in events, logs and spans. Defaults to `"http"`. */
  readonly name?: string | undefined
  /** What relative URLs are appended to. Defaults to nothing. */
  readonly baseUrl?: string | undefined
  /**
   * Headers that each request gets unless it has them. Those that are `Redacted` are sent to the origin of `baseUrl`
   * alone, when there is one, whatever a redirect says. Defaults to none.
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** How to retry; `false` for not at all. Defaults to 3 retries with exponential backoff. */
  readonly retry?: RetryOptions | false | undefined
  /** Defaults to none. */
  readonly timeouts?: Timeouts | undefined
  /**
   * Which responses are worth another attempt, instead of the statuses 408, 425, 429, 500, 502, 503, 504 and 529.
   * `x-should-retry` is believed before either.
   */
  readonly retryOn?: ((response: HttpClientResponse.HttpClientResponse) => boolean) | undefined
  /**
   * `"auto"` gives each POST and PATCH without an `Idempotency-Key` a random one, the same on every attempt, which
   * makes it repeatable. Only for servers that honour the header. Defaults to `"none"`.
   */
  readonly idempotencyKey?: "auto" | "none" | undefined
  /** Requests that may be repeated whatever their method. Defaults to none. */
  readonly idempotent?: boolean | ((request: HttpClientRequest.HttpClientRequest) => boolean) | undefined
  /**
   * Whether a request body that is a stream gives the same bytes each time it is run, as a file does. Defaults to
   * `"once"`: such a request is repeated only if nothing has been read from the stream.
   */
  readonly streamBody?: "once" | "replayable" | undefined
  /**
   * How far a response must have come for an attempt to have succeeded; a failure before that is retried, one after it
   * is not. `"firstByte"`: the first byte of the body is here, or all of a body that is announced with 64 KiB or less.
   * `"head"`: the head is, for responses that are looked at before their body begins. Defaults to `"firstByte"`.
   */
  readonly commit?: "firstByte" | "head" | undefined
}

/**
 * The methods that may be repeated: the idempotent ones of RFC 9110 section 9.2.2, and QUERY
 * (draft-ietf-httpbis-safe-method-w-body).
 */
export const repeatableMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "QUERY"
])

/**
 * Whether a request may be sent again after the server may have seen it: `undefined` for yes, else why not.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicy } from "@holdfast/http"
 * import { HttpClientRequest } from "effect/http"
 *
 * const post = HttpClientRequest.post("/payments")
 * HttpPolicy.refusal(post, {}) // => "POST without an Idempotency-Key may have been carried out"
 * HttpPolicy.refusal(HttpClientRequest.setHeader(post, "idempotency-key", "k1"), {}) // => undefined
 * HttpPolicy.refusal(HttpClientRequest.get("/stock"), {}) // => undefined
 * ```
 */
export const refusal = (
  request: HttpClientRequest.HttpClientRequest,
  options: Pick<Options, "idempotent">
): string | undefined => {
  if (repeatableMethods.has(request.method) || "idempotency-key" in request.headers) return undefined
  const { idempotent } = options
  return idempotent === true || (typeof idempotent === "function" && idempotent(request))
    ? undefined
    : `${request.method} without an Idempotency-Key may have been carried out`
}

/**
 * Whether a response is one to try again after.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicy } from "@holdfast/http"
 * import { HttpClientRequest, HttpClientResponse } from "effect/http"
 *
 * const answer = (status: number, headers = {}) =>
 *   HttpClientResponse.fromWeb(HttpClientRequest.get("/"), new Response(null, { status, headers }))
 *
 * HttpPolicy.isTransient(answer(503), {}) // => true
 * HttpPolicy.isTransient(answer(404), {}) // => false
 * HttpPolicy.isTransient(answer(503, { "x-should-retry": "false" }), {}) // => false
 * ```
 */
export const isTransient = (
  response: HttpClientResponse.HttpClientResponse,
  options: Pick<Options, "retryOn">
): boolean =>
  response.status < 400 && options.retryOn === undefined
    ? false
    : shouldRetry(response.headers) ??
      (options.retryOn === undefined
        ? HttpFailure.retryableStatuses.has(response.status)
        : options.retryOn(response))

/** What is known of an attempt that failed. */
export interface Attempt {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly failure: HttpFailure.HttpFailure
  /** Whether the response was one to try again after; `false` when none came. */
  readonly transientResponse: boolean
  /** Whether the server itself said that the request should be sent again. */
  readonly invited: boolean
  /** Whether the body of the request is a stream of which something was read. */
  readonly bodySpent: boolean
}

/**
 * Whether to send a request again: yes, no, or no with the reason that the `RetryStopped` event carries.
 *
 * ```ts import.meta.vitest
 * import { HttpFailure, HttpPolicy } from "@holdfast/http"
 * import { HttpClientRequest } from "effect/http"
 *
 * const lost = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "ECONNRESET" }))
 * const refused = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "ECONNREFUSED" }))
 * const request = HttpClientRequest.post("/payments")
 * const facts = { request, transientResponse: false, invited: false, bodySpent: false }
 *
 * HttpPolicy.decide({ ...facts, failure: refused }, {}) // => true
 * HttpPolicy.decide({ ...facts, failure: lost }, { idempotent: true }) // => true
 * HttpPolicy.decide({ ...facts, failure: lost }, {})
 * // => { because: "POST without an Idempotency-Key may have been carried out" }
 * ```
 */
export const decide = (attempt: Attempt, options: Options): boolean | Retry.Refusal => {
  const { failure, request } = attempt
  if (!(attempt.transientResponse || (failure.reason._tag !== "StatusFailure" && failure.isRetryable))) return false
  if (attempt.bodySpent) return Retry.refuse("the request body is a stream, which was read and cannot be sent again")
  if (!failure.requestWritten || attempt.invited) return true
  const refused = refusal(request, options)
  return refused === undefined ? true : Retry.refuse(refused)
}

/**
 * Whether a body can be sent more than once. Raw bodies count as streams unless they are text, bytes, a blob or a form.
 */
export const isReplayable = (body: HttpBody.HttpBody): boolean => {
  switch (body._tag) {
    case "Stream":
      return false
    case "Raw":
      return isValue(body.body)
    default:
      return true
  }
}

const isValue = (body: unknown): boolean =>
  body === undefined || body === null || typeof body === "string" || ArrayBuffer.isView(body) ||
  body instanceof ArrayBuffer || body instanceof URLSearchParams || body instanceof Blob || body instanceof FormData

/**
 * How long the headers of a response ask to wait, at the instant `now` in milliseconds since the epoch:
 * `retry-after-ms`, `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), or `RateLimit-Reset`, the first that can be read.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicy } from "@holdfast/http"
 * import { Duration } from "effect"
 * import { Headers } from "effect/http"
 *
 * const noon = Date.UTC(2026, 10, 23, 12)
 * const wait = (headers: Headers.Input) => HttpPolicy.retryAfter(Headers.fromInput(headers), noon)
 *
 * wait({ "retry-after": "5" }) // => Duration.seconds(5)
 * wait({ "retry-after": "Mon, 23 Nov 2026 12:01:00 GMT" }) // => Duration.seconds(60)
 * wait({ "retry-after": "soon" }) // => undefined
 * ```
 */
export const retryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined =>
  retryAfterOf(headers, now)
