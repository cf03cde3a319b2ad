/**
 * A `Clock` that also calls a function at an instant.
 *
 * **When to use**
 *
 * Implement it for a clock of your own if policies under it set many timers. Any other `Clock` works without it.
 *
 * **Details**
 *
 * Effect's `Clock` can only `sleep`, so every timeout and delay of a policy needs a fiber that sleeps for it. A clock with
 * timers saves that fiber. The virtual clock of `@holdfast/simulator` is one, because a simulated hour sets millions of timers.
 * Under the live clock, policies use the timers of the platform.
 *
 * **Gotchas**
 *
 * Do not ring a timer before `setTimer` has returned, even one whose time is over: its policy does not hold it yet.
 *
 * **Example**
 *
 * See {@link isTimerClock}.
 */
import type * as Clock from "effect/Clock"

export const TypeId = "~@holdfast/core/TimerClock"

/** A timer that was set. A fiber is one, too. */
export interface Timer {
  /** Clears the timer. Does nothing once it has rung. */
  interruptUnsafe(): void
}

/** What a timer calls when its time has come. */
export interface Target {
  ring(): void
}

/** A `Clock` with timers. */
export interface TimerClock extends Clock.Clock {
  readonly [TypeId]: typeof TypeId

  /**
   * Calls `target.ring()` in `millis` milliseconds, once `setTimer` has returned. `millis` is finite, and may be zero or
   * less: the timer then rings at the current instant.
   */
  setTimer(target: Target, millis: number): Timer
}

/**
 * Whether a clock has timers.
 *
 * ```ts import.meta.vitest
 * import { TimerClock } from "@holdfast/core"
 * import { Clock, Context } from "effect"
 *
 * TimerClock.isTimerClock(Context.get(Context.empty(), Clock.Clock)) // => false
 * ```
 */
export const isTimerClock = (clock: Clock.Clock): clock is TimerClock => TypeId in clock
