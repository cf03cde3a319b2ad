import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Alarm from "../../src/internal/fiber/alarm.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** An alarm that calls a function. */
class Bell extends Alarm.Alarm {
  readonly onRing: (bell: Bell) => void
  /** When it rang, by the platform's monotonic clock. */
  rangAt: number | undefined = undefined

  constructor(onRing: (bell: Bell) => void = () => {}) {
    super()
    this.onRing = onRing
  }

  override ring(): void {
    this.rangAt = performance.now()
    this.onRing(this)
  }
}

/** Waits until as many alarms as `count` have rung. */
const rung = (count: number, ring: (onRing: (bell: Bell) => void) => void): Effect.Effect<ReadonlyArray<Bell>> =>
  Effect.callback((resume) => {
    const bells: Array<Bell> = []
    ring((bell) => {
      if (bells.push(bell) === count) resume(Effect.succeed(bells))
    })
  })

/** A few turns of the event loop, in which what should not have rung would ring. */
const turns = Effect.gen(function*() {
  for (let turn = 0; turn < 3; turn++) {
    yield* Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), 1))
  }
})

const current = Effect.withFiber((fiber) => Effect.succeed(fiber))

describe("under the live clock", () => {
  it.live("thousands of alarms ring in the order in which they are due, and none early", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const random = yield* Random.Random
      const bells = yield* rung(5_000, (onRing) => {
        for (let i = 0; i < 5_000; i++) Alarm.set(new Bell(onRing), fiber, 1 + random.nextDoubleUnsafe() * 40)
      })
      bells.forEach((bell, i) => {
        assertTrue((bell.rangAt ?? 0) >= bell.due, "rang early")
        assertTrue(i === 0 || (bells[i - 1]?.due ?? NaN) <= bell.due, "rang out of order")
        strictEqual(bell.index, -1)
      })
    }).pipe(Random.withSeed("alarms")))

  const Storm = Schema.Array(Schema.Struct({
    do: Schema.Literals(["set", "set", "set", "clear", "reset"]),
    bell: between(0, 63),
    millis: Schema.Literals([1, 5, 5, 50, 1_000, 3_600_000])
  })).check(Schema.isMaxLength(200))

  it.live.prop(
    "any storm of setting and clearing leaves the heap right (1,000 cases)",
    { storm: Storm },
    ({ storm }) =>
      Effect.gen(function*() {
        const fiber = yield* current
        const bells = Array.from({ length: 64 }, () => new Bell())
        const model = new Set<Bell>()
        const check = () => {
          const heap: Array<Bell> = []
          for (const bell of bells) {
            strictEqual(bell.index >= 0, model.has(bell))
            if (bell.index >= 0) heap[bell.index] = bell
          }
          // As many places as alarms, none taken twice, and none due before the one above it.
          strictEqual(heap.length, model.size)
          strictEqual(heap.filter(() => true).length, model.size)
          heap.forEach((bell, index) => {
            const above = index === 0 ? bell : heap[(index - 1) >> 1]
            assertTrue(above !== undefined && above.due <= bell.due)
          })
          const soonest = [...model].toSorted((a, b) => a.due - b.due)[0]
          strictEqual(heap[0]?.due, soonest?.due)
        }
        for (const { bell: i, do: action, millis } of storm) {
          const bell = bells[i]
          if (bell === undefined) continue
          if (action !== "set" || model.has(bell)) {
            Alarm.clear(bell)
            model.delete(bell)
          }
          if (action !== "clear") {
            Alarm.set(bell, fiber, millis)
            model.add(bell)
          }
          check()
        }
        for (const bell of bells) {
          Alarm.clear(bell)
          model.delete(bell)
          check()
        }
      }),
    { arbitrary: { runs: 1_000 }, timeout: 60_000 }
  )

  it.live("a cleared alarm never rings, and those around it do", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const cleared: Array<Bell> = []
      const bells = yield* rung(500, (onRing) => {
        for (let i = 0; i < 1_000; i++) {
          const bell = new Bell(onRing)
          Alarm.set(bell, fiber, 5 + i % 7)
          if (i % 2 === 0) cleared.push(bell)
        }
        for (const bell of cleared) Alarm.clear(bell)
      })
      yield* turns
      strictEqual(bells.length, 500)
      assertTrue(cleared.every((bell) => bell.rangAt === undefined && bell.index === -1))
    }))

  it.live("an alarm may be set again when it rings, and clear another that is due", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      let rings = 0
      const other = new Bell()
      yield* Effect.callback<void>((resume) => {
        const bell = new Bell((bell) => {
          Alarm.clear(other)
          if (++rings === 5) return resume(Effect.void)
          Alarm.set(bell, fiber, 1)
        })
        Alarm.set(bell, fiber, 2)
        Alarm.set(other, fiber, 2)
      })
      strictEqual(rings, 5)
      strictEqual(other.rangAt, undefined)
    }))

  it.live("clearing what is not set does nothing", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const bell = new Bell()
      Alarm.clear(bell)
      Alarm.set(bell, fiber, 1_000)
      Alarm.clear(bell)
      Alarm.clear(bell)
      strictEqual(bell.index, -1)
    }))

  it.live("an alarm in no time rings soon, and not before `set` has returned", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      let returned = false
      const [bell] = yield* rung(1, (onRing) => {
        Alarm.set(new Bell((bell) => onRing(returned ? bell : new Bell())), fiber, 0)
        returned = true
      })
      assertTrue(bell?.rangAt !== undefined)
      const cleared = new Bell()
      Alarm.set(cleared, fiber, 0)
      Alarm.clear(cleared)
      yield* turns
      strictEqual(cleared.rangAt, undefined)
    }))

  it.live("an alarm in a year waits, though no timer of the platform can", () =>
    Effect.gen(function*() {
      const fiber = yield* current
      const year = new Bell()
      Alarm.set(year, fiber, 365 * 24 * 3_600_000)
      yield* rung(1, (onRing) => Alarm.set(new Bell(onRing), fiber, 5))
      yield* turns
      strictEqual(year.rangAt, undefined)
      Alarm.clear(year)
    }))

  it("all alarms share one timer, which goes with the last of them", async () => {
    // A process of its own, where the timers are those of the alarms and of nothing else.
    const script = `
      import * as Alarm from "../src/internal/fiber/alarm.ts"
      import { Effect } from "effect"

      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const turn = () => new Promise((resolve) => setTimeout(resolve, 1))
      class Bell extends Alarm.Alarm { ring() {} }

      const fiber = await Effect.runPromise(Effect.withFiber((fiber) => Effect.succeed(fiber)))
      const bells = Array.from({ length: 1_000 }, () => new Bell())
      const idle = timers()
      for (const bell of bells) Alarm.set(bell, fiber, 3_600_000)
      await turn()
      console.log("set", timers() - idle)
      for (const bell of bells) Alarm.clear(bell)
      await turn()
      await turn()
      console.log("cleared", timers() - idle)
      for (const bell of bells) Alarm.set(bell, fiber, 2)
      process.on("exit", () => console.log("rung", timers() - idle, bells.every((bell) => bell.index === -1)))
    `
    const node = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: new URL("..", import.meta.url),
      stdio: ["ignore", "pipe", "inherit"]
    })
    let output = ""
    node.stdout.on("data", (chunk) => output += chunk)
    await once(node, "close")
    strictEqual(output, "set 1\ncleared 0\nrung 0 true\n")
  }, 30_000)
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
      assertTrue(sleeper !== undefined)
      yield* Fiber.await(sleeper)
      yield* TestClock.adjust("1 hour")
      strictEqual(bell.rangAt, undefined)
      strictEqual(bell.sleeper, undefined)
    }))
})
