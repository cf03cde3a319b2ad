/** A policy as its calls see it: parts that are checked and ready to run. */
import type { PolicyError } from "../../PolicyError.ts"
import type { Breaker } from "../breaker/breaker.ts"
import type { StoredBreaker } from "../breaker/stored.ts"
import type { Bulkheads } from "../bulkhead/queue.ts"
import type { Hedge } from "../hedge/race.ts"
import type { RateLimits } from "../rateLimit/stored.ts"
import type { Retry } from "../retry/decision.ts"

/** The compiled parts of a policy. Durations are in milliseconds; a part that is absent costs nothing. */
export interface CompiledPolicy<in E, out SE, out SR> {
  readonly name: string
  readonly deadline?: number | undefined
  readonly bulkhead?: Bulkheads | undefined
  readonly rateLimit?: RateLimits | undefined
  readonly retry?: Retry<E, SE, SR> | undefined
  readonly breaker?: Breaker<E> | undefined
  /** A breaker that asks a store before and after each attempt, which only an effect can. */
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

/** Whether there is nothing to do. */
export const isEmpty = <E, SE, SR>(parts: CompiledPolicy<E, SE, SR>): boolean =>
  (parts.attemptTimeout ?? parts.breaker ?? parts.bulkhead ?? parts.deadline ?? parts.hedge ?? parts.rateLimit ??
    parts.retry ??
    parts.storedBreaker) === undefined
