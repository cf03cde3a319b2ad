/**
 * The failure of an HTTP exchange: one tagged error for every client, with a tagged `reason`, the `phase` in which it
 * happened, and whether the server may have seen the request.
 *
 * **When to use**
 *
 * Clients report failures as `TypeError: fetch failed`, `SocketError: other side closed` or `ECONNRESET`, some four
 * causes deep. Whether a POST is safe to repeat depends on one fact inside: was any of it written? A policy that
 * guesses from the message breaks with the next release of the client.
 *
 * **Details**
 *
 * The answer comes from error codes and classes, and from phrases only in runtimes without codes (Deno, workerd,
 * browsers). If none of them tells, the request counts as written.
 *
 * **Gotchas**
 *
 * A failure that is retryable is not always safe to retry (RFC 9110 section 9.2.2): `isRetryable` says only that the
 * same request may succeed later. `HttpPolicy.decide` asks both.
 *
 * **Example**
 *
 * See {@link HttpFailure} and {@link fromUnknown}.
 */
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { codeOf, meaningOf } from "./internal/call/failureCode.ts"
import {
  BodyCut,
  BodyTimeout,
  ConnectionReset,
  ConnectRefused,
  ConnectTimeout,
  DnsFailure,
  HeadersTimeout,
  ProtocolError,
  type Reason,
  StatusFailure,
  TlsFailure
} from "./internal/failureReasons.ts"
import { causesOf, isA, read, readText } from "./internal/foreignError.ts"

const TypeId = "~@holdfast/http/HttpFailure"

/**
 * Where an exchange was when it failed: waiting for a connection (`pool`), opening one (`connect`), sending the request
 * and waiting for the response's head (`headers`), or reading the response's body (`body`).
 */
export type Phase = "pool" | "connect" | "headers" | "body"

export {
  AddressRefused,
  BodyCut,
  BodyTimeout,
  ConnectionReset,
  ConnectRefused,
  ConnectTimeout,
  DnsFailure,
  HeadersTimeout,
  PoolTimeout,
  ProtocolError,
  ResponseTooLarge,
  StatusFailure,
  TlsFailure
} from "./internal/failureReasons.ts"
export type { Reason } from "./internal/failureReasons.ts"

/**
 * The failure of one exchange.
 *
 * ```ts import.meta.vitest
 * import { HttpFailure } from "@holdfast/http"
 *
 * const refused = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "ECONNREFUSED" }))
 * refused.reason._tag // => "ConnectRefused"
 * refused.phase // => "connect"
 * refused.requestWritten // => false
 * ```
 */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  readonly reason: Reason
  readonly phase: Phase
  /** Whether any of the request may have reached the server. False only when it provably has not. */
  readonly requestWritten: boolean
  readonly cause?: unknown
}> {
  get [TypeId](): typeof TypeId {
    return TypeId
  }

  override get message(): string {
    return this.reason.message
  }

  /** Whether the same request may succeed later. It says nothing about whether sending it twice is safe. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }

  /** How long the server asked to wait. */
  get retryAfter(): Duration.Duration | undefined {
    return this.reason._tag === "StatusFailure" ? this.reason.retryAfter : undefined
  }
}

/** Tells an `HttpFailure` from any other value. */
export const isHttpFailure = (u: unknown): u is HttpFailure =>
  read(u, TypeId) === TypeId && read(u, "_tag") === "HttpFailure"

/** Facts about an exchange that the client knows and the error lacks. */
export interface Circumstances {
  /** Where the exchange was. Default: the phase that the error's code belongs to, or `headers`. */
  readonly phase?: Phase | undefined
  /** Whether any of the request may have been written. Default: what the reason implies, or `true`. */
  readonly requestWritten?: boolean | undefined
  /** How many bytes of the body had come. Default: 0. */
  readonly received?: number | undefined
}

/**
 * Classifies an error of undici, of `fetch`, of Node or of Effect's `HttpClient`. An `HttpFailure` anywhere among the
 * causes comes back as it is.
 *
 * An error with an unknown code is a `ProtocolError`. A `TypeError` without a code is a `ConnectionReset`, because
 * `fetch` fails with one for any network error (Fetch Standard), and browsers tell nothing more.
 *
 * ```ts import.meta.vitest
 * import { HttpFailure } from "@holdfast/http"
 *
 * const cause = Object.assign(new Error(), { code: "UND_ERR_SOCKET" })
 * const error = new TypeError("fetch failed", { cause })
 * HttpFailure.fromUnknown(error).reason._tag // => "ConnectionReset"
 * HttpFailure.fromUnknown(error, { phase: "body", received: 512 }).message
 * // => "The body of the response was cut after 512 bytes (UND_ERR_SOCKET)"
 * ```
 */
export const fromUnknown = (error: unknown, circumstances?: Circumstances): HttpFailure =>
  findFailure(error) ?? classify(error, circumstances)

