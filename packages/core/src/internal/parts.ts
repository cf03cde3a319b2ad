import type * as Context from "effect/Context"
import * as Bulkhead from "../Bulkhead.ts"
import * as CircuitBreaker from "../CircuitBreaker.ts"
import * as Hedge from "../Hedge.ts"
import type { AnyOptions, HedgeOptions, Options } from "../Policy.ts"
import { isPolicyError, type PolicyError } from "../PolicyError.ts"
import * as RateLimit from "../RateLimit.ts"
import * as RetryBudget from "../RetryBudget.ts"
import { positiveMillis } from "./argument.ts"
import { Breaker } from "./breaker.ts"
import type { Parts } from "./call.ts"
import type { Hedge as HedgeMachine } from "./hedge.ts"
import { compile } from "./retry.ts"

/** Checks the options of a policy and compiles them. Throws a `RangeError` that names the option at fault. */
export const compileParts = (
  typed: AnyOptions,
  context: Context.Context<never>
): Parts<unknown, unknown, unknown> => {
  // The type of the policy keeps errors away that its predicates do not take.
  const options = typed as Options<unknown, unknown, unknown>
  const where = "Policy.make"
  const name = options.name ?? "policy"
  const deadline = options.deadline === undefined ? undefined : positiveMillis(where, "deadline", options.deadline)
  const attemptTimeout = options.attemptTimeout === undefined
    ? undefined
    : positiveMillis(where, "attemptTimeout", options.attemptTimeout)
  if (deadline !== undefined && attemptTimeout !== undefined && attemptTimeout > deadline) {
    throw new RangeError(
      `${where}: attemptTimeout must not be longer than the deadline (${deadline} millis), got ${attemptTimeout} millis`
    )
  }
  const { bulkhead, circuitBreaker, hedge, rateLimit, retry } = options
  const ownTimeouts = hedge === undefined || attemptTimeout === undefined ? undefined : new WeakSet<PolicyError>()
  return {
    name,
    deadline,
    attemptTimeout,
    bulkhead: bulkhead === undefined
      ? undefined
      : Bulkhead.isBulkhead(bulkhead)
      ? bulkhead.machines
      : Bulkhead.compile(`${where}: bulkhead`, { name, ...bulkhead }),
    rateLimit: rateLimit === undefined
      ? undefined
      : RateLimit.isRateLimit(rateLimit)
      ? rateLimit.machine
      : RateLimit.compile(`${where}: rateLimit`, rateLimit, context),
    retry: retry === undefined ? undefined : compile(`${where}: retry`, retry, deadline !== undefined),
    breaker: circuitBreaker === undefined
      ? undefined
      : CircuitBreaker.isCircuitBreaker(circuitBreaker)
      ? circuitBreaker.breaker
      : new Breaker(`${where}: circuitBreaker`, { name, ...circuitBreaker }, context),
    storedBreaker: CircuitBreaker.isCircuitBreaker(circuitBreaker) && circuitBreaker.breaker === undefined
      ? circuitBreaker
      : undefined,
    hedge: hedge === undefined ? undefined : compileHedge(`${where}: hedge`, hedge, ownTimeouts),
    ownTimeouts,
    timed: deadline !== undefined || bulkhead !== undefined || rateLimit !== undefined ||
      circuitBreaker !== undefined ||
      retry?.maxElapsed !== undefined || retry?.budget !== undefined
  }
}

const compileHedge = (
  where: string,
  { budget, while: ask, ...options }: HedgeOptions<unknown>,
  ownTimeouts: WeakSet<PolicyError> | undefined
): HedgeMachine<unknown> =>
  Hedge.compile(where, {
    ...options,
    // A leg that timed out is worth another, as an attempt is to a retry.
    while: ask === undefined
      ? undefined
      : (error) => (isPolicyError(error) && ownTimeouts?.has(error) === true) || ask(error),
    budget: RetryBudget.isRetryBudget(budget)
      // A race does not wait for a store: a hedge that this process cannot grant is not started.
      ? { tryWithdraw: (now) => budget.account.tryWithdrawHere(now) }
      : budget
  })
