/** Shared budgets in a real Redis. */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { layerClock, type Server, server } from "../../../../vitest.redis.ts"
import { RetryBudget as Machine } from "../../src/internal/budget/memory.ts"
import { settle, storeContract } from "../RetryBudgetStore.ts"

describe("Budgets in Redis", () => {
  const scope = Scope.makeUnsafe()
  let redis: Server
  beforeAll(async () => {
    redis = await Effect.runPromise(Scope.provide(server, scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const emptied = Layer.unwrap(
    Effect.sync(() =>
      Layer.effectDiscard(Effect.flatMap(Redis.Redis, ({ send }) => send("FLUSHALL"))).pipe(
        Layer.provideMerge(redis.layer)
      )
    )
  )
  const underClock = RetryBudget.layerStoreRedis().pipe(Layer.provide(layerClock), Layer.provideMerge(emptied))

  storeContract("layerStoreRedis", underClock)

  describe("a budget in Redis", () => {
    const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
    let stored: Layer.Layer<RetryBudget.RetryBudgetStore>
    let budgets = 0
    beforeAll(async () => {
      const context = await Effect.runPromise(Scope.provide(Layer.build(underClock), scope))
      stored = Layer.succeedContext(context)
    })

    law("answers as one in memory does, whatever it is told, and when", {
      ratio: Schema.Literals([0, 0.1, 0.29, 0.5, 1]),
      reserve: Schema.Literals([0, 0.5, 1, 7]),
      window: Schema.Literals([333, 1_000, 10_000]),
      entries: Schema.Array(Schema.Struct({
        after: Schema.Literals([0, 0.003, 0.05, 0.1, 0.37, 0.9, 1, 1.1, 5, -0.3]),
        calls: between(0, 6),
        retries: Schema.Literals([0, 0, 0, 1, 3]),
        withdraw: Schema.Boolean
      })).check(Schema.isMaxLength(25))
    }, ({ entries, ratio, reserve, window }, reach) =>
      Effect.gen(function*() {
        const key = `law ${++budgets}`
        const machine = new Machine(ratio, reserve, window)
        for (const { after, calls, retries, withdraw } of entries) {
          const now = Math.max(0, (yield* Clock.currentTimeMillis) + Math.round(after * window))
          yield* TestClock.setTime(now)
          machine.deposit(now, calls)
          machine.record(now, retries)
          const granted = withdraw && machine.tryWithdraw(now)
          if (withdraw) reach(granted ? "a retry" : "a spent budget")
          if (after < 0) reach("a clock that is set back")
          deepStrictEqual(
            yield* settle({ key, ratio, reserve, window: Duration.millis(window), calls, retries, withdraw }),
            { granted, balance: machine.balance(now) }
          )
        }
      }).pipe(Effect.provide(stored), Effect.orDie), {
      reaches: ["a retry", "a spent budget", "a clock that is set back"]
    })

    it.effect("counts no call and takes no retry for what comes more than a tenth of the window late", () => {
      const gates: Array<Deferred.Deferred<void>> = []
      // A client that holds its commands back until its gate opens, if there is one.
      const held = Layer.effect(
        Redis.Redis,
        Effect.map(Redis.Redis, (redis) =>
          Redis.Redis.of({
            ...redis,
            eval: (script) => (...params) => {
              const gate = gates.pop()
              const run = redis.eval(script)(...params)
              return gate === undefined ? run : Effect.andThen(Deferred.await(gate), run)
            }
          }))
      )
      const store = RetryBudget.layerStoreRedis().pipe(
        Layer.provide(held),
        Layer.provide(layerClock),
        Layer.provide(emptied)
      )
      const late = (millis: number, change: Partial<RetryBudget.Entry>) =>
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          gates.push(gate)
          const fiber = yield* Effect.forkChild(settle(change), { startImmediately: true })
          yield* TestClock.adjust(millis)
          yield* Deferred.succeed(gate, undefined)
          return yield* Fiber.join(fiber)
        })
      return Effect.gen(function*() {
        // The first answer tells what time it is there.
        deepStrictEqual(yield* settle({}), { granted: false, balance: 1 })
        deepStrictEqual(yield* late(1_000, { calls: 4, withdraw: true }), { granted: true, balance: 2 })
        // That answer was under way for a second, which the next ones are taken to be too.
        yield* settle({})
        deepStrictEqual(yield* late(1_001, { calls: 40, withdraw: true }), { granted: false, balance: 2 })
        // Retries were made, and count.
        yield* settle({})
        deepStrictEqual(yield* late(1_001, { calls: 40, retries: 1, withdraw: true }), { granted: false, balance: 1 })
      }).pipe(Effect.provide(store))
    })

    it.effect("is one key, which expires after a window and a tenth", () =>
      Effect.gen(function*() {
        const { send } = yield* Redis.Redis
        yield* settle({ calls: 3 })
        deepStrictEqual(yield* send("KEYS", "*"), ["shop:stock:10000"])
        const left = yield* send<number>("PTTL", "shop:stock:10000")
        assertTrue(left > 0 && left <= 11_000, `${left}`)
      }).pipe(
        Effect.provide(
          RetryBudget.layerStoreRedisConfig({ prefix: Config.String("PREFIX") }).pipe(
            Layer.provideMerge(emptied),
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ PREFIX: "shop:" })))
          )
        )
      ))
  })
})
