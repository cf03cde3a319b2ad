/**
 * Faults and their places, and the values that messages show.
 *
 * Guarded by `test/Arguments.test.ts` and `test/issues/duration-as-an-object-is-not-shown.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** One fault: where it is, and what is expected there. */
export interface Fault {
  readonly path: ReadonlyArray<string>
  /** Such as `"must be a whole number of 1 or more, got 0"`. */
  readonly message: string
}

/**
 * A fault in one line.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * Arguments.format({ path: ["bulkhead", "limit"], message: "must be a whole number of 1 or more, got 0" })
 * // => "bulkhead.limit must be a whole number of 1 or more, got 0"
 * ```
 */
export const format = ({ message, path }: Fault): string =>
  path.length === 0 ? message : `${path.map((key) => /^[\w-]+$/.test(key) ? key : show(key)).join(".")} ${message}`

/** The path of a value within the options. A check reports its faults here. */
export class Place {
  readonly path: ReadonlyArray<string>
  readonly faults: Array<Fault>

  constructor(path: ReadonlyArray<string> = [], faults: Array<Fault> = []) {
    this.path = path
    this.faults = faults
  }

  /** The place of a property. Its faults are also reported to this place. */
  at(key: string): Place {
    return new Place([...this.path, key], this.faults)
  }

  /** Reports a fault, such as `"must be above zero, got 0"`. */
  fault(message: string): void {
    this.faults.push({ path: this.path, message })
  }
}

/**
 * Checks one value and returns what the program stores. It reports faults to its place and does not throw. For an
 * invalid value it returns `NaN` if a number is expected, else `undefined`.
 */
export type Check<out A> = (value: unknown, place: Place) => A

/** Reports a fault, for a check that then has no value to return. */
export const invalid = (place: Place, message: string): never => {
  place.fault(message)
  return undefined as never
}

/** Reports a fault. Comparisons with its result are false, so it causes no further faults. */
export const invalidNumber = (place: Place, message: string): number => {
  place.fault(message)
  return NaN
}

/** JSON has no numbers that are not finite, nor the other values that a mistake may bring. */
const shown = (_key: string, value: unknown): unknown =>
  typeof value === "bigint"
    ? `${value}n`
    : typeof value === "symbol" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : typeof value === "function"
    ? "a function"
    : value

/** For an effect, a promise or a layer in place of its value: what was forgotten. */
export const forgottenStep = (value: unknown): string | undefined => {
  if (Effect.isEffect(value)) return "an Effect: yield* it first"
  if (Layer.isLayer(value)) return "a Layer"
  return value instanceof Promise ? "a Promise: await it first" : undefined
}

/** The class of an object that JSON writes without what it holds, such as a `Map`. */
const classOf = (value: unknown, text: string): string | undefined => {
  if ((text !== "{}" && text !== "null") || typeof value !== "object" || value === null) return undefined
  const { name } = Object.getPrototypeOf(value)?.constructor ?? Object
  return name === "Object" ? undefined : `${/^[AEIOU]/u.test(name) ? "an" : "a"} ${name}`
}

/**
 * Formats any value for a message, shortened to 80 characters.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 *
 * Arguments.show("soon") // => '"soon"'
 * Arguments.show(() => 1) // => "a function"
 * Arguments.show(Promise.resolve(1)) // => "a Promise: await it first"
 * ```
 */
export const show = (value: unknown): string => {
  try {
    if (typeof value === "function") return "a function"
    const forgotten = forgottenStep(value)
    if (forgotten !== undefined) return forgotten
    if (typeof value === "bigint") return `${value}n`
    if (Object.is(value, -0)) return "-0"
    const plain = typeof value === "string" || (typeof value === "object" && !Duration.isDuration(value))
    const text = plain ? JSON.stringify(value, shown) : String(value)
    return classOf(value, text) ?? (text.length > 80 ? `${text.slice(0, 77)}...` : text)
  } catch {
    return "an unprintable value"
  }
}
