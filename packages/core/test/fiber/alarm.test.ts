import { afterEach, describe, it, vi } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { AsyncLocalStorage } from "node:async_hooks"
import { mock } from "node:test"
import * as Alarm from "../../src/internal/fiber/alarm.ts"
import * as TimerClock from "../../src/TimerClock.ts"

/** An alarm that calls a function. */
class Bell extends Alarm.Alarm {
  override clockFailed(): void {}
  readonly onRing: (bell: Bell) => void
  rings = 0

  constructor(onRing: (bell: Bell) => void = () => {}) {
    super()
    this.onRing = onRing
  }

  override ring(): void {
    this.rings++
    this.onRing(this)
  }
}

/** Rings once, `millis` from now. */
const once = (millis: number, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<Bell> =>
  Effect.callback((resume) => Alarm.set(new Bell((bell) => resume(Effect.succeed(bell))), fiber, millis))

const current = Effect.withFiber((fiber) => Effect.succeed(fiber))

afterEach(() => vi.useRealTimers())

describe("under the live clock", () => {
  it.live("a cleared alarm never rings, and those around it do", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const bells = Array.from({ length: 1_000 }, () => new Bell())
      bells.forEach((bell, i) => Alarm.set(bell, fiber, 1 + i % 7))
      bells.forEach((bell, i) => i % 2 === 0 && Alarm.clear(bell))
      yield* once(20, fiber)
      bells.forEach((bell, i) => strictEqual(bell.rings, i % 2))
    }))

  it.live("an alarm may be set again when it rings, and clear another that is due", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const other = new Bell()
      const again = yield* Effect.callback<Bell>((resume) => {
        const bell = new Bell((bell) => {
          Alarm.clear(other)
          if (bell.rings === 5) return resume(Effect.succeed(bell))
          Alarm.set(bell, fiber, 1)
        })
        Alarm.set(bell, fiber, 2)
        Alarm.set(other, fiber, 2)
      })
      strictEqual(again.rings, 5)
      strictEqual(other.rings, 0)
    }))

  it.live("clearing what is not set does nothing", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const bell = new Bell()
      Alarm.clear(bell)
      Alarm.set(bell, fiber, 1)
      Alarm.clear(bell)
      Alarm.clear(bell)
      yield* once(5, fiber)
      strictEqual(bell.rings, 0)
    }))

  it.live("an alarm in no time rings soon, and not before `set` has returned", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      let returned = false
      const rangAfter = yield* Effect.callback<boolean>((resume) => {
        Alarm.set(new Bell(() => resume(Effect.succeed(returned))), fiber, 0)
        returned = true
      })
      assertTrue(rangAfter)
    }))

  it.live("an alarm in a year waits, though no timer of the platform can", () =>
    Effect.gen(function*() {
      vi.useFakeTimers()
      const fiber = yield* current
      const day = 24 * 3_600_000
      const year = new Bell()
      const never = new Bell()
      Alarm.set(year, fiber, 365 * day)
      Alarm.set(never, fiber, Infinity)
      vi.advanceTimersByTime(365 * day - 1)
      strictEqual(year.rings, 0)
      vi.advanceTimersByTime(1)
      strictEqual(year.rings, 1)
      Alarm.set(year, fiber, 365 * day)
      vi.advanceTimersByTime(100 * day)
      Alarm.clear(year)
      vi.advanceTimersByTime(1_000 * day)
      strictEqual(year.rings, 1)
      strictEqual(never.rings, 0)
    }))

  it.live("a cleared alarm never rings, though its timer was out of reach of the fake timers that cleared it", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const [bell, again] = [new Bell(), new Bell()]
      Alarm.set(bell, fiber, 5)
      Alarm.set(again, fiber, 5)
      mock.timers.enable({ apis: ["setTimeout"] })
      Alarm.clear(bell)
      Alarm.clear(again)
      mock.timers.reset()
      Alarm.set(again, fiber, 60_000)
      yield* once(20, fiber)
      deepStrictEqual([bell.rings, again.rings], [0, 0])
      Alarm.clear(again)
    }))

  it.live("leaves no timer when it is cleared or has rung", () =>
    Effect.gen(function*() {
      vi.useFakeTimers()
      const fiber = yield* current
      const bells = Array.from({ length: 10 }, () => new Bell())
      for (const bell of bells) Alarm.set(bell, fiber, 1_000)
      strictEqual(vi.getTimerCount(), 10)
      for (const bell of bells.slice(5)) Alarm.clear(bell)
      strictEqual(vi.getTimerCount(), 5)
      vi.advanceTimersByTime(1_000)
      strictEqual(vi.getTimerCount(), 0)
      deepStrictEqual(bells.map(({ rings }) => rings), [1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    }))

  it.live("rings in the async context in which it was set", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const request = new AsyncLocalStorage<string>()
      const seen = new Map<string, string | undefined>()
      yield* Effect.callback<void>((resume) => {
        for (const id of ["a", "b", "c"]) {
          request.run(id, () =>
            Alarm.set(
              new Bell(() => {
                seen.set(id, request.getStore())
                if (seen.size === 3) resume(Effect.void)
              }),
              fiber,
              id === "b" ? 1 : 5
            ))
        }
      })
      deepStrictEqual([...seen].toSorted(), [["a", "a"], ["b", "b"], ["c", "c"]])
    }))
})

