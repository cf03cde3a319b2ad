/**
 * Budgets of money or tokens: what a user, a tenant or a key may spend within a time, shared by a fleet.
 *
 * **When to use**
 *
 * Use it to bound what one user can cost, or what a program can cost in a day, whatever goes wrong.
 *
 * **Details**
 *
 * - A chain takes the `Budgets` in the context of the request, or else those that it was made with.
 * - Every attempt reserves an estimate before it is sent: the tokens of its prompt, and those that answers have had on average, 500 at
 *   first. When it has ended, the usage that the vendor reported takes the place of the estimate; so it is with retries, fallbacks, hedges,
 *   repairs and interruptions. A budget is thus overspent by no more than the attempts in flight take beyond their estimates. The
 *   retries of a request that was let in are let in as well.
 * - An attempt whose report is not whole, because the caller interrupted it or its stream broke off, keeps its estimate for what is
 *   missing: vendors bill such answers. One that the vendor refused costs nothing but what the refusal reports.
 * - With a `ChainStore` in the context, budgets hold for the fleet. Without one they hold for the process.
 * - A window slides: what was spent a day ago no longer counts.
 *
 * **Gotchas**
 *
 * - A request without the tag that a budget is by does not belong to it. Add a budget over all requests if requests may be untagged.
 * - Under a budget of cost a cloud's model without a price is not asked. Local models are free unless a price of your own says
 *   otherwise.
 * - A fleet's budgets are as exact as its store: while that is away, each process counts alone.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Admission, Attempt, Spent } from "./internal/budget/admission.ts"
import { BudgetBook } from "./internal/budget/admission.ts"
import { budgetsOfFile, remember } from "./internal/budget/configured.ts"
import type { Budget, Options } from "./internal/budget/options.ts"
import { budgetOptionsCheck, compile } from "./internal/budget/options.ts"
import { makePurse } from "./internal/store/purse.ts"
import type { Priced } from "./internal/usage/prices/find.ts"
import type { Prices } from "./internal/usage/prices/prices.ts"
import type { Tags } from "./internal/usage/tags.ts"

export type { Admission, Attempt, Spent } from "./internal/budget/admission.ts"
export type { Budget, BudgetOptions, Limit, Options } from "./internal/budget/options.ts"

/** The budgets of a program. */
export class Budgets extends Context.Service<Budgets, {
  readonly budgets: ReadonlyArray<Budget>
  /** How much is spent of every budget that requests with these tags belong to. */
  readonly spent: (tags: Tags) => Effect.Effect<ReadonlyArray<Spent>>
  /** Reserves for an attempt, or says which budget has nothing left. `anyway` admits it regardless. The chain calls it. */
  readonly admit: (attempt: Attempt, at: number, anyway: boolean) => Effect.Effect<Admission>
  /** What a million tokens of input and output cost together; 0 for a local model, `Infinity` where it is unknown. */
  readonly rate: (priced: Priced) => number
}>()("@holdfast/llm/Budgets") {}

/**
 * The check of the options, for those that are part of others.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 * import { Budgets } from "@holdfast/llm"
 *
 * Arguments.faults(Budgets.optionsCheck, { budgets: [] }).map(Arguments.format) // => ["budgets must have a budget"]
 * ```
 */
export const optionsCheck: Arguments.Check<unknown> = budgetOptionsCheck

const serviceOf = (book: BudgetBook): Budgets["Service"] => ({
  get budgets() {
    return book.budgets
  },
  spent: (tags) => book.spent(tags),
  admit: (attempt, at, anyway) => book.admit(attempt, at, anyway),
  rate: (priced) => book.rate(priced)
})

const bookOf = (budgets: ReadonlyArray<Budget>, prices: Prices): Effect.Effect<BudgetBook> =>
  Effect.map(makePurse, (purse) => new BudgetBook(budgets, prices, purse))

/** Makes budgets, over the `ChainStore` in the context if there is one. Throws a `RangeError` that lists every invalid option. */
export const make = (options: Options): Effect.Effect<Budgets["Service"]> => {
  const { budgets, prices } = compile("Budgets.make", options)
  return Effect.map(bookOf(budgets, prices), serviceOf)
}

/**
 * A layer of budgets. Throws a `RangeError` that lists every invalid option.
 *
 * ```ts import.meta.vitest
 * import { Budgets, ChainError, Parameters, ProviderChain, Usage } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const cloud = TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hello there")))
 * const ask = LanguageModel.generateText({ prompt: "Hello?" }).pipe(Parameters.with({ maxOutputTokens: 5 }))
 *
 * // Each answer takes 12 tokens.
 * const program = Effect.gen(function*() {
 *   yield* Usage.withTags(ask, { user: "42" })
 *   yield* Usage.withTags(ask, { user: "7" })
 *   return yield* Effect.flip(Usage.withTags(ask, { user: "42" }))
 * }).pipe(Effect.provide([
 *   ProviderChain.layer({ providers: [cloud] }),
 *   Budgets.layer({ budgets: [{ by: "user", limit: { tokens: 15 }, window: "1 day" }] })
 * ]))
 *
 * const error = await Effect.runPromise(program)
 * ChainError.isBudgetSpent(error) && [error.budget.value, error.budget.sum] // => ["42", 12]
 * ```
 */
export const layer = (options: Options): Layer.Layer<Budgets> => Layer.effect(Budgets, make(options))

/**
 * The budgets of the file of `LlmConfig.layer`, with the prices of `LLM_PRICES` or of the file; without any, requests have no bound. Fails with
 * a `ConfigError` if a budget of cost has no prices. A chain of `ProviderChain.layerConfig` makes them itself where the context has
 * none; this layer gives the service as well. Under `ProviderChain.layerReloadingConfig` they follow the file, and a budget of
 * the same name, unit and window keeps its sum.
 *
 * ```ts import.meta.vitest
 * import { Budgets, LlmConfig } from "@holdfast/llm"
 * import { Effect, Layer } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({
 *     llm: { prices: "known", budgets: [{ by: "user", limit: { cost: 5 }, window: "1 day", when_spent: "cheapest" }] }
 *   })
 *   const { budgets } = yield* Effect.provide(Budgets.Budgets, Layer.provide(Budgets.layerConfig, LlmConfig.layer(config)))
 *   return budgets.map(({ limit, name, whenSpent }) => [name, limit, whenSpent])
 * })
 *
 * await Effect.runPromise(program) // => [["user", 5, "cheapest"]]
 * ```
 */
export const layerConfig: Layer.Layer<Budgets, Config.ConfigError> = /* @__PURE__ */ Layer.effect(
  Budgets,
  // Pure, so that a bundle without it has neither the prices of the vendors nor the settings of a file.
  /* @__PURE__ */ Effect.gen(function*() {
    const { budgets, prices } = yield* budgetsOfFile
    const book = yield* bookOf(budgets, prices)
    return remember(serviceOf(book), book)
  })
)
