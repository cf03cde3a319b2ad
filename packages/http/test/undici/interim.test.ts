/** Interim responses (1xx), which nothing has asked for: RFC 9110 section 15.2 has a client read past them. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Http2 from "node:http2"
import type * as Net from "node:net"
import { certificate, trust } from "../certificate.ts"
import * as Server from "../server.ts"

const interim = (status: number, headers = "") => `HTTP/1.1 ${status} Interim\r\n${headers}\r\n`

const kinds: ReadonlyArray<string> = [
  interim(100),
  interim(102),
  interim(103, "link: </style.css>; rel=preload\r\n"),
  interim(199, `x: ${"y".repeat(5000)}\r\n`)
]

const requests = [
  HttpClientRequest.get,
  (url: string) => HttpClientRequest.post(url, { body: HttpBody.text("some") })
] as const

/** A sequence of numbers below `bound` that is the same each time. */
const numbers = (seed: number) => (bound: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return Math.floor(seed / 65_536) % bound
}

/** Writes a text in pieces, each of which arrives by itself. */
const writeInPieces = (socket: Net.Socket, pieces: ReadonlyArray<string>): void => {
  const [first, ...rest] = pieces
  if (first === undefined) return
  socket.setNoDelay(true).write(first, () => setImmediate(() => writeInPieces(socket, rest)))
}

const cases = 120
const transport = UndiciTransport.layer({ connections: 1, tls: { ca: certificate.cert } })

const readsPast = (serve: (answer: Server.Answer) => ReturnType<typeof Server.raw>) =>
  Effect.gen(function*() {
    const next = numbers(7)
    let pieces: ReadonlyArray<string> = []
    const server = yield* serve((socket) => writeInPieces(socket, pieces))
    for (let i = 0; i < cases; i++) {
      const before = Array.from({ length: next(4) }, () => kinds[next(kinds.length)]).join("")
      const text = before + Server.response(200, `answer ${i}`)
      const cuts = Array.from({ length: next(5) }, () => next(text.length)).toSorted((a, b) => a - b)
      pieces = [0, ...cuts].map((cut, at, all) => text.slice(cut, all[at + 1])).filter((piece) => piece !== "")
      const response = yield* HttpClient.execute(requests[next(2)]!(server.url))
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* response.text, `answer ${i}`)
    }
    assert.strictEqual(server.accepted(), 1)
  }).pipe(Effect.provide(transport))

describe("Interim responses", () => {
  it.live(`are read past, however many, of whatever kind, and cut anywhere (${cases} cases)`, () =>
    readsPast(Server.raw))

  it.live(`are read past over TLS (${cases} cases)`, () => readsPast((answer) => Server.tls(certificate, answer)))

  it.live("are not looked for in a body", () =>
    Effect.gen(function*() {
      const body = kinds.join("") + Server.response(200, "within")
      const server = yield* Server.raw((socket) =>
        writeInPieces(socket, [
          `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`,
          ...kinds,
          Server.response(200, "within")
        ])
      )
      assert.strictEqual(yield* Server.text(server.url), body)
    }).pipe(Effect.provide(transport)))

  it.live("come before the failure of a server that then closes", () =>
    Effect.gen(function*() {
      for (const text of [kinds[0]!, "HTTP/1.1 10", `${kinds[1]}HTTP/1.1 200 OK\r\n`]) {
        const server = yield* Server.raw((socket) => socket.end(text))
        const error = yield* Effect.flip(HttpClient.get(server.url))
        assert.strictEqual(Option.getOrThrow(HttpFailure.fromClientError(error)).reason._tag, "ConnectionReset")
        yield* Server.idle
      }
    }).pipe(Effect.provide(transport)))

  it.live("that switch protocols are refused", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) =>
        void socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n")
      )
      yield* Effect.flip(HttpClient.get(server.url))
      yield* Server.idle
    }).pipe(Effect.provide(transport)))

  it.live.each(["", ...kinds])("without end do not outlast headersTimeout", (kind) =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => {
        const timer = setInterval(() => socket.write(kind), 50)
        socket.on("close", () => clearInterval(timer))
      })
      const error = yield* Effect.flip(HttpClient.get(server.url))
      assert.strictEqual(Option.getOrThrow(HttpFailure.fromClientError(error)).reason._tag, "HeadersTimeout")
      yield* Server.idle
    }).pipe(Effect.provide(UndiciTransport.layer({ headersTimeout: "1 second" }))))

  it.live("without end do not outlast headersTimeout over HTTP/2", () =>
    Effect.gen(function*() {
      const server = yield* Server.listen(() =>
        Http2.createSecureServer(certificate, (_, response) => {
          const timer = setInterval(() => response.writeEarlyHints({ link: "</style.css>; rel=preload" }), 50)
          response.on("close", () => clearInterval(timer))
        })
      )
      const error = yield* Effect.flip(HttpClient.get(server.url.replace("http:", "https:")))
      assert.strictEqual(Option.getOrThrow(HttpFailure.fromClientError(error)).reason._tag, "HeadersTimeout")
      yield* Server.idle
    }).pipe(Effect.provide(UndiciTransport.layer({ headersTimeout: "1 second", http2: true, tls: trust }))))

  it.live("bound the head alone over HTTP/2, not a body that takes longer", () =>
    Effect.gen(function*() {
      const server = yield* Server.listen(() =>
        Http2.createSecureServer(certificate, (_, response) => {
          response.writeEarlyHints({ link: "</style.css>; rel=preload" })
          response.write("slow")
          setTimeout(() => response.end("ly"), 700)
        })
      )
      assert.strictEqual(yield* Server.text(server.url.replace("http:", "https:")), "slowly")
    }).pipe(Effect.provide(UndiciTransport.layer({ headersTimeout: 400, http2: true, tls: trust }))))

  it.live("come before the answer of a proxy to CONNECT", () =>
    Effect.gen(function*() {
      const origin = yield* Server.tls(certificate, (socket) => void socket.write(Server.response(200, "ok")))
      const proxy = yield* Server.raw((socket, request) => {
        if (request === 1) socket.write(`${kinds[1]}HTTP/1.1 502 Bad Gateway\r\n\r\n`)
      })
      const error = yield* Effect.flip(
        Effect.provide(HttpClient.get(origin.url), UndiciTransport.layer({ proxy: { url: proxy.url } }))
      )
      assert.strictEqual(Option.getOrThrow(HttpFailure.fromClientError(error)).reason._tag, "ConnectRefused")
    }))
})
