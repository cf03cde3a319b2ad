/**
 * Spreads delays at random, so that callers that failed together do not retry together.
 *
 * **When to use**
 *
 * Without jitter, clients that lost the same server at the same moment retry at the same moments too, and all of them
 * hit the server at once when it recovers. Choose `none` only if there is a single caller or a protocol fixes the
 * delay.
 *
 * **Details**
 *
 * The names and formulas of `full` and `equal` are those of Marc Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015; because of its measurements, `full` is the default of `Backoff`.
 *
 * **Gotchas**
 *
 * With `full` a delay may be almost nothing. Where the dependency needs a minimum pause, use `equal`.
 *
 * **Example**
 *
 * See {@link apply}.
 */
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"

/**
 * How a delay of `d` milliseconds is spread, with `u` uniform in `[0, 1)`.
 *
 * - `None`: `d`
 * - `Full`: `u * d`
 * - `Equal`: `d / 2 + u * d / 2`
 * - `Proportional`: `d * (1 - factor + 2 * factor * u)`
 */
export type Jitter =
  | { readonly _tag: "None" }
  | { readonly _tag: "Full" }
  | { readonly _tag: "Equal" }
  | { readonly _tag: "Proportional"; readonly factor: number }

/**
 * Leaves a delay unchanged.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.none, 1000, 0.25) // => 1000
 * ```
 */
export const none: Jitter = { _tag: "None" }

/**
 * Draws a delay between zero and the full delay: the widest spread, and the least load on the dependency.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.full, 1000, 0.25) // => 250
 * ```
 */
export const full: Jitter = { _tag: "Full" }

/**
 * Keeps half of a delay and draws the other half, for a dependency that needs a minimum pause.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.equal, 1000, 0.5) // => 750
 * ```
 */
export const equal: Jitter = { _tag: "Equal" }

/**
 * Changes a delay by up to `factor` of itself, up or down. `factor` is a share between 0 and 1; anything else is a
 * `RangeError`.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.proportional(0.1), 1000, 0) // => 900
 * ```
 */
export const proportional = (factor: number): Jitter => ({
  _tag: "Proportional",
  factor: Arguments.check("Jitter.proportional", (value, place) => factorOption(value, place.at("factor")), factor)
})

const factorOption: Arguments.Check<number> = (value, place) => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  place.fault(`must be between 0 and 1, got ${Arguments.show(value)}`)
  return NaN
}

const proportionalData = Arguments.struct({ _tag: Arguments.oneOf("Proportional"), factor: factorOption })

/** @internal Checks a jitter, including one written as a plain object. */
export const option: Arguments.Check<Jitter> = (value, place) => {
  if (hasProperty(value, "_tag")) {
    if (value._tag === "None" || value._tag === "Full" || value._tag === "Equal") return { _tag: value._tag }
    if (value._tag === "Proportional") return proportionalData(value, place)
  }
  place.fault(`must be Jitter.none, full, equal or proportional, got ${Arguments.show(value)}`)
  return none
}

/**
 * Spreads one delay. `delay` is in milliseconds, `random` a number from `[0, 1)`; the result is in milliseconds.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.proportional(0.5), 200, 0.5) // => 200
 * ```
 */
export const apply = (self: Jitter, delay: number, random: number): number => {
  switch (self._tag) {
    case "None":
      return delay
    case "Full":
      return random * delay
    case "Equal":
      return delay / 2 + random * (delay / 2)
    case "Proportional":
      return delay * (1 - self.factor + 2 * self.factor * random)
  }
}
