/** What the pools hold, in all and by origin: idle connections, the bound on all of them, stale ones, and the end. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Http from "node:http"
import { createServer } from "node:net"
import type * as Net from "node:net"
import * as Server from "../server.ts"

const stats = Effect.flatMap(UndiciTransport.UndiciTransport, (transport) => transport.stats)

/** Waits, a turn of the event loop at a time, until the stats are so. */
const untilStats = (isSo: (stats: UndiciTransport.Stats) => boolean): Effect.Effect<
  void,
  never,
  UndiciTransport.UndiciTransport
> => Effect.flatMap(stats, (stats) => isSo(stats) ? Effect.void : Effect.andThen(Server.turn, untilStats(isSo)))

const failureOf = (error: HttpClientError.HttpClientError) => Option.getOrThrow(HttpFailure.fromClientError(error))

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A server that answers when the test says so, in the order in which it was asked. */
const held = Effect.gen(function*() {
  const open: Array<Http.ServerResponse> = []
  const server = yield* Server.http((_, response) => open.push(response))
  return {
    ...server,
    open,
    answer: () => open.shift()?.end("ok"),
    asked: (count: number) => Server.until(() => open.length >= count)
  }
})

describe("idle connections", () => {
  it.live("are kept up to their bound, and those used last are", () =>
    Effect.gen(function*() {
      const server = yield* held
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => fork(Server.text(server.url)))
      yield* server.asked(10)
      while (server.open.length > 0) server.answer()
      yield* Effect.forEach(fibers, Fiber.join)
      yield* Server.until(() => server.sockets.size === 3)
      const { connected, free } = yield* stats
      assert.deepStrictEqual([connected, free], [3, 3])
      for (let i = 0; i < 3; i++) {
        const fiber = yield* fork(Server.text(server.url))
        yield* server.asked(1)
        server.answer()
        assert.strictEqual(yield* Fiber.join(fiber), "ok")
      }
      assert.strictEqual(server.accepted(), 10)
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 10, idleConnections: 3 }))))

  it.live("are none when none may be", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => socket.write(Server.response(200, "ok")))
      yield* Server.text(server.url)
      yield* Server.until(() => server.sockets.size === 0)
      yield* Server.text(server.url)
      assert.strictEqual(server.accepted(), 2)
    }).pipe(Effect.provide(UndiciTransport.layer({ idleConnections: 0 }))))

  it.live("are closed after keepAlive, or sooner or later as the server says", () =>
    Effect.gen(function*() {
      const announcing = (seconds: number) =>
        Server.raw((socket) =>
          socket.write(Server.response(200, "ok", { "keep-alive": `timeout=${seconds}`, "connection": "keep-alive" }))
        )
      const long = yield* announcing(60)
      const short = yield* announcing(1)
      const silent = yield* Server.raw((socket) => socket.write(Server.response(200, "ok")))
      yield* Server.text(long.url)
      yield* Server.text(silent.url)
      yield* Server.text(short.url)
      yield* Server.until(() => short.sockets.size === 0)
      assert.strictEqual(silent.sockets.size, 1)
      yield* Server.until(() => silent.sockets.size === 0)
      assert.strictEqual(long.sockets.size, 1)
    }).pipe(Effect.provide(UndiciTransport.layer({ keepAlive: "500 millis", keepAliveMax: "30 seconds" }))))

  it.live("are replaced for free when one turns out to be reset before anything was written", () =>
    Effect.gen(function*() {
      const methods: Array<string> = []
      let last: Net.Socket | undefined
      const server = yield* Server.raw((socket, _, head) => {
        methods.push(head.split(" ")[0]!)
        last = socket
        socket.write(Server.response(200, "ok"))
      })
      yield* Server.text(server.url)
      for (let i = 0; i < 5; i++) {
        last?.resetAndDestroy()
        assert.strictEqual((yield* HttpClient.post(server.url)).status, 200)
      }
      assert.deepStrictEqual(methods, ["GET", "POST", "POST", "POST", "POST", "POST"])
      assert.strictEqual(server.accepted(), 6)
      yield* Server.idle
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1 }))))

  it.live("are replaced once: what is lost after it was written is the caller's", () =>
    Effect.gen(function*() {
      let asked = 0
      const server = yield* Server.raw((socket) => {
        if (asked++ === 0) socket.write(Server.response(200, "ok"))
        else socket.resetAndDestroy()
      })
      yield* Server.text(server.url)
      const failure = failureOf(yield* Effect.flip(HttpClient.post(server.url)))
      assert.deepStrictEqual([failure.reason._tag, failure.requestWritten], ["ConnectionReset", true])
      assert.strictEqual(asked, 2)
      yield* Server.idle
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1 }))))

  it.live("are replaced once, however often the new one is reset as well", () =>
    Effect.gen(function*() {
      let isDown = false
      let last: Net.Socket | undefined
      const server = yield* Server.listen(() => {
        const server = createServer((socket) => {
          if (isDown) socket.resetAndDestroy()
          last = socket
          socket.on("data", () => socket.write(Server.response(200, "ok")))
        })
        return server
      })
      for (let i = 1; i <= 20; i++) {
        isDown = false
        yield* Server.text(server.url)
        const before = server.accepted()
        isDown = true
        last?.resetAndDestroy()
        const failure = failureOf(yield* Effect.flip(HttpClient.post(server.url)))
        assert.strictEqual(failure.reason._tag, "ConnectionReset")
        assert.strictEqual(server.accepted() - before, 1)
        yield* Server.idle
      }
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1 }))))

  it.live("stops opening a connection that its request no longer waits for", () =>
    Effect.gen(function*() {
      // A port that takes the connection and never ends the handshake.
      const server = yield* Server.raw(() => undefined)
      const fiber = yield* fork(HttpClient.get(server.url.replace("http:", "https:")))
      yield* Server.until(() => server.sockets.size === 1)
      yield* Fiber.interrupt(fiber)
      yield* Server.until(() => server.sockets.size === 0)
      assert.deepStrictEqual(yield* stats, { connected: 0, free: 0, pending: 0, running: 0, origins: {} })
    }).pipe(Effect.provide(UndiciTransport.layer({ connectTimeout: "1 hour" }))))
})

