/**
 * What a response's headers say is left of an account's limits.
 *
 * - OpenAI, Azure, Groq, Mistral and vLLM's gateways: `x-ratelimit-remaining-requests`, `x-ratelimit-remaining-tokens`, and
 *   `x-ratelimit-reset-...` as a duration: `6m0s`, `7.66s`, `20ms` (platform.openai.com/docs/guides/rate-limits, console.groq.com/docs/rate-limits).
 * - Anthropic: `anthropic-ratelimit-requests-remaining`, `anthropic-ratelimit-tokens-remaining`, and `...-reset` as an instant of
 *   RFC 3339 (docs.anthropic.com/en/api/rate-limits).
 *
 * Guarded by `test/pool/Pool.test.ts`.
 */
import type * as Headers from "effect/http/Headers"
import type { Remaining } from "./load.ts"

/** Without a reset, a minute: what the limits are counted in. */
const minute = 60_000

const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: minute, s: 1_000, ms: 1 }

/** The instant that a reset names, in milliseconds since the epoch. */
const instant = (text: string | undefined, now: number): number => {
  if (text === undefined || text.length > 64) return now + minute
  if (/^\d{4}-\d\d-\d\dT/u.test(text)) {
    const at = Date.parse(text)
    return Number.isNaN(at) ? now + minute : at
  }
  if (/^\d+(\.\d+)?$/u.test(text)) return now + Number(text) * 1_000
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/u.test(text)) return now + minute
  return [...text.matchAll(/([\d.]+)(ms|[dhms])/gu)].reduce(
    (at, [, amount, unit = "s"]) => at + Number(amount) * (units[unit] ?? 0),
    now
  )
}

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}(\.\d+)?$/u.test(text) ? Number(text) : undefined

/** What is left, or `undefined` where the headers say nothing. */
export const remainingOf = (headers: Headers.Headers, now: number): Remaining | undefined => {
  const requests = count(headers["x-ratelimit-remaining-requests"]) ??
    count(headers["anthropic-ratelimit-requests-remaining"])
  const tokens = count(headers["x-ratelimit-remaining-tokens"]) ??
    count(headers["anthropic-ratelimit-tokens-remaining"]) ??
    count(headers["anthropic-ratelimit-input-tokens-remaining"])
  if (requests === undefined && tokens === undefined) return undefined
  return {
    requests,
    requestsUntil: instant(
      headers["x-ratelimit-reset-requests"] ?? headers["anthropic-ratelimit-requests-reset"],
      now
    ),
    tokens,
    tokensUntil: instant(
      headers["x-ratelimit-reset-tokens"] ?? headers["anthropic-ratelimit-tokens-reset"] ??
        headers["anthropic-ratelimit-input-tokens-reset"],
      now
    )
  }
}
