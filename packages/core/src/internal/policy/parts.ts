/**
 * The parts of a policy, outermost first: how the options of each are checked, what they compile to, and how they are
 * said in words. A new part is one entry in each list of this file; the compiler names the lists that miss it.
 *
 * Guarded by `test/Policy.test.ts`, `test/PolicyData.test.ts` and `test/composition/order.test.ts`.
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Arguments from "../../Arguments.ts"
import * as Backoff from "../../Backoff.ts"
import { isPolicyError, type PolicyError } from "../../PolicyError.ts"
import * as RetryBudget from "../../RetryBudget.ts"
import { plural } from "../arguments/plural.ts"
import { Breaker } from "../breaker/breaker.ts"
import { breakerOptions } from "../breaker/options.ts"
import { isCircuitBreaker, type StoredBreaker } from "../breaker/shape.ts"
import type { Trip } from "../breaker/trip.ts"
import type { Bulkheads } from "../bulkhead/bulkheads.ts"
import { compile as compileBulkhead } from "../bulkhead/compile.ts"
import { bulkheadFields } from "../bulkhead/options.ts"
import { isBulkhead } from "../bulkhead/shape.ts"
import { type HedgeOptions, hedgeOptions } from "../hedge/options.ts"
import { Hedge } from "../hedge/race.ts"
import { rateLimitFields } from "../rateLimit/options.ts"
import { isRateLimit } from "../rateLimit/shape.ts"
import { compile as compileRateLimit, type RateLimits } from "../rateLimit/stored.ts"
import type { Retry } from "../retry/decision.ts"
import { endless, isEndless, retryOptions } from "../retry/options.ts"
import { compile as compileRetry } from "../retry/retry.ts"

const { optional, or, struct } = Arguments

/** The checks of the parts, by how durations are given. */
export const partFields = (duration: typeof Arguments.duration) => ({
  deadline: optional(duration({ above: 0 })),
  bulkhead: optional(or(isBulkhead, struct(bulkheadFields(duration)))),
  rateLimit: optional(or(isRateLimit, struct(rateLimitFields(duration)))),
  retry: optional(retryOptions),
  circuitBreaker: optional(or(isCircuitBreaker, breakerOptions)),
  hedge: optional(hedgeOptions),
  attemptTimeout: optional(duration({ above: 0 }))
})

/** The name of a part: that of its option. */
export type PartName = keyof ReturnType<typeof partFields>

