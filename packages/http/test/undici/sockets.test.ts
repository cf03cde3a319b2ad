/**
 * The laws of `ResilientHttpClient` on real sockets: what a server does to a connection, and that afterwards no socket
 * is in use.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import { recorder } from "../../../../vitest.tracer.ts"
import * as Server from "../server.ts"

const soon: HttpPolicy.RetryOptions = { times: 3, backoff: Backoff.constant({ delay: "5 millis" }) }

/** The client over a pool of one connection, which shows at once when a connection is not given back. */
const one = (options: HttpPolicy.Options = {}, transport: UndiciTransport.Options = {}) =>
  Layer.provideMerge(
    ResilientHttpClient.layer({ retry: soon, ...options }),
    Layer.merge(UndiciTransport.layer({ connections: 1, ...transport }), Logger.layer([]))
  )

const ok = Server.response(200, "ok")

/** The server fails the first `times` requests in this way, and then answers. */
const failing = (times: number, how: (socket: Net.Socket) => void) =>
  Server.raw((socket, request) => request <= times ? how(socket) : void socket.write(ok))

const recovers = (times: number, how: (socket: Net.Socket) => void) =>
  Effect.gen(function*() {
    const server = yield* failing(times, how)
    assert.strictEqual(yield* Server.text(server.url), "ok")
    yield* Server.idle
  })

