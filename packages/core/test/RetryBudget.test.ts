import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"
import { layerRefusing } from "../../../vitest.redis.ts"
import { settle, storeContract } from "./RetryBudgetStore.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Options = Schema.Struct({
  ratio: Schema.Literals([0, 0.1, 0.2, 0.29, 0.5, 1, 2.5]),
  minPerSecond: Schema.Literals([0, 0.5, 1, 3]),
  window: Schema.Literals([333, 1_000, 10_000])
})

/** Some calls or retries in a row, a part of a window after the last. */
const Moves = Schema.Array(Schema.Struct({
  after: Schema.Literals([0, 0, 0.003, 0.05, 0.1, 0.37, 0.9, 1, 1.1, 5]),
  move: Schema.Literals(["call", "call", "retry"]),
  times: between(1, 12)
})).check(Schema.isMaxLength(60))

const reserveOf = ({ minPerSecond, window }: typeof Options.Type) => minPerSecond * window / 1_000

/** Fails where the law is broken: retries granted and calls made, in any order of time. */
const checkLaw = (
  options: typeof Options.Type,
  calls: ReadonlyArray<number>,
  retries: ReadonlyArray<number>,
  lookBack: number = options.window
): void => {
  const { ratio, window } = options
  const reserve = reserveOf(options)
  const within = (times: ReadonlyArray<number>, from: number, to: number) =>
    times.filter((at) => at > from && at <= to).length
  for (const to of retries) {
    const spent = within(retries, to - window, to)
    const paid = reserve + ratio * within(calls, to - lookBack, to)
    assertTrue(spent <= paid + 1e-6, `${spent} retries, ${paid} paid for, in the window before ${to}`)
    // Longer spans, which begin and end at a retry, are made of windows.
    for (const from of [retries[0] ?? to, retries[retries.length >> 1] ?? to]) {
      if (from > to) continue
      const spent = within(retries, from, to) + retries.filter((at) => at === from).length
      const windows = Math.floor((to - from) / window) + 1
      const paid = windows * reserve + ratio * within(calls, from - lookBack, to)
      assertTrue(spent <= paid + 1e-6, `${spent} retries, ${paid} paid for, from ${from} to ${to}`)
    }
  }
}

describe("C4", () => {
  law(
    "retries never exceed the reserve and the share of the calls, looking back a window from each",
    { options: Options, moves: Moves },
    ({ moves, options }, reach) =>
      Effect.sync(() => {
        const { ratio, window } = options
        const { account } = Effect.runSync(RetryBudget.make(options))
        const reserve = reserveOf(options)
        const slot = (at: number) => Math.floor(at / (window / 10))
        const calls: Array<number> = []
        const retries: Array<number> = []
        let now = 1_700_000_000_123
        for (const { after, move, times } of moves) {
          now += Math.round(after * window)
          for (let i = 0; i < times; i++) {
            if (move === "call") {
              account.deposit(now)
              calls.push(now)
              continue
            }
            const counted = calls.filter((at) => slot(now) - slot(at) < 10).length
            const spent = retries.filter((at) => slot(now) - slot(at) < 11).length
            const left = reserve + ratio * counted - spent + 1e-9
            strictEqual(account.balance(now), Math.max(0, Math.floor(left)))
            const granted = account.tryWithdraw(now)
            strictEqual(granted, left >= 1)
            if (granted === true) {
              reach("a retry")
              retries.push(now)
              continue
            }
            reach("a spent budget")
            // It is strict, but by no more than a slot at each end.
            const paid = reserve + ratio * calls.filter((at) => now - at < 0.9 * window).length
            assertTrue(retries.filter((at) => now - at <= 1.1 * window).length + 1 > paid - 1e-6)
          }
        }
        checkLaw(options, calls, retries)
      }),
    { cases: 3_000, reaches: ["a retry", "a spent budget"] }
  )

  law(
    "processes that share a store share one budget",
    {
      options: Options,
      moves: Schema.Array(Schema.Struct({
        after: Schema.Literals([0, 0, 0.05, 0.1, 0.37, 1.1]),
        move: Schema.Literals(["call", "call", "retry"]),
        process: Schema.Literals([0, 1, 2]),
        times: between(1, 6)
      })).check(Schema.isMaxLength(20))
    },
    ({ moves, options }, reach) =>
      Effect.gen(function*() {
        const shared = RetryBudget.makeShared({ key: "shared", ...options })
        const processes = yield* Effect.all([shared, shared, shared])
        const calls: Array<number> = []
        const retries: Array<number> = []
        let now = 0
        for (const { after, move, process, times } of moves) {
          yield* TestClock.adjust(Math.round(after * options.window))
          now += Math.round(after * options.window)
          for (let i = 0; i < times; i++) {
            if (move === "call") {
              yield* processes[process].deposit
              calls.push(now)
            } else if (yield* processes[process].tryWithdraw) {
              reach("a retry")
              retries.push(now)
            } else reach("a spent budget")
          }
        }
        // A call counts from when the store learns of it, a tenth of a window later at most.
        checkLaw(options, calls, retries, 1.1 * options.window + 1)
      }).pipe(Effect.scoped, Effect.provide(RetryBudget.layerStoreMemory)),
    { reaches: ["a retry", "a spent budget"] }
  )
})