describe("maxConnections", () => {
  const two = Effect.all([held, held])

  it.live("bounds the connections of all origins, and the next that falls free goes to who waited longest", () =>
    Effect.gen(function*() {
      const [a, b] = yield* two
      const order: Array<string> = []
      const ask = (name: string, url: string) => Effect.tap(Server.text(url), () => Effect.sync(() => order.push(name)))
      const fibers = [
        yield* fork(ask("a1", a.url)),
        yield* fork(ask("b1", b.url)),
        yield* fork(ask("a2", a.url)),
        yield* fork(ask("a3", a.url)),
        yield* fork(ask("b2", b.url))
      ]
      for (const server of [a, b, a, a, b]) {
        yield* server.asked(1)
        const { connected, pending } = yield* stats
        assert.strictEqual(connected, 1)
        assert.strictEqual(pending, 4 - order.length)
        server.answer()
        const before = order.length
        yield* Server.until(() => order.length > before)
      }
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(order, ["a1", "b1", "a2", "a3", "b2"])
      // The two that followed each other shared a connection.
      assert.deepStrictEqual([a.accepted(), b.accepted()], [2, 2])
    }).pipe(Effect.provide(UndiciTransport.layer({ maxConnections: 1 }))))

  it.live("takes an idle connection from another origin rather than wait", () =>
    Effect.gen(function*() {
      const servers = yield* Effect.all(
        Array.from({ length: 3 }, () => Server.raw((socket) => socket.write(Server.response(200, "ok"))))
      )
      for (let round = 0; round < 3; round++) {
        for (const { url } of servers) {
          assert.strictEqual(yield* Server.text(url), "ok")
          assert.isAtMost((yield* stats).connected, 2)
        }
      }
    }).pipe(Effect.provide(UndiciTransport.layer({ maxConnections: 2, poolQueue: 0 }))))

  it.effect("bounds the wait, and leaves no trace of who was interrupted in it", () =>
    Effect.gen(function*() {
      const [a, b] = yield* two
      const holder = yield* fork(Server.text(a.url))
      const leaver = yield* fork(Server.text(b.url))
      const waiter = yield* fork(Effect.flip(HttpClient.get(b.url)))
      yield* Fiber.interrupt(leaver)
      yield* TestClock.adjust("2 seconds")
      const failure = failureOf(yield* Fiber.join(waiter))
      assert.deepStrictEqual(
        [failure.reason._tag, failure.phase, failure.requestWritten],
        ["PoolTimeout", "pool", false]
      )
      yield* a.asked(1)
      a.answer()
      assert.strictEqual(yield* Fiber.join(holder), "ok")
      assert.strictEqual(b.accepted(), 0)
      assert.deepStrictEqual(Object.keys((yield* stats).origins), [a.url])
    }).pipe(Effect.provide(UndiciTransport.layer({ maxConnections: 1, poolWait: "2 seconds" }))))

  it.live("holds while many callers ask, give up and fail, and everyone who stays is served", () =>
    Effect.gen(function*() {
      let count = 0
      const servers = yield* Effect.all(Array.from({ length: 3 }, () =>
        Server.http((_, response) => {
          const which = count++ % 5
          setImmediate(() => {
            if (which === 1) response.socket?.resetAndDestroy()
            else if (which === 2) response.end("x".repeat(200_000))
            else if (which === 3) response.writeHead(200, { connection: "close" }).end("bye")
            else response.end("ok")
          })
        })))
      const transport = yield* UndiciTransport.UndiciTransport
      let most = 0
      const watcher = yield* fork(Stream.runForEach(transport.statsChanges, (stats) =>
        Effect.sync(() => {
          most = Math.max(most, stats.connected)
          for (const { connected } of Object.values(stats.origins)) assert.isAtMost(connected, 3)
        })))
      yield* Effect.forEach(
        Array.from({ length: 300 }, (_, i) => i),
        (i) => {
          const call = Effect.exit(Server.text(servers[i % 3]!.url))
          return i % 7 === 0 ? Effect.asVoid(Effect.timeoutOption(call, "2 millis")) : Effect.asVoid(call)
        },
        { concurrency: 40, discard: true }
      )
      yield* Server.idle
      assert.strictEqual((yield* stats).pending, 0)
      assert.isAtMost(most, 4)
      assert.strictEqual(watcher.pollUnsafe(), undefined)
      yield* Fiber.interrupt(watcher)
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 3, maxConnections: 4 }))))
})

