/**
 * A response that is another one but for how its body is read.
 *
 * Guarded by `test/call/secrets.laws.test.ts`, `test/call/telemetry.test.ts` and `test/fetch/contract.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Stream from "effect/Stream"
import type { UrlSecrets } from "../secrets/hiddenUrl.ts"
import { BodyResponse } from "./bodyResponse.ts"

type Failure = HttpClientError.HttpClientError

export abstract class ForwardedResponse extends BodyResponse {
  protected readonly inner: BodyResponse

  constructor(inner: BodyResponse, request: HttpClientRequest.HttpClientRequest = inner.request) {
    super(request, inner.status)
    this.inner = inner
  }

  /** What becomes of each effect that reads from the body. */
  protected abstract reading<A>(read: Effect.Effect<A, Failure>): Effect.Effect<A, Failure>

  abstract override get stream(): Stream.Stream<Uint8Array, Failure>

  get url() {
    return this.inner.url
  }

  get headers() {
    return this.inner.headers
  }

  get setCookie() {
    return this.inner.setCookie
  }

  override get statusText() {
    return this.inner.statusText
  }

  override get fields() {
    return this.inner.fields
  }

  override get rawHeaders() {
    return this.inner.rawHeaders
  }

  override get rawTrailers() {
    return this.inner.rawTrailers
  }

  override get trailers() {
    return this.inner.trailers
  }

  override get web() {
    return this.inner.web
  }

  override get cookies() {
    return this.inner.cookies
  }

  override get remoteAddress() {
    return this.inner.remoteAddress
  }

  override get upgrade() {
    return this.inner.upgrade
  }

  override shownHeaders(secrets: UrlSecrets): Readonly<Record<string, unknown>> {
    return this.inner.shownHeaders(secrets)
  }

  get isComplete(): boolean {
    return this.inner.isComplete
  }

  get cancel(): Effect.Effect<void> {
    return this.inner.cancel
  }

  get bytes(): Effect.Effect<Uint8Array, Failure> {
    return this.reading(this.inner.bytes)
  }

  buffered(bytes: number): Effect.Effect<void, Failure> {
    return this.reading(this.inner.buffered(bytes))
  }
}
