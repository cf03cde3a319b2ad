/**
 * A limit on retries as a share of traffic.
 *
 * **When to use**
 *
 * A limit on the retries of one call does not limit the retries of all calls: when a dependency fails under load, three
 * retries a call quadruple the load. A budget counts all calls together: it covers occasional failures, and stops
 * retries at its share when the dependency is down. Share one between all policies and hedges that call a dependency.
 *
 * **Details**
 *
 * Looking back one `window` from any retry, `retries <= minPerSecond * window + ratio * calls`. The rule and its
 * numbers are those of Finagle's `RetryBudget`; the ten slots of a window are those of tower's `TpsBudget`. A call
 * counts for nine to ten slots and a retry for ten to eleven, so that the rule holds exactly.
 *
 * **Gotchas**
 *
 * Where unrelated dependencies share a budget, the failure of one uses up the retries of the others.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Arguments from "./Arguments.ts"
import type { Account } from "./internal/budget/account.ts"
import * as Machine from "./internal/budget/memory.ts"
import { type BudgetOptions, budgetOptions, sharedOptions } from "./internal/budget/options.ts"
import { makeStoreRedis } from "./internal/budget/redis.ts"
import { SharedAccount } from "./internal/budget/shared.ts"
import { type Entry, RetryBudgetStore, RetryBudgetStoreError, type Settlement } from "./internal/budget/store.ts"
import { Keyed } from "./internal/keyed.ts"

export { type Entry, RetryBudgetStore, RetryBudgetStoreError, type Settlement }

const TypeId = "~@holdfast/core/RetryBudget"

/**
 * Bounds the retries of all policies and hedges that share it.
 *
 * A call deposits once, before its first attempt, however many attempts it makes. A retry withdraws once everything
 * else allows it; an unused withdrawal is lost. A hedge withdraws like a retry; if refused, it is not started and the
 * running attempt continues. Hedges are decided in this process even if the budget is shared, since asking the store
 * would take the time that a hedge should save; the store is informed later.
 */
export interface RetryBudget {
  readonly [TypeId]: typeof TypeId

  /** Counts a call. */
  readonly deposit: Effect.Effect<void>

  /** Withdraws a retry if the balance has one, and returns whether it did. */
  readonly tryWithdraw: Effect.Effect<boolean>

  /** How many retries are available now; for a shared budget, as known to this process. */
  readonly balance: Effect.Effect<number>

  /** @internal What the policies drive. */
  readonly account: Account
}

/** How many retries there may be. */
export interface Options {
  /**
   * How many retries each call deposits: zero or more. Above 1, retries may outnumber calls, for calls worth several
   * retries each. Default: 0.2, one retry for five calls.
   */
  readonly ratio?: number | undefined

  /**
   * How many retries per second are allowed regardless of the number of calls: zero or more, fractions included. They
   * form a reserve of `minPerSecond * window` for each window, which may be used all at once. Default: 10.
   */
  readonly minPerSecond?: number | undefined

  /** How long a deposit lasts. Default: `"10 seconds"`. */
  readonly window?: Arguments.DurationInput | undefined
}

/** A budget that several processes share. */
export interface SharedOptions extends Options {
  /** Names the budget in the store. Budgets with the same key are shared, and should have the same options. */
  readonly key: string

  /**
   * How long a retry waits for the store before this process decides alone. Default: `"250 millis"`.
   */
  readonly timeout?: Arguments.DurationInput | undefined
}

/**
 * Makes a budget that the policies of this process can share. Invalid options are a defect: one `RangeError` that lists
 * every fault.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.make({ ratio: 0.5, minPerSecond: 0 })
 *   let attempts = 0
 *   const call = Effect.suspend(() => Effect.fail(`down ${++attempts}`)).pipe(
 *     Effect.retry({ times: 3, while: () => budget.tryWithdraw })
 *   )
 *   // Four calls pay for two retries.
 *   for (let i = 0; i < 4; i++) yield* budget.deposit
 *   return yield* Effect.flip(call)
 * })
 *
 * await Effect.runPromise(program) // => "down 3"
 * ```
 */