describe("under another clock", () => {
  it.effect("alarms ring in order at their time on that clock", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const rang: Array<[number, number]> = []
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      for (const millis of [3_000, 1_000, 2_000]) {
        Alarm.set(new Bell(() => rang.push([millis, clock.currentTimeMillisUnsafe()])), fiber, millis)
      }
      yield* TestClock.adjust(2_500)
      deepStrictEqual(rang, [[1_000, 1_000], [2_000, 2_000]])
      yield* TestClock.adjust(500)
      deepStrictEqual(rang.at(-1), [3_000, 3_000])
    }))

  it.effect("a cleared alarm never rings and leaves no fiber", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const bell = new Bell()
      Alarm.set(bell, fiber, 1_000)
      const { sleeper } = bell
      Alarm.clear(bell)
      assertTrue(Fiber.isFiber(sleeper))
      yield* Fiber.await(sleeper)
      yield* TestClock.adjust("1 hour")
      strictEqual(bell.rings, 0)
      strictEqual(bell.sleeper, undefined)
    }))

  it.effect("a clock with timers sets it without a fiber, and clears it", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const set: Array<{ readonly target: TimerClock.Target; readonly millis: number; cleared: boolean }> = []
      const clock: TimerClock.TimerClock = {
        ...(yield* Clock.Clock),
        [TimerClock.TypeId]: TimerClock.TypeId,
        sleep: () => Effect.die("a fiber slept"),
        setTimer: (target, millis) => {
          const timer = { target, millis, cleared: false }
          set.push(timer)
          return { interruptUnsafe: () => void (timer.cleared = true) }
        }
      }
      const [rings, cleared] = [new Bell(), new Bell()]
      Alarm.set(rings, fiber, 1_000, clock)
      Alarm.set(cleared, fiber, 2_000, clock)
      Alarm.set(new Bell(), fiber, Infinity, clock)
      set[0]?.target.ring()
      Alarm.clear(cleared)
      deepStrictEqual([rings.rings, cleared.rings], [1, 0])
      deepStrictEqual(set.map(({ cleared, millis }) => [millis, cleared]), [[1_000, false], [2_000, true]])
    }))

  it.effect("one that does not wait, a chain of alarms neither grows the stack nor loses one", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const clock = { ...(yield* Clock.Clock), sleep: () => Effect.void }
      let others = 0
      const rings = yield* Effect.callback<number>((resume) => {
        for (let i = 0; i < 10; i++) Alarm.set(new Bell(() => others++), fiber, 1, clock)
        Alarm.set(
          new Bell((bell) => {
            if (bell.rings === 20_000) resume(Effect.succeed(bell.rings))
            else Alarm.set(bell, fiber, 1, clock)
          }),
          fiber,
          1,
          clock
        )
      })
      strictEqual(rings, 20_000)
      strictEqual(others, 10)
    }))
})
