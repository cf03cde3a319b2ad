/**
 * A budget in a store.
 *
 * Guarded by `test/RetryBudget.test.ts` and `test/servers/redis-server.budget.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Account } from "./account.ts"
import type * as Machine from "./memory.ts"
import { type RetryBudgetStore, RetryBudgetStoreError } from "./store.ts"

/** A budget in a store, and this process's own count for when the store is unavailable. */
export class SharedAccount implements Account {
  readonly store: RetryBudgetStore["Service"]
  readonly key: string
  readonly local: Machine.RetryBudget
  readonly timeout: number
  /** Calls not yet sent to the store. */
  private calls = 0
  /** Retries not yet sent to the store. */
  private retries = 0
  /** While the store is unavailable: when to try it again. */
  private askAgainAt: number | undefined = undefined

  constructor(store: RetryBudgetStore["Service"], key: string, local: Machine.RetryBudget, timeout: number) {
    this.store = store
    this.key = key
    this.local = local
    this.timeout = timeout
  }

  deposit(now: number): void {
    this.local.deposit(now)
    this.calls++
  }

  balance(now: number): number {
    return this.local.balance(now)
  }

  tryWithdraw(now: number): boolean | Effect.Effect<boolean> {
    return this.askAgainAt !== undefined && now < this.askAgainAt
      ? this.local.tryWithdraw(now)
      : this.settle(true)
  }

  tryWithdrawHere(now: number): boolean {
    const granted = this.local.tryWithdraw(now)
    if (granted) this.retries++
    return granted
  }

  /** Sends unsent counts to the store. */
  get tell(): Effect.Effect<void> {
    return Effect.suspend(() => this.calls + this.retries === 0 ? Effect.void : Effect.asVoid(this.settle(false)))
  }

  private settle(withdraw: boolean): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const { calls, key, local: { ratio, reserve, window }, retries } = this
      // Clear the counts even if sending failed: they would be too old when the store is back.
      this.calls = 0
      this.retries = 0
      return this.store.settle({ key, ratio, reserve, window: Duration.millis(window), calls, retries, withdraw })
    }).pipe(
      Effect.timeoutOrElse({
        duration: this.timeout,
        orElse: () => Effect.fail(new RetryBudgetStoreError({ message: `No answer within ${this.timeout} millis` }))
      }),
      Effect.flatMap(({ granted }) => this.answered(granted)),
      Effect.catchDefect((cause) =>
        Effect.fail(new RetryBudgetStoreError({ message: "The store is defective", cause }))
      ),
      Effect.catch((error) => this.away(withdraw, error))
    )
  }

  private answered(granted: boolean): Effect.Effect<boolean> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (granted) this.local.record(now)
      if (this.askAgainAt === undefined) return Effect.succeed(granted)
      this.askAgainAt = undefined
      return Effect.as(Effect.logWarning(`The retry budget ${this.key} is shared again: its store answers`), granted)
    })
  }

  private away(withdraw: boolean, error: RetryBudgetStoreError): Effect.Effect<boolean> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const known = this.askAgainAt !== undefined
      this.askAgainAt = now + this.local.window / 10
      const answer = withdraw && this.local.tryWithdraw(now)
      if (known) return Effect.succeed(answer)
      return Effect.as(
        Effect.logWarning(`The retry budget ${this.key} is this process's own until its store answers`, error),
        answer
      )
    })
  }
}
