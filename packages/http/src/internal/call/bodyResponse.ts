/**
 * A response whose body is read at most once, whatever is asked of it: the base of the transport's own responses, of
 * scripted ones, and of the ones that a policy wraps. A subclass says how bytes come; text, JSON, forms and bytes are
 * built on that here.
 *
 * Guarded by `test/call/secrets.laws.test.ts`, `test/download/continuation.test.ts` and
 * `test/UndiciTransport.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Cookies from "effect/http/Cookies"
import type * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import { redact } from "effect/Redactable"
import type * as Schema from "effect/Schema"
import type * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import { shownHeader, type UrlSecrets, urlSecrets } from "../secrets/hiddenUrl.ts"

type Failure = HttpClientError.HttpClientError

/** Headers or trailers. */
export type Fields = Readonly<Record<string, string | Array<string> | undefined>>

/** What undici's controller has of them. */
export type RawFields = ReadonlyArray<Uint8Array> | ReadonlyArray<string> | Fields | undefined

/** A client with a policy, as the policies around it know it. */
export interface Recorder {
  /** Whether it retries, or a client below it. */
  retries: boolean
}

export abstract class BodyResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  /** The client that has given it out: that has recorded its request, and no policy around it does so again. */
  recordedBy: Recorder | undefined = undefined

  constructor(request: HttpClientRequest.HttpClientRequest, status: number) {
    super()
    this.request = request
    this.status = status
  }

  get [HttpClientResponse.TypeId](): typeof HttpClientResponse.TypeId {
    return HttpClientResponse.TypeId
  }

  get [HttpIncomingMessage.TypeId](): typeof HttpIncomingMessage.TypeId {
    return HttpIncomingMessage.TypeId
  }

  abstract get url(): string
  abstract get headers(): Headers.Headers
  abstract get setCookie(): ReadonlyArray<string>

  /** What stood behind the status, where the transport tells. */
  get statusText(): string {
    return ""
  }

  /** The headers, each with its values apart if it was repeated, where the transport tells. */
  get fields(): Fields {
    const { "set-cookie": _, ...headers } = this.headers
    return this.setCookie.length === 0 ? headers : { ...headers, "set-cookie": [...this.setCookie] }
  }

  /** The headers as undici's parser gave them: names and values by turns, in bytes, where the transport tells. */
  get rawHeaders(): RawFields {
    return undefined
  }

  /** The fields behind the body, once it has ended, where the transport tells. */
  get trailers(): Fields {
    return {}
  }

  /** The same as undici's parser gave them. */
  get rawTrailers(): RawFields {
    return undefined
  }

  /** The response that a `fetch` gave. From then on its connection is released by {@link cancel} alone. */
  get web(): Response | undefined {
    return undefined
  }

  /** What `HttpClientResponse.toWeb` gives: the response of a `fetch` itself, or one of its body as this class reads it. */
  get handedOver(): Response | undefined {
    const { web } = this
    if (web === undefined || web.body === null || !this.readsBody(web.body)) return web
    const body = Stream.toReadableStream(this.stream) as ReadableStream<Uint8Array<ArrayBuffer>>
    return new Response(body, { status: web.status, statusText: web.statusText, headers: web.headers })
  }

  /** Whether the body of {@link web} is to be read through this response alone. */
  protected readsBody(body: ReadableStream): boolean {
    return body.locked
  }

  /** The whole body. Reading it again gives the same bytes. */
  abstract get bytes(): Effect.Effect<Uint8Array, Failure>

  /** The body as it comes, with back-pressure; ending the stream early cancels the rest. */
  abstract get stream(): Stream.Stream<Uint8Array, Failure>

  /** Waits until `bytes` of the body (64 KiB at most) can be read without waiting, or it is whole; consumes nothing. */
  abstract buffered(bytes: number): Effect.Effect<void, Failure>

  /** Whether the body has come whole, so that reading it neither waits nor fails. */
  abstract get isComplete(): boolean

  /** Gives the connection up without reading the rest of the body. */
  abstract get cancel(): Effect.Effect<void>

  /**
   * Makes the connection free for the next request: takes what is left of a small body, and cancels a large one or one
   * that does not come within a second.
   */
  get discard(): Effect.Effect<void> {
    if (this.isComplete) return Effect.void
    const rest = contentLength(this.headers) ?? 0
    if (rest > highWater) return this.cancel
    return this.buffered(highWater).pipe(
      Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.void }),
      Effect.ignore,
      Effect.andThen(this.cancel)
    )
  }

  private cachedCookies: Cookies.Cookies | undefined
  get cookies(): Cookies.Cookies {
    return this.cachedCookies ??= Cookies.fromSetCookie(this.setCookie)
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.map(this.bytes, toArrayBuffer)
  }

  get text(): Effect.Effect<string, Failure> {
    return Effect.map(this.bytes, (bytes) => this.decode(bytes))
  }

  get json(): Effect.Effect<Schema.Json, Failure> {
    return Effect.flatMap(this.bytes, (bytes) => this.parse(bytes))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, Failure> {
    // A leading "?" belongs to the form; URLSearchParams would take it for the start of a query.
    return Effect.map(
      this.bytes,
      (bytes) => UrlParams.fromInput(new URLSearchParams(formDecoder.decode(bytes).replace(/^\?/, "%3F")))
    )
  }

  get formData(): Effect.Effect<FormData, Failure> {
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.catch(
        Effect.tryPromise(() => new Response(body, { headers: { ...this.headers } }).formData()),
        (error) => this.decodeError(error.cause)
      ))
  }

  get upgrade(): Effect.Effect<Socket.Socket, Failure> {
    return Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.StatusCodeError({
          request: this.request,
          response: this,
          description: "this transport does not hand over upgraded connections"
        })
      })
    )
  }

  toJSON(): unknown {
    const shown = HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
    return { ...shown, headers: this.shownHeaders(urlSecrets(Fiber.getCurrent())) }
  }

  /** The headers, as a log may have them. */
  shownHeaders(secrets: UrlSecrets): Readonly<Record<string, unknown>> {
    const headers = redact(this.headers) as Readonly<Record<string, unknown>>
    return Object.fromEntries(
      Object.entries(headers).map((
        [name, value]
      ) => [name, typeof value === "string" ? shownHeader(name, value, secrets) : value])
    )
  }

  pipe() {
    return pipeArguments(this, arguments)
  }

  protected decode(bytes: Uint8Array): string {
    return decoder.decode(bytes)
  }

  protected parse(bytes: Uint8Array): Effect.Effect<Schema.Json, Failure> {
    try {
      return Effect.succeed(bytes.length === 0 ? null : JSON.parse(this.decode(bytes)) as Schema.Json)
    } catch (cause) {
      return this.decodeError(cause)
    }
  }

  protected decodeError(cause: unknown, description?: string): Effect.Effect<never, Failure> {
    return Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.DecodeError({
          request: this.request,
          response: this,
          cause,
          ...(description === undefined ? undefined : { description })
        })
      })
    )
  }
}

