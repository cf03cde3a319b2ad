/**
 * One request to a provider: the response when it is a success, and otherwise an `AiError` that says what the refusal
 * means. Whatever was opened is closed with the scope.
 */
import * as AiError from "effect/ai/AiError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Kind } from "../ProviderFailure.ts"
import * as ProviderFailure from "../ProviderFailure.ts"

/** What a provider says about itself and its errors. */
export interface Exchange {
  readonly module: string
  readonly method: string
  readonly client: HttpClient.HttpClient
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** What to do about a refusal. */
  readonly advice: (kind: Kind | undefined, status: number | undefined) => string | undefined
  /** What to say when there is no connection. */
  readonly unreachable: (error: HttpClientError.HttpClientError) => string | undefined
}

export const failure = (
  exchange: Pick<Exchange, "module" | "method">,
  reason: AiError.AiErrorReason
): AiError.AiError => AiError.make({ module: exchange.module, method: exchange.method, reason })

/** An error inside a body that came under status 200. */
export const inBand = (
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
      advice: exchange.advice
    })
  )

/** An answer that is not what the protocol says. */
export const unreadable = (exchange: Exchange, what: string): AiError.AiError =>
  failure(
    exchange,
    new AiError.InvalidResponseError({
      description:
        `the answer is not what ${exchange.module} expects (${what}). Check that the URL is the provider's API`
    })
  )

/** A failure of the transport. */
const transportFailure = (exchange: Exchange, error: HttpClientError.HttpClientError): AiError.AiError =>
  failure(
    exchange,
    ProviderFailure.fromHttpClientError(
      error,
      error.reason._tag === "TransportError" ? exchange.unreachable(error) : undefined
    )
  )

/** The body of a response as text, as it comes. */
export const text = (
  exchange: Exchange,
  response: HttpClientResponse.HttpClientResponse
): Stream.Stream<string, AiError.AiError> =>
  response.stream.pipe(
    Stream.mapError((error) => transportFailure(exchange, error)),
    Stream.decodeText
  )

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
    Effect.mapError((error) => transportFailure(exchange, error))
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
      advice: exchange.advice
    })
  )
})

/** An answer that stopped without the provider's own terminator. */
export const cut = (exchange: Exchange, url: string, terminator: string): AiError.AiError =>
  failure(exchange, ProviderFailure.cut({ url, terminator }))

/** Decodes the whole body of a response. */
export const decode = Effect.fnUntraced(function*<A, RD>(
  exchange: Exchange,
  response: HttpClientResponse.HttpClientResponse,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  const text = yield* Effect.mapError(response.text, (error) => transportFailure(exchange, error))
  const body = yield* Effect.mapError(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))(text),
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
