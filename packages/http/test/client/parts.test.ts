/**
 * What each part of a policy does around requests: each origin by itself, and under the standard tag with the same errors.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as RateLimit from "@holdfast/core/RateLimit"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { inUse, play, refused, sent } from "../Play.ts"

const { always, fail, respond } = TestTransport

const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer(script), Logger.layer([]))
  )

const get = (url = "http://north/") =>
  Effect.flatMap(ResilientHttpClient.ResilientHttpClient, (client) => client.get(url))

/** What came of a request: the status, or what it failed with. */
const outcome = <E>(request: Effect.Effect<{ readonly status: number }, E, ResilientHttpClient.ResilientHttpClient>) =>
  Effect.match(request, {
    onSuccess: ({ status }) => status,
    onFailure: (error) => isPolicyError(error) ? error.reason._tag : "HttpClientError"
  })

describe("circuit breaker", () => {
  const circuitBreaker = { trip: CircuitBreaker.consecutive(2), openFor: "10 seconds" } as const

  it.effect("opens for 503s that are answered as for connections that are lost, and rejects without sending", () =>
    Effect.gen(function*() {
      const statuses = yield* Effect.replicateEffect(outcome(get()), 4)
      assert.deepStrictEqual(statuses, [503, "HttpClientError", "CircuitOpen", "CircuitOpen"])
      assert.strictEqual((yield* sent).length, 2)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* outcome(get()), 200)
    }).pipe(Effect.provide(over([respond(503), fail("ConnectionReset"), always(respond(200))], {
      circuitBreaker,
      retry: false
    }))))

  it.effect("counts every attempt, and ends the retries when it opens", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(outcome(get()))
      assert.deepStrictEqual(exit, Exit.succeed("CircuitOpen"))
      assert.strictEqual((yield* sent).length, 2)
    }).pipe(Effect.provide(over([always(respond(503))], { circuitBreaker }))))

  it.effect("takes an answer that is not a failure for a success: a 404, and a 503 that says not to retry", () =>
    Effect.gen(function*() {
      const statuses = yield* Effect.replicateEffect(outcome(get()), 4)
      assert.deepStrictEqual(statuses, [404, 503, 503, 404])
    }).pipe(Effect.provide(over([
      respond(404),
      respond(503, { headers: { "x-should-retry": "false" } }),
      respond(503),
      respond(404)
    ], { circuitBreaker, retry: false }))))

  it.effect("has a circuit for each origin", () =>
    Effect.gen(function*() {
      yield* Effect.replicateEffect(outcome(get("http://north/a")), 2)
      assert.strictEqual(yield* outcome(get("http://north/b")), "CircuitOpen")
      assert.strictEqual(yield* outcome(get("http://south/a")), 503)
      assert.strictEqual(yield* outcome(get("https://north/a")), 503)
    }).pipe(Effect.provide(over([always(respond(503))], { circuitBreaker, retry: false }))))

  it.effect("does not blame the server for an invalid request", () =>
    Effect.gen(function*() {
      const broken = get("http://north:port/")
      assert.deepStrictEqual(yield* Effect.replicateEffect(outcome(broken), 3), [
        "HttpClientError",
        "HttpClientError",
        "HttpClientError"
      ])
    }).pipe(Effect.provide(Layer.provideMerge(
      ResilientHttpClient.layer({ circuitBreaker, retry: false }),
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) => Effect.fail(unsendable(request)))
      )
    ))))

  it.effect("asks isFailure about the failure of each attempt", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.replicateEffect(outcome(get()), 4), [429, 429, 429, 503])
      assert.strictEqual(yield* outcome(get()), "CircuitOpen")
    }).pipe(Effect.provide(over([respond(429), respond(429), respond(429), respond(503)], {
      retry: false,
      circuitBreaker: {
        trip: CircuitBreaker.consecutive(1),
        isFailure: ({ reason }) => reason._tag !== "StatusFailure" || reason.status !== 429
      }
    }))))

  it.effect("may be one that others share", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
      yield* outcome(get()).pipe(Effect.provide(over([respond(503)], { circuitBreaker: breaker, retry: false })))
      assert.strictEqual((yield* breaker.state({ key: "http://north" }))._tag, "Open")
      const other = outcome(get()).pipe(Effect.provide(over([], { circuitBreaker: breaker, retry: false })))
      assert.strictEqual(yield* other, "CircuitOpen")
    }))
})