describe("statsChanges", () => {
  it.live("begins with what is, and reports each change once the turn is over", () =>
    Effect.gen(function*() {
      const server = yield* held
      const transport = yield* UndiciTransport.UndiciTransport
      const seen: Array<ReadonlyArray<number>> = []
      const watcher = yield* fork(
        Stream.runForEach(transport.statsChanges, ({ connected, free, pending, running }) =>
          Effect.sync(() => seen.push([connected, free, pending, running])))
      )
      const fiber = yield* fork(Server.text(server.url))
      yield* server.asked(1)
      server.answer()
      yield* Fiber.join(fiber)
      yield* untilStats(({ free }) =>
        free === 1
      )
      yield* Server.until(() => seen.at(-1)?.[1] === 1)
      assert.deepStrictEqual(seen[0], [0, 0, 0, 0])
      assert.strictEqual(seen[1]?.[3], 1)
      assert.deepStrictEqual(seen.at(-1), [1, 1, 0, 0])
      const before = seen.length
      for (let i = 0; i < 5; i++) yield* Server.turn
      assert.strictEqual(seen.length, before)
      yield* Fiber.interrupt(watcher)
    }).pipe(Effect.provide(UndiciTransport.layer())))
})

describe("closing the layer", () => {
  const build = (options: UndiciTransport.Options) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(UndiciTransport.layer(options), scope)
      const client = Context.get(context, HttpClient.HttpClient)
      return {
        get: (url: string) => Effect.flatMap(client.get(url), (response) => response.text),
        close: Scope.close(scope, Exit.void)
      }
    })

  it.effect("ends what runs and what waits, takes nothing new, and then has no connection", () =>
    Effect.gen(function*() {
      const server = yield* held
      const { close, get } = yield* build({ connections: 1, gracePeriod: "5 seconds" })
      const running = yield* fork(get(server.url))
      const queued = yield* fork(get(server.url))
      yield* server.asked(1)
      const closing = yield* fork(close)
      const refused = failureOf(yield* Effect.flip(get(server.url)))
      assert.deepStrictEqual([refused.phase, refused.requestWritten], ["pool", false])
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(closing.pollUnsafe(), undefined)
      server.answer()
      assert.strictEqual(yield* Fiber.join(running), "ok")
      yield* server.asked(1)
      server.answer()
      assert.strictEqual(yield* Fiber.join(queued), "ok")
      yield* Fiber.join(closing)
      yield* Server.until(() => server.sockets.size === 0)
      assert.strictEqual(server.accepted(), 1)
    }))

  it.effect("fails what has not ended when the grace period has", () =>
    Effect.gen(function*() {
      const server = yield* held
      const { close, get } = yield* build({ connections: 1, gracePeriod: "5 seconds" })
      const running = yield* fork(Effect.flip(get(server.url)))
      const queued = yield* fork(Effect.flip(get(server.url)))
      yield* server.asked(1)
      const closing = yield* fork(close)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(running.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      const failures = (yield* Effect.forEach([running, queued], Fiber.join)).map((error) => {
        const failure = HttpFailure.fromUnknown(error)
        return [failure.reason._tag, failure.requestWritten]
      })
      assert.deepStrictEqual(failures, [["ConnectionReset", true], ["ConnectionReset", false]])
      yield* Fiber.join(closing)
      yield* Server.until(() => server.sockets.size === 0)
    }))

  it.effect("waits for no request without a grace period", () =>
    Effect.gen(function*() {
      const server = yield* held
      const { close, get } = yield* build({ gracePeriod: 0 })
      const running = yield* fork(Effect.exit(get(server.url)))
      yield* server.asked(1)
      yield* close
      assert.isTrue(Exit.isFailure(yield* Fiber.join(running)))
      yield* Server.until(() => server.sockets.size === 0)
    }))

  it.live("closes idle connections at once", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => socket.write(Server.response(200, "ok")))
      const { close, get } = yield* build({})
      yield* get(server.url)
      yield* close
      yield* Server.until(() => server.sockets.size === 0)
    }))
})

