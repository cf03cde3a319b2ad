/** The policies that a simulation compares when it is given none, and those that it compares a file's with. */
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type { Candidate } from "./Simulation.ts"

const retry = { times: 3, backoff: Backoff.exponential({ initial: "1 second" }) }

/** A timeout and nothing else: what every program should have. */
export const timeout: Candidate = { name: "timeout alone", options: { attemptTimeout: "2 seconds" } }

/** What most programs have. */
export const retries: Candidate = { name: "retries", options: { retry, attemptTimeout: "2 seconds" } }

/** Retries that know their measure. */
const budget: Candidate = {
  name: "retries, budget",
  options: { retry: { ...retry, budget: { ratio: 0.2, minPerSecond: 0.1 } }, attemptTimeout: "2 seconds" }
}

/** And a breaker that spares what is down, and who waits for it. */
export const whole: Candidate = {
  name: "and a breaker",
  options: {
    ...budget.options,
    bulkhead: { limit: 64, queue: 64 },
    circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.5 }), openFor: "30 seconds" }
  }
}

/** Those to learn from. */
export const all: ReadonlyArray<Candidate> = [timeout, retries, budget, whole]
