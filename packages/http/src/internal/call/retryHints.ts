/**
 * What a server says about when to come back, and whether to. Durations are in milliseconds.
 */
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import * as Result from "effect/Result"

/**
 * How long the server asks to wait: the first that is there of `retry-after-ms` (finer than the standard one; OpenAI
 * and Azure send it), `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), and, when the quota is spent or
 * nothing says otherwise, `RateLimit-Reset` (draft-ietf-httpapi-ratelimit-headers). What cannot be read is absent.
 */
export const retryAfterOf = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const millis = number(headers["retry-after-ms"])
  if (millis !== undefined) return Duration.millis(millis)
  const standard = headers["retry-after"]
  if (standard !== undefined) {
    const parsed = Headers.parseRetryAfter(standard)
    if (Result.isSuccess(parsed)) return Headers.retryAfterDelay(parsed.success, now)
  }
  const reset = number(headers["ratelimit-reset"])
  if (reset === undefined || (number(headers["ratelimit-remaining"]) ?? 0) > 0) return undefined
  // The drafts say seconds from now; GitHub and others send the second of the epoch.
  return reset > aBillion ? Duration.millis(Math.max(0, reset * 1000 - now)) : Duration.seconds(reset)
}

/** What `x-should-retry` says, if it says anything. */
export const shouldRetry = (headers: Headers.Headers): boolean | undefined => {
  const value = headers["x-should-retry"]
  return value === "true" ? true : value === "false" ? false : undefined
}

const aBillion = 1_000_000_000

const number = (value: string | undefined): number | undefined => {
  if (value === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return undefined
  const parsed = Number(value)
  return Number.isFinite(parsed) ? parsed : undefined
}
