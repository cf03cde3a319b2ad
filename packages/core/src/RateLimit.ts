/**
 * So many calls in so much time: what exceeds it waits within a bound, or is rejected before it runs.
 *
 * Where the other side counts calls and answers 429 to the rest, the calls above the limit are lost work on both sides,
 * and some count against the next window too. A limit on the caller's side turns them into a short wait or an error
 * that costs nothing and says when to come back.
 *
 * There is no debt: a call that is rejected counts for nothing, and one that waits counts when it is let through. Those
 * who wait are served in the order in which they came. With Effect's `RateLimiter` "delay" mode a call that gives up
 * has taken its place in the time to come all the same, and those after it wait for a call that is never made.
 *
 * A rate limit hurts when it is guessed lower than the other side's. It bounds calls a second and not calls in flight:
 * against a dependency that slows down use a `Bulkhead`.
 *
 * The algorithms and the stores are those of Effect's `RateLimiter`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Store from "effect/persistence/RateLimiter"
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"
import { type RateLimitOptions, rateLimitOptions } from "./internal/rateLimit/options.ts"
import * as Machine from "./internal/rateLimit/stored.ts"
import type { PolicyError, RateLimited } from "./PolicyError.ts"
import type { CallOptions, Protect } from "./PolicyTypes.ts"

const TypeId = "~@holdfast/core/RateLimit"

/** Lets so many calls through in a window of time. Made by {@link make}, shared by all that call one dependency. */
export interface RateLimit {
  readonly [TypeId]: typeof TypeId

  /** Names the limit in the store, in warnings and in metrics. */
  readonly name: string

  /**
   * Runs an effect when the limit lets it through: at once, or after a wait, or not at all. `{ key }` says whose limit
   * it is (an origin, a tenant): each key has a count and a queue of its own.
   *
   * A wait that would be longer than `maxWait` or pass the `Deadline` in force is not begun. The call then fails with
   * the reason `RateLimited`, whose `retryAfter` is how long a wait would have been; nothing of it has run, and it
   * counts for nothing.
   */
  readonly protect: Protect<unknown, PolicyError<RateLimited>, never>

  /** What goes on right now, for calls without a key or with the given one. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** @internal What the policies drive. */
  readonly machine: Machine.RateLimits
}

/** What a rate limit is doing. */
export interface Stats {
  /** Calls in the queue. */
  readonly waiting: number
  /** Calls that were rejected so far, of all keys. */
  readonly rejections: number
}

/** What is let through, and how long the rest may wait. */
export interface Options {
  /**
   * The name under which processes share the limit, and under which it is known in warnings and metrics. Limits of the
   * same name share one count wherever there is a store, also within a process. Defaults to none: the count is then
   * this process's own, and known as `"rate limit"`.
   */
  readonly name?: string | undefined

  /** How many calls are let through in a window: a whole number of at least 1. It has no default. */
  readonly limit: number

  /** How long a window is. It has no default. */
  readonly window: Arguments.DurationInput

  /**
   * How calls are counted.
   *
   * - `fixed-window`: up to `limit` calls at once; each adds `window / limit` to the window, and when that has passed
   *   the count begins anew. Two windows may meet, so that twice the limit passes in a moment.
   * - `token-bucket`: up to `limit` calls at once, and then one every `window / limit`.
   *
   * Defaults to `"fixed-window"`, as Effect's does.
   */
  readonly algorithm?: "fixed-window" | "token-bucket" | undefined

  /** How long a call may wait. Defaults to 0: a call above the limit is rejected at once. */
  readonly maxWait?: Arguments.DurationInput | undefined

  /**
   * How many calls may wait: a whole number. Defaults to `Infinity`: there are no more than can be let through within
   * `maxWait`.
   */
  readonly queue?: number | undefined

  /**
   * How many keys are remembered: a whole number of at least 1. Keys that have not used any of their limit are
   * forgotten first, and then the one that was not used for longest, with its count. Defaults to 1,000.
   */
  readonly maxKeys?: number | undefined

