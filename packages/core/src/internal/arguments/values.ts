/**
 * Checks of single values.
 *
 * Guarded by `test/issues/duration-as-an-object-is-not-shown.test.ts`, `test/docs.test.ts` and
 * `test/Arguments.test.ts`.
 */
import * as Duration from "effect/Duration"
import { durationKeys, readDuration } from "./duration.ts"
import { hint, nearest } from "./nearest.ts"
import { type Check, forgottenStep, invalid, invalidNumber, show } from "./place.ts"

/** Bounds of a number; each is optional. */
export interface Bounds {
  /** The smallest valid value. Default: none. */
  readonly min?: number | undefined
  /** An exclusive lower bound: valid values are above it. Default: none. */
  readonly above?: number | undefined
  /** The largest valid value. Default: none. */
  readonly max?: number | undefined
  /** Whether `Infinity` is valid. Default: false. */
  readonly infinite?: boolean | undefined
}

const isWithin = (value: number, { above = -Infinity, infinite, max = Infinity, min = -Infinity }: Bounds): boolean =>
  value === Infinity
    ? infinite === true
    : value >= min && value <= max && (value > above || (above === -Infinity && value === above))

const boundsOf = (show: (bound: number) => string, { above, max, min }: Bounds): string => {
  const least = above !== undefined ? `above ${show(above)}` : min === undefined ? "" : `of ${show(min)} or more`
  const most = max === undefined ? "" : `${least === "" ? "" : ", "}at most ${show(max)}`
  return `${least === "" ? "" : ` ${least}`}${most}`
}

/** A number within bounds. */
export const number = (bounds: Bounds = {}): Check<number> => (value, place) =>
  typeof value === "number" && isWithin(value, bounds)
    ? value
    : invalidNumber(place, `must be a number${boundsOf(String, bounds)}, got ${show(value)}`)

/** A whole number within bounds. */
export const integer = (bounds: Bounds = {}): Check<number> => (value, place) =>
  typeof value === "number" && (Number.isInteger(value) || value === Infinity) && isWithin(value, bounds)
    ? value
    : invalidNumber(place, `must be a whole number${boundsOf(String, bounds)}, got ${show(value)}`)

/** A share: a number above 0 and at most 1. */
export const share: Check<number> = (value, place) =>
  typeof value === "number" && value > 0 && value <= 1
    ? value
    : invalidNumber(place, `must be above 0 and at most 1, got ${show(value)}`)

const words = (millis: number): string => millis === 0 ? "zero" : Duration.format(Duration.millis(millis))

/**
 * A `DurationInput` in milliseconds. Bounds are in milliseconds too.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * Arguments.check("Gate.make", Arguments.duration({ above: 0 }), "1m 30s") // => 90_000
 * ```
 */
export const duration = (bounds: Bounds): Check<number> => (value, place) => {
  const millis = readDuration(value)
  if (millis !== undefined && isWithin(millis, bounds)) return millis
  const stray = typeof value === "object" && value !== null && !Duration.isDuration(value) && !Array.isArray(value) &&
      forgottenStep(value) === undefined
    ? Object.keys(value).filter((key) => !durationKeys.includes(key))
    : []
  if (stray.length > 0) {
    for (const key of stray) place.at(key).fault(`is not a unit of a duration${hint(key, durationKeys)}`)
    return NaN
  }
  if (millis === 0 && bounds.above === 0) return invalidNumber(place, `must be longer than zero, got ${show(value)}`)
  const expected = `must be a${bounds.infinite === true ? "" : " finite"} duration${boundsOf(words, bounds)}`
  const such = millis === undefined && typeof value !== "number" ? `, such as "30 seconds" or "1m 30s"` : ""
  return invalidNumber(place, `${expected}${such}, got ${show(value)}`)
}

/** A string. */
export const string: Check<string> = (value, place) =>
  typeof value === "string" ? value : invalid(place, `must be a string, got ${show(value)}`)

/** A string that is not empty. */
export const text: Check<string> = (value, place) =>
  typeof value === "string" && value.length > 0
    ? value
    : invalid(place, `must be a string that is not empty, got ${show(value)}`)

/** `true` or `false`. */
export const boolean: Check<boolean> = (value, place) =>
  typeof value === "boolean" ? value : invalid(place, `must be true or false, got ${show(value)}`)

const meant = (value: unknown, known: ReadonlyArray<string>): string => {
  const word = typeof value === "string" ? nearest(value, known) : undefined
  return word === undefined ? "" : `: did you mean ${show(word)}?`
}

/** Two values as `a or b`, and more as `one of a, b or c`. */
const oneOfWords = (values: ReadonlyArray<string>): string =>
  values.length < 3 ? values.join(" or ") : `one of ${values.slice(0, -1).join(", ")} or ${values.at(-1)}`

/** One of a few values. */
export const oneOf =
  <const A extends ReadonlyArray<string | number | boolean>>(...values: A): Check<A[number]> => (value, place) =>
    values.find((known) => known === value) ??
      invalid(
        place,
        `must be ${oneOfWords(values.map(show))}, got ${show(value)}${meant(value, values.map(String))}`
      )

/** A function. Its parameters and result are not checked: the type states them. */
export const callback = <F extends (...args: never) => unknown>(): Check<F> => (value, place) =>
  typeof value === "function" ? value as F : invalid(place, `must be a function, got ${show(value)}`)

/** A value that a type guard accepts, such as a `Backoff`. `expected` names it: `"a Backoff or any other Schedule"`. */
export const instance = <A>(is: (value: unknown) => value is A, expected: string): Check<A> => (value, place) =>
  is(value) ? value : invalid(place, `must be ${expected}, got ${show(value)}`)
