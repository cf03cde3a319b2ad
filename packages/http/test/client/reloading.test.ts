/** A policy that changes while it is used, and what of it goes on. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { play, sent } from "../Play.ts"

const { always, fail, respond } = TestTransport

/** A client over a script whose options are changed by hand: `change` returns when the client has taken them. */
const reloading = (
  script: ReadonlyArray<TestTransport.Step>,
  ...options: Arr.NonEmptyReadonlyArray<HttpPolicy.Options>
) =>
  Effect.gen(function*() {
    const logs: Array<string> = []
    const queue = yield* Queue.make<HttpPolicy.Options, Cause.Done>()
    yield* Queue.offerAll(queue, options)
    const logger = Logger.make(({ logLevel, message }) => {
      logs.push(`${logLevel} ${message}`)
    })
    const layer = Layer.provideMerge(
      ResilientHttpClient.layerReloading(Stream.fromQueue(queue)),
      Layer.merge(TestTransport.layer(script), Logger.layer([logger]))
    )
    const context = yield* Layer.build(layer)
    const change = (options: HttpPolicy.Options) => Effect.andThen(Queue.offer(queue, options), TestClock.adjust(0))
    yield* TestClock.adjust(0)
    return { context, change, logs, end: Queue.end(queue) }
  })

const get = HttpClient.get("http://north/")

const outcome = Effect.match(get, {
  onSuccess: ({ status }) => status,
  onFailure: ({ cause }) => isPolicyError(cause) ? cause.reason._tag : "HttpClientError"
})

