/** The ways to a server: TLS, a unix socket, a proxy, and HTTP/2. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync } from "node:fs"
import * as Http from "node:http"
import * as Http2 from "node:http2"
import * as Https from "node:https"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { recorder } from "../../../../vitest.tracer.ts"
import { certificate, trust } from "../certificate.ts"
import * as Server from "../server.ts"

const stats = Effect.flatMap(UndiciTransport.UndiciTransport, (transport) => transport.stats)

const failureOf = (error: HttpClientError.HttpClientError) => Option.getOrThrow(HttpFailure.fromClientError(error))

const secure = (server: Server.Server) => ({ ...server, url: server.url.replace("http:", "https:") })

const https = Effect.map(
  Server.listen(() => Https.createServer(certificate, (request, response) => response.end(`${request.url}`))),
  secure
)

describe("TLS", () => {
  it.live("trusts what it is told to", () =>
    Effect.gen(function*() {
      const server = yield* https
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* Server.text(`${server.url}/a`), "/a")
        yield* Server.until(() => server.sockets.size === 0)
      }
    }).pipe(Effect.provide(UndiciTransport.layer({ tls: trust, idleConnections: 0 }))))

  it.live("fails with TlsFailure for a certificate from an unknown issuer, having written nothing", () =>
    Effect.gen(function*() {
      const server = yield* https
      const failure = failureOf(yield* Effect.flip(HttpClient.get(server.url)))
      assert.deepStrictEqual(
        [failure.reason._tag, failure.phase, failure.requestWritten],
        ["TlsFailure", "connect", false]
      )
      yield* Server.until(() => server.sockets.size === 0)
    }).pipe(Effect.provide(UndiciTransport.layer())))
})

describe("socketPath", () => {
  it.live("reaches a server on a unix socket, whatever the host", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-"))),
        (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
      )
      const path = join(directory, "s")
      yield* Effect.acquireRelease(
        Effect.callback<Http.Server>((resume) => {
          const server = Http.createServer((request, response) => {
            response.end(`${request.headers.host}${request.url}`)
          })
          server.listen(path, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const program = Effect.gen(function*() {
        assert.strictEqual(yield* Server.text("http://docker/version"), "docker/version")
        const { connected, origins } = yield* stats
        assert.deepStrictEqual([connected, Object.keys(origins)], [1, ["http://docker"]])
      })
      yield* Effect.provide(program, UndiciTransport.layer({ socketPath: path }))
    }))
})

interface ProxySeen {
  readonly connects: Array<string>
  readonly forwards: Array<string>
  readonly authorizations: Array<string | undefined>
}

/** A proxy as RFC 9110 section 9.3.6 and RFC 9112 section 3.2.2 describe it, which answers `status` if that is not 200. */
const proxy = (status = 200) => {
  const seen: ProxySeen = { connects: [], forwards: [], authorizations: [] }
  const server = Server.listen(() => {
    const server = Http.createServer((request, response) => {
      seen.forwards.push(request.url ?? "")
      seen.authorizations.push(request.headers["proxy-authorization"])
      if (status !== 200) {
        response.writeHead(status).end()
        return
      }
      const { "proxy-authorization": _, ...headers } = request.headers
      const onwards = Http.request(request.url ?? "", { method: request.method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onwards)
    })
    server.on("connect", (request, client) => {
      seen.connects.push(request.url ?? "")
      seen.authorizations.push(request.headers["proxy-authorization"])
      if (status !== 200) {
        client.end(`HTTP/1.1 ${status} X\r\n\r\n`)
        return
      }
      const { hostname, port } = new URL(`http://${request.url}`)
      const onwards = Net.connect(Number(port), hostname, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n")
        onwards.pipe(client)
        client.pipe(onwards)
      })
      for (const socket of [client, onwards]) {
        socket.on("error", () => undefined)
        socket.on("close", () => {
          client.destroy()
          onwards.destroy()
        })
      }
    })
    return server
  })
  return Effect.map(server, (server) => ({ ...server, seen }))
}

