/**
 * What the laws say of servers that do not read what they are sent, answer before they have, or close a connection that
 * was kept; on undici and on fetch. After every case no socket, timer or listener is left.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import * as Server from "../server.ts"

const clients: ReadonlyArray<readonly [name: string, client: Layer.Layer<HttpClient.HttpClient>]> = [
  ["undici", UndiciTransport.layer({ connections: 1 })],
  ["fetch", FetchHttpClient.layer]
]

/** Larger than what the buffers of both sides hold. */
const large = new Uint8Array(32 * 1024 * 1024)

const ok = Server.response(200, "ok")

describe.each(clients)("over %s", (_, transport) => {
  const within = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient>, options: HttpPolicy.Options = {}) =>
    Effect.scoped(Effect.provide(
      effect,
      ResilientHttpClient.layer({ retry: { times: 1, backoff: Backoff.constant({ delay: "1 millis" }) }, ...options })
        .pipe(Layer.provide(transport), Layer.merge(Logger.layer([])))
    ))
  const timed: HttpPolicy.Options = { timeouts: { attempt: "400 millis" } }

  /** A stream of the same bytes, which counts how often it was begun and ended. */
  const upload = () => {
    const runs = { begun: 0, ended: 0 }
    const piece = large.subarray(0, 64 * 1024)
    const stream = Stream.suspend(() => {
      runs.begun++
      return Stream.ensuring(
        Stream.fromIterable(Array.from({ length: 512 }, () => piece)),
        Effect.sync(() => runs.ended++)
      )
    })
    return { runs, body: HttpBody.stream(stream) }
  }

  const readers: ReadonlyArray<readonly [name: string, connected: (socket: Net.Socket) => void]> = [
    ["reads nothing", (socket) => void socket.pause()],
    ["reads a byte at a time", (socket) => {
      const timer = setInterval(() => socket.read(1), 5)
      socket.on("readable", () => undefined).on("close", () => clearInterval(timer))
    }]
  ]

  describe.each(readers)("a server that %s", (_, connected) => {
    it.live("is given up when the attempt is over, and tried once more with a body that is there still", () =>
      Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
        const server = yield* Server.tcp(connected)
        const put = HttpClient.put(server.url, { body: HttpBody.uint8Array(large) })
        const error = yield* Effect.flip(within(put, timed))
        assert.isTrue(isPolicyError(error.cause) && error.cause.reason._tag === "AttemptTimeout")
        assert.strictEqual(server.accepted(), 2)
      }))))

    it.live("gets a stream once, whose end runs with the attempt", () =>
      Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
        const server = yield* Server.tcp(connected)
        const { body, runs } = upload()
        yield* Effect.flip(within(HttpClient.put(server.url, { body }), timed))
        assert.strictEqual(server.accepted(), 1)
        yield* Server.until(() => runs.ended === 1)
        assert.strictEqual(runs.begun, 1)
      }))))
  })

  it.live("a server that answers 413 and closes before it has read the body gets it no second time", () =>
    Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* Server.raw((socket) => {
        socket.end(Server.response(413, "", { connection: "close" }))
      })
      for (const body of [HttpBody.uint8Array(large), upload().body]) {
        const before = server.accepted()
        // Whether the answer is read before the write fails is the network's to say.
        const end = yield* within(HttpClient.post(server.url, { body })).pipe(
          Effect.map(({ status }) => String(status)),
          Effect.catch((error) => Effect.succeed(reasonOf(error)))
        )
        assert.include(["413", "ConnectionReset"], end)
        assert.strictEqual(server.accepted() - before, 1)
      }
    }))))

  it.live("a connection that the server closes when its next request has come repeats a GET and no POST", () =>
    Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
      const seen = new WeakSet<Net.Socket>()
      const arrived: Array<string> = []
      const server = yield* Server.raw((socket, _, head) => {
        arrived.push(head.slice(0, head.indexOf(" ")))
        if (seen.has(socket)) socket.resetAndDestroy()
        else socket.write(ok)
        seen.add(socket)
      })
      yield* within(Effect.gen(function*() {
        const read = (request: ReturnType<HttpClient.HttpClient["get"]>) => Effect.flatMap(request, ({ text }) => text)
        const client = yield* HttpClient.HttpClient
        assert.strictEqual(yield* read(client.get(server.url)), "ok")
        assert.strictEqual(yield* read(client.get(server.url)), "ok")
        const error = yield* Effect.flip(read(client.post(server.url, { body: HttpBody.text("pay") })))
        assert.strictEqual(reasonOf(error), "ConnectionReset")
      }))
      // The second GET may have a connection of its own.
      assert.include(["GET,GET,GET,POST", "GET,GET,POST"], arrived.join())
    }))))

  it.live("a connection that the server closed while it was idle fails no request", () =>
    Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
      let arrived = 0
      const server = yield* Server.raw((socket) => {
        arrived++
        socket.end(ok)
      })
      yield* within(Effect.gen(function*() {
        for (let i = 0; i < 5; i++) {
          const response = yield* HttpClient.post(server.url, { body: HttpBody.text("pay") })
          assert.strictEqual(yield* response.text, "ok")
          yield* Server.until(() => server.sockets.size === 0)
        }
      }))
      assert.strictEqual(arrived, 5)
    }))))

  it.live("bytes after the end of a body answer no request", () =>
    Server.leavingNothing(Effect.scoped(Effect.gen(function*() {
      const server = yield* Server.raw((socket, request) => {
        socket.write(Server.response(200, `mine ${request}`) + Server.response(200, "forged"))
      })
      yield* within(
        Effect.gen(function*() {
          for (let i = 1; i <= 5; i++) {
            const text = yield* Effect.flatMap(HttpClient.get(server.url), (response) => response.text)
            assert.match(text, /^mine \d$/)
          }
        }),
        { retry: { times: 5, backoff: Backoff.constant({ delay: "1 millis" }) } }
      )
    }))))
})

const reasonOf = (error: unknown): string =>
  HttpClientError.isHttpClientError(error)
    ? Option.match(HttpFailure.fromClientError(error), { onNone: () => error.message, onSome: (f) => f.reason._tag })
    : String(error)
