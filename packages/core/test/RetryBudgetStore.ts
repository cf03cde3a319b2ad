import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"

const entry = {
  key: "stock",
  ratio: 0.5,
  reserve: 1,
  window: Duration.seconds(10),
  calls: 0,
  retries: 0,
  withdraw: false
} satisfies RetryBudget.Entry

/** Asks the store about a budget of a retry for two calls, one in reserve, and a window of 10 seconds. */
export const settle = (change: Partial<RetryBudget.Entry>) =>
  RetryBudget.RetryBudgetStore.use((store) => store.settle({ ...entry, ...change }))

/** What every store has to do. */
export const storeContract = <E>(name: string, layer: Layer.Layer<RetryBudget.RetryBudgetStore, E>) =>
  describe(`the store of ${name}`, () => {
    it.effect("counts calls and takes retries in one step", () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* settle({}), { granted: false, balance: 1 })
        deepStrictEqual(yield* settle({ calls: 3, withdraw: true }), { granted: true, balance: 1 })
        deepStrictEqual(yield* settle({ withdraw: true }), { granted: true, balance: 0 })
        deepStrictEqual(yield* settle({ withdraw: true }), { granted: false, balance: 0 })
        deepStrictEqual(yield* settle({ calls: 1 }), { granted: false, balance: 1 })
        // What was not asked for is counted anyway, beyond the balance too.
        deepStrictEqual(yield* settle({ retries: 2, withdraw: true }), { granted: false, balance: 0 })
        deepStrictEqual(yield* settle({ calls: 2 }), { granted: false, balance: 0 })
        deepStrictEqual(yield* settle({ calls: 2 }), { granted: false, balance: 1 })
      }).pipe(Effect.provide(layer)))

    it.effect("keeps keys apart", () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* settle({ withdraw: true }), { granted: true, balance: 0 })
        yield* TestClock.adjust("9 seconds")
        deepStrictEqual(yield* settle({ key: "prices", withdraw: true }), { granted: true, balance: 0 })
        deepStrictEqual(yield* settle({ withdraw: true }), { granted: false, balance: 0 })
      }).pipe(Effect.provide(layer)))

    it.effect("lets calls and retries expire", () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* settle({ calls: 2, withdraw: true }), { granted: true, balance: 1 })
        yield* TestClock.adjust("10 seconds")
        deepStrictEqual(yield* settle({}), { granted: false, balance: 0 })
        yield* TestClock.adjust("1 second")
        deepStrictEqual(yield* settle({}), { granted: false, balance: 1 })
        yield* TestClock.adjust("1 hour")
        deepStrictEqual(yield* settle({ key: "prices" }), { granted: false, balance: 1 })
        deepStrictEqual(yield* settle({}), { granted: false, balance: 1 })
      }).pipe(Effect.provide(layer)))
  })
