/**
 * Checks of a single argument: for functions that take one.
 *
 * Guarded by `test/composition/transparency.test.ts` and `test/breaker/inPolicy.test.ts`.
 */
import * as Arguments from "../../Arguments.ts"

const one = <A>(where: string, name: string, check: Arguments.Check<A>, input: unknown): A =>
  Arguments.check(where, (value, place) => check(value, place.at(name)), input)

/** Milliseconds of a finite duration above zero. */
export const positiveMillis = (where: string, name: string, input: Arguments.DurationInput): number =>
  one(where, name, Arguments.duration({ above: 0 }), input)

/** A whole number of at least `min`. */
export const integer = (where: string, name: string, value: number, min: number): number =>
  one(where, name, Arguments.integer({ min }), value)
