/**
 * What a provider's refusal means: status, headers and body in, an `AiErrorReason` out.
 *
 * The status alone does not say it. A 429 may be a pause of two seconds or an account without money, a 400 may be a
 * broken request or a prompt that is too long for this model only, and an error can come under status 200 in the middle
 * of a stream. Effect's `AiError.reasonFromHttpStatus` knows neither `Retry-After` nor a spent quota and calls 402, 404,
 * 408, 409, 413 and 422 unknown.
 *
 * What `AiErrorReason` has no field for travels in the reason's `metadata.holdfast` and is read back by {@link detail}.
 *
 * Sources: OpenAI "Error codes", Anthropic "Errors", Ollama `docs/api.md`, the servers of vLLM, llama.cpp and LM Studio,
 * `retry-after-ms` and `x-should-retry` as openai-node and anthropic-sdk read them; `Retry-After` is RFC 9110, 10.2.3.
 */
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Address from "./Address.ts"
import { noError, readError, statusByType } from "./internal/protocol/errorBody.ts"
import { authenticationKind, isFailedGeneration, isPolicy, isQuota, kindOf } from "./internal/protocol/errorKind.ts"
import { scrub } from "./internal/protocol/scrub.ts"

/**
 * Kinds of failure that matter to a decision and that `AiErrorReason` does not tell apart.
 *
 * - `contextOverflow`: prompt and answer do not fit the model's context.
 * - `unknownModel`: the model, or the whole endpoint, does not exist there.
 * - `unsupported`: the model cannot do what was asked: tools, images, a schema.
 * - `overloaded`: the provider sheds load, or is still loading the model.
 * - `transient`: the provider says that the same request may work later.
 */
export type Kind = "contextOverflow" | "unknownModel" | "unsupported" | "overloaded" | "transient"

/** What is known of a failure beyond its reason's own fields. */
export interface Detail {
  readonly kind: Kind | undefined
  /** The HTTP status, or the one that an error inside a body named. */
  readonly status: number | undefined
  /** When to come back, if the provider said so. */
  readonly retryAfter: Duration.Duration | undefined
  /** The provider's own verdict (`x-should-retry`), which overrides the status. */
  readonly shouldRetry: boolean | undefined
  /** The provider's id of the request, which its support asks for. */
  readonly requestId: string | undefined
}

/** A provider's refusal as it came. */
export interface Refusal {
  /** The HTTP status; `undefined` for an error inside a stream that began with 200. */
  readonly status: number | undefined
  readonly headers?: Headers.Headers | undefined
  /** The body, or the error inside it: text or JSON. */
  readonly body: unknown
  /** Epoch milliseconds, which a `Retry-After` date is measured against. */
  readonly now: number
  /** Whatever must not be echoed: a server may repeat the key that it was sent. Defaults to none. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /** What to do about it, appended to the description. Defaults to nothing. */
  readonly advice?: ((kind: Kind | undefined, status: number | undefined) => string | undefined) | undefined
}

const excerptLength = 2000

// -----------------------------------------------------------------------------
// Hints
// -----------------------------------------------------------------------------

/**
 * When the provider wants to be asked again: `retry-after-ms`, then `retry-after` in seconds (fractions too, as vendors
 * send them) or as a date.
 *
 * ```ts import.meta.vitest
 * import { ProviderFailure } from "@holdfast/llm"
 * import { Duration } from "effect"
 * import { Headers } from "effect/http"
 *
 * ProviderFailure.retryAfter(Headers.fromInput({ "retry-after-ms": "250", "retry-after": "1" }), 0) // => Duration.millis(250)
 * ProviderFailure.retryAfter(Headers.fromInput({ "retry-after": "Thu, 01 Jan 1970 00:00:05 GMT" }), 2000) // => Duration.seconds(3)
 * ProviderFailure.retryAfter(Headers.empty, 0) // => undefined
 * ```
 */
