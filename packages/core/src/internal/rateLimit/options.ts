/**
 * The options of a rate limit: their checks and defaults.
 *
 * Guarded by `test/rateLimit/count.test.ts` and `test/rateLimit/rateLimit.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"

/** The defaults of a rate limit. Durations are in milliseconds. */
export const defaults = {
  name: "rate limit",
  algorithm: "fixed-window",
  maxWait: 0,
  queue: Infinity,
  maxKeys: 1_000,
  storeTimeout: 1_000
} as const

const { duration, integer, optional } = Arguments

/** The options of a rate limit, by how durations are given. */
export const rateLimitFields = (duration: typeof Arguments.duration) => ({
  name: optional(Arguments.text),
  limit: integer({ min: 1 }),
  window: duration({ above: 0 }),
  algorithm: optional(Arguments.oneOf("fixed-window", "token-bucket"), defaults.algorithm),
  maxWait: optional(duration({ min: 0 }), defaults.maxWait),
  queue: optional(integer({ min: 0, infinite: true }), defaults.queue),
  maxKeys: optional(integer({ min: 1 }), defaults.maxKeys),
  storeTimeout: optional(duration({ above: 0 }), defaults.storeTimeout)
})

export const rateLimitOptions = Arguments.struct(rateLimitFields(duration))

export type RateLimitOptions = ReturnType<typeof rateLimitOptions>
