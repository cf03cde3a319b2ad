/**
 * Why this package exists: what Effect 4.1's own HTTP client does on real sockets, and what Holdfast does in the same
 * place. The first half of each test fails when Effect mends the defect; then the reason is gone, and the test can go.
 *
 * "Bare" is Effect's client on undici (`NodeHttpClient`) and on `fetch`, as its documentation sets them up.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as EffectBreaker from "effect/persistence/CircuitBreaker"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type * as Http from "node:http"
import * as Undici from "undici"
import * as Server from "./server.ts"

const oneConnection = { connections: 1 }

/** Effect's client with two retries. */
const bare = Effect.map(HttpClient.HttpClient, HttpClient.retryTransient({ times: 2 }))

/** Ours, with the same. */
const holdfastOver = (transport: Layer.Layer<HttpClient.HttpClient>, options: HttpPolicy.Options = {}) =>
  ResilientHttpClient.layer({
    ...options,
    retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }), ...(options.retry || undefined) }
  }).pipe(
    // `fetch` and its options are read where the call is made.
    Layer.provideMerge(transport),
    Layer.merge(Logger.layer([]))
  )

const bareUndici = NodeHttpClient.layerUndiciOptions(oneConnection)
const holdfastUndici = (options?: HttpPolicy.Options, transport?: UndiciTransport.Options) =>
  holdfastOver(UndiciTransport.layer({ ...oneConnection, ...transport }), options)

/** Effect's client on the `fetch` of undici, whose connections are given to it. */
const fetchLayer = Layer.unwrap(Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => new Undici.Agent(oneConnection)),
    (agent) => Effect.promise(() => agent.destroy())
  ),
  (dispatcher) => {
    const init: Undici.RequestInit = { dispatcher }
    return FetchHttpClient.layer.pipe(
      Layer.merge(Layer.succeed(FetchHttpClient.RequestInit, init as RequestInit)),
      Layer.merge(Layer.succeed(FetchHttpClient.Fetch, Undici.fetch as unknown as typeof globalThis.fetch))
    )
  }
))

/** One connection, with Effect's client alone on it, and under Holdfast. */
interface Clients {
  readonly bareLayer: Layer.Layer<HttpClient.HttpClient>
  readonly holdfast: (options?: HttpPolicy.Options) => Layer.Layer<HttpClient.HttpClient>
}

/** A defect is the same whatever the client below is, and so is its end. */
const onBoth = (defect: string, tests: (clients: Clients) => void) => {
  describe(`${defect}, on undici`, () => {
    tests({ bareLayer: bareUndici, holdfast: holdfastUndici })
  })
  describe(`${defect}, on fetch`, () => {
    tests({ bareLayer: fetchLayer, holdfast: (options) => holdfastOver(fetchLayer, options) })
  })
}

/** What an effect gives within half a second, and none if it hangs. */
const unlessItHangs = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.timeoutOption(effect, "500 millis")

/** A server that gives an answer to each request, and counts them. */
const answering = (answer: (request: number) => string) =>
  Effect.gen(function*() {
    let requests = 0
    const { url } = yield* Server.raw((socket, request) => {
      requests = request
      socket.write(answer(request))
    })
    return { url, requests: () => requests }
  })

const read = <E, R>(request: Effect.Effect<{ readonly text: Effect.Effect<string, E> }, E, R>) =>
  Effect.flatMap(request, (response) => response.text)

onBoth("defect 1: retries of errors and of responses multiply", ({ bareLayer, holdfast }) => {
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

onBoth("defect 2: the body of a failed attempt stays on the connection", ({ bareLayer, holdfast }) => {
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

onBoth("defect 3: what must not be sent twice is", ({ bareLayer, holdfast }) => {
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

onBoth("defect 4: Retry-After is obeyed without bound", ({ bareLayer, holdfast }) => {
  const server = answering((request) =>
    request === 1 ? Server.response(503, "", { "retry-after": "86400" }) : Server.response(200, "ok")
  )

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

onBoth("defect 6: a timeout covers the head and not the body", ({ bareLayer, holdfast }) => {
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
})

describe("defect 6: the bounds of the dispatcher are overridden", () => {
  const server = Server.raw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nhalf")
  })

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
    }).pipe(Effect.provide(holdfastUndici({}, { bodyTimeout: "50 millis" }))))
})

onBoth("defect 7: a rate limiter repeats 429 without end", ({ bareLayer, holdfast }) => {
  const server = answering(() => Server.response(429, ""))

  it.live("Effect sends a hundred requests for one call, and would go on", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      const client = HttpClient.withRateLimiter(yield* HttpClient.HttpClient, {
        limiter: yield* RateLimiter.RateLimiter,
        key: "inventory",
        limit: 1_000,
        window: "1 millis"
      })
      const fiber = yield* Effect.forkChild(client.get(url), { startImmediately: true })
      yield* Server.until(() => requests() >= 100)
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide([bareLayer, RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))])))

  it.live("Holdfast sends three, and gives the answer as it is", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      assert.strictEqual((yield* HttpClient.get(url)).status, 429)
      assert.strictEqual(requests(), 3)
    }).pipe(Effect.provide(holdfast())))
})

