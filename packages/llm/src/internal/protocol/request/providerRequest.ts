/**
 * One request to a provider: the response when it is a success, and otherwise an `AiError` that says what the refusal
 * means. Whatever was opened is closed with the scope.
 *
 * Guarded by `test/protocol/request/embedding.test.ts`, `test/protocol/answer/decoder.test.ts` and
 * `test/Address.test.ts`.
 */
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Kind } from "../../../ProviderFailure.ts"
import * as ProviderFailure from "../../../ProviderFailure.ts"
import type { Counts } from "../../usage/reported.ts"
import { ReportedUsage } from "../../usage/reported.ts"
import { type Body, bodyOf } from "../answer/webBody.ts"
import type { Fields } from "../field.ts"
import { fields } from "../field.ts"
import { isJson, parse } from "../json.ts"
import { scrub } from "../refusal/scrub.ts"
import { ResponseHeaders } from "../responseHeaders.ts"

/** What a provider says about itself and its errors. */
export interface ProviderRequest {
  readonly module: string
  readonly method: string
  /** The provider's name. */
  readonly provider: string
  readonly client: HttpClient.HttpClient
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** What the body of a refusal says of its usage. */
  readonly counted: (body: Fields) => Omit<Counts, "partial"> | undefined
  /** What to do about a refusal. `isApi` is false where the body is not JSON, which a wrong address most likely explains. */
  readonly advice: (kind: Kind | undefined, status: number | undefined, isApi: boolean) => string | undefined
  /** What to say when there is no connection. */
  readonly unreachable: (error: HttpClientError.HttpClientError) => string | undefined
}

export const failure = (
  call: Pick<ProviderRequest, "module" | "method">,
  reason: AiError.AiErrorReason
): AiError.AiError => AiError.make({ module: call.module, method: call.method, reason })

/** An error inside a body that came under status 200. */
const inBand = (
  call: ProviderRequest,
  body: unknown,
  now: number,
  headers?: Headers.Headers
): AiError.AiError =>
  failure(
    call,
    ProviderFailure.toReason({
      status: undefined,
      headers,
      body,
      now,
      secrets: call.secrets,
      advice: (kind, status) => call.advice(kind, status, true)
    })
  )

/** An answer that is not what the protocol says. */
const unreadable = (call: ProviderRequest, what: string): AiError.AiError =>
  failure(
    call,
    new AiError.InvalidResponseError({
      description:
        `the answer of ${call.provider} is not what ${call.module} expects (${scrub(what, call.secrets)}). ` +
        "Check that the URL is the provider's API"
    })
  )

/** An answer, or a piece of one, too large to keep in memory. */
const tooLarge = (call: ProviderRequest, what: string, limit: number): AiError.AiError =>
  failure(
    call,
    new AiError.InvalidResponseError({
      description: `${call.provider} sent ${what} of more than ${limit / 1024 / 1024} Mi characters; ` +
        "the rest was not read. Ask for less, or look at the server"
    })
  )

/** A failure of the transport. The advice to start the server is for where there was no connection to it. */
const transportFailure = (
  call: ProviderRequest,
  error: HttpClientError.HttpClientError,
  at: "before" | "within"
): AiError.AiError =>
  failure(
    call,
    ProviderFailure.fromHttpClientError(
      error,
      error.reason._tag === "TransportError" ? whatFailed(call, error, at) : undefined
    )
  )

const whatFailed = (
  call: ProviderRequest,
  error: HttpClientError.HttpClientError,
  at: "before" | "within"
): string | undefined => {
  const failed = Option.getOrUndefined(HttpFailure.fromClientError(error))
  switch (failed?.reason._tag) {
    case "ConnectRefused":
    case "ConnectTimeout":
    case "DnsFailure":
      return call.unreachable(error)
    case "HeadersTimeout":
    case "BodyTimeout":
    case "PoolTimeout":
    case "TlsFailure":
      return failed?.message
    case "ConnectionReset":
    case "BodyCut":
      return `the connection to ${call.provider} broke off ${
        at === "within" ? "in the middle of its answer" : "before it answered"
      }`
    default:
      return at === "before" ? call.unreachable(error) : `the connection to ${call.provider} broke off`
  }
}

/** The body of a response as it comes. */
export const bytes = (
  call: ProviderRequest,
  response: HttpClientResponse.HttpClientResponse
): Stream.Stream<Uint8Array, AiError.AiError> =>
  Stream.mapError(response.stream, (error) => transportFailure(call, error, "within"))

/** The body of a response for the reader of an answer. */
export const body = (call: ProviderRequest, response: HttpClientResponse.HttpClientResponse): Body =>
  bodyOf(response, (error) => transportFailure(call, error, "within"))

/** How many characters the body of a whole answer may have: 64 Mi. */
const bodyLimit = 64 * 1024 * 1024

