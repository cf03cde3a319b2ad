/**
 * A server's hints about retries: which statuses are transient, whether to retry at all, and how long to wait.
 *
 * **When to use**
 *
 * `ResilientHttpClient` reads these hints itself. Use this module in your own client, so that it reads each header in
 * the same way.
 *
 * **Details**
 *
 * The first row with a wait wins:
 *
 * | header                                                             | value                                                  |
 * | ------------------------------------------------------------------ | ------------------------------------------------------ |
 * | `retry-after-ms`, `x-amz-retry-after`                              | milliseconds (OpenAI, Azure; AWS)                      |
 * | `retry-after`                                                      | seconds or a date (RFC 9110 section 10.2.3)            |
 * | `x-ratelimit-retry-after`                                          | seconds                                                |
 * | `x-ratelimit-reset-after`                                          | seconds (Discord)                                      |
 * | `ratelimit`                                                        | `"a";r=0;t=30`, or `limit=9, remaining=0, reset=30`    |
 * | `ratelimit-reset`, `x-ratelimit-reset`, `x-rate-limit-reset`       | seconds, or an instant (IETF drafts, GitHub, X)        |
 * | `x-ratelimit-reset-<kind>`, `anthropic-ratelimit-<kind>-reset`     | `1s`, `6m0s`, seconds, or an instant (OpenAI and kin)  |
 *
 * From the fourth row on, a header announces when a quota is full again. It counts if the quota is spent, that is if
 * the matching `remaining` header is 0. Without a `remaining` it counts too, except in the last row, whose headers come
 * with every response. Among several spent quotas, or several values in one header, the longest wait wins.
 *
 * A number may have a fraction. A number below 1,577,836,800 (the first second of 2020) is a delta in seconds. From
 * there on it is an instant in seconds since the epoch, and from 100,000,000,000 on in milliseconds, because a server
 * never means a delta of 50 years. An instant in the past is a wait of zero. Dates are in one of HTTP's three formats or in that of RFC 3339. Empty, negative and
 * invalid values are ignored. If a header is absent, its name prefixed with `llm_provider-`, as LiteLLM's proxy
 * forwards it, is read instead.
 *
 * **Gotchas**
 *
 * The wait is not bounded here. `Retry` bounds how long a call waits: see `Retry.defaultMaxRetryAfter`.
 *
 * **Example**
 *
 * See {@link retryAfter}.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Headers from "effect/http/Headers"
import * as Result from "effect/Result"

/**
 * The transient statuses: 408, 425, 429, 500, 502, 503 and 504 (RFC 9110 section 15, RFC 8470 section 5.2, RFC 6585
 * section 4); 520 to 524 and 530, Cloudflare's for an origin that it did not reach; and 529, which some APIs use for
 * overload.
 */
export const transientStatuses: ReadonlySet<number> = new Set(
  [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530]
)

/**
 * Whether the same request may succeed later: the status is one of {@link transientStatuses}, or 413 with a wait (RFC
 * 9110 section 15.5.14: the condition is temporary; Groq sends it when the tokens of a minute are spent).
 *
 * ```ts import.meta.vitest
 * import { ServerHints } from "@holdfast/http"
 * import { Headers } from "effect/http"
 *
 * ServerHints.isTransient(503, Headers.empty) // => true
 * ServerHints.isTransient(413, Headers.empty) // => false
 * ServerHints.isTransient(413, Headers.fromInput({ "retry-after": "20" })) // => true
 * ```
 */
export const isTransient = (status: number, headers: Headers.Headers): boolean =>
  transientStatuses.has(status) || (status === 413 && retryAfter(headers, 0) !== undefined)

/**
 * The value of `x-should-retry`: `true`, `false`, or `undefined` if it is absent or invalid. It overrides the status.
 *
 * ```ts import.meta.vitest
 * import { ServerHints } from "@holdfast/http"
 * import { Headers } from "effect/http"
 *
 * ServerHints.shouldRetry(Headers.fromInput({ "x-should-retry": "false" })) // => false
 * ServerHints.shouldRetry(Headers.empty) // => undefined
 * ```
 */
export const shouldRetry = (headers: Headers.Headers): boolean | undefined => {
  const value = get(headers, "x-should-retry")?.trim().toLowerCase()
  return value === "true" ? true : value === "false" ? false : undefined
}

/**
 * How long the server asks to wait, at the instant `now` in milliseconds since the epoch: `undefined` without a valid
 * hint.
 *
 * ```ts import.meta.vitest
 * import { ServerHints } from "@holdfast/http"
 * import { Duration } from "effect"
 * import { Headers } from "effect/http"
 *
 * const noon = Date.UTC(2026, 10, 23, 12)
 * const wait = (headers: Headers.Input) => ServerHints.retryAfter(Headers.fromInput(headers), noon)
 *
 * wait({ "retry-after": "1.5" }) // => Duration.millis(1500)
 * wait({ "retry-after": "Mon, 23 Nov 2026 12:01:00 GMT" }) // => Duration.seconds(60)
 * wait({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795435220" }) // => Duration.seconds(20)
 * wait({ "retry-after": "soon" }) // => undefined
 * ```
 */
export const retryAfter = (headers: Headers.Headers, now: number): Duration.Duration | undefined => {
  const wait = askedFor(headers, now) ?? quotaOf(headers, now)
  return wait === undefined ? undefined : Duration.millis(Math.min(wait, Number.MAX_SAFE_INTEGER))
}

/**
 * Reads a span of time as Go and protocol buffers write it, in hours, minutes, seconds and parts of seconds.
 *
 * ```ts import.meta.vitest
 * import { ServerHints } from "@holdfast/http"
 * import { Duration } from "effect"
 *
 * ServerHints.parseSpan("6m0.5s") // => Duration.millis(360_500)
 * ServerHints.parseSpan("20ms") // => Duration.millis(20)
 * ServerHints.parseSpan("soon") // => undefined
 * ```
 */
