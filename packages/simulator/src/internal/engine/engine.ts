/**
 * Virtual time: a heap of timers, and a scheduler that runs all fibers until each waits for one.
 *
 * Everything is synchronous. Between two timers the ready fibers run to quiescence, so a call costs what its policy and
 * its effect cost, and no turn of the event loop.
 *
 * Times are multiples of 1/1024 ms. Sums and differences of such numbers are exact, so a timer that a policy sets
 * from a difference of two instants rings at the very instant that the policy has computed, not an ulp before it. It
 * also absorbs differences in the last bit of `Math.exp` and `Math.log` between engines.
 *
 * Guarded by `test/engine/engine.test.ts` and `test/laws.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as TimerClock from "@holdfast/core/TimerClock"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { Delayed, Delays } from "./delays.ts"
import { type Timer, Timers } from "./timers.ts"

/** The first instant of the grid at or after a time. */
const toGrid = (millis: number): number => Math.ceil(millis * 1024) / 1024

/** How many tasks may run at one instant before the simulation counts as stuck. */
const mostTasks = 1_000_000

/** How many durations have a list. Delays with jitter are all different, and go to the heap when the lists are taken. */
const mostLists = 64

/** A timer that calls a function. */
class Callback extends Delayed implements TimerClock.Timer {
  declare private readonly engine: Engine
  declare private readonly target: TimerClock.Target

  constructor(engine: Engine, target: TimerClock.Target) {
    super()
    this.engine = engine
    this.target = target
  }

  override ring(): void {
    this.target.ring()
  }

  interruptUnsafe(): void {
    if (this.list === undefined) this.engine.timers.remove(this)
    else this.list.remove(this)
  }
}

class VirtualScheduler extends Scheduler.MixedScheduler {
  /** What runs the tasks that are ready, if there are any. */
  pending: (() => void) | undefined
  // All fibers share one dispatcher, so that tasks run in the order in which they became ready.
  private readonly shared: ReturnType<Scheduler.MixedScheduler["makeDispatcher"]>

  constructor() {
    super("sync", (run) => {
      this.pending = run
      return () => {
        this.pending = undefined
      }
    })
    this.pending = undefined
    this.shared = super.makeDispatcher()
  }

  override makeDispatcher() {
    return this.shared
  }
}

class VirtualClock implements TimerClock.TimerClock {
  readonly [TimerClock.TypeId]: typeof TimerClock.TypeId = TimerClock.TypeId
  private readonly engine: Engine
  readonly currentTimeMillis: Effect.Effect<number>
  readonly currentTimeNanos: Effect.Effect<bigint>
  readonly monotonicTimeNanos: Effect.Effect<bigint>

  constructor(engine: Engine) {
    this.engine = engine
    this.currentTimeMillis = Effect.sync(() => engine.now)
    this.currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
    this.monotonicTimeNanos = this.currentTimeNanos
  }

  currentTimeMillisUnsafe(): number {
    return this.engine.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.floor(this.engine.now * 1_000_000))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  setTimer(target: TimerClock.Target, millis: number): TimerClock.Timer {
    const timer = new Callback(this.engine, target)
    this.engine.delay(timer, Math.max(0, millis))
    return timer
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis === Infinity) return Effect.never
    return Effect.callback<void>((resume) => {
      const timer = this.setTimer({ ring: () => resume(Exit.void) }, millis)
      return Effect.sync(() => timer.interruptUnsafe())
    })
  }
}

export class Engine {
  readonly timers = new Timers()
  readonly clock: Clock.Clock = new VirtualClock(this)
  private readonly scheduler = new VirtualScheduler()
  private readonly delays = new Map<number, Delays>()
  now = 0
  /** How many timers have rung. */
  events = 0

  /** The services of a fiber that runs in this time. Nothing is logged. */
  contextWith(random: Random.Random): Context.Context<never> {
    return Context.mergeAll(
      Context.make(Clock.Clock, this.clock),
      Context.make(Random.Random, random),
      Context.make(Scheduler.Scheduler, this.scheduler),
      Context.make(Logger.CurrentLoggers, new Set<never>())
    )
  }

  /** Sets a timer at an instant, or now if that has passed. */
  add(timer: Timer, at: number): void {
    this.timers.add(timer, Math.max(this.now, toGrid(at)))
  }

  /** Sets a timer that may well be cleared. */
  delay(timer: Delayed, millis: number): void {
    const { delays, now, timers } = this
    const at = Math.max(now, toGrid(now + millis))
    let list = delays.get(millis)
    if (list === undefined && delays.size < mostLists) delays.set(millis, list = new Delays(timers))
    if (list === undefined) timers.add(timer, at)
    else list.add(timer, at)
  }

  /** Runs everything that is ready. */
  drain(): void {
    const { scheduler } = this
    for (let tasks = 0; scheduler.pending !== undefined; tasks++) {
      if (tasks === mostTasks) throw new Error(`no progress: ${plural(mostTasks, "task")} were run at ${this.now} ms`)
      const { pending } = scheduler
      scheduler.pending = undefined
      pending()
    }
  }

  /** Lets the time pass up to an instant, with all that happens at it, or until `isOver` says so. */
  advance(until: number, isOver?: () => boolean): void {
    const { scheduler, timers } = this
    const { stackTraceLimit } = Error
    // A timeout makes an error, and its stack would cost more than the rest of the call. No turn of the event loop ends
    // between here and `finally`, so no other code sees the limit.
    Error.stackTraceLimit = 0
    try {
      this.drain()
      for (;;) {
        const at = timers.next
        if (timers.size === 0 || at > until) break
        if (isOver?.() === true) return
        const timer = timers.pop()
        if (timer === undefined) continue
        this.now = at
        this.events++
        timer.ring()
        if (scheduler.pending !== undefined) this.drain()
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    if (until !== Infinity && isOver?.() !== true) this.now = Math.max(this.now, toGrid(until))
  }
}
