/**
 * Policies of every mixture of parts, for the laws: the options as data to generate, and the policies built from them.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Effect from "effect/Effect"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Which parts, and how strict they are. */
export const Mixture = Schema.Struct({
  times: between(0, 5),
  deadline: Schema.Literals(["none", 1_000, 5_000, 20_000]),
  attemptTimeout: Schema.Literals(["none", 100, 1_000]),
  onTimeout: Schema.Literals(["retry", "retry", "stop"]),
  backoff: Schema.Literals(["none", "exponential", "decorrelated", "linear", "constant", "steady", "schedule"]),
  retryAfter: Schema.Literals(["clamp", "giveUp", "wait"]),
  budget: Schema.Literals(["none", "small"]),
  bulkhead: Schema.Literals(["none", "lone", "small", "impatient"]),
  rateLimit: Schema.Literals(["none", "window", "bucket"]),
  circuitBreaker: Schema.Literals(["none", "consecutive", "rate", "shared"]),
  hedge: Schema.Literals(["none", "none", "atOnce", "soon", "twice"])
})

export type Mixture = typeof Mixture.Type

export const backoffs = {
  none: Backoff.constant({ delay: 0 }),
  exponential: Backoff.exponential({ initial: 100, max: 2_000 }),
  decorrelated: Backoff.decorrelated({ initial: 100, max: 2_000 }),
  linear: Backoff.linear({ initial: 100, jitter: Jitter.equal, max: 2_000 }),
  constant: Backoff.constant({ delay: 300, jitter: Jitter.proportional(0.5) }),
  // Adds up to exactly the deadlines above.
  steady: Backoff.constant({ delay: 500 }),
  schedule: Schedule.max([Schedule.spaced(200), Schedule.recurs(2)])
}

export const bulkheads = {
  lone: { limit: 1, queue: 1, maxWait: "10 seconds" },
  small: { limit: 2, queue: 2, maxWait: "1 second" },
  impatient: { limit: 1, queue: 3, maxWait: 50 }
} as const

export const rateLimits = {
  window: { limit: 2, window: 500, algorithm: "fixed-window", maxWait: 1_000 },
  bucket: { limit: 2, window: 3_000, algorithm: "token-bucket", maxWait: "10 seconds", queue: 2 }
} as const

// No hint of an error lengthens an open time, and no circuit is forgotten while a crowd is watched.
const common = { openFor: 600, maxRetryAfter: 0, idleTimeToLive: "1 day" } as const

export const breakers = {
  consecutive: { ...common, trip: CircuitBreaker.consecutive(2) },
  rate: {
    ...common,
    trip: CircuitBreaker.rate({ threshold: 0.5, window: "10 seconds", minimumCalls: 2 }),
    probes: 2
  },
  shared: { ...common, trip: CircuitBreaker.consecutive(2), name: "shared" }
}

export const budgets = { small: { ratio: 0.5, minPerSecond: 0.1, window: "10 seconds" } } as const

const hedges = {
  atOnce: { after: 0 },
  soon: { after: 30 },
  twice: { after: 40, max: 2 }
}

/** How many attempts there may be beside one. */
export const hedgesOf = ({ hedge }: Mixture): number => hedge === "none" ? 0 : hedge === "twice" ? 2 : 1

/** How long a call may take in all. */
export const deadlineOf = ({ deadline }: Mixture): number => deadline === "none" ? Infinity : deadline

const makeBreaker = ({ circuitBreaker }: Mixture) => {
  switch (circuitBreaker) {
    case "none":
      return Effect.undefined
    case "shared":
      return Effect.provide(CircuitBreaker.makeShared(breakers.shared), layerStoreMemory())
    default:
      return CircuitBreaker.make(breakers[circuitBreaker])
  }
}

/** A policy of these parts, and the parts that say what they do. */
export const build = Effect.fnUntraced(function*(mixture: Mixture) {
  const bulkhead = mixture.bulkhead === "none" ? undefined : yield* Bulkhead.make(bulkheads[mixture.bulkhead])
  const rateLimit = mixture.rateLimit === "none" ? undefined : yield* RateLimit.make(rateLimits[mixture.rateLimit])
  const circuitBreaker = yield* makeBreaker(mixture)
  const budget = mixture.budget === "none" ? undefined : yield* RetryBudget.make(budgets[mixture.budget])
  const policy = yield* Policy.make({
    deadline: mixture.deadline === "none" ? undefined : mixture.deadline,
    bulkhead,
    rateLimit,
    retry: {
      times: mixture.times,
      backoff: backoffs[mixture.backoff],
      onTimeout: mixture.onTimeout,
      retryAfter: { mode: mixture.retryAfter, max: "2 seconds" },
      budget
    },
    circuitBreaker,
    hedge: mixture.hedge === "none" ? undefined : { ...hedges[mixture.hedge], budget },
    attemptTimeout: mixture.attemptTimeout === "none" ? undefined : mixture.attemptTimeout
  })

  /** What the parts still hold for calls that are over, in words. */
  const held = Effect.gen(function*() {
    const all: Array<string> = []
    for (const key of [undefined, "blue"]) {
      const stats = bulkhead === undefined ? undefined : yield* bulkhead.stats({ key })
      if (stats !== undefined && stats.running + stats.waiting > 0) all.push(`the bulkhead ${JSON.stringify(stats)}`)
      const limited = rateLimit === undefined ? undefined : yield* rateLimit.stats({ key })
      if (limited !== undefined && limited.waiting > 0) all.push(`the rate limit ${JSON.stringify(limited)}`)
      const state = circuitBreaker === undefined ? undefined : yield* circuitBreaker.state({ key })
      if (state?._tag === "HalfOpen" && state.probing > 0) all.push(`the circuit ${JSON.stringify(state)}`)
    }
    return all
  })

  return { policy, bulkhead, rateLimit, circuitBreaker, held }
})
