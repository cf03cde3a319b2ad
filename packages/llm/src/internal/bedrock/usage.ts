/**
 * What an answer of the Converse API cost.
 *
 * Guarded by `test/usage/counts.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import type { Fields } from "../protocol/field.ts"
import { count, fields, list } from "../protocol/field.ts"
import type { Counts } from "../usage/reported.ts"
import { tierOf } from "../usage/reported.ts"

/** Input counts neither what was read from nor what was written to the cache. */
const toUsage = (usage: Fields): typeof Response.Usage.Encoded => {
  const uncached = count(usage["inputTokens"])
  const cacheRead = count(usage["cacheReadInputTokens"])
  const cacheWrite = count(usage["cacheWriteInputTokens"])
  const total = count(usage["outputTokens"])
  return {
    inputTokens: {
      total: uncached === undefined ? undefined : uncached + (cacheRead ?? 0) + (cacheWrite ?? 0),
      uncached,
      cacheRead,
      cacheWrite
    },
    outputTokens: { total, reasoning: undefined, text: total }
  }
}

/** Of `metadata`, or of a whole answer: the usage, writes to the cache by how long they last, and the tier. */
export const counted = (metadata: Fields): Omit<Counts, "partial"> | undefined => {
  const usage = fields(metadata["usage"])
  if (Object.keys(usage).length === 0) return undefined
  const forHour = list(usage["cacheDetails"]).map(fields).reduce(
    (sum, { inputTokens, ttl }) => sum + (ttl === "1h" ? count(inputTokens) ?? 0 : 0),
    0
  )
  const tier = fields(metadata["performanceConfig"])["latency"] === "optimized"
    ? "optimized"
    : tierOf(fields(metadata["serviceTier"])["type"])
  return { usage: toUsage(usage), details: { cacheWriteHour: forHour || undefined, tier } }
}