export const retryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const millis = headers["retry-after-ms"]
  if (millis !== undefined && /^\d+(\.\d+)?$/.test(millis.trim())) return Duration.millis(Number(millis))
  const value = headers["retry-after"]
  if (value === undefined) return undefined
  if (/^\d+\.\d+$/.test(value.trim())) return Duration.millis(Number(value) * 1000)
  return Result.match(Headers.parseRetryAfter(value), {
    onFailure: () => undefined,
    onSuccess: (hint) => Headers.retryAfterDelay(hint, now)
  })
}

const shouldRetry = (headers: Headers.Headers): boolean | undefined => {
  const value = headers["x-should-retry"]
  return value === "true" ? true : value === "false" ? false : undefined
}

/** Headers that help to understand a failure and hold no secret. */
const tellingHeader =
  /^(content-type|date|request-id|x-request-id|retry-after|retry-after-ms|x-should-retry|x-ratelimit-.*|ratelimit.*|anthropic-ratelimit-.*|openai-processing-ms|server)$/

const tellingHeaders = (headers: Headers.Headers): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => tellingHeader.test(name)))

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * The reason of a refusal.
 *
 * ```ts import.meta.vitest
 * import { ProviderFailure } from "@holdfast/llm"
 *
 * const body = { error: { message: "You exceeded your current quota", type: "insufficient_quota", code: "insufficient_quota" } }
 *
 * ProviderFailure.toReason({ status: 429, body, now: 0 })._tag // => "QuotaExhaustedError"
 * ProviderFailure.toReason({ status: 429, body: "Slow down", now: 0 })._tag // => "RateLimitError"
 * ```
 */
export const toReason = (refusal: Refusal): AiError.AiErrorReason => {
  const error = readError(refusal.body)
  const secrets = refusal.secrets ?? []
  const status = refusal.status !== undefined && refusal.status >= 400
    ? refusal.status
    : error.status ?? statusByType[error.type ?? ""] ?? statusByType[error.code ?? ""]
  const headers = refusal.headers ?? Headers.empty
  const hint = retryAfter(headers, refusal.now)
  const verdict = shouldRetry(headers)
  const kind = kindOf(error, status)

  const bodyText = typeof refusal.body === "string" ? refusal.body : JSON.stringify(refusal.body) ?? ""
  const said = error.message ?? (bodyText === "" ? undefined : bodyText.slice(0, 200))
  const advice = refusal.advice?.(kind, status)
  const requestId = headers["request-id"] ?? headers["x-request-id"] ?? error.requestId
  const words = [
    said ?? (status === undefined ? "the provider gave no reason" : `HTTP ${status}`),
    error.code === undefined || error.code === String(status) ? undefined : `[code: ${error.code}]`,
    requestId === undefined ? undefined : `[request: ${requestId}]`
  ].filter(Predicate.isNotUndefined).join(" ")
  const description = scrub(advice === undefined ? words : `${words}. ${advice}`, secrets)
  const holdfast: Record<string, string | number | boolean> = {}
  if (kind !== undefined) holdfast["kind"] = kind
  if (status !== undefined) holdfast["status"] = status
  if (hint !== undefined) holdfast["retryAfter"] = Duration.toMillis(hint)
  if (verdict !== undefined) holdfast["shouldRetry"] = verdict
  if (requestId !== undefined) holdfast["requestId"] = requestId
  const common = {
    metadata: { holdfast },
    http: {
      ...(refusal.status === undefined
        ? undefined
        : { response: { status: refusal.status, headers: tellingHeaders(headers) } }),
      body: scrub(bodyText, secrets).slice(0, excerptLength)
    }
  }

  if (isQuota(error, status)) {
    return new AiError.QuotaExhaustedError(common)
  }
  if (kind === "contextOverflow" || kind === "unknownModel" || kind === "unsupported") {
    const parameter = kind === "unknownModel" ? "model" : kind === "contextOverflow" ? "messages" : error.param
    return new AiError.InvalidRequestError({
      ...common,
      description,
      ...(parameter === undefined ? {} : { parameter })
    })
  }
  if (isPolicy(error)) {
    return new AiError.ContentPolicyError({ ...common, description })
  }
  if (isFailedGeneration(error)) return new AiError.InternalProviderError({ ...common, description })
  switch (status) {
    case 400:
    case 422:
      return new AiError.InvalidRequestError({
        ...common,
        description,
        ...(error.param === undefined ? {} : { parameter: error.param })
      })
    case 401:
    case 403:
      return new AiError.AuthenticationError({ ...common, kind: authenticationKind(error, status), description })
    case 429:
      return new AiError.RateLimitError({ ...common, ...(hint === undefined ? {} : { retryAfter: hint }) })
    case 408:
    case 409:
    case 425:
    case 498:
    case 499:
      return new AiError.InternalProviderError({ ...common, description })
    default:
      // An error inside a stream that names no class of its own is the provider's, not the caller's.
      return status === undefined || status >= 500
        ? new AiError.InternalProviderError({ ...common, description })
        : new AiError.UnknownError({ ...common, description })
  }
}

