/**
 * When an HTTP request may be sent again: the options of a policy for HTTP, their defaults, and the decisions as pure
 * functions.
 *
 * A request is retried if the answer to three questions is yes. Is the failure transient? The status or the reason
 * decides. Is the request safe to repeat? It is if its method is idempotent (RFC 9110 section 9.2.2), if it has a key
 * that makes the server act once (the `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header), or if nothing of
 * it was written. And is the body still available? A stream can be read only once.
 *
 * When it hurts: the second question is the expensive one to get wrong, because a payment that is sent again after a
 * timeout is a second payment. So a POST is not repeated without a reason from this list.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import * as Backoff from "@holdfast/core/Backoff"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as Hedge from "@holdfast/core/Hedge"
import type {
  AttemptTimeout,
  BulkheadFull,
  CircuitOpen,
  DeadlineExceeded,
  RateLimited
} from "@holdfast/core/PolicyError"
import type * as PolicyTypes from "@holdfast/core/PolicyTypes"
import type * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import type * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type { HttpMethod } from "effect/http/HttpMethod"
import type * as Redacted from "effect/Redacted"
import type * as HttpFailure from "./HttpFailure.ts"
import * as ServerHints from "./ServerHints.ts"

/**
 * How to retry: a core retry over `HttpFailure`, without `while`, which this module decides. A `budget` given as
 * options makes a budget for each origin; a `RetryBudget` is shared by all origins.
 */
export type RetryOptions = Omit<Retry.Options<HttpFailure.HttpFailure>, "while" | "whileResult">

/**
 * How to hedge: a core hedge over `HttpFailure`. Default for `budget`: the retries' budget. Default for `while`: the
 * rule that decides whether to retry.
 */
export interface HedgeOptions extends Omit<Hedge.Options<HttpFailure.HttpFailure>, "budget"> {
  readonly budget?: RetryBudget.RetryBudget | Hedge.Budget | undefined
}

/** The policy's own timeouts. They fail with a `PolicyError`. */
export interface Timeouts {
  /**
   * How long one attempt may take: the wait for a connection, the head, and the body until it ends or is cancelled. A
   * timeout before `commit` may be retried. After it, the body fails with an `AttemptTimeout` as the cause, and there
   * is no retry. For a long-lived stream set `false`: the transport's `bodyTimeout` still ends it when it goes silent.
   * Default: `false`, which leaves the transport's own timeouts.
   */
  readonly attempt?: Arguments.DurationInput | false | undefined
  /**
   * How long the whole call may take: all attempts, all delays, and the body, which fails when the time is up. Default:
   * `false`, which is no bound.
   */
  readonly total?: Arguments.DurationInput | false | undefined
}

/**
 * The parts of a policy, in the order of the core: total, bulkhead, rate limit, retry, circuit breaker, hedge, attempt.
 * Each origin has permits, counts, circuits, latencies and a budget of its own. `false` turns a part off.
 */
export interface Parts {
  /** How to retry. Default: 3 retries with exponential backoff. */
  readonly retry?: RetryOptions | false | undefined
  /** Default: no timeouts. */
  readonly timeouts?: Timeouts | undefined
  /**
   * How many calls to one origin may run at the same time, and how many may wait. A call holds its permit until the
   * response reaches the point that `commit` names, through the delays between attempts too. Default: no limit.
   */
  readonly bulkhead?: Bulkhead.Options | Bulkhead.Bulkhead | false | undefined
  /** How many calls to one origin may start in a window of time. Retries are not counted. Default: no limit. */
  readonly rateLimit?: RateLimit.Options | RateLimit.RateLimit | false | undefined
  /**
   * When to stop calling an origin. Every attempt counts, and a transient response is a failure like a lost connection.
   * Default for `isFailure`: every failure except requests that were invalid and never sent. Default: no breaker.
   */
  readonly circuitBreaker?:
    | CircuitBreaker.Options<HttpFailure.HttpFailure>
    | CircuitBreaker.CircuitBreaker<HttpFailure.HttpFailure>
    | false
    | undefined
  /**
   * A second request beside a slow one, for requests that are safe to repeat. Others are never hedged. Default: no
   * hedge.
   */
  readonly hedge?: HedgeOptions | false | undefined
  /**
   * Which responses are transient, by status or by a predicate. `x-should-retry` overrides both. Default:
   * `ServerHints.isTransient`.
   */
  readonly retryOn?:
    | ReadonlyArray<number>
    | ((response: HttpClientResponse.HttpClientResponse) => boolean)
    | undefined
  /**
   * `"auto"` gives each POST and PATCH without an `Idempotency-Key` a random one, the same on every attempt, which
   * makes it safe to repeat. Use it only with servers that support the header. Default: `"none"`.
   */
  readonly idempotencyKey?: "auto" | "none" | undefined
  /** Requests that are safe to repeat whatever their method. Default: none. */
  readonly idempotent?: boolean | ((request: HttpClientRequest.HttpClientRequest) => boolean) | undefined
  /**
   * Whether a stream body gives the same bytes each time it is run, as a file does (`"replayable"`). With `"once"`, the
   * request is repeated only if nothing has been read from the stream. Default: `"once"`.
   */
  readonly streamBody?: "once" | "replayable" | undefined
  /**
   * The point at which an attempt has succeeded: a failure before it is retried, a failure after it is not.
   * `"firstByte"`: the first byte of the body, or the whole body if it is announced with 64 KiB or less. `"head"`: the
   * head of the response, for code that acts on it before the body begins. Default: `"firstByte"`.
   */
  readonly commit?: "firstByte" | "head" | undefined
}

