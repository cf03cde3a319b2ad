/**
 * Effect's `followRedirects` aborts the response that it follows, and found nothing to abort: a redirect with a large
 * body held its connection until garbage was collected.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Server from "../server.ts"

const large = "x".repeat(1_000_000)

const redirecting = Server.http((request, response) => {
  if (request.url !== "/go") return void response.end("arrived")
  response.writeHead(302, { location: "/to" }).end(large)
})

const go = (url: string) =>
  Effect.gen(function*() {
    const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
    return yield* Effect.flatMap(client.get(`${url}/go`), (response) => response.text)
  })

const one = UndiciTransport.layer({ connections: 1 })
const overFetch = (options: HttpPolicy.Options = {}) =>
  Layer.merge(
    Layer.provide(ResilientHttpClient.layer(options), FetchHttpClient.layer),
    Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
  )

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["UndiciTransport", one],
  ["ResilientHttpClient", Layer.provide(ResilientHttpClient.layer(), one)],
  ["ResilientHttpClient up to the head", Layer.provide(ResilientHttpClient.layer({ commit: "head" }), one)],
  [
    "ResilientHttpClient with a total",
    Layer.provide(ResilientHttpClient.layer({ timeouts: { total: "1 minute" } }), one)
  ],
  ["ResilientHttpClient over fetch", overFetch()],
  [
    "ResilientHttpClient over fetch up to the head",
    overFetch({ commit: "head" })
  ]
]

describe("A redirect with a large body", () => {
  for (const [name, layer] of clients) {
    it.live(`gives its connection up, by ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* redirecting
        for (let i = 0; i < 5; i++) assert.strictEqual(yield* go(server.url), "arrived")
        yield* Server.until(() => server.sockets.size <= 1)
      }).pipe(Effect.provide(layer)))

    it.live(`is read as it is where it is not followed, by ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* redirecting
        const response = yield* HttpClient.get(`${server.url}/go`)
        assert.isTrue((yield* response.text) === large)
        yield* Server.until(() => server.sockets.size <= 1)
      }).pipe(Effect.provide(layer)))
  }
})
