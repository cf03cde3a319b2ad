/**
 * Delay sequences for retries, as plain `Schedule`s: each works in `Effect.retry`, in `Retry` and in anything else that
 * takes a `Schedule`.
 *
 * **When to use**
 *
 * Backoff is the answer to a dependency that is overloaded or restarting. Where a person waits for the answer and the
 * failure is not caused by load, retry once without a delay, or hedge.
 *
 * **Details**
 *
 * Every sequence is capped after jitter and finite for any attempt number, so that the fortieth delay is `max` and not
 * six million days. Jitter is drawn from Effect's `Random`, so the same seed gives the same sequence.
 *
 * **Gotchas**
 *
 * The sequences never end on their own: give the retry a limit.
 *
 * **Example**
 *
 * See {@link exponential}.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import { hasProperty } from "effect/Predicate"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Arguments from "./Arguments.ts"
import { plural } from "./internal/arguments/plural.ts"
import {
  constantFields,
  decorrelatedFields,
  exponentialFields,
  linearFields,
  longest,
  notBelowInitial
} from "./internal/backoffOptions.ts"
import * as Jitter from "./Jitter.ts"

const TypeId = "~@holdfast/core/Backoff"

/**
 * A `Schedule` that never ends and outputs the delay. {@link Backoff.delay} computes a delay without a step. Two
 * backoffs made with the same options are equal by Effect's `Equal`, so options with backoffs compare by value.
 */
export interface Backoff extends Schedule.Schedule<Duration.Duration> {
  readonly [TypeId]: typeof TypeId

  /**
   * The delay in milliseconds before retry number `retry` (1 is the first). `previous` is the delay before the last
   * retry, 0 for the first; `random` is drawn from `[0, 1)`. Pure.
   */
  readonly delay: (retry: number, previous: number, random: number) => number

  /** The longest possible delay, in milliseconds. */
  readonly max: number

  /** The sequence in words. */
  readonly toString: () => string

  /** @internal The options that it was made with. */
  readonly made: string
}

/**
 * Tells a `Backoff` from any other value.
 *
 * ```ts import.meta.vitest
 * import { Backoff } from "@holdfast/core"
 * import { Schedule } from "effect"
 *
 * Backoff.isBackoff(Backoff.exponential()) // => true
 * Backoff.isBackoff(Schedule.forever) // => false
 * ```
 */
export const isBackoff = (u: unknown): u is Backoff => hasProperty(u, TypeId)

const make = (of: ReadonlyArray<unknown>, words: string, max: number, delay: Backoff["delay"]): Backoff => {
  const made = JSON.stringify(of)
  return Object.assign(
    Schedule.fromStep(Random.Random.useSync((random) => {
      let retry = 0
      let previous = 0
      return () => {
        previous = delay(++retry, previous, random.nextDoubleUnsafe())
        const duration = Duration.millis(previous)
        return Effect.succeed<[Duration.Duration, Duration.Duration]>([duration, duration])
      }
    })),
    {
      [TypeId]: TypeId,
      delay,
      max,
      made,
      toString: () => words,
      [Equal.symbol]: (that: unknown) => isBackoff(that) && that.made === made,
      [Hash.symbol]: () => Hash.string(made)
    } as const
  )
}

const format = (millis: number): string => Duration.format(Duration.millis(millis))

/**
 * The same delay every time.
 *
 * - `delay`: zero or more.
 * - `jitter`: Default: `Jitter.none`.
 *
 * Jitter never lengthens the delay: the cap is `delay` itself.
 *
 * ```ts import.meta.vitest
 * import { Backoff } from "@holdfast/core"
 *
 * Backoff.constant({ delay: "1 second" }).delay(7, 1000, 0.5) // => 1000
 * ```
 */
export const constant = (options: {
  readonly delay: Arguments.DurationInput
  readonly jitter?: Jitter.Jitter | undefined
}): Backoff => {
  const { delay, jitter } = Arguments.check("Backoff.constant", constantOptions, options)
  return capped(["constant", delay], format(delay), () => delay, delay, jitter)
}

/**
 * A delay that grows by a constant step: `initial + (n - 1) * increment` before retry `n`.
 *
 * - `initial`: Default: `"100 millis"`.
 * - `increment`: Default: `initial`.
 * - `max`: no delay is longer, jitter included. Default: `"20 seconds"`, or `initial` if that is longer.
 * - `jitter`: Default: `Jitter.full`.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Jitter } from "@holdfast/core"
 *
 * const backoff = Backoff.linear({ initial: "1 second", max: "5 seconds", jitter: Jitter.none })
 * const delays = [1, 2, 3, 40].map((retry) => backoff.delay(retry, 0, 0))
 * delays // => [1000, 2000, 3000, 5000]
 * ```
 */
