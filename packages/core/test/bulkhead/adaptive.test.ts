/** A bulkhead that finds its limit. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { between, Caller, type Machine, machineOf } from "./Caller.ts"

/** What a dependency takes for a call, in milliseconds, when `inFlight` calls are in it. */
type Dependency = (at: number, inFlight: number) => number

/** Serves `capacity` calls in parallel in `latency` each; more than that share what there is. */
const serving = (capacity: number, latency: number): Dependency => (_, inFlight) =>
  latency * Math.max(1, inFlight / capacity)

/** Callers that call again as soon as they have an answer, and the limit at the end of each window. */
const simulate = (
  machine: Machine,
  options: {
    readonly callers: number
    readonly windows: number
    readonly window: number
    readonly dependency: Dependency
    readonly min?: number
  }
): ReadonlyArray<number> => {
  const { callers, dependency, window, windows } = options
  const limits: Array<number> = []
  const ends: Array<readonly [at: number, startedAt: number]> = []
  let now = 0
  const start = () => {
    const at = now + Math.ceil(dependency(now, machine.running))
    ends.splice(ends.findLastIndex(([end]) => end <= at) + 1, 0, [at, now])
  }
  const arrive = () => {
    if (machine.tryAcquire()) start()
    else assertTrue(machine.enqueue(new Caller(0, start)))
  }
  for (let i = 0; i < callers; i++) arrive()
  while (limits.length < windows) {
    const [at, startedAt] = ends.shift() ?? [NaN, NaN]
    now = at
    machine.settle(now, now - startedAt, false)
    machine.release()
    assertTrue(machine.limit >= (options.min ?? 1))
    arrive()
    while (limits.length < Math.floor(now / window)) limits.push(machine.limit)
  }
  return limits
}

// Now and then the limit falls for a window, to measure the latency without load.
const median = (limits: ReadonlyArray<number>): number => limits.toSorted((a, b) => a - b)[limits.length >> 1] ?? NaN

