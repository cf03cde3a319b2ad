/**
 * The response of one exchange. A response that is dropped unread gives its connection back when the scope of its
 * request closes, or when it is garbage collected, whichever is first.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"
import { BodyResponse } from "./bodyResponse.ts"
import type { Exchange } from "./exchange.ts"

type Failure = HttpClientError.HttpClientError

export class UndiciResponse extends BodyResponse {
  private readonly exchange: Exchange
  private readonly href: string
  private cachedHeaders: Headers.Headers | undefined = undefined

  constructor(exchange: Exchange, href: string) {
    super(exchange.request, exchange.status)
    this.exchange = exchange
    this.href = href
    if (!exchange.isOver) dropped.register(this, exchange)
  }

  get url(): string {
    const hash = this.href.indexOf("#")
    return hash === -1 ? this.href : this.href.slice(0, hash)
  }

  get headers(): Headers.Headers {
    return this.cachedHeaders ??= Headers.fromInput(this.exchange.headers)
  }

  get setCookie(): ReadonlyArray<string> {
    const cookies: string | ReadonlyArray<string> | undefined = this.exchange.headers?.["set-cookie"]
    return cookies === undefined ? [] : typeof cookies === "string" ? [cookies] : cookies
  }

  get bytes(): Effect.Effect<Uint8Array, Failure> {
    const exchange = this.exchange
    return exchange.isOver ? exchange.collect() : Effect.suspend(() => exchange.collect())
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
}

const dropped = new FinalizationRegistry<Exchange>((exchange) => {
  // Whoever reads the body holds the exchange, not the response.
  if (!exchange.isRead) exchange.cancel()
})
