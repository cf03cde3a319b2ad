/** A rate limit, with its store and without. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Deadline from "@holdfast/core/Deadline"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Store from "effect/persistence/RateLimiter"
import * as TestClock from "effect/testing/TestClock"
import { watch } from "../Script.ts"
import { Algorithm, fork, retryAfter } from "./Fixtures.ts"

/** A limiter that answers what it is told to, and counts how often it is asked. */
const limiterOf = (answer: { effect: Effect.Effect<Store.ConsumeResult, Store.RateLimiterError> }) => {
  const asked: Array<string> = []
  const limiter = Store.RateLimiter.of({
    [Store.TypeId]: Store.TypeId,
    consume: ({ key }) => {
      asked.push(key)
      return answer.effect
    },
    adaptiveConsume: () => Effect.die("not asked for"),
    adaptiveFeedback: () => Effect.die("not asked for")
  })
  return { asked, limiter }
}

const admitted = Effect.succeed({ delay: Duration.zero, limit: 1, remaining: 0, resetAfter: Duration.zero })
const down = Effect.fail(
  new Store.RateLimiterError({ reason: new Store.RateLimitStoreError({ message: "connection refused" }) })
)

describe("make", () => {
  it.effect("rejects at once what exceeds the limit, says when to return, and runs nothing", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 2, window: "1 second" })
      let runs = 0
      const call = limit.protect(Effect.sync(() => ++runs))
      deepStrictEqual([yield* call, yield* call], [1, 2])
      yield* TestClock.adjust(300)
      const error = yield* Effect.flip(call)
      strictEqual(retryAfter(error), 700)
      assertTrue(error.message.includes("nothing of the call ran"), error.message)
      strictEqual(runs, 2)
      // It has counted for nothing, however often it is tried.
      for (let i = 0; i < 10; i++) yield* Effect.flip(call)
      yield* TestClock.adjust(700)
      deepStrictEqual([yield* call, yield* call], [3, 4])
    }))

  it.effect("lets those who wait through in order, one for each token", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({
        algorithm: "token-bucket",
        limit: 2,
        window: "1 second",
        maxWait: "2 seconds"
      })
      const order: Array<readonly [number, number]> = []
      const startedAt = yield* Clock.currentTimeMillis
      for (let i = 0; i < 8; i++) {
        yield* Effect.map(Clock.currentTimeMillis, (at) => order.push([i, at - startedAt])).pipe(
          limit.protect,
          Effect.ignore,
          fork
        )
      }
      strictEqual((yield* limit.stats()).waiting, 4)
      strictEqual((yield* limit.stats()).rejections, 2)
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(order, [[0, 0], [1, 0], [2, 500], [3, 1_000], [4, 1_500], [5, 2_000]])
    }))

  it.effect("starts those who are let through together in the order in which they came", () =>
    Effect.gen(function*() {
      for (const name of [undefined, "stock"]) {
        const limit = yield* RateLimit.make({ name, limit: 3, window: "1 second", maxWait: "1 minute" })
        const order: Array<number> = []
        for (let i = 0; i < 10; i++) yield* fork(limit.protect(Effect.sync(() => order.push(i))))
        strictEqual(order.length, 3)
        yield* TestClock.adjust("1 second")
        strictEqual(order.length, 6)
        yield* TestClock.adjust("1 minute")
        deepStrictEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      }
    }).pipe(Effect.provide(Store.layerStoreMemory)))

  it.live("waits under the live clock too", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 1, window: "20 millis", maxWait: "1 minute" })
      const call = limit.protect(Effect.void)
      yield* Effect.all([call, call, call], { concurrency: "unbounded" })
      strictEqual((yield* limit.stats()).waiting, 0)
    }))

  it.effect("gives each key a count and a queue of its own", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 1, window: "1 second", maxWait: "1 second" })
      const call = (key: string) => Effect.succeed(key).pipe(limit.protect({ key }))
      strictEqual(yield* call("a"), "a")
      strictEqual(yield* call("b"), "b")
      strictEqual(yield* limit.protect(Effect.succeed("none")), "none")
      const waiting = yield* fork(call("a"))
      strictEqual((yield* limit.stats({ key: "a" })).waiting, 1)
      strictEqual((yield* limit.stats({ key: "b" })).waiting, 0)
      yield* TestClock.adjust("1 second")
      strictEqual(yield* Fiber.join(waiting), "a")
    }))

  it.effect("forgets keys that are fresh again, and others only to make room, never one that has a queue", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 1, window: "1 second", maxWait: "1 second", maxKeys: 10 })
      const call = (key: string) => Effect.void.pipe(limit.protect({ key }))
      yield* call("busy")
      const waiting = yield* fork(call("busy"))
      for (let i = 0; i < 100; i++) yield* call(`key ${i}`)
      assertTrue(limit.machine.size <= 10)
      strictEqual((yield* limit.stats({ key: "busy" })).waiting, 1)
      const hurried = Effect.provideService(call("key 99"), Deadline.Deadline, (yield* Clock.currentTimeMillis) + 1_000)
      strictEqual(retryAfter(yield* Effect.flip(hurried)), 1_000)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(waiting)
      yield* call("one")
      yield* call("another")
      strictEqual(limit.machine.size, 2)
    }))

  it.effect("lets no call overtake a waiting one, even as its time comes", () =>
    Effect.gen(function*() {
      for (const name of [undefined, "stock"]) {
        const limit = yield* RateLimit.make({ name, limit: 1, window: "1 second", maxWait: "1 minute" })
        const order: Array<string> = []
        const call = (caller: string) => limit.protect(Effect.sync(() => order.push(caller)))
        // Its sleep is older than that of the one who waits, so it wakes before it.
        const newcomer = yield* fork(Effect.andThen(Effect.sleep("1 second"), call("newcomer")))
        yield* call("first")
        yield* fork(call("waiting"))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(newcomer)
        deepStrictEqual(order, ["first", "waiting", "newcomer"])
      }
    }).pipe(Effect.provide(Store.layerStoreMemory)))

  it.effect("ends waits that have become too long, because others have used the limit", () =>
    Effect.gen(function*() {
      const refuse = (seconds: number) => {
        const retryAfter = Duration.seconds(seconds)
        const reason = new Store.RateLimitExceeded({ key: "", limit: 1, remaining: 0, retryAfter })
        return Effect.fail(new Store.RateLimiterError({ reason }))
      }
      const answer: Parameters<typeof limiterOf>[0] = { effect: refuse(1) }
      const { limiter } = limiterOf(answer)
      const limit = yield* Effect.provideService(
        RateLimit.make({
          name: "stock",
          algorithm: "token-bucket",
          limit: 1,
          window: "1 second",
          maxWait: "3 seconds"
        }),
        Store.RateLimiter,
        limiter
      )
      const startedAt = yield* Clock.currentTimeMillis
      const ends: Array<readonly [call: string, at: number, retryAfter: number]> = []
      const call = (name: string, deadline: number) =>
        limit.protect(Effect.never).pipe(
          Effect.catch((error) =>
            Effect.map(Clock.currentTimeMillis, (at) => ends.push([name, at - startedAt, retryAfter(error)]))
          ),
          Effect.provideService(Deadline.Deadline, startedAt + deadline),
          fork
        )
      yield* call("first", Infinity)
      yield* call("hurried", 2_001)
      yield* call("last", Infinity)
      yield* call("late", Infinity)
      answer.effect = refuse(1.5)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      answer.effect = refuse(10)
      yield* TestClock.adjust("1 second")
      deepStrictEqual(ends, [
        ["late", 0, 4_000],
        ["hurried", 2_000, 2_500],
        ["first", 2_500, 11_000],
        ["last", 2_500, 10_000]
      ])
      strictEqual((yield* limit.stats()).waiting, 0)
    }))

  it.effect("shares its count with limits of the same name, where there is a store", () =>
    Effect.gen(function*() {
      const options = { limit: 2, window: "1 second" } as const
      const one = yield* RateLimit.make({ ...options, name: "stock" })
      const other = yield* RateLimit.make({ ...options, name: "stock" })
      const alone = yield* RateLimit.make(options)
      const call = (limit: RateLimit.RateLimit) => Effect.result(Effect.void.pipe(limit.protect({ key: "eu" })))
      const results = [yield* call(one), yield* call(other), yield* call(one), yield* call(other), yield* call(alone)]
      deepStrictEqual(results.map(({ _tag }) => _tag), ["Success", "Success", "Failure", "Failure", "Success"])
    }).pipe(Effect.provide(Store.layerStoreMemory)))

  it.effect("takes a limiter of the context before a store, and asks it by name and key", () =>
    Effect.gen(function*() {
      const { asked, limiter } = limiterOf({ effect: admitted })
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 1, window: "1 second" }),
        Store.RateLimiter,
        limiter
      )
      for (let i = 0; i < 3; i++) yield* limit.protect(Effect.void)
      yield* Effect.void.pipe(limit.protect({ key: "eu" }))
      deepStrictEqual(asked, ["stock", "stock", "stock", "stock:eu"])
    }).pipe(Effect.provide(Store.layerStoreMemory)))

  it.effect("does not ask a store again for what it has refused until later", () =>
    Effect.gen(function*() {
      const reason = new Store.RateLimitExceeded({ key: "", limit: 1, remaining: 0, retryAfter: Duration.seconds(1) })
      const refused = Effect.fail(new Store.RateLimiterError({ reason }))
      const answer: Parameters<typeof limiterOf>[0] = { effect: refused }
      const { asked, limiter } = limiterOf(answer)
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 1, window: "1 second" }),
        Store.RateLimiter,
        limiter
      )
      strictEqual(retryAfter(yield* Effect.flip(limit.protect(Effect.void))), 1_000)
      yield* TestClock.adjust(400)
      answer.effect = admitted
      strictEqual(retryAfter(yield* Effect.flip(limit.protect(Effect.void))), 600)
      strictEqual(asked.length, 1)
      yield* TestClock.adjust(600)
      yield* limit.protect(Effect.void)
      strictEqual(asked.length, 2)
    }))

  it.effect("goes on with its own count when the store fails, warns once, and asks again after a while", () =>
    Effect.gen(function*() {
      const answer: Parameters<typeof limiterOf>[0] = { effect: admitted }
      const { asked, limiter } = limiterOf(answer)
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 3, window: "1 minute" }),
        Store.RateLimiter,
        limiter
      )
      const call = Effect.map(Effect.result(limit.protect(Effect.void)), ({ _tag }) => _tag)
      const { exit, logs } = yield* watch(Effect.gen(function*() {
        const results = [yield* call]
        answer.effect = down
        // One call went through the store, so two are left.
        results.push(yield* call, yield* call, yield* call)
        strictEqual(asked.length, 2)
        yield* Effect.sleep("5 seconds")
        // The refusal is this process's own and stands until its window has moved on.
        yield* Effect.sleep("1 minute")
        results.push(yield* call)
        strictEqual(asked.length, 3)
        answer.effect = Effect.never
        yield* Effect.sleep("5 seconds")
        results.push(yield* call, yield* call)
        strictEqual(asked.length, 4)
        answer.effect = admitted
        yield* Effect.sleep("5 seconds")
        for (let i = 0; i < 5; i++) results.push(yield* call)
        strictEqual(asked.length, 9)
        return results
      }))
      const yes = "Success"
      deepStrictEqual(exit, Exit.succeed([yes, yes, yes, "Failure", yes, yes, yes, yes, yes, yes, yes, yes]))
      deepStrictEqual(logs, [
        "WARN stock: the rate limit's store failed; calls go on with this process's own count"
      ])
    }))

  it.effect("does not wait for a store that does not answer", () =>
    Effect.gen(function*() {
      const { asked, limiter } = limiterOf({ effect: Effect.never })
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 3, window: "1 minute", storeTimeout: "200 millis" }),
        Store.RateLimiter,
        limiter
      )
      const story = yield* watch(Effect.andThen(limit.protect(Effect.void), limit.protect(Effect.void)))
      strictEqual(story.took, 200)
      strictEqual(asked.length, 1)
      deepStrictEqual(story.logs, [
        "WARN stock: the rate limit's store did not answer in 200ms; calls go on with this process's own count"
      ])
    }))

  it.effect("does not wait for a store past the deadline, and does not blame the store for it", () =>
    Effect.gen(function*() {
      const { asked, limiter } = limiterOf({ effect: Effect.never })
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 3, window: "1 minute" }),
        Store.RateLimiter,
        limiter
      )
      const at = (yield* Clock.currentTimeMillis) + 100
      const call = Effect.provideService(limit.protect(Effect.void), Deadline.Deadline, at)
      const story = yield* watch(call)
      deepStrictEqual([story.took, story.logs], [100, []])
      yield* watch(limit.protect(Effect.void))
      strictEqual(asked.length, 2)
    }))

  it.effect("tries a store that has failed with one call, for which the others do not wait", () =>
    Effect.gen(function*() {
      const answer: Parameters<typeof limiterOf>[0] = { effect: down }
      const { asked, limiter } = limiterOf(answer)
      const limit = yield* Effect.provideService(
        RateLimit.make({ name: "stock", limit: 9, window: "1 minute" }),
        Store.RateLimiter,
        limiter
      )
      const call = limit.protect(Effect.void)
      const { took } = yield* watch(Effect.gen(function*() {
        yield* call
        yield* Effect.sleep("5 seconds")
        answer.effect = Effect.never
        yield* fork(call)
        yield* call
        yield* call
      }))
      strictEqual(took, 5_000)
      strictEqual(asked.length, 2)
    }))

  it.effect("is not held back by a clock that is set back", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("2 hours")
      for (const algorithm of Algorithm.literals) {
        const limit = yield* RateLimit.make({ algorithm, limit: 1, window: "1 second" })
        yield* limit.protect(Effect.void)
        yield* Effect.flip(limit.protect(Effect.void))
        yield* TestClock.setTime((yield* Clock.currentTimeMillis) - 3_600_000)
        yield* Effect.ignore(limit.protect(Effect.void))
        yield* TestClock.adjust("1 second")
        yield* limit.protect(Effect.void)
      }
    }))

  it.effect("counts rejections in the metrics", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ name: "stock", limit: 1, window: "1 second" })
      yield* limit.protect(Effect.void)
      for (let i = 0; i < 3; i++) yield* Effect.flip(limit.protect(Effect.void))
      deepStrictEqual(
        (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state]),
        [["holdfast.rate_limit.rejections", { "holdfast.policy": "stock", unit: "{call}" }, {
          count: 3,
          incremental: true
        }]]
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it("rejects invalid options", () => {
    const make = (options: Partial<RateLimit.Options>) => () =>
      Effect.runSync(RateLimit.make({ limit: 1, window: 1, ...options }))
    const refused = (run: () => unknown, message: string) => throws(run, new RangeError(message))
    refused(make({ limit: 0 }), "RateLimit.make: limit must be a whole number of 1 or more, got 0")
    refused(make({ limit: 1.5 }), "RateLimit.make: limit must be a whole number of 1 or more, got 1.5")
    refused(make({ window: 0 }), "RateLimit.make: window must be longer than zero, got 0")
    refused(
      make({ maxWait: Infinity }),
      "RateLimit.make: maxWait must be a finite duration of zero or more, got Infinity"
    )
    refused(make({ queue: -1 }), "RateLimit.make: queue must be a whole number of 0 or more, got -1")
    refused(make({ maxKeys: 0 }), "RateLimit.make: maxKeys must be a whole number of 1 or more, got 0")
    refused(make({ storeTimeout: 0 }), "RateLimit.make: storeTimeout must be longer than zero, got 0")
  })
})
