/**
 * The options of budgets, and what they come to. `Budgets` exports them.
 *
 * Guarded by `test/budget/budgets.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Duration from "effect/Duration"
import type { Price } from "../usage/price.ts"
import { priceCheck } from "../usage/price.ts"
import type { Prices } from "../usage/prices/prices.ts"
import { isPrices, ofTable } from "../usage/prices/prices.ts"

/** The most that may be spent within a window: one of both. */
export type Limit =
  | {
    /** In the currency of the prices. */
    readonly cost: number
    readonly tokens?: undefined
  }
  | {
    /** Input and output together. */
    readonly tokens: number
    readonly cost?: undefined
  }

/** What may be spent by whom, in what time. */
export interface BudgetOptions {
  /** Names the budget in errors and in the store, where budgets of one name are one. Default: `by`, or `"all"`. */
  readonly name?: string | undefined
  /**
   * The tag that the budget is by: each value of it has a budget of its own, and requests without the tag have none. Default: one
   * budget over all requests.
   */
  readonly by?: string | undefined
  readonly limit: Limit
  /** The length of the sliding window. */
  readonly window: Arguments.DurationInput
  /**
   * What becomes of a request for which nothing is left.
   *
   * - `fail`: it fails with a `ChainError.BudgetSpent`.
   * - `cheapest`: the next provider that it has room for is asked, and without any, only the cheapest of those that can answer.
   *
   * Default: `"fail"`.
   */
  readonly whenSpent?: "fail" | "cheapest" | undefined
}

/** Options of budgets. */
export interface Options {
  /** The budgets. A request must have room in each that it belongs to. */
  readonly budgets: readonly [BudgetOptions, ...ReadonlyArray<BudgetOptions>]
  /** Prices by model, or `Prices.known`. Default: none, which budgets of tokens alone can do without. */
  readonly prices?: Readonly<Record<string, Price>> | Prices | undefined
}

/** A budget as it holds. */
export interface Budget {
  readonly name: string
  /** The tag that it is by; `undefined` for one budget over all requests. */
  readonly by: string | undefined
  readonly unit: "cost" | "tokens"
  readonly limit: number
  readonly window: Duration.Duration
  readonly whenSpent: "fail" | "cheapest"
}

const { oneOf, optional, or, record, refine, struct, text } = Arguments

const above = Arguments.number({ above: 0 })

export const limitCheck = refine(
  struct({ cost: optional(above), tokens: optional(above) }),
  ({ cost, tokens }, place) => {
    if ((cost === undefined) === (tokens === undefined)) place.fault("must have `cost` or `tokens`, one of both")
  }
)

const budgetCheck = struct({
  name: optional(text),
  by: optional(text),
  limit: limitCheck,
  window: Arguments.duration({ above: 0 }),
  whenSpent: optional(oneOf("fail", "cheapest"), "fail" as const)
})

const nameOf = ({ by, name }: { readonly name?: string | undefined; readonly by?: string | undefined }) =>
  name ?? by ?? "all"

/** No two budgets have one name, because they would be one sum. */
export const uniqueNames = (
  budgets: ReadonlyArray<{ readonly name?: string | undefined; readonly by?: string | undefined }>,
  place: Arguments.Place
): void => {
  if (budgets.length === 0) place.fault("must have a budget")
  const names = new Set<string>()
  for (const [i, budget] of budgets.entries()) {
    const name = nameOf(budget)
    if (names.has(name)) {
      place.at(`${i}`).at("name").fault(`must differ from ${JSON.stringify(name)}, which is taken`)
    }
    names.add(name)
  }
}

const budgetsCheck = refine(Arguments.array(budgetCheck), uniqueNames)

export const budgetOptionsCheck = refine(
  struct({ budgets: budgetsCheck, prices: optional(or(isPrices, record(priceCheck))) }),
  ({ budgets, prices }, place) => {
    const costs = budgets.some(({ limit }) => limit.cost !== undefined)
    if (costs && prices === undefined) {
      place.at("prices").fault("are needed by a budget of cost: give `Prices.known` or your own")
    }
  }
)

/** Checks options. Throws a `RangeError` that lists every fault. */
export const compile = (
  where: string,
  options: Options
): { readonly budgets: ReadonlyArray<Budget>; readonly prices: Prices } => {
  const { budgets, prices = {} } = Arguments.check(where, budgetOptionsCheck, options)
  return {
    prices: isPrices(prices) ? prices : ofTable(prices),
    budgets: budgets.map(({ by, limit: { cost, tokens }, name, whenSpent, window }): Budget => ({
      name: nameOf({ by, name }),
      by,
      unit: cost === undefined ? "tokens" : "cost",
      limit: cost ?? tokens ?? 0,
      window: Duration.millis(window),
      whenSpent
    }))
  }
}