export const parseSpan = (text: string): Duration.Duration | undefined => {
  const millis = spanOf(text.trim())
  return millis === undefined ? undefined : Duration.millis(Math.min(millis, Number.MAX_SAFE_INTEGER))
}

// -----------------------------------------------------------------------------
// Headers
// -----------------------------------------------------------------------------

const proxied = "llm_provider-"

const get = (headers: Headers.Headers, name: string): string | undefined => headers[name] ?? headers[proxied + name]

/** A wait that the server asks for in so many words. */
const askedFor = (headers: Headers.Headers, now: number): number | undefined =>
  longest(get(headers, "retry-after-ms"), numberOf) ??
    longest(get(headers, "x-amz-retry-after"), numberOf) ??
    longest(get(headers, "retry-after"), (value) => waitOf(value, now)) ??
    longest(get(headers, "x-ratelimit-retry-after"), (value) => waitOf(value, now))

/** The wait until a quota that is spent is full again. */
const quotaOf = (headers: Headers.Headers, now: number): number | undefined => {
  const wait = (name: string, remaining: string) => {
    const reset = get(headers, name)
    return reset === undefined || isLeft(get(headers, remaining))
      ? undefined
      : longest(reset, (value) => waitOf(value, now))
  }
  return wait("x-ratelimit-reset-after", "x-ratelimit-remaining") ??
    structured(get(headers, "ratelimit") ?? "") ??
    wait("ratelimit-reset", "ratelimit-remaining") ??
    wait("x-ratelimit-reset", "x-ratelimit-remaining") ??
    wait("x-rate-limit-reset", "x-rate-limit-remaining") ??
    kinds(headers, now)
}

const isLeft = (remaining: string | undefined): boolean => (numberOf(remaining?.trim() ?? "0") ?? 0) > 0

/** `RateLimit`: items with parameters (draft-ietf-httpapi-ratelimit-headers 08 and later), before that a dictionary. */
const structured = (header: string): number | undefined => {
  if (header === "" || header.length > longestHeader) return undefined
  // The name of a quota may be any text.
  const value = header.replaceAll(/"(?:[^"\\]|\\.)*"/g, "name")
  const parameter = (text: string, name: string) =>
    numberOf(RegExp(`(?:^|[;, ])${name}=([\\d.]+)`).exec(text)?.[1] ?? "")
  const reset = parameter(value, "reset")
  if (reset !== undefined) return (parameter(value, "remaining") ?? 0) > 0 ? undefined : reset * 1000
  const seconds = longest(value, (item) => parameter(item, "r") === 0 ? parameter(item, "t") : undefined)
  return seconds === undefined ? undefined : seconds * 1000
}

/** Quotas of which a server has several: requests, tokens, tokens a day. Those that are not spent are announced too. */
const kinds = (headers: Headers.Headers, now: number): number | undefined => {
  let wait: number | undefined
  for (const name in headers) {
    if (!name.includes("ratelimit-")) continue
    const [, before, after] = kind.exec(name) ?? []
    if (before === undefined && after === undefined) continue
    const remaining = headers[name.replace("-reset", "-remaining")]
    if (numberOf(remaining?.trim() ?? "") !== 0) continue
    wait = max(wait, longest(headers[name], (value) => waitOf(value, now)))
  }
  return wait
}

const kind = /^(?:llm_provider-)?(?:x-ratelimit-reset-(.+)|anthropic-ratelimit-(.+)-reset)$/

// -----------------------------------------------------------------------------
// Values, in milliseconds
// -----------------------------------------------------------------------------

/** The longest of the values in a header, which proxies join by commas. A date has a comma of its own. */
const longest = (
  header: string | undefined,
  read: (value: string) => number | undefined
): number | undefined => {
  let wait: number | undefined
  if (header === undefined || header.length > longestHeader) return undefined
  for (const [value] of header.matchAll(/\s*[a-z]+, [^,]*GMT|[^,]+/gi)) wait = max(wait, read(value.trim()))
  return wait
}

/** More than any list of dates has. To search much longer ones would block the program. */
const longestHeader = 1024

const max = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b)

/** Seconds, an instant, or a span. */
const waitOf = (value: string, now: number): number | undefined => {
  const number = numberOf(value)
  if (number === undefined) {
    const instant = dateOf(value)
    return instant === undefined ? spanOf(value) : Math.max(0, instant - now)
  }
  if (number < fromSeconds) return number * 1000
  return Math.max(0, (number < fromMillis ? number * 1000 : number) - now)
}

const fromSeconds = Date.UTC(2020) / 1000
const fromMillis = 1e11

const numberOf = (value: string): number | undefined => /^(?:\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : undefined

const dateOf = (value: string): number | undefined => {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(value)) {
    const instant = Date.parse(value)
    return Number.isNaN(instant) ? undefined : instant
  }
  const parsed = Headers.parseHttpDate(value)
  return Result.isSuccess(parsed) ? DateTime.toEpochMillis(parsed.success) : undefined
}

const spanOf = (value: string): number | undefined => {
  if (value.length > longestSpan || !/^(?:\d+(?:\.\d+)?(?:h|m|s|ms|us|\u00B5s|ns))+$/.test(value)) return undefined
  let millis = 0
  for (const [, number, unit] of value.matchAll(/([\d.]+)([^\d.]+)/g)) millis += Number(number) * (units[unit!] ?? 0)
  return millis
}

/** More than any span has. In much longer texts the search would take the square of their length. */
const longestSpan = 100

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  "\u00B5s": 1e-3,
  ns: 1e-6
}
