/**
 * A limit on retries as a share of traffic.
 *
 * A limit on the retries of one call does not limit the retries of all calls: when a dependency fails under load, three
 * retries a call are four times the load. A budget counts what all calls do together. Each call deposits a fraction of a
 * retry, each retry withdraws a whole one, and a small reserve lets a client with little traffic retry at all. While the
 * dependency is well there are retries enough for the odd failure; when it is down, they stop at the share.
 *
 * The rule, looking back one `window` from any retry:
 *
 * ```text
 * retries <= minPerSecond * window + ratio * calls
 * ```
 *
 * The rule and its numbers are those of Finagle's `RetryBudget`; the ten slots in which a window is counted are
 * those of tower's `TpsBudget`. Where slots are coarse, both let a little more through than the rule says. Here a call counts for
 * nine to ten slots and a retry for ten to eleven, so that the rule holds as it stands.
 *
 * A budget hurts where it is shared by dependencies that have nothing to do with each other, since the failure of one takes the
 * retries of the others. Give each dependency one, and share it between all policies and hedges that call it.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import { hasProperty } from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Arguments from "./Arguments.ts"
import * as Machine from "./internal/budget/memory.ts"
import { type BudgetOptions, budgetOptions, sharedOptions } from "./internal/budget/options.ts"
import * as StoredInRedis from "./internal/budget/redis.ts"

const TypeId = "~@holdfast/core/RetryBudget"

/**
 * Bounds the retries of all that share it.
 *
 * A call deposits once, before its first attempt, however many attempts it takes. A retry withdraws when all else allows
 * it: a withdrawal that is not used is lost. A hedge withdraws as a retry does; one that is refused is not started, and the
 * attempt that runs goes on. It is decided here even where the budget is shared, since to ask would take the time that a
 * hedge is to save; the store is told later.
 */
export interface RetryBudget {
  readonly [TypeId]: typeof TypeId

  /** Counts a call. */
  readonly deposit: Effect.Effect<void>

  /** Takes a retry if the balance has one, and says whether it did. */
  readonly tryWithdraw: Effect.Effect<boolean>

  /** How many retries there may be now: for a shared budget, by what this process knows. */
  readonly balance: Effect.Effect<number>

  /** @internal What the policies drive. */
  readonly account: Account
}

/** @internal A budget for those who know the time and run no effect when they need not. */
export interface Account {
  deposit(now: number): void
  /** At once where the answer is in this process. */
  tryWithdraw(now: number): boolean | Effect.Effect<boolean>
  /** By what this process knows: for a hedge, which has no time to ask. */
  tryWithdrawHere(now: number): boolean
  balance(now: number): number
}

/** How many retries there may be. */
export interface Options {
  /**
   * How many retries a call pays for: zero or more. Above 1 there may be more retries than calls, for calls that are worth
   * several retries each. Default: 0.2, which is one retry for five calls.
   */
  readonly ratio?: number | undefined

  /**
   * How many retries a second there may be however few calls there are: zero or more, fractions included. They are given as
   * a reserve of `minPerSecond * window` for each window, which may be used all at once. Defaults to 10.
   */
  readonly minPerSecond?: number | undefined

  /** How long a deposit lasts. Defaults to `"10 seconds"`. */
  readonly window?: Arguments.DurationInput | undefined
}

/** A budget that several processes share. */
export interface SharedOptions extends Options {
  /** Names the budget in the store: those who give the same key share it, and should give the same options. */
  readonly key: string

  /**
   * How long a retry waits for the store before this process decides on its own. Defaults to `"250 millis"`.
   */
  readonly timeout?: Arguments.DurationInput | undefined
}

/**
 * Makes a budget that the policies of this process can share. Options that cannot be right are a `RangeError` that names
 * the option.
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
 * Makes a budget with other options that continues with the calls and retries that `previous` has counted, unless their windows
 * differ: for options that change while a program runs.
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
 * Makes a budget that is kept in the {@link RetryBudgetStore}, so that a fleet stops retrying as one.
 *
 * Calls are counted here and told to the store together, with the next retry or after a tenth of the window, from when they
 * count: a retry looks back over a window and a tenth. Each retry asks the store.
 * When the store fails or does not answer in time, this process goes on with its own count for a tenth of the window,
 * then asks again: the budget then holds for each process. The first failure is logged as a warning, the recovery too.
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
 * Where shared budgets are kept. A budget needs one operation of it, which is one step: nothing may come between its
 * parts.
 */
export class RetryBudgetStore extends Context.Service<RetryBudgetStore, {
  /**
   * Counts the calls and retries of an entry, and if it asks for a retry, takes one when the balance has one. The time is the
   * store's own.
   */
  readonly settle: (entry: Entry) => Effect.Effect<Settlement, RetryBudgetStoreError>
}>()("@holdfast/core/RetryBudget/RetryBudgetStore") {}

/** What a process tells a store, and asks of it. */
export interface Entry {
  readonly key: string
  readonly ratio: number
  /** How many retries there may be in a window without any call. */
  readonly reserve: number
  readonly window: Duration.Duration
  /** Calls since the last entry. */
  readonly calls: number
  /** Retries and hedges since the last entry that were made without asking. */
  readonly retries: number
  /** Whether a retry is asked for. */
  readonly withdraw: boolean
}

/** What a store answers. */
export interface Settlement {
  /** Whether there may be the retry that was asked for; `false` when none was. */
  readonly granted: boolean
  /** How many more there may be. */
  readonly balance: number
}

