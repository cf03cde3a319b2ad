/**
 * A second attempt when the first is slow: whichever succeeds first is the answer, and the other is interrupted.
 *
 * **When to use**
 *
 * If one call in a hundred is slow because of the server that handles it, not because of the request, then sending it
 * again is faster than waiting: both calls are slow only once in ten thousand. A second call sent only after the first
 * has taken longer than 95 % of calls adds 5 % of load and removes most of the tail (Jeffrey Dean and Luiz André
 * Barroso, "The Tail at Scale", CACM 56(2), 2013).
 *
 * **Details**
 *
 * The rules are those of gRPC's hedging policy (gRFC A6), and the delay by a quantile is that of Finagle's
 * `BackupRequestFilter` and tower's `hedge`. A hedge accepts only effects declared {@link idempotent}.
 *
 * **Gotchas**
 *
 * Hedging adds load where calls are slow because the dependency is overloaded: give the hedge a budget and let the
 * delay follow the latency. The loser is interrupted and its finalizers are awaited, so an uninterruptible attempt
 * delays the answer.
 *
 * **Example**
 *
 * See {@link hedge} and {@link make}.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"
import { protectBy } from "./internal/call/protect.ts"
import {
  type Budget,
  type HedgeOptions,
  hedgeOptions,
  type Quantile,
  quantileOptions
} from "./internal/hedge/options.ts"
import * as Machine from "./internal/hedge/race.ts"
import type { CallOptions } from "./PolicyTypes.ts"
import { isRetryBudget } from "./RetryBudget.ts"

const TypeId = "~@holdfast/core/Hedge"

/**
 * An effect that may run several times, even concurrently, with the outcome of one run. Declare it with {@link
 * idempotent}. The declaration covers only this effect: declare an effect derived from it, such as by `Effect.map`,
 * again.
 */
export interface Idempotent<out A, out E = never, out R = never> extends Effect.Effect<A, E, R> {
  /** Only a type. The compiler names it where the declaration is missing. */
  readonly "~declared by Hedge.idempotent": true
}

/**
 * Starts a second attempt of slow calls. Make it with {@link make}, and share it between all callers of one dependency.
 */
export interface Hedge<in E = unknown> {
  readonly [TypeId]: typeof TypeId

  /**
   * Runs an effect, and runs it again while it is slow or has failed. `{ key }` names one of several dependencies: each
   * key has its own latencies.
   */
  readonly protect: Protect<E>

  /** Figures so far, with the delay for calls without a key or with the given one. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** @internal What the policies drive. */
  readonly machine: Machine.Hedge<E>
}

/**
 * `protect` of a hedge: an effect gives that effect protected, and options give a function that protects an effect.
 * Either way the effect must be declared {@link Idempotent}.
 */
export type Protect<E> = <const S extends Idempotent<unknown, E, unknown> | CallOptions>(self: S) => Protected<S, E>

/** The result of `protect` for its argument. */
export type Protected<S, E> = S extends Idempotent<infer A1, infer E1, infer R1> ? Effect.Effect<A1, E1, R1> :
  <A1, E1 extends E, R1>(self: Idempotent<A1, E1, R1>) => Effect.Effect<A1, E1, R1>

/** What a hedge has done. */
export interface Stats {
  /** Calls made, over all keys. */
  readonly calls: number
  /** Attempts started beyond the first of each call. */
  readonly hedges: number
  /** Calls answered by a hedge. */
  readonly wins: number
  /** The delay before the next attempt in milliseconds, or `undefined` while too few calls have been measured. */
  readonly after: number | undefined
}

export type { Budget, Quantile }

/** The options of a hedge. */
export interface Options<in E = unknown> {
  /**
   * How long to wait for an attempt before the next is started beside it: a duration, where zero starts all at once, or
   * {@link quantile}. The 95th percentile of the latency is a good choice. No default.
   */
  readonly after: Arguments.DurationInput | Quantile

  /** How many attempts may be started beyond the first: a whole number of at least 1. Default: 1. */
  readonly max?: number | undefined

  /**
   * Whether another attempt may succeed after this error. If not, the error ends the call at once. Default:
   * `error.isRetryable !== false`.
   */
  readonly while?: ((error: E) => boolean) | undefined

  /** Consulted before each hedge. After a refusal the call starts no more hedges. Default: no limit. */
  readonly budget?: Budget | undefined

  /**
   * How many keys are remembered, for a delay by {@link quantile}: a whole number of at least 1. The least recently
   * used is evicted. Default: 1,000.
   */
  readonly maxKeys?: number | undefined

  /** A key that has not been used for this long starts over, and is evicted when a new key comes. Default: `"10 minutes"`. */
  readonly idleTimeToLive?: Arguments.DurationInput | undefined
}

/** The options of {@link hedge}. */
export interface FixedOptions<in E = unknown> extends Pick<Options<E>, "max" | "while" | "budget"> {
  /** How long to wait for an attempt before the next is started beside it: zero starts all at once. No default. */
  readonly after: Arguments.DurationInput
}

/**
 * Declares that an effect may run several times, even concurrently, with the outcome of one run. The declaration is not
 * checked. Reads are idempotent, and so are writes with an idempotency key that is the same on every attempt.
 *
 * ```ts import.meta.vitest
 * import { Hedge } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const readStock = Hedge.idempotent(Effect.succeed(12))
 *
 * await Effect.runPromise(readStock.pipe(Hedge.hedge({ after: "50 millis" }))) // => 12
 * ```
 */
