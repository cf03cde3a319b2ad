/**
 * Faults, latency and wrong answers on purpose, from a seed, to test whether the program survives them.
 *
 * **When to use**
 *
 * Retries, breakers and fallbacks rarely run, until the day everything depends on them. Chaos exercises them when it
 * suits you: deterministically in tests, and on a game day at a rate that does no harm.
 *
 * **Details**
 *
 * The program marks where chaos may strike and which error to expect there. It runs undisturbed until a layer turns
 * chaos on. Put the mark inside the policy, directly around the call, since the policy is what you test. The kinds are
 * those of Simmy, in Polly since 8.3 (fault, latency, outcome, behaviour), and so is the default rate of 0.001. Polly
 * stacks one strategy a kind; here one decision holds them all: first latency, then behaviour, then fault, outcome or
 * hang.
 *
 * **Gotchas**
 *
 * Do not use it where a test needs one exact sequence of failures: script those instead of seeding them. Decisions are
 * drawn in the order in which calls start, so calls that race each other may swap theirs.
 *
 * **Example**
 *
 * See {@link Service}.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Machine from "./internal/chaos.ts"
import type { Kind } from "./internal/chaos.ts"
import type * as Jitter from "./Jitter.ts"

export type { Kind }

/**
 * How often chaos strikes, and what it does. A kind that is left out does not happen.
 */
export interface Options<out E, out A = never> {
  /** The seed: the same seed gives the same decisions. No default. */
  readonly seed: string | number

  /**
   * The share of calls that each kind strikes, between 0 and 1: one number for all kinds that are configured, or one
   * for each. A call has at most one fault, outcome or hang, so their rates must not exceed 1 in total. Default: 0.001.
   */
  readonly rate?: number | { readonly [K in Kind]?: number | undefined } | undefined

  /** The error of a call that fails instead of running. Default: no faults. */
  readonly fault?: (() => E) | undefined

  /** The answer of a call that succeeds instead of running. Default: no outcomes. */
  readonly outcome?: (() => A) | undefined

  /** Whether calls hang instead of running, until they are interrupted. Default: `false`. */
  readonly hang?: boolean | undefined

  /**
   * How long a late call waits before anything else happens to it, and the jitter of that wait. Default: no latency,
   * `Jitter.none`.
   */
  readonly latency?: {
    readonly duration: Duration.Input
    readonly jitter?: Jitter.Jitter | undefined
  } | undefined

  /**
   * An effect to run before a call, such as dropping a connection or a cache. If it fails, the call fails too. Default:
   * none.
   */
  readonly behaviour?: Effect.Effect<unknown, E> | undefined
}

declare const SelfTypeId: unique symbol

/**
 * A point in a program where chaos may strike with errors `E` and answers `A`. It is a `Context.Reference` that is off
 * by default, so the program needs no layer.
 */
export interface ServiceClass<in out Self, in out E, in out A>
  extends Context.Reference<Machine.Chaos<E, A> | undefined>
{
  readonly [SelfTypeId]?: Self

  /**
   * Lets chaos strike instead of or before an effect. Without a layer it runs the effect unchanged, after one lookup in
   * the context.
   */
  readonly inject: <A1, E1, R>(self: Effect.Effect<A1, E1, R>) => Effect.Effect<A1 | A, E1 | E, R>

  /**
   * Turns chaos on for the program it is provided to. Each build starts again from the seed. Throws a `RangeError` that
   * lists every invalid option.
   */
  readonly layer: (options: Options<E, A>) => Layer.Layer<never>

  /** Turns chaos off for the program it is provided to, if an outer layer has turned it on. */
  readonly layerNoop: Layer.Layer<never>
}

/**
 * Declares a point where chaos may strike: with which errors, and optionally with which wrong answers.
 *
 * ```ts import.meta.vitest
 * import { Chaos } from "@holdfast/core"
 * import { Data, Effect } from "effect"
 *
 * class StockError extends Data.TaggedError("StockError")<{ readonly injected: boolean }> {}
 * class StockChaos extends Chaos.Service<StockChaos, StockError>()("app/StockChaos") {}
 *
 * const fetchStock = Effect.succeed(12).pipe(StockChaos.inject)
 *
 * await Effect.runPromise(fetchStock) // => 12
 *
 * const GameDay = StockChaos.layer({ seed: "game day", rate: 0.5, fault: () => new StockError({ injected: true }) })
 * const program = Effect.all(Array.from({ length: 8 }, () => Effect.isSuccess(fetchStock)))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(GameDay)))
 * // => [true, true, false, false, true, true, true, false]
 * ```
 */
export const Service = <Self, E, A = never>() => (id: string): ServiceClass<Self, E, A> => {
  const Tag = Context.Reference<Machine.Chaos<E, A> | undefined>(id, { defaultValue: () => undefined })
  return Object.assign(Tag, {
    inject: <A1, E1, R>(self: Effect.Effect<A1, E1, R>) =>
      Effect.withFiber<A1 | A, E1 | E, R>((fiber) => fiber.getRef(Tag)?.disturb(self) ?? self),
    layer: (options: Options<E, A>) => {
      const rules = Machine.compile(`${id}.layer`, options)
      // Its own random sequence: numbers that the program draws do not change the decisions, nor the other way round.
      const chance = Random.withSeed(Random.Random, options.seed)
      return Layer.effect(Tag, Effect.map(chance, (random) => new Machine.Chaos(id, rules, random)))
    },
    layerNoop: Layer.succeed(Tag, undefined)
  })
}
