/** The bounds of pools, their defaults, and which connection is taken or closed. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import type * as Net from "node:net"
import * as Server from "../server.ts"

const failureOf = (error: HttpClientError.HttpClientError) => Option.getOrThrow(HttpFailure.fromClientError(error))

const reasonOf = (error: HttpClientError.HttpClientError) => failureOf(error).reason

const stats = Effect.flatMap(UndiciTransport.UndiciTransport, (transport) => transport.stats)

const start = (url: string) => Effect.forkChild(HttpClient.get(url), { startImmediately: true })

/** Opens as many connections, and lets all of them fall idle. */
const open = (count: number) =>
  Effect.gen(function*() {
    let held: Array<Net.Socket> = []
    let isHolding = true
    let last: Net.Socket | undefined
    const server = yield* Server.raw((socket) => {
      last = socket
      if (isHolding) held.push(socket)
      else socket.write(Server.response(200, "ok"))
    })
    const fibers = yield* Effect.forEach(Array.from({ length: count }), () => start(server.url))
    yield* Server.until(() => held.length === count)
    isHolding = false
    const order: Array<Net.Socket> = []
    for (const [i, fiber] of fibers.entries()) {
      const socket = held[i]!
      order.push(socket)
      socket.write(Server.response(200, "ok"))
      yield* Fiber.join(fiber)
      yield* Server.turn
      yield* Server.turn
    }
    held = []
    return { ...server, order, last: () => last }
  })

describe("The queue", () => {
  it.live("takes 1,000 requests for an origin by default", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw(() => undefined)
      const fibers = yield* Effect.forEach(Array.from({ length: 1001 }), () => start(server.url))
      // The one that runs is held back until its connection is open.
      while ((yield* stats).connected < 1) yield* Server.turn
      assert.strictEqual((yield* stats).pending, 1000)
      const reason = reasonOf(yield* Effect.flip(HttpClient.get(server.url)))
      assert.isTrue(reason._tag === "PoolTimeout" && reason.queued === 1000)
      yield* Fiber.interruptAll(fibers)
      yield* Server.idle
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1 }))))

  it.live("says how many have waited, the one that gives up included", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw(() => undefined)
      const running = yield* start(server.url)
      const reasons = yield* Effect.forEach([1, 2, 3], () =>
        Effect.map(Effect.flip(HttpClient.get(server.url)), reasonOf), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        reasons.map((reason) =>
          reason._tag === "PoolTimeout" && reason.queued
        ),
        [3, 2, 1]
      )
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolWait: "50 millis" }))))

  it.live("rejects a request before anything of it is written, so that even a POST may go again", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw(() => undefined)
      const running = yield* start(server.url)
      const failures = yield* Effect.forEach(
        [1, 2],
        () => Effect.map(Effect.flip(HttpClient.post(server.url)), failureOf),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        failures.map(({ phase, reason, requestWritten }) => [reason._tag, phase, requestWritten]),
        [["PoolTimeout", "pool", false], ["PoolTimeout", "pool", false]]
      )
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(UndiciTransport.layer({ connections: 1, poolQueue: 1, poolWait: "20 millis" }))))
})

describe("An idle connection", () => {
  it.live("is taken in the order in which it fell idle, the last one first", () =>
    Effect.gen(function*() {
      const server = yield* open(3)
      assert.strictEqual(yield* Server.text(server.url), "ok")
      assert.strictEqual(server.last(), server.order[2])
      assert.strictEqual(server.accepted(), 3)
    }).pipe(Effect.provide(UndiciTransport.layer())))

  it.live("is closed for another origin where most are idle, the longest idle first", () =>
    Effect.gen(function*() {
      const poor = yield* open(1)
      const rich = yield* open(3)
      const other = yield* open(1)
      yield* Server.until(() => rich.sockets.size === 2)
      assert.strictEqual(poor.sockets.size, 1)
      assert.isFalse(rich.sockets.has(rich.order[0]!))
      assert.strictEqual(other.sockets.size, 1)
    }).pipe(Effect.provide(UndiciTransport.layer({ maxConnections: 4 }))))
})
