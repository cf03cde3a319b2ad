/**
 * The options of a circuit breaker: their checks and defaults.
 *
 * Guarded by `test/breaker/halfOpen.test.ts` and `test/breaker/stored.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"
import * as Backoff from "../../Backoff.ts"
import { defaultTrip, type Trip, tripOption } from "./trip.ts"

/** The defaults of a breaker. Durations are in milliseconds. */
export const defaults = {
  name: "circuit breaker",
  openFor: 30_000,
  probes: 1,
  maxRetryAfter: 300_000,
  maxKeys: 1_000,
  idleTimeToLive: 600_000,
  mode: "enabled",
  halfOpenFor: Infinity,
  storeTimeout: 1_000
} as const

const { duration, integer, optional } = Arguments

/** The options of a breaker that are data, by how durations are given. */
export const breakerFields = (duration: typeof Arguments.duration) => ({
  probes: optional(integer({ min: 1 }), defaults.probes),
  probeThreshold: optional(Arguments.share),
  halfOpenFor: optional(duration({ above: 0, infinite: true }), defaults.halfOpenFor),
  mode: optional(Arguments.oneOf("enabled", "observe", "disabled"), defaults.mode),
  maxRetryAfter: optional(duration({ min: 0 }), defaults.maxRetryAfter),
  maxKeys: optional(integer({ min: 1 }), defaults.maxKeys),
  idleTimeToLive: optional(duration({ above: 0 }))
})

const fields = {
  ...breakerFields(duration),
  name: optional(Arguments.string),
  trip: optional<Trip, Trip>(tripOption, defaultTrip),
  openFor: optional(Arguments.or(Backoff.isBackoff, duration({ above: 0 })), defaults.openFor),
  ignore: optional(Arguments.callback<(error: never) => boolean>()),
  isFailure: optional(Arguments.callback<(error: never) => boolean>())
}

/** The rule of the options together. */
export const outlivesWindow = <A extends Arguments.Checked<Pick<typeof fields, "trip" | "idleTimeToLive">>>(
  { idleTimeToLive, trip }: A,
  place: Arguments.Place
): void => {
  const window = trip._tag === "TimeRate" ? trip.window : 0
  if (idleTimeToLive !== undefined && idleTimeToLive < window) {
    place.at("idleTimeToLive").fault(`must be at least the window (${window} millis), got ${idleTimeToLive} millis`)
  }
}

export const breakerOptions = Arguments.refine(Arguments.struct(fields), outlivesWindow)

const { halfOpenFor: _halfOpenFor, name: _name, probes: _probes, probeThreshold: _threshold, ...common } = fields

export const sharedOptions = Arguments.refine(
  Arguments.struct({
    ...common,
    name: Arguments.text,
    storeTimeout: optional(duration({ above: 0 }), defaults.storeTimeout)
  }),
  outlivesWindow
)

export type BreakerOptions = ReturnType<typeof breakerOptions>

const time = Arguments.or((value): value is null => value === null, Arguments.number())

/** The data of `CircuitBreaker.restore`. */
export const snapshotOption = Arguments.struct({
  at: Arguments.number(),
  circuits: Arguments.array(Arguments.struct({
    key: Arguments.or((value): value is null => value === null, Arguments.string),
    state: Arguments.oneOf("Closed", "Open", "HalfOpen", "Isolated"),
    openUntil: time,
    openedFor: Arguments.number({ min: 0 }),
    openings: integer({ min: 0 }),
    delay: Arguments.number({ min: 0 }),
    restedAt: time,
    usedAt: time,
    trip: Arguments.string,
    counts: Arguments.array(Arguments.number({ min: 0 }))
  }))
})