/**
 * A policy for the requests that match origin, path and methods. Give at least one of the three. The endpoint inherits
 * the parts that it leaves out and shares their state with the client: the same breaker, bulkhead and budget. `retry`
 * and `timeouts` are merged key by key.
 */
export interface Endpoint extends Parts {
  /** Scheme, host and port: `"https://api.example.com"`. Default: any. */
  readonly origin?: string | undefined
  /**
   * A pattern for the path of the URL, the path of `baseUrl` included, in the syntax of the URL Pattern standard
   * (urlpattern.spec.whatwg.org): `"/v1/charges/:id"`. Anything but plain text needs a platform with `URLPattern`: Node
   * 24, and browsers since 2025. Default: any.
   */
  readonly path?: string | undefined
  /** The methods, in capitals. Default: all. */
  readonly methods?: ReadonlyArray<HttpMethod> | undefined
}

/** The options of a policy for HTTP. */
export interface Options extends Parts {
  /** Names the policy in events, logs and spans. Default: `"http"`. */
  readonly name?: string | undefined
  /** The prefix of relative URLs. Default: none. */
  readonly baseUrl?: string | undefined
  /**
   * Headers for each request that does not set them itself. `Redacted` ones are secrets: they are sent only to the
   * origin of `baseUrl` or, without a `baseUrl`, to the origin that the request was made for, and never along with a
   * redirect to another origin. Origins are compared as the platform's `URL` parses them. Default: none.
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** A token for the header `authorization`, sent like the other `Redacted` headers. Default: none. */
  readonly bearer?: Redacted.Redacted | undefined
  /** Names the program in the header `user-agent`, unless a request sets it. Default: the transport's own. */
  readonly userAgent?: string | undefined
  /**
   * A header that counts the attempts before this one, from the second attempt on, as gRPC's
   * `grpc-previous-rpc-attempts` does. Give its name, or `true` for `previous-attempts`. Default: `false`.
   */
  readonly attemptHeader?: string | boolean | undefined
  /**
   * A header that tells the server how long the client will wait, in whole milliseconds: the least of the attempt's
   * timeout, the rest of the total and the `Deadline` in force. Give its name, or `true` for
   * `DeadlineHeader.defaultName`. Default: `false`.
   */
  readonly deadlineHeader?: string | boolean | undefined
  /**
   * Policies for some of the requests, by name: the first match wins, in the order of the keys. An endpoint's policy is
   * called `name/endpoint` in events, logs and spans. Default: none.
   */
  readonly endpoints?: Readonly<Record<string, Endpoint>> | undefined
}

/** Whether the options `O` configure the part `K`. */
type Has<O, K extends PropertyKey> = K extends keyof O ?
  [Exclude<O[K], false | undefined>] extends [never] ? false : true
  : false

/** The reason that each part can fail with. */
interface Reasons {
  readonly attempt: AttemptTimeout
  readonly total: DeadlineExceeded
  readonly bulkhead: BulkheadFull
  readonly rateLimit: RateLimited
  readonly circuitBreaker: CircuitOpen
}

type Given<O, K extends PropertyKey> = K extends keyof O ? NonNullable<O[K]> : never

/** The parts among `K` that the options `O` configure. */
type Said<O, K extends PropertyKey> = K extends unknown ? Has<O, K> extends true ? K : never : never

type OwnPart<O> =
  | Said<O, "bulkhead" | "circuitBreaker" | "rateLimit">
  | Said<Given<O, "timeouts">, "attempt" | "total">

type EndpointPart<P> = [P] extends [never] ? never : { readonly [K in keyof P]: OwnPart<P[K]> }[keyof P]

/** The reasons that a client with the options `O` can fail with: those of its own parts and those of its endpoints. */
export type ReasonOf<O> = {
  readonly [K in keyof Reasons]: K extends OwnPart<O> | EndpointPart<Given<O, "endpoints">> ? Reasons[K] : never
}[keyof Reasons]

/** Rejects unknown keys at any depth. */
export type Exact<O> = PolicyTypes.Exact<O, Options>

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
 * Two numbers differ from .NET's. Its delays add up to some 14 of the 30 seconds of a call; these take 3.5 at most,
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
 * .NET hedges every method and retries nothing. Here a POST or PATCH is never hedged, and one retry remains for a race
 * in which both fail: a request is sent at most 4 times, as with {@link standard}. The hedges share the retries'
 * budget.
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
  return idempotent === true || (typeof idempotent === "function" && idempotent(request))
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
    ? retryOn(response)
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