export const make = (options?: Options): Effect.Effect<RetryBudget> =>
  Effect.sync(() => fromAccount(compile(Arguments.check("RetryBudget.make", budgetOptions, options ?? {}))))

/**
 * Makes a budget with other options that keeps the calls and retries counted by `previous`, unless their windows
 * differ. For options that change while a program runs.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.make({ ratio: 0.5, minPerSecond: 0 })
 *   for (let i = 0; i < 4; i++) yield* budget.deposit
 *   const next = yield* RetryBudget.makeFrom(budget, { ratio: 1, minPerSecond: 0 })
 *   return [yield* budget.balance, yield* next.balance]
 * })
 *
 * await Effect.runPromise(program) // => [2, 4]
 * ```
 */
export const makeFrom = (previous: RetryBudget, options?: Options): Effect.Effect<RetryBudget> =>
  Effect.sync(() => {
    const made = compile(Arguments.check("RetryBudget.makeFrom", budgetOptions, options ?? {}))
    if (previous.account instanceof Machine.RetryBudget) made.resume(previous.account)
    return fromAccount(made)
  })

/**
 * Makes a budget in the {@link RetryBudgetStore}, so that a fleet stops retrying as one.
 *
 * Calls are counted in this process and sent to the store in batches, with the next retry or after a tenth of the
 * window. They count from then on, so a retry looks back over a window and a tenth. Each retry asks the store. When the
 * store fails or does not answer in time, this process continues with its own count for a tenth of the window, then
 * asks again; meanwhile the budget bounds each process separately. The first failure and the recovery are logged as
 * warnings.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const options = { key: "stock", minPerSecond: 1, window: "1 second" } as const
 *   const here = yield* RetryBudget.makeShared(options)
 *   const there = yield* RetryBudget.makeShared(options)
 *   return [yield* here.tryWithdraw, yield* there.tryWithdraw]
 * }).pipe(Effect.scoped, Effect.provide(RetryBudget.layerStoreMemory))
 *
 * await Effect.runPromise(program) // => [true, false]
 * ```
 */
export const makeShared: (options: SharedOptions) => Effect.Effect<RetryBudget, never, RetryBudgetStore | Scope.Scope> =
  Effect.fnUntraced(function*(options: SharedOptions) {
    const store = yield* RetryBudgetStore
    const { key, timeout, ...checked } = Arguments.check("RetryBudget.makeShared", sharedOptions, options)
    const local = compile(checked)
    const account = new SharedAccount(store, key, local, timeout)
    yield* account.tell.pipe(
      Effect.delay(local.window / 10),
      Effect.forever,
      Effect.forkScoped
    )
    return fromAccount(account)
  })

/**
 * Tells a `RetryBudget` from any other value.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * RetryBudget.isRetryBudget(Effect.runSync(RetryBudget.make())) // => true
 * RetryBudget.isRetryBudget({ ratio: 0.2 }) // => false
 * ```
 */
export const isRetryBudget = (u: unknown): u is RetryBudget => hasProperty(u, TypeId)

/**
 * Keeps shared budgets in this process, for tests and for budgets looked up by key. A budget unused for longer than its
 * window is equal to a new one and is evicted.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Duration, Effect } from "effect"
 *
 * const entry = { key: "stock", ratio: 0.5, reserve: 0, window: Duration.seconds(10), retries: 0 }
 * const program = Effect.gen(function*() {
 *   const store = yield* RetryBudget.RetryBudgetStore
 *   return yield* store.settle({ ...entry, calls: 4, withdraw: true })
 * }).pipe(Effect.provide(RetryBudget.layerStoreMemory))
 *
 * await Effect.runPromise(program) // => { granted: true, balance: 1 }
 * ```
 */
