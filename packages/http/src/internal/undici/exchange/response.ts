/**
 * The response of one exchange. A response that is dropped unread gives its connection back when the scope of its
 * request closes, or when it is garbage collected, whichever is first.
 *
 * Guarded by `test/undici/exchange.test.ts`, `test/undici/misbehaving.test.ts` and `test/undici/decoding.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { IncomingHttpHeaders } from "node:http"
import { BodyResponse, type RawFields } from "../../call/bodyResponse.ts"
import type { Target } from "../target.ts"
import type { IncomingBody } from "./incomingBody.ts"

type Failure = HttpClientError.HttpClientError

/** What a response needs of its exchange. */
interface Exchange extends IncomingBody {
  readonly target: Target
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders | undefined
  readonly trailers: IncomingHttpHeaders | undefined
  readonly raw: Raw | undefined
}

/** What undici's controller keeps of a response. */
export interface Raw {
  rawHeaders?: RawFields | null
  rawTrailers?: RawFields | null
}

export class UndiciResponse extends BodyResponse {
  private readonly exchange: Exchange
  private cachedHeaders: Headers.Headers | undefined = undefined

  constructor(exchange: Exchange) {
    super(exchange.request, exchange.status)
    this.exchange = exchange
    if (!exchange.isOver) dropped.register(this, new WeakRef(exchange))
  }

  get url(): string {
    return this.exchange.target.url
  }

  get headers(): Headers.Headers {
    return this.cachedHeaders ??= headersOf(this.exchange.headers ?? {})
  }

  get setCookie(): ReadonlyArray<string> {
    const cookies: string | ReadonlyArray<string> | undefined = this.exchange.headers?.["set-cookie"]
    return cookies === undefined ? [] : typeof cookies === "string" ? [cookies] : cookies
  }

  override get statusText(): string {
    return this.exchange.statusText
  }

  override get fields(): IncomingHttpHeaders {
    return this.exchange.headers ?? {}
  }

  override get rawHeaders(): RawFields {
    return this.exchange.raw?.rawHeaders ?? undefined
  }

  override get trailers(): IncomingHttpHeaders {
    return this.exchange.trailers ?? {}
  }

  override get rawTrailers(): RawFields {
    return this.exchange.raw?.rawTrailers ?? undefined
  }

  get bytes(): Effect.Effect<Uint8Array, Failure> {
    const exchange = this.exchange
    const { whole } = exchange
    return whole === undefined ? Effect.suspend(() => exchange.collect()) : Effect.succeed(whole)
  }

  // A body that is here is decoded without a step of the fiber between.
  override get text(): Effect.Effect<string, Failure> {
    const { whole } = this.exchange
    return whole === undefined ? super.text : Effect.succeed(this.decode(whole))
  }

  override get json(): Effect.Effect<Schema.Json, Failure> {
    const { whole } = this.exchange
    return whole === undefined ? super.json : this.parse(whole)
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    const exchange = this.exchange
    return Stream.suspend(() => exchange.stream())
  }

  buffered(bytes: number): Effect.Effect<void, Failure> {
    const exchange = this.exchange
    return Effect.suspend(() => exchange.buffer(bytes))
  }

  get isComplete(): boolean {
    return this.exchange.isComplete
  }

  get cancel(): Effect.Effect<void> {
    const exchange = this.exchange
    return Effect.sync(() => exchange.cancel())
  }

  protected override decode(bytes: Uint8Array): string {
    // What comes off a socket is a `Buffer`, which decodes short texts several times faster than a `TextDecoder`, and
    // leaves a byte order mark in.
    return bytes instanceof Buffer && bytes[0] !== 0xef ? bytes.toString() : super.decode(bytes)
  }
}

const proto: object | null = Object.getPrototypeOf(Headers.empty)

/** undici's header names are in lower case already. */
const headersOf = (raw: IncomingHttpHeaders): Headers.Headers => {
  const headers: Record<string, string> = Object.create(proto)
  for (const name in raw) {
    const value = raw[name]
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ")
  }
  return Headers.fromRecordUnsafe(headers)
}

// Weak, because an exchange leads to a fiber (by the error that ended it, by the context of an uploaded stream) and a
// fiber may lead to the response: held here, it would keep the response from ever being garbage. undici's connection
// holds an exchange for as long as there is something to cancel.
const dropped = new FinalizationRegistry<WeakRef<Exchange>>((ref) => {
  const exchange = ref.deref()
  // The exchange outlives the response while its body is read.
  if (exchange?.isRead === false) exchange.cancel()
})
