/**
 * The budgets of a file, which a chain that follows its file keeps up with it.
 *
 * Guarded by `test/budget/config.test.ts` and `test/config/swapped.test.ts`.
 */
import * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as LlmConfig from "../../LlmConfig.ts"
import * as Setting from "../config/environment.ts"
import type { Prices } from "../usage/prices/prices.ts"
import { ofTable } from "../usage/prices/prices.ts"
import { pricesSetting } from "../usage/settings.ts"
import type { BudgetBook } from "./admission.ts"
import { toOptions } from "./data.ts"
import type { Budget } from "./options.ts"
import { compile } from "./options.ts"

/** The books of the services that were made from a file. */
const books = new WeakMap<object, BudgetBook>()

/** Remembers that a service of budgets is made from a file. */
export const remember = <A extends object>(service: A, book: BudgetBook): A => {
  books.set(service, book)
  return service
}

/** The budgets and prices of the file in force. */
export const budgetsOfFile: Effect.Effect<
  { readonly budgets: ReadonlyArray<Budget>; readonly prices: Prices },
  Config.ConfigError
> = Effect.gen(function*() {
  const { budgets } = yield* LlmConfig.Current
  const prices = yield* pricesSetting
  if (budgets === undefined) return { budgets: [], prices: ofTable({}) }
  const options = Arr.map(budgets, toOptions)
  return yield* Setting.check(() => compile("llm.budgets", { budgets: options, prices }))
})

/** Checks the budgets of the file in force; `swap` puts them in force at a service. One that the program made stays as it is. */
export const prepareBudgets = (
  service: object
): Effect.Effect<{ readonly swap: Effect.Effect<void> }, Config.ConfigError> => {
  const book = books.get(service)
  return book === undefined
    ? Effect.succeed({ swap: Effect.void })
    : Effect.map(budgetsOfFile, ({ budgets, prices }) => ({ swap: Effect.sync(() => book.replace(budgets, prices)) }))
}
