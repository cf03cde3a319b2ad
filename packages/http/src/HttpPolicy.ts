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
import type * as Duration from "effect/Duration"
import type * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type { HttpMethod } from "effect/http/HttpMethod"
import type * as Redacted from "effect/Redacted"
import type * as HttpFailure from "./HttpFailure.ts"
import * as ServerHints from "./ServerHints.ts"

/**
 * How to retry: a core retry over `HttpFailure`, without `while`, which this module answers. A `budget` that is given as
 * options is one for each origin; one that is a `RetryBudget` is shared by all.
 */
export type RetryOptions = Omit<Retry.Options<HttpFailure.HttpFailure>, "while">

/**
 * How to hedge: a core hedge over `HttpFailure`. Its `budget` defaults to the one of the retries, and its `while` to what
 * the retries go by.
 */
export interface HedgeOptions extends Omit<Hedge.Options<HttpFailure.HttpFailure>, "budget"> {
  readonly budget?: RetryBudget.RetryBudget | Hedge.Budget | undefined
}

/** The bounds on time. A policy's own timeouts are `PolicyError`s. */
export interface Timeouts {
  /**
   * How long one attempt may take: the wait for a connection, the head, and the body until it has ended or is no longer
   * read. An attempt that ends before its `commit` is retried; a body that is cut off after it fails with an
   * `AttemptTimeout` as its cause, and is not. A stream that may last says `false`, and has the transport's `bodyTimeout`
   * against silence. Default: `false`, no bound beyond the transport's own.
   */
  readonly attempt?: Duration.Input | false | undefined
  /**
   * How long the whole call may take, with all attempts, all delays and the body: a body that is read past it fails.
   * `false` for no bound, which is the default.
   */
  readonly total?: Duration.Input | false | undefined
}

/**
 * The parts of a policy, in the order of the core: total, bulkhead, rate limit, retry, circuit breaker, hedge, attempt.
 * Each origin has permits, counts, circuits, latencies and a budget of its own. `false` is none.
 */
