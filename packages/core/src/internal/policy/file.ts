/**
 * A policy in a file: every fault of it at once, by path.
 *
 * The checks are those of the options of `Policy.make`, with durations as text or as a number of seconds, and with delay
 * sequences, jitters and trips as data.
 *
 * Guarded by `test/PolicyData.test.ts` and `test/laws.data.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Arguments from "../../Arguments.ts"
import {
  constantFields,
  decorrelatedFields,
  exponentialFields,
  linearFields,
  notBelowInitial
} from "../backoffOptions.ts"
import { breakerFields, outlivesWindow } from "../breaker/options.ts"
import { consecutiveFields, defaultTrip, rateFields, rateRule, tripOf } from "../breaker/trip.ts"
import { budgetFields } from "../budget/options.ts"
import { bulkheadFields } from "../bulkhead/options.ts"
import { retryFields } from "../retry/options.ts"
import { partFields, partRule } from "./parts.ts"

const { integer, oneOf, optional, refine, show, struct } = Arguments

/** A duration in a file: text, or a number of seconds. */
const seconds: typeof Arguments.duration = (bounds) => {
  const check = Arguments.duration(bounds)
  return (value, place) => {
    if (typeof value === "string") return check(value, place)
    if (typeof value === "number") return check(Number.isFinite(value) ? Duration.seconds(value) : value, place)
    place.fault(`must be a duration, such as "30 seconds", "1m 30s" or a number of seconds, got ${show(value)}`)
    return NaN
  }
}

/** An object whose `type` says which others it may have. */
const byType = <A>(kinds: { readonly [type: string]: Arguments.Check<A> }): Arguments.Check<A | undefined> => {
  const type = oneOf(...Object.keys(kinds))
  return (value, place) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      place.fault(`must be an object with a type, got ${show(value)}`)
      return undefined
    }
    const { type: given, ...rest } = value as { readonly type?: unknown }
    const kind = type(given, place.at("type"))
    return kind === undefined ? undefined : kinds[kind]?.(rest, place)
  }
}

const share: Arguments.Check<number> = (value, place) => {
  if (typeof value === "number" && value >= 0 && value <= 1) return value
  place.fault(`must be between 0 and 1, got ${show(value)}`)
  return NaN
}

const proportional = struct({ proportional: share })

const jitter: Arguments.Check<unknown> = (value, place) =>
  typeof value === "object" && value !== null
    ? proportional(value, place)
    : oneOf("none", "full", "equal")(value, place)

const spread = { jitter: optional(jitter) }

const backoff = byType<unknown>({
  constant: struct({ ...constantFields(seconds), ...spread }),
  linear: refine(struct({ ...linearFields(seconds), ...spread }), notBelowInitial),
  exponential: refine(struct({ ...exponentialFields(seconds), ...spread }), notBelowInitial),
  decorrelated: refine(struct(decorrelatedFields(seconds)), notBelowInitial)
})

const rate = refine(struct(rateFields(seconds)), rateRule)
const consecutive = struct(consecutiveFields)

const trip = byType({
  consecutive: (value, place) => ({ _tag: "Consecutive" as const, ...consecutive(value, place) }),
  rate: (value, place) => tripOf(rate(value, place))
})

const openFor: Arguments.Check<unknown> = (value, place) =>
  typeof value === "object" ? backoff(value, place) : seconds({ above: 0 })(value, place)

const circuitBreaker = refine(
  struct({ ...breakerFields(seconds), openFor: optional(openFor), trip: optional(trip) }),
  ({ idleTimeToLive, trip = defaultTrip }, place) => outlivesWindow({ idleTimeToLive, trip }, place)
)

const retry = struct({
  ...retryFields(seconds),
  times: optional(integer({ min: 0 })),
  backoff: optional(backoff),
  budget: optional(struct(budgetFields(seconds)))
})

const { name: _, ...bulkhead } = bulkheadFields(seconds)

// Only the program knows whether a call may run twice concurrently.
const { hedge: _hedge, ...parts } = partFields(seconds)

/** A policy as a file says it: its parts as in code, but for those whose options are not all data. */
export const policyFile = refine(
  struct({
    ...parts,
    name: optional(Arguments.string),
    bulkhead: optional(struct(bulkhead)),
    retry: optional(retry),
    circuitBreaker: optional(circuitBreaker)
  }),
  ({ attemptTimeout, deadline }, place) => partRule({ attemptTimeout, deadline, retry: undefined }, place)
)