const unsendable = (request: Parameters<Parameters<typeof HttpClient.make>[0]>[0]) =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.InvalidUrlError({ request, cause: new Error("no such port") })
  })

describe("bulkhead", () => {
  it.effect("bounds the calls to one origin, and rejects further ones", () =>
    Effect.gen(function*() {
      const first = yield* Effect.forkChild(outcome(get("http://north/")), { startImmediately: true })
      assert.strictEqual(yield* outcome(get("http://north/")), "BulkheadFull")
      const other = yield* Effect.forkChild(outcome(get("http://south/")), { startImmediately: true })
      assert.strictEqual(yield* inUse, 2)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll([first, other]), [200, 200])
      const last = yield* Effect.forkChild(outcome(get("http://north/")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(last), 200)
    }).pipe(Effect.provide(over([always(respond(200, { delay: "1 second" }))], { bulkhead: { limit: 1 } }))))

  it.effect("may be one that others share", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1 })
      const busy = yield* Effect.forkChild(bulkhead.protect({ key: "http://north" })(Effect.never), {
        startImmediately: true
      })
      assert.strictEqual(yield* outcome(get()).pipe(Effect.provide(over([], { bulkhead }))), "BulkheadFull")
      yield* Fiber.interrupt(busy)
    }))
})

describe("rate limit", () => {
  it.effect("bounds the calls to one origin in a window, and does not count retries", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(outcome(get()), "1 second")
      assert.deepStrictEqual(exit, Exit.succeed(200))
      assert.strictEqual(yield* outcome(get()), 200)
      assert.strictEqual(yield* outcome(get()), "RateLimited")
      assert.strictEqual(yield* outcome(get("http://south/")), 200)
    }).pipe(Effect.provide(over([respond(503), always(respond(200))], {
      rateLimit: { limit: 2, window: "1 minute" },
      retry: { backoff: Backoff.constant({ delay: "1 second" }) }
    }))))

  it.effect("may be one that others share", () =>
    Effect.gen(function*() {
      const rateLimit = yield* RateLimit.make({ limit: 1, window: "1 minute" })
      yield* rateLimit.protect({ key: "http://north" })(Effect.void)
      assert.strictEqual(yield* outcome(get()).pipe(Effect.provide(over([], { rateLimit }))), "RateLimited")
    }))
})

describe("budget", () => {
  it.effect("is one for each origin: what one spends, the others have", () =>
    Effect.gen(function*() {
      yield* play(outcome(get("http://north/")))
      yield* play(outcome(get("http://north/")))
      assert.strictEqual((yield* sent).length, 3)
      yield* play(outcome(get("http://south/")))
      assert.strictEqual((yield* sent).length, 5)
    }).pipe(Effect.provide(over([always(respond(503))], {
      retry: { times: 1, budget: { ratio: 0, minPerSecond: 1 / 1000, window: "1000 seconds" } }
    }))))

  it.effect("is that of the hedges too", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(outcome(get()), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      // One hedge of three was paid for.
      assert.strictEqual((yield* sent).length, 2)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(over([always(TestTransport.hang)], {
      hedge: { after: "1 second", max: 3 },
      retry: { budget: { ratio: 0, minPerSecond: 1 / 1000, window: "1000 seconds" } }
    }))))
})

