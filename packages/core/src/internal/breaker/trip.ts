/**
 * When a closed circuit opens: the data that `CircuitBreaker.consecutive` and `CircuitBreaker.rate` make.
 *
 * Guarded by `test/breaker/trip.test.ts` and `test/breaker/stored.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"

/** When a closed circuit opens. Durations are in milliseconds. */
export type Trip =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  | {
    readonly _tag: "CountRate"
    readonly threshold: number
    readonly minimumCalls: number
    readonly slow: Slow | undefined
    readonly size: number
  }
  | {
    readonly _tag: "TimeRate"
    readonly threshold: number
    readonly minimumCalls: number
    readonly slow: Slow | undefined
    readonly window: number
  }

/** Which calls are slow, and the share of slow calls that opens the circuit. */
export interface Slow {
  /** In milliseconds. */
  readonly longerThan: number
  readonly threshold: number
}

/** The defaults of a trip by rate. Durations are in milliseconds. */
export const defaultTrip = {
  _tag: "TimeRate",
  threshold: 0.5,
  minimumCalls: 20,
  slow: undefined,
  window: 30_000
} as const satisfies Trip

const failures = Arguments.integer({ min: 1 })
const count = Arguments.integer({ min: 1 })

/** The failures in a row of `CircuitBreaker.consecutive`. */
export const consecutiveOptions: Arguments.Check<number> = (value, place) => failures(value, place.at("failures"))

/** The failures in a row, as a property. */
export const consecutiveFields = { failures }

/** The options of `CircuitBreaker.rate`, by how durations are given. */
export const rateFields = (duration: typeof Arguments.duration) => ({
  threshold: Arguments.optional(Arguments.share, defaultTrip.threshold),
  window: Arguments.optional(duration({ above: 0 })),
  size: Arguments.optional(count),
  minimumCalls: Arguments.optional(count),
  slow: Arguments.optional(
    Arguments.struct({ longerThan: duration({ above: 0 }), threshold: Arguments.optional(Arguments.share, 1) })
  )
})

type Rate = Arguments.Checked<ReturnType<typeof rateFields>>

/** The rule of the options of a rate together. */
export const rateRule = ({ minimumCalls, size, window }: Rate, place: Arguments.Place): void => {
  if (size === undefined) return
  if (window !== undefined) place.at("size").fault(`must not be given beside a window, got ${size}`)
  if (minimumCalls !== undefined && minimumCalls > size) {
    place.at("minimumCalls").fault(`must not be above the size (${size}), got ${minimumCalls}`)
  }
}

const rate = Arguments.refine(Arguments.struct(rateFields(Arguments.duration)), rateRule)

/** The options of `CircuitBreaker.rate`, which become a {@link Trip}. */
export const rateOptions: Arguments.Check<Trip> = (value, place) => tripOf(rate(value, place))

/** The trip of checked options. */
export const tripOf = ({ minimumCalls, size, slow, threshold, window }: Rate): Trip =>
  size === undefined
    ? {
      _tag: "TimeRate",
      threshold,
      minimumCalls: minimumCalls ?? defaultTrip.minimumCalls,
      slow,
      window: window ?? defaultTrip.window
    }
    : {
      _tag: "CountRate",
      threshold,
      minimumCalls: minimumCalls ?? Math.min(defaultTrip.minimumCalls, size),
      slow,
      size
    }

const slowData = Arguments.optional(
  Arguments.struct({ longerThan: Arguments.number({ above: 0 }), threshold: Arguments.share })
)
const tag = Arguments.oneOf("Consecutive", "CountRate", "TimeRate")
const data = {
  Consecutive: Arguments.struct({ _tag: tag, failures }),
  CountRate: Arguments.refine(
    Arguments.struct({ _tag: tag, threshold: Arguments.share, minimumCalls: count, slow: slowData, size: count }),
    ({ minimumCalls, size }, place) => {
      if (minimumCalls > size) {
        place.at("minimumCalls").fault(`must not be above the size (${size}), got ${minimumCalls}`)
      }
    }
  ),
  TimeRate: Arguments.struct({
    _tag: tag,
    threshold: Arguments.share,
    minimumCalls: count,
    slow: slowData,
    window: Arguments.number({ above: 0 })
  })
}

/** A {@link Trip}, also one that was written by hand. */
export const tripOption: Arguments.Check<Trip> = (value, place) => {
  const kind = typeof value === "object" && value !== null && "_tag" in value ? value._tag : undefined
  if (kind === "Consecutive" || kind === "CountRate" || kind === "TimeRate") {
    // The tag has chosen the check.
    return data[kind](value, place) as Trip
  }
  place.fault(`must be made by CircuitBreaker.consecutive or CircuitBreaker.rate, got ${Arguments.show(value)}`)
  return defaultTrip
}
