/**
 * Prices of models, for a ledger and for budgets: one's own, and those that vendors publish.
 *
 * **When to use**
 *
 * Use {@link known} where list prices will do, and {@link make} for prices of a contract, or in another currency.
 *
 * **Details**
 *
 * - A price is found by `provider/model`, then by model, then by either without the date of a snapshot: `gpt-5-2025-08-07` costs what
 *   `gpt-5` costs.
 * - {@link known} are US dollars per million tokens, as of November 27, 2026. {@link rows} has them all, each with the vendor's page, to check
 *   it against, and the public lists that stated the same price on that day. {@link seen} is the day.
 * - A tier that the vendor says it served a request in (`flex`, `priority`, `batch`, Anthropic's `fast`) and Anthropic's region `us` have the
 *   price's `factors`. Sound and images have prices of their own where the vendor has them.
 * - A provider belongs to a vendor by its name: `openai`, or `openai-eu` in a pool. A provider of any other name is priced by its
 *   model, if only the model's maker serves it: `gpt-5-mini` is, `openai/gpt-oss-120b` is not.
 *
 * **Gotchas**
 *
 * - A model without a price adds nothing to a sum of costs; its attempts count as `unpriced`. These are all local models, and all
 *   models at Azure, Vertex, OpenRouter and GitHub Models, where the price depends on facts that no answer has.
 * - Prices age. Tools that a vendor runs and the storage of caches are not in them. DeepSeek's are halved outside of Beijing's working hours, but
 *   not on China's public holidays. A tier without a factor is billed as the standard one.
 *
 * **Example**
 *
 * See {@link orElse}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { dual } from "effect/Function"
import type { Price } from "./internal/usage/price.ts"
import { priceCheck } from "./internal/usage/price.ts"
import * as Known from "./internal/usage/prices/known.ts"
import type { Prices } from "./internal/usage/prices/prices.ts"
import { firstOf, ofTable } from "./internal/usage/prices/prices.ts"
import { sourcesOf } from "./internal/usage/prices/sources.ts"

export type { Priced } from "./internal/usage/prices/find.ts"
export { isPrices } from "./internal/usage/prices/prices.ts"
export type { Prices } from "./internal/usage/prices/prices.ts"

const recordCheck = Arguments.record(priceCheck)

/**
 * Prices by model, or by `provider/model` where one model has several. Throws a `RangeError` that lists every invalid price.
 *
 * ```ts import.meta.vitest
 * import { Prices } from "@holdfast/llm"
 *
 * const prices = Prices.make({ "gpt-5-mini": { input: 0.25, output: 2 }, "work/gpt-5-mini": { input: 0.2, output: 1.6 } })
 *
 * const asked = { model: "gpt-5-mini-2025-08-07", location: "cloud", at: 0 } as const
 * prices.find({ provider: "openai", ...asked }) // => { input: 0.25, output: 2 }
 * prices.find({ provider: "work", ...asked }) // => { input: 0.2, output: 1.6 }
 * ```
 */
export const make = (prices: Readonly<Record<string, Price>>): Prices => {
  Arguments.check("Prices.make", recordCheck, prices)
  return ofTable(prices)
}

/**
 * The prices that vendors publish for well-known models.
 *
 * ```ts import.meta.vitest
 * import { Prices } from "@holdfast/llm"
 *
 * const find = (provider: string, model: string, location: "cloud" | "local" = "cloud") =>
 *   Prices.known.find({ provider, model, location, at: 0 })
 * find("openai", "gpt-5-2025-08-07")?.output // => 10
 * find("openai-eu", "gpt-5")?.input // => 1.25
 * find("azure", "gpt-5") // => undefined
 * find("ollama", "gpt-oss:20b", "local") // => undefined
 * ```
 */
export const known: Prices = Known.prices

/** The day on which {@link known} was last compared with the vendors' pages and other lists, as `YYYY-MM-DD`. */
export const seen: string = Known.seen

/**
 * Prices that win over others.
 *
 * ```ts import.meta.vitest
 * import { Prices } from "@holdfast/llm"
 *
 * const prices = Prices.orElse(Prices.make({ "azure/gpt-5": { input: 1.4, output: 11 } }), Prices.known)
 *
 * prices.find({ provider: "azure", model: "gpt-5", location: "cloud", at: 0 })?.input // => 1.4
 * prices.find({ provider: "openai", model: "gpt-5", location: "cloud", at: 0 })?.input // => 1.25
 * ```
 */
export const orElse: {
  (that: Prices): (self: Prices) => Prices
  (self: Prices, that: Prices): Prices
} = dual(2, firstOf)

/** A known price with its origin. */
export interface Row {
  /** The provider's name in `PROVIDER_PRIORITY`. */
  readonly provider: string
  readonly model: string
  readonly price: Price
  /** The first instant of the price, in UTC, where the vendor has announced it; `undefined` for the price in force. */
  readonly from: string | undefined
  /** The vendor's page, to check the price against. */
  readonly source: string
  /** When the price was compared with `sources`, as `YYYY-MM-DD`. */
  readonly seen: string
  /** The public lists, each with its version or date, that stated the same price. */
  readonly sources: ReadonlyArray<string>
}

/**
 * Every known price, with its source.
 *
 * ```ts import.meta.vitest
 * import { Prices } from "@holdfast/llm"
 *
 * Prices.rows.filter((row) => row.model === "claude-haiku-4-5").map(({ provider, source }) => [provider, source]) // => [["anthropic", "https://platform.claude.com/docs/en/about-claude/pricing"]]
 * ```
 */
export const rows: ReadonlyArray<Row> = /* @__PURE__ */ Known.known.flatMap((
  { models, providers: [provider], seen, source }
) =>
  Object.entries(models).flatMap(([model, row]): ReadonlyArray<Row> => {
    const common = { provider, model, source, seen, sources: sourcesOf(provider, model) }
    return "later" in row
      ? [{ ...common, price: row.now, from: undefined }, { ...common, price: row.later, from: row.from }]
      : [{ ...common, price: row, from: undefined }]
  })
)
