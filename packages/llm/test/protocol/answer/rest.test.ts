/**
 * A server that ends its body a little after the proof that its answer is whole: its connection is used again, and neither the
 * caller nor the next request pays for a server that never ends it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import type * as Provider from "@holdfast/llm/Provider"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Agent, fetch } from "undici"
import { collect, generate } from "../../providerOptions.ts"
import { recordings } from "../../recordings.ts"

/** A server that writes a body and then does as `ends` says; counts connections, and those that are closed. */
const serverOf = (body: string, ends: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const seen = { connections: 0, closed: 0 }
      const server = createServer((request, response) => {
        request.resume().on("end", () => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          response.write(body, () => ends(response))
        })
      })
      server.on("connection", (socket) => {
        seen.connections++
        socket.on("close", () => seen.closed++)
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      return { server, seen, url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}` }
    }),
    ({ server }) =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
  )

/** With one connection the next request waits for the one before, so that no test guesses how long the rest takes. */
const overFetch = Layer.unwrap(Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Agent({ connections: 1 })),
    (agent) => Effect.promise(() => agent.destroy())
  ),
  (dispatcher) => {
    const viaUndici = ((url: string, init: object) =>
      fetch(url, { ...init, dispatcher })) as unknown as typeof globalThis.fetch
    return FetchHttpClient.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, viaUndici)))
  }
))
const transports: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", overFetch],
  ["the transport", UndiciTransport.layer({ connections: 1 })]
]

const withProof = recordings.filter(({ endsWithBody, stream }) => endsWithBody !== true && typeof stream === "string")

const [first] = withProof
if (first === undefined) throw new Error("no recording has a proof")

const soon = (response: ServerResponse) => void setTimeout(() => response.end("\n\n"), 5)

describe.each(transports)("over %s", (_, transport) => {
  it.live.each(withProof.map((recording) => [recording.name, recording] as const))(
    "uses the connection of %s again",
    ([, { provider, stream }]) =>
      Effect.gen(function*() {
        const { seen, url } = yield* serverOf(String(stream), soon)
        const asked: Provider.Provider = yield* provider(url)
        for (let i = 0; i < 4; i++) yield* collect(asked)
        for (let i = 0; i < 2; i++) yield* generate(asked)
        assert.deepStrictEqual(seen, { connections: 1, closed: 0 })
      }).pipe(Effect.provide(transport), Effect.scoped)
  )

  const asking = (ends: (response: ServerResponse) => void) =>
    Effect.gen(function*() {
      const { seen, server, url } = yield* serverOf(String(first.stream), ends)
      const closed = once(server, "connection").then(([socket]: Array<Socket>) =>
        socket === undefined ? undefined : once(socket, "close")
      )
      const asked = yield* first.provider(url)
      return { seen, asked, closed: Effect.promise(() => closed) }
    })

  it.live("gives the caller its answer before the body ends", () =>
    Effect.gen(function*() {
      const held: Array<ServerResponse> = []
      const { asked, seen } = yield* asking((response) => void held.push(response))
      yield* collect(asked)
      assert.lengthOf(held, 1)
      held[0]?.end()
      yield* collect(asked)
      assert.deepStrictEqual(seen, { connections: 1, closed: 0 })
    }).pipe(Effect.provide(transport), Effect.scoped))

  it.live("closes the connection of a body that never ends, and asks again over another", () =>
    Effect.gen(function*() {
      const { asked, closed, seen } = yield* asking(() => undefined)
      yield* collect(asked)
      yield* collect(asked)
      yield* closed
      assert.strictEqual(seen.connections, 2)
    }).pipe(Effect.provide(transport), Effect.scoped))

  it.live("closes the connection of a body that goes on and on", () =>
    Effect.gen(function*() {
      const more = Buffer.alloc(16 * 1024, "x")
      let written = 0
      const { asked, closed } = yield* asking((response) => {
        const go = () => {
          if (response.destroyed) return
          written += more.length
          response.write(more, () => setImmediate(go))
        }
        go()
      })
      yield* collect(asked)
      yield* closed
      assert.isBelow(written, 50 * 1024 * 1024)
    }).pipe(Effect.provide(transport), Effect.scoped))
})