export const idempotent = <A, E, R>(self: Effect.Effect<A, E, R>): Idempotent<A, E, R> => self as Idempotent<A, E, R>

/**
 * A delay that follows the latency: its quantile over the calls of the last window.
 *
 * The latency of a first attempt is recorded when it succeeds, and when it has exceeded the delay: a first attempt that
 * lost is recorded as slightly above the delay at least, so the delay rises while too many calls are hedged. Until
 * `minimumCalls` latencies are recorded, no attempt is hedged for being slow; a failed attempt still starts the next.
 * Latencies are exact up to 32 ms, and within a sixteenth above.
 *
 * - `quantile`: above 0 and below 1; `1 - quantile` is the share of calls that are hedged. Default: 0.95.
 * - `window`: how often the quantile is recomputed, once there are `minimumCalls`. Default: `"30 seconds"`.
 * - `minimumCalls`: a whole number of at least 1. Default: 20.
 * - `min`: the delay is never shorter. Default: `"1 millis"`, which is Finagle's.
 * - `max`: the delay is never longer. Default: no limit.
 *
 * ```ts import.meta.vitest
 * import { Hedge } from "@holdfast/core"
 *
 * Hedge.quantile({ quantile: 0.99, min: "10 millis" })
 * // => { _tag: "Quantile", quantile: 0.99, window: 30_000, minimumCalls: 20, min: 10, max: Infinity }
 * ```
 */
export const quantile = (options?: {
  readonly quantile?: number | undefined
  readonly window?: Arguments.DurationInput | undefined
  readonly minimumCalls?: number | undefined
  readonly min?: Arguments.DurationInput | undefined
  readonly max?: Arguments.DurationInput | undefined
}): Quantile => ({ _tag: "Quantile", ...Arguments.check("Hedge.quantile", quantileOptions, options ?? {}) })

/**
 * Makes a hedge that many calls share. Invalid options are a defect: one `RangeError` that lists every fault.
 *
 * - The first success is the answer. The other attempts are interrupted, and have ended by the time it is returned.
 * - An attempt that fails starts the next one without a delay, unless the error has a `retryAfter`: then no more are
 *   started.
 * - If all fail, the call fails with the failure of the first, its cause unchanged.
 * - A defect or an interruption within an attempt ends the call with it.
 *
 * ```ts import.meta.vitest
 * import { Hedge } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const readStock = Hedge.idempotent(Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed(12)))
 *
 * const program = Effect.gen(function*() {
 *   const hedge = yield* Hedge.make({ after: "5 millis" })
 *   const stock = yield* readStock.pipe(hedge.protect)
 *   return [stock, yield* hedge.stats()]
 * })
 *
 * await Effect.runPromise(program) // => [12, { calls: 1, hedges: 1, wins: 1, after: 5 }]
 * ```
 */
export const make = <E = unknown>(options: Options<E>): Effect.Effect<Hedge<E>> =>
  Effect.sync(() => fromMachine(compile("Hedge.make", options)))

/**
 * Hedges one effect after a fixed delay. Measured latencies and a budget need many calls: use {@link make} for them.
 *
 * ```ts import.meta.vitest
 * import { Hedge } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const readStock = Hedge.idempotent(Effect.suspend(() => Effect.fail(`attempt ${++attempts}`)))
 *
 * // The failure of the first attempt starts the second, and comes out when that fails too.
 * await Effect.runPromise(readStock.pipe(Hedge.hedge({ after: "1 second" }), Effect.flip)) // => "attempt 1"
 * attempts // => 2
 * ```
 */
export const hedge: {
  <E>(
    options: FixedOptions<E>
  ): <A, E1 extends E, R>(self: Idempotent<A, E1, R>) => Effect.Effect<A, E1, R>
  <A, E, R>(self: Idempotent<A, E, R>, options: FixedOptions<E>): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Idempotent<A, E, R>, options: FixedOptions<E>): Effect.Effect<A, E, R> =>
    compile("Hedge.hedge", options).run(self, undefined)
)

/**
 * Tells a `Hedge` from any other value.
 *
 * ```ts import.meta.vitest
 * import { Hedge } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * Hedge.isHedge(Effect.runSync(Hedge.make({ after: "1 second" }))) // => true
 * Hedge.isHedge({}) // => false
 * ```
 */
export const isHedge = (u: unknown): u is Hedge => hasProperty(u, TypeId)

const compile = <E>(where: string, options: Options<E>): Machine.Hedge<E> =>
  new Machine.Hedge(Arguments.check(where, alone, options))

// A `RetryBudget` withdraws in an effect, which a race cannot run. Policies use its `account` instead.
const alone = Arguments.refine(hedgeOptions, ({ budget }, place) => {
  if (isRetryBudget(budget)) place.at("budget").fault("must be given to a policy, since it is a RetryBudget")
}) as Arguments.Check<Omit<HedgeOptions, "budget"> & { readonly budget: Budget | undefined }>

const fromMachine = <E>(machine: Machine.Hedge<E>): Hedge<E> => ({
  [TypeId]: TypeId,
  machine,
  protect: protectBy((self, key) => machine.run(self, key)) as Hedge<E>["protect"],
  stats: (options) =>
    Effect.sync(() => {
      const after = machine.peek(options?.key)
      const { calls, hedges, wins } = machine
      return { calls, hedges, wins, after: after === Infinity ? undefined : after }
    })
})
