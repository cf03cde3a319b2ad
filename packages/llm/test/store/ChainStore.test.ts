/** The store of a fleet in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { makePurse } from "../../src/internal/store/purse.ts"
import { Sums } from "../../src/internal/store/sums.ts"
import { storeContract } from "./storeContract.ts"

storeContract("in memory", ChainStore.layerMemory)

describe("a budget's sums", () => {
  const budget = { key: "tag:user:42", window: Duration.hours(1), limit: 1 }

  it.effect("are one for all processes with a store, and settled by what was spent", () =>
    Effect.gen(function*() {
      const [here, there] = [yield* makePurse, yield* makePurse]
      const bought = yield* here.reserve({ ...budget, amount: 0.75 })
      assert.strictEqual(bought._tag, "Reserved")
      const refused = yield* there.reserve({ ...budget, amount: 0.5 })
      assert.isTrue(refused._tag === "Refused" && refused.sum === 0.75)
      if (bought._tag === "Reserved") yield* bought.settle(0.25)
      assert.strictEqual(yield* there.spent(budget), 0.25)
      assert.strictEqual((yield* there.reserve({ ...budget, amount: 0.5 }))._tag, "Reserved")
    }).pipe(Effect.provide(ChainStore.layerMemory)))

  it.effect("are the process's own without a store, or while it is away, and are told when it is back", () =>
    Effect.gen(function*() {
      const store = yield* ChainStore.ChainStore
      let isAway = false
      const down = new ChainStore.ChainStoreError({ message: "refused" })
      const through = <A>(self: Effect.Effect<A, ChainStore.ChainStoreError>) =>
        Effect.suspend(() => isAway ? Effect.fail(down) : self)
      const flaky = {
        ...store,
        reserve: (spending: ChainStore.Spending) => through(store.reserve(spending)),
        settle: (settlement: ChainStore.Settlement) => through(store.settle(settlement)),
        spent: (account: ChainStore.Account) => through(store.spent(account))
      }
      const purse = yield* Effect.provideService(makePurse, ChainStore.ChainStore, flaky)
      const first = yield* purse.reserve({ ...budget, amount: 0.5 })
      isAway = true
      // What it has spent before counts for it alone as well.
      assert.strictEqual((yield* purse.reserve({ ...budget, amount: 0.75 }))._tag, "Refused")
      const second = yield* purse.reserve({ ...budget, amount: 0.5 })
      if (first._tag === "Reserved") yield* first.settle(0.25)
      if (second._tag === "Reserved") yield* second.settle(0.625)
      assert.strictEqual(yield* purse.spent(budget), 0.875)
      assert.strictEqual(yield* store.spent(budget), 0.5)
      isAway = false
      assert.strictEqual(yield* purse.spent(budget), 0.875)
      assert.strictEqual(yield* store.spent(budget), 0.875)
    }).pipe(Effect.provide(ChainStore.layerMemory)))

  it.effect("are evicted when nothing is left to count", () =>
    Effect.gen(function*() {
      const sums = new Sums()
      for (let user = 0; user < 1_000; user++) {
        yield* TestClock.adjust("1 seconds")
        sums.reserve(user * 1_000, { key: `${user}`, window: 60_000, amount: 1, limit: 1 })
      }
      assert.isAtMost(sums.size, 70)
    }))
})