describe("a previous budget", () => {
  law(
    "of the same options says what it would have said itself, then and later",
    { options: Options, before: Moves, later: Moves },
    ({ before, later, options }, reach) =>
      Effect.gen(function*() {
        const budget = yield* RetryBudget.make(options)
        const play = (budgets: ReadonlyArray<RetryBudget.RetryBudget>, moves: typeof Moves.Type) =>
          Effect.forEach(moves, ({ after, move, times }) =>
            Effect.gen(function*() {
              yield* TestClock.adjust(Math.round(after * options.window))
              for (let i = 0; i < times; i++) {
                const answers = yield* Effect.forEach(
                  budgets,
                  ({ deposit, tryWithdraw }) => move === "call" ? Effect.as(deposit, undefined) : tryWithdraw
                )
                strictEqual(new Set(answers).size, 1)
                if (move === "retry" && budgets.length > 1) {
                  reach(answers[0] === true ? "a retry later" : "a spent budget later")
                }
              }
            }))
        yield* play([budget], before)
        yield* play([budget, yield* RetryBudget.makeFrom(budget, options)], later)
      }),
    { reaches: ["a retry later", "a spent budget later"] }
  )

  it.effect("pays by the new share for the calls that it has seen, and counts the retries that it made", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ ratio: 0.5, minPerSecond: 0 })
      for (let i = 0; i < 10; i++) yield* budget.deposit
      yield* budget.tryWithdraw
      strictEqual(yield* (yield* RetryBudget.makeFrom(budget, { ratio: 0.2, minPerSecond: 0 })).balance, 1)
      strictEqual(yield* (yield* RetryBudget.makeFrom(budget, { ratio: 1, minPerSecond: 0 })).balance, 9)
      strictEqual(
        yield* (yield* RetryBudget.makeFrom(budget, { ratio: 1, minPerSecond: 0, window: "1 minute" })).balance,
        0
      )
    }))
})

