/**
 * Classifies a provider's error response: turns status, headers and body into an `AiErrorReason`.
 *
 * **When to use**
 *
 * Use {@link detail} on the reason of a failure, for what `AiErrorReason` has no field for. Use {@link toReason} in a provider of your own.
 *
 * **Details**
 *
 * The status alone is ambiguous. A 429 may mean a delay of two seconds or an account without credit, a 400 may be a malformed request
 * or a prompt that is too long for this model only, and an error may arrive under status 200 in the middle of a stream. Effect's
 * `AiError.reasonFromHttpStatus` knows neither `Retry-After` nor a spent quota and calls 402, 404, 408, 409, 413 and 422 unknown.
 * {@link signals} are the patterns that are matched, each with its source.
 *
 * Sources: OpenAI "Error codes", Anthropic "Errors", Ollama `docs/api.md`, the servers of vLLM, llama.cpp and LM Studio,
 * `retry-after-ms` and `x-should-retry` as openai-node and anthropic-sdk read them; `Retry-After` is RFC 9110, 10.2.3.
 *
 * **Gotchas**
 *
 * An answer that no signal explains has the kind `undefined`, and goes to the next provider.
 *
 * **Example**
 *
 * See {@link toReason} and {@link detail}.
 */
import * as ServerHints from "@holdfast/http/ServerHints"
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Address from "./Address.ts"
import type { ProviderError } from "./internal/protocol/refusal/errorBody.ts"
import { readError } from "./internal/protocol/refusal/errorBody.ts"
import * as Kinds from "./internal/protocol/refusal/kinds.ts"
import { reasonOf } from "./internal/protocol/refusal/refusalReason.ts"
import { retryHintOf } from "./internal/protocol/refusal/retryHint.ts"
import { scrub } from "./internal/protocol/refusal/scrub.ts"
import { kindOfStatus } from "./internal/protocol/refusal/statuses.ts"
import type * as Signals from "./internal/protocol/refusal/vendors/signal.ts"
import * as VendorSignals from "./internal/protocol/refusal/vendorSignals.ts"

/**
 * The kinds of error responses. `AiErrorReason` does not tell them apart; a decision does.
 *
 * | kind | meaning |
 * |---|---|
 * | `rateLimited` | too many requests or tokens in a while |
 * | `beyondRateLimit` | this request alone is larger than the account's tokens a minute |
 * | `quotaSpent` | no money, credit or daily quota is left |
 * | `keyRejected` | the key is missing, invalid, expired or revoked |
 * | `permissionDenied` | the key is valid and may not do this |
 * | `accountDisabled` | the account or organization is suspended or disabled |
 * | `regionUnsupported` | the provider does not serve this country |
 * | `unknownModel` | the model does not exist there, or no longer |
 * | `modelNotAllowed` | the model exists, and this account may not use it |
 * | `wrongAddress` | the server has no such API at that path |
 * | `contextOverflow` | prompt and answer do not fit the model's context, or the body is too large |
 * | `unsupported` | the model cannot do what was asked: tools, images, a schema |
 * | `incompatible` | this server rejects a field, a value or an order of roles that others accept |
 * | `contentPolicy` | the content policy rejected the prompt or the answer |
 * | `failedGeneration` | the model wrote an invalid tool call or invalid JSON |
 * | `overloaded` | the provider sheds load |
 * | `loading` | the model is still being loaded |
 * | `outOfMemory` | the model cannot be loaded on that machine |
 * | `transient` | the provider says that the same request may work later |
 * | `serverError` | the provider failed |
 * | `invalidRequest` | the request is invalid for every provider |
 */
export type Kind = Kinds.Kind

/** A pattern in an error response, its meaning, and the vendor's page or public report that documents it. */
export type Signal = Signals.Signal

/** Every signal of every vendor, in the order in which they are tried. */
export const signals: ReadonlyArray<Signal> = VendorSignals.signals

/** The details of a failure beyond its reason's own fields. */
export interface Detail {
  /** `undefined` if no signal of a vendor matches. */
  readonly kind: Kind | undefined
  /** The HTTP status, or the one in the error's body. */
  readonly status: number | undefined
  /** The delay that the provider asked for, if any. */
  readonly retryAfter: Duration.Duration | undefined
  /** The provider's `x-should-retry`, which overrides the status. */
  readonly shouldRetry: boolean | undefined
  /** The provider's request id, for its support. */
  readonly requestId: string | undefined
  /** The provider's message, without secrets. */
  readonly said: string | undefined
}

/** A provider's error response, unclassified. */
export interface Refusal {
  /** The HTTP status; `undefined` for an error inside a stream that began with 200. */
  readonly status: number | undefined
  readonly headers?: Headers.Headers | undefined
  /** The body, or the error inside it: text or JSON. */
  readonly body: unknown
  /** The current time in epoch milliseconds, to turn a `Retry-After` date into a delay. */
  readonly now: number
  /** API keys that a server may echo; they are removed from its message. Default: none. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /** What to do about it, appended to the description. Default: nothing. */
  readonly advice?: ((kind: Kind | undefined, status: number | undefined) => string | undefined) | undefined
}

