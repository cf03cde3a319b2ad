/**
 * Durations as people write them: Effect's `Duration.Input`, and what `Duration.format` prints, such as `"1m 30s"`.
 *
 * Guarded by `test/Arguments.test.ts` and `test/issues/duration-as-an-object-is-not-shown.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** The keys of a duration that is written as an object. */
export const durationKeys: ReadonlyArray<string> = [
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
]

const millisOf: Readonly<Record<string, number>> = {
  ns: 1e-6,
  nano: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  micro: 1e-3,
  ms: 1,
  milli: 1,
  s: 1_000,
  second: 1_000,
  m: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000
}

const part = /(\d+(?:\.\d+)?)\s*([a-zµ]+)/y

/** `"1m 30s"`, `"1 minute 30 seconds"`: numbers with units, the larger unit first. */
const readParts = (text: string): number | undefined => {
  let millis = 0
  let last = Infinity
  part.lastIndex = 0
  for (let at = 0; at < text.length;) {
    part.lastIndex = at
    const [all = "", value, unit = ""] = part.exec(text) ?? []
    const factor = millisOf[unit] ?? millisOf[unit.replace(/s$/, "")]
    if (all === "" || factor === undefined || factor >= last) return undefined
    // A quotient of whole numbers is exact, but a product with 0.001 is not.
    millis += factor < 1 ? Number(value) / Math.round(1 / factor) : Number(value) * factor
    last = factor
    at += all.length
    const space = /^\s+/.exec(text.slice(at))?.[0].length ?? 0
    if (space === 0 && at < text.length) return undefined
    at += space
  }
  return text === "" ? undefined : millis
}

/** The milliseconds of a duration, or `undefined` if the input is not a duration. */
export const readDuration = (input: unknown): number | undefined => {
  if (typeof input === "number") return Number.isNaN(input) ? undefined : input
  if (input === null || input === undefined) return undefined
  if (typeof input === "string") {
    const parts = readParts(input.trim())
    if (parts !== undefined) return parts
  } else if (typeof input === "object" && !Duration.isDuration(input)) {
    const values = Object.values(input)
    const isTuple = Array.isArray(input)
    if (values.length === 0 || values.some((value) => typeof value !== "number" || Number.isNaN(value))) {
      return undefined
    }
    if (!isTuple && Object.keys(input).some((key) => !durationKeys.includes(key))) return undefined
  }
  // Effect decides about all other input.
  const duration = Duration.fromInput(input as Duration.Input)
  const millis = Option.isNone(duration) ? NaN : Duration.toMillis(duration.value)
  return Number.isNaN(millis) ? undefined : millis
}
