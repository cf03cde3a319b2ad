/**
 * The price of a model's tokens, and what an attempt costs by it. `Usage` exports the price.
 *
 * Guarded by `test/laws.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Response from "effect/ai/Response"
import * as Schema from "effect/Schema"
import type { Details } from "./reported.ts"

const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

const amounts = {
  input: Amount,
  output: Amount,
  /** Of input that a prompt cache had. Default: the price of input. */
  cacheRead: Schema.optional(Amount),
  /** Of input written to a prompt cache. Default: the price of input. */
  cacheWrite: Schema.optional(Amount),
  /** Of input written to a prompt cache for an hour or longer (Anthropic, Bedrock). Default: `cacheWrite`. */
  cacheWriteHour: Schema.optional(Amount),
  /** Of thoughts, where the vendor bills them apart from output. Default: the price of output. */
  reasoning: Schema.optional(Amount),
  /** Of sound in the input. Default: the price of input. */
  inputAudio: Schema.optional(Amount),
  /** Of sound that a prompt cache had. Default: `cacheRead`. */
  cacheReadAudio: Schema.optional(Amount),
  /** Of images in the input. Default: the price of input. */
  inputImage: Schema.optional(Amount),
  /** Of sound in the output. Default: the price of output. */
  outputAudio: Schema.optional(Amount),
  /** Of images in the output. Default: the price of output. */
  outputImage: Schema.optional(Amount)
}

/** Prices of a million tokens. */
export const Price = Schema.Struct({
  ...amounts,
  /**
   * The prices of all tokens of a request whose prompt, with what a cache had of it, is longer than `tokens`. Default: the
   * same at any length.
   */
  above: Schema.optional(Schema.Struct({ tokens: Schema.Int.check(Schema.isGreaterThan(0)), ...amounts })),
  /**
   * By what all amounts are multiplied if the vendor says that it served the request so: by the name of a tier (`flex`, `priority`, `batch`,
   * `fast`) or of a region (`us`). Default: 1.
   */
  factors: Schema.optional(Schema.Record(Schema.String, Amount))
})
export type Price = typeof Price.Type

const amount = Arguments.number({ min: 0 })

const amountChecks = {
  input: amount,
  output: amount,
  cacheRead: Arguments.optional(amount),
  cacheWrite: Arguments.optional(amount),
  cacheWriteHour: Arguments.optional(amount),
  reasoning: Arguments.optional(amount),
  inputAudio: Arguments.optional(amount),
  cacheReadAudio: Arguments.optional(amount),
  inputImage: Arguments.optional(amount),
  outputAudio: Arguments.optional(amount),
  outputImage: Arguments.optional(amount)
}

/** Checks a price among options. */
export const priceCheck: Arguments.Check<Price> = Arguments.struct({
  ...amountChecks,
  above: Arguments.optional(Arguments.struct({ tokens: Arguments.integer({ min: 1 }), ...amountChecks })),
  factors: Arguments.optional(Arguments.record(amount))
})

const million = 1_000_000

/** As many of the tokens as there are. */
const within = (tokens: number | undefined, all: number): number => Math.max(0, Math.min(tokens ?? 0, all))

/** What an attempt costs; `undefined` without a price, or without usage. Each token is billed once, by its most special price. */
export const costOf = (
  price: Price | undefined,
  { inputTokens, outputTokens }: Response.Usage,
  details: Details = {}
): number | undefined => {
  if (price === undefined || (inputTokens.total === undefined && outputTokens.total === undefined)) return undefined
  const input = inputTokens.total ?? 0
  const output = outputTokens.total ?? 0
  const rate = price.above !== undefined && input > price.above.tokens ? price.above : price
  const read = within(inputTokens.cacheRead, input)
  const readAudio = within(details.cacheReadAudio, read)
  const written = within(inputTokens.cacheWrite, input - read)
  const forHour = within(details.cacheWriteHour, written)
  const plain = input - read - written
  const audio = within(details.inputAudio === undefined ? undefined : details.inputAudio - readAudio, plain)
  const images = within(details.inputImage, plain - audio)
  const spoken = within(details.outputAudio, output)
  const drawn = within(details.outputImage, output - spoken)
  const reasoning = within(outputTokens.reasoning, output - spoken - drawn)
  const cacheRead = rate.cacheRead ?? rate.input
  const cacheWrite = rate.cacheWrite ?? rate.input
  const amount = (plain - audio - images) * rate.input +
    audio * (rate.inputAudio ?? rate.input) +
    images * (rate.inputImage ?? rate.input) +
    (read - readAudio) * cacheRead +
    readAudio * (rate.cacheReadAudio ?? cacheRead) +
    (written - forHour) * cacheWrite +
    forHour * (rate.cacheWriteHour ?? cacheWrite) +
    (output - reasoning - spoken - drawn) * rate.output +
    reasoning * (rate.reasoning ?? rate.output) +
    spoken * (rate.outputAudio ?? rate.output) +
    drawn * (rate.outputImage ?? rate.output)
  return amount * factorOf(price, details.tier) * factorOf(price, details.region) / million
}

const factorOf = ({ factors = {} }: Price, name: string | undefined): number =>
  name !== undefined && Object.hasOwn(factors, name) ? factors[name] ?? 1 : 1