  /** How long a call waits for the store before it goes on without it. Defaults to `"1 second"`. */
  readonly storeTimeout?: Arguments.DurationInput | undefined
}

/**
 * Makes a rate limit. Options that cannot be right are a `RangeError` that names the option.
 *
 * With a `name`, the count is in Effect's `RateLimiter`, or its `RateLimiterStore`, if the context of `make` has one:
 * with a store in Redis, a fleet keeps the limit together. Otherwise the count is this process's own. The queue is
 * always: it is in order within a process, and takes turns with other processes as the store has it.
 *
 * When the store fails or is slow, calls go on with the count of this process, which has followed until then. A warning
 * says so once, and the store is asked again every five seconds.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* RateLimit.make({ limit: 2, window: "1 second", algorithm: "token-bucket" })
 *   const call = Effect.succeed("stock").pipe(
 *     limit.protect,
 *     Effect.catchReason("PolicyError", "RateLimited", (reason) => Effect.succeed(reason.message))
 *   )
 *   return yield* Effect.all([call, call, call])
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * // => ["stock", "stock", "The rate limit is reached for another 500ms; nothing of the call ran"]
 * ```
 */
export const make = (options: Options): Effect.Effect<RateLimit> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => fromMachine(compile(Arguments.check("RateLimit.make", rateLimitOptions, options), context)))
  )

/**
 * Gives a running rate limit other rules: a limit with other options, which takes over the counts and queues of `previous`.
 * Calls that have been let through still count, and those that wait keep their places and their time. The two limits share
 * their counts from then on.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* RateLimit.make({ limit: 1, window: "1 hour" })
 *   yield* limit.protect(Effect.void)
 *   const next = yield* RateLimit.makeFrom(limit, { limit: 2, window: "1 hour" })
 *   yield* next.protect(Effect.void)
 *   return (yield* Effect.flip(next.protect(Effect.void))).reason._tag
 * })
 *
 * await Effect.runPromise(program) // => "RateLimited"
 * ```
 */
export const makeFrom = (previous: RateLimit, options: Options): Effect.Effect<RateLimit> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => {
      const machine = compile(Arguments.check("RateLimit.makeFrom", rateLimitOptions, options), context)
      machine.takeOver(previous.machine)
      return fromMachine(machine)
    })
  )

/**
 * Tells a `RateLimit` from any other value.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * RateLimit.isRateLimit(Effect.runSync(RateLimit.make({ limit: 10, window: "1 second" }))) // => true
 * RateLimit.isRateLimit({ limit: 10 }) // => false
 * ```
 */
export const isRateLimit = (u: unknown): u is RateLimit => hasProperty(u, TypeId)

/** @internal */
export const compile = (options: RateLimitOptions, context: Context.Context<never>): Machine.RateLimits =>
  new Machine.RateLimits(options, options.name === undefined ? undefined : limiterOf(context), context)

/** The limiter of a context: its own, or one over its store. */
const limiterOf = (context: Context.Context<never>): Store.RateLimiter | undefined => {
  const store = Context.getOrUndefined(context, Store.RateLimiterStore)
  return Context.getOrUndefined(context, Store.RateLimiter) ?? (store === undefined
    ? undefined
    // A limiter is made of its store alone, without waiting for anything.
    : Effect.runSync(Effect.provideService(Store.make, Store.RateLimiterStore, store)))
}

/** @internal */
export const fromMachine = (machine: Machine.RateLimits): RateLimit => {
  const protect = (self: Effect.Effect<unknown, unknown, unknown> | CallOptions) =>
    Effect.isEffect(self)
      ? machine.run(self, undefined)
      : <A, E, R>(effect: Effect.Effect<A, E, R>) => machine.run(effect, self.key)
  return {
    [TypeId]: TypeId,
    name: machine.name,
    machine,
    protect: protect as RateLimit["protect"],
    stats: (options) =>
      Effect.sync(() => ({ waiting: machine.peek(options?.key)?.waiting ?? 0, rejections: machine.rejections }))
  }
}
