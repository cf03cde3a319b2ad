/**
 * The options of a bulkhead: their checks and defaults.
 *
 * Guarded by `test/bulkhead/bulkhead.test.ts` and `test/bulkhead/adaptive.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"

/** The defaults of a bulkhead. Durations are in milliseconds. */
export const defaults = {
  name: "bulkhead",
  queue: 0,
  maxWait: 1_000,
  maxKeys: 1_000,
  idleTimeToLive: 600_000,
  min: 1,
  max: 200,
  initial: 20,
  tolerance: 1.5,
  window: 1_000
} as const

const { duration, integer, optional } = Arguments

const commonBy = (duration: typeof Arguments.duration) => ({
  name: optional(Arguments.string),
  queue: optional(integer({ min: 0 }), defaults.queue),
  maxWait: optional(duration({ min: 0 }), defaults.maxWait),
  maxKeys: optional(integer({ min: 1 }), defaults.maxKeys),
  idleTimeToLive: optional(duration({ above: 0 }), defaults.idleTimeToLive)
})

/** The options of a bulkhead, by how durations are given. */
export const bulkheadFields = (duration: typeof Arguments.duration) => ({
  ...commonBy(duration),
  limit: integer({ min: 1 })
})

export const bulkheadOptions = Arguments.struct(bulkheadFields(duration))

export type BulkheadOptions = ReturnType<typeof bulkheadOptions>

const tolerance: Arguments.Check<number> = (value, place) => {
  if (typeof value === "number" && value >= 1 && value < 2) return value
  place.fault(`must be at least 1 and below 2, got ${Arguments.show(value)}`)
  return NaN
}

const adaptive = Arguments.refine(
  Arguments.struct({
    ...commonBy(duration),
    min: optional(integer({ min: 1 }), defaults.min),
    max: optional(integer({ min: 1 })),
    initial: optional(integer({ min: 1 })),
    tolerance: optional(tolerance, defaults.tolerance),
    window: optional(duration({ above: 0 }), defaults.window),
    isOverload: optional(Arguments.callback<(error: unknown) => boolean>())
  }),
  ({ initial, max: given, min }, place) => {
    const max = given ?? Math.max(min, defaults.max)
    if (max < min) place.at("max").fault(`must be at least min (${min}), got ${max}`)
    else if (initial !== undefined && (initial < min || initial > max)) {
      place.at("initial").fault(`must be a whole number between min and max (${min} to ${max}), got ${initial}`)
    }
  }
)

export const adaptiveOptions: Arguments.Check<AdaptiveOptions> = (value, place) => {
  const options = adaptive(value, place)
  const max = options.max ?? Math.max(options.min, defaults.max)
  const initial = options.initial ?? Math.min(max, Math.max(options.min, defaults.initial))
  return { ...options, max, initial }
}

export type AdaptiveOptions = ReturnType<typeof adaptive> & { readonly max: number; readonly initial: number }
