/**
 * When an HTTP request may be sent again: the options of a policy for HTTP, their defaults, and the decisions as pure
 * functions.
 *
 * **When to use**
 *
 * Spread {@link standard} or {@link standardHedging} into the options of `ResilientHttpClient`, and change a part. Use
 * the functions in a client of your own, so that it decides in the same way.
 *
 * **Details**
 *
 * A request is retried if the answer to three questions is yes. Is the failure transient? The status or the reason
 * decides. Is the request safe to repeat? It is if its method is idempotent (RFC 9110 section 9.2.2), if it has a key
 * that makes the server act once (the `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header), or if nothing of
 * it was written. And is the body still available? A stream can be read only once.
 *
 * **Gotchas**
 *
 * The second question is the expensive one to get wrong, because a payment that is sent again after a timeout is a
 * second payment. So a POST is not repeated without a reason from this list, unless you declare it `idempotent` or the
 * server asks for the retry (`x-should-retry: true`).
 *
 * **Example**
 *
 * See {@link standard} and {@link decide}.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Retry from "@holdfast/core/Retry"
import type * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as HttpFailure from "./HttpFailure.ts"
import type { Options, Parts } from "./internal/policyOptions.ts"
import * as ServerHints from "./ServerHints.ts"

export type {
  Endpoint,
  Exact,
  HedgeOptions,
  Options,
  Parts,
  ReasonOf,
  RetryOptions,
  Timeouts
} from "./internal/policyOptions.ts"

/**
 * A complete policy, modelled on .NET's `AddStandardResilienceHandler`. Spread it to change a part.
 *
 * | part            | here                                                    | .NET                                    |
 * | --------------- | ------------------------------------------------------- | --------------------------------------- |
 * | total           | 30 seconds                                              | 30 seconds                              |
 * | bulkhead        | 1,000 calls at once to an origin, none waits            | 1,000 permits, queue 0, for the client  |
 * | retry           | 3 times, 500 ms doubling to 8 s, full jitter            | 3 times, 2 s doubling, jitter           |
 * | retry budget    | a fifth of the calls to an origin, 10 a second at least | none                                    |
 * | circuit breaker | 10 % of 100 attempts or more fail in 30 s; 5 s open     | the same                                |
 * | attempt         | 10 seconds                                              | 10 seconds                              |
 *
 * .NET's numbers are those of Microsoft Learn, "Build resilient HTTP apps", section "Add standard resilience handler".
 * Two of ours differ. The delays of .NET add up to some 14 of the 30 seconds of a call; these take 3.5 at most,
 * which leaves the time to the attempts. And without a budget, three retries quadruple the load on an overloaded
 * server. .NET's handler repeats POST and PATCH; here they are sent once, as by default everywhere in this package.
 *
 * **Gotchas**
 *
 * Attempt and total cover the body: for a streaming endpoint, set `timeouts: { attempt: false, total: false }`.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicy, ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, Layer } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const HttpLive = ResilientHttpClient.layer({ ...HttpPolicy.standard, baseUrl: "https://api.example.com" }).pipe(
 *   Layer.provide(TestTransport.layer([TestTransport.json(200, { left: 3 })]))
 * )
 *
 * const program = Effect.flatMap(HttpClient.get("/stock"), (response) => response.json)
 * await Effect.runPromise(program.pipe(Effect.provide(HttpLive))) // => { left: 3 }
 * ```
 */
export const standard = {
  timeouts: { attempt: "10 seconds", total: "30 seconds" },
  bulkhead: { limit: 1_000, queue: 0 },
  retry: {
    times: 3,
    backoff: Backoff.exponential({ initial: "500 millis", max: "8 seconds" }),
    budget: { ratio: 0.2, minPerSecond: 10 }
  },
  circuitBreaker: {
    trip: CircuitBreaker.rate({ threshold: 0.1, window: "30 seconds", minimumCalls: 100 }),
    openFor: "5 seconds"
  }
} as const satisfies Options

/**
 * {@link standard} for calls whose latency matters more than the load, modelled on .NET's `AddStandardHedgingHandler`.
 * A request that is safe to repeat gets a second one beside it after 2 seconds or when it fails, and the first answer
 * wins.
 *
 * | part                     | here                                  | .NET                                       |
 * | ------------------------ | ------------------------------------- | ------------------------------------------ |
 * | hedge                    | 1 more after 2 seconds, not of a POST | 1 more after 2 seconds, whatever the method |
 * | retry                    | once, after a race that has failed    | none                                       |
 * | total, attempt, breaker  | as {@link standard}                   | the same numbers                           |
 * | bulkhead                 | as {@link standard}                   | 1,000 permits, queue 0, for an endpoint    |
 *
 * .NET's numbers are those of Microsoft Learn, "Build resilient HTTP apps", section "Add standard hedging handler";
 * that it sends one more is Polly's default for `MaxHedgedAttempts`. With the retry, a request is sent at most 4 times,
 * as with {@link standard}. The hedges share the retries' budget.
 */
export const standardHedging = {
  ...standard,
  retry: { ...standard.retry, times: 1 },
  hedge: { after: "2 seconds", max: 1 }
} as const satisfies Options

/**
 * The methods that are safe to repeat: the idempotent ones of RFC 9110 section 9.2.2, and QUERY
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
 * Why a request that the server may have seen must not be sent again: `undefined` if it is safe to repeat.
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
  options: Pick<Parts, "idempotent">
): string | undefined => {
  if (repeatableMethods.has(request.method) || isKeyed(request)) return undefined
  const { idempotent } = options
  // A promise, which says nothing yet, must not count as a yes.
  return idempotent === true || (typeof idempotent === "function" && idempotent(request) === true)
    ? undefined
    : `${request.method} without an Idempotency-Key may have been carried out`
}

/** Whether a request has an `Idempotency-Key`. A blank one, such as from an unset variable, does not count. */
export const isKeyed = ({ headers }: HttpClientRequest.HttpClientRequest): boolean =>
  (headers["idempotency-key"] ?? "").trim() !== ""

/**
 * Whether a response is transient.
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
  options: Pick<Parts, "retryOn">
): boolean =>
  response.status < 400 && options.retryOn === undefined
    ? false
    : ServerHints.shouldRetry(response.headers) ?? isWorthIt(response, options.retryOn)

const isWorthIt = (response: HttpClientResponse.HttpClientResponse, retryOn: Parts["retryOn"]): boolean =>
  retryOn === undefined
    ? ServerHints.isTransient(response.status, response.headers)
    : typeof retryOn === "function"
    ? retryOn(response) === true
    : retryOn.includes(response.status)

/** The facts about a failed attempt. */
export interface Attempt {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly failure: HttpFailure.HttpFailure
  /** Whether the response was transient; `false` without a response. */
  readonly transientResponse: boolean
  /** Whether the server asked for a retry with `x-should-retry: true`. */
  readonly invited: boolean
  /** Whether the request body is a stream that has been read from. */
  readonly bodySpent: boolean
}

/**
 * Whether to send a request again: yes, no, or no with the reason for the `RetryStopped` event.
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
export const decide = (attempt: Attempt, options: Pick<Parts, "idempotent">): boolean | Retry.Refusal => {
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