/** The rules of the parts together. */
export const partRule = (
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

export const policyOptions = Arguments.refine(
  struct({ ...partFields(Arguments.duration), name: optional(Arguments.string, "policy") }),
  partRule
)

/** The compiled parts of a policy. Durations are in milliseconds; a part that is absent costs nothing. */
export interface CompiledPolicy<in E, out SE, out SR> {
  readonly name: string
  readonly deadline?: number | undefined
  readonly bulkhead?: Bulkheads | undefined
  readonly rateLimit?: RateLimits | undefined
  readonly retry?: Retry<E, SE, SR> | undefined
  readonly breaker?: Breaker<E> | undefined
  readonly storedBreaker?: StoredBreaker<E> | undefined
  readonly hedge?: Hedge<E> | undefined
  readonly attemptTimeout?: number | undefined
  /** The timeouts of the legs of a hedge, which are the policy's own errors too. */
  readonly ownTimeouts?: WeakSet<PolicyError> | undefined
  /** Whether observers are told nothing, because the call is a leg of another. */
  readonly silent?: boolean | undefined
  /** Whether a part needs to know when the call started. */
  readonly timed: boolean
}

type AnyPolicy = CompiledPolicy<unknown, unknown, unknown>

/** Checks the options of a policy and compiles them. Throws a `RangeError` that names the option at fault. */
export const compilePolicy = (given: unknown, context: Context.Context<never>): AnyPolicy => {
  const options = Arguments.check("Policy.make", policyOptions, given)
  const { attemptTimeout, bulkhead, circuitBreaker, deadline, hedge, name, rateLimit, retry } = options
  const ownTimeouts = hedge === undefined || attemptTimeout === undefined ? undefined : new WeakSet<PolicyError>()
  const ownBreaker = circuitBreaker === undefined || isCircuitBreaker(circuitBreaker)
    ? undefined
    : new Breaker<unknown>({ ...circuitBreaker, name: circuitBreaker.name ?? name }, context)
  const sharedBreaker = isCircuitBreaker(circuitBreaker) ? circuitBreaker : undefined
  return {
    name,
    deadline,
    attemptTimeout,
    bulkhead: bulkhead === undefined || isBulkhead(bulkhead)
      ? bulkhead?.machines
      : compileBulkhead({ ...bulkhead, name: bulkhead.name ?? name }),
    rateLimit: rateLimit === undefined || isRateLimit(rateLimit)
      ? rateLimit?.machine
      : compileRateLimit(rateLimit, context),
    retry: retry === undefined ? undefined : compileRetry(retry),
    breaker: ownBreaker ?? (sharedBreaker?.stored === undefined ? sharedBreaker?.breaker : undefined),
    storedBreaker: sharedBreaker?.stored,
    hedge: hedge === undefined ? undefined : compileHedge(hedge, ownTimeouts),
    ownTimeouts,
    timed: deadline !== undefined || bulkhead !== undefined || rateLimit !== undefined ||
      circuitBreaker !== undefined ||
      (retry !== undefined && (retry.maxElapsed !== Infinity || retry.budget !== undefined))
  }
}

/** Whether there is nothing to do. */
export const isEmpty = ({ name: _name, timed: _timed, ...parts }: AnyPolicy): boolean =>
  Object.values(parts).every((part) => part === undefined)

const compileHedge = (
  { budget, while: given, ...options }: HedgeOptions,
  ownTimeouts: WeakSet<PolicyError> | undefined
): Hedge<unknown> => {
  // The type of the policy keeps errors away that its predicate does not take.
  const ask = given as ((error: unknown) => boolean) | undefined
  return new Hedge({
    ...options,
    // A leg that timed out is worth another, as an attempt is to a retry.
    while: ask === undefined
      ? undefined
      : (error: unknown) => (isPolicyError(error) && ownTimeouts?.has(error) === true) || ask(error),
    budget: RetryBudget.isRetryBudget(budget)
      // A race does not wait for a store: a hedge that this process cannot grant is not started.
      ? { tryWithdraw: (now) => budget.account.tryWithdrawHere(now) }
      : budget
  })
}

const time = (millis: number): string =>
  millis === Infinity ? "any time" : Duration.format(Duration.millis(Math.round(millis)))

const percent = (share: number): string => `${Math.round(share * 100)} %`

const tripWords = (trip: Trip): string => {
  if (trip._tag === "Consecutive") return `${plural(trip.failures, "failure")} in a row`
  const of = trip._tag === "TimeRate" ? `the calls of ${time(trip.window)}` : `the last ${plural(trip.size, "call")}`
  const slow = trip.slow === undefined
    ? ""
    : `, or when ${percent(trip.slow.threshold)} take longer than ${time(trip.slow.longerThan)}`
  return `${percent(trip.threshold)} of ${of} failed, if they are ${trip.minimumCalls} or more${slow}`
}

/** The parts in words, outermost first: `undefined` for a part that the policy does not have. */
export const partWords: { readonly [K in PartName]: (policy: AnyPolicy) => string | undefined } = {
  deadline: ({ deadline }) =>
    deadline === undefined ? undefined : `the call ends within ${time(deadline)}, with its waits and delays`,
  bulkhead: ({ bulkhead }) => {
    if (bulkhead === undefined) return undefined
    const { limit, queue } = bulkhead.only
    const wait = queue === 0 ? "no call waits" : `${plural(queue, "waits", "wait")} for up to ${time(bulkhead.maxWait)}`
    return `${plural(limit, "call runs", "calls run")} at the same time, ${wait}, further calls are rejected`
  },
  rateLimit: ({ rateLimit }) => {
    if (rateLimit === undefined) return undefined
    const { limit, window } = rateLimit.rules
    const wait = rateLimit.maxWait === 0
      ? "further calls are rejected"
      : `further calls wait for up to ${time(rateLimit.maxWait)}`
    return `${plural(limit, "call starts", "calls start")} in ${time(window)}, ${wait}`
  },
  retry: ({ retry }) => {
    if (retry === undefined) return undefined
    const { budget, retryAfter, times } = retry
    const retries = times === Infinity ? "retries without end" : `up to ${plural(times, "retry", "retries")}`
    const delays = Backoff.isBackoff(retry.backoff) ? `after ${retry.backoff}` : "after the delays of a schedule"
    const hint = retryAfter.mode === "wait"
      ? "or as long as the other side asks"
      : retryAfter.mode === "clamp"
      ? `or as the other side asks, up to ${time(retryAfter.max)}`
      : `or as the other side asks, unless that is more than ${time(retryAfter.max)}`
    const bound = budget === undefined ? "" : "; a budget bounds the retries of all calls"
    return `${retries} ${delays}, ${hint}${bound}`
  },
  circuitBreaker: ({ breaker, storedBreaker }) => {
    const circuits = breaker ?? storedBreaker
    if (circuits === undefined) return undefined
    const { openFor, probes, trip } = circuits.rules
    const others = storedBreaker === undefined ? "" : "; others share it through a store"
    const open = typeof openFor === "number" ? time(openFor) : String(openFor)
    return `opens when ${tripWords(trip)}; for ${open}, then ${plural(probes, "probe")} must succeed${others}`
  },
  hedge: ({ hedge }) =>
    hedge === undefined
      ? undefined
      : `up to ${plural(hedge.max, "more attempt")} beside one that is slow`,
  attemptTimeout: ({ attemptTimeout }) =>
    attemptTimeout === undefined ? undefined : `an attempt is interrupted after ${time(attemptTimeout)}`
}

/** The longest that the parts may hold a call before its first attempt, in milliseconds. */
export const longestWait = ({ bulkhead, rateLimit }: AnyPolicy): number =>
  (bulkhead === undefined || bulkhead.only.queue === 0 ? 0 : bulkhead.maxWait) + (rateLimit?.maxWait ?? 0)
