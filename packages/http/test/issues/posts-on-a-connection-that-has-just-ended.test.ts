/**
 * A server that ends each connection right after its answer, without saying so, got the next request before the end was
 * read: half of the POSTs in a row failed, and the server had carried them out.
 */
import { assert, describe, it } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Server from "../server.ts"

const answersAndEnds = Effect.map(
  Effect.gen(function*() {
    let served = 0
    const server = yield* Server.http((request, response) => {
      request.resume().on("end", () => {
        served++
        response.end("done")
        response.socket?.end()
      })
    })
    return { ...server, served: () => served }
  }),
  (server) => ({
    ...server,
    post: Effect.flatMap(HttpClient.post(server.url, { body: HttpBody.text("x") }), (response) => response.text)
  })
)

describe("A server that ends each connection with its answer", () => {
  for (const connections of [1, 2, 100]) {
    for (const concurrency of [1, 4]) {
      it.live(`carries out each of 40 POSTs once, ${concurrency} at once over ${connections} connections`, () =>
        Effect.gen(function*() {
          const server = yield* answersAndEnds
          const texts = yield* Effect.forEach(Array.from({ length: 40 }), () => server.post, { concurrency })
          assert.deepStrictEqual(texts, Array.from({ length: 40 }, () => "done"))
          assert.strictEqual(server.served(), 40)
          yield* Server.idle
        }).pipe(Effect.provide(UndiciTransport.layer({ connections }))))
    }
  }

  it.live("needs no place in the queue for what comes right after", () =>
    Effect.gen(function*() {
      const server = yield* answersAndEnds
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* server.post, "done")
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolQueue: 0 }))))
})
