/**
 * Sums of a process over the store, if there is one: what budgets drive. While the store is away, the process counts alone, and tells
 * what it has spent meanwhile when the store is back.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Account, Spending } from "./store.ts"
import { ChainStore } from "./store.ts"
import { Sums } from "./sums.ts"

/** Whether an amount was added to a sum. */
export type Purchase =
  | {
    readonly _tag: "Reserved"
    /** Replaces the reserved amount by what was spent: 0 gives it back. Call it once. */
    readonly settle: (amount: number) => Effect.Effect<void>
    readonly sum: number
  }
  /** It would fit after `wait` at the soonest. */
  | { readonly _tag: "Refused"; readonly sum: number; readonly wait: Duration.Duration }

export class Purse {
  private readonly store: ChainStore["Service"] | undefined
  private readonly local = new Sums()
  /** Spent while the store was away. */
  private readonly untold = new Map<string, Account & { readonly amount: number }>()

  constructor(store: ChainStore["Service"] | undefined) {
    this.store = store
  }

  /** Adds an amount if the sum stays within the limit. */
  reserve(spending: Spending): Effect.Effect<Purchase> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { store } = this
      if (store === undefined) return Effect.succeed(this.reserveHere(now, spending))
      return this.tell(store).pipe(
        Effect.andThen(store.reserve(spending)),
        Effect.map((answer): Purchase => {
          // A store that has lost what it knew is told again what this process has spent.
          this.owe(spending, this.local.follow(now, inMillis(spending), answer.madeAt))
          if (answer._tag === "Refused") return { ...answer, wait: Duration.millis(answer.wait) }
          // Of use when the store is not.
          const here = this.local.reserve(now, { ...inMillis(spending), limit: Infinity })
          return { ...answer, settle: (amount) => this.settle(store, spending, amount, here, answer.slot) }
        }),
        Effect.catch(() => Effect.sync(() => this.reserveAway(now, spending)))
      )
    })
  }

  /** The sum, as the store says or, while it is away, this process. */
  spent(account: Account): Effect.Effect<number> {
    const here = Effect.map(Clock.currentTimeMillis, (now) => this.local.spent(now, inMillis(account)))
    const { store } = this
    return store === undefined ? here : this.tell(store).pipe(
      Effect.andThen(store.spent(account)),
      Effect.catch(() => here)
    )
  }

  private reserveHere(now: number, spending: Spending): Purchase {
    const answer = this.local.reserve(now, inMillis(spending))
    if (answer._tag === "Refused") return { ...answer, wait: Duration.millis(answer.wait) }
    const settle = (amount: number) => this.settle(undefined, spending, amount, answer, undefined)
    return { ...answer, settle }
  }

  private reserveAway(now: number, spending: Spending): Purchase {
    const answer = this.reserveHere(now, spending)
    if (answer._tag === "Refused") return answer
    this.owe(spending, spending.amount)
    return {
      ...answer,
      settle: (amount) =>
        Effect.andThen(answer.settle(amount), Effect.sync(() => this.owe(spending, amount - spending.amount)))
    }
  }

  private settle(
    store: ChainStore["Service"] | undefined,
    spending: Spending,
    amount: number,
    here: { readonly _tag: string; readonly slot?: number },
    slot: number | undefined
  ): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const { key, window } = spending
      const more = amount - spending.amount
      if (here.slot !== undefined) this.local.settle(now, { ...inMillis(spending), slot: here.slot, more })
      return store === undefined || slot === undefined || more === 0
        ? Effect.void
        : Effect.catch(
          Effect.asVoid(store.settle({ key, window, slot, more })),
          () => Effect.sync(() => this.owe(spending, more))
        )
    })
  }

  private owe({ key, window }: Account, amount: number): void {
    if (amount === 0) return
    const name = `${Duration.toMillis(window)} ${key}`
    this.untold.set(name, { key, window, amount: amount + (this.untold.get(name)?.amount ?? 0) })
  }

  /** Tells the store what was spent while it was away. */
  private tell(store: ChainStore["Service"]) {
    return Effect.suspend(() => {
      if (this.untold.size === 0) return Effect.void
      const owed = [...this.untold]
      this.untold.clear()
      return Effect.forEach(owed, ([, account], i) => {
        const owesRest = Effect.sync(() => {
          for (const [, { amount, key, window }] of owed.slice(i)) this.owe({ key, window }, amount)
        })
        return store.reserve({ ...account, limit: Infinity }).pipe(
          Effect.tap(({ madeAt }) =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              const lost = this.local.follow(now, inMillis(account), madeAt)
              // A part of it has just been told.
              this.owe(account, Math.max(0, lost - account.amount))
            })
          ),
          Effect.tapError(() => owesRest),
          // Rather told twice than never.
          Effect.onInterrupt(() => owesRest)
        )
      }, { discard: true })
    })
  }
}

const inMillis = <A extends Account>({ window, ...rest }: A) => ({ ...rest, window: Duration.toMillis(window) })

/** Sums over the store in the context, or of this process alone. */
export const makePurse: Effect.Effect<Purse> = Effect.map(
  Effect.serviceOption(ChainStore),
  (store) => new Purse(Option.getOrUndefined(store))
)
