/**
 * A response whose request is shown without secrets, in the errors of its body too.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { ForwardedResponse } from "../call/forwardedResponse.ts"
import type { UrlSecrets } from "./hiddenUrl.ts"

type Failure = HttpClientError.HttpClientError

/** What is shown of the request that was sent. */
interface Shown {
  readonly request: HttpClientRequest.HttpClientRequest
  error(error: Failure, response: HttpClientResponse.HttpClientResponse): Failure
  hideHeaders<A>(headers: Readonly<Record<string, A>>): Readonly<Record<string, A | string>>
}

export class ShownResponse extends ForwardedResponse {
  private readonly shown: Shown

  constructor(inner: BodyResponse, shown: Shown) {
    super(inner, shown.request)
    this.shown = shown
  }

  // `followRedirects` resolves a location against the URL of the request, of which the shown one has lost parts.
  override get headers(): Headers.Headers {
    const { headers } = this.inner
    const { location } = headers
    if (location === undefined) return headers
    const actual = URL.parse(location, this.inner.request.url)
    return actual === null || actual.href === URL.parse(location, this.request.url)?.href
      ? headers
      : Headers.set(headers, "location", actual.href)
  }

  override shownHeaders(secrets: UrlSecrets): Readonly<Record<string, unknown>> {
    return this.shown.hideHeaders(super.shownHeaders(secrets))
  }

  protected override reading<A>(read: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> {
    return Effect.mapError(
      read,
      (error) => this.shown.error(error, this)
    )
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.mapError(this.inner.stream, (error) => this.shown.error(error, this))
  }
}
