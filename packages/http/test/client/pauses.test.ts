/** One server's "later" holds for every call to it, behind the bulkhead and before the first attempt. */
import { assert, describe, it } from "@effect/vitest"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

const { always, respond } = TestTransport

const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer(script), Logger.layer([]))
  )

const call = (url = "http://north/") => Effect.forkChild(Effect.exit(HttpClient.get(url)), { startImmediately: true })

const waiting = (calls: ReadonlyArray<Fiber.Fiber<unknown, unknown>>) =>
  calls.filter((fiber) => fiber.pollUnsafe() === undefined).length

const sentAt = Effect.flatMap(
  TestTransport.TestTransport,
  ({ sent }) => Effect.map(sent, (sent) => sent.map(({ at }) => at))
)

const later = (seconds: string) => respond(503, { headers: { "retry-after": seconds } })

describe("a pause that a server asks for", () => {
  const bulkhead = { limit: 2, queue: 3, maxWait: "1 minute" } as const

  it.effect.each<HttpPolicy.Options>([
    { bulkhead },
    { bulkhead, endpoints: { all: { path: "/*" } } },
    { endpoints: { all: { path: "/*", bulkhead } } },
    { bulkhead, rateLimit: { limit: 100, window: "1 second" } }
  ])("holds no more calls than the bulkhead lets in and queues: %j", (options) =>
    Effect.gen(function*() {
      yield* call()
      yield* TestClock.adjust("50 millis")
      const calls = yield* Effect.all(Array.from({ length: 50 }, () => call()))
      yield* TestClock.adjust("1 second")
      // The first call waits for its retry with a permit of its own.
      assert.strictEqual(waiting(calls), 4)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(waiting(calls), 0)
      assert.lengthOf(yield* sentAt, 6)
    }).pipe(Effect.provide(over([later("10"), always(respond(200))], options))))

  it.effect("holds a call that was in the queue before it began", () =>
    Effect.gen(function*() {
      const calls = yield* Effect.all(Array.from({ length: 3 }, () => call()))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(waiting(calls), 0)
      const [first, ...rest] = yield* sentAt
      assert.strictEqual(first, 0)
      assert.isAtLeast(Math.min(...rest), 10_000)
    }).pipe(
      Effect.provide(
        over([later("10"), always(respond(200))], { bulkhead: { limit: 1, queue: 9, maxWait: "1 minute" } })
      )
    ))

  it.effect("does not use up the time of an attempt, and is followed by the rate limit", () =>
    Effect.gen(function*() {
      const first = yield* call()
      const second = yield* call()
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(waiting([first, second]), 0)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))
      assert.lengthOf(yield* sentAt, 3)
    }).pipe(Effect.provide(over([later("10"), always(respond(200))], {
      timeouts: { attempt: "1 second" },
      rateLimit: { limit: 5, window: "1 second" }
    }))))

  it.effect("is not ended by a shorter one, and ends with up to a tenth more by chance", () =>
    Effect.gen(function*() {
      yield* call()
      yield* call()
      yield* TestClock.adjust("1 second")
      const calls = yield* Effect.all(Array.from({ length: 40 }, () => call()))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(waiting(calls), 0)
      const after = (yield* sentAt).slice(2).filter((at) => at > 0)
      assert.isAtLeast(Math.min(...after), 10_000)
      assert.isAtMost(Math.max(...after), 11_200)
      assert.isAtLeast(new Set(after).size, 20)
    }).pipe(Effect.provide(over([
      respond(503, { headers: { "retry-after": "10" }, delay: "100 millis" }),
      respond(503, { headers: { "retry-after": "2" }, delay: "200 millis" }),
      always(respond(200))
    ], {}))))

  it.effect("is that of one origin, however it is spelled", () =>
    Effect.gen(function*() {
      yield* call("http://north/")
      yield* TestClock.adjust("1 second")
      const held = yield* call("HTTP://NORTH:80/other")
      const free = yield* call("http://south/")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([waiting([held]), waiting([free])], [1, 0])
    }).pipe(Effect.provide(over([later("10"), always(respond(200))], {}))))
})
