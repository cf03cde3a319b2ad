/**
 * A budget as policies drive it.
 *
 * Guarded by `test/RetryBudget.test.ts` and `test/composition/transparency.test.ts`.
 */
import type * as Effect from "effect/Effect"

/** A budget for callers that know the time and avoid running an effect. */
export interface Account {
  deposit(now: number): void
  /** A plain value if this process knows the answer, otherwise an effect. */
  tryWithdraw(now: number): boolean | Effect.Effect<boolean>
  /** Decides from what this process knows: for hedges, which have no time to ask the store. */
  tryWithdrawHere(now: number): boolean
  balance(now: number): number
}