onBoth("defect 8: the window of the breaker never ages", ({ bareLayer, holdfast }) => {
  const server = answering(() => Server.response(500, ""))

  /** Nine failures, fifty minutes of silence, one failure, and one call more. */
  const calls = <E, R>(call: Effect.Effect<unknown, E, R>) =>
    Effect.gen(function*() {
      for (let i = 0; i < 9; i++) yield* Effect.exit(call)
      yield* TestClock.adjust("50 minutes")
      yield* Effect.exit(call)
      yield* Effect.exit(call)
    })

  it.effect("Effect opens the circuit for failures of an hour ago", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      const breaker = yield* EffectBreaker.make({
        tripPolicy: EffectBreaker.rate({ threshold: 0.5, size: 100, minimumCalls: 10 }),
        openDuration: "30 seconds"
      })
      const client = HttpClient.withCircuitBreaker(yield* HttpClient.HttpClient, { breaker })
      yield* calls(client.get(url))
      assert.strictEqual(requests(), 10)
    }).pipe(Effect.provide([bareLayer, EffectBreaker.layerStoreMemory()])))

  it.effect("Holdfast has forgotten them, and sends the next call", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      const policy = yield* Policy.make({
        circuitBreaker: {
          trip: CircuitBreaker.rate({ threshold: 0.5, window: "30 seconds", minimumCalls: 10 }),
          openFor: "30 seconds"
        }
      })
      const call = Effect.flatMap(HttpClient.get(url), HttpClientResponse.filterStatusOk)
      yield* calls(policy.protect(call))
      assert.strictEqual(requests(), 11)
    }).pipe(Effect.provide(holdfast({ retry: { times: 0 } }))))
})

onBoth("defect 10: nothing bounds the retries of many calls", ({ bareLayer, holdfast }) => {
  const server = answering(() => Server.response(503, ""))

  const fifty = <E, R>(call: Effect.Effect<unknown, E, R>) => Effect.forEach(Array.from({ length: 50 }), () => call)

  it.live("Effect triples the load of a server that is down", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      yield* fifty((yield* bare).get(url))
      assert.strictEqual(requests(), 150)
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast adds a tenth to it, and what the reserve allows", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* server
      yield* fifty(HttpClient.get(url))
      assert.isAtMost(requests(), 50 + 5 + 1)
      assert.isAbove(requests(), 50)
    }).pipe(Effect.provide(holdfast({ retry: { budget: { ratio: 0.1, minPerSecond: 0.1, window: "10 seconds" } } }))))
})

onBoth("defect 10: nothing bounds the wait for a connection", ({ bareLayer, holdfast }) => {
  /** One call holds the only connection while another waits. */
  const second = <A, E, R>(call: (url: string) => Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      let requests = 0
      const { url } = yield* Server.raw(() => requests++)
      yield* Effect.forkChild(Effect.exit(HttpClient.get(url)), { startImmediately: true })
      yield* Server.until(() => requests === 1)
      const result = yield* unlessItHangs(Effect.flip(call(url)))
      assert.strictEqual(requests, 1)
      return result
    })

  it.live("Effect waits without end", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* second((url) => HttpClient.get(url)), Option.none())
    }).pipe(Effect.provide(bareLayer)))

  it.live("Holdfast fails at the deadline of the call", () =>
    Effect.gen(function*() {
      const client = yield* ResilientHttpClient.make({ timeouts: { total: "50 millis" } })
      const error = yield* second((url) => client.get(url))
      assert.isTrue(
        Option.isSome(error) && isPolicyError(error.value) && error.value.reason._tag === "DeadlineExceeded"
      )
    }).pipe(Effect.provide(holdfast({ retry: { times: 0 } }))))
})

describe("defect 10: nothing bounds the wait for a connection, on undici", () => {
  it.live("Holdfast's transport fails with PoolTimeout, and says that nothing was written", () =>
    Effect.gen(function*() {
      let requests = 0
      const { url } = yield* Server.raw(() => requests++)
      yield* Effect.forkChild(Effect.exit(HttpClient.get(url)), { startImmediately: true })
      yield* Server.until(() => requests === 1)
      const error = yield* Effect.flip(HttpClient.get(url))
      assert.isTrue(
        HttpFailure.isHttpFailure(error.cause) && error.cause.reason._tag === "PoolTimeout" &&
          !error.cause.requestWritten
      )
    }).pipe(Effect.provide(UndiciTransport.layer({ ...oneConnection, poolWait: "50 millis" }))))
})