describe("adaptive", () => {
  const bounded = (machine: Machine, min: number, max: number) =>
    assertTrue(Number.isInteger(machine.limit) && machine.limit >= min && machine.limit <= max, `${machine.limit}`)

  law(
    "never leaves its bounds, whatever the calls do",
    {
      min: between(1, 30),
      more: between(0, 300),
      start: between(0, 1_000),
      calls: Schema.Array(Schema.Struct({
        after: between(-500, 2_000),
        latency: Schema.Literals([0, 1, 10, 100, 1_000, 100_000]),
        repeat: between(1, 30),
        outcome: Schema.Literals(["ok", "ok", "dropped", "ignored"])
      })).check(Schema.isMaxLength(40))
    },
    ({ calls, min, more, start }, reach) =>
      Effect.sync(() => {
        const max = min + more
        const machine = machineOf(Bulkhead.adaptive({ min, max, initial: min + (start % (more + 1)), queue: 10 }))
        let now = 1_000_000
        for (const { after, latency, outcome, repeat } of calls) {
          // The clock may be set back.
          now += after
          for (let i = 0; i < repeat; i++) {
            while (machine.tryAcquire()) bounded(machine, min, max)
            const { limit, running } = machine
            if (outcome !== "ignored") machine.settle(now, latency, outcome === "dropped")
            if (machine.limit > limit) reach("a limit that grows")
            if (machine.limit < limit) reach("a limit that shrinks")
            bounded(machine, min, max)
            // Shrinking takes nothing from those that run.
            strictEqual(machine.running, running)
            machine.release()
            if (machine.limit <= limit) strictEqual(machine.running, running - 1)
          }
        }
      }),
    { reaches: ["a limit that grows", "a limit that shrinks"] }
  )

  law(
    "ends above what the dependency serves in parallel and below twice that",
    { capacity: between(10, 60), latency: Schema.Literals([5, 20, 100, 2_000]), initial: between(1, 200) },
    ({ capacity, initial, latency }, reach) =>
      Effect.sync(() => {
        if (initial < capacity) reach("a limit that begins too small")
        if (initial > 2 * capacity) reach("a limit that begins too large")
        const window = 4 * latency
        const machine = machineOf(Bulkhead.adaptive({ initial, queue: 400, window }))
        const limits = simulate(machine, { callers: 250, windows: 300, window, dependency: serving(capacity, latency) })
        const held = median(limits.slice(-20))
        assertTrue(held >= capacity && held <= 2 * capacity + 2, `${held} for ${capacity}: ${limits.join(" ")}`)
      }),
    { cases: 100, reaches: ["a limit that begins too small", "a limit that begins too large"] }
  )

  it("does not drift under an overload that lasts for hours", () => {
    const machine = machineOf(Bulkhead.adaptive({ queue: 400 }))
    const limits = simulate(machine, { callers: 250, windows: 10_000, window: 1_000, dependency: serving(20, 500) })
    for (let from = 1_000; from < limits.length; from += 100) {
      const held = median(limits.slice(from, from + 100))
      assertTrue(held >= 20 && held <= 40, `${held} after ${from} seconds`)
    }
  })

  it("follows a dependency that loses half of its servers, and then takes twice as long for good", () => {
    const machine = machineOf(Bulkhead.adaptive({ queue: 400 }))
    const before = serving(60, 100)
    const half = serving(30, 100)
    const slow = serving(30, 200)
    const dependency: Dependency = (at, inFlight) => (at < 200_000 ? before : at < 400_000 ? half : slow)(at, inFlight)
    const limits = simulate(machine, { callers: 250, windows: 800, window: 1_000, dependency })
    const held = [200, 400, 800].map((end) => median(limits.slice(end - 50, end)))
    assertTrue((held[0] ?? 0) >= 80 && (held[0] ?? 0) <= 120, `${held}`)
    assertTrue((held[1] ?? 0) >= 40 && (held[1] ?? 0) <= 60, `${held}`)
    assertTrue((held[2] ?? 0) >= 40 && (held[2] ?? 0) <= 60, `${held}`)
  })

  it("keeps to its minimum while it looks at the latency without load", () => {
    const machine = machineOf(Bulkhead.adaptive({ min: 10, queue: 400 }))
    const dependency = serving(8, 100)
    const limits = simulate(machine, { callers: 250, windows: 500, window: 1_000, dependency, min: 10 })
    assertTrue(limits.includes(10))
  })

  it("moves by the rule: up at once, down a fifth of the way", () => {
    const machine = machineOf(Bulkhead.adaptive({ initial: 100 }))
    let now = 1_000_000
    const window = (latency: number) => {
      while (machine.tryAcquire()) {}
      for (let call = 1; call <= 10; call++) {
        // Two latencies are over, whatever they were.
        if (call === 10) now += 5_000
        machine.settle(now, latency, false)
        machine.release()
      }
      return machine.limit
    }
    // 100 + 10, then 0.8 * 110 + 0.2 * (110 * 0.5 + 10.5), then 101.1 + 10.05
    deepStrictEqual([window(100), window(600), window(100)], [110, 101, 111])
  })

  it("goes on when the clock is set back", () => {
    const machine = machineOf(Bulkhead.adaptive({ initial: 10 }))
    let now = 1_000_000_000
    const play = () => {
      for (let call = 0; call < 100; call++) {
        while (machine.tryAcquire()) {}
        now += 100
        machine.settle(now, 100, false)
        machine.release()
      }
    }
    play()
    const { limit } = machine
    now -= 3_600_000
    play()
    assertTrue(limit > 10 && machine.limit > limit, `${limit}, then ${machine.limit}`)
  })

  it("leaves the limit alone while the callers leave room", () => {
    const machine = machineOf(Bulkhead.adaptive({ initial: 50, queue: 0 }))
    const limits = simulate(machine, { callers: 30, windows: 100, window: 1_000, dependency: serving(1_000, 100) })
    assertTrue(limits.every((limit) => limit === 50))
  })

  it("falls to the minimum when every call is dropped, and not for one in a thousand", () => {
    const machine = machineOf(Bulkhead.adaptive({ min: 2, initial: 100 }))
    const play = (windows: number, dropped: (call: number) => boolean) => {
      for (let call = 0; call < windows * 1_000; call++) {
        while (machine.tryAcquire()) {}
        machine.settle(now, 50, dropped(call))
        machine.release()
        now += 1
      }
    }
    let now = 1_000_000
    play(100, (call) => call % 1_000 === 0)
    strictEqual(machine.limit, 200)
    play(100, () => true)
    strictEqual(machine.limit, 2)
  })

  it.effect(
    "finds the limit of a dependency that slows down under load, and what runs is never interrupted",
    () =>
      Effect.gen(function*() {
        const capacity = 20
        const bulkhead = yield* Bulkhead.adaptive({ min: 5, max: 100, initial: 100, queue: 200, maxWait: "1 minute" })
        let inFlight = 0
        let interrupted = 0
        let served = 0
        const call = Effect.suspend(() => {
          inFlight++
          return Effect.sleep(100 * Math.max(1, inFlight / capacity))
        }).pipe(
          Effect.onInterrupt(() => Effect.sync(() => interrupted++)),
          Effect.ensuring(Effect.sync(() => inFlight--)),
          bulkhead.protect,
          Effect.tap(() => Effect.sync(() => served++))
        )
        const callers = yield* Effect.forEach(
          Array.from({ length: 150 }),
          () => Effect.forkChild(Effect.forever(call), { startImmediately: true })
        )
        const limits: Array<number> = []
        for (let second = 0; second < 180; second++) {
          yield* TestClock.adjust("1 second")
          const { limit } = yield* bulkhead.stats()
          limits.push(limit)
          assertTrue(limit >= 5 && limit <= 100)
          if (second === 159) served = 0
        }
        const held = median(limits.slice(-20))
        assertTrue(held >= capacity && held <= 2 * capacity, limits.join(" "))
        strictEqual(interrupted, 0)
        // 20 seconds at 200 calls a second are all that the dependency can give.
        assertTrue(served >= 0.9 * 4_000, `${served}`)
        yield* Fiber.interruptAll(callers)
        const { limit: _, rejections, ...after } = yield* bulkhead.stats()
        deepStrictEqual({ ...after, rejections }, { running: 0, waiting: 0, queue: 200, rejections: 0 })
      }),
    60_000
  )

  it.effect("starts over for a key that was idle for long", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.adaptive({ initial: 20, window: "1 second", idleTimeToLive: "1 minute" })
      const key = { key: "stock" }
      const calls = Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.exit(bulkhead.protect(key)(Effect.timeout(Effect.never, "100 millis"))),
        { concurrency: 20 }
      )
      for (let burst = 0; burst < 30; burst++) {
        yield* Effect.forkChild(calls, { startImmediately: true })
        yield* TestClock.adjust("200 millis")
      }
      assertTrue((yield* bulkhead.stats(key)).limit < 20)
      yield* TestClock.adjust("2 minutes")
      yield* bulkhead.protect(key)(Effect.void)
      strictEqual((yield* bulkhead.stats(key)).limit, 20)
    }))

  it.effect("takes timeouts for overload, and leaves out what fails for other reasons", () =>
    Effect.gen(function*() {
      const outcomes: Record<string, Effect.Effect<never, string | Cause.TimeoutError>> = {
        timeout: Effect.never.pipe(Effect.timeout(200)),
        refused: Effect.delay(Effect.fail("refused"), 50),
        interrupted: Effect.delay(Effect.interrupt, 50)
      }
      for (const [name, outcome] of Object.entries(outcomes)) {
        const bulkhead = yield* Bulkhead.adaptive({ initial: 50, queue: 50, maxWait: "1 minute" })
        const callers = yield* Effect.forEach(Array.from({ length: 50 }), () =>
          Effect.forkChild(Effect.forever(Effect.exit(bulkhead.protect(outcome))), { startImmediately: true }))
        yield* TestClock.adjust("10 seconds")
        const { limit } = yield* bulkhead.stats()
        assertTrue(name === "timeout" ? limit < 25 : limit === 50, `${name}: ${limit}`)
        yield* Fiber.interruptAll(callers)
      }
    }))
})
