/** Retries multiply: a client that retries is refused around another, whatever combinator of Effect's stands between them. */
import { assert, it } from "@effect/vitest"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"

/** Every combinator but `withCookiesRef`, which keeps nothing of the client that it is given. */
const combinators: Readonly<Record<string, (client: HttpClient.HttpClient) => unknown>> = {
  filterOrElse: HttpClient.filterOrElse(() => true, () => Effect.fail("no")),
  filterOrFail: HttpClient.filterOrFail(() => true, () => "no"),
  filterStatus: HttpClient.filterStatus(() => true),
  filterStatusOk: HttpClient.filterStatusOk,
  followRedirects: HttpClient.followRedirects(2),
  mapRequest: HttpClient.mapRequest(HttpClientRequest.setHeader("x-a", "1")),
  mapRequestEffect: HttpClient.mapRequestEffect((request) => Effect.succeed(request)),
  mapRequestInput: HttpClient.mapRequestInput(HttpClientRequest.setHeader("x-a", "1")),
  mapRequestInputEffect: HttpClient.mapRequestInputEffect((request) => Effect.succeed(request)),
  tap: HttpClient.tap(() => Effect.void),
  tapError: HttpClient.tapError(() => Effect.void),
  tapRequest: HttpClient.tapRequest(() => Effect.void),
  transform: HttpClient.transform((effect) => effect),
  transformResponse: HttpClient.transformResponse((effect) => effect),
  withScope: HttpClient.withScope
}

const inner = Effect.provide(ResilientHttpClient.make({ retry: { times: 1 } }), TestTransport.layer([]))

const around = (client: HttpClient.HttpClient, retry: false | { readonly times: number }) =>
  Effect.provideService(ResilientHttpClient.make({ retry }), HttpClient.HttpClient, client)

it.effect.each(Object.entries(combinators))(
  "is refused through %s, and through it twice",
  ([, combinator]) =>
    Effect.gen(function*() {
      const wrap = (client: HttpClient.HttpClient) => combinator(client) as HttpClient.HttpClient
      const client = wrap((yield* inner) as HttpClient.HttpClient)
      for (const wrapped of [client, wrap(client)]) {
        const refused = yield* Effect.catchDefect(Effect.as(around(wrapped, { times: 1 }), undefined), Effect.succeed)
        assert.instanceOf(refused, RangeError)
        assert.match(String(refused), /retry must be false around a client that retries itself/)
        yield* around(wrapped, false)
      }
    })
)

it.effect("is not refused around a client that does not retry", () =>
  Effect.gen(function*() {
    const calm = yield* Effect.provide(ResilientHttpClient.make({ retry: false }), TestTransport.layer([]))
    yield* around(HttpClient.filterStatusOk(calm as HttpClient.HttpClient), { times: 1 })
  }))
