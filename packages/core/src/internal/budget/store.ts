/**
 * The store of shared budgets: the shapes that `RetryBudget` publishes.
 *
 * Guarded by `test/RetryBudget.test.ts` and `test/servers/redis-server.budget.test.ts`.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * The store of shared budgets. It has one operation, which must be atomic.
 */
export class RetryBudgetStore extends Context.Service<RetryBudgetStore, {
  /**
   * Counts the calls and retries of an entry. If the entry asks for a retry, withdraws one if the balance has one. Uses
   * the store's clock.
   */
  readonly settle: (entry: Entry) => Effect.Effect<Settlement, RetryBudgetStoreError>
}>()("@holdfast/core/RetryBudget/RetryBudgetStore") {}

/** What a process sends to the store. */
export interface Entry {
  readonly key: string
  readonly ratio: number
  /** How many retries a window allows without any calls. */
  readonly reserve: number
  readonly window: Duration.Duration
  /** Calls since the last entry. */
  readonly calls: number
  /** Retries and hedges made since the last entry without asking the store. */
  readonly retries: number
  /** Whether a retry is asked for. */
  readonly withdraw: boolean
}

/** The store's answer. */
export interface Settlement {
  /** Whether the requested retry is granted; `false` if none was requested. */
  readonly granted: boolean
  /** How many more retries are available. */
  readonly balance: number
}

/** The store is unavailable. Callers never see this error: the process decides alone and logs it. */
export class RetryBudgetStoreError extends Data.TaggedError("RetryBudgetStoreError")<{
  readonly message: string
  readonly cause?: unknown
}> {}