const excerptLength = 2000

/** Headers that help to understand a failure and hold no secret. */
const tellingHeader =
  /^(content-type|date|request-id|x-request-id|retry-after|retry-after-ms|x-should-retry|x-ratelimit-.*|ratelimit.*|anthropic-ratelimit-.*|openai-processing-ms|server)$/

const tellingHeaders = (headers: Headers.Headers, secrets: Refusal["secrets"] & {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => tellingHeader.test(name) ? [[name, scrub(value, secrets)]] : [])
  )

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
  const secrets = refusal.secrets ?? []
  const headers = refusal.headers ?? Headers.empty
  const error = withErrorType(readError(refusal.body), headers)
  const status = statusOf(refusal.status, error)
  const kind = VendorSignals.kindOf({ error, status, headers })
  const inBody = retryHintOf(error, refusal.now)
  const hint = ServerHints.retryAfter(headers, refusal.now) ??
    (inBody === undefined ? undefined : Duration.millis(inBody))
  const id = requestIdHeaders.map((name) => headers[name]).find(Predicate.isNotUndefined) ?? error.requestId
  const requestId = id === undefined ? undefined : scrub(id, secrets)

  const bodyText = typeof refusal.body === "string" ? refusal.body : JSON.stringify(refusal.body) ?? ""
  const words = [
    error.message ?? (status === undefined ? "the provider gave no reason" : `HTTP ${status}`),
    error.code === undefined ? undefined : `[code: ${error.code}]`,
    requestId === undefined ? undefined : `[request: ${requestId}]`
  ].filter(Predicate.isNotUndefined).join(" ")
  const said = scrub(words, secrets)
  const advice = refusal.advice?.(kind, status)
  const detail: Detail = {
    kind,
    status,
    retryAfter: hint,
    shouldRetry: ServerHints.shouldRetry(headers),
    requestId,
    said: error.message === undefined ? undefined : said
  }
  return reasonOf(
    detail,
    {
      metadata: { holdfast: toMetadata(detail) },
      http: {
        ...(refusal.status === undefined
          ? undefined
          : { response: { status: refusal.status, headers: tellingHeaders(headers, secrets) } }),
        body: scrub(bodyText, secrets).slice(0, excerptLength)
      },
      description: advice === undefined ? said : `${said.replace(/[.\s]+$/, "")}. ${advice}`
    },
    error
  )
}

const requestIdHeaders = ["request-id", "x-request-id", "x-amzn-requestid", "apim-request-id", "cf-ray"]

/** Amazon's services name the error in a header: `ThrottlingException:http://internal.amazon.com/...`. */
const withErrorType = (error: ProviderError, headers: Headers.Headers): ProviderError => {
  const type = headers["x-amzn-errortype"]?.split(":", 1)[0]
  return type === undefined || type === ""
    ? error
    : { ...error, codes: [type, ...error.codes], code: error.code ?? type }
}

/** The status of the answer, or of an error that came under 200 the one that it names. */
const statusOf = (status: number | undefined, error: ProviderError): number | undefined => {
  if (status !== undefined && status >= 400) return status
  return error.status ?? error.codes.map((code) => VendorSignals.statusByCategory[code]).find(Predicate.isNotUndefined)
}

const toMetadata = (
  { kind, requestId, retryAfter, said, shouldRetry, status }: Detail
): Record<string, string | number | boolean> => ({
  ...(kind === undefined ? {} : { kind }),
  ...(status === undefined ? {} : { status }),
  ...(retryAfter === undefined ? {} : { retryAfter: Duration.toMillis(retryAfter) }),
  ...(shouldRetry === undefined ? {} : { shouldRetry }),
  ...(requestId === undefined ? {} : { requestId }),
  ...(said === undefined ? {} : { said })
})

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
    kind: Schema.optional(Schema.Literals(Object.keys(Kinds.kinds) as Array<Kinds.Kind>)),
    status: Schema.optional(Schema.Finite),
    retryAfter: Schema.optional(Schema.Finite),
    shouldRetry: Schema.optional(Schema.Boolean),
    requestId: Schema.optional(Schema.String),
    said: Schema.optional(Schema.String)
  })
})
const decodeDetail = Schema.decodeUnknownOption(DetailMetadata)

/**
 * Returns the details of a failure beyond its reason's fields: from the metadata of {@link toReason}, or, for a reason of another
 * library, from its HTTP status and `retryAfter`.
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
    kind: own?.kind ?? (status === undefined ? undefined : kindOfStatus(status)),
    status,
    retryAfter,
    shouldRetry: own?.shouldRetry,
    requestId: own?.requestId,
    said: own?.said
  }
}
