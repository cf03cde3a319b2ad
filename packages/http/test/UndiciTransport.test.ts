import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import * as Server from "./server.ts"

const one = UndiciTransport.layer({ connections: 1 })

const failureOf = (error: HttpClientError.HttpClientError) => Option.getOrThrow(HttpFailure.fromClientError(error))

const summary = (failure: HttpFailure.HttpFailure) => [failure.reason._tag, failure.phase, failure.requestWritten]

describe("UndiciTransport", () => {
  describe("responses", () => {
    it.live("reads text, JSON, bytes, forms, headers and cookies", () =>
      Effect.gen(function*() {
        const server = yield* Server.http((request, response) => {
          response.setHeader("set-cookie", ["a=1", "b=2; Path=/"])
          response.setHeader("x-url", request.url ?? "")
          if (request.url === "/form") response.setHeader("content-type", "application/x-www-form-urlencoded")
          response.end(request.url === "/form" ? "?a=1&b=2" : "{\"left\":3}")
        })
        const request = HttpClientRequest.get(`${server.url}/stock#top`, { urlParams: { q: "ä b" } })
        const response = yield* HttpClient.execute(request)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers["x-url"], "/stock?q=%C3%A4+b")
        assert.strictEqual(response.url, `${server.url}/stock?q=%C3%A4+b`)
        assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a", "b"])
        assert.deepStrictEqual(yield* response.json, { left: 3 })
        assert.strictEqual(yield* response.text, "{\"left\":3}")
        assert.strictEqual((yield* response.arrayBuffer).byteLength, 10)
        const form = yield* HttpClient.get(`${server.url}/form`)
        assert.deepStrictEqual((yield* form.urlParamsBody).params, [["?a", "1"], ["b", "2"]])
        assert.strictEqual((yield* form.formData).get("b"), "2")
      }).pipe(Effect.provide(one)))

    it.live("reports invalid JSON as DecodeError", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "<html>")))
        const error = yield* HttpClient.get(server.url).pipe(Effect.flatMap((_) => _.json), Effect.flip)
        assert.strictEqual(error.reason._tag, "DecodeError")
        assert.isTrue(Option.isNone(HttpFailure.fromClientError(error)))
      }).pipe(Effect.provide(one)))

    it.live("skips 1xx heads, and reads heads that come byte by byte", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => {
          const bytes = `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${Server.response(200, "there")}`
          let at = 0
          const next = () => {
            if (at < bytes.length) socket.write(bytes[at++]!, () => setImmediate(next))
          }
          socket.setNoDelay(true)
          next()
        })
        assert.strictEqual(yield* Server.text(server.url), "there")
      }).pipe(Effect.provide(one)))

    it.live("makes the server wait while the body is unread", () =>
      Effect.gen(function*() {
        const size = 32 * 1024 * 1024
        let blocked: (() => void) | undefined
        let sent = 0
        const server = yield* Server.http((_, response) => {
          const chunk = Buffer.alloc(256 * 1024)
          const more = () => {
            while (sent < size) {
              sent += chunk.length
              if (!response.write(chunk)) {
                blocked?.()
                response.once("drain", more)
                return
              }
            }
            response.end()
          }
          more()
        })
        const response = yield* HttpClient.get(server.url)
        // Loopback buffers some megabytes; what matters is that it stops far from the end.
        let last = -1
        while (last !== sent) {
          last = sent
          for (let i = 0; i < 50; i++) yield* Server.turn
        }
        assert.isBelow(sent, size / 2)
        blocked = undefined
        const received = yield* Stream.runFold(response.stream, () => 0, (sum, chunk) => sum + chunk.length)
        assert.strictEqual(received, size)
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("frees the connection of a small unread body", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "x".repeat(60_000))))
        for (let i = 0; i < 5; i++) yield* HttpClient.get(server.url)
        yield* Server.idle
        assert.strictEqual(server.accepted(), 1)
      }).pipe(Effect.provide(one)))

    it.live("cancels a large unread body when the scope of the request closes", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "x".repeat(1_000_000))))
        yield* Effect.scoped(HttpClient.get(server.url))
        yield* Server.idle
        yield* Effect.scoped(HttpClient.withScope(yield* HttpClient.HttpClient).get(server.url))
        yield* Server.idle
        assert.strictEqual((yield* Server.text(server.url)).length, 1_000_000)
      }).pipe(Effect.provide(one)))

    it.live("cancels a large body whose response is garbage", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "x".repeat(1_000_000))))
        for (let i = 0; i < 3; i++) yield* Effect.asVoid(HttpClient.get(server.url))
        yield* Server.idleByCollection
      }).pipe(Effect.provide(UndiciTransport.layer({ connections: 3 }))))

    it.live("reads a body that was read whole again, and one that was streamed once", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "body")))
        const whole = yield* HttpClient.get(server.url)
        const streamed = (response: HttpClientResponse.HttpClientResponse) =>
          Stream.mkString(Stream.decodeText(response.stream))
        assert.strictEqual(yield* whole.text, "body")
        assert.strictEqual(yield* streamed(whole), "body")
        assert.strictEqual(yield* whole.text, "body")
        const once = yield* HttpClient.get(server.url)
        assert.strictEqual(yield* streamed(once), "body")
        assert.include((yield* Effect.flip(streamed(once))).message, "can be read only once")
        assert.include((yield* Effect.flip(once.text)).message, "can be read only once")
      }).pipe(Effect.provide(one)))

    it.live("cancels the rest of a stream that ends early", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "x".repeat(5_000_000))))
        const response = yield* HttpClient.get(server.url)
        const first = yield* Stream.runHead(response.stream)
        assert.isTrue(Option.isSome(first))
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("keeps a connection for the next request", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "ok")))
        for (let i = 0; i < 10; i++) assert.strictEqual(yield* Server.text(server.url), "ok")
        assert.strictEqual(server.accepted(), 1)
      }).pipe(Effect.provide(one)))

    it.live("opens a new connection when the server has closed the one it kept", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "ok")))
        assert.strictEqual(yield* Server.text(server.url), "ok")
        for (const socket of server.sockets) socket.end()
        yield* Server.until(() => server.sockets.size === 0)
        assert.strictEqual(yield* Server.text(server.url), "ok")
        assert.strictEqual(server.accepted(), 2)
      }).pipe(Effect.provide(one)))
  })

  describe("requests", () => {
    const echo = Server.http((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({
          method: request.method,
          type: request.headers["content-type"]?.split(";")[0],
          length: request.headers["content-length"],
          body: Buffer.concat(chunks).toString()
        }))
      })
    })

    const bodies: ReadonlyArray<[name: string, body: HttpBody.HttpBody, expected: object]> = [
      ["no body", HttpBody.empty, { length: "0", body: "" }],
      ["text", HttpBody.text("häuser"), { type: "text/plain", length: "7", body: "häuser" }],
      ["JSON", HttpBody.jsonUnsafe({ a: 1 }), { type: "application/json", length: "7", body: "{\"a\":1}" }],
      ["bytes", HttpBody.uint8Array(new Uint8Array([104, 105])), {
        type: "application/octet-stream",
        length: "2",
        body: "hi"
      }],
      ["a raw string", HttpBody.raw("raw", { contentType: "text/x" }), { type: "text/x", length: "3", body: "raw" }],
      ["raw form parameters", HttpBody.raw(new URLSearchParams({ a: "1" })), { length: "3", body: "a=1" }],
      ["a stream", HttpBody.stream(Stream.make(new Uint8Array([104]), new Uint8Array([105]))), {
        type: "application/octet-stream",
        body: "hi"
      }],
      ["a stream of known length", HttpBody.stream(Stream.make(new Uint8Array([104, 105])), "text/x", 2), {
        type: "text/x",
        length: "2",
        body: "hi"
      }]
    ]

    it.live.each(bodies)("sends %s", ([, body, expected]) =>
      Effect.gen(function*() {
        const server = yield* echo
        const response = yield* HttpClient.post(server.url, { body })
        assert.deepStrictEqual(yield* response.json, { method: "POST", ...expected })
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("sends a form with a file", () =>
      Effect.gen(function*() {
        const server = yield* echo
        const form = new FormData()
        form.append("name", "value")
        form.append("file", new File(["content"], "a.txt", { type: "text/plain" }))
        const response = yield* HttpClient.post(server.url, { body: HttpBody.formData(form) })
        const seen = yield* response.text
        for (const part of ["multipart/form-data", "a.txt", "content", "value"]) assert.include(seen, part)
      }).pipe(Effect.provide(one)))

    it.live("reports the failure of a body's own stream as EncodeError, and ends the exchange", () =>
      Effect.gen(function*() {
        const server = yield* echo
        const body = HttpBody.stream(Stream.concat(Stream.make(new Uint8Array(10)), Stream.fail("no more")))
        const error = yield* Effect.flip(HttpClient.post(server.url, { body }))
        assert.strictEqual(error.reason._tag, "EncodeError")
        assert.strictEqual(error.reason._tag === "EncodeError" && error.reason.cause, "no more")
        yield* Server.idle
        assert.strictEqual((yield* HttpClient.post(server.url)).status, 200)
      }).pipe(Effect.provide(one)))

    it.live("interrupts a body's stream that the server does not wait for", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.end(Server.response(413, "too large")))
        const ended = yield* Deferred.make<void>()
        const body = HttpBody.stream(
          Stream.concat(Stream.make(new Uint8Array(10)), Stream.never).pipe(
            Stream.ensuring(Deferred.succeed(ended, undefined))
          )
        )
        const response = yield* HttpClient.post(server.url, { body })
        assert.strictEqual(response.status, 413)
        yield* Deferred.await(ended)
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("rejects an invalid request before anything is sent", () =>
      Effect.gen(function*() {
        const server = yield* echo
        const reasonOf = (request: HttpClientRequest.HttpClientRequest) =>
          Effect.map(Effect.flip(HttpClient.execute(request)), (error) => error.reason._tag)
        const get = HttpClientRequest.get(server.url)
        assert.strictEqual(yield* reasonOf(HttpClientRequest.setHeader(get, "x", "a\nb")), "EncodeError")
        assert.strictEqual(yield* reasonOf(HttpClientRequest.setHeader(get, "upgrade", "websocket")), "EncodeError")
        assert.strictEqual(yield* reasonOf(HttpClientRequest.get("/relative")), "InvalidUrlError")
        assert.strictEqual(yield* reasonOf(HttpClientRequest.get("file:///etc/hosts")), "InvalidUrlError")
        assert.strictEqual(server.accepted(), 0)
        yield* Server.idle
      }).pipe(Effect.provide(one)))
  })

  describe("failures", () => {
    const failing = (
      answer: (socket: Net.Socket) => void,
      expected: ReadonlyArray<unknown>
    ) =>
      Effect.gen(function*() {
        const server = yield* Server.raw(answer)
        const error = yield* Effect.flip(
          Effect.flatMap(HttpClient.post(server.url), (response) => response.text)
        )
        assert.strictEqual(error.reason._tag, "TransportError")
        assert.deepStrictEqual(summary(failureOf(error)), expected)
        assert.isTrue(HttpFailure.isHttpFailure(error.cause))
        yield* Server.idle
      }).pipe(Effect.provide(UndiciTransport.layer({
        connections: 1,
        headersTimeout: "200 millis",
        bodyTimeout: "200 millis"
      })))

    it.live("a close before the head is a ConnectionReset", () =>
      failing((socket) => socket.end(), ["ConnectionReset", "headers", true]))

    it.live("a reset before the head is a ConnectionReset", () =>
      failing((socket) => socket.resetAndDestroy(), ["ConnectionReset", "headers", true]))

    it.live("a close in the head is a ConnectionReset", () =>
      failing((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-le"), ["ConnectionReset", "headers", true]))

    it.live("a close after the head is a BodyCut", () =>
      failing((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"), ["BodyCut", "body", true]))

    it.live("a close in the body is a BodyCut", () =>
      failing((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), ["BodyCut", "body", true]))

    it.live("a close in a chunked body is a BodyCut", () =>
      failing(
        (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ["BodyCut", "body", true]
      ))

    it.live("a reset in the body is a BodyCut", () =>
      failing((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", () => socket.resetAndDestroy())
      }, ["BodyCut", "body", true]))

    it.live("a head that does not come is a HeadersTimeout", () =>
      failing(() => undefined, ["HeadersTimeout", "headers", true]))

    it.live("a body that stalls is a BodyTimeout", () =>
      failing(
        (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        ["BodyTimeout", "body", true]
      ))

    it.live("what is not HTTP is a ProtocolError", () =>
      failing((socket) => socket.write("SSH-2.0-OpenSSH\r\n\r\n"), ["ProtocolError", "headers", true]))

    it.live("a closed port is a ConnectRefused", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(HttpClient.get(yield* Server.closedPort))
        assert.deepStrictEqual(summary(failureOf(error)), ["ConnectRefused", "connect", false])
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("a name that does not exist is a DnsFailure", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(HttpClient.get("http://holdfast.invalid/"))
        assert.deepStrictEqual(summary(failureOf(error)), ["DnsFailure", "connect", false])
      }).pipe(Effect.provide(one)))

    it.live("a port that does not speak TLS is a TlsFailure", () =>
      Effect.gen(function*() {
        const server = yield* Server.http((_, response) => response.end())
        const error = yield* Effect.flip(HttpClient.get(server.url.replace("http:", "https:")))
        assert.deepStrictEqual(summary(failureOf(error)), ["TlsFailure", "connect", false])
      }).pipe(Effect.provide(one)))

    it.live("a handshake that does not end is a ConnectTimeout", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw(() => undefined)
        const error = yield* Effect.flip(HttpClient.get(server.url.replace("http:", "https:")))
        assert.deepStrictEqual(summary(failureOf(error)), ["ConnectTimeout", "connect", false])
      }).pipe(Effect.provide(UndiciTransport.layer({ connectTimeout: "100 millis" }))))
  })
})
