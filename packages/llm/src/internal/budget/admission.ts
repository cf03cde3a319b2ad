/**
 * What one attempt reserves of the budgets that it belongs to, and settles when it has ended.
 *
 * Guarded by `test/budget/budgets.test.ts` and `test/budget/money.laws.test.ts`.
 */
import * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Reported } from "../../ChainEvent.ts"
import type { Purse } from "../store/purse.ts"
import { costOf } from "../usage/price.ts"
import type { Priced } from "../usage/prices/find.ts"
import type { Prices } from "../usage/prices/prices.ts"
import type { Details } from "../usage/reported.ts"
import type { Tags } from "../usage/tags.ts"
import { AnswerTokens, totalTokens } from "../usage/tokens.ts"
import type { Budget } from "./options.ts"

/** An attempt that asks to be let in. */
export interface Attempt extends Omit<Priced, "at"> {
  readonly tags: Tags
  /** About how many tokens it sends. */
  readonly inputTokens: number
  /** The most tokens of its answer, if the request says so. */
  readonly maxOutputTokens?: number | undefined
}

/** How much of a budget is spent. */
export interface Spent {
  readonly budget: Budget
  /** The value of the tag that the budget is by. */
  readonly value: string | undefined
  /** What is spent of it, attempts in flight included. */
  readonly sum: number
}

/** Whether an attempt is let in. */
export type Admission =
  | {
    readonly _tag: "Admitted"
    /**
     * Replaces what was reserved by what the provider reported. Without a whole report, `began` says whether the vendor may bill more,
     * so that what is missing keeps its estimate. Only the first call counts.
     */
    readonly settle: (reported: Reported, began: boolean) => Effect.Effect<void>
  }
  /** Nothing is left of a budget, or less than what the attempt may take. */
  | { readonly _tag: "Spent"; readonly spent: Spent; readonly needs: number; readonly wait: Duration.Duration }
  /** A budget of cost applies, and the model has no price. */
  | { readonly _tag: "Unpriced"; readonly budget: Budget }

/** A local model costs nothing but what its own price says. */
const free = { input: 0, output: 0 }

/** What a budget counts of a usage. */
type Count = (usage: Response.Usage, details?: Details) => number

export class BudgetBook {
  budgets: ReadonlyArray<Budget>
  private prices: Prices
  private readonly purse: Purse
  private readonly answers = new AnswerTokens()

  constructor(budgets: ReadonlyArray<Budget>, prices: Prices, purse: Purse) {
    this.budgets = budgets
    this.prices = prices
    this.purse = purse
  }

  /** Puts other budgets in force. A budget of the same name, unit and window has the same sum. */
  replace(budgets: ReadonlyArray<Budget>, prices: Prices): void {
    this.budgets = budgets
    this.prices = prices
  }

  /** The price of a million tokens, input and output, to compare providers by: nothing for a local one, `Infinity` where it is unknown. */
  rate(priced: Priced): number {
    const price = this.priceOf(priced)
    return price === undefined ? Infinity : price.input + price.output
  }

