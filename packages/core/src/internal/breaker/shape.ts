/**
 * A breaker and its options: the shapes that `CircuitBreaker` publishes.
 *
 * Guarded by `test/breaker/inPolicy.test.ts` and `test/breaker/observed.test.ts`.
 */
import type * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Stream from "effect/Stream"
import type * as Arguments from "../../Arguments.ts"
import type { Backoff } from "../../Backoff.ts"
import type { CircuitOpen, PolicyError } from "../../PolicyError.ts"
import type { CallOptions, Protect } from "../../PolicyTypes.ts"
import type { Breaker } from "./breaker.ts"
import type { Rules } from "./circuit.ts"
import type { OnChange, Snapshot, State, Stats, Transition } from "./state.ts"
import type { Trip } from "./trip.ts"

export const TypeId = "~@holdfast/core/CircuitBreaker"

/**
 * Protects calls that may fail with `E`.
 */
export interface CircuitBreaker<in E = unknown> {
  readonly [TypeId]: typeof TypeId

  /** Names the breaker in metrics, and its circuits in a store. */
  readonly name: string

  /**
   * Runs an effect through a circuit: the one for calls without a key, or with `{ key }` the one of that key.
   */
  readonly protect: Protect<E, PolicyError<CircuitOpen>, never>

  /** @internal The circuits of this process. */
  readonly breaker: Breaker<E>

  /** @internal Asked in place of them, if there is a store. */
  readonly stored: StoredBreaker<E> | undefined

  /** The state of a circuit. A circuit that was never used, or has been idle for long, is closed. */
  readonly state: (options?: CallOptions) => Effect.Effect<State>

  /** The counts that a circuit decides by, and its rejections. For a shared breaker: as known to this process. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** Emits the stats of a circuit at an interval. Default of `every`: `"1 second"`. */
  readonly watch: (
    options?: CallOptions & { readonly every?: Arguments.DurationInput | undefined }
  ) => Stream.Stream<Stats>

  /** All circuits as JSON data, to keep across a restart. */
  readonly snapshot: Effect.Effect<Snapshot>

  /**
   * Continues from a snapshot, without publishing transitions. An open circuit stays open for no longer than the
   * breaker's options allow; counts are kept if the trip is the same. Invalid data is a `RangeError`.
   */
  readonly restore: (snapshot: Snapshot) => Effect.Effect<void>

  /**
   * The transitions of all circuits from the subscription on. A subscriber more than 128 transitions behind misses the
   * oldest; calls never wait for subscribers.
   */
  readonly changes: Stream.Stream<Transition>

  /** Holds a circuit open until {@link CircuitBreaker.close}, for as long as the breaker lives. */
  readonly isolate: (options?: CallOptions) => Effect.Effect<void>

  /** Closes a circuit and clears its counts. Calls under way no longer count. */
  readonly close: (options?: CallOptions) => Effect.Effect<void>
}

/** The guard that `CircuitBreaker` publishes. */
export const isCircuitBreaker = (u: unknown): u is CircuitBreaker => hasProperty(u, TypeId)

/** A breaker that asks a store before and after each attempt. */
export interface StoredBreaker<in E> {
  readonly rules: Rules
  /** Runs an effect through the circuit of a key, and calls `onChange` if its end changes the state of the circuit. */
  readonly run: <A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    onChange?: OnChange
  ) => Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R>
}

/**
 * The options of a breaker. All are optional.
 */
export interface Options<in E = unknown> {
  /** Names the breaker in metrics. Default: `"circuit breaker"`. */
  readonly name?: string | undefined

  /** When a closed circuit opens: {@link consecutive} or {@link rate}. Default: `rate()`. */
  readonly trip?: Trip | undefined

  /**
   * How long an open circuit stays open. With a {@link Backoff}, the n-th opening in a row lasts its n-th delay, and
   * the count starts again when the circuit has stayed closed for as long as it was last open. Mind that a backoff's
   * default jitter is full, so an opening may last almost no time. Default: `"30 seconds"`.
   */
  readonly openFor?: Arguments.DurationInput | Backoff | undefined

  /**
   * How many probes may run at once in a half-open circuit, and how many must succeed to close it. Default: 1.
   */
  readonly probes?: number | undefined

  /**
   * The share of failed probes that opens a half-open circuit again, decided when `probes` calls have ended: above 0, at most
   * 1. Default: the first probe that fails opens it.
   */
  readonly probeThreshold?: number | undefined

  /**
   * How long a circuit may stay half-open. If its probes have not decided by then, it opens again for the same time as
   * before. Default: no limit.
   */
  readonly halfOpenFor?: Arguments.DurationInput | undefined

  /**
   * `"observe"` decides, counts and publishes as usual but rejects nothing, to try out a breaker. `"disabled"` does
   * nothing. Default: `"enabled"`.
   */
  readonly mode?: "enabled" | "observe" | "disabled" | undefined

  /**
   * Errors that count as neither success nor failure, such as the caller's own mistakes. Asked before `isFailure`.
   * Default: none.
   */
  readonly ignore?: ((error: E) => boolean) | undefined

  /**
   * Whether an error counts as a failure. Any other error counts as a success: a dependency that answers "not found" is
   * up. Default: every error is a failure.
   */
  readonly isFailure?: ((error: E) => boolean) | undefined

  /**
   * If the failure that opens a circuit has a `retryAfter` duration, as `AiError` and errors made from a `Retry-After`
   * header do, the circuit stays open at least that long, up to this limit. Default: `"5 minutes"`, Envoy's limit for
   * an ejection.
   */
  readonly maxRetryAfter?: Arguments.DurationInput | undefined

  /**
   * How many circuits are kept by key. A new key beyond evicts the least recently used of eight, closed circuits first.
   * Isolated circuits do not count towards the limit. Default: 1,000.
   */
  readonly maxKeys?: number | undefined

  /**
   * A circuit that has been unused for this long, not counting its open time, is reset. Must not be shorter than the
   * window of `trip`. Default: `"10 minutes"`, or the window if that is longer.
   */
  readonly idleTimeToLive?: Arguments.DurationInput | undefined
}

/**
 * The options of {@link makeShared}: those of {@link make} without `probes`, which is always 1 in a store.
 */
export interface SharedOptions<in E = unknown>
  extends Omit<Options<E>, "name" | "probes" | "probeThreshold" | "halfOpenFor">
{
  /** Names the breaker in metrics, and its circuits in the store: breakers of the same name share them. */
  readonly name: string

  /**
   * How long a call waits for the store before it continues without it. Default: `"1 second"`.
   */
  readonly storeTimeout?: Arguments.DurationInput | undefined
}
