/** The entry of one attempt in a ledger, with its cost. `Usage` exports it. */
import type * as Response from "effect/ai/Response"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { AttemptFailed, AttemptInterrupted, AttemptSucceeded } from "../../ChainEvent.ts"

/** One attempt at a provider. Tokens that were not reported are left out. */
export const Entry = Schema.Struct({
  /** When it ended, in milliseconds since the epoch. */
  at: Schema.Finite,
  provider: Schema.String,
  model: Schema.String,
  location: Schema.Literals(["cloud", "local"]),
  /** Which attempt at this provider for one request: 1 is the first. */
  attempt: Schema.Int,
  outcome: Schema.Literals(["succeeded", "failed", "interrupted"]),
  /** The tag of the reason of a failure: `"RateLimitError"`. */
  reason: Schema.optionalKey(Schema.String),
  durationMillis: Schema.Finite,
  /** All input, including cache reads and writes. */
  inputTokens: Schema.optionalKey(Schema.Int),
  cacheReadTokens: Schema.optionalKey(Schema.Int),
  cacheWriteTokens: Schema.optionalKey(Schema.Int),
  /** All output, including reasoning. */
  outputTokens: Schema.optionalKey(Schema.Int),
  reasoningTokens: Schema.optionalKey(Schema.Int),
  /** In the currency of the prices; missing without a price or usage. */
  cost: Schema.optionalKey(Schema.Finite)
})
export type Entry = typeof Entry.Type

const Amount = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** Prices of a million tokens. */
export const Price = Schema.Struct({
  input: Amount,
  output: Amount,
  /** Default: the price of input. */
  cacheRead: Schema.optional(Amount),
  /** Default: the price of input. */
  cacheWrite: Schema.optional(Amount)
})
export type Price = typeof Price.Type

const million = 1_000_000

const costOf = (price: Price | undefined, usage: Response.Usage): number | undefined => {
  const { inputTokens, outputTokens } = usage
  if (price === undefined || (inputTokens.total === undefined && outputTokens.total === undefined)) return undefined
  const read = inputTokens.cacheRead ?? 0
  const written = inputTokens.cacheWrite ?? 0
  const plain = Math.max(0, (inputTokens.total ?? 0) - read - written)
  return (plain * price.input + read * (price.cacheRead ?? price.input) + written * (price.cacheWrite ?? price.input) +
    (outputTokens.total ?? 0) * price.output) / million
}

/** The event of an attempt that has ended. */
export type Ended = AttemptSucceeded | AttemptFailed | AttemptInterrupted

const outcomes = { AttemptSucceeded: "succeeded", AttemptFailed: "failed", AttemptInterrupted: "interrupted" } as const

/**
 * The entry of an attempt that has ended, by the prices given. It holds neither prompt nor answer nor key.
 *
 * ```ts import.meta.vitest
 * import { Usage } from "@holdfast/llm"
 * import { Duration } from "effect"
 *
 * const entry = Usage.entryOf({
 *   _tag: "AttemptSucceeded",
 *   provider: "ollama",
 *   model: "llama3.2",
 *   location: "local",
 *   attempt: 1,
 *   at: 0,
 *   duration: Duration.millis(12),
 *   usage: undefined
 * })
 * entry.outcome // => "succeeded"
 * ```
 */
export const entryOf = (event: Ended, prices: Readonly<Record<string, Price>> = {}): Entry => {
  const { at, attempt, location, model, provider, usage } = event
  const cost = usage === undefined ? undefined : costOf(prices[`${provider}/${model}`] ?? prices[model], usage)
  const tokens = {
    inputTokens: usage?.inputTokens.total,
    cacheReadTokens: usage?.inputTokens.cacheRead,
    cacheWriteTokens: usage?.inputTokens.cacheWrite,
    outputTokens: usage?.outputTokens.total,
    reasoningTokens: usage?.outputTokens.reasoning,
    cost
  }
  const known: Partial<Record<keyof typeof tokens, number>> = Object.fromEntries(
    Object.entries(tokens).filter(([, value]) => value !== undefined)
  )
  return {
    at,
    provider,
    model,
    location,
    attempt,
    outcome: outcomes[event._tag],
    ...(event._tag === "AttemptFailed" ? { reason: event.reason._tag } : {}),
    durationMillis: Duration.toMillis(event.duration),
    ...known
  }
}
