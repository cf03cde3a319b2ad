/**
 * All known prices, and the names of those that have none.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import { findKnown } from "./find.ts"
import { hosts } from "./hosts.ts"
import type { Prices } from "./prices.ts"
import { of } from "./prices.ts"
import type { VendorPrices } from "./row.ts"
import { vendors } from "./vendors.ts"

export const known: ReadonlyArray<VendorPrices> = [...vendors, ...hosts]

/** The day of the oldest row. */
export const seen: string = known.map((vendor) => vendor.seen).toSorted()[0] ?? ""

/**
 * Clouds whose price depends on facts that no answer has: the region or the contract (Azure, Vertex), the vendor that a router has
 * chosen (OpenRouter, LiteLLM), a subscription (GitHub Models, Ollama's cloud).
 */
export const unpriced: ReadonlyArray<string> = [
  "azure",
  "vertex",
  "openrouter",
  "litellm",
  "github-models",
  "ollama-cloud"
]

export const prices: Prices = of((priced) => findKnown(known, unpriced, priced))