/** A store could not be asked. No caller sees it: the process decides on its own, and logs this. */
export class RetryBudgetStoreError extends Data.TaggedError("RetryBudgetStoreError")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * Keeps shared budgets in this process: for tests, and for budgets that are found by key. A budget that nobody used for longer than
 * its window is as good as new, and is forgotten.
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
  const budgets = new Map<string, { readonly machine: Machine.RetryBudget; usedAt: number }>()
  const open = ({ key, ratio, reserve, window }: Entry, now: number): Machine.RetryBudget => {
    const known = budgets.get(key)
    if (known !== undefined) {
      known.usedAt = now
      return known.machine
    }
    for (const [key, { machine, usedAt }] of budgets) {
      if (now - usedAt > 2 * machine.window) budgets.delete(key)
    }
    const machine = new Machine.RetryBudget(ratio, reserve, Duration.toMillis(window))
    budgets.set(key, { machine, usedAt: now })
    return machine
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

/** Where in Redis shared budgets are kept. */
export interface StoreRedisOptions {
  /** What the keys in Redis begin with. Defaults to `"retrybudget:"`. */
  readonly prefix?: string | undefined
}

/**
 * Keeps shared budgets in Redis, so that all processes that use it stop retrying as one.
 *
 * A budget is one value at `prefix`, key and window, which expires when a window and a tenth have passed without use;
 * each question to it is one script. Times are those of Redis, so that the clocks of the processes need not agree. Those
 * who give another window have a budget of their own; of other ratios and minimums, each entry's own counts. Requires Redis
 * 5 or later.
 *
 * A client that holds commands back while it is not connected sends them when it is again: what was under way for more
 * than a tenth of the window then counts as no call and takes no retry.
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

const makeStoreRedis = (
  options?: StoreRedisOptions
): Effect.Effect<RetryBudgetStore["Service"], never, Redis.Redis> =>
  Effect.map(Redis.Redis, (redis) => {
    const settle = redis.eval(StoredInRedis.settle())
    const prefix = options?.prefix ?? "retrybudget:"
    // How far the clock of Redis is ahead of ours, as of its last answer.
    let ahead: number | undefined
    return {
      settle: ({ key, window, ...entry }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const millis = Duration.toMillis(window)
          const redisKey = `${prefix}${key}:${millis}`
          const sentAt = ahead === undefined ? undefined : now + ahead
          return settle({ ...entry, redisKey, window: millis, sentAt }).pipe(
            Effect.map(([granted, balance, there]) => {
              ahead = there - now
              return { granted: granted === 1, balance }
            }),
            Effect.mapError(({ cause }) =>
              new RetryBudgetStoreError({ message: "Redis did not run the script of the budget", cause })
            )
          )
        })
    }
  })

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

/** A budget in a store, and a count of this process's own for when the store is away. */
class SharedAccount implements Account {
  readonly store: RetryBudgetStore["Service"]
  readonly key: string
  readonly local: Machine.RetryBudget
  readonly timeout: number
  /** Calls that the store has not been told of. */
  private calls = 0
  /** Retries that the store has not been told of. */
  private retries = 0
  /** While the store is away: when to ask it again. */
  private askAgainAt: number | undefined = undefined

  constructor(store: RetryBudgetStore["Service"], key: string, local: Machine.RetryBudget, timeout: number) {
    this.store = store
    this.key = key
    this.local = local
    this.timeout = timeout
  }

  deposit(now: number): void {
    this.local.deposit(now)
    this.calls++
  }

  balance(now: number): number {
    return this.local.balance(now)
  }

  tryWithdraw(now: number): boolean | Effect.Effect<boolean> {
    return this.askAgainAt !== undefined && now < this.askAgainAt
      ? this.local.tryWithdraw(now)
      : this.settle(true)
  }

  tryWithdrawHere(now: number): boolean {
    const granted = this.local.tryWithdraw(now)
    if (granted) this.retries++
    return granted
  }

  /** Tells the store of what it does not know. */
  get tell(): Effect.Effect<void> {
    return Effect.suspend(() => this.calls + this.retries === 0 ? Effect.void : Effect.asVoid(this.settle(false)))
  }

  private settle(withdraw: boolean): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { calls, key, local: { ratio, reserve, window }, retries } = this
      // Told or not: what a store that is away was not told of is too old when it is back.
      this.calls = 0
      this.retries = 0
      return this.store.settle({ key, ratio, reserve, window: Duration.millis(window), calls, retries, withdraw })
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.timeout,
        orElse: () => Effect.fail(new RetryBudgetStoreError({ message: `No answer within ${this.timeout} millis` }))
      }),
      Effect.flatMap(({ granted }) => this.answered(granted)),
      Effect.catchDefect((cause) =>
        Effect.fail(new RetryBudgetStoreError({ message: "The store is defective", cause }))
      ),
      Effect.catch((error) => this.away(withdraw, error))
    )
  }

  private answered(granted: boolean): Effect.Effect<boolean> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (granted) this.local.record(now)
      if (this.askAgainAt === undefined) return Effect.succeed(granted)
      this.askAgainAt = undefined
      return Effect.as(Effect.logWarning(`The retry budget ${this.key} is shared again: its store answers`), granted)
    })
  }

  private away(withdraw: boolean, error: RetryBudgetStoreError): Effect.Effect<boolean> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const known = this.askAgainAt !== undefined
      this.askAgainAt = now + this.local.window / 10
      const answer = withdraw && this.local.tryWithdraw(now)
      if (known) return Effect.succeed(answer)
      return Effect.as(
        Effect.logWarning(`The retry budget ${this.key} is this process's own until its store answers`, error),
        answer
      )
    })
  }
}