describe("proxy", () => {
  const echo = Server.http((request, response) => {
    let body = ""
    request.on("data", (chunk: Buffer) => body += chunk.toString())
    request.on("end", () => response.end(`${request.headers.host} ${request.url} ${body}`))
  })

  it.live("forwards http in absolute form, on connections that are kept", () =>
    Effect.gen(function*() {
      const server = yield* echo
      const via = yield* proxy()
      const host = new URL(server.url).host
      const program = Effect.gen(function*() {
        assert.strictEqual(yield* Server.text(`${server.url}/a?b=c`), `${host} /a?b=c `)
        const response = yield* HttpClient.post(`${server.url}/d`, { body: HttpBody.text("body") })
        assert.strictEqual(response.url, `${server.url}/d`)
        assert.strictEqual(yield* response.text, `${host} /d body`)
        assert.deepStrictEqual(Object.keys((yield* stats).origins), [server.url])
      })
      yield* Effect.provide(program, UndiciTransport.layer({ proxy: { url: via.url } }))
      assert.deepStrictEqual(via.seen.forwards, [`${server.url}/a?b=c`, `${server.url}/d`])
      assert.deepStrictEqual(via.seen.authorizations, [undefined, undefined])
      assert.strictEqual(via.accepted(), 1)
    }))

  it.live("tunnels https, and http when asked to", () =>
    Effect.gen(function*() {
      const server = yield* https
      const plain = yield* echo
      const via = yield* proxy()
      const program = Effect.gen(function*() {
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* Server.text(`${server.url}/a`), "/a")
        assert.strictEqual(yield* Server.text(`${plain.url}/b`), `${new URL(plain.url).host} /b `)
      })
      yield* Effect.provide(
        program,
        UndiciTransport.layer({ tls: trust, proxy: { url: new URL(via.url), tunnel: true } })
      )
      assert.deepStrictEqual(via.seen.connects, [new URL(server.url).host, new URL(plain.url).host])
      assert.deepStrictEqual(via.seen.forwards, [])
      yield* Server.until(() => via.sockets.size + server.sockets.size + plain.sockets.size === 0)
    }))

  it.live("gives credentials to the proxy alone, and to no span, error or log", () =>
    Effect.gen(function*() {
      const heads: Array<string> = []
      const server = yield* Server.raw((socket, _, head) => {
        heads.push(head)
        socket.write(Server.response(200, "ok"))
      })
      const { spans, tracer } = recorder()
      const inUrl = (url: string) => url.replace("http://", "http://us%40er:s3cret@")
      const ways: ReadonlyArray<readonly [(url: string) => UndiciTransport.ProxyOptions, string]> = [
        [(url) => ({ url: inUrl(url) }), `Basic ${btoa("us@er:s3cret")}`],
        [(url) => ({ url: url.replace("http://", "http://:s3cret@") }), `Basic ${btoa(":s3cret")}`],
        [(url) => ({ url, username: "user", password: Redacted.make("s3cret") }), `Basic ${btoa("user:s3cret")}`],
        [(url) => ({ url, token: Redacted.make("Bearer s3cret") }), "Bearer s3cret"],
        [(url) => ({ url, headers: { "Proxy-Authorization": Redacted.make("x s3cret") } }), "x s3cret"]
      ]
      for (const [options, expected] of ways) {
        for (const tunnel of [false, true]) {
          const via = yield* proxy()
          const layer = UndiciTransport.layer({ proxy: { ...options(via.url), tunnel } })
          yield* Server.text(server.url).pipe(Effect.withTracer(tracer), Effect.provide(layer))
          assert.deepStrictEqual(via.seen.authorizations, [expected])
        }
        const refusing = yield* proxy(407)
        const error = yield* Effect.flip(HttpClient.get(server.url)).pipe(
          Effect.provide(UndiciTransport.layer({ proxy: options(refusing.url) }))
        )
        assert.notInclude(JSON.stringify([error, String(error), error.message]), "s3cret")
      }
      assert.notInclude(heads.join(), "s3cret")
      assert.notInclude(JSON.stringify(spans.map(({ attributes }) => Array.from(attributes))), "s3cret")
    }))

  const answers: ReadonlyArray<readonly [status: number, tag: string, message: string]> = [
    [407, "ProtocolError", "The proxy rejected the request (PROXY_407): give its username and password, or a token"],
    [403, "ProtocolError", "The proxy rejected the request (PROXY_403): check what it lets through"],
    [502, "ConnectRefused", "The proxy could not reach the server (PROXY_502)"]
  ]
  it.live.each(answers)(
    "fails with the proxy's answer to CONNECT when that is %d, having written nothing",
    ([status, tag, message]) =>
      Effect.gen(function*() {
        const server = yield* https
        const via = yield* proxy(status)
        const failure = failureOf(
          yield* Effect.flip(HttpClient.post(server.url)).pipe(
            Effect.provide(UndiciTransport.layer({ proxy: { url: via.url } }))
          )
        )
        assert.deepStrictEqual([failure.reason._tag, failure.phase, failure.requestWritten], [tag, "connect", false])
        assert.include(failure.message, message)
        assert.strictEqual(server.accepted(), 0)
        yield* Server.until(() => via.sockets.size === 0)
      })
  )

  it.live("fails a forwarded request that the proxy wants credentials for, and hands on other answers", () =>
    Effect.gen(function*() {
      const get = (status: number) =>
        Effect.flatMap(proxy(status), (via) =>
          HttpClient.get("http://example.test/").pipe(
            Effect.provide(UndiciTransport.layer({ proxy: { url: via.url } }))
          ))
      const failure = failureOf(yield* Effect.flip(get(407)))
      assert.deepStrictEqual([failure.reason._tag, failure.requestWritten], ["ProtocolError", false])
      assert.strictEqual((yield* get(502)).status, 502)
    }))

  it.live("fails when the proxy is down, and when it never answers", () =>
    Effect.gen(function*() {
      const silent = yield* Server.raw(() => undefined)
      const get = (url: string) =>
        Effect.map(
          Effect.flip(HttpClient.get("https://example.test/")).pipe(
            Effect.provide(UndiciTransport.layer({ proxy: { url }, connectTimeout: "200 millis" }))
          ),
          (error) => {
            const failure = failureOf(error)
            return [failure.reason._tag, failure.phase, failure.requestWritten]
          }
        )
      assert.deepStrictEqual(yield* get(yield* Server.closedPort), ["ConnectRefused", "connect", false])
      assert.deepStrictEqual(yield* get(silent.url), ["ConnectTimeout", "connect", false])
      yield* Server.until(() => silent.sockets.size === 0)
    }))

  it.live("closes what it was opening when the request is interrupted", () =>
    Effect.gen(function*() {
      const silent = yield* Server.raw(() => undefined)
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(HttpClient.get("https://example.test/"), { startImmediately: true })
        yield* Server.until(() => silent.sockets.size === 1)
        yield* Fiber.interrupt(fiber)
        yield* Server.until(() => silent.sockets.size === 0)
        yield* Server.idle
      })
      yield* Effect.provide(
        program,
        UndiciTransport.layer({ proxy: { url: silent.url }, connectTimeout: "1 hour", gracePeriod: 0 })
      )
    }))
})

