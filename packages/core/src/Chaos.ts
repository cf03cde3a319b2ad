/**
 * Faults, latency and wrong answers on purpose, from a seed, to see whether the program holds.
 *
 * Retries, breakers and fallbacks are the code that runs least until the day on which all depends on it. Chaos makes
 * that day come when it suits: in tests the same way every time, on a game day at a rate that hurts nobody.
 *
 * The program marks where chaos may strike, with the error that it then has to expect, and runs as it is until a
 * layer says how often. Put the mark inside the policy, right around the call, since it is the policy that is tried.
 *
 * It hurts where a test needs one certain sequence of failures: give that test a script and not a seed. Decisions
 * are dealt out in the order in which calls start, so calls that race each other may swap theirs.
 *
 * The kinds are those of Simmy, in Polly since 8.3 (fault, latency, outcome, behaviour), and so is the default rate of
 * 0.001. Polly stacks one strategy a kind; here one decision holds them all: first latency, then behaviour, then fault,
 * outcome or hang.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Machine from "./internal/chaos.ts"
import type * as Jitter from "./Jitter.ts"

/** What chaos can do to a call. */
export type Kind = "latency" | "behaviour" | "fault" | "outcome" | "hang"

/**
 * How often chaos strikes, and what it does. A kind that is left out does not happen.
 */
export interface Options<out E, out A = never> {
  /** Where the chance begins: the same seed gives the same decisions. It has no default. */
  readonly seed: string | number

  /**
   * The share of calls that each kind strikes, between 0 and 1: one number for all kinds that are configured, or one
   * for each. A call has one fault, outcome or hang at most, so their rates must not be above 1 together. Defaults to
   * 0.001.
   */
  readonly rate?: number | { readonly [K in Kind]?: number | undefined } | undefined

  /** The error of a call that fails in place of running. Defaults to no faults. */
  readonly fault?: (() => E) | undefined

  /** The answer of a call that succeeds in place of running. Defaults to no outcomes. */
  readonly outcome?: (() => A) | undefined

  /** Whether calls hang in place of running, until they are interrupted. Defaults to `false`. */
  readonly hang?: boolean | undefined

  /**
   * How long a late call waits before anything else becomes of it, and how that is spread. Defaults to no latency, and
   * to `Jitter.none`.
   */
  readonly latency?: {
    readonly duration: Duration.Input
    readonly jitter?: Jitter.Jitter | undefined
  } | undefined

  /** What runs before a call, to drop a connection or a cache. If it fails, so does the call. Defaults to nothing. */
  readonly behaviour?: Effect.Effect<unknown, E> | undefined
}

declare const SelfTypeId: unique symbol

/**
 * A place of a program where chaos may strike with errors `E` and answers `A`. It is a reference that is off by
 * default, so a program that has one needs no layer.
 */
export interface ServiceClass<in out Self, in out E, in out A>
  extends Context.Reference<Machine.Chaos<E, A> | undefined>
{
  readonly [SelfTypeId]?: Self

  /**
   * Lets chaos strike in place of or before an effect. Without a layer it is the effect itself, a look at the context
   * later.
   */
  readonly inject: <A1, E1, R>(self: Effect.Effect<A1, E1, R>) => Effect.Effect<A1 | A, E1 | E, R>

  /**
   * Turns chaos on below. Each time it is built the seed begins anew. Options that cannot be right are a `RangeError`
   * that names the option.
   */
  readonly layer: (options: Options<E, A>) => Layer.Layer<never>

  /** Turns chaos off below, where a layer further out has turned it on. */
  readonly layerNoop: Layer.Layer<never>
}

/**
 * Declares a place where chaos may strike: with which errors, and with which answers if there shall be wrong ones.
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
      // Chance of its own: what the program draws does not move the decisions, and they do not move what it draws.
      const chance = Random.withSeed(Random.Random, options.seed)
      return Layer.effect(Tag, Effect.map(chance, (random) => new Machine.Chaos(id, rules, random)))
    },
    layerNoop: Layer.succeed(Tag, undefined)
  })
}
