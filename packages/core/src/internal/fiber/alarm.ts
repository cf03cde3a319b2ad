/**
 * Alarms: one function call at one instant, set and cleared often and rung rarely.
 *
 * Nearly every timeout is cleared before it is due, so setting and clearing must be cheap. Under the live clock all alarms
 * share one heap and one timer of the platform, which is moved only when an earlier alarm is set, and which does not keep the process
 * alive while no alarm is set. Under any other clock a fiber sleeps on that clock, so that a `TestClock` rules.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Something that can be rung. It holds at most one alarm at a time. */
export abstract class Alarm {
  /** @internal Its place in the heap, or -1. */
  declare index: number
  /** @internal When it is due, by the platform's monotonic clock. */
  declare due: number
  /** @internal The fiber that sleeps for it under a clock other than the live one. */
  declare sleeper: Fiber.Fiber<unknown> | undefined

  constructor() {
    this.index = -1
    this.due = 0
    this.sleeper = undefined
  }

  abstract ring(): void
}

const liveClock = Context.get(Context.empty(), Clock.Clock)

/** Rings `alarm` in `millis`, by the clock of `fiber`. */
export const set = (
  alarm: Alarm,
  fiber: Fiber.Fiber<unknown, unknown>,
  millis: number,
  clock: Clock.Clock = fiber.getRef(Clock.Clock)
): void => {
  if (clock === liveClock && millis > 0) {
    alarm.due = performance.now() + millis
    push(alarm)
  } else {
    const sleeper = Effect.runForkWith(fiber.context)(clock.sleep(Duration.millis(millis)))
    alarm.sleeper = sleeper
    const wake = () => {
      if (alarm.sleeper !== sleeper) return
      alarm.sleeper = undefined
      alarm.ring()
    }
    if (sleeper.pollUnsafe() === undefined) {
      sleeper.addObserver(wake)
    } else if (waking.push(wake) === 1) {
      // One that is set while another rings waits for its turn, so that no chain of them grows the stack.
      for (let next = waking[0]; next !== undefined; next = waking[0]) {
        try {
          next()
        } finally {
          waking.shift()
        }
      }
    }
  }
}

// Alarms without a delay, in the order in which they were set.
const waking: Array<() => void> = []

/** Clears what {@link set} set, if it has not rung. */
export const clear = (alarm: Alarm): void => {
  if (alarm.index >= 0) {
    remove(alarm.index)
  } else if (alarm.sleeper !== undefined) {
    const { sleeper } = alarm
    alarm.sleeper = undefined
    sleeper.interruptUnsafe()
  }
}

// A binary heap by `due`, and the platform's timer for its top.
const heap: Array<Alarm> = []
let timer: ReturnType<typeof setTimeout> | undefined
let timerDue = 0
let resting = false

// The longest delay that setTimeout keeps; a longer one would fire at once.
const longest = 2 ** 31 - 1

const arm = (due: number): void => {
  if (timer !== undefined) clearTimeout(timer)
  timerDue = due
  timer = setTimeout(ringDue, Math.min(longest, Math.max(1, Math.ceil(due - performance.now()))))
}

const ringDue = (): void => {
  timer = undefined
  const now = performance.now()
  for (let top = heap[0]; top !== undefined && top.due <= now; top = heap[0]) {
    remove(0)
    top.ring()
  }
  const next = heap[0]
  if (next !== undefined && (timer === undefined || next.due < timerDue)) arm(next.due)
}

const push = (alarm: Alarm): void => {
  heap.push(alarm)
  up(alarm, heap.length - 1)
  if (timer === undefined || alarm.due < timerDue) {
    arm(alarm.due)
  }
}

const remove = (index: number): void => {
  const last = heap.pop() as Alarm
  const removed = heap[index]
  if (removed === undefined) {
    last.index = -1
  } else {
    removed.index = -1
    down(last, index)
    if (last.index === index) up(last, index)
  }
  if (heap.length === 0 && !resting) {
    resting = true
    setTimeout(rest, 0)
  }
}

// With no alarm left the timer must not keep the process alive. It is looked at once a turn of the event loop, because
// calls that follow one another leave the heap empty between any two of them.
const rest = (): void => {
  resting = false
  if (heap.length === 0 && timer !== undefined) {
    clearTimeout(timer)
    timer = undefined
  }
}

const place = (alarm: Alarm, index: number): void => {
  heap[index] = alarm
  alarm.index = index
}

const up = (alarm: Alarm, start: number): void => {
  let index = start
  while (index > 0) {
    const above = (index - 1) >> 1
    const parent = heap[above] as Alarm
    if (parent.due <= alarm.due) break
    place(parent, index)
    index = above
  }
  place(alarm, index)
}

const down = (alarm: Alarm, start: number): void => {
  let index = start
  for (;;) {
    let below = 2 * index + 1
    let child = heap[below]
    const right = heap[below + 1]
    if (child === undefined) break
    if (right !== undefined && right.due < child.due) {
      child = right
      below++
    }
    if (alarm.due <= child.due) break
    place(child, index)
    index = below
  }
  place(alarm, index)
}
