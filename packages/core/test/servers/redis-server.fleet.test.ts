/** Processes that know nothing of each other but a real Redis, which is killed and stopped under them. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as StoredCircuits from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import { layerRefusing, type Server, server } from "../../../../vitest.redis.ts"

/** What a process of a fleet has: a client of its own, and over it the stores. */
const member = (redis: Pick<Server, "layer">) =>
  Layer.build(
    Layer.merge(RetryBudget.layerStoreRedis(), StoredCircuits.layerStoreRedis()).pipe(Layer.provide(redis.layer))
  )

/** Notes the warnings of the library; those of the Redis client are its own. */
const warnings = () => {
  const ours: Array<string> = []
  const layer = Logger.layer([Logger.make(({ message }) => {
    const text = String(Array.isArray(message) ? message[0] : message)
    const [known] = /^(The retry budget stock is .*|stock: the circuit breaker's store)/.exec(text) ?? []
    if (known !== undefined) ours.push(known)
  })])
  return { ours, layer }
}

const quiet = Effect.provide(Logger.layer([]))

/** The retries of three processes that make so many calls each, all of which fail. */
const fleet = (redis: Pick<Server, "layer">, options: RetryBudget.SharedOptions, calls: number) =>
  Effect.gen(function*() {
    const members = yield* Effect.forEach([1, 2, 3], () => member(redis), { concurrency: "unbounded" })
    let attempts = 0
    const down = Effect.suspend(() => Effect.fail(`down ${++attempts}`))
    yield* Effect.forEach(members, (context) =>
      Effect.gen(function*() {
        const policy = yield* Policy.make({
          retry: {
            times: 3,
            backoff: Backoff.constant({ delay: 1 }),
            budget: yield* RetryBudget.makeShared(options)
          }
        })
        yield* Effect.forEach(
          Array.from({ length: calls }, () => Effect.ignore(down.pipe(policy.protect))),
          (call) => call,
          { concurrency: 10 }
        )
      }).pipe(Effect.provideContext(context)), { concurrency: "unbounded" })
    return attempts - 3 * calls
  }).pipe(quiet)

// A window that no machine is too slow for.
const options = { key: "stock", window: "1 hour", timeout: "20 seconds" } as const

describe("a fleet without Redis", () => {
  it.live("has a reserve of retries each", () =>
    Effect.gen(function*() {
      const alone = { layer: layerRefusing("refused") }
      strictEqual(yield* fleet(alone, { ...options, ratio: 0, minPerSecond: 4 / 3_600 }, 20), 12)
    }))
})

describe("A fleet with Redis", () => {
  describe("a fleet", () => {
    it.live("has one reserve of retries, not one each", () =>
      Effect.gen(function*() {
        strictEqual(yield* fleet(yield* server, { ...options, ratio: 0, minPerSecond: 12 / 3_600 }, 60), 12)
      }))

    it.live("keeps its retries at the share of all its calls", () =>
      Effect.gen(function*() {
        const retries = yield* fleet(yield* server, { ...options, ratio: 0.2, minPerSecond: 6 / 3_600 }, 100)
        assertTrue(retries <= 6 + 0.2 * 300, `${retries} retries`)
        // More than any one of them would have had by itself, or its share of the reserve.
        assertTrue(retries > 6 + 0.2 * 100, `${retries} retries`)
      }))

    it.live("trips as one", () =>
      Effect.gen(function*() {
        const redis = yield* server
        const breakers = yield* Effect.forEach([1, 2], () =>
          Effect.flatMap(member(redis), (context) =>
            Effect.provideContext(
              CircuitBreaker.makeShared({
                name: "stock",
                trip: CircuitBreaker.consecutive(4),
                openFor: "1 hour",
                storeTimeout: "20 seconds"
              }),
              context
            )))
        let ran = 0
        const down = Effect.suspend(() =>
          Effect.fail(`down ${++ran}`)
        )
        // Each has seen two failures, which is not enough for it alone.
        for (const { protect } of [...breakers, ...breakers]) yield* Effect.ignore(down.pipe(protect))
        strictEqual(ran, 4)
        for (const { protect } of breakers) {
          const error = yield* Effect.flip(down.pipe(protect))
          assertTrue(typeof error !== "string" && error.reason._tag === "CircuitOpen", String(error))
        }
        strictEqual(ran, 4)
      }).pipe(quiet))
  })

  describe("when Redis goes away", () => {
    it.live("a process that it is killed under goes on alone, says so once, and comes back to it", () => {
      const { layer, ours } = warnings()
      return Effect.gen(function*() {
        const redis = yield* server
        // Asked again after a tenth of the window.
        const shared = { key: "stock", ratio: 0, minPerSecond: 3, window: "1 second", timeout: "2 seconds" } as const
        const context = yield* member(redis)
        const budget = yield* Effect.provideContext(RetryBudget.makeShared(shared), context)
        const circuitBreaker = yield* Effect.provideContext(
          CircuitBreaker.makeShared({ name: "stock", storeTimeout: "100 millis" }),
          context
        )
        const policy = yield* Policy.make({ retry: { times: 1, budget }, circuitBreaker })
        let calls = 0
        const flaky = Effect.suspend(() => ++calls % 2 === 1 ? Effect.fail("down") : Effect.succeed("answer"))
        strictEqual(yield* budget.tryWithdraw, true)

        yield* redis.kill
        for (let call = 0; call < 2; call++) strictEqual(yield* flaky.pipe(policy.protect), "answer")
        deepStrictEqual(ours, [
          "stock: the circuit breaker's store",
          "The retry budget stock is this process's own until its store answers"
        ])

        yield* redis.start
        // The client finds its way back at its own pace.
        yield* Effect.repeat(budget.tryWithdraw, {
          until: () => ours.length > 2,
          schedule: Schedule.spaced("20 millis")
        })
        deepStrictEqual(ours.slice(2), ["The retry budget stock is shared again: its store answers"])
      }).pipe(Effect.scoped, Effect.provide(layer))
    })

    it.live("a retry waits for it no longer than it may, and what it was asked then is not counted later", () => {
      const { layer, ours } = warnings()
      return Effect.gen(function*() {
        const redis = yield* server
        const context = yield* member(redis)
        const { settle } = yield* Effect.provideContext(RetryBudget.RetryBudgetStore, context)
        const ask = (calls: number) =>
          settle({
            key: "stock",
            ratio: 1,
            reserve: 3,
            window: Duration.seconds(10),
            calls,
            retries: 0,
            withdraw: false
          })
        const budget = yield* Effect.provideContext(
          RetryBudget.makeShared({ key: "stock", ratio: 1, minPerSecond: 0.3, timeout: "100 millis" }),
          context
        )
        strictEqual((yield* ask(0)).balance, 3)

        yield* redis.pause
        for (let call = 0; call < 50; call++) yield* budget.deposit
        strictEqual(yield* budget.tryWithdraw, true)
        deepStrictEqual(ours, ["The retry budget stock is this process's own until its store answers"])
        // A tenth of the window, after which a question is too old.
        yield* Effect.sleep("1100 millis")
        yield* redis.resume
        strictEqual((yield* ask(0)).balance, 3)
        strictEqual((yield* ask(2)).balance, 5)
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  })
})
