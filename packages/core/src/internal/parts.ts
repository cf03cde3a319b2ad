import type * as Context from "effect/Context"
import * as Bulkhead from "../Bulkhead.ts"
import type { AnyOptions } from "../Policy.ts"
import { positiveMillis } from "./argument.ts"
import { Breaker } from "./breaker.ts"
import type { Parts } from "./call.ts"
import { compile } from "./retry.ts"

/** Checks the options of a policy and compiles them. Throws a `RangeError` that names the option at fault. */
export const compileParts = (
  options: AnyOptions,
  context: Context.Context<never>
): Parts<never, unknown, unknown> => {
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
  const { bulkhead, circuitBreaker, retry } = options
  return {
    name,
    deadline,
    attemptTimeout,
    bulkhead: bulkhead === undefined
      ? undefined
      : Bulkhead.isBulkhead(bulkhead)
      ? bulkhead.machines
      : Bulkhead.compile(`${where}: bulkhead`, { name, ...bulkhead }),
    retry: retry === undefined ? undefined : compile(`${where}: retry`, retry, deadline !== undefined),
    breaker: circuitBreaker === undefined
      ? undefined
      : new Breaker(`${where}: circuitBreaker`, { name, ...circuitBreaker }, context),
    timed: deadline !== undefined || bulkhead !== undefined || circuitBreaker !== undefined ||
      retry?.maxElapsed !== undefined || retry?.budget !== undefined
  }
}