export interface Parts {
  /** How to retry. Defaults to 3 retries with exponential backoff. */
  readonly retry?: RetryOptions | false | undefined
  /** Defaults to none. */
  readonly timeouts?: Timeouts | undefined
  /**
   * How many calls to one origin may run at the same time, and how many may wait. A permit is held until the response
   * has come as far as `commit` says, delays between attempts included. Defaults to no limit.
   */
  readonly bulkhead?: Bulkhead.Options | Bulkhead.Bulkhead | false | undefined
  /** How many calls to one origin may start in a window of time. Retries are not counted. Defaults to no limit. */
  readonly rateLimit?: RateLimit.Options | RateLimit.RateLimit | false | undefined
  /**
   * When to stop calling an origin. Every attempt counts, and a response that is worth another attempt is a failure like
   * a lost connection; `isFailure` defaults to all but requests that cannot be sent at all. Defaults to no breaker.
   */
  readonly circuitBreaker?:
    | CircuitBreaker.Options<HttpFailure.HttpFailure>
    | CircuitBreaker.CircuitBreaker<HttpFailure.HttpFailure>
    | false
    | undefined
  /**
   * A second request beside one that is slow, for requests that may be repeated. The others are never hedged. Defaults to
   * no hedge.
   */
  readonly hedge?: HedgeOptions | false | undefined
  /**
   * Which responses are worth another attempt, by status or by a predicate. `x-should-retry` is believed before either.
   * Default: what `ServerHints.isTransient` says.
   */
  readonly retryOn?:
    | ReadonlyArray<number>
    | ((response: HttpClientResponse.HttpClientResponse) => boolean)
    | undefined
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
 * Requests that have a policy of their own: those for which all that is said of origin, path and methods holds, one of
 * which must be said. What the endpoint does not say it has in common with the client, the very same breaker, bulkhead
 * and budget; `retry` and `timeouts` are taken key by key.
 */
export interface Endpoint extends Parts {
  /** Scheme, host and port: `"https://api.example.com"`. Defaults to any. */
  readonly origin?: string | undefined
  /**
   * A pattern for the path of the URL, with that of `baseUrl`, in the syntax of the URL Pattern standard
   * (urlpattern.spec.whatwg.org): `"/v1/charges/:id"`. One that is more than text needs a platform with `URLPattern`:
   * Node 24, and browsers since 2025. Defaults to any.
   */
  readonly path?: string | undefined
  /** Defaults to all. */
  readonly methods?: ReadonlyArray<HttpMethod> | undefined
}

/** The options of a policy for HTTP. */
export interface Options extends Parts {
  /** Names the policy in events, logs and spans. Defaults to `"http"`. */
  readonly name?: string | undefined
  /** What relative URLs are appended to. Defaults to nothing. */
  readonly baseUrl?: string | undefined
  /**
   * Headers that each request gets unless it has them. `Redacted` ones are secrets: they go to the origin of `baseUrl`
   * alone or, without a `baseUrl`, to the origin that the request was made for, and never along with a redirect to
   * another origin. The origin is that of the platform's `URL`. Default: none.
   */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** A token for the header `authorization`, as one of the `Redacted` headers. Defaults to none. */
  readonly bearer?: Redacted.Redacted | undefined
  /** Names the program in the header `user-agent`, unless a request does. Defaults to the transport's own. */
  readonly userAgent?: string | undefined
  /**
   * Tells the server how many attempts went before, on all but the first: in the header of this name, or of
   * `previous-attempts` for `true`. gRPC's `grpc-previous-rpc-attempts` counts alike. Defaults to `false`.
   */
  readonly attemptHeader?: string | boolean | undefined
  /**
   * Tells the server for how long an answer is still of use, in whole milliseconds: what is left of the total and of the
   * `Deadline` in force, and not more than an attempt may take. In the header of this name, or that of
   * `DeadlineHeader` for `true`. Defaults to `false`.
   */
  readonly deadlineHeader?: string | boolean | undefined
  /**
   * Requests that have a policy of their own, by its name: the first that fits is taken, in the order in which they are
   * written. Its policy is `name/endpoint` in events, logs and spans. Defaults to none.
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

/** Refuses keys that no option has, at any depth. */
export type Exact<O> = PolicyTypes.Exact<O, Options>

/**
 * A whole policy in one word, after .NET's `AddStandardResilienceHandler`. Spread it to change a part.
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
 * Two numbers are ours. .NET's delays add up to some 14 of the 30 seconds that a call has; these take 3.5 at most, which
 * leaves the time to the attempts. And without a budget three retries quadruple the load on a server that is down because
 * of load. POST and PATCH are sent once, as everywhere here, where .NET's handler repeats them.
 *
 * **Gotchas**
 *
 * Attempt and total cover the body: an endpoint that streams says `timeouts: { attempt: false, total: false }`.
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
 * {@link standard} for calls whose latency matters more than the load, after .NET's `AddStandardHedgingHandler`: a request
 * that may be repeated gets a second one beside it after 2 seconds or when it fails, and the first answer wins.
 *
 * .NET hedges every method and retries nothing. Here a POST or PATCH is never hedged, and one retry is left for what ends
 * before it is answered: a request is sent at most 4 times, as by {@link standard}. The hedges share the retries' budget.
 */
export const standardHedging = {
  ...standard,
  retry: { ...standard.retry, times: 1 },
  hedge: { after: "2 seconds", max: 1 }
} as const satisfies Options

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
  options: Pick<Parts, "idempotent">
): string | undefined => {
  if (repeatableMethods.has(request.method) || isKeyed(request)) return undefined
  const { idempotent } = options
  return idempotent === true || (typeof idempotent === "function" && idempotent(request))
    ? undefined
    : `${request.method} without an Idempotency-Key may have been carried out`
}

/** Whether a request has an `Idempotency-Key`: a blank one, such as of a variable that is not set, counts as none. */
export const isKeyed = ({ headers }: HttpClientRequest.HttpClientRequest): boolean =>
  (headers["idempotency-key"] ?? "").trim() !== ""

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
