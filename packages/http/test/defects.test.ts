/**
 * Why this package exists: what Effect 4.1's own HTTP client does on real sockets, and what Holdfast does in the same
 * place. The first half of each test fails when Effect mends the defect; then the reason is gone, and the test can go.
 *
 * "Bare" is `NodeHttpClient` on undici, as its documentation sets it up.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Http from "node:http"
import * as Server from "./server.ts"

const oneConnection = { connections: 1 }

/** Effect's client, with one connection and two retries. */
const bare = Effect.map(HttpClient.HttpClient, HttpClient.retryTransient({ times: 2 }))
const bareLayer = NodeHttpClient.layerUndiciOptions(oneConnection)

/** Ours, with the same. */
const holdfast = (options: HttpPolicy.Options = {}, transport: UndiciTransport.Options = {}) =>
  ResilientHttpClient.layer({
    ...options,
    retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }), ...(options.retry || undefined) }
  }).pipe(
    Layer.provide(UndiciTransport.layer({ ...oneConnection, ...transport })),
    Layer.merge(Logger.layer([]))
  )

/** What an effect gives within half a second, and none if it hangs. */
const unlessItHangs = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeoutOption(effect, "500 millis")

const read = <E, R>(request: Effect.Effect<{ readonly text: Effect.Effect<string, E> }, E, R>) =>
  Effect.flatMap(request, (response) => response.text)

describe("defect 1: retries of errors and of responses multiply", () => {
  // Two answers of 503, then a reset, over and over.
  const server = Effect.gen(function*() {
    let requests = 0
    const { url } = yield* Server.raw((socket, request) => {
      requests = request
      if (request % 3 === 0) socket.resetAndDestroy()
      else socket.write(Server.response(503, ""))
    })
    return { url, requests: () => requests }
  })

  it.live("Effect sends 9 requests for two retries", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      yield* Effect.exit((yield* bare).get(url))
      assert.strictEqual(requests(), 9)
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast sends 3", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      yield* Effect.exit(HttpClient.get(url))
      assert.strictEqual(requests(), 3)
    }).pipe(Effect.provide(holdfast())))
})

describe("defect 2: the body of a failed attempt stays on the connection", () => {
  // A 503 with a body of 5 MB, then an answer.
  const server = Server.raw((socket, request) => {
    socket.write(request === 1 ? Server.response(503, "x".repeat(5_000_000)) : Server.response(200, "ok"))
  })

  it.live("Effect hangs: the retry waits for the connection that the body holds", () =>
    Effect.gen(function*() {
      const { url } = yield* server
      assert.deepStrictEqual(yield* unlessItHangs(read((yield* bare).get(url))), Option.none())
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast gives the body up and goes on", () =>
    Effect.gen(function*() {
      const { url } = yield* server
      assert.deepStrictEqual(yield* unlessItHangs(read(HttpClient.get(url))), Option.some("ok"))
    }).pipe(Effect.provide(holdfast())))
})

describe("defect 3: what must not be sent twice is", () => {
  /** A server that does what it is asked, and then fails to say so. */
  const payments = (fail: (response: Http.ServerResponse) => void) =>
    Effect.gen(function*() {
      const bodies: Array<string> = []
      const { url } = yield* Server.http((request, response) => {
        let body = ""
        request.on("data", (chunk: Buffer) => body += chunk.toString())
        request.on("end", () => {
          bodies.push(body)
          fail(response)
        })
      })
      return { url, bodies }
    })

  const busy = (response: Http.ServerResponse) => void response.writeHead(503).end()
  const lost = (response: Http.ServerResponse) => void response.destroy()

  const pay = { body: HttpBody.text("pay 10") }
  const upload = () => {
    const once = [new TextEncoder().encode("the only copy")].values()
    return { body: HttpBody.stream(Stream.fromIterable({ [Symbol.iterator]: () => once })) }
  }

  it.live.each([["a 503", busy], ["a lost answer", lost]] as const)(
    "Effect pays three times after %s",
    ([, fail]) =>
      Effect.gen(function*() {
        const { bodies, url } = yield* payments(fail)
        yield* Effect.exit((yield* bare).post(url, pay))
        assert.deepStrictEqual(bodies, ["pay 10", "pay 10", "pay 10"])
      }).pipe(Effect.provide(bareLayer))
  )

  it.live.each([["a 503", busy], ["a lost answer", lost]] as const)(
    "Holdfast pays once after %s",
    ([, fail]) =>
      Effect.gen(function*() {
        const { bodies, url } = yield* payments(fail)
        yield* Effect.exit(HttpClient.post(url, pay))
        assert.deepStrictEqual(bodies, ["pay 10"])
      }).pipe(Effect.provide(holdfast()))
  )

  it.live("Effect sends a stream again when there is nothing left of it", () =>
    Effect.gen(function*() {
      const { bodies, url } = yield* payments(busy)
      yield* Effect.exit((yield* bare).put(url, upload()))
      assert.deepStrictEqual(bodies, ["the only copy", "", ""])
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast sends it once", () =>
    Effect.gen(function*() {
      const { bodies, url } = yield* payments(busy)
      yield* Effect.exit(HttpClient.put(url, upload()))
      assert.deepStrictEqual(bodies, ["the only copy"])
    }).pipe(Effect.provide(holdfast())))
})

describe("defect 4: Retry-After is obeyed without bound", () => {
  const server = Effect.gen(function*() {
    let requests = 0
    const { url } = yield* Server.raw((socket, request) => {
      requests = request
      socket.write(request === 1 ? Server.response(503, "", { "retry-after": "86400" }) : Server.response(200, "ok"))
    })
    return { url, requests: () => requests }
  })

  /** Lets the sockets work, on which the test's clock has no hold. */
  const settle = Effect.forEach(Array.from({ length: 50 }), () => Server.turn)

  it.effect("Effect sleeps a day", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      const fiber = yield* Effect.forkChild(read((yield* bare).get(url)), { startImmediately: true })
      yield* Server.until(() => requests() === 1)
      yield* settle
      yield* TestClock.adjust("23 hours")
      yield* settle
      assert.strictEqual(requests(), 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
    }).pipe(Effect.provide(bareLayer)))

  it.effect("Holdfast sleeps a minute, and a little more by chance", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      const fiber = yield* Effect.forkChild(read(HttpClient.get(url)), { startImmediately: true })
      yield* Server.until(() => requests() === 1)
      yield* settle
      yield* TestClock.adjust("59 seconds")
      yield* settle
      assert.strictEqual(requests(), 1)
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "ok")
    }).pipe(Effect.provide(holdfast())))
})

