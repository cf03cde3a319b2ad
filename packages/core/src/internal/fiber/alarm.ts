/**
 * Alarms: one function call at one instant. They are set and cleared often, and rarely ring.
 *
 * Each alarm has its own timer, set from within its call, as `Effect.sleep` does. A timer shared between calls would be
 * cheaper, but would let one call stop another: some runtimes cancel a timer with the request that set it (Cloudflare's
 * workerd), fake timers forget theirs when the real ones return, an exception while one alarm rings would keep the next
 * from ringing, and code started by an alarm would run in the async context of another call. Under any clock but the
 * live one, a fiber sleeps on that clock, so a `TestClock` controls alarms; a `TimerClock` sets them without a fiber.
 *
 * Guarded by `test/fiber/alarm.test.ts` and `test/issues/alarm-in-no-time-loses-the-next.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as TimerClock from "../../TimerClock.ts"

/** A target for an alarm. It holds at most one alarm at a time. */
export interface Target {
  /** The timer of the platform, while an alarm is set under the live clock. */
  timer: ReturnType<typeof setTimeout> | undefined
  /** The fiber that sleeps for it, or the timer of a `TimerClock`, under a clock other than the live one. */
  sleeper: TimerClock.Timer | undefined
  /** How many timers were cleared. */
  cleared: number

  ring(): void

  /**
   * The clock failed to sleep, or the platform refused a timer: the call has to end as it would if it slept on that clock
   * itself. May be called within {@link set}.
   */
  clockFailed(cause: Cause.Cause<never>): void
}

/** A target, where nothing else is extended. */
export abstract class Alarm implements Target {
  declare timer: Target["timer"]
  declare sleeper: Target["sleeper"]
  declare cleared: number

  constructor() {
    this.timer = undefined
    this.sleeper = undefined
    this.cleared = 0
  }

  /** Whether it will ring. */
  get isSet(): boolean {
    return this.timer !== undefined || this.sleeper !== undefined
  }

  abstract ring(): void

  abstract clockFailed(cause: Cause.Cause<never>): void
}

/** The clock of the platform. */
export const liveClock = Context.get(Context.empty(), Clock.Clock)

// The longest delay that setTimeout keeps; a longer one would fire at once.
const longest = 2 ** 31 - 1

/** Rings `alarm` in `millis`, by the clock of `fiber`. */
export const set = (
  alarm: Target,
  fiber: Fiber.Fiber<unknown, unknown>,
  millis: number,
  clock: Clock.Clock = fiber.getRef(Clock.Clock)
): void => {
  if (millis === Infinity) return
  try {
    if (clock === liveClock) setTimer(alarm, millis)
    else if (TimerClock.isTimerClock(clock)) alarm.sleeper = clock.setTimer(alarm, millis)
    else setSleeper(alarm, fiber, millis, clock)
  } catch (defect) {
    alarm.clockFailed(Cause.die(defect))
  }
}

/** Clears what {@link set} set, if it has not rung. */
export const clear = (alarm: Target): void => {
  if (alarm.timer !== undefined) {
    clearTimeout(alarm.timer)
    alarm.timer = undefined
    alarm.cleared++
  } else if (alarm.sleeper !== undefined) {
    const { sleeper } = alarm
    alarm.sleeper = undefined
    sleeper.interruptUnsafe()
  }
}

// Look up the platform's functions at each use, as Effect does: tests replace them.
const setTimer = (alarm: Target, millis: number): void => {
  alarm.timer = millis > longest
    ? setTimeout(later, longest, alarm, alarm.cleared, millis - longest)
    : setTimeout(ringTimer, millis, alarm, alarm.cleared)
}

// A timer that was set before timers were faked is out of reach of the fake `clearTimeout`, and fires anyway. Without
// the count it would interrupt what the caller does by then, or ring for the next alarm.
const ringTimer = (alarm: Target, cleared: number): void => {
  if (alarm.cleared !== cleared) return
  alarm.timer = undefined
  alarm.ring()
}

const later = (alarm: Target, cleared: number, millis: number): void => {
  if (alarm.cleared !== cleared) return
  try {
    setTimer(alarm, millis)
  } catch (defect) {
    alarm.clockFailed(Cause.die(defect))
  }
}

const setSleeper = (
  alarm: Target,
  fiber: Fiber.Fiber<unknown, unknown>,
  millis: number,
  clock: Clock.Clock
): void => {
  const sleeper = Effect.runForkWith(fiber.context)(Effect.suspend(() => clock.sleep(Duration.millis(millis))))
  alarm.sleeper = sleeper
  const wake = (exit: Exit.Exit<void>) => {
    if (alarm.sleeper !== sleeper) return
    alarm.sleeper = undefined
    if (Exit.isFailure(exit)) alarm.clockFailed(exit.cause)
    else alarm.ring()
  }
  // An alarm of zero time rings after `set` has returned, so that a chain of them does not grow the stack.
  const exit = sleeper.pollUnsafe()
  if (exit === undefined) sleeper.addObserver(wake)
  else fiber.currentDispatcher.scheduleTask(() => wake(exit), 0)
}