/**
 * The failure behind an `HttpClientError`: none for a request that could not be built (`EncodeError`,
 * `InvalidUrlError`), for a body that came whole but did not decode, and for an error of a policy (an open circuit, a
 * full bulkhead, a timeout of the policy's own), which is the `PolicyError` in the error's cause.
 *
 * ```ts import.meta.vitest
 * import { HttpFailure } from "@holdfast/http"
 * import { Option } from "effect"
 * import { HttpClientError, HttpClientRequest } from "effect/http"
 *
 * const request = HttpClientRequest.get("https://api.example.com")
 * const cause = Object.assign(new Error(), { code: "ENOTFOUND" })
 * const reason = new HttpClientError.TransportError({ request, cause })
 * const failure = HttpFailure.fromClientError(new HttpClientError.HttpClientError({ reason }))
 *
 * Option.map(failure, ({ reason }) => reason._tag) // => Option.some("DnsFailure")
 * ```
 */
export const fromClientError = (error: HttpClientError.HttpClientError): Option.Option<HttpFailure> => {
  if (!HttpClientError.isHttpClientError(error)) return Option.none()
  switch (error.reason._tag) {
    case "TransportError":
      // A policy that rejects or ends a call is not a failure of the transport.
      if (causesOf(error.reason.cause).some(isPolicyError)) return Option.none()
      return Option.some(fromUnknown(error.reason.cause ?? error.reason))
    case "StatusCodeError":
      return Option.some(fromStatus(error.reason.response.status))
    case "DecodeError": {
      // Effect's clients report a body that was cut and a body that was not JSON alike; only the first has a code.
      const found = findFailure(error.reason.cause)
      if (found !== undefined) return Option.some(found)
      return meaningOf(error.reason.cause) === undefined
        ? Option.none()
        : Option.some(classify(error.reason.cause, { phase: "body" }))
    }
    default:
      return Option.none()
  }
}

/**
 * The failure for a status that the caller counts as a failure.
 *
 * ```ts import.meta.vitest
 * import { HttpFailure } from "@holdfast/http"
 *
 * HttpFailure.fromStatus(503).isRetryable // => true
 * HttpFailure.fromStatus(404).isRetryable // => false
 * HttpFailure.fromStatus(404).message // => "The server answered 404"
 * ```
 */
export const fromStatus = (
  status: number,
  details?: { readonly retryAfter?: Duration.Duration | undefined; readonly excerpt?: string | undefined }
): HttpFailure =>
  new HttpFailure({
    reason: new StatusFailure({ status, retryAfter: details?.retryAfter, excerpt: details?.excerpt }),
    phase: "headers",
    requestWritten: true
  })

/**
 * The failure for a response, with the first KiB of its body as the excerpt. The rest of the body is cancelled. If
 * reading the body fails, there is no excerpt.
 */
export const fromResponse = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<HttpFailure> =>
  response.stream.pipe(
    Stream.flattenIterable,
    Stream.take(excerptBytes),
    Stream.runCollect,
    Effect.map((bytes) => new TextDecoder().decode(Uint8Array.from(bytes))),
    Effect.option,
    Effect.map((excerpt) => fromStatus(response.status, { excerpt: Option.getOrUndefined(excerpt) }))
  )

const excerptBytes = 1024

const findFailure = (error: unknown): HttpFailure | undefined => causesOf(error).find(isHttpFailure)

const hasNoCode = (error: object): boolean => codeOf(error) === undefined

const classify = (cause: unknown, circumstances: Circumstances | undefined): HttpFailure => {
  const found = meaningOf(cause)
  const code = found?.code ?? (isA(cause, Error) ? readText(cause, "name") : undefined) ?? "unknown"
  const phase = circumstances?.phase
  const fail = (reason: Reason, at: Phase, written: boolean) =>
    new HttpFailure({ reason, phase: at, requestWritten: circumstances?.requestWritten ?? written, cause })
  switch (found?.is) {
    case "dns":
      return fail(new DnsFailure({ code }), "connect", false)
    case "refused":
      return fail(new ConnectRefused({ code }), "connect", false)
    case "connectTimeout":
      return fail(new ConnectTimeout({ code }), "connect", false)
    case "tls":
      return fail(new TlsFailure({ code }), "connect", false)
    case "headersTimeout":
      return phase === "body"
        ? fail(new BodyTimeout({ code }), "body", true)
        : fail(new HeadersTimeout({ code }), phase ?? "headers", true)
    case "bodyTimeout":
      return fail(new BodyTimeout({ code }), "body", true)
    case "cut":
      return fail(new BodyCut({ code, received: circumstances?.received ?? 0 }), "body", true)
    case "lost":
      return phase === "body"
        ? fail(new BodyCut({ code, received: circumstances?.received ?? 0 }), "body", true)
        : fail(new ConnectionReset({ code }), phase ?? "headers", true)
    default:
      return found === undefined && isA(cause, TypeError) && causesOf(cause).every(hasNoCode)
        ? fail(new ConnectionReset({ code }), phase ?? "headers", true)
        : fail(new ProtocolError({ code }), phase ?? "headers", true)
  }
}
