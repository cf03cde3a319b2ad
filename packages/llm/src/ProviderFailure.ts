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
import { scrub } from "./internal/scrub.ts"

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
// Reading the body
// -----------------------------------------------------------------------------

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Code = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite])))
const ErrorFields = {
  message: Text,
  type: Text,
  code: Code,
  param: Text,
  details: Schema.optional(Schema.Unknown),
  metadata: Schema.optional(Schema.Unknown)
}

/** `{ error: {...} }`, `{ error: "..." }`, vLLM's `{ object: "error", message }`, FastAPI's `{ detail }`, or the inside. */
const ErrorBody = Schema.Struct({
  ...ErrorFields,
  error: Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Struct(ErrorFields)]))),
  detail: Schema.optional(Schema.Unknown),
  request_id: Text
})

/** Anthropic says in `details` which of its limits was met. */
const decodeDetails = Schema.decodeUnknownOption(Schema.Struct({ error_code: Schema.String }))

/** OpenRouter says in `metadata` what the host behind it said. */
const decodeMetadata = Schema.decodeUnknownOption(Schema.Struct({ raw: Schema.String }))

const decodeErrorBody = Schema.decodeUnknownOption(ErrorBody)
const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

interface ProviderError {
  readonly message: string | undefined
  readonly type: string | undefined
  readonly code: string | undefined
  readonly param: string | undefined
  readonly status: number | undefined
  readonly requestId: string | undefined
}

const noError: ProviderError = {
  message: undefined,
  type: undefined,
  code: undefined,
  param: undefined,
  status: undefined,
  requestId: undefined
}

const statusOf = (code: string | number | null | undefined): number | undefined => {
  const number = typeof code === "string" && /^\d{3}$/.test(code) ? Number(code) : code
  return typeof number === "number" && number >= 400 && number < 600 ? number : undefined
}

const readError = (body: unknown): ProviderError => {
  const json = typeof body === "string" ? Option.getOrElse(parseJson(body), () => body) : body
  if (typeof json === "string") return { ...noError, message: json === "" ? undefined : json }
  const decoded = decodeErrorBody(json)
  if (Option.isNone(decoded)) return noError
  const { detail, error } = decoded.value
  if (typeof error === "string") return { ...noError, message: error }
  const fields = error ?? decoded.value
  const raw = Option.getOrUndefined(decodeMetadata(fields.metadata))?.raw
  const own = fields.message ?? (typeof detail === "string" ? detail : undefined)
  const message = raw === undefined ? own : `${own ?? ""}: ${raw.slice(0, 200)}`
  const details = Option.getOrUndefined(decodeDetails(fields.details))?.error_code
  return {
    message,
    type: fields.type ?? undefined,
    code: fields.code === undefined || fields.code === null ? details : String(fields.code),
    param: fields.param ?? undefined,
    status: statusOf(fields.code),
    requestId: decoded.value.request_id ?? undefined
  }
}

/** The status that an error type stands for when the stream had already begun with 200. */
const statusByType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  internal_server_error: 500,
  unavailable_error: 503,
  timeout_error: 504,
  overloaded_error: 529
}

// -----------------------------------------------------------------------------
// Classification
// -----------------------------------------------------------------------------

const quotaCode =
  /^(insufficient_quota|credit_balance_exhausted|billing_error|billing_hard_limit_reached|quota_exceeded|.*_spend_limit_(exceeded|reached)|.*_usage_limit_exceeded)$/
const quotaMessage =
  /exceeded your current quota|credit balance is too low|insufficient (credits|balance|funds)|reached your specified (workspace )?API usage limits/i
const overflowCode = /^(context_length_exceeded|exceed_context_size_error|request_too_large|string_above_max_length)$/
const overflowMessage =
  /maximum context length|context (length|size|window|limit)|prompt is too long|exceeds? the (available )?context|too many tokens/i
const modelCode = /^(model_not_found|unknown_model|invalid_model)$/
/** A model that wrote a call of a tool which is none: it may write a better one (Groq). */
const failedGeneration = /^tool_use_failed$/
const modelMessage =
  /model .*(not found|does not exist|is not available)|no such model|try pulling it|pull model manifest: file does not exist/i
const policyCode = /^(content_filter|content_policy_violation|responsible_ai_policy_violation|moderation.*)$/
const unsupportedMessage =
  /tools? (choice|param) requires --|(does not|doesn't|not) support(ed)?\b.*(tool|function|image|vision|think|schema|response_format|format)|(tool|function|image|vision|schema|response_format).*(does not|is not|are not|isn't|not) support/i

const kindOf = (error: ProviderError, status: number | undefined): Kind | undefined => {
  const code = error.code ?? ""
  const type = error.type ?? ""
  const message = error.message ?? ""
  const isRequestError = status === undefined || status === 400 || status === 413 || status === 422 || status === 500
  if (overflowCode.test(code) || overflowCode.test(type) || status === 413) return "contextOverflow"
  if (isRequestError && overflowMessage.test(message)) return "contextOverflow"
  if (failedGeneration.test(code)) return "transient"
  if (modelCode.test(code) || status === 404) return "unknownModel"
  if ((status === undefined || status === 400) && modelMessage.test(message)) return "unknownModel"
  if ((isRequestError || status === 501) && unsupportedMessage.test(message)) return "unsupported"
  if (status === 498 || status === 503 || status === 529 || type === "overloaded_error") return "overloaded"
  if (status === 408 || status === 409 || status === 425 || status === 499) return "transient"
  return undefined
}

const isQuota = (error: ProviderError, status: number | undefined): boolean =>
  status === 402 || quotaCode.test(error.code ?? "") || quotaCode.test(error.type ?? "") ||
  ((status === undefined || status === 429 || status === 403 || status === 400) &&
    quotaMessage.test(error.message ?? ""))

const authenticationKind = (
  error: ProviderError,
  status: number
): "InvalidKey" | "ExpiredKey" | "MissingKey" | "InsufficientPermissions" => {
  if (status === 403) return "InsufficientPermissions"
  const message = error.message ?? ""
  if (/expired/i.test(message)) return "ExpiredKey"
  return /didn't provide|no api key|missing/i.test(message) ? "MissingKey" : "InvalidKey"
}

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
  if (policyCode.test(error.code ?? "") || policyCode.test(error.type ?? "")) {
    return new AiError.ContentPolicyError({ ...common, description })
  }
  if (failedGeneration.test(error.code ?? "")) return new AiError.InternalProviderError({ ...common, description })
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
