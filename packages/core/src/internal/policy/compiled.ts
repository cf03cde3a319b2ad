/** A policy as its calls see it: parts that are checked and ready to run. */
import type * as Effect from "effect/Effect"
import type { CircuitOpen, PolicyError } from "../../PolicyError.ts"
import type { Breaker } from "../breaker/breaker.ts"
import type { Rules } from "../breaker/circuit.ts"
import type { OnChange } from "../breaker/state.ts"
import type { Bulkheads } from "../bulkhead/bulkheads.ts"
import type { Hedge } from "../hedge/race.ts"
import type { RateLimits } from "../rateLimit/stored.ts"
import type { Retry } from "../retry/decision.ts"

/** A breaker that asks a store before and after each attempt. */
export interface StoredBreaker<in E> {
  readonly rules: Rules
  /** Runs an effect through the circuit of a key, and calls `onChange` if its end changes the state of the circuit. */
  readonly run: <A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    onChange?: OnChange
  ) => Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R>
}

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

/** Whether there is nothing to do. */
export const isEmpty = <E, SE, SR>(policy: CompiledPolicy<E, SE, SR>): boolean =>
  (policy.attemptTimeout ?? policy.breaker ?? policy.bulkhead ?? policy.deadline ?? policy.hedge ?? policy.rateLimit ??
    policy.retry ?? policy.storedBreaker) === undefined
