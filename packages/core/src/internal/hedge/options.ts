/**
 * The options of a hedge: their checks and defaults.
 *
 * Guarded by `test/Hedge.test.ts` and `test/peers/hedges.test.ts`.
 */
import { hasProperty } from "effect/Predicate"
import * as Arguments from "../../Arguments.ts"
import * as RetryBudget from "../../RetryBudget.ts"

/** The defaults of a hedge. Durations are in milliseconds. */
export const defaults = {
  max: 1,
  maxKeys: 1_000,
  idleTimeToLive: 600_000,
  quantile: 0.95,
  window: 30_000,
  minimumCalls: 20,
  min: 1
} as const

/** Limits hedges to a share of the calls: a `RetryBudget`, or any other limit. */
export interface Budget {
  /**
   * Withdraws one hedge and returns `true`, or returns `false` if the budget is spent. `now` is in milliseconds since
   * the epoch.
   */
  readonly tryWithdraw: (now: number) => boolean
}

/** A delay that follows the latency, made by `Hedge.quantile`. Durations are in milliseconds. */
export interface Quantile {
  readonly _tag: "Quantile"
  readonly quantile: number
  readonly window: number
  readonly minimumCalls: number
  readonly min: number
  readonly max: number
}

const { duration, integer, number, optional, struct } = Arguments

const quantile: Arguments.Check<number> = (value, place) => {
  if (typeof value === "number" && value > 0 && value < 1) return value
  place.fault(`must be above 0 and below 1, got ${Arguments.show(value)}`)
  return NaN
}

const ordered = ({ max, min }: { readonly max: number; readonly min: number }, place: Arguments.Place): void => {
  if (max < min) place.at("max").fault(`must be at least min (${min} millis), got ${max} millis`)
}

/** The options of `Hedge.quantile`. */
export const quantileOptions = Arguments.refine(
  struct({
    quantile: optional(quantile, defaults.quantile),
    window: optional(duration({ above: 0 }), defaults.window),
    minimumCalls: optional(integer({ min: 1 }), defaults.minimumCalls),
    min: optional(duration({ above: 0 }), defaults.min),
    max: optional(duration({ above: 0, infinite: true }), Infinity)
  }),
  ordered
)

const quantileData = Arguments.refine(
  struct({
    _tag: Arguments.oneOf("Quantile"),
    quantile,
    window: number({ above: 0 }),
    minimumCalls: integer({ min: 1 }),
    min: number({ above: 0 }),
    max: number({ above: 0, infinite: true })
  }),
  ordered
)

const after: Arguments.Check<number | ReturnType<typeof quantileData>> = (value, place) =>
  hasProperty(value, "_tag") && value._tag === "Quantile"
    ? quantileData(value, place)
    : duration({ min: 0 })(value, place)

// A budget of the caller's own is used as it is, since it may be a class.
const isBudget = (value: unknown): value is Budget =>
  hasProperty(value, "tryWithdraw") && typeof value.tryWithdraw === "function"

export const hedgeOptions = struct({
  after,
  max: optional(integer({ min: 1 }), defaults.max),
  while: optional(Arguments.callback<(error: never) => boolean>()),
  budget: optional(Arguments.or(
    RetryBudget.isRetryBudget,
    Arguments.instance(isBudget, "a RetryBudget, or an object with tryWithdraw")
  )),
  maxKeys: optional(integer({ min: 1 }), defaults.maxKeys),
  idleTimeToLive: optional(duration({ above: 0 }), defaults.idleTimeToLive)
})

export type HedgeOptions = ReturnType<typeof hedgeOptions>