export const layerStoreMemory: Layer.Layer<RetryBudgetStore> = Layer.sync(RetryBudgetStore, () => {
  // A budget that was not used for two windows has nothing left to count.
  const budgets = new Keyed<{ machine: Machine.RetryBudget | undefined; usedAt: number }>(Infinity, {
    create: () => ({ machine: undefined, usedAt: 0 }),
    lossOf: ({ machine, usedAt }, now) =>
      machine === undefined || now - usedAt > 2 * machine.window ? "nothing" : "little"
  })
  const open = ({ key, ratio, reserve, window }: Entry, now: number): Machine.RetryBudget => {
    const budget = budgets.get(key, now)
    budget.usedAt = now
    return budget.machine ??= new Machine.RetryBudget(ratio, reserve, Duration.toMillis(window))
  }
  return {
    settle: (entry) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const machine = open(entry, now)
        machine.deposit(now, entry.calls)
        machine.record(now, entry.retries)
        const granted = entry.withdraw && machine.tryWithdraw(now)
        return { granted, balance: machine.balance(now) }
      })
  }
})

/** The options of {@link layerStoreRedis}. */
export interface StoreRedisOptions {
  /** The prefix of the keys in Redis. Default: `"retrybudget:"`. */
  readonly prefix?: string | undefined
}

/**
 * Keeps shared budgets in Redis, so that all processes using it stop retrying as one.
 *
 * A budget is one value under `prefix`, key and window, which expires after a window and a tenth without use; each
 * request is one script. It uses the clock of Redis, so the clocks of the processes need not agree. Processes with
 * another window have a separate budget; with another ratio or minimum they share it, and each entry applies its own.
 * Requires Redis 5 or later.
 *
 * A client that queues commands while disconnected sends them after it reconnects: entries delayed by more than a tenth
 * of the window add no calls and withdraw no retry.
 *
 * ```ts import.meta.vitest
 * import { RetryBudget } from "@holdfast/core"
 * import { Effect, Layer } from "effect"
 * import { Redis } from "effect/persistence"
 *
 * // In production: NodeRedis.layer({ url: "redis://..." }) of @effect/platform-node.
 * const NoRedis = Layer.effect(Redis.Redis, Redis.make({
 *   send: () => Effect.fail(new Redis.RedisError({ cause: "refused" })),
 *   subscribe: () => Effect.never,
 *   connect: Effect.never
 * }))
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.makeShared({ key: "stock", minPerSecond: 1, window: "1 second" })
 *   // Redis is down: this process decides on its own.
 *   return [yield* budget.tryWithdraw, yield* budget.tryWithdraw]
 * }).pipe(Effect.scoped, Effect.provide(RetryBudget.layerStoreRedis({ prefix: "shop:" }).pipe(Layer.provide(NoRedis))))
 *
 * await Effect.runPromise(program) // => [true, false]
 * ```
 */
export const layerStoreRedis = (
  options?: StoreRedisOptions
): Layer.Layer<RetryBudgetStore, never, Redis.Redis> => Layer.effect(RetryBudgetStore, makeStoreRedis(options))

/** {@link layerStoreRedis} with options from `Config`. */
export const layerStoreRedisConfig = (
  options: Config.Wrap<StoreRedisOptions>
): Layer.Layer<RetryBudgetStore, Config.ConfigError, Redis.Redis> =>
  Layer.effect(RetryBudgetStore, Effect.flatMap(Config.unwrap(options), makeStoreRedis))

/** @internal */
export const compile = ({ minPerSecond, ratio, window }: BudgetOptions): Machine.RetryBudget =>
  new Machine.RetryBudget(ratio, minPerSecond * window / 1_000, window)

const fromAccount = (account: Account): RetryBudget => ({
  [TypeId]: TypeId,
  account,
  deposit: Effect.map(Clock.currentTimeMillis, (now) => account.deposit(now)),
  tryWithdraw: Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const answer = account.tryWithdraw(now)
    return Effect.isEffect(answer) ? answer : Effect.succeed(answer)
  }),
  balance: Effect.map(Clock.currentTimeMillis, (now) => account.balance(now))
})
