/**
 * A store that throws, or dies, is a store that has failed: calls go on with the state of this process, and with the store
 * when it is back.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { CircuitBreakerStore, layerStoreMemory } from "effect/persistence/CircuitBreaker"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { watch } from "../Script.ts"

const ways = {
  throws: (): Effect.Effect<never> => {
    throw "boom"
  },
  dies: () => Effect.die("boom")
}

/** A service whose method fails so often in a way, and works then. */
const breaking = <S extends object>(service: S, method: keyof S, way: () => unknown, times: number): S =>
  new Proxy(service, {
    get: (target, key) => {
      const value = Reflect.get(target, key)
      return key === method
        ? (...args: ReadonlyArray<unknown>) => times-- > 0 ? way() : Reflect.apply(value as () => unknown, target, args)
        : value
    }
  })

const quiet = Effect.provide(Logger.layer([]))

describe.each(Object.entries(ways))("a store that %s", (_, way) => {
  it.effect.each(["admit", "record", "state"] as const)("of circuits, in %s", (method) =>
    Effect.gen(function*() {
      const store = Context.get(yield* Layer.build(layerStoreMemory()), CircuitBreakerStore)
      const circuitBreaker = yield* CircuitBreaker.makeShared({
        name: "stock",
        trip: CircuitBreaker.consecutive(1),
        openFor: "1 second"
      }).pipe(Effect.provideService(CircuitBreakerStore, breaking(store, method, way, 1)))
      const policy = yield* Policy.make({ bulkhead: { limit: 1 }, circuitBreaker })
      const { exit } = yield* watch(policy.protect(Effect.succeed("first")), 1, "1 second")
      deepStrictEqual(exit, Exit.succeed("first"))
      strictEqual((yield* circuitBreaker.state())._tag, "Closed")
      // The store is skipped for five seconds.
      yield* TestClock.adjust("6 seconds")
      strictEqual(yield* Effect.flip(policy.protect(Effect.fail("down"))), "down")
      strictEqual((yield* circuitBreaker.state())._tag, "Open")
      yield* TestClock.adjust("2 seconds")
      strictEqual(yield* policy.protect(Effect.succeed("probe")), "probe")
      strictEqual((yield* circuitBreaker.state())._tag, "Closed")
    }).pipe(quiet))

  it.effect("of rates", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
      const limiter = breaking(Context.get(context, RateLimiter.RateLimiter), "consume", way, 1)
      const rateLimit = yield* RateLimit.make({ name: "stock", limit: 1, window: "1 minute", maxWait: "2 minutes" })
        .pipe(
          Effect.provideService(RateLimiter.RateLimiter, limiter)
        )
      const policy = yield* Policy.make({ bulkhead: { limit: 1 }, rateLimit })
      const { exit } = yield* watch(policy.protect(Effect.succeed("first")), 1, "1 second")
      deepStrictEqual(exit, Exit.succeed("first"))
      const next = yield* watch(policy.protect(Effect.succeed("next")), 1, "5 minutes")
      deepStrictEqual(next.exit, Exit.succeed("next"))
      strictEqual((yield* rateLimit.stats()).waiting, 0)
    }).pipe(quiet))

  it.effect("of budgets, asked for a retry and given calls", () =>
    Effect.gen(function*() {
      const store = Context.get(yield* Layer.build(RetryBudget.layerStoreMemory), RetryBudget.RetryBudgetStore)
      let settled = 0
      const counting = {
        settle: (entry: RetryBudget.Entry) => {
          settled++
          return store.settle(entry)
        }
      }
      const budget = yield* RetryBudget.makeShared({ key: "stock", minPerSecond: 1 }).pipe(
        Effect.provideService(RetryBudget.RetryBudgetStore, breaking(counting, "settle", way, 1))
      )
      const policy = yield* Policy.make({ bulkhead: { limit: 1 }, retry: { times: 1, budget } })
      const { exit } = yield* watch(policy.protect(Effect.fail("down")), 1, "1 minute")
      deepStrictEqual(exit, Exit.fail("down"))
      // The calls of this process still reach the store.
      const before = settled
      yield* Effect.exit(policy.protect(Effect.succeed("next")))
      yield* TestClock.adjust("1 minute")
      strictEqual(settled > before, true)
    }).pipe(quiet))
})

describe("a store of circuits", () => {
  /** The service with a method that a test replaces, and how often it was asked. */
  const scripted = <S extends object>(service: S, method: keyof S, ...ways: ReadonlyArray<() => unknown>) => {
    const told = { asked: 0 }
    const store = new Proxy(service, {
      get: (target, key) => {
        const value = Reflect.get(target, key)
        if (key !== method) return value
        return (...args: ReadonlyArray<unknown>) => {
          const way = ways[told.asked++]
          return way === undefined ? Reflect.apply(value as () => unknown, target, args) : way()
        }
      }
    })
    return { store, told }
  }

  it.effect("that has failed is tried by the next caller, if the first to try it is interrupted", () =>
    Effect.gen(function*() {
      const memory = Context.get(yield* Layer.build(layerStoreMemory()), CircuitBreakerStore)
      const { store, told } = scripted(memory, "state", () => Effect.die("away"), () => Effect.never)
      const breaker = yield* CircuitBreaker.makeShared({ name: "stock" }).pipe(
        Effect.provideService(CircuitBreakerStore, store)
      )
      yield* breaker.state()
      yield* TestClock.adjust("6 seconds")
      const trying = yield* Effect.forkChild(breaker.state(), { startImmediately: true })
      yield* Fiber.interrupt(trying)
      yield* breaker.state()
      strictEqual(told.asked, 3)
    }).pipe(quiet))

  it.effect("has not failed where a call's own chance throws", () =>
    Effect.gen(function*() {
      const memory = Context.get(yield* Layer.build(layerStoreMemory()), CircuitBreakerStore)
      const { store, told } = scripted(memory, "admit")
      const breaker = yield* CircuitBreaker.makeShared({
        name: "stock",
        trip: CircuitBreaker.consecutive(2),
        openFor: Backoff.exponential({ initial: 5, max: 5, jitter: Jitter.full })
      }).pipe(Effect.provideService(CircuitBreakerStore, store))
      const boom = (): never => {
        throw "boom"
      }
      const call = Effect.provideService(breaker.protect(Effect.fail("down")), Random.Random, {
        nextDoubleUnsafe: boom,
        nextIntUnsafe: boom
      })
      deepStrictEqual(yield* Effect.exit(call), Exit.die("boom"))
      yield* Effect.exit(breaker.protect(Effect.void))
      strictEqual(told.asked, 2)
    }).pipe(quiet))
})
