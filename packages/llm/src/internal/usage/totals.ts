/**
 * Sums of a ledger's entries. `Usage` exports them.
 *
 * Guarded by `test/Usage.test.ts` and `test/laws.test.ts`.
 */
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
  /** The number of attempts that broke off before their usage was complete. The vendor may bill more for them. */
  readonly partial: number
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
  unpriced: 0,
  partial: 0
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
  unpriced: total.unpriced + (entry.cost === undefined && hasTokens(entry) ? 1 : 0),
  partial: total.partial + (entry.partial === true ? 1 : 0)
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
  unpriced: a.unpriced + b.unpriced,
  partial: a.partial + b.partial
})

/**
 * How entries are grouped: by the day in UTC as `YYYY-MM-DD`, the provider, `provider/model`, the operation (`chat` or
 * `embeddings`), or the value of a tag.
 */
export type By = "day" | "provider" | "model" | "operation" | { readonly tag: string }

/** The operation of an entry that names none. */
export const chat = "chat"

export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)

const groupOf = (entry: Entry, by: By): string | undefined => {
  if (typeof by === "object") return entry.tags?.[by.tag]
  switch (by) {
    case "day":
      return dayOf(entry.at)
    case "provider":
      return entry.provider
    case "model":
      return `${entry.provider}/${entry.model}`
    case "operation":
      return entry.operation ?? chat
  }
}

/**
 * Sums entries up by group. Entries without the tag are a group of their own, `undefined`.
 *
 * ```ts import.meta.vitest
 * import { Usage } from "@holdfast/llm"
 *
 * const entry = (user: string, cost: number): Usage.Entry => ({
 *   at: 0,
 *   provider: "openai",
 *   model: "gpt-5",
 *   location: "cloud",
 *   attempt: 1,
 *   outcome: "succeeded",
 *   durationMillis: 12,
 *   cost,
 *   tags: { user }
 * })
 * const sums = Usage.sumBy([entry("42", 1), entry("7", 2), entry("42", 3)], { tag: "user" })
 * Array.from(sums, ([user, { cost }]) => [user, cost]) // => [["42", 4], ["7", 2]]
 * ```
 */
export const sumBy = (entries: Iterable<Entry>, by: By): ReadonlyMap<string | undefined, Total> => {
  const groups = new Map<string | undefined, Total>()
  for (const entry of entries) {
    const group = groupOf(entry, by)
    groups.set(group, plus(groups.get(group) ?? zero, entry))
  }
  return groups
}