describe("layerReloading", () => {
  it.effect("takes calls by the options that came last before they began", () =>
    Effect.gen(function*() {
      const { change, context, logs } = yield* reloading([respond(503), respond(503), respond(200)], { retry: false })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 503)
        yield* change({ retry: { times: 1, backoff: Backoff.constant({ delay: "1 second" }) } })
        const { exit } = yield* play(outcome)
        assert.deepStrictEqual(exit, Exit.succeed(200))
        assert.deepStrictEqual(logs.slice(0, 1), ["Info http: the policy has changed"])
      }).pipe(Effect.provide(context))
    }))

  it.effect("leaves a call that runs to the options that it began with", () =>
    Effect.gen(function*() {
      const { change, context } = yield* reloading([always(respond(503))], {
        retry: { times: 3, backoff: Backoff.constant({ delay: "1 second" }) }
      })
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(outcome, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        yield* change({ retry: false })
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(fiber)
        assert.strictEqual((yield* sent).length, 4)
      }).pipe(Effect.provide(context))
    }))

  it.effect("keeps an open circuit open when something else changes, until its open time is over", () =>
    Effect.gen(function*() {
      const circuitBreaker = () => ({
        trip: CircuitBreaker.consecutive(1),
        openFor: Backoff.constant({ delay: "10 seconds" })
      })
      const { change, context } = yield* reloading([respond(503), always(respond(200))], {
        retry: false,
        circuitBreaker: circuitBreaker()
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 503)
        yield* change({ retry: false, timeouts: { total: "1 minute" }, circuitBreaker: circuitBreaker() })
        assert.strictEqual(yield* outcome, "CircuitOpen")
        yield* change({ retry: { times: 1 }, headers: { "x-a": "1" }, circuitBreaker: circuitBreaker() })
        assert.strictEqual(yield* outcome, "CircuitOpen")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* outcome, 200)
      }).pipe(Effect.provide(context))
    }))

  it.effect("keeps a circuit open whose own options change, for no longer than they say", () =>
    Effect.gen(function*() {
      const circuitBreaker = { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" } as const
      const { change, context } = yield* reloading([respond(503), respond(200)], { retry: false, circuitBreaker })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 503)
        yield* change({ retry: false, circuitBreaker: { ...circuitBreaker, openFor: "10 seconds" } })
        assert.strictEqual(yield* outcome, "CircuitOpen")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* outcome, 200)
      }).pipe(Effect.provide(context))
    }))

  it.effect("begins a circuit anew when its policy has another name, or when it was away", () =>
    Effect.gen(function*() {
      const circuitBreaker = { trip: CircuitBreaker.consecutive(1) }
      const { change, context } = yield* reloading([respond(503), respond(503), respond(200)], {
        retry: false,
        circuitBreaker
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 503)
        yield* change({ name: "other", retry: false, circuitBreaker })
        assert.strictEqual(yield* outcome, 503)
        yield* change({ name: "other", retry: false })
        yield* change({ name: "other", retry: false, circuitBreaker })
        assert.strictEqual(yield* outcome, 200)
      }).pipe(Effect.provide(context))
    }))

  it.effect("keeps what an endpoint's own parts know, by its name", () =>
    Effect.gen(function*() {
      const circuitBreaker = { trip: CircuitBreaker.consecutive(1) }
      const { change, context } = yield* reloading([respond(503)], {
        retry: false,
        endpoints: { a: { path: "/", circuitBreaker } }
      })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 503)
        yield* change({
          retry: false,
          endpoints: { first: { path: "/first" }, a: { methods: ["GET"], path: "/*", circuitBreaker } }
        })
        assert.strictEqual(yield* outcome, "CircuitOpen")
      }).pipe(Effect.provide(context))
    }))

  it.effect("keeps a spent budget spent, of each origin", () =>
    Effect.gen(function*() {
      const budget = { ratio: 0, minPerSecond: 1 / 1000, window: "1000 seconds" } as const
      const { change, context } = yield* reloading([always(fail("ConnectRefused"))], { retry: { times: 1, budget } })
      yield* Effect.gen(function*() {
        yield* play(outcome)
        assert.strictEqual((yield* sent).length, 2)
        yield* change({ retry: { times: 3, budget: { ...budget } } })
        yield* play(outcome)
        assert.strictEqual((yield* sent).length, 3)
        // Room for one more is room for one more, and not for two.
        yield* change({ retry: { times: 3, budget: { ...budget, minPerSecond: 2 / 1000 } } })
        yield* play(outcome)
        assert.strictEqual((yield* sent).length, 5)
      }).pipe(Effect.provide(context))
    }))

  it.effect("counts who is in a bulkhead over a change", () =>
    Effect.gen(function*() {
      const { change, context } = yield* reloading([always(TestTransport.hang)], { bulkhead: { limit: 1 } })
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(outcome, { startImmediately: true })
        yield* change({ bulkhead: { limit: 1 }, timeouts: { total: "1 minute" } })
        assert.strictEqual(yield* outcome, "BulkheadFull")
        yield* Fiber.interrupt(fiber)
        yield* Effect.forkChild(outcome, { startImmediately: true })
        assert.strictEqual((yield* sent).length, 2)
      }).pipe(Effect.provide(context))
    }))

  it.effect("keeps the pause that a server has asked for", () =>
    Effect.gen(function*() {
      const { change, context } = yield* reloading(
        [respond(429, { headers: { "retry-after": "5" } }), respond(200)],
        { retry: { retryAfter: { mode: "giveUp", max: "5 seconds" }, times: 1 }, timeouts: { total: "3 seconds" } }
      )
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* outcome, 429)
        yield* change({ retry: { times: 1 }, timeouts: { total: "1 minute" } })
        const fiber = yield* Effect.forkChild(outcome, { startImmediately: true })
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual((yield* sent).length, 1)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 200)
      }).pipe(Effect.provide(context))
    }))

  it.effect("stays as it is when the options cannot be, says why, and takes the next", () =>
    Effect.gen(function*() {
      const { change, context, logs } = yield* reloading([always(respond(200))], { headers: { "x-a": "1" } })
      yield* Effect.gen(function*() {
        yield* change({ headers: { "x-a": "2" }, endpoints: { a: { path: "/a", bulkhead: { limit: 0 } } } })
        assert.strictEqual(logs.length, 1)
        assert.match(logs[0] ?? "", /^Warn http: the policy stays as it is: .*endpoints\.a\.bulkhead\.limit/)
        assert.strictEqual((yield* get).request.headers["x-a"], "1")
        yield* change({ headers: { "x-a": "3" } })
        assert.strictEqual((yield* get).request.headers["x-a"], "3")
      }).pipe(Effect.provide(context))
    }))

  it.effect("stays as it is when the stream ends or fails", () =>
    Effect.gen(function*() {
      const { context, end } = yield* reloading([always(respond(200))], { headers: { "x-a": "1" } })
      yield* end
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* Effect.provide(get, context)).request.headers["x-a"], "1")
    }))

  it.effect("is not ready before the first options, and fails with what they fail with", () =>
    Effect.gen(function*() {
      const build = (changes: Stream.Stream<HttpPolicy.Options, string>) =>
        Effect.exit(Layer.build(Layer.provide(ResilientHttpClient.layerReloading(changes), TestTransport.layer([]))))
      assert.deepStrictEqual(
        Exit.map(yield* build(Stream.fail("no such file")), () => "built"),
        Exit.fail("no such file")
      )
      const wrong = yield* build(Stream.make({ bulkhead: { limit: 0 } }))
      assert.instanceOf(Exit.isFailure(wrong) && Cause.squash(wrong.cause), RangeError)
      const waiting = yield* Effect.forkChild(build(Stream.never), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(waiting.pollUnsafe())
      yield* Fiber.interrupt(waiting)
    }))

  const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
  const Options = Schema.Struct({
    times: between(0, 3),
    total: Schema.Literals(["5 seconds", "1 minute"]),
    header: Schema.Literals(["a", "b"]),
    renamed: Schema.Boolean
  })

  law(
    "whatever else changes, a circuit that is open rejects, and one part that is not told is not made anew",
    { changes: Schema.Array(Options).check(Schema.isMaxLength(5)) },
    ({ changes }, reach) =>
      Effect.gen(function*() {
        if (changes.length > 1) reach("two changes or more")
        if (new Set(changes.map(({ renamed }) => renamed)).size > 1) reach("an endpoint with another name")
        const circuitBreaker = { trip: CircuitBreaker.consecutive(1), openFor: "1 hour" } as const
        const { change, context } = yield* reloading([respond(503)], { retry: false, circuitBreaker })
        yield* Effect.gen(function*() {
          yield* outcome
          for (const { header, renamed, times, total } of changes) {
            yield* change({
              retry: { times },
              timeouts: { total },
              headers: { "x-a": header },
              circuitBreaker: { ...circuitBreaker },
              endpoints: renamed ? { a: { path: "/a" } } : { b: { path: "/b", bulkhead: { limit: 1 + times } } }
            })
            assert.strictEqual(yield* outcome, "CircuitOpen")
          }
        }).pipe(Effect.provide(context))
      }),
    { cases: 1_000, reaches: ["two changes or more", "an endpoint with another name"] }
  )
})