// `toWeb` asks a response by a name that Effect does not export, and tells it to what is asked.
HttpClientResponse.toWeb(
  new Proxy({} as HttpClientResponse.HttpClientResponse, {
    get: (_, name) => {
      Object.defineProperty(BodyResponse.prototype, name, {
        value(this: BodyResponse) {
          return this.handedOver
        }
      })
    }
  })
)

/** How many bytes of an unread body are taken off the socket: 64 KiB. */
export const highWater = 64 * 1024

/** The length that a response announces for its body. */
export const contentLength = (headers: Headers.Headers): number | undefined => {
  const value = headers["content-length"]
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** A failure of the transport, as Effect's clients report it. */
export const transportError = (request: HttpClientRequest.HttpClientRequest, cause: Error): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({ request, cause, description: cause.message })
  })

/** A body that was taken chunk by chunk is gone. */
export const alreadyRead = (request: HttpClientRequest.HttpClientRequest): Failure =>
  transportError(request, new Error("The body was already read as a stream, and can be read only once"))

/** One array out of many, without a copy when there is one. */
export const concat = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  if (chunks.length === 1) return chunks[0]!
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

const decoder = new TextDecoder()
const formDecoder = new TextDecoder("utf-8", { ignoreBOM: true })

// A chunk is a window on a larger buffer; `Buffer.slice` would hand that out, with what else is in it.
const toArrayBuffer = (bytes: Uint8Array): ArrayBuffer =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? bytes.buffer
    : new Uint8Array(bytes).buffer