describe("defect 5: exponential backoff has no cap", () => {
  /** The longest of the first forty delays of a schedule, in days. */
  const longest = (schedule: Schedule.Schedule<unknown>) =>
    Effect.gen(function*() {
      const step = yield* Schedule.toStep(schedule)
      let days = 0
      for (let i = 0; i < 40; i++) {
        const [, delay] = yield* Effect.orDie(step(0, undefined))
        days = Math.max(days, Duration.toDays(delay))
      }
      return days
    })

  it.effect("Effect's fortieth delay is six million days", () =>
    Effect.gen(function*() {
      assert.isAbove(yield* longest(Schedule.exponential("1 second")), 6_000_000)
    }))

  it.effect("Holdfast's is a minute at most", () =>
    Effect.gen(function*() {
      const minute = 1 / 24 / 60
      assert.isAtMost(yield* longest(Backoff.exponential({ initial: "1 second", max: "1 minute" })), minute)
      assert.isAtMost(yield* longest(Backoff.exponential({ initial: "1 second" })), minute)
    }))
})

describe("defect 6: a timeout covers the head and not the body", () => {
  // A head and four bytes of ten, and nothing more.
  const server = Server.raw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nhalf")
  })

  it.live("Effect waits for the body without end, under a timeout of 50 ms on the client", () =>
    Effect.gen(function*() {
      const { url } = yield* server
      const client = HttpClient.transformResponse(yield* HttpClient.HttpClient, Effect.timeout("50 millis"))
      assert.deepStrictEqual(yield* unlessItHangs(read(client.get(url))), Option.none())
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast fails with the deadline, and gives the connection back", () =>
    Effect.gen(function*() {
      const { sockets, url } = yield* server
      const error = yield* Effect.flip(read(HttpClient.get(url)))
      assert.isTrue(isPolicyError(error.cause) && error.cause.reason._tag === "DeadlineExceeded")
      yield* Server.until(() => sockets.size === 0)
    }).pipe(Effect.provide(holdfast({ timeouts: { total: "50 millis" } }))))

  it.live("Effect takes no notice of the dispatcher's own bodyTimeout", () =>
    Effect.gen(function*() {
      const { url } = yield* server
      const hung = yield* Effect.timeoutOption(read(HttpClient.get(url)), "2500 millis")
      assert.deepStrictEqual(hung, Option.none())
    }).pipe(Effect.provide(NodeHttpClient.layerUndiciOptions({ bodyTimeout: 50 }))))

  it.live("Holdfast fails with BodyTimeout", () =>
    Effect.gen(function*() {
      const { url } = yield* server
      const error = yield* Effect.flip(read(HttpClient.get(url)))
      assert.isTrue(HttpFailure.isHttpFailure(error.cause) && error.cause.reason._tag === "BodyTimeout")
    }).pipe(Effect.provide(holdfast({}, { bodyTimeout: "50 millis" }))))
})
