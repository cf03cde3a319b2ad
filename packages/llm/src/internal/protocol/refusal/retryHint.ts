/**
 * When a provider wants to be asked again, where its headers do not say so: fields of the body (Gemini's `RetryInfo`,
 * the headers that OpenRouter hands on) and words ("Please try again in 6m0s").
 *
 * Sources: google.rpc `error_details.proto` (RetryInfo); OpenAI "Rate limits"; Groq "Rate limits"; Azure OpenAI "Quotas and
 * limits"; OpenRouter "Errors and debugging".
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { ProviderError } from "./errorBody.ts"

const units: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hr: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000
}

const amount =
  /(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ou)?rs?|h|d(?:ays?)?)(?![a-z])/gi

/** `6m0s`, `1.2s`, `450ms`, `2 minutes 30 seconds` in milliseconds. */
const durationOf = (text: string): number | undefined => {
  let total: number | undefined
  for (const [, number, unit] of text.matchAll(amount)) {
    const name = (unit ?? "").toLowerCase()
    const size = units[name] ?? units[name.replace(/s$/, "")]
    if (size !== undefined) total = (total ?? 0) + Number(number) * size
  }
  return total
}

const inWords =
  /(?:try again|retry(?:ing)?(?: again)?|reset(?:s)?|wait|available again)(?: your request| the request)?(?: after| in| for)?:? +((?:about |approximately )?\d+(?:\.\d+)? ?[a-z]+(?:(?:,? (?:and )?)?\d+(?:\.\d+)? ?(?:ms|s|m|h|d|seconds?|minutes?|hours?|days?)\b)*)/i

/** An instant in seconds or milliseconds since 1970, or a number of seconds. */
const fromNumber = (name: string, value: number, now: number): number => {
  if (value > 1e11) return value - now
  if (value > 1e8) return value * 1000 - now
  return name.endsWith("ms") ? value : value * 1000
}

const fromField = (name: string, value: string | number, now: number): number | undefined => {
  if (typeof value === "number" || /^\s*\d+(\.\d+)?\s*$/.test(value)) return fromNumber(name, Number(value), now)
  return durationOf(value)
}

/** Milliseconds until the provider wants to be asked again. */
export const retryHintOf = (error: ProviderError, now: number): number | undefined => {
  for (const [name, value] of error.hints) {
    const millis = fromField(name, value, now)
    if (millis !== undefined && Number.isFinite(millis) && millis >= 0) return millis
  }
  const words = inWords.exec(error.message ?? "")?.[1]
  return words === undefined ? undefined : durationOf(words)
}
