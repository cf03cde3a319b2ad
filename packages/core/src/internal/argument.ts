/**
 * Checks of constructor arguments. Each returns the value that the caller stores and throws a `RangeError` that names
 * the module, the argument and the value.
 */
import * as Duration from "effect/Duration"

const show = (input: Duration.Input): string =>
  typeof input === "string" || (typeof input === "object" && !Duration.isDuration(input))
    ? JSON.stringify(input)
    : String(input)

/** Milliseconds of a finite duration that is at least zero. */
export const millis = (where: string, name: string, input: Duration.Input): number => {
  const duration = Duration.fromInput(input)
  const value = duration._tag === "None" ? NaN : Duration.toMillis(duration.value)
  if (!Number.isFinite(value) || value < 0 || (typeof input === "number" && !(input >= 0))) {
    throw new RangeError(`${where}: ${name} must be a finite duration of zero or more, got ${show(input)}`)
  }
  return value
}

/** Milliseconds of a finite duration above zero. */
export const positiveMillis = (where: string, name: string, input: Duration.Input): number => {
  const value = millis(where, name, input)
  if (value === 0) {
    throw new RangeError(`${where}: ${name} must be longer than zero, got ${show(input)}`)
  }
  return value
}

/** A whole number of at least `min`. */
export const integer = (where: string, name: string, value: number, min: number): number => {
  if (!Number.isInteger(value) || value < min) {
    throw new RangeError(`${where}: ${name} must be a whole number of ${min} or more, got ${value}`)
  }
  return value
}
