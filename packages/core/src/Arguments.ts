/**
 * Checks of options: every fault in one `RangeError`, each with its path.
 *
 * **When to use**
 *
 * Use it for the options of anything built on the policies, so that a typo, a duration without a unit or a bound that
 * is out of range fails where it is written, and with the same message everywhere.
 *
 * **Details**
 *
 * A {@link Check} takes a value of unknown type and returns what the program stores: durations become milliseconds,
 * absent options their defaults. Each property is read once. A value that fails its check is reported to its
 * {@link Place}, and the check goes on, so that {@link check} can list all faults together.
 *
 * **Gotchas**
 *
 * A message shows the value that was given. Wrap the check in {@link secret} if that value may be a secret.
 *
 * **Example**
 *
 * See {@link check}.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hint, nearest } from "./internal/arguments/nearest.ts"
import { type Check, type Fault, forgottenStep, format, invalid, Place, show } from "./internal/arguments/place.ts"
import { plural } from "./internal/arguments/plural.ts"

export { type Check, type Fault, format, Place, plural, show }
export {
  boolean,
  type Bounds,
  callback,
  duration,
  instance,
  integer,
  number,
  oneOf,
  share,
  string,
  text
} from "./internal/arguments/values.ts"

/** The short units of a {@link DurationInput}. */
export type ShortUnit = "ns" | "us" | "ms" | "s" | "m" | "h" | "d" | "w"

/** A number with a short unit, such as `"30s"`. */
export type ShortDuration = `${number}${ShortUnit}`

/**
 * A duration: all that Effect's `Duration.Input` takes, and `"30s"`, `"500ms"` or `"1m 30s"`, as `Duration.format`
 * writes them. A number is in milliseconds.
 */
export type DurationInput =
  | Duration.Input
  | ShortDuration
  | `${ShortDuration} ${ShortDuration}`
  | `${ShortDuration} ${ShortDuration} ${string}`

/** Runs a check. A getter or proxy that throws is reported as a fault. */
const run = <A>(check: Check<A>, value: () => unknown, place: Place): A => {
  try {
    return check(value(), place)
  } catch (error) {
    return invalid(place, `could not be read: ${error instanceof Error ? error.message : show(error)}`)
  }
}

/**
 * Checks a value. Throws a `RangeError` that lists all faults by path.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * const options = Arguments.struct({
 *   limit: Arguments.integer({ min: 1 }),
 *   maxWait: Arguments.optional(Arguments.duration({ min: 0 }), 1_000)
 * })
 *
 * Arguments.check("Gate.make", options, { limit: 4, maxWait: "1m 30s" }) // => { limit: 4, maxWait: 90_000 }
 *
 * let message = ""
 * try {
 *   Arguments.check("Gate.make", options, { limit: 0, maxwait: 5 })
 * } catch (error) {
 *   message = String(error)
 * }
 * message.split(": 2 options are invalid: ")[0] // => "RangeError: Gate.make"
 * message.split("; ")[1] // => "maxwait is not an option (`maxwait`: did you mean `maxWait`?)"
 * ```
 */
export const check = <A>(where: string, check: Check<A>, value: unknown): A => {
  const place = new Place()
  const checked = run(check, () => value, place)
  const { length } = place.faults
  if (length === 0) return checked
  const all = place.faults.map(format).join("; ")
  throw new RangeError(length === 1 ? `${where}: ${all}` : `${where}: ${plural(length, "option")} are invalid: ${all}`)
}

/**
 * Returns all faults of a value, to report them in your own way, such as for a file.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * Arguments.faults(Arguments.share, 2) // => [{ path: [], message: "must be above 0 and at most 1, got 2" }]
 * ```
 */
export const faults = (check: Check<unknown>, value: unknown): ReadonlyArray<Fault> => {
  const place = new Place()
  run(check, () => value, place)
  return place.faults
}

/**
 * Keeps a value that a type guard accepts, such as a shared `Bulkhead`, and checks any other value, such as its
 * options.
 */
export const or = <A, B>(is: (value: unknown) => value is A, check: Check<B>): Check<A | B> => (value, place) =>
  is(value) ? value : check(value, place)

/**
 * A check for an option that may be absent. `undefined` becomes `fallback`, a value in the form that the check returns.
 */
export const optional: {
  <A>(check: Check<A>): Check<A | undefined>
  <A, B>(check: Check<A>, fallback: B): Check<A | B>
} = <A>(check: Check<A>, fallback?: A): Check<A | undefined> => (value, place) =>
  value === undefined ? fallback : check(value, place)

/** A check whose messages do not show the value, which may be a secret. */
export const secret = <A>(check: Check<A>): Check<A> => (value, place) => {
  const hidden = new Place(place.path)
  const checked = check(value, hidden)
  for (const { message, path } of hidden.faults) {
    place.faults.push({ path, message: message.replace(/, got [^]*$/, ", got something else") })
  }
  return checked
}