/**
 * The reason of a failure below HTTP's semantics: no connection, no answer, or a body that broke off. `description`
 * replaces the transport's own words.
 */
export const fromHttpClientError = (
  error: HttpClientError.HttpClientError,
  description?: string
): AiError.AiErrorReason => {
  const reason = error.reason
  const common = { method: reason.request.method, url: Address.show(reason.request.url), cause: error }
  switch (reason._tag) {
    case "EncodeError":
    case "InvalidUrlError":
    case "TransportError":
      return new AiError.NetworkError({
        ...common,
        reason: reason._tag,
        description: description ?? reason.description
      })
    case "DecodeError":
    case "EmptyBodyError":
      return new AiError.NetworkError({
        ...common,
        reason: "TransportError",
        description: description ?? "the connection broke off in the middle of the answer"
      })
    case "StatusCodeError":
      return toReason({ status: reason.response.status, headers: reason.response.headers, body: undefined, now: 0 })
  }
}

/** The reason of a request that this provider cannot take and another may: `parameter` says what of it. */
export const unsupported = (parameter: string, description: string): AiError.AiErrorReason =>
  new AiError.InvalidRequestError({ parameter, description, metadata: { holdfast: { kind: "unsupported" } } })

/** The reason of an answer that stopped without the provider's own terminator: cut by a proxy or a dying server. */
export const cut = (options: { readonly url: string; readonly terminator: string }): AiError.AiErrorReason =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: Address.show(options.url),
    description: `the answer ended without ${options.terminator}, so it may be incomplete`
  })

// -----------------------------------------------------------------------------
// Detail
// -----------------------------------------------------------------------------

const DetailMetadata = Schema.Struct({
  holdfast: Schema.Struct({
    kind: Schema.optional(
      Schema.Literals(["contextOverflow", "unknownModel", "unsupported", "overloaded", "transient"])
    ),
    status: Schema.optional(Schema.Finite),
    retryAfter: Schema.optional(Schema.Finite),
    shouldRetry: Schema.optional(Schema.Boolean),
    requestId: Schema.optional(Schema.String)
  })
})
const decodeDetail = Schema.decodeUnknownOption(DetailMetadata)

/**
 * What is known of a failure beyond its reason's fields: from the metadata that {@link toReason} wrote, or, for a reason
 * that another library made, from its HTTP status and `retryAfter`.
 *
 * ```ts import.meta.vitest
 * import { ProviderFailure } from "@holdfast/llm"
 *
 * const reason = ProviderFailure.toReason({ status: 404, body: { error: "model \"llama9\" not found" }, now: 0 })
 * ProviderFailure.detail(reason).kind // => "unknownModel"
 * ```
 */
export const detail = (reason: AiError.AiErrorReason): Detail => {
  const metadata = "metadata" in reason ? reason.metadata : {}
  const own = Option.getOrUndefined(decodeDetail(metadata))?.holdfast
  const status = own?.status ?? ("http" in reason ? reason.http?.response?.status : undefined)
  const retryAfter = "retryAfter" in reason && reason.retryAfter !== undefined
    ? reason.retryAfter
    : own?.retryAfter === undefined
    ? undefined
    : Duration.millis(own.retryAfter)
  return {
    kind: own === undefined && status !== undefined ? kindOf(noError, status) : own?.kind,
    status,
    retryAfter,
    shouldRetry: own?.shouldRetry,
    requestId: own?.requestId
  }
}
