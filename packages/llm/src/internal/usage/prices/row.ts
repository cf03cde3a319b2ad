/**
 * What the lists of prices have in common: the shape of a vendor's list, and short ways to write a price.
 *
 * Guarded by `test/usage/prices.test.ts`.
 */
import type { Price } from "../price.ts"

/** The prices of one vendor. */
export interface VendorPrices {
  /** The names that providers of this vendor have in `PROVIDER_PRIORITY`. */
  readonly providers: readonly [string, ...ReadonlyArray<string>]
  /** The vendor's page, to check the prices against. */
  readonly source: string
  /** When the prices were compared, as `YYYY-MM-DD`. */
  readonly seen: string
  /**
   * What ends the id of a dated snapshot, which costs what its model costs unless it has a row of its own. Default: `-2025-08-07`,
   * `-20250807` and `@20250807`.
   */
  readonly dated?: RegExp
  /** Whether other providers serve models of the same names, so that a name alone does not tell the price. */
  readonly shared?: boolean
  /** When the prices are lower, and by what factor. Default: never. */
  readonly offPeak?: { readonly factor: number; readonly isPeak: (at: number) => boolean }
  readonly models: Readonly<Record<string, Price | Changing>>
}

/** A price that the vendor has said will change. */
export interface Changing {
  readonly now: Price
  /** The first instant of the later price, in UTC. */
  readonly from: string
  readonly later: Price
}

/** Input, output, and input read from a cache. */
export const price = (input: number, output: number, cacheRead?: number): Price => ({
  input,
  output,
  ...(cacheRead !== undefined && { cacheRead })
})

/** Of a model for embeddings, whose vectors cost nothing. */
export const embedding = (input: number): Price => ({ input, output: 0 })

/** Twelve digits are more than any vendor states. */
const exact = (value: number): number => Number(value.toPrecision(12))

/** A price times a factor: of a region, or of a long prompt. */
export const times = (price: Price, input: number, output = input): Price => ({
  ...price,
  input: exact(price.input * input),
  output: exact(price.output * output),
  ...(price.cacheRead !== undefined && { cacheRead: exact(price.cacheRead * input) }),
  ...(price.cacheWrite !== undefined && { cacheWrite: exact(price.cacheWrite * input) }),
  ...(price.cacheWriteHour !== undefined && { cacheWriteHour: exact(price.cacheWriteHour * input) })
})

/**
 * What other tiers and regions cost. A batch costs half as much everywhere; OpenAI takes `fast` for `priority`.
 */
export const tiers = (price: Price, factors: Readonly<Record<string, number>> = {}): Price => ({
  ...price,
  factors: { batch: 0.5, ...factors, ...(factors["priority"] !== undefined && { fast: factors["priority"] }) }
})

/** A prompt longer than `tokens` costs a multiple. */
export const longer = (base: Price, tokens: number, input: number, output: number): Price => ({
  ...base,
  above: { tokens, ...times(base, input, output) }
})

/** A write to a prompt cache costs a quarter more than input for five minutes, and twice as much as input for an hour. */
export const claude = (input: number, output: number, cacheRead = input / 10): Price => ({
  input,
  output,
  cacheRead: exact(cacheRead),
  cacheWrite: exact(input * 1.25),
  cacheWriteHour: exact(input * 2)
})
