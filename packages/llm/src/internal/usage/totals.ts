/** Sums of a ledger's entries. `Usage` exports them. */
import type { Entry } from "./entry.ts"

/** The sum of entries. */
export interface Total {
  readonly attempts: number
  readonly succeeded: number
  readonly failed: number
  readonly interrupted: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly cost: number
  /** The number of attempts with usage but without a price. `cost` does not include them. */
  readonly unpriced: number
}

/** The sums of a ledger. */
export interface Totals {
  readonly all: Total
  readonly byProvider: Readonly<Record<string, Total>>
  /** By `provider/model`. */
  readonly byModel: Readonly<Record<string, Total>>
}

/** The sum of no entries. */
export const zero: Total = {
  attempts: 0,
  succeeded: 0,
  failed: 0,
  interrupted: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  cost: 0,
  unpriced: 0
}

const hasTokens = (entry: Entry): boolean => entry.inputTokens !== undefined || entry.outputTokens !== undefined

export const plus = (total: Total, entry: Entry): Total => ({
  attempts: total.attempts + 1,
  succeeded: total.succeeded + (entry.outcome === "succeeded" ? 1 : 0),
  failed: total.failed + (entry.outcome === "failed" ? 1 : 0),
  interrupted: total.interrupted + (entry.outcome === "interrupted" ? 1 : 0),
  inputTokens: total.inputTokens + (entry.inputTokens ?? 0),
  cacheReadTokens: total.cacheReadTokens + (entry.cacheReadTokens ?? 0),
  cacheWriteTokens: total.cacheWriteTokens + (entry.cacheWriteTokens ?? 0),
  outputTokens: total.outputTokens + (entry.outputTokens ?? 0),
  reasoningTokens: total.reasoningTokens + (entry.reasoningTokens ?? 0),
  cost: total.cost + (entry.cost ?? 0),
  unpriced: total.unpriced + (entry.cost === undefined && hasTokens(entry) ? 1 : 0)
})

/**
 * Sums entries up.
 *
 * ```ts import.meta.vitest
 * import { Usage } from "@holdfast/llm"
 *
 * Usage.sum([]) // => Usage.zero
 * ```
 */
export const sum = (entries: Iterable<Entry>): Total => {
  let total = zero
  for (const entry of entries) total = plus(total, entry)
  return total
}

export const add = (a: Total, b: Total): Total => ({
  attempts: a.attempts + b.attempts,
  succeeded: a.succeeded + b.succeeded,
  failed: a.failed + b.failed,
  interrupted: a.interrupted + b.interrupted,
  inputTokens: a.inputTokens + b.inputTokens,
  cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
  cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  cost: a.cost + b.cost,
  unpriced: a.unpriced + b.unpriced
})
