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
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { OriginPauses } from "../../src/internal/client/pauses.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

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

  describe("is followed by a return", () => {
    /** The draws of chance, as an effect sees them: always the same one. */
    const chance = (draw: number) =>
      Layer.succeed(Random.Random, { nextDoubleUnsafe: () => draw, nextIntUnsafe: () => Math.floor(draw * 100) })

    /** When calls are sent that are told to come back in ten seconds again and again, in milliseconds from the time before. */
    const waits = (draw: number, options: HttpPolicy.Options, seconds = "10", calls = 2) =>
      Effect.gen(function*() {
        yield* Effect.all(Array.from({ length: calls }, () => call()))
        yield* TestClock.adjust("1 hour")
        const at = [...new Set(yield* sentAt)]
        return at.slice(1).map((time, index) => time - at[index]!)
      }).pipe(Effect.provide(Layer.merge(over([always(later(seconds))], options), chance(draw))))

    it.effect("in the same time each time, if it was one call that waited", () =>
      Effect.map(waits(0.5, {}, "10", 1), (waits) => assert.deepStrictEqual(waits, [10_500, 10_500, 10_500])))

    it.effect.each<[string, number, HttpPolicy.Options, string, ReadonlyArray<number>]>([
      ["never before the server said", 0, {}, "10", [10_000, 10_000, 10_000]],
      ["in twice the time after each relapse", 0.5, {}, "10", [10_500, 11_000, 12_000]],
      [
        "in no more time than the longest pause",
        0.5,
        { retry: { times: 6, retryAfter: { max: "12 seconds" } } },
        "10",
        [
          10_500,
          11_000,
          12_000,
          14_000,
          16_000,
          16_000
        ]
      ],
      ["of a clamped pause", 0.5, { retry: { retryAfter: { max: "4 seconds" } } }, "10", [4_200, 4_400, 4_800]],
      ["of a pause of any length", 0.5, { retry: { times: 1, retryAfter: { mode: "wait" } } }, "600", [630_000]],
      ["at once, if so asked", 0.5, { retry: { retryAfter: { spread: 0 } } }, "10", [10_000, 10_000, 10_000]],
      ["as asked, from the first one on", 0.5, { retry: { retryAfter: { spread: 2 } } }, "10", [
        20_000,
        30_000,
        40_000
      ]],
      [
        "as a function of the failure says",
        0.5,
        {
          retry: { times: 1, retryAfter: { spread: ({ reason }) => reason._tag === "StatusFailure" ? 1 : 9 } }
        },
        "10",
        [15_000]
      ]
    ])(
      "%s",
      ([, draw, options, seconds, expected]) =>
        Effect.map(
          waits(draw, options, seconds),
          (waits) => assert.deepStrictEqual(waits.slice(0, expected.length), expected)
        )
    )

    it.effect("in a tenth again, once the origin has been well for as long as its last pause and return took", () =>
      Effect.gen(function*() {
        const retried = Effect.gen(function*() {
          const before = (yield* sentAt).length
          yield* call()
          yield* TestClock.adjust("1 minute")
          const [first, second] = (yield* sentAt).slice(before)
          return second! - first!
        })
        assert.strictEqual(yield* retried, 10_500)
        assert.strictEqual(yield* retried, 10_500)
      }).pipe(
        Effect.provide(
          Layer.merge(over([later("10"), respond(200), later("10"), always(respond(200))], {}), chance(0.5))
        )
      ))

    it.each([
      ["until it has ended", 9_999, 1_000],
      ["after it, while calls return", 10_500, 2_000],
      ["after that, for as long again", 21_999, 2_000],
      ["later", 22_000, 1_000]
    ])("a pause of ten seconds makes one that is asked for %s return in other time", (_, at, spread) => {
      const pauses = new OriginPauses()
      const by = { share: 0.1, max: 60_000 }
      pauses.ask("http://north", 0, 10_000, by)
      pauses.joined("http://north")
      pauses.joined("http://north")
      pauses.ask("http://north", at, 10_000, by)
      assert.strictEqual(pauses.spread("http://north", Infinity), spread)
    })

    law(
      "never before the server allows it, and never later than the longest spread after that",
      {
        asks: Schema.Array(Schema.Struct({ after: between(0, 4_000), for: between(1, 3_000), calls: between(0, 3) }))
          .check(
            Schema.isMinLength(1),
            Schema.isMaxLength(12)
          ),
        share: Schema.Literals([0, 0.1, 1]),
        max: between(100, 5_000)
      },
      ({ asks, max, share }, reached) =>
        Effect.sync(() => {
          const pauses = new OriginPauses()
          let now = 0
          let until = 0
          let spread = 0
          for (const ask of asks) {
            now += ask.after
            pauses.ask("http://north", now, ask.for, { share, max })
            for (let calls = 0; calls < ask.calls; calls++) pauses.joined("http://north")
            const isWithin = now < until
            if (isWithin) reached("within a pause")
            else if (pauses.spread("http://north", Infinity) > Math.min(max, ask.for * share)) reached("relapse")
            until = Math.max(until, now + ask.for)
            assert.strictEqual(pauses.left("http://north", now, Infinity), until - now)
            const before = spread
            spread = pauses.spread("http://north", Infinity)
            assert.isAtMost(spread, share === 0 ? 0 : max)
            assert.isAtLeast(spread, Math.min(max, ask.for * share))
            // It doubles at most, from the one before or from that of this pause.
            assert.isAtMost(spread, (isWithin ? 1 : 2) * Math.max(before, ask.for * share))
            // Others believe no more than their own bound.
            assert.isAtMost(pauses.left("http://north", now, 100), 100)
            assert.strictEqual(pauses.left("http://south", now, Infinity), 0)
          }
          assert.isFalse(pauses.isEmpty)
          pauses.left("http://north", until + 3 * (spread + 3_000), Infinity)
          assert.isTrue(pauses.isEmpty)
        }),
      { cases: 300, reaches: ["within a pause", "relapse"] }
    )
  })

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
