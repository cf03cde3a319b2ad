/**
 * The options of a policy, checked and compiled to the parts that a call runs under.
 */
import type * as Context from "effect/Context"
import * as Arguments from "../../Arguments.ts"
import * as Bulkhead from "../../Bulkhead.ts"
import * as CircuitBreaker from "../../CircuitBreaker.ts"
import { isPolicyError, type PolicyError } from "../../PolicyError.ts"
import * as RateLimit from "../../RateLimit.ts"
import * as RetryBudget from "../../RetryBudget.ts"
import { Breaker } from "../breaker/breaker.ts"
import type { HedgeOptions } from "../hedge/options.ts"
import { Hedge as HedgeMachine } from "../hedge/race.ts"
import { compile } from "../retry/retry.ts"
import type { CompiledPolicy } from "./compiled.ts"
import { policyOptions } from "./options.ts"

/** Checks the options of a policy and compiles them. Throws a `RangeError` that names the option at fault. */
export const compilePolicy = (
  given: unknown,
  context: Context.Context<never>
): CompiledPolicy<unknown, unknown, unknown> => {
  const options = Arguments.check("Policy.make", policyOptions, given)
  const { attemptTimeout, bulkhead, circuitBreaker, deadline, hedge, name, rateLimit, retry } = options
  const ownTimeouts = hedge === undefined || attemptTimeout === undefined ? undefined : new WeakSet<PolicyError>()
  return {
    name,
    deadline,
    attemptTimeout,
    bulkhead: bulkhead === undefined
      ? undefined
      : Bulkhead.isBulkhead(bulkhead)
      ? bulkhead.machines
      : Bulkhead.compile({ ...bulkhead, name: bulkhead.name ?? name }),
    rateLimit: rateLimit === undefined
      ? undefined
      : RateLimit.isRateLimit(rateLimit)
      ? rateLimit.machine
      : RateLimit.compile(rateLimit, context),
    retry: retry === undefined ? undefined : compile(retry),
    breaker: circuitBreaker === undefined
      ? undefined
      : CircuitBreaker.isCircuitBreaker(circuitBreaker)
      ? circuitBreaker.stored === undefined ? circuitBreaker.breaker : undefined
      : new Breaker({ ...circuitBreaker, name: circuitBreaker.name ?? name }, context),
    storedBreaker: CircuitBreaker.isCircuitBreaker(circuitBreaker) ? circuitBreaker.stored : undefined,
    hedge: hedge === undefined ? undefined : compileHedge(hedge, ownTimeouts),
    ownTimeouts,
    timed: deadline !== undefined || bulkhead !== undefined || rateLimit !== undefined ||
      circuitBreaker !== undefined ||
      (retry !== undefined && (retry.maxElapsed !== Infinity || retry.budget !== undefined))
  }
}

const compileHedge = (
  { budget, while: given, ...options }: HedgeOptions,
  ownTimeouts: WeakSet<PolicyError> | undefined
): HedgeMachine<unknown> => {
  // The type of the policy keeps errors away that its predicate does not take.
  const ask = given as ((error: unknown) => boolean) | undefined
  return new HedgeMachine({
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