/** The checks of an object's properties. */
export type Fields = { readonly [key: string]: Check<unknown> }

/** What {@link struct} returns. */
export type Checked<F extends Fields> = { readonly [K in keyof F]: F[K] extends Check<infer A> ? A : never }

/** The name of an object of the platform, of Effect or of ours, such as a `Date` or a `Schedule`, in place of options. */
const kindOf = (value: object): string | undefined => {
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (tag !== "Object" && tag !== "Module") return tag
  // Effect and Holdfast write what a value is as `~effect/Schedule`.
  for (const key in value) if (/^~@?\w+\//u.test(key)) return key.slice(key.lastIndexOf("/") + 1)
  return undefined
}

/**
 * An object with properties. Values that are iterated over (arrays, a `Map`, the platform's `Headers`) have others or none, and an
 * effect or a promise only stands for its value.
 */
const isObject = (value: unknown): value is object => isOfItself(value) && kindOf(value) === undefined

/** An object that neither is iterated over nor stands for a value to come. */
const isOfItself = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !(Symbol.iterator in value) && forgottenStep(value) === undefined

/** What was given in place of an object. */
const shown = (value: unknown): string => {
  const kind = isOfItself(value) ? kindOf(value) : undefined
  return kind === undefined ? show(value) : `a value of ${kind}`
}

/** An object of options. An unknown key is a fault, whose message suggests the closest known option. */
export const struct = <const F extends Fields>(fields: F): Check<Checked<F>> => {
  const known = Object.keys(fields)
  return (value, place) => {
    if (!isObject(value)) {
      return invalid(
        place,
        value === undefined
          ? `is required: an object with ${known.join(", ")}`
          : `must be an object, got ${shown(value)}${value === null ? ": in a file, indent its keys below it" : ""}${
            hint("", known)
          }`
      )
    }
    const checked: Record<string, unknown> = {}
    for (const key of known) {
      checked[key] = run(fields[key] as Check<unknown>, () => value[key as keyof typeof value], place.at(key))
    }
    // The options are listed once.
    let list = known
    for (const key of Object.keys(value)) {
      if (Object.hasOwn(fields, key)) continue
      const meant = nearest(key, known)
      place.at(key).fault(`is not an option${meant === undefined ? hint(key, list) : hint(key, known)}`)
      if (meant === undefined) list = []
    }
    // Every key has passed its check.
    return checked as Checked<F>
  }
}

/** An object with arbitrary keys, whose values all pass the same check. */
export const record = <A>(check: Check<A>): Check<Readonly<Record<string, A>>> => (value, place) =>
  isObject(value)
    ? Object.fromEntries(
      Object.keys(value).map((key) => [key, run(check, () => value[key as keyof typeof value], place.at(key))])
    )
    : invalid(place, `must be an object, got ${shown(value)}`)

/** An array whose items all pass the same check. */
export const array = <A>(check: Check<A>): Check<ReadonlyArray<A>> => (value, place) =>
  Array.isArray(value)
    ? value.map((item: unknown, index) => run(check, () => item, place.at(String(index))))
    : invalid(place, `must be an array, got ${show(value)}`)

/**
 * Adds a rule about several options together, which reports its faults to the place. It runs even if the check found
 * faults: an invalid number is then `NaN`, so write comparisons that are false for `NaN`.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * const bounds = Arguments.struct({ min: Arguments.number(), max: Arguments.number() })
 * const ordered = Arguments.refine(bounds, ({ max, min }, place) => {
 *   if (max < min) place.at("max").fault(`must be at least min (${min}), got ${max}`)
 * })
 *
 * Arguments.faults(ordered, { min: 2, max: 1 }) // => [{ path: ["max"], message: "must be at least min (2), got 1" }]
 * ```
 */
export const refine = <A>(check: Check<A>, rule: (value: A, place: Place) => void): Check<A> => (value, place) => {
  const before = place.faults.length
  const checked = check(value, place)
  try {
    rule(checked, place)
  } catch (error) {
    // A rule may throw where an invalid value has become `undefined`.
    if (place.faults.length === before) throw error
  }
  return checked
}

/**
 * Turns the `RangeError` of invalid options into a `ConfigError`, for options that come from `Config`.
 *
 * ```ts import.meta.vitest
 * import { Arguments, Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const made = Effect.suspend(() => Policy.make({ attemptTimeout: 0 })).pipe(Arguments.orConfigError, Effect.flip)
 *
 * const error = await Effect.runPromise(made)
 * error._tag // => "ConfigError"
 * ```
 */
export const orConfigError = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Config.ConfigError, R> =>
  Effect.catchDefect(self, (defect) =>
    defect instanceof RangeError
      ? Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: defect.message, cause: defect })))
      : Effect.die(defect))