/** What keeps the process alive, by kind, and who listens to it. */
const alive = () => {
  const kinds: Record<string, number> = { listeners: 0 }
  for (const kind of process.getActiveResourcesInfo()) kinds[kind] = (kinds[kind] ?? 0) + 1
  for (const event of process.eventNames()) kinds["listeners"]! += process.listenerCount(event)
  // A turn of the event loop is how this is watched.
  delete kinds["Immediate"]
  return kinds
}

describe("after everything", () => {
  const fates: ReadonlyArray<readonly [name: string, answer: (socket: Net.Socket) => void]> = [
    ["a success", (socket) => socket.write(Server.response(200, "ok"))],
    ["an unread body", (socket) => socket.write(Server.response(200, "x".repeat(1_000_000)))],
    ["a reset", (socket) => socket.resetAndDestroy()],
    ["a body that is cut", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")],
    ["an interruption before the head", () => undefined],
    ["an interruption in the body", (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")],
    ["what is not HTTP", (socket) => socket.write("no\r\n\r\n")]
  ]
  it.live.each(fates)("no socket, timer or listener is left: %s", ([, answer]) =>
    Effect.gen(function*() {
      const before = alive()
      const program = Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const server = yield* Server.raw((socket) => {
          answer(socket)
          Deferred.doneUnsafe(asked, Effect.void)
        })
        const call = Effect.scoped(Effect.flatMap(HttpClient.get(server.url), (response) => response.text))
        const running = yield* fork(Effect.exit(Effect.scoped(HttpClient.get(server.url))))
        const waiting = yield* fork(Effect.exit(call))
        yield* Deferred.await(asked)
        for (let i = 0; i < 5; i++) yield* Server.turn
        yield* Fiber.interrupt(waiting)
        yield* Fiber.interrupt(running)
        yield* Server.idle
      })
      yield* Effect.scoped(Effect.provide(program, UndiciTransport.layer({ connections: 1 })))
      yield* Server.until(() => Object.entries(alive()).every(([kind, count]) => count <= (before[kind] ?? 0)))
    }))
})
