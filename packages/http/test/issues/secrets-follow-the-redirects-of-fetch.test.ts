/**
 * A redirect to another origin took configured secrets along, over fetch: fetch follows redirects by itself, below the
 * client that keeps secrets to their origin, and drops `authorization` alone. Without a base URL they followed a redirect
 * over every client.
 */
import { assert, describe, it } from "@effect/vitest"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Server from "../server.ts"

const clients = [
  ["undici", UndiciTransport.layer()],
  ["fetch", FetchHttpClient.layer],
  [
    "fetch that was told to follow",
    Layer.merge(
      FetchHttpClient.layer,
      Layer.succeed(FetchHttpClient.RequestInit, { redirect: "follow" })
    )
  ]
] as const

describe.each(clients)("over %s", (_, transport) => {
  it.live.each([true, false])(
    "a redirect to another origin takes no secret along, with a base URL: %s",
    (hasBase) =>
      Effect.gen(function*() {
        const heads: Array<string> = []
        const other = yield* Server.raw((socket, _, head) => {
          heads.push(head)
          socket.write(Server.response(200, "ok"))
        })
        const home = yield* Server.raw((socket, _, head) => {
          heads.push(head)
          socket.write(Server.response(302, "", { location: other.url }))
        })
        const client = ResilientHttpClient.layer({
          ...(hasBase && { baseUrl: home.url }),
          headers: { authorization: Redacted.make("Bearer secret"), "x-api-key": Redacted.make("secret") }
        })
        const text = Effect.gen(function*() {
          const response = yield* HttpClient.followRedirects(yield* HttpClient.HttpClient).get(hasBase ? "/" : home.url)
          return yield* response.text
        })
        assert.strictEqual(yield* Effect.provide(text, Layer.provideMerge(client, transport)), "ok")
        assert.deepStrictEqual(heads.map((head) => head.split("secret").length - 1), [2, 0])
      })
  )
})
