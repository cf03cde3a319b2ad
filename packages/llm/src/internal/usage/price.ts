/**
 * The price of a model's tokens, and what an attempt costs by it. `Usage` exports the price.
 *
 * Guarded by `test/laws.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Response from "effect/ai/Response"
import * as Schema from "effect/Schema"

const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const amounts = {
  input: Amount,
  output: Amount,
  /** Of input that a prompt cache had. Default: the price of input. */
  cacheRead: Schema.optional(Amount),
  /** Of input written to a prompt cache. Default: the price of input. */
  cacheWrite: Schema.optional(Amount),
  /** Of input written to a prompt cache for an hour (Anthropic). Default: `cacheWrite`. */
  cacheWriteHour: Schema.optional(Amount),
  /** Of thoughts, where the vendor bills them apart from output. Default: the price of output. */
  reasoning: Schema.optional(Amount)
}

/** Prices of a million tokens. */
export const Price = Schema.Struct({
  ...amounts,
  /**
   * The prices of all tokens of a request whose prompt, with what a cache had of it, is longer than `tokens`. Default: the
   * same at any length.
   */
  above: Schema.optional(Schema.Struct({ tokens: Schema.Int.check(Schema.isGreaterThan(0)), ...amounts }))
})
export type Price = typeof Price.Type

const amount = Arguments.number({ min: 0 })

const amountChecks = {
  input: amount,
  output: amount,
  cacheRead: Arguments.optional(amount),
  cacheWrite: Arguments.optional(amount),
  cacheWriteHour: Arguments.optional(amount),
  reasoning: Arguments.optional(amount)
}

/** Checks a price among options. */
export const priceCheck: Arguments.Check<Price> = Arguments.struct({
  ...amountChecks,
  above: Arguments.optional(Arguments.struct({ tokens: Arguments.integer({ min: 1 }), ...amountChecks }))
})

const million = 1_000_000

/** What an attempt costs; `undefined` without a price, or without usage. */
export const costOf = (
  price: Price | undefined,
  { inputTokens, outputTokens }: Response.Usage,
  hourWrites = 0
): number | undefined => {
  if (price === undefined || (inputTokens.total === undefined && outputTokens.total === undefined)) return undefined
  const input = inputTokens.total ?? 0
  const output = outputTokens.total ?? 0
  const rate = price.above !== undefined && input > price.above.tokens ? price.above : price
  const read = inputTokens.cacheRead ?? 0
  const written = inputTokens.cacheWrite ?? 0
  const forHour = Math.min(hourWrites, written)
  const reasoning = Math.min(outputTokens.reasoning ?? 0, output)
  const cacheWrite = rate.cacheWrite ?? rate.input
  return (Math.max(0, input - read - written) * rate.input +
    read * (rate.cacheRead ?? rate.input) +
    (written - forHour) * cacheWrite +
    forHour * (rate.cacheWriteHour ?? cacheWrite) +
    (output - reasoning) * rate.output +
    reasoning * (rate.reasoning ?? rate.output)) / million
}