describe("hedge", () => {
  const hedge = { after: "1 second" } as const

  it.effect("asks again when the first request is slow, and gives the answer that comes first", () =>
    Effect.gen(function*() {
      const { events, exit } = yield* play(Effect.flatMap(get(), (response) => response.text), "3 seconds")
      assert.deepStrictEqual(exit, Exit.succeed("second"))
      assert.deepStrictEqual(events.map((event) => event._tag), ["AttemptStarted", "Hedged", "AttemptSucceeded"])
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(over([TestTransport.hang, respond(200, { body: "second" })], { hedge }))))

  it.effect("never sends a POST twice, unless a key makes it repeatable", () =>
    Effect.gen(function*() {
      const post = HttpClient.post("http://north/", { body: HttpBody.text("pay") })
      const fiber = yield* Effect.forkChild(post, { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* sent).length, 1)
      yield* Fiber.interrupt(fiber)
      const keyed = HttpClient.post("http://north/", { headers: { "idempotency-key": "k" } })
      const second = yield* Effect.forkChild(keyed, { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* sent).length, 3)
      yield* Fiber.interrupt(second)
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(over([always(TestTransport.hang)], { hedge }))))

  it.effect("gives up the answers that were not taken: no connection stays in use", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(Effect.flatMap(get(), (response) => response.text), "9 seconds")
      assert.deepStrictEqual(exit, Exit.succeed("ok"))
      assert.strictEqual((yield* sent).length, 2)
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(over([large503, respond(200, { body: "ok" })], { hedge }))))

  it.effect("gives the first failure when all fail, with its body to read", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(Effect.flatMap(get(), (response) => response.text), "9 seconds")
      assert.deepStrictEqual(exit, Exit.succeed("first"))
      assert.strictEqual((yield* sent).length, 2)
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(over([respond(503, { body: "first" }), large503], { hedge, retry: false }))))

  it.effect("frees the connections of a race before the next attempt", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(outcome(get()), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual([(yield* sent).length, yield* inUse], [2, 0])
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(fiber), 200)
    }).pipe(Effect.provide(over([large503, large503, respond(200)], {
      hedge,
      retry: { backoff: Backoff.constant({ delay: "1 second" }) }
    }))))
})

const large503 = respond(503, { headers: { "content-length": "9999999" }, body: TestTransport.stalled("x") })

describe("every part", () => {
  it.effect("fails as the cause of an HttpClientError under the standard tag", () =>
    Effect.gen(function*() {
      yield* Effect.forkChild(HttpClient.get("http://north/"), { startImmediately: true })
      const exit = yield* Effect.exit(HttpClient.get("http://north/"))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.isTrue(HttpClientError.isHttpClientError(error) && isPolicyError(error.cause))
      assert.include(String(error), "The bulkhead is full (1 running, room for 0 to wait); nothing of the call ran")
    }).pipe(Effect.provide(over([TestTransport.hang], { bulkhead: { limit: 1 } }))))

  it("rejects invalid options, and names them", () => {
    assert.strictEqual(
      refused({ timeouts: { attempt: "10 seconds", total: "9 seconds" } }),
      "timeouts.attempt must not be longer than timeouts.total (9000 millis), got 10000 millis"
    )
    assert.match(refused({ bulkhead: { limit: 0 } }) ?? "", /limit must be a whole number of 1 or more, got 0/)
    assert.match(
      refused({ hedge: { after: "1 second", max: 0 } }) ?? "",
      /max must be a whole number of 1 or more, got 0/
    )
    assert.match(refused({ retry: { budget: { ratio: -1 } } }) ?? "", /ratio must be .*, got -1/)
    assert.match(refused({ rateLimit: { limit: 1, window: 0 } }) ?? "", /window must be .*, got 0/)
  })

  it("lists every fault of its own options by path, and shows no secret", () => {
    const options: unknown = {
      timeouts: { attempt: "soon", totl: 1 },
      commit: "tail",
      bearer: "s3cret",
      headers: { "x-key": 7 },
      endpoints: { item: { path: "/x", method: "GET", methods: ["GTE"], timeouts: { attempt: NaN } } },
      bulkhed: { limit: 1 }
    }
    const message = refused(options as HttpPolicy.Options) ?? ""
    assert.match(message, /^9 options are invalid: /)
    for (
      const path of [
        "timeouts.attempt must be",
        "timeouts.totl is not an option",
        "commit must be",
        "bearer must be a Redacted",
        "headers.x-key must be a string",
        "endpoints.item.method is not an option (`method`: did you mean `methods`?)",
        "endpoints.item.methods.0 must be",
        "endpoints.item.timeouts.attempt must be",
        "bulkhed is not an option (`bulkhed`: did you mean `bulkhead`?)"
      ]
    ) assert.include(message, path)
    assert.notInclude(message, "s3cret")
  })

  it.effect("refuses a client that retries around one that does", () =>
    Effect.gen(function*() {
      const around = ResilientHttpClient.make().pipe(Effect.exit)
      const exit = yield* around
      assert.match(
        String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
        /retry must be false around a client that retries/
      )
      const calm = yield* ResilientHttpClient.make({ retry: false, timeouts: { total: "1 minute" } })
      assert.strictEqual((yield* calm.get("http://north/")).status, 200)
    }).pipe(Effect.provide(over([respond(200)], {}))))
})