  /** Reserves for an attempt in every budget that it belongs to; `anyway` even if nothing is left. */
  admit(attempt: Attempt, at: number, anyway: boolean): Effect.Effect<Admission> {
    const price = this.priceOf({ ...attempt, at })
    const expected = new Response.Usage({
      inputTokens: { total: attempt.inputTokens },
      outputTokens: { total: Math.min(this.answers.expected, attempt.maxOutputTokens ?? Infinity) }
    })
    return Effect.gen({ self: this }, function*() {
      const settlers: Array<(reported: Reported, began: boolean) => Effect.Effect<void>> = []
      for (const budget of this.budgets) {
        const value = budget.by === undefined ? undefined : attempt.tags[budget.by]
        if (budget.by !== undefined && value === undefined) continue
        if (budget.unit === "cost" && price === undefined) {
          yield* Effect.forEach(settlers, (settle) => settle({ usage: undefined }, false))
          return { _tag: "Unpriced", budget }
        }
        const count: Count = (usage, details) =>
          budget.unit === "cost" ? costOf(price, usage, details) ?? 0 : totalTokens(usage)
        const amount = count(expected)
        const limit = anyway ? Infinity : budget.limit
        const bought = yield* this.purse.reserve({ ...accountOf(budget, value), amount, limit })
        if (bought._tag === "Refused") {
          yield* Effect.forEach(settlers, (settle) => settle({ usage: undefined }, false))
          return { _tag: "Spent", spent: { budget, value, sum: bought.sum }, needs: amount, wait: bought.wait }
        }
        settlers.push((reported, began) => {
          const known = reported.usage === undefined ? 0 : count(reported.usage, reported.details)
          if (reported.usage !== undefined && reported.partial === undefined) return bought.settle(known)
          return bought.settle(began ? Math.max(known, count(completed(reported, expected))) : known)
        })
      }
      let open = true
      return {
        _tag: "Admitted",
        settle: (reported, began) =>
          Effect.suspend(() => {
            if (!open) return Effect.void
            open = false
            const written = reported.usage?.outputTokens.total
            if (written !== undefined && reported.partial === undefined) this.answers.learn(written)
            return Effect.forEach(settlers, (settle) => settle(reported, began), { discard: true })
          })
      }
    })
  }

  /** How much is spent of every budget that requests with these tags belong to. */
  spent(tags: Tags): Effect.Effect<ReadonlyArray<Spent>> {
    const own = this.budgets.filter(({ by }) => by === undefined || tags[by] !== undefined)
    return Effect.forEach(own, (budget) => {
      const value = budget.by === undefined ? undefined : tags[budget.by]
      return Effect.map(this.purse.spent(accountOf(budget, value)), (sum): Spent => ({ budget, value, sum }))
    })
  }

  private priceOf(priced: Priced) {
    return this.prices.find(priced) ?? (priced.location === "local" ? free : undefined)
  }
}

/** What an answer that broke off may cost: what was reported of it, and the estimate of the rest. */
const completed = ({ usage }: Reported, expected: Response.Usage): Response.Usage =>
  usage === undefined ? expected : new Response.Usage({
    inputTokens: { ...usage.inputTokens, total: usage.inputTokens.total ?? expected.inputTokens.total },
    outputTokens: {
      ...usage.outputTokens,
      total: Math.max(usage.outputTokens.total ?? 0, expected.outputTokens.total ?? 0)
    }
  })

const accountOf = ({ name, unit, window }: Budget, value: string | undefined) => ({
  key: `${unit} ${JSON.stringify(name)}${value === undefined ? "" : `:${value}`}`,
  window
})

const figure = (amount: number): string => `${Number(amount.toPrecision(6))}`

/** A budget in words: `"user" (1 in 1d) of "42"`. */
const nameBudget = ({ limit, name, unit, window }: Budget, value?: string): string =>
  `${JSON.stringify(name)}${value === undefined ? "" : ` of ${JSON.stringify(value)}`} ` +
  `(${figure(limit)}${unit === "tokens" ? " tokens" : ""} in ${Duration.format(window)})`

/** Why an attempt is not let in. */
export const because = (admission: Exclude<Admission, { readonly _tag: "Admitted" }>, model: string): string => {
  if (admission._tag === "Unpriced") {
    return `the budget ${nameBudget(admission.budget)} needs the price of ${model}, which is unknown`
  }
  const { needs, spent: { budget, sum, value } } = admission
  if (needs > budget.limit) {
    return `the budget ${nameBudget(budget, value)} is less than the ${
      figure(needs)
    } that the request may take: raise the limit, or set maxOutputTokens`
  }
  return `the budget ${nameBudget(budget, value)} is spent: ${figure(sum)} is taken, and the request may take ${
    figure(needs)
  }`
}
