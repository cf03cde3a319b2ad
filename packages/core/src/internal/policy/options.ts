/** The options of a policy: their checks, part by part and together. */
import * as Arguments from "../../Arguments.ts"
import * as Bulkhead from "../../Bulkhead.ts"
import * as CircuitBreaker from "../../CircuitBreaker.ts"
import * as RateLimit from "../../RateLimit.ts"
import { breakerOptions } from "../breaker/options.ts"
import { bulkheadOptions } from "../bulkhead/options.ts"
import { hedgeOptions } from "../hedge/options.ts"
import { rateLimitOptions } from "../rateLimit/options.ts"
import { endless, isEndless, retryOptions } from "../retry/options.ts"

const { duration, optional, or } = Arguments

/** The times of a policy, by how durations are given. */
export const timeFields = (duration: typeof Arguments.duration) => ({
  deadline: optional(duration({ above: 0 })),
  attemptTimeout: optional(duration({ above: 0 }))
})

const fields = {
  ...timeFields(duration),
  name: optional(Arguments.string, "policy"),
  bulkhead: optional(or(Bulkhead.isBulkhead, bulkheadOptions)),
  rateLimit: optional(or(RateLimit.isRateLimit, rateLimitOptions)),
  retry: optional(retryOptions),
  circuitBreaker: optional(or(CircuitBreaker.isCircuitBreaker, breakerOptions)),
  hedge: optional(hedgeOptions)
}

/** The rules of the parts together. */
export const policyRule = (
  { attemptTimeout, deadline, retry }: {
    readonly attemptTimeout: number | undefined
    readonly deadline: number | undefined
    readonly retry: Parameters<typeof isEndless>[0] | undefined
  },
  place: Arguments.Place
): void => {
  if (deadline !== undefined && attemptTimeout !== undefined && attemptTimeout > deadline) {
    place.at("attemptTimeout").fault(
      `must not be longer than the deadline (${deadline} millis), got ${attemptTimeout} millis`
    )
  }
  if (retry !== undefined && deadline === undefined && isEndless(retry)) place.at("retry").at("times").fault(endless)
}

export const policyOptions = Arguments.refine(Arguments.struct(fields), policyRule)
