/**
 * Spreads delays by chance, so that callers who failed together do not come back together.
 *
 * Without jitter, clients that lost the same server at the same moment retry at the same moments too, and the server that
 * comes back meets all of them at once. Jitter costs nothing but a predictable delay: choose `none` only where one
 * caller exists or the delay is part of a protocol.
 *
 * The names and formulas of `full` and `equal` are those of Marc Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015; its measurements are the reason why `full` is the default of {@link Backoff}.
 */
import { hasProperty } from "effect/Predicate"
import * as Arguments from "./Arguments.ts"

/**
 * How a delay of `d` milliseconds is spread, with `u` drawn evenly from `[0, 1)`.
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
 * Leaves a delay as it is.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.none, 1000, 0.25) // => 1000
 * ```
 */
export const none: Jitter = { _tag: "None" }

/**
 * Draws a delay between zero and the whole of it: the widest spread, and the least work for the other side.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.full, 1000, 0.25) // => 250
 * ```
 */
export const full: Jitter = { _tag: "Full" }

/**
 * Keeps half of a delay and draws the other half, for a dependency that must be left alone for a while.
 *
 * ```ts import.meta.vitest
 * import { Jitter } from "@holdfast/core"
 *
 * Jitter.apply(Jitter.equal, 1000, 0.5) // => 750
 * ```
 */
export const equal: Jitter = { _tag: "Equal" }

/**
 * Moves a delay by up to `factor` of itself in both directions. `factor` is a share between 0 and 1; anything else is
 * a `RangeError`.
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

/** @internal Checks a jitter, also one that was written by hand. */
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
