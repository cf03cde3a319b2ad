/**
 * Chaos for one call: a decision drawn from a few random numbers, and the effect that carries it out.
 *
 * Guarded by `test/Chaos.test.ts` and `test/isolation/throwing.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Random from "effect/Random"
import * as Arguments from "../Arguments.ts"
import * as Jitter from "../Jitter.ts"

/** What chaos can do to a call. */
export type Kind = "latency" | "behaviour" | "fault" | "outcome" | "hang"

/** What happens to a call instead of running. */
type Fate = "fault" | "outcome" | "hang"

export interface Decision {
  /** Whether the call is late, and how many milliseconds. */
  readonly latency: number | undefined
  readonly behaviour: boolean
  readonly fate: Fate | undefined
}

const spared: Decision = { latency: undefined, behaviour: false, fate: undefined }

/** Disturbs calls with its own random sequence. */
export class Chaos<out E, out A> {
  private readonly id: string
  private readonly random: Random.Random
  private readonly rules: Rules<E, A>

  constructor(id: string, rules: Rules<E, A>, random: Random.Random) {
    this.id = id
    this.rules = rules
    this.random = random
  }

  /**
   * Decides about the next call. Every call draws the same numbers, whichever kinds are on, so the same calls are late
   * with and without faults.
   */
  decide(): Decision {
    const { behaviour, fault, hang, jitter, latency, late, outcome } = this.rules
    const isLate = this.random.nextDoubleUnsafe() < late
    const spread = this.random.nextDoubleUnsafe()
    const behaves = this.random.nextDoubleUnsafe() < behaviour
    const lot = this.random.nextDoubleUnsafe()
    const fate = lot < fault
      ? "fault"
      : lot < fault + outcome
      ? "outcome"
      : lot < fault + outcome + hang
      ? "hang"
      : undefined
    return isLate || behaves || fate !== undefined
      ? { latency: isLate ? Jitter.apply(jitter, latency, spread) : undefined, behaviour: behaves, fate }
      : spared
  }

  /** The effect, unchanged or disturbed. */
  disturb<A1, E1, R>(self: Effect.Effect<A1, E1, R>): Effect.Effect<A1 | A, E1 | E, R> {
    const { behaviour, fate, latency } = this.decide()
    let disturbed: Effect.Effect<A1 | A, E1 | E, R> = self
    if (fate !== undefined) disturbed = this.note(fate, this.rules.fates[fate])
    if (behaviour) disturbed = Effect.andThen(this.note("behaviour", this.rules.behave), disturbed)
    if (latency !== undefined) disturbed = this.note("latency", Effect.delay(disturbed, Duration.millis(latency)))
    return disturbed
  }

  /** Counts an injection and records it on the current span, to tell it from a real failure. */
  private note<A1, E1, R>(kind: Kind, self: Effect.Effect<A1, E1, R>): Effect.Effect<A1, E1, R> {
    return Effect.withFiber((fiber) => {
      Metric.counter("holdfast.chaos.injections", {
        description: "Calls that were disturbed on purpose",
        attributes: { "holdfast.chaos": this.id, kind, unit: "{call}" },
        incremental: true
      }).updateUnsafe(1, fiber.context)
      const span = fiber.cache.span
      if (span === undefined || span._tag !== "Span") return self
      return Effect.clockWith((clock) => {
        span.event("holdfast.chaos", clock.currentTimeNanosUnsafe(), { "holdfast.chaos": this.id, kind })
        return self
      })
    })
  }
}

/** The compiled options: the rate of each kind, 0 for what is not configured, and what it does. */
export interface Rules<out E, out A> {
  readonly late: number
  readonly behaviour: number
  readonly fault: number
  readonly outcome: number
  readonly hang: number
  readonly latency: number
  readonly jitter: Jitter.Jitter
  readonly behave: Effect.Effect<unknown, E>
  readonly fates: { readonly [K in Fate]: Effect.Effect<A, E> }
}

const rate: Arguments.Check<number> = (value, place) => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  place.fault(`must be between 0 and 1, got ${Arguments.show(value)}`)
  return NaN
}

const { callback, optional, struct } = Arguments

/** The default rate of a kind: Polly's. */
const defaultRate = 0.001

const rates = struct({
  latency: optional(rate),
  behaviour: optional(rate),
  fault: optional(rate),
  outcome: optional(rate),
  hang: optional(rate)
})

const isSeed = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number"

const isEffect = (value: unknown): value is Effect.Effect<unknown, unknown> => Effect.isEffect(value)

const fields = struct({
  seed: Arguments.instance(isSeed, "a string or a number"),
  rate: (value, place) =>
    value === undefined || typeof value === "number"
      ? optional(rate, defaultRate)(value, place)
      : rates(value, place),
  fault: optional(callback()),
  outcome: optional(callback()),
  hang: optional(Arguments.boolean, false),
  latency: optional(struct({
    duration: Arguments.duration({ min: 0 }),
    jitter: optional(Jitter.option)
  })),
  behaviour: optional(Arguments.instance(isEffect, "an Effect"))
})

/** The rate of each kind: 0 for one that is off. */
const ratesOf = ({ behaviour, fault, hang, latency, outcome, rate }: ReturnType<typeof fields>) => {
  const rateOf = (kind: Kind, isOn: boolean): number =>
    !isOn ? 0 : typeof rate === "number" ? rate : rate[kind] ?? defaultRate
  return {
    late: rateOf("latency", latency !== undefined),
    behaviour: rateOf("behaviour", behaviour !== undefined),
    fault: rateOf("fault", fault !== undefined),
    outcome: rateOf("outcome", outcome !== undefined),
    hang: rateOf("hang", hang)
  }
}

const chaosOptions = Arguments.refine(fields, (options, place) => {
  const { fault, hang, outcome } = ratesOf(options)
  // A call has one fate, so the rates sum to at most 1; the half billionth allows for rounding.
  const sum = fault + outcome + hang
  if (sum > 1 + 5e-10) {
    place.fault(`the rates of fault, outcome and hang must not be above 1 together, got ${sum}`)
  }
})

/** The options that say what chaos does, whose results only types know. */
interface Effects<out E, out A> {
  readonly fault?: (() => E) | undefined
  readonly outcome?: (() => A) | undefined
  readonly behaviour?: Effect.Effect<unknown, E> | undefined
}

export const compile = <E, A>(where: string, options: Effects<E, A>): Rules<E, A> => {
  const checked = Arguments.check(where, chaosOptions, options)
  const rates = ratesOf(checked)
  const { latency } = checked
  // The types of the options ensure their results.
  const { behaviour, fault, outcome } = options
  return {
    ...rates,
    latency: latency?.duration ?? 0,
    jitter: latency?.jitter ?? Jitter.none,
    behave: behaviour ?? Effect.void,
    fates: {
      fault: fault === undefined ? Effect.never : Effect.suspend(() => Effect.fail(fault())),
      outcome: outcome === undefined ? Effect.never : Effect.sync(outcome),
      hang: Effect.never
    }
  }
}
