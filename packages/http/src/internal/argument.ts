/** Invalid arguments fail where they are given, and the error names the argument and what was expected. */
import * as Arguments from "@holdfast/core/Arguments"

/** A duration of at least a millisecond and at most Node's longest timer, in whole milliseconds. */
export const positiveMillis = (where: string, name: string, input: Arguments.DurationInput): number => {
  const place = new Arguments.Place()
  const millis = Arguments.duration({ min: 1, max: longestTimer })(input, place)
  if (place.faults.length === 0) return Math.round(millis)
  throw new RangeError(
    `${where}: ${name} must be a duration from 1 millisecond to 24 days, got ${Arguments.show(input)}`
  )
}

/** A whole number that is `least` or more. */
export const atLeast = (where: string, name: string, least: number, value: number): number => {
  if (Number.isInteger(value) && value >= least) return value
  throw new RangeError(`${where}: ${name} must be a whole number >= ${least}, got ${value}`)
}

export const longestTimer = 2 ** 31 - 1

/** A name that a header may have (RFC 9110 section 5.1). */
export const headerName = (where: string, name: string, value: string): string => {
  if (/^[\w!#$%&'*+.^`|~-]+$/.test(value)) return value
  throw new RangeError(`${where}: ${name} must be the name of a header, got ${JSON.stringify(value)}`)
}

/** A value that a header may have, which may be a secret: what it is goes into no message. */
export const headerValue = (where: string, name: string, value: string): string => {
  if (!/[\0\r\n]/.test(value)) return value
  throw new RangeError(`${where}: ${name} must be a single line, got one with a line break`)
}
