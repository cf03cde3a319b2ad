/**
 * The options of a policy for HTTP, and the errors that they add. `HttpPolicy` exports them.
 *
 * Guarded by `test/HttpPolicy.test.ts` and `test/HttpPolicyFile.test.ts`.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as Hedge from "@holdfast/core/Hedge"
import type * as PolicyError from "@holdfast/core/PolicyError"
import type * as PolicyTypes from "@holdfast/core/PolicyTypes"
import type * as RateLimit from "@holdfast/core/RateLimit"
import type * as Retry from "@holdfast/core/Retry"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type { HttpMethod } from "effect/http/HttpMethod"
import type * as Redacted from "effect/Redacted"
import type * as HttpFailure from "../HttpFailure.ts"

/**
 * How to retry: a core retry over `HttpFailure`, without `while`, which this module decides. A `budget` given as
 * options makes a budget for each origin; a `RetryBudget` is shared by all origins.
 *
 * A hint of a server pauses all calls to its origin, up to `retryAfter.max`. They return within `retryAfter.spread` times
 * the pause, each when chance says. If several have waited, a server that asks for another pause as they return gets twice
 * the spread, and so on, up to `retryAfter.max`. A call whose `total` leaves no time for that fails at once.
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
   * is not a retry. For a long-lived stream set `false`: the transport's `bodyTimeout` still ends it when it goes silent.
   * Default: `false`, which leaves the transport's own timeouts.
   */
  readonly attempt?: Arguments.DurationInput | false | undefined
  /**
   * How long the whole call may take: all attempts, all delays, and the body, which fails when the time is up. Default:
   * `false`, which is not a bound.
   */
  readonly total?: Arguments.DurationInput | false | undefined
}

/**
 * The parts of a policy, in the order of the core: total, bulkhead, rate limit, retry, circuit breaker, hedge, attempt.
 * Each origin has permits, counts, circuits, latencies and a budget of its own. `false` turns a part off.
 */
export interface Parts {
  /** How to retry: a `Retry` of the core without `while`. Default: 3 retries with exponential backoff. */
  readonly retry?: RetryOptions | false | undefined
  /** How long one attempt and the whole call may take. Default: no timeouts beyond the transport's. */
  readonly timeouts?: Timeouts | undefined
  /**
   * How many calls to one origin may run at the same time, and how many may wait. A call holds its permit until the
   * response reaches the point that `commit` names, through the delays between attempts too. Default: no limit.
   */
  readonly bulkhead?: Bulkhead.Options | Bulkhead.Bulkhead | false | undefined
  /** How many calls to one origin may start in a window of time. Retries are not counted. Default: no limit. */
  readonly rateLimit?: RateLimit.Options | RateLimit.RateLimit | false | undefined
  /**
   * When to stop calling an origin, by its failures: lost connections and transient responses. Every attempt counts.
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
   * `"firstByte"` or `"head"`: a failure before this point is retried, a failure after it goes to the caller.
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
   * 24, browsers since 2025, or the package `urlpattern-polyfill`. Default: any.
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
interface Reasons extends Pick<PolicyError.Reasons, "bulkhead" | "rateLimit" | "circuitBreaker"> {
  readonly attempt: PolicyError.AttemptTimeout
  readonly total: PolicyError.DeadlineExceeded
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
