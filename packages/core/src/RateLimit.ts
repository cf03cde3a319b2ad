/**
 * Limits how many calls start in a window of time: excess calls wait within a bound, or are rejected before they run.
 *
 * **When to use**
 *
 * If the server counts calls and answers the excess with 429, those calls are wasted work on both sides, and some
 * servers count them against the next window too. A client-side limit turns them into a short wait, or into a cheap
 * error that says when to retry.
 *
 * **Details**
 *
 * There is no debt: a rejected call is not counted, and a waiting call is counted when it is admitted. Waiting calls
 * are served first come, first served. In the "delay" mode of Effect's `RateLimiter`, a call that gives up keeps its
 * reservation, and later calls wait for a call that is never made. The algorithms and the stores are those of Effect's
 * `RateLimiter`.
 *
 * **Gotchas**
 *
 * A limit below the server's wastes capacity. It bounds calls a second, not calls in flight: for a dependency that
 * slows down, use a `Bulkhead`.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Store from "effect/persistence/RateLimiter"
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"
import { protectAlone } from "./internal/call/protect.ts"
import { type RateLimitOptions, rateLimitOptions } from "./internal/rateLimit/options.ts"
import * as Machine from "./internal/rateLimit/stored.ts"
import type { PolicyError, RateLimited } from "./PolicyError.ts"
import type { CallOptions, Protect } from "./PolicyTypes.ts"

const TypeId = "~@holdfast/core/RateLimit"

/**
 * Limits how many calls start in a window of time. Make it with {@link make}, and share it between all callers of one
 * dependency.
 */
export interface RateLimit {
  readonly [TypeId]: typeof TypeId

  /** Names the limit in the store, in warnings and in metrics. */
  readonly name: string

  /**
   * Runs an effect when the limit admits it: at once, after a wait, or not at all. `{ key }` names the owner of the
   * limit (an origin, a tenant): each key has its own count and queue.
   *
   * If the wait would exceed `maxWait` or pass the `Deadline` in force, the call fails at once with the reason
   * `RateLimited`, whose `retryAfter` is how long the wait would have been. The call does not run and is not counted.
   */
  readonly protect: Protect<unknown, PolicyError<RateLimited>, never>

  /** Current figures, for calls without a key or with the given one. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** @internal What the policies drive. */
  readonly machine: Machine.RateLimits
}

/** What a rate limit is doing. */
export interface Stats {
  /** Calls in the queue. */
  readonly waiting: number
  /** Calls rejected so far, over all keys. */
  readonly rejections: number
}

/** The limit, and how long excess calls may wait. */
export interface Options {
  /**
   * The name under which processes share the limit, also shown in warnings and metrics. Limits of the same name share
   * one count if the context has a store, even within one process. Default: none, so the count is local to this process
   * and the limit is shown as `"rate limit"`.
   */
  readonly name?: string | undefined

  /** How many calls are admitted in a window: a whole number of at least 1. No default. */
  readonly limit: number

  /** How long a window is. No default. */
  readonly window: Arguments.DurationInput

  /**
   * How calls are counted.
   *
   * - `fixed-window`: up to `limit` calls at once. Each adds `window / limit` to the window; after the window the count
   *   restarts. At the border of two windows, twice the limit may pass in a moment.
   * - `token-bucket`: up to `limit` calls at once, and then one every `window / limit`.
   *
   * Default: `"fixed-window"`, as in Effect.
   */
  readonly algorithm?: "fixed-window" | "token-bucket" | undefined

  /** How long a call may wait. Default: 0, which rejects a call above the limit at once. */
  readonly maxWait?: Arguments.DurationInput | undefined

  /**
   * How many calls may wait: a whole number. `maxWait` bounds the queue too, to the calls that are admitted within
   * it. Default: `Infinity`.
   */
  readonly queue?: number | undefined

  /**
   * How many keys are remembered: a whole number of at least 1. Keys with an unused limit are evicted first, then the
   * least recently used key, with its count. Default: 1,000.
   */
  readonly maxKeys?: number | undefined

  /** How long a call waits for the store before it continues without it. Default: `"1 second"`. */
  readonly storeTimeout?: Arguments.DurationInput | undefined
}

/**
 * Makes a rate limit. Invalid options are a defect: one `RangeError` that lists every fault.
 *
 * With a `name`, the count is in Effect's `RateLimiter`, or its `RateLimiterStore`, if the context of `make` has one:
 * with a store in Redis, a fleet keeps the limit together. Otherwise the count is local to this process. The queue is
 * always local: it is in order within a process, and the store decides between processes.
 *
 * When the store fails or is slow, calls continue with the count of this process, which has followed the store until
 * then. A warning is logged once, and the store is tried again every five seconds.
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
 * Changes the rules of a running rate limit: makes a limit with other options that takes over the counts and queues of
 * `previous`. Admitted calls still count, and waiting calls keep their places and their time. The two limits share
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
    // A limiter needs only its store, and making it is synchronous.
    : Effect.runSync(Effect.provideService(Store.make, Store.RateLimiterStore, store)))
}

const fromMachine = (machine: Machine.RateLimits): RateLimit => ({
  [TypeId]: TypeId,
  name: machine.name,
  machine,
  protect: protectAlone({ rateLimit: machine }) as RateLimit["protect"],
  stats: (options) =>
    Effect.sync(() => ({ waiting: machine.peek(options?.key)?.waiting ?? 0, rejections: machine.rejections }))
})
