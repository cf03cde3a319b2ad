/**
 * How a redirect gives its connection up. `HttpClient.followRedirects` aborts the response that it follows, and it
 * finds the controller to abort in a table that only Effect's own `HttpClient.make` writes. So a redirect whose body has
 * not come whole passes through such a client before its caller sees it.
 *
 * It is one with `withScope`: without, Effect would wrap the response, and keep it alive by what was aborted.
 *
 * Guarded by `test/issues/redirects-hold-their-connections.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Scope from "effect/Scope"
import type { BodyResponse } from "./bodyResponse.ts"

type Handed = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/** A response for the caller of a client: `followRedirects` can abort it, if it may want to. */
export const handedOver = (response: BodyResponse): Handed =>
  isOpenRedirect(response) ? abortable(response) : Effect.succeed(response)

const isOpenRedirect = (response: BodyResponse): boolean =>
  response.status >= 300 && response.status < 400 && !response.isComplete && response.headers["location"] !== undefined

const abortable = (response: BodyResponse): Handed => {
  const client = HttpClient.make((_request, _url, signal) => {
    signal.addEventListener("abort", () => void Effect.runFork(response.cancel), { once: true })
    return Effect.succeed(response)
  })
  // The request is for the table alone. That of the response has its span already, and may be sent again.
  return HttpClient.withScope(client).execute(HttpClientRequest.get("http://localhost")).pipe(
    Effect.provideService(HttpClient.TracerDisabledWhen, constTrue),
    Scope.provide(Scope.makeUnsafe())
  )
}
