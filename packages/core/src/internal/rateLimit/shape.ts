/**
 * A rate limit and its options: the shapes that `RateLimit` publishes.
 *
 * Guarded by `test/laws.data.test.ts` and `test/composition/everything.test.ts`.
 */
import type * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Arguments from "../../Arguments.ts"
import type { PolicyError, RateLimited } from "../../PolicyError.ts"
import type { CallOptions, Protect } from "../../PolicyTypes.ts"
import type { RateLimits } from "./stored.ts"

export const TypeId = "~@holdfast/core/RateLimit"

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
  readonly machine: RateLimits
}

/** The guard that `RateLimit` publishes. */
export const isRateLimit = (u: unknown): u is RateLimit => hasProperty(u, TypeId)

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
