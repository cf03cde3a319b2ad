/**
 * The time by a fiber's clock.
 *
 * Guarded by `test/fiber/clock.test.ts` and `test/fiber/frame.test.ts`.
 */
import * as Clock from "effect/Clock"
import type * as Fiber from "effect/Fiber"

/** Milliseconds since the epoch, by the clock of a fiber. */
export const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): number =>
  fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
