/**
 * A second attempt when the first is slow: whichever succeeds first is the answer, and the other is interrupted.
 *
 * Where one call in a hundred is slow because of the server that it met and not because of what it asks for, asking
 * again is faster than waiting: a second call is slow as well one time in ten thousand. Sent only after the first has
 * taken longer than 95 % of the calls do, it adds 5 % of load and takes away most of the tail (Jeffrey Dean and Luiz
 * André Barroso, "The Tail at Scale", CACM 56(2), 2013).
 *
 * Hedging hurts when calls are slow because the other side has too much to do, since it then has more: give the hedge a
 * budget and let the delay follow the latency. It must not be used where doing the work twice does harm, so it takes
 * nothing but what {@link idempotent} declares. The loser is interrupted, and its finalizers are waited for: an attempt
 * that cannot be interrupted makes the answer wait for it.
 *
 * The rules are those of gRPC's hedging policy (gRFC A6), and the delay by a quantile is that of Finagle's
 * `BackupRequestFilter` and tower's `hedge`.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"
import { type HedgeOptions, hedgeOptions, quantileOptions } from "./internal/hedge/options.ts"
import * as Machine from "./internal/hedge/race.ts"
import type { CallOptions } from "./PolicyTypes.ts"
import { isRetryBudget } from "./RetryBudget.ts"

const TypeId = "~@holdfast/core/Hedge"

declare const IdempotentTypeId: unique symbol

/**
 * An effect that may run several times, also at the same time, with the outcome of one run. {@link idempotent} declares
 * it. The declaration is for this effect: one that is made from it, by `Effect.map` or any other way, has to be
 * declared again.
 */
export interface Idempotent<out A, out E = never, out R = never> extends Effect.Effect<A, E, R> {
  readonly [IdempotentTypeId]: typeof IdempotentTypeId
}

/** Starts a second attempt of calls that are slow. Made by {@link make}, shared by all that call one dependency. */
export interface Hedge<in E = unknown> {
  readonly [TypeId]: typeof TypeId

  /**
   * Runs an effect, and runs it again while it is slow or has failed. `{ key }` says which of several dependencies is
   * called: each key has latencies of its own.
   */
  readonly protect: Protect<E>

  /** What the hedge has done so far, with the delay for calls without a key or with the given one. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** @internal What the policies drive. */
  readonly machine: Machine.Hedge<E>
}

/**
 * `protect` of a hedge: an effect gives that effect protected, and options give a function that protects an effect.
 * Either way the effect has to be declared {@link Idempotent}.
 */
export type Protect<E> = <const S extends Idempotent<unknown, E, unknown> | CallOptions>(self: S) => Protected<S, E>

/** What `protect` makes of its argument. */
export type Protected<S, E> = S extends Idempotent<infer A1, infer E1, infer R1> ? Effect.Effect<A1, E1, R1> :
  <A1, E1 extends E, R1>(self: Idempotent<A1, E1, R1>) => Effect.Effect<A1, E1, R1>

/** What a hedge has done. */
export interface Stats {
  /** Calls that were made, of all keys. */
  readonly calls: number
  /** Attempts that were started beyond the first ones. */
  readonly hedges: number
  /** Calls that such an attempt answered. */
  readonly wins: number
  /** The delay before the next attempt in milliseconds, or `undefined` while too few calls have been measured. */
  readonly after: number | undefined
}

/** What bounds hedges to a share of the calls: a `RetryBudget`, or anything else that can say no. */
export interface Budget {
  /** Takes one hedge out of the budget, or says that there is none left. `now` is in milliseconds since the epoch. */
  readonly tryWithdraw: (now: number) => boolean
}

/** A delay that follows the latency, made by {@link quantile}. Durations are in milliseconds. */
export interface Quantile {
  readonly _tag: "Quantile"
  readonly quantile: number
  readonly window: number
  readonly minimumCalls: number
  readonly min: number
  readonly max: number
}

/** How to hedge. */
export interface Options<in E = unknown> {
  /**
   * How long to wait for an attempt before the next is started beside it: a duration, where zero starts all at once, or
   * {@link quantile}. It has no default: the 95th percentile of the latency is a good one.
   */
  readonly after: Arguments.DurationInput | Quantile

