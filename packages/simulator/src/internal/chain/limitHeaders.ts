/**
 * The headers in which a model says what is left of its limits, in the words of its vendor.
 *
 * - OpenAI and most others: `x-ratelimit-remaining-tokens`, and `x-ratelimit-reset-tokens` as a duration, `1m12.5s` or `20ms`
 *   (platform.openai.com/docs/guides/rate-limits).
 * - Anthropic: `anthropic-ratelimit-tokens-remaining`, and `anthropic-ratelimit-tokens-reset` as an instant in whole seconds
 *   (docs.anthropic.com/en/api/rate-limits).
 *
 * A reset is when the limit is whole again, not when there is room for a request.
 *
 * Guarded by `test/chain/limits.test.ts`.
 */
import type { Account, Rest } from "../model/limiters.ts"

export type Vendor = "openai" | "anthropic"

/** A duration as Go prints it, which is how these vendors write theirs. */
const durationOf = (millis: number): string => {
  if (millis < 1_000) return `${Math.ceil(millis)}ms`
  const seconds = Math.ceil(millis) / 1_000
  const minutes = Math.floor(seconds / 60)
  const rest = Number((seconds - minutes * 60).toFixed(3))
  return minutes === 0 ? `${rest}s` : `${minutes}m${rest}s`
}

const instantOf = (millis: number): string =>
  new Date(Math.ceil(millis / 1_000) * 1_000).toISOString().replace(".000Z", "Z")

const write: Readonly<Record<Vendor, (kind: string, rest: Rest, now: number) => Record<string, string>>> = {
  openai: (kind, { full, left, limit }) => ({
    [`x-ratelimit-limit-${kind}`]: String(limit),
    [`x-ratelimit-remaining-${kind}`]: String(left),
    [`x-ratelimit-reset-${kind}`]: durationOf(full)
  }),
  anthropic: (kind, { full, left, limit }, now) => ({
    [`anthropic-ratelimit-${kind}-limit`]: String(limit),
    [`anthropic-ratelimit-${kind}-remaining`]: String(left),
    [`anthropic-ratelimit-${kind}-reset`]: instantOf(now + full)
  })
}

/** What a response says of the limits of an account. */
export const limitHeaders = (
  vendor: Vendor | false,
  account: Account | undefined,
  now: number
): Record<string, string> => {
  if (vendor === false || account === undefined) return {}
  const { requests, tokens } = account.rest(now)
  return {
    ...(requests && write[vendor]("requests", requests, now)),
    ...(tokens && write[vendor]("tokens", tokens, now))
  }
}