describe("ResilientHttpClient on sockets", () => {
  const failures: ReadonlyArray<[name: string, last: number | string, how: (socket: Net.Socket) => void]> = [
    ["a close before the head", "ConnectionReset", (socket) => socket.end()],
    ["a reset before the head", "ConnectionReset", (socket) => socket.resetAndDestroy()],
    [
      "a reset in the head",
      "ConnectionReset",
      (socket) => socket.write("HTTP/1.1 200 OK\r\nconte", () => socket.resetAndDestroy())
    ],
    ["a close after the head", "BodyCut", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")],
    ["a reset after the head", "BodyCut", (socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", () => socket.resetAndDestroy())
    }],
    ["half a body", "BodyCut", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")],
    ["a 503 with a small body", 503, (socket) => socket.write(Server.response(503, "busy"))],
    ["a 503 with a body of 5 MB", 503, (socket) => socket.write(Server.response(503, "x".repeat(5_000_000)))],
    ["a 503 with a chunked body of 5 MB", 503, (socket) => {
      const size = 5_000_000
      socket.write(
        `HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n${size.toString(16)}\r\n${"x".repeat(size)}\r\n0\r\n\r\n`
      )
    }],
    ["a 503 whose body stalls", 503, (socket) => socket.write("HTTP/1.1 503 X\r\ncontent-length: 10\r\n\r\nhalf")],
    ["a 503 that closes the connection", 503, (socket) => socket.end(Server.response(503, "", { connection: "close" }))]
  ]

  it.live.each(failures)(
    "recovers from %s, three times over, with one connection",
    ([, , how]) => recovers(3, how).pipe(Effect.provide(one()))
  )

  it.live.each(failures)(
    "gives the last of %s as it is, with no socket in use",
    ([, last, how]) =>
      Effect.gen(function*() {
        const server = yield* failing(99, how)
        const found = yield* HttpClient.get(server.url).pipe(
          Effect.scoped,
          Effect.match({
            onSuccess: ({ status }) => status,
            onFailure: ({ cause }) => HttpFailure.isHttpFailure(cause) ? cause.reason._tag : cause
          })
        )
        assert.strictEqual(found, last)
        yield* Server.idle
      }).pipe(Effect.provide(one({ retry: { ...soon, times: 1 } })))
  )

  it.live("fails the attempt for a body that breaks the protocol in the packet of the head", () =>
    Effect.gen(function*() {
      const server = yield* failing(1, (socket) => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n")
      })
      const error = yield* Effect.flip(HttpClient.get(server.url))
      assert.isTrue(HttpFailure.isHttpFailure(error.cause) && error.cause.reason._tag === "ProtocolError")
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("reads the body of the last response, however large", () =>
    Effect.gen(function*() {
      const server = yield* failing(99, (socket) => socket.write(Server.response(503, "x".repeat(5_000_000))))
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(response.status, 503)
      assert.strictEqual((yield* response.text).length, 5_000_000)
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("gives back the connection of a large body whose response is garbage", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => socket.write(Server.response(200, "x".repeat(1_000_000))))
      for (let i = 0; i < 3; i++) yield* Effect.asVoid(HttpClient.get(server.url))
      yield* Server.idleByCollection
    }).pipe(Effect.provide(one({ timeouts: { attempt: "5 seconds" } }, { connections: 3 }))))

  it.live("keeps the connection of a small discarded body", () =>
    Effect.gen(function*() {
      const server = yield* failing(3, (socket) => socket.write(Server.response(503, "x".repeat(60_000))))
      assert.strictEqual(yield* Server.text(server.url), "ok")
      assert.strictEqual(server.accepted(), 1)
    }).pipe(Effect.provide(one())))

  it.live("waits with the next attempt until the connection of the one before is free", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket, request) => {
        if (request === 2) return void socket.write(ok)
        socket.write("HTTP/1.1 503 X\r\ncontent-length: 4\r\n\r\nha")
        setTimeout(() => socket.write("lf"), 50)
      })
      const failures: Array<unknown> = []
      const text = yield* PolicyEvent.observe(Server.text(server.url), (event) => {
        if (event._tag === "AttemptFailed") failures.push(event.error)
      })
      assert.strictEqual(text, "ok")
      assert.strictEqual(failures.length, 1)
      assert.strictEqual(server.accepted(), 1)
    }).pipe(Effect.provide(one({}, { poolQueue: 0 }))))

  it.live("retries a head that is slower than the attempt may be, on a new connection", () =>
    Effect.gen(function*() {
      const server = yield* failing(2, () => undefined)
      assert.strictEqual(yield* Server.text(server.url), "ok")
      assert.strictEqual(server.accepted(), 3)
      yield* Server.idle
    }).pipe(Effect.provide(one({ timeouts: { attempt: "50 millis" } }))))

  it.live("ends a call at its total while the body stalls", () =>
    Effect.gen(function*() {
      const server = yield* failing(1, (socket) => {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nhalf`)
      })
      const error = yield* Effect.flip(Effect.flatMap(HttpClient.get(server.url), (response) => response.text))
      assert.isTrue(isPolicyError(error.cause) && error.cause.reason._tag === "DeadlineExceeded")
      yield* Server.idle
    }).pipe(Effect.provide(one({ timeouts: { total: "100 millis" } }))))

  it.live("sends a request again when the server has closed the connection that was kept", () =>
    Effect.gen(function*() {
      // The server closes each connection on its second request, as one whose keep-alive has just run out does.
      const seen = new WeakSet<Net.Socket>()
      const server = yield* Server.raw((socket) => {
        if (seen.has(socket)) socket.destroy()
        else socket.write(ok)
        seen.add(socket)
      })
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* Server.text(server.url), "ok")
      assert.strictEqual(server.accepted(), 5)
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("gives the connection back when it is interrupted in any phase", () =>
    Effect.gen(function*() {
      const phases: ReadonlyArray<(socket: Net.Socket) => void> = [
        () => undefined,
        (socket) => socket.write("HTTP/1.1 200 OK\r\n"),
        (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
        (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        (socket) => socket.write(Server.response(503, "", { "retry-after-ms": "50" }))
      ]
      for (const phase of phases) {
        const asked = yield* Deferred.make<void>()
        const server = yield* failing(1, (socket) => {
          phase(socket)
          Deferred.doneUnsafe(asked, Effect.void)
        })
        const fiber = yield* Effect.forkChild(Server.text(server.url), { startImmediately: true })
        yield* Deferred.await(asked)
        for (let i = 0; i < 5; i++) yield* Server.turn
        yield* Fiber.interrupt(fiber)
        yield* Server.idle
        assert.strictEqual(yield* Server.text(server.url), "ok")
      }
    }).pipe(Effect.provide(one())))

  it.live("makes progress with one connection and many callers, each of whom is failed once", () =>
    Effect.gen(function*() {
      const failed = new Set<string>()
      const server = yield* Server.http((request, response) => {
        const path = request.url ?? ""
        const first = !failed.has(path)
        failed.add(path)
        response.statusCode = first ? 503 : 200
        response.end(first ? "x".repeat(200_000) : path)
      })
      const paths = Array.from({ length: 20 }, (_, i) => `/${i}`)
      const texts = yield* Effect.forEach(paths, (path) => Server.text(server.url + path), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(texts, paths)
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("repeats a POST that found the port closed, and none that was written", () =>
    Effect.gen(function*() {
      const closed = yield* Effect.exit(HttpClient.post(yield* Server.closedPort))
      assert.isTrue(closed._tag === "Failure")
      let requests = 0
      const server = yield* Server.raw((socket) => {
        requests++
        socket.resetAndDestroy()
      })
      yield* Effect.exit(HttpClient.post(server.url, { body: HttpBody.text("pay") }))
      assert.strictEqual(requests, 1)
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("sends the whole of a stream once, and not again after it was read", () =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const server = yield* Server.http((request, response) => {
        let body = ""
        request.on("data", (chunk: Buffer) => body += chunk.toString())
        request.on("end", () => {
          bodies.push(body)
          response.statusCode = 503
          response.end()
        })
      })
      const body = HttpBody.stream(Stream.make(new TextEncoder().encode("only once")))
      const response = yield* HttpClient.put(server.url, { body })
      assert.strictEqual(response.status, 503)
      assert.deepStrictEqual(bodies, ["only once"])
      yield* Server.idle
    }).pipe(Effect.provide(one())))

  it.live("streams a large body with the total over it", () =>
    Effect.gen(function*() {
      const size = 3_000_000
      const server = yield* Server.http((_, response) => response.end(Buffer.alloc(size)))
      const response = yield* HttpClient.get(server.url)
      const read = yield* Stream.runFold(response.stream, () => 0, (sum, chunk) => sum + chunk.length)
      assert.strictEqual(read, size)
      yield* Server.idle
    }).pipe(Effect.provide(one({ timeouts: { attempt: "5 seconds", total: "10 seconds" } }))))

  it.live("counts on each span how often the request was sent before", () =>
    Effect.gen(function*() {
      const server = yield* failing(2, (socket) => socket.write(Server.response(503, "")))
      const { spans, tracer } = recorder()
      assert.strictEqual(yield* Effect.withTracer(Server.text(server.url), tracer), "ok")
      assert.deepStrictEqual(
        spans.map(({ attributes }) => attributes.get("http.request.resend_count")),
        [undefined, 1, 2]
      )
    }).pipe(Effect.provide(one())))

  describe("over fetch", () => {
    const fetch = (options: HttpPolicy.Options = {}) =>
      ResilientHttpClient.layer({ retry: soon, ...options }).pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.merge(Logger.layer([]))
      )

    it.live.each(failures)("recovers from %s", ([, , how]) =>
      Effect.gen(function*() {
        const server = yield* failing(3, how)
        assert.strictEqual(yield* Server.text(server.url), "ok")
      }).pipe(Effect.provide(fetch())))

    it.live("reads a HEAD and a 204, which have no body", () =>
      Effect.gen(function*() {
        const server = yield* Server.http((request, response) => {
          response.statusCode = request.method === "HEAD" ? 200 : 204
          response.end()
        })
        assert.strictEqual(yield* Effect.flatMap(HttpClient.head(server.url), (response) => response.text), "")
        assert.strictEqual(yield* Effect.flatMap(HttpClient.get(server.url), (response) => response.text), "")
      }).pipe(Effect.provide(fetch())))

    it.live("closes the connection of a discarded body", () =>
      Effect.gen(function*() {
        const server = yield* failing(3, (socket) => socket.write(Server.response(503, "x".repeat(5_000_000))))
        assert.strictEqual(yield* Server.text(server.url), "ok")
        yield* Server.until(() => server.sockets.size === 1)
      }).pipe(Effect.provide(fetch())))
  })
})