export const linear = (options?: {
  readonly initial?: Arguments.DurationInput | undefined
  readonly increment?: Arguments.DurationInput | undefined
  readonly max?: Arguments.DurationInput | undefined
  readonly jitter?: Jitter.Jitter | undefined
}): Backoff => {
  const { increment: given, initial, jitter, max = longest(initial) } = Arguments.check(
    "Backoff.linear",
    linearOptions,
    options ?? {}
  )
  const increment = given ?? initial
  const words = `${format(initial)}, then ${format(increment)} more each time up to ${format(max)}`
  const of = ["linear", initial, increment]
  return capped(of, words, (retry) => initial + (retry - 1) * increment, max, jitter)
}

/**
 * A delay that grows by a constant factor: `initial * factor ** (n - 1)` before retry `n`.
 *
 * - `initial`: longer than zero. Default: `"100 millis"`.
 * - `factor`: at least 1. Default: 2.
 * - `max`: no delay is longer, jitter included. Default: `"20 seconds"`, or `initial` if that is longer.
 * - `jitter`: Default: `Jitter.full`.
 *
 * The defaults are those of the AWS SDKs' standard retry mode.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Jitter } from "@holdfast/core"
 *
 * const backoff = Backoff.exponential({ initial: "1 second", max: "16 seconds", jitter: Jitter.none })
 * const delays = [1, 2, 3, 4, 5, 6, 1_000_000].map((retry) => backoff.delay(retry, 0, 0))
 * delays // => [1000, 2000, 4000, 8000, 16000, 16000, 16000]
 * ```
 */
export const exponential = (options?: {
  readonly initial?: Arguments.DurationInput | undefined
  readonly factor?: number | undefined
  readonly max?: Arguments.DurationInput | undefined
  readonly jitter?: Jitter.Jitter | undefined
}): Backoff => {
  const { factor, initial, jitter, max = longest(initial) } = Arguments.check(
    "Backoff.exponential",
    exponentialOptions,
    options ?? {}
  )
  const words = factor === 1
    ? `${format(initial)} each time`
    : `${format(initial)}, then ${plural(factor, "time")} as long each time up to ${format(max)}`
  const of = ["exponential", initial, factor]
  return capped(of, words, (retry) => initial * factor ** (retry - 1), max, jitter)
}

/**
 * A delay drawn between `initial` and three times the delay before it: `min(max, U(initial, previous * 3))`. It spreads
 * callers as widely as full jitter, but never retries sooner than `initial`.
 *
 * - `initial`: longer than zero. Default: `"100 millis"`.
 * - `max`: no delay is longer. Default: `"20 seconds"`, or `initial` if that is longer.
 *
 * The formula is "Decorrelated Jitter" in Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015,
 * where the first delay is drawn as if the previous one had been `initial`.
 *
 * ```ts import.meta.vitest
 * import { Backoff } from "@holdfast/core"
 *
 * const backoff = Backoff.decorrelated({ initial: "1 second", max: "10 seconds" })
 * backoff.delay(1, 0, 0.5) // => 2000
 * backoff.delay(2, 2000, 0.5) // => 3500
 * backoff.delay(3, 8000, 0.9) // => 10000
 * ```
 */
export const decorrelated = (options?: {
  readonly initial?: Arguments.DurationInput | undefined
  readonly max?: Arguments.DurationInput | undefined
}): Backoff => {
  const { initial, max = longest(initial) } = Arguments.check(
    "Backoff.decorrelated",
    decorrelatedOptions,
    options ?? {}
  )
  const words = `between ${format(initial)} and three times the last delay up to ${format(max)}`
  return make(["decorrelated", initial, max], words, max, (_, previous, random) => {
    const last = Math.max(previous, initial)
    return Math.min(max, initial + random * (last * 3 - initial))
  })
}

const { duration, optional, refine, struct } = Arguments
const spread = { jitter: optional(Jitter.option, Jitter.full) }
const constantOptions = struct({ ...constantFields(duration), jitter: optional(Jitter.option, Jitter.none) })
const linearOptions = refine(struct({ ...linearFields(duration), ...spread }), notBelowInitial)
const exponentialOptions = refine(struct({ ...exponentialFields(duration), ...spread }), notBelowInitial)
const decorrelatedOptions = refine(struct(decorrelatedFields(duration)), notBelowInitial)

// Jitter may lengthen a delay, so the cap comes last. An overflow to Infinity is capped before jitter, which would turn
// it into NaN.
const capped = (
  of: ReadonlyArray<unknown>,
  words: string,
  base: (retry: number) => number,
  max: number,
  jitter: Jitter.Jitter
): Backoff =>
  make(
    [...of, max, jitter],
    `${words}${jitterWords(jitter)}`,
    max,
    (retry, _, random) => Math.min(max, Jitter.apply(jitter, Math.min(max, base(retry)), random))
  )

const jitterWords = (jitter: Jitter.Jitter): string => {
  switch (jitter._tag) {
    case "None":
      return ""
    case "Full":
      return ", with full jitter"
    case "Equal":
      return ", with equal jitter"
    case "Proportional":
      return `, with jitter of ${Math.round(jitter.factor * 100)} %`
  }
}