describe("http2", () => {
  const http2 = (
    answer: (request: Http2.Http2ServerRequest, response: Http2.Http2ServerResponse) => void,
    settings: Http2.Settings = {}
  ) =>
    Effect.map(
      Server.listen(() => Http2.createSecureServer({ ...certificate, allowHTTP1: true, settings }, answer)),
      secure
    )

  const on = UndiciTransport.layer({ tls: trust, http2: true })

  it.live("shares one connection between all requests, when the server offers it", () =>
    Effect.gen(function*() {
      const versions = new Set<string>()
      const open: Array<Http2.Http2ServerResponse> = []
      const server = yield* http2((request, response) => {
        versions.add(request.httpVersion)
        open.push(response)
      })
      const texts = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 50 }), () => Server.text(server.url), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* Server.until(() => open.length === 50)
      const { connected, free, pending, running } = yield* stats
      assert.deepStrictEqual([connected, free, pending, running], [1, 0, 0, 50])
      for (const response of open) response.end("ok")
      assert.strictEqual((yield* Fiber.join(texts)).join(""), "ok".repeat(50))
      yield* Server.idle
      assert.deepStrictEqual(Array.from(versions), ["2.0"])
      assert.strictEqual(server.accepted(), 1)
      assert.strictEqual((yield* stats).free, 1)
    }).pipe(Effect.provide(on)))

  it.live("opens another connection where the server allows few streams on one", () =>
    Effect.gen(function*() {
      const server = yield* http2((_, response) => void setImmediate(() => response.end("ok")), {
        maxConcurrentStreams: 5
      })
      // The first learns the limit.
      yield* Server.text(server.url)
      yield* Effect.forEach(Array.from({ length: 60 }), () => Server.text(server.url), { concurrency: 30 })
      yield* Server.idle
      assert.isAbove(server.accepted(), 1)
      assert.isAtMost(server.accepted(), 6)
    }).pipe(Effect.provide(UndiciTransport.layer({ tls: trust, http2: true, connections: 30 }))))

  it.live("streams bodies both ways, and an interrupted request closes its stream alone", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const server = yield* http2((request, response) => {
        if (request.url === "/hang") Deferred.doneUnsafe(asked, Exit.void)
        else request.pipe(response)
      })
      const hanging = yield* Effect.forkChild(HttpClient.get(`${server.url}/hang`), { startImmediately: true })
      yield* Deferred.await(asked)
      const size = 1_000_000
      const body = HttpBody.stream(Stream.make(new Uint8Array(size), new Uint8Array(size)))
      const response = yield* HttpClient.post(server.url, { body })
      const received = yield* Stream.runFold(response.stream, () => 0, (sum, chunk) => sum + chunk.length)
      assert.strictEqual(received, 2 * size)
      yield* Fiber.interrupt(hanging)
      yield* Server.idle
      assert.strictEqual((yield* HttpClient.get(server.url)).status, 200)
      assert.strictEqual(server.accepted(), 1)
    }).pipe(Effect.provide(on)))

  it.live("fails all that a connection carries with it, and goes on with the next", () =>
    Effect.gen(function*() {
      let asked = 0
      const server = yield* http2((_, response) => {
        if (asked++ >= 10) response.end("ok")
      })
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 10 }), () => Effect.flip(Server.text(server.url)), {
          concurrency: "unbounded"
        }),
        { startImmediately: true }
      )
      yield* Server.until(() => asked === 10)
      for (const socket of server.sockets) socket.resetAndDestroy()
      const reasons = (yield* Fiber.join(calls)).map((error) => HttpFailure.fromUnknown(error).reason._tag)
      assert.deepStrictEqual(new Set(reasons), new Set(["ConnectionReset"]))
      yield* Server.idle
      assert.strictEqual(yield* Server.text(server.url), "ok")
      assert.strictEqual(server.accepted(), 2)
    }).pipe(Effect.provide(on)))

  it.live("speaks HTTP/1 with a connection each where the server offers no more", () =>
    Effect.gen(function*() {
      const open: Array<Http.ServerResponse> = []
      const server = secure(
        yield* Server.listen(() => Https.createServer(certificate, (_, response) => open.push(response)))
      )
      const texts = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 10 }), () => Server.text(server.url), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* Server.until(() => open.length === 10)
      for (const response of open) response.end("ok")
      yield* Fiber.join(texts)
      assert.strictEqual(server.accepted(), 10)
    }).pipe(Effect.provide(on)))

  it.live("is not offered unless asked for", () =>
    Effect.gen(function*() {
      const server = yield* http2((request, response) => response.end(request.httpVersion))
      assert.strictEqual(yield* Server.text(server.url), "1.1")
    }).pipe(Effect.provide(UndiciTransport.layer({ tls: trust }))))

  it.live("fails all who wait for the first connection each by themselves, when it cannot be opened", () =>
    Effect.gen(function*() {
      const url = (yield* Server.closedPort).replace("http:", "https:")
      const reasons = yield* Effect.forEach(
        Array.from({ length: 5 }),
        () => Effect.map(Effect.flip(HttpClient.get(url)), (error) => failureOf(error).reason._tag),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(reasons, Array.from({ length: 5 }, () => "ConnectRefused"))
      yield* Server.idle
    }).pipe(Effect.provide(on)))
})