describe("make", () => {
  it.effect("gives a reserve, then a fifth of the calls, and forgets them after the window", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make()
      strictEqual(yield* budget.balance, 100)
      for (let i = 0; i < 100; i++) strictEqual(yield* budget.tryWithdraw, true)
      strictEqual(yield* budget.tryWithdraw, false)
      for (let i = 0; i < 5; i++) yield* budget.deposit
      strictEqual(yield* budget.balance, 1)
      strictEqual(yield* budget.tryWithdraw, true)
      strictEqual(yield* budget.tryWithdraw, false)
      yield* TestClock.adjust("11 seconds")
      strictEqual(yield* budget.balance, 100)
    }))

  it.effect("is empty without a reserve and without calls", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ ratio: 1, minPerSecond: 0 })
      strictEqual(yield* budget.tryWithdraw, false)
      yield* budget.deposit
      strictEqual(yield* budget.tryWithdraw, true)
      yield* budget.deposit
      // A deposit expires.
      yield* TestClock.adjust("10 seconds")
      strictEqual(yield* budget.tryWithdraw, false)
    }))

  it.effect("counts whole retries where fractions do not add up", () =>
    Effect.gen(function*() {
      // 0.29 * 100 is 28.999999999999996.
      const budget = yield* RetryBudget.make({ ratio: 0.29, minPerSecond: 0 })
      for (let i = 0; i < 100; i++) yield* budget.deposit
      strictEqual(yield* budget.balance, 29)
    }))

  it("goes on when the clock is set back", () => {
    const { account } = Effect.runSync(RetryBudget.make({ ratio: 0, minPerSecond: 1, window: "1 second" }))
    const hour = 3_600_000
    strictEqual(account.tryWithdraw(10 * hour), true)
    strictEqual(account.tryWithdraw(10 * hour), false)
    strictEqual(account.tryWithdraw(9 * hour), false)
    strictEqual(account.tryWithdraw(9 * hour + 1_100), true)
  })

  it("rejects invalid options", () => {
    const refused = (options: RetryBudget.Options, message: string) =>
      throws(() => Effect.runSync(RetryBudget.make(options)), new RangeError(`RetryBudget.make: ${message}`))
    refused({ ratio: Infinity }, "ratio must be a number of 0 or more, got Infinity")
    refused({ ratio: -0.1 }, "ratio must be a number of 0 or more, got -0.1")
    refused({ ratio: NaN }, "ratio must be a number of 0 or more, got NaN")
    refused({ minPerSecond: -1 }, "minPerSecond must be a number of 0 or more, got -1")
    refused({ minPerSecond: NaN }, "minPerSecond must be a number of 0 or more, got NaN")
    refused({ minPerSecond: Infinity }, "minPerSecond must be a number of 0 or more, got Infinity")
    refused({ window: 0 }, "window must be longer than zero, got 0")
    refused({ window: "-1 seconds" }, "window must be a finite duration above zero, got \"-1 seconds\"")
  })
})

storeContract("layerStoreMemory", RetryBudget.layerStoreMemory)

