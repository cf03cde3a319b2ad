/**
 * How an answer of the Messages API ended, and what it cost.
 *
 * Guarded by `test/AnthropicProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type { Fields } from "../protocol/field.ts"
import { count, fields, isPresent } from "../protocol/field.ts"
import { positive, tierOf } from "../usage/reported.ts"
import type { Counts } from "../usage/reported.ts"

const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  pause_turn: "pause",
  compaction: "pause",
  refusal: "content-filter"
}

export const toFinishReason = (reason: string): Response.FinishReason => finishReasons[reason] ?? "other"

/**
 * What is not null replaces what was said before: the counts are cumulative, so that none shrinks. Gateways end a stream with zeros
 * for what they said at its start.
 */
export const latest = (before: Fields, update: unknown): Fields => ({
  ...before,
  ...Object.fromEntries(
    Object.entries(fields(update)).filter(([name, value]) => isPresent(value) && !shrinks(before[name], value))
  )
})

const shrinks = (before: unknown, value: unknown): boolean => (count(value) ?? Infinity) < (count(before) ?? 0)

/** All input is `input_tokens` and what was read from and written to the cache; thoughts are part of the output. */
const toUsage = (usage: Fields): typeof Response.Usage.Encoded => {
  const uncached = count(usage["input_tokens"])
  const cacheRead = count(usage["cache_read_input_tokens"])
  const cacheWrite = count(usage["cache_creation_input_tokens"])
  const output = count(usage["output_tokens"])
  const reasoning = count(fields(usage["output_tokens_details"])["thinking_tokens"])
  return {
    inputTokens: {
      total: uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0),
      uncached,
      cacheRead,
      cacheWrite
    },
    outputTokens: {
      total: output,
      reasoning,
      text: output === undefined ? undefined : Math.max(0, output - (reasoning ?? 0))
    }
  }
}

/** The part of the world that a request was kept in; `global` and what is not told are none. */
const regionOf = (geo: unknown): string | undefined =>
  typeof geo === "string" && !["", "global", "not_available"].includes(geo) ? geo : undefined

/** The usage so far, and what of it has a price of its own. */
export const counted = (usage: Fields): Omit<Counts, "partial"> | undefined =>
  Object.keys(usage).length === 0 ? undefined : {
    usage: toUsage(usage),
    details: {
      cacheWriteHour: positive(fields(usage["cache_creation"])["ephemeral_1h_input_tokens"]),
      tier: usage["speed"] === "fast" ? "fast" : tierOf(usage["service_tier"]),
      region: regionOf(usage["inference_geo"])
    }
  }
