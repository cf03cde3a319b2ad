/**
 * One request to a provider: the response when it is a success, and otherwise an `AiError` that says what the refusal
 * means. Whatever was opened is closed with the scope.
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
import type { Kind } from "../../ProviderFailure.ts"
import * as ProviderFailure from "../../ProviderFailure.ts"
import { isJson } from "./json.ts"
import { scrub } from "./scrub.ts"
import { SignOfLife } from "./signOfLife.ts"

/** What a provider says about itself and its errors. */
export interface Exchange {
  readonly module: string
  readonly method: string
  /** The provider's name. */
  readonly provider: string
  readonly client: HttpClient.HttpClient
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** What to do about a refusal. `isApi` is false where the body is not JSON, which a wrong address most likely explains. */
  readonly advice: (kind: Kind | undefined, status: number | undefined, isApi: boolean) => string | undefined
  /** What to say when there is no connection. */
  readonly unreachable: (error: HttpClientError.HttpClientError) => string | undefined
}

export const failure = (
  exchange: Pick<Exchange, "module" | "method">,
  reason: AiError.AiErrorReason
): AiError.AiError => AiError.make({ module: exchange.module, method: exchange.method, reason })

/** An error inside a body that came under status 200. */
const inBand = (
  exchange: Exchange,
  body: unknown,
  now: number,
  headers?: Headers.Headers
): AiError.AiError =>
  failure(
    exchange,
    ProviderFailure.toReason({
      status: undefined,
      headers,
      body,
      now,
      secrets: exchange.secrets,
      advice: (kind, status) => exchange.advice(kind, status, true)
    })
  )

/** An answer that is not what the protocol says. */
const unreadable = (exchange: Exchange, what: string): AiError.AiError =>
  failure(
    exchange,
    new AiError.InvalidResponseError({
      description:
        `the answer of ${exchange.provider} is not what ${exchange.module} expects (${
          scrub(what, exchange.secrets)
        }). ` +
        "Check that the URL is the provider's API"
    })
  )

/** An answer, or a piece of one, too large to keep in memory. */
const tooLarge = (exchange: Exchange, what: string, limit: number): AiError.AiError =>
  failure(
    exchange,
    new AiError.InvalidResponseError({
      description: `${exchange.provider} sent ${what} of more than ${limit / 1024 / 1024} Mi characters; ` +
        "the rest was not read. Ask for less, or look at the server"
    })
  )

/** A failure of the transport. The advice to start the server is for where there was no connection to it. */
const transportFailure = (
  exchange: Exchange,
  error: HttpClientError.HttpClientError,
  at: "before" | "within"
): AiError.AiError =>
  failure(
    exchange,
    ProviderFailure.fromHttpClientError(
      error,
      error.reason._tag === "TransportError" ? whatFailed(exchange, error, at) : undefined
    )
  )

const whatFailed = (
  exchange: Exchange,
  error: HttpClientError.HttpClientError,
  at: "before" | "within"
): string | undefined => {
  const failed = Option.getOrUndefined(HttpFailure.fromClientError(error))
  switch (failed?.reason._tag) {
    case "ConnectRefused":
    case "ConnectTimeout":
    case "DnsFailure":
      return exchange.unreachable(error)
    case "HeadersTimeout":
    case "BodyTimeout":
    case "PoolTimeout":
    case "TlsFailure":
      return failed?.message
    case "ConnectionReset":
    case "BodyCut":
      return `the connection to ${exchange.provider} broke off ${
        at === "within" ? "in the middle of its answer" : "before it answered"
      }`
    default:
      return at === "before" ? exchange.unreachable(error) : `the connection to ${exchange.provider} broke off`
  }
}

/** The body of a response as it comes. */
export const bytes = (
  exchange: Exchange,
  response: HttpClientResponse.HttpClientResponse
): Stream.Stream<Uint8Array, AiError.AiError> =>
  Stream.unwrap(Effect.map(SignOfLife, (sign) => {
    const body = Stream.mapError(
      response.stream,
      (error) => transportFailure(exchange, error, "within")
    )
    return sign === undefined ? body : Stream.map(body, (bytes) => {
      sign()
      return bytes
    })
  }))