describe("makeShared", () => {
  const options = { key: "stock", ratio: 0, minPerSecond: 2, window: "1 second" } as const

  /** A store that answers, fails, dies or hangs as it is told, and counts what it is asked. */
  const broken = () => {
    const state = { mode: "answer" as "answer" | "fail" | "die" | "hang", asked: 0, calls: 0 }
    const layer = Layer.succeed(RetryBudget.RetryBudgetStore, {
      settle: ({ calls, withdraw }) =>
        Effect.suspend(() => {
          state.asked++
          if (state.mode === "fail") return Effect.fail(new RetryBudget.RetryBudgetStoreError({ message: "refused" }))
          if (state.mode === "die") return Effect.die("defect")
          if (state.mode === "hang") return Effect.never
          state.calls += calls
          return Effect.succeed({ granted: withdraw, balance: 0 })
        })
    })
    const warnings: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => {
      warnings.push(Array.isArray(message) ? message[0] : message)
    })])
    return { state, warnings, layer: Layer.merge(layer, logger) }
  }

  for (const mode of ["fail", "die", "hang"] as const) {
    it.effect(`decides on its own while the store would ${mode}, says so once, and comes back`, () => {
      const { layer, state, warnings } = broken()
      return Effect.gen(function*() {
        const budget = yield* RetryBudget.makeShared(options)
        const ask = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(budget.tryWithdraw, { startImmediately: true })
          yield* TestClock.adjust(250)
          return yield* Fiber.join(fiber)
        })
        state.mode = mode
        strictEqual(yield* ask, true)
        strictEqual(yield* ask, true)
        // Two a second are the reserve; this process has counted them.
        strictEqual(yield* ask, false)
        deepStrictEqual(warnings, ["The retry budget stock is this process's own until its store answers"])
        state.mode = "answer"
        yield* TestClock.adjust(100)
        strictEqual(yield* budget.tryWithdraw, true)
        strictEqual(yield* budget.tryWithdraw, true)
        deepStrictEqual(warnings.slice(1), ["The retry budget stock is shared again: its store answers"])
      }).pipe(Effect.scoped, Effect.provide(layer))
    })
  }

  it.effect("goes on from what the store has granted when the store goes away", () => {
    const { layer, state } = broken()
    return Effect.gen(function*() {
      const budget = yield* RetryBudget.makeShared(options)
      strictEqual(yield* budget.balance, 2)
      strictEqual(yield* budget.tryWithdraw, true)
      strictEqual(yield* budget.balance, 1)
      strictEqual(yield* budget.tryWithdraw, true)
      state.mode = "fail"
      strictEqual(yield* budget.tryWithdraw, false)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("does not ask a store that is away for every retry", () => {
    const { layer, state } = broken()
    return Effect.gen(function*() {
      const budget = yield* RetryBudget.makeShared(options)
      state.mode = "fail"
      for (let i = 0; i < 50; i++) yield* budget.tryWithdraw
      strictEqual(state.asked, 1)
      yield* TestClock.adjust(100)
      yield* budget.tryWithdraw
      strictEqual(state.asked, 2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("tells the store of its calls together, with a retry or after a tenth of the window", () => {
    const { layer, state } = broken()
    return Effect.gen(function*() {
      const budget = yield* RetryBudget.makeShared(options)
      for (let i = 0; i < 7; i++) yield* budget.deposit
      deepStrictEqual([state.asked, state.calls], [0, 0])
      yield* budget.tryWithdraw
      deepStrictEqual([state.asked, state.calls], [1, 7])
      for (let i = 0; i < 5; i++) yield* budget.deposit
      yield* TestClock.adjust(100)
      deepStrictEqual([state.asked, state.calls], [2, 12])
      // Nothing to tell, nothing told.
      yield* TestClock.adjust(1_000)
      strictEqual(state.asked, 2)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("decides on a hedge here, and tells the store later", () =>
    Effect.gen(function*() {
      const here = yield* RetryBudget.makeShared(options)
      const there = yield* RetryBudget.makeShared(options)
      const now = yield* Clock.currentTimeMillis
      deepStrictEqual([1, 2, 3].map(() => here.account.tryWithdrawHere(now)), [true, true, false])
      yield* TestClock.adjust(100)
      strictEqual(yield* there.tryWithdraw, false)
      // Once: they expire as any other.
      yield* TestClock.adjust("1200 millis")
      strictEqual(yield* there.tryWithdraw, true)
    }).pipe(Effect.scoped, Effect.provide(RetryBudget.layerStoreMemory)))

  it.effect("stops when its scope is closed", () => {
    const { layer, state } = broken()
    return Effect.gen(function*() {
      const budget = yield* Effect.scoped(RetryBudget.makeShared(options))
      yield* budget.deposit
      yield* TestClock.adjust("10 seconds")
      strictEqual(state.asked, 0)
    }).pipe(Effect.provide(layer))
  })
})

describe("layerStoreRedis", () => {
  it.effect("says why Redis could not be asked", () => {
    const cause = new Error("refused")
    return Effect.gen(function*() {
      const error = yield* Effect.flip(settle({}))
      strictEqual(error._tag, "RetryBudgetStoreError")
      strictEqual(error.cause, cause)
    }).pipe(Effect.provide(RetryBudget.layerStoreRedis().pipe(Layer.provide(layerRefusing(cause)))))
  })
})
