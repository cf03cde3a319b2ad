import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type * as Net from "node:net"
import { recorder } from "../../../../vitest.tracer.ts"
import * as Server from "../server.ts"

const one = UndiciTransport.layer({ connections: 1 })

const failureOf = (error: HttpClientError.HttpClientError) => Option.getOrThrow(HttpFailure.fromClientError(error))

const summary = (failure: HttpFailure.HttpFailure) => [failure.reason._tag, failure.phase, failure.requestWritten]

const stats = Effect.flatMap(UndiciTransport.UndiciTransport, (transport) => transport.stats)

describe("UndiciTransport", () => {
  describe("the pool", () => {
    it.live("never opens more connections than it may, and serves in order", () =>
      Effect.gen(function*() {
        const order: Array<string> = []
        const server = yield* Server.http((request, response) => {
          order.push(request.url ?? "")
          setImmediate(() => response.end("ok"))
        })
        yield* Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) => Server.text(`${server.url}/${i}`), {
          concurrency: "unbounded"
        })
        assert.strictEqual(server.accepted(), 1)
        assert.deepStrictEqual(order, Array.from({ length: 50 }, (_, i) => `/${i}`))
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.effect("fails with PoolTimeout after the bound on the wait, having written nothing", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw(() => undefined)
        const holder = yield* Effect.forkChild(HttpClient.get(server.url), { startImmediately: true })
        const waiter = yield* Effect.forkChild(Effect.flip(HttpClient.get(server.url)), { startImmediately: true })
        assert.strictEqual((yield* stats).pending, 2)
        yield* TestClock.adjust("2 seconds")
        const failure = failureOf(yield* Fiber.join(waiter))
        assert.deepStrictEqual(summary(failure), ["PoolTimeout", "pool", false])
        yield* Fiber.interrupt(holder)
        yield* Server.idle
        assert.strictEqual((yield* stats).pending, 0)
      }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolWait: "2 seconds" }))))

    it.effect("fails each waiting request when its own time is up, whichever others left the queue before it", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw(() => undefined)
        const get = Effect.forkChild(Effect.flip(HttpClient.get(server.url)), { startImmediately: true })
        const holder = yield* get
        const leaver = yield* get
        yield* TestClock.adjust("500 millis")
        const second = yield* get
        yield* TestClock.adjust("500 millis")
        const third = yield* get
        yield* Fiber.interrupt(leaver)
        const left = () => [second, third].filter((fiber) => fiber.pollUnsafe() === undefined).length
        yield* TestClock.adjust("1499 millis")
        assert.strictEqual(left(), 2)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(left(), 1)
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(left(), 0)
        assert.deepStrictEqual(summary(failureOf(yield* Fiber.join(second))), ["PoolTimeout", "pool", false])
        assert.deepStrictEqual(summary(failureOf(yield* Fiber.join(third))), ["PoolTimeout", "pool", false])
        // A queue that was empty times those who come after as well.
        const fourth = yield* get
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(summary(failureOf(yield* Fiber.join(fourth))), ["PoolTimeout", "pool", false])
        yield* Fiber.interrupt(holder)
        yield* Server.idle
      }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolWait: "2 seconds" }))))

    it.effect("does not count the wait for the head as a wait for the pool", () =>
      Effect.gen(function*() {
        const held: Array<() => void> = []
        const server = yield* Server.http((_, response) => held.push(() => response.end("ok")))
        const fibers = yield* Effect.forEach(
          [1, 2],
          () => Effect.forkChild(Server.text(server.url), { startImmediately: true })
        )
        for (let i = 0; i < 2; i++) {
          yield* Server.until(() => held.length === i + 1)
          yield* TestClock.adjust("1 second")
          if (i === 1) yield* TestClock.adjust("1 hour")
          held[i]?.()
        }
        assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), ["ok", "ok"])
      }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolWait: "2 seconds" }))))

    it.live("fails with PoolTimeout at once when the queue is full", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw(() => undefined)
        const fibers = yield* Effect.forEach([1, 2], () =>
          Effect.forkChild(HttpClient.get(server.url), { startImmediately: true }))
        const failure = failureOf(yield* Effect.flip(HttpClient.get(server.url)))
        assert.deepStrictEqual(summary(failure), ["PoolTimeout", "pool", false])
        yield* Effect.forEach(fibers, Fiber.interrupt)
        yield* Server.idle
      }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolQueue: 1 }))))

    it.live("leaves no trace of a request that is interrupted in the queue", () =>
      Effect.gen(function*() {
        const urls: Array<string> = []
        const held = yield* Deferred.make<() => void>()
        const server = yield* Server.http((request, response) => {
          urls.push(request.url ?? "")
          if (request.url === "/1") Deferred.doneUnsafe(held, Effect.succeed(() => response.end()))
          else response.end()
        })
        const get = (path: string) => Effect.forkChild(HttpClient.get(server.url + path), { startImmediately: true })
        const first = yield* get("/1")
        const second = yield* get("/2")
        const third = yield* get("/3")
        yield* Fiber.interrupt(second)
        ;(yield* Deferred.await(held))()
        yield* Fiber.join(first)
        yield* Fiber.join(third)
        assert.deepStrictEqual(urls, ["/1", "/3"])
        yield* Server.idle
      }).pipe(Effect.provide(one)))

    it.live("closes the connection of a request that is interrupted while it waits for the head", () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const server = yield* Server.raw((socket, request) => {
          if (request === 1) Deferred.doneUnsafe(asked, Effect.void)
          else socket.write(Server.response(200, "ok"))
        })
        const fiber = yield* Effect.forkChild(HttpClient.get(server.url), { startImmediately: true })
        yield* Deferred.await(asked)
        yield* Fiber.interrupt(fiber)
        yield* Server.idle
        yield* Server.until(() => server.sockets.size === 0)
        assert.strictEqual(yield* Server.text(server.url), "ok")
      }).pipe(Effect.provide(one)))

    it.live("closes the connection of a request that is interrupted while it reads the body", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket, request) => {
          socket.write(
            request === 1 ? "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf" : Server.response(200, "ok")
          )
        })
        const response = yield* HttpClient.get(server.url)
        const fiber = yield* Effect.forkChild(response.text, { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* Server.idle
        assert.strictEqual(yield* Server.text(server.url), "ok")
      }).pipe(Effect.provide(one)))

    it.live("fails the reader of a body when the scope of its request closes", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) =>
          void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        )
        const scope = yield* Scope.make()
        const client = HttpClient.withScope(yield* HttpClient.HttpClient)
        const response = yield* Scope.provide(client.get(server.url), scope)
        const reader = yield* Effect.forkChild(Effect.flip(response.text), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        const failure = failureOf(yield* Fiber.join(reader))
        assert.deepStrictEqual([...summary(failure), failure.message.includes("CANCELLED")], [
          "BodyCut",
          "body",
          true,
          true
        ])
      }).pipe(Effect.provide(one)))

    it.live("writes nothing for a request that is interrupted before its connection is open", () =>
      Effect.gen(function*() {
        let heads = 0
        const server = yield* Server.raw((socket) => {
          heads++
          socket.write(Server.response(200, "ok"))
        })
        const fiber = yield* Effect.forkChild(HttpClient.get(server.url), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
        yield* Server.idle
        assert.strictEqual(yield* Server.text(server.url), "ok")
        assert.strictEqual(heads, 1)
      }).pipe(Effect.provide(one)))

    it.live("destroys every connection with its layer, and fails what is under way", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket, request) => {
          if (request > 1) socket.write(Server.response(200, "ok"))
        })
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(
          UndiciTransport.layer({ connections: 2, gracePeriod: "1 millis" }),
          scope
        )
        const run = Effect.provideContext(Effect.exit(HttpClient.get(server.url)), context)
        const hanging = yield* Effect.forkChild(run, { startImmediately: true })
        yield* Server.until(() => server.accepted() === 1)
        yield* run
        assert.isAbove(server.sockets.size, 0)
        yield* Scope.close(scope, Exit.void)
        const exit = yield* Fiber.join(hanging)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
        yield* Server.until(() => server.sockets.size === 0)
      }))

    it.live("forgets an origin with its last connection", () =>
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.end(Server.response(200, "ok", { connection: "close" })))
        yield* Server.text(server.url)
        while (Object.keys((yield* stats).origins).length > 0) yield* Server.turn
        assert.strictEqual(yield* Server.text(server.url), "ok")
      }).pipe(Effect.provide(one)))
  })

  describe("metrics", () => {
    it.effect("are gauges by origin, set every so often, and zero for an origin that is gone", () =>
      Effect.gen(function*() {
        const held: Array<Net.Socket> = []
        const server = yield* Server.raw((socket) => held.push(socket))
        const { port } = new URL(server.url)
        const gauges = Effect.map(Metric.snapshot, (all) =>
          Object.fromEntries(
            all.filter(({ attributes }) => attributes?.["server.port"] === port).map((metric) => [
              [metric.id, metric.attributes?.["http.connection.state"]].join(" ").trim(),
              metric.type === "Gauge" ? metric.state.value : undefined
            ])
          ))
        yield* Effect.gen(function*() {
          const running = yield* Effect.forkChild(Server.text(server.url), { startImmediately: true })
          const waiting = yield* Effect.forkChild(HttpClient.get(server.url), { startImmediately: true })
          yield* Server.until(() => held.length === 1)
          assert.deepStrictEqual(yield* gauges, {})
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(yield* gauges, {
            "http.client.open_connections active": 1,
            "http.client.open_connections idle": 0,
            "http.client.active_requests": 1,
            "holdfast.http.pending_requests": 1
          })
          yield* Fiber.interrupt(waiting)
          held[0]?.end(Server.response(200, "ok", { connection: "close" }))
          yield* Fiber.join(running)
          while (Object.keys((yield* stats).origins).length > 0) yield* Server.turn
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual(Object.values(yield* gauges), [0, 0, 0, 0])
        }).pipe(Effect.provide(UndiciTransport.layerMetrics({ every: "5 seconds" })))
      }).pipe(Effect.provide(one)))
  })

  describe("spans", () => {
    it.live("make one client span a request, with what OpenTelemetry asks for and no secret", () =>
      Effect.gen(function*() {
        const heads: Array<string> = []
        const server = yield* Server.raw((socket, _, head) => {
          heads.push(head)
          socket.write(Server.response(404, ""))
        })
        const { spans, tracer } = recorder()
        yield* HttpClient.get(`${server.url}/a`, { urlParams: { token: Redacted.make("s3cret"), q: "1" } }).pipe(
          Effect.withTracer(tracer)
        )
        assert.include(heads[0], "token=s3cret")
        const span = spans[0]!
        assert.strictEqual(spans.length, 1)
        assert.strictEqual(span.attributes.get("http.request.method"), "GET")
        assert.strictEqual(span.attributes.get("http.response.status_code"), 404)
        assert.strictEqual(span.attributes.get("server.address"), "127.0.0.1")
        assert.include(String(span.attributes.get("url.full")), "q=1")
        assert.notInclude(JSON.stringify(Array.from(span.attributes)), "s3cret")
        assert.isTrue(span.status._tag === "Ended" && Exit.isFailure(span.status.exit))
        assert.include(heads[0], `traceparent: 00-${span.traceId}-${span.spanId}`)
        yield* HttpClient.get(server.url).pipe(
          Effect.withTracer(tracer),
          Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
        )
        assert.strictEqual(spans.length, 1)
        assert.notInclude(heads[1], "traceparent")
      }).pipe(Effect.provide(one)))
  })

  describe("options", () => {
    const wrong: ReadonlyArray<readonly [name: string, options: UndiciTransport.Options]> = [
      ["connections", { connections: 0 }],
      ["connections", { connections: 1.5 }],
      ["poolWait", { poolWait: "0 millis" }],
      ["poolQueue", { poolQueue: -1 }],
      ["idleConnections", { connections: 5, idleConnections: 6 }],
      ["maxConnections", { maxConnections: 0 }],
      ["keepAliveMax", { keepAlive: "30 seconds", keepAliveMax: "20 seconds" }],
      ["gracePeriod", { gracePeriod: "100 days" }],
      ["socketPath", { socketPath: "" }],
      ["socketPath", { socketPath: "/run/s", proxy: { url: "http://localhost" } }],
      ["proxy.url", { proxy: { url: "localhost:3128" } }],
      ["proxy.url", { proxy: { url: "socks5://localhost" } }],
      ["proxy.url", { proxy: { url: "http://us%er:s3cret@localhost" } }],
      ["proxy", { proxy: "http://us:s3cret@localhost" as never }],
      ["proxy", { proxy: new URL("http://us:s3cret@localhost") as never }],
      ["proxy", { proxy: Redacted.make("http://us:s3cret@localhost") as never }],
      ["proxy.https", { proxy: { https: "http://us:s3cret@localhost" as never } }],
      ["proxy.token", { proxy: { url: "http://localhost", token: Redacted.make("a"), username: "b" } }],
      ["proxy.token", { proxy: { url: "http://localhost", token: Redacted.make("a\nb") } }],
      ["proxy.password", { proxy: { url: "http://localhost", password: Redacted.make("a") } }],
      ["proxy.headers.x", { proxy: { url: "http://localhost", headers: { x: "a\r\nb" } } }]
    ]
    it.each(wrong)("that are invalid are rejected by name: %s", (name, options) => {
      assert.throws(() => UndiciTransport.layer(options), RangeError, `UndiciTransport.make: ${name} must be `)
      assert.throws(() => UndiciTransport.layer(options), /^((?!s3cret).)*$/)
    })

    it("that are invalid are all told at once, with what was probably meant, and no secret", () => {
      const options: object = {
        conections: 1,
        poolWait: "soon",
        keepAlive: "30s",
        keepAliveMax: "1m 30s",
        poolQueue: -1,
        tls: { serverName: "a" },
        proxy: { http: { url: "http://u:s3cret@localhost", usrname: "b", token: "s3cret" }, htps: {} },
        addresses: { allow: [] }
      }
      let message = ""
      try {
        UndiciTransport.layer(options)
      } catch (error) {
        message = String(error)
      }
      assert.match(message, /^RangeError: UndiciTransport\.make: 8 options are invalid: /)
      for (
        const part of [
          "conections is not an option (`conections`: did you mean `connections`?)",
          "poolWait must be a finite duration",
          "poolQueue must be a whole number of 0 or more, got -1",
          "tls.serverName is not an option (`serverName`: did you mean `servername`?)",
          "proxy.http.usrname is not an option (`usrname`: did you mean `username`?)",
          "proxy.http.token must be a Redacted",
          "proxy.htps is not an option (`htps`: did you mean `https`?)",
          "addresses must be an object with allows"
        ]
      ) assert.include(message, part)
      assert.notInclude(message, "s3cret")
      assert.notInclude(message, "keepAlive")
    })

    it.live("come from Config, the proxy with its credentials too", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(HttpClient.get("http://example.test/"))
        assert.deepStrictEqual(summary(failureOf(error)), ["ConnectRefused", "connect", false])
      }).pipe(
        Effect.provide(
          Layer.unwrap(
            Effect.map(Server.closedPort, (url) =>
              Layer.provide(
                UndiciTransport.layerConfig({
                  proxy: {
                    url: Config.Redacted("PROXY"),
                    username: Config.succeed("user"),
                    password: Config.Redacted("PASSWORD")
                  }
                }),
                ConfigProvider.layer(ConfigProvider.fromUnknown({ PROXY: url, PASSWORD: "s3cret" }))
              ))
          )
        )
      ))

    it.live("come from Config", () =>
      Effect.gen(function*() {
        const server = yield* Server.http((_, response) => response.end("ok"))
        yield* Effect.all([Server.text(server.url), Server.text(server.url)], { concurrency: 2 })
        assert.strictEqual(server.accepted(), 1)
      }).pipe(
        Effect.provide(
          Layer.provide(
            UndiciTransport.layerConfig({ connections: Config.Int("CONNECTIONS") }),
            ConfigProvider.layer(ConfigProvider.fromUnknown({ CONNECTIONS: 1 }))
          )
        )
      ))
  })
})
