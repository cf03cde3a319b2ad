/**
 * The entry of one attempt in a ledger, with its cost. `Usage` exports it.
 *
 * Guarded by `test/Usage.test.ts` and `test/laws.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { AttemptFailed, AttemptInterrupted, AttemptSucceeded } from "../../ChainEvent.ts"
import type { Price } from "./price.ts"
import { costOf } from "./price.ts"
import type { Priced } from "./prices/find.ts"
import { findOwn } from "./prices/find.ts"

export { Price } from "./price.ts"

/** One attempt at a provider. Tokens that were not reported are left out. */
export const Entry = Schema.Struct({
  /** When it ended, in milliseconds since the epoch. */
  at: Schema.Finite,
  provider: Schema.String,
  model: Schema.String,
  location: Schema.Literals(["cloud", "local"]),
  /** Which attempt at this provider for one request: 1 is the first. */
  attempt: Schema.Int,
  /** What was asked for; missing for a chat. */
  operation: Schema.optionalKey(Schema.Literal("embeddings")),
  outcome: Schema.Literals(["succeeded", "failed", "interrupted"]),
  /** The tag of the reason of a failure: `"RateLimitError"`. */
  reason: Schema.optionalKey(Schema.String),
  durationMillis: Schema.Finite,
  /** All input, including cache reads and writes. */
  inputTokens: Schema.optionalKey(Schema.Int),
  cacheReadTokens: Schema.optionalKey(Schema.Int),
  cacheWriteTokens: Schema.optionalKey(Schema.Int),
  /** Of the cache writes, those for an hour or longer, where the vendor tells them apart. */
  cacheWriteHourTokens: Schema.optionalKey(Schema.Int),
  /** All output, including reasoning. */
  outputTokens: Schema.optionalKey(Schema.Int),
  reasoningTokens: Schema.optionalKey(Schema.Int),
  /** Of the input and of the output, sound and images, where the vendor tells them apart. */
  inputAudioTokens: Schema.optionalKey(Schema.Int),
  inputImageTokens: Schema.optionalKey(Schema.Int),
  outputAudioTokens: Schema.optionalKey(Schema.Int),
  outputImageTokens: Schema.optionalKey(Schema.Int),
  /** The tier that served the request, if it was not the standard one: `"flex"`. */
  tier: Schema.optionalKey(Schema.String),
  /**
   * The answer broke off before its usage was complete. The counts, and the cost by them, are what the vendor had reported until then;
   * the bill may be higher.
   */
  partial: Schema.optionalKey(Schema.Literal(true)),
  /** In the currency of the prices; missing without a price or usage. */
  cost: Schema.optionalKey(Schema.Finite),
  /** The tags of the request; missing without any. */
  tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
export type Entry = typeof Entry.Type

/** The event of an attempt that has ended. */
export type Ended = AttemptSucceeded | AttemptFailed | AttemptInterrupted

/** Finds the price of a model. */
export interface Lookup {
  readonly find: (priced: Priced) => Price | undefined
}

const isLookup = (prices: Lookup | Readonly<Record<string, Price>>): prices is Lookup =>
  typeof prices["find"] === "function"

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
export const entryOf = (event: Ended, prices: Lookup | Readonly<Record<string, Price>> = {}): Entry => {
  const { at, attempt, details, location, model, operation, partial, provider, tags, usage } = event
  const priced = { provider, model, location, at }
  const tokens = {
    inputTokens: usage?.inputTokens.total,
    cacheReadTokens: usage?.inputTokens.cacheRead,
    cacheWriteTokens: usage?.inputTokens.cacheWrite,
    cacheWriteHourTokens: details?.cacheWriteHour,
    outputTokens: usage?.outputTokens.total,
    reasoningTokens: usage?.outputTokens.reasoning,
    inputAudioTokens: details?.inputAudio,
    inputImageTokens: details?.inputImage,
    outputAudioTokens: details?.outputAudio,
    outputImageTokens: details?.outputImage,
    cost: usage && costOf(isLookup(prices) ? prices.find(priced) : findOwn(prices, priced), usage, details)
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
    ...(operation === undefined ? {} : { operation }),
    outcome: outcomes[event._tag],
    ...(event._tag === "AttemptFailed" ? { reason: event.reason._tag } : {}),
    durationMillis: Duration.toMillis(event.duration),
    ...known,
    ...(details?.tier === undefined ? {} : { tier: details.tier }),
    ...(partial === undefined ? {} : { partial }),
    ...(tags === undefined ? {} : { tags })
  }
}
