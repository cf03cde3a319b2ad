/**
 * The defaults of a chain, by where a provider runs.
 *
 * Guarded by `test/compile/check.test.ts` and `test/laws.test.ts`.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"

/**
 * A local server that is starting, loading its model or busy is worth waiting for: its retries begin at a second, where
 * those at a cloud begin at half a second, as OpenAI's own client does. A server that says that it is loading or busy gets
 * 15 seconds; after any other failure a local provider is asked as often as a cloud.
 */
export const patience = {
  cloud: { times: 2, backoff: Backoff.exponential({ initial: "500 millis", max: "8 seconds", jitter: Jitter.equal }) },
  local: {
    times: 4,
    backoff: Backoff.exponential({ initial: "1 second", max: "8 seconds", jitter: Jitter.proportional(0.1) })
  }
} as const

export const timeouts = {
  cloud: { firstContent: "30 seconds", betweenChunks: "60 seconds", answer: "2 minutes" },
  local: { firstContent: "5 minutes", betweenChunks: "60 seconds", answer: "10 minutes" }
} as const

export const maxRetryAfter = "60 seconds"

export const cooldown = "30 seconds"

/** A hedge costs as much as a request, so hedges are kept to fewer than retries are. */
export const hedgeBudget = { ratio: 0.1, minPerSecond: 1 }

/** The rounds in which a structured answer is repaired, if it is. */
export const repairs = 1

export const name = "llm"
