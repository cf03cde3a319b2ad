/**
 * The options of delay sequences but for their jitter: their checks and defaults, by how durations are given.
 *
 * Guarded by `test/Backoff.test.ts` and `test/docs.test.ts`.
 */
import * as Arguments from "../Arguments.ts"

/** The defaults of a growing delay, in milliseconds, and of its factor. */
export const defaults = { initial: 100, max: 20_000, factor: 2 } as const

/** The default of `max`. */
export const longest = (initial: number): number => Math.max(initial, defaults.max)

const { number, optional } = Arguments

type DurationCheck = typeof Arguments.duration

/** The rule of a growing delay: its longest is not below its first. */
export const notBelowInitial = (
  { initial, max }: { readonly initial: number; readonly max: number | undefined },
  place: Arguments.Place
): void => {
  if (max !== undefined && max < initial) {
    place.at("max").fault(`must be at least initial (${initial} millis), got ${max} millis`)
  }
}

export const constantFields = (duration: DurationCheck) => ({ delay: duration({ min: 0 }) })

export const decorrelatedFields = (duration: DurationCheck) => ({
  initial: optional(duration({ above: 0 }), defaults.initial),
  max: optional(duration({ min: 0 }))
})

export const exponentialFields = (duration: DurationCheck) => ({
  ...decorrelatedFields(duration),
  factor: optional(number({ min: 1 }), defaults.factor)
})

export const linearFields = (duration: DurationCheck) => ({
  initial: optional(duration({ min: 0 }), defaults.initial),
  max: optional(duration({ min: 0 })),
  increment: optional(duration({ min: 0 }))
})
