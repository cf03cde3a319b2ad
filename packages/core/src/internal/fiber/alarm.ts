/**
 * Alarms: one function call at one instant, set and cleared often and rung rarely.
 *
 * Each alarm has a timer of its own, set from within the call that it is for, as `Effect.sleep` sets its timers. A timer
 * that calls shared would be cheaper to set, and would let one call stop another: some runtimes cancel a timer with the
 * request that set it (Cloudflare's workerd), fake timers forget theirs when the real ones return, an exception while one
 * alarm rings would keep the next from ringing, and what a ringing alarm starts would run in the async context of another
 * call. Under any clock but the live one a fiber sleeps on that clock, so that a `TestClock` rules.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Something that can be rung. It holds at most one alarm at a time. */
export abstract class Alarm {
  /** @internal The timer of the platform, while an alarm is set under the live clock. */
  declare timer: ReturnType<typeof setTimeout> | undefined
  /** @internal The fiber that sleeps for it under a clock other than the live one. */
  declare sleeper: Fiber.Fiber<unknown> | undefined

  constructor() {
    this.timer = undefined
    this.sleeper = undefined
  }

  abstract ring(): void
}

const liveClock = Context.get(Context.empty(), Clock.Clock)

// The longest delay that setTimeout keeps; a longer one would fire at once.
const longest = 2 ** 31 - 1

/** Rings `alarm` in `millis`, by the clock of `fiber`. */
export const set = (
  alarm: Alarm,
  fiber: Fiber.Fiber<unknown, unknown>,
  millis: number,
  clock: Clock.Clock = fiber.getRef(Clock.Clock)
): void => {
  if (millis === Infinity) return
  if (clock === liveClock) setTimer(alarm, millis)
  else setSleeper(alarm, fiber, millis, clock)
}

/** Clears what {@link set} set, if it has not rung. */
export const clear = (alarm: Alarm): void => {
  if (alarm.timer !== undefined) {
    clearTimeout(alarm.timer)
    alarm.timer = undefined
  } else if (alarm.sleeper !== undefined) {
    const { sleeper } = alarm
    alarm.sleeper = undefined
    sleeper.interruptUnsafe()
  }
}

// The platform's functions are looked up at each use, as Effect does it: tests exchange them.
const setTimer = (alarm: Alarm, millis: number): void => {
  alarm.timer = setTimeout(
    millis > longest ? later : ringTimer,
    Math.min(longest, millis),
    alarm,
    millis - longest
  )
}

const ringTimer = (alarm: Alarm): void => {
  alarm.timer = undefined
  alarm.ring()
}

const later = (alarm: Alarm, millis: number): void => setTimer(alarm, millis)

const setSleeper = (
  alarm: Alarm,
  fiber: Fiber.Fiber<unknown, unknown>,
  millis: number,
  clock: Clock.Clock
): void => {
  const sleeper = Effect.runForkWith(fiber.context)(clock.sleep(Duration.millis(millis)))
  alarm.sleeper = sleeper
  const wake = () => {
    if (alarm.sleeper !== sleeper) return
    alarm.sleeper = undefined
    alarm.ring()
  }
  // One that slept for no time rings after `set` has returned, so that no chain of them grows the stack.
  if (sleeper.pollUnsafe() === undefined) sleeper.addObserver(wake)
  else fiber.currentDispatcher.scheduleTask(wake, 0)
}
