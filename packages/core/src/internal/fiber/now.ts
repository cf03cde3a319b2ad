/**
 * The time by a fiber's clock.
 *
 * Guarded by `test/fiber/clock.test.ts` and `test/fiber/oddClocks.test.ts`.
 */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"

// The last instant that a `Date` can hold, to the millisecond. Beyond it, and for `NaN`, sums of times mean nothing.
const last = 8.64e15

/** Milliseconds since the epoch; 0 if the clock reads no instant, such as `NaN`. */
export const read = (clock: Clock.Clock): number => {
  const now = clock.currentTimeMillisUnsafe()
  return Math.abs(now) <= last ? now : 0
}

/** The time by the clock of a fiber: see {@link read}. */
export const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): number => read(fiber.getRef(Clock.Clock))