/** How many characters the body of a whole answer may have: 64 Mi. */
const bodyLimit = 64 * 1024 * 1024

/** The body of a response as text. One that is too large is given up at the limit. */
const text = Effect.fnUntraced(function*(
  exchange: Exchange,
  response: HttpClientResponse.HttpClientResponse
): Effect.fn.Return<string, AiError.AiError> {
  let text = ""
  yield* bytes(exchange, response).pipe(
    Stream.decodeText,
    Stream.runForEach((piece) => {
      text += piece
      return text.length > bodyLimit ? Effect.fail(tooLarge(exchange, "an answer", bodyLimit)) : Effect.void
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
  exchange: Exchange,
  request: HttpClientRequest.HttpClientRequest
): Effect.fn.Return<HttpClientResponse.HttpClientResponse, AiError.AiError, Scope.Scope> {
  const response = yield* HttpClient.withScope(exchange.client).execute(request).pipe(
    Effect.mapError((error) => transportFailure(exchange, error, "before"))
  )
  if (response.status >= 200 && response.status < 300) {
    // A login page or a proxy's landing page: waiting for an answer's end in it would look like a cut.
    if (/^text\/html\b/i.test(response.headers["content-type"] ?? "")) {
      return yield* unreadable(exchange, "it is a web page")
    }
    return response
  }
  const now = yield* Clock.currentTimeMillis
  const body = yield* refusalText(response)
  return yield* failure(
    exchange,
    ProviderFailure.toReason({
      status: response.status,
      headers: response.headers,
      body,
      now,
      secrets: exchange.secrets,
      advice: (kind, status) => exchange.advice(kind, status, isJson(body))
    })
  )
})

/** A model that the server does not have, where it has told which it has. */
export const missingModel = (
  exchange: Exchange,
  options: {
    readonly url: string
    readonly model: string
    readonly has: ReadonlyArray<string>
    readonly advice: string
  }
): AiError.AiError =>
  failure(
    exchange,
    new AiError.InvalidRequestError({
      parameter: "model",
      description: `${exchange.provider} at ${options.url} has no model "${options.model}". ${options.advice}. ` +
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
  /** The body is whole and yet no answer to the request: `why` follows "what ... sent is no answer:". */
  readonly noAnswer: (why: string) => AiError.AiError
  /** The model, or a filter after it, declined to answer. */
  readonly refused: (explanation: string) => AiError.AiError
}

/** The errors of an answer that came from `url`. */
export const errors = (exchange: Exchange, url: string, headers?: Headers.Headers): Errors => ({
  inBand: (body, now) => inBand(exchange, body, now, headers),
  cut: (terminator) => failure(exchange, ProviderFailure.cut({ url, terminator })),
  unreadable: (what) => unreadable(exchange, what),
  tooLarge: (what, limit) => tooLarge(exchange, what, limit),
  noAnswer: (why) =>
    failure(
      exchange,
      new AiError.InvalidResponseError({ description: `what ${exchange.provider} sent is no answer: ${why}` })
    ),
  refused: (explanation) => failure(exchange, new AiError.ContentPolicyError({ description: explanation }))
})

/** Decodes the whole body of a response. */
const decode = Effect.fnUntraced(function*<A, RD>(
  exchange: Exchange,
  response: HttpClientResponse.HttpClientResponse,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  const body = yield* Effect.mapError(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))(yield* text(exchange, response)),
    () => unreadable(exchange, "it is not JSON")
  )
  return yield* Effect.mapError(
    Schema.decodeUnknownEffect(schema)(body),
    (error) => unreadable(exchange, error.message)
  )
})

/** Opens a request and decodes its whole body. */
export const json = Effect.fnUntraced(function*<A, RD>(
  exchange: Exchange,
  request: HttpClientRequest.HttpClientRequest,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  return yield* decode(exchange, yield* open(exchange, request), schema)
}, Effect.scoped)