/** The body of a response as text. One that is too large is given up at the limit. */
const text = Effect.fnUntraced(function*(
  call: ProviderRequest,
  response: HttpClientResponse.HttpClientResponse
): Effect.fn.Return<string, AiError.AiError> {
  let text = ""
  yield* bytes(call, response).pipe(
    Stream.decodeText,
    Stream.runForEach((piece) => {
      text += piece
      return text.length > bodyLimit ? Effect.fail(tooLarge(call, "an answer", bodyLimit)) : Effect.void
    })
  )
  return text
})

/**
 * The text of a refusal, as much of it as helps. A body that breaks off, is huge or does not come is no reason to wait:
 * the status says enough.
 */
const refusalText = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> => {
  let text = ""
  return response.stream.pipe(
    Stream.decodeText,
    Stream.takeUntil((piece) => {
      text += piece
      return text.length >= 65_536
    }),
    Stream.runDrain,
    Effect.timeout("5 seconds"),
    Effect.ignore,
    Effect.map(() => text)
  )
}

export const open = Effect.fnUntraced(function*(
  call: ProviderRequest,
  request: HttpClientRequest.HttpClientRequest
): Effect.fn.Return<HttpClientResponse.HttpClientResponse, AiError.AiError, Scope.Scope> {
  const response = yield* HttpClient.withScope(call.client).execute(request).pipe(
    Effect.mapError((error) => transportFailure(call, error, "before"))
  )
  const listener = yield* ResponseHeaders
  // Effect's response of `fetch` makes them anew each time.
  const { headers, status } = response
  listener?.(headers)
  if (status >= 200 && status < 300) {
    // A login page or a proxy's landing page: waiting for an answer's end in it would look like a cut.
    if (/^text\/html\b/i.test(headers["content-type"] ?? "")) {
      return yield* unreadable(call, "it is a web page")
    }
    return response
  }
  const now = yield* Clock.currentTimeMillis
  const body = yield* refusalText(response)
  const report = yield* ReportedUsage
  report?.(() => {
    const counted = call.counted(fields(parse(body)?.json))
    return counted && { ...counted, partial: false }
  })
  return yield* failure(
    call,
    ProviderFailure.toReason({
      status,
      headers,
      body,
      now,
      secrets: call.secrets,
      advice: (kind, status) => call.advice(kind, status, isJson(body))
    })
  )
})

/** A model that the server does not have, where it has told which it has. */
export const missingModel = (
  call: ProviderRequest,
  options: {
    readonly url: string
    readonly model: string
    readonly has: ReadonlyArray<string>
    readonly advice: string
  }
): AiError.AiError =>
  failure(
    call,
    new AiError.InvalidRequestError({
      parameter: "model",
      description: `${call.provider} at ${options.url} has no model "${options.model}". ${options.advice}. ` +
        (options.has.length === 0 ? "It has none" : `It has ${options.has.join(", ")}`),
      metadata: { holdfast: { kind: "unknownModel" } }
    })
  )

/** How a protocol says what is wrong with an answer. */
export interface Errors {
  /** An error that the provider put into the body. */
  readonly inBand: (body: unknown, now: number) => AiError.AiError
  /** The body ended without the terminator. */
  readonly cut: (terminator: string) => AiError.AiError
  /** The body is not what the protocol says. */
  readonly unreadable: (what: string) => AiError.AiError
  /** A line or an event is larger than a reader should keep in memory. */
  readonly tooLarge: (what: string, limit: number) => AiError.AiError
  /** The body is whole and yet no answer to the request: `why` follows "what ... sent is not an answer:". */
  readonly noAnswer: (why: string) => AiError.AiError
  /** The model, or a filter after it, declined to answer. */
  readonly filtered: (explanation: string) => AiError.AiError
}

/** The errors of an answer that came from `url`. */
export const errors = (
  call: ProviderRequest,
  url: string,
  response?: Pick<HttpClientResponse.HttpClientResponse, "headers">
): Errors => ({
  inBand: (body, now) => inBand(call, body, now, response?.headers),
  cut: (terminator) => failure(call, ProviderFailure.cut({ url, terminator })),
  unreadable: (what) => unreadable(call, what),
  tooLarge: (what, limit) => tooLarge(call, what, limit),
  noAnswer: (why) =>
    failure(
      call,
      new AiError.InvalidResponseError({ description: `what ${call.provider} sent is not an answer: ${why}` })
    ),
  filtered: (explanation) => failure(call, new AiError.ContentPolicyError({ description: explanation }))
})

/** Decodes the whole body of a response. */
const decode = Effect.fnUntraced(function*<A, RD>(
  call: ProviderRequest,
  response: HttpClientResponse.HttpClientResponse,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  const body = yield* Effect.mapError(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))(yield* text(call, response)),
    () => unreadable(call, "it is not JSON")
  )
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(schema)(body),
    (error) => unreadable(call, error.message)
  )
})

/** Opens a request and decodes its whole body. */
export const json = Effect.fnUntraced(function*<A, RD>(
  call: ProviderRequest,
  request: HttpClientRequest.HttpClientRequest,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  return yield* decode(call, yield* open(call, request), schema)
}, Effect.scoped)
