/**
 * A bulkhead and its options: the shapes that `Bulkhead` publishes.
 *
 * Guarded by `test/laws.data.test.ts` and `test/composition/swap.test.ts`.
 */
import type * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Arguments from "../../Arguments.ts"
import type { BulkheadFull, PolicyError } from "../../PolicyError.ts"
import type { CallOptions, Protect } from "../../PolicyTypes.ts"
import type { Bulkheads } from "./bulkheads.ts"

export const TypeId = "~@holdfast/core/Bulkhead"

/**
 * Limits how many calls run at the same time. Make it with {@link make} or {@link adaptive}, and share it between all
 * callers of one dependency.
 */
export interface Bulkhead {
  readonly [TypeId]: typeof TypeId

  /** Names the bulkhead in metrics. */
  readonly name: string

  /**
   * Runs an effect with a permit: at once, after a wait in the queue, or not at all. `{ key }` names one of several
   * dependencies; each key has its own limit and queue.
   *
   * Waiting calls are served first come, first served. A wait ends after `maxWait`, or at the `Deadline` in force if
   * that is sooner. The length of a wait is not known in advance, so a call is rejected without waiting only if the
   * queue is full or no time is left. A rejected call fails with the reason `BulkheadFull` and does not run. The permit
   * is released when the effect ends, however it ends.
   */
  readonly protect: Protect<unknown, PolicyError<BulkheadFull>, never>

  /** Current figures, for calls without a key or with the given one. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** @internal What the policies drive. */
  readonly machines: Bulkheads
}

/** The guard that `Bulkhead` publishes. */
export const isBulkhead = (u: unknown): u is Bulkhead => hasProperty(u, TypeId)

/** What a bulkhead is doing. */
export interface Stats {
  /** Calls that hold a permit. Above `limit` only after an adaptive limit has shrunk. */
  readonly running: number
  /** Calls in the queue. */
  readonly waiting: number
  readonly limit: number
  readonly queue: number
  /** Calls rejected so far. */
  readonly rejections: number
}

/** The options of both kinds of bulkhead. */
export interface CommonOptions {
  /** Names the bulkhead in metrics. Default: `"bulkhead"`. */
  readonly name?: string | undefined

  /**
   * How many calls may wait: a whole number. Each blocks its caller, so use a queue for bursts, not for sustained load.
   * Default: 0, which rejects a call at once if no permit is free.
   */
  readonly queue?: number | undefined

  /** How long a call may wait. Default: `"1 second"`. */
  readonly maxWait?: Arguments.DurationInput | undefined

  /**
   * How many keys are remembered: a whole number of at least 1. A new key beyond evicts the least recently used of those
   * without calls; keys in use are never evicted. Default: 1,000.
   */
  readonly maxKeys?: number | undefined

  /**
   * A key that has been without calls for this long starts over, and is evicted when a new key comes. Default: `"10
   * minutes"`.
   */
  readonly idleTimeToLive?: Arguments.DurationInput | undefined
}

/** A bulkhead with a fixed limit. */
export interface Options extends CommonOptions {
  /** How many calls may run at the same time: a whole number of at least 1. It has no default; see Little's law above. */
  readonly limit: number
}

/** A bulkhead that finds its limit. */
export interface AdaptiveOptions extends CommonOptions {
  /** The limit never falls below this: a whole number of at least 1. Default: 1. */
  readonly min?: number | undefined

  /** The limit never rises above this: a whole number. Default: 200, or `min` if that is more. */
  readonly max?: number | undefined

  /** The limit to begin with, between `min` and `max`. Default: 20, or the bound nearest to it. */
  readonly initial?: number | undefined

  /**
   * How many times the latency without load a call may take before the limit shrinks: at least 1, below 2. Default:
   * 1.5.
   */
  readonly tolerance?: number | undefined

  /**
   * How long calls are measured before the limit changes; at least ten calls and two latencies. Default: `"1 second"`.
   */
  readonly window?: Arguments.DurationInput | undefined

  /**
   * Whether an error means that the dependency is overloaded, which shrinks the limit. Other errors say nothing about
   * load and are ignored. Default: timeouts (the reason `AttemptTimeout`, or Effect's `TimeoutError`).
   */
  readonly isOverload?: ((error: unknown) => boolean) | undefined
}