  /** How many attempts there may be beyond the first: a whole number of at least 1. Defaults to 1. */
  readonly max?: number | undefined

  /**
   * Whether another attempt may do better after this error; otherwise the error ends the call at once. Defaults to
   * `error.isRetryable !== false`.
   */
  readonly while?: ((error: E) => boolean) | undefined

  /** Asked before each hedge. After one that is refused the call has no more. Defaults to no limit. */
  readonly budget?: Budget | undefined

  /**
   * How many keys are remembered, for a delay by {@link quantile}: a whole number of at least 1. The one that was not
   * used for longest is forgotten. Defaults to 1,000.
   */
  readonly maxKeys?: number | undefined

  /** A key that was not used for this time is forgotten. Defaults to `"10 minutes"`. */
  readonly idleTimeToLive?: Arguments.DurationInput | undefined
}

/** How to hedge one effect. */
export interface FixedOptions<in E = unknown> extends Pick<Options<E>, "max" | "while" | "budget"> {
  /** How long to wait for an attempt before the next is started beside it: zero starts all at once. No default. */
  readonly after: Arguments.DurationInput
}

/**
 * Declares that an effect may run several times, also at the same time, with the outcome of one run. Nothing checks it:
 * reading is idempotent, and so is a write that the other side knows again by a key that is the same on every attempt.
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
 * A delay that follows the latency: this quantile of it, over the calls of the last window.
 *
 * The time of a first attempt counts when it succeeds, and when it has taken longer than the delay: one that lost
 * counts as a little more than the delay at least, so that the delay rises while more calls are hedged than should be.
 * Until there are `minimumCalls` times no attempt counts as slow; one that fails starts the next all the same. Times
 * are exact up to 32 ms and to a sixteenth above.
 *
 * - `quantile`: above 0 and below 1; `1 - quantile` is the share of calls that are hedged. Defaults to 0.95.
 * - `window`: the quantile is taken anew so often, and not before there are `minimumCalls`. Defaults to `"30 seconds"`.
 * - `minimumCalls`: a whole number of at least 1. Defaults to 20.
 * - `min`: the delay is never shorter. Defaults to `"1 millis"`, which is Finagle's.
 * - `max`: the delay is never longer. Defaults to no limit.
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
 * Makes a hedge that many calls share. Options that cannot be right are a `RangeError` that names the option.
 *
 * - The first success is the answer. The other attempts are interrupted, and have ended when it is seen.
 * - An attempt that fails starts the next one without a delay, unless the error asks for time by a `retryAfter`: then
 *   no more are started.
 * - When all fail, the failure of the first comes out, its cause untouched.
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
 * Hedges one effect after a fixed delay. Latencies and a budget are of use over many calls: {@link make} a hedge for
 * them.
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

/** @internal */
export const compile = <E>(where: string, options: Options<E>): Machine.Hedge<E> =>
  new Machine.Hedge(Arguments.check(where, alone, options))

// A `RetryBudget` withdraws by an effect, which a race cannot run: a policy knows the way around it.
const alone = Arguments.refine(hedgeOptions, ({ budget }, place) => {
  if (isRetryBudget(budget)) place.at("budget").fault("must be given to a policy, since it is a RetryBudget")
}) as Arguments.Check<Omit<HedgeOptions, "budget"> & { readonly budget: Budget | undefined }>

/** @internal */
export const fromMachine = <E>(machine: Machine.Hedge<E>): Hedge<E> => {
  const protect = (self: Idempotent<unknown, E, unknown> | CallOptions) =>
    Effect.isEffect(self)
      ? machine.run(self, undefined)
      : <A, E1 extends E, R>(effect: Idempotent<A, E1, R>) => machine.run(effect, self.key)
  return {
    [TypeId]: TypeId,
    machine,
    protect: protect as Hedge<E>["protect"],
    stats: (options) =>
      Effect.sync(() => {
        const after = machine.peek(options?.key)
        const { calls, hedges, wins } = machine
        return { calls, hedges, wins, after: after === Infinity ? undefined : after }
      })
  }
}
