/** A bulkhead with a fixed limit. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Deadline from "@holdfast/core/Deadline"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { between } from "./Caller.ts"

describe("make", () => {
  const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

  it.effect("turns a call away at once when there is no queue, and says that nothing of it ran", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1 })
      yield* fork(bulkhead.protect(Effect.never))
      let ran = false
      const error = yield* Effect.sync(() => ran = true).pipe(bulkhead.protect, Effect.flip)
      strictEqual(ran, false)
      const { _tag, limit, queue } = error.reason
      deepStrictEqual({ _tag, limit, queue }, { _tag: "BulkheadFull", limit: 1, queue: 0 })
      assertTrue(error.message.includes("nothing of the call ran"), error.message)
    }))

  it.effect("reports the limit that rejected the call, also after it has changed", () =>
    Effect.gen(function*() {
      const one = yield* Bulkhead.make({ limit: 1 })
      yield* Effect.forkChild(one.protect(Effect.never), { startImmediately: true })
      const first = yield* Effect.flip(one.protect(Effect.void))
      strictEqual(yield* Effect.flip(one.protect(Effect.void)), first)
      const two = yield* Bulkhead.makeFrom(one, { limit: 2 })
      yield* Effect.forkChild(two.protect(Effect.never), { startImmediately: true })
      deepStrictEqual([first.reason.limit, (yield* Effect.flip(two.protect(Effect.void))).reason.limit], [1, 2])
    }))

  it.effect("ends a wait after maxWait and not before", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "1 second" })
      yield* fork(bulkhead.protect(Effect.never))
      const waiting = yield* fork(Effect.flip(bulkhead.protect(Effect.void)))
      yield* TestClock.adjust(999)
      strictEqual(waiting.pollUnsafe(), undefined)
      strictEqual((yield* bulkhead.stats()).waiting, 1)
      yield* TestClock.adjust(1)
      strictEqual((yield* Fiber.join(waiting)).reason._tag, "BulkheadFull")
      deepStrictEqual(yield* bulkhead.stats(), { running: 1, waiting: 0, limit: 1, queue: 1, rejections: 1 })
    }))

  it.effect("waits a second when it is not told how long", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1 })
      yield* fork(bulkhead.protect(Effect.never))
      const waiting = yield* fork(Effect.flip(bulkhead.protect(Effect.void)))
      yield* TestClock.adjust(999)
      strictEqual(waiting.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      strictEqual((yield* Fiber.join(waiting)).reason._tag, "BulkheadFull")
    }))

  it.live("ends a wait under the live clock too, and clears the alarm of one that ends in time", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 2, maxWait: "20 millis" })
      const error = yield* bulkhead.protect(Effect.flip(bulkhead.protect(Effect.void)))
      strictEqual(error.reason._tag, "BulkheadFull")
      const holder = yield* fork(bulkhead.protect(Effect.never))
      const waiting = yield* fork(bulkhead.protect(Effect.succeed("granted")))
      yield* Fiber.interrupt(holder)
      strictEqual(yield* Fiber.join(waiting), "granted")
      deepStrictEqual(yield* bulkhead.stats(), { running: 0, waiting: 0, limit: 1, queue: 2, rejections: 1 })
    }))

  it.effect("ends a wait when the deadline passes, if that is sooner", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 2, maxWait: "1 minute" })
      yield* fork(bulkhead.protect(Effect.never))
      const at = (yield* Clock.currentTimeMillis) + 5_000
      const waiting = yield* fork(
        Effect.provideService(Effect.flip(bulkhead.protect(Effect.void)), Deadline.Deadline, at)
      )
      yield* TestClock.adjust(4_999)
      strictEqual(waiting.pollUnsafe(), undefined)
      yield* TestClock.adjust(1)
      strictEqual((yield* Fiber.join(waiting)).reason._tag, "BulkheadFull")
    }))

  it("does not wait at all when no time is left", () => {
    const bulkhead = Effect.runSync(Bulkhead.make({ limit: 1, queue: 1 }))
    const inner = Effect.flip(bulkhead.protect(Effect.void))
    const error = Effect.runSync(bulkhead.protect(Effect.provideService(inner, Deadline.Deadline, 1)))
    strictEqual(error.reason._tag, "BulkheadFull")
  })

  it.effect("gives back a permit that came too late, when its caller is interrupted before it runs", () =>
    Effect.gen(function*() {
      /** Stops one fiber at its next step. */
      class Stopping extends Scheduler.MixedScheduler {
        next: Fiber.Fiber<unknown, unknown> | undefined = undefined
        override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
          if (fiber !== this.next) return false
          this.next = undefined
          return true
        }
      }
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1 })
      const scheduler = new Stopping()
      const holder = yield* fork(bulkhead.protect(Effect.never))
      const waiting = yield* fork(
        Effect.provideService(bulkhead.protect(Effect.void), Scheduler.Scheduler, scheduler)
      )
      strictEqual((yield* bulkhead.stats()).waiting, 1)
      // Between the grant and the call.
      scheduler.next = waiting
      holder.interruptUnsafe()
      strictEqual(scheduler.next, undefined)
      strictEqual((yield* bulkhead.stats()).running, 1)
      waiting.interruptUnsafe()
      deepStrictEqual(yield* bulkhead.stats(), { running: 0, waiting: 0, limit: 1, queue: 1, rejections: 0 })
    }))

  it.effect("gives each key a limit of its own", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1 })
      yield* fork(Effect.never.pipe(bulkhead.protect({ key: "a" })))
      strictEqual(yield* Effect.succeed("ran").pipe(bulkhead.protect({ key: "b" })), "ran")
      strictEqual(yield* Effect.succeed("ran").pipe(bulkhead.protect), "ran")
      const error = yield* Effect.flip(Effect.void.pipe(bulkhead.protect({ key: "a" })))
      strictEqual(error.reason._tag, "BulkheadFull")
      deepStrictEqual(yield* bulkhead.stats({ key: "a" }), {
        running: 1,
        waiting: 0,
        limit: 1,
        queue: 0,
        rejections: 1
      })
      deepStrictEqual(yield* bulkhead.stats({ key: "c" }), {
        running: 0,
        waiting: 0,
        limit: 1,
        queue: 0,
        rejections: 0
      })
    }))

  it.effect("forgets idle keys, to make room and with time, and never one in use", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, maxKeys: 10, idleTimeToLive: "1 minute" })
      const use = (key: string) => Effect.void.pipe(bulkhead.protect({ key }))
      yield* fork(Effect.never.pipe(bulkhead.protect({ key: "busy" })))
      for (let i = 0; i < 1_000; i++) yield* use(`key ${i}`)
      assertTrue(bulkhead.machines.size <= 10)
      strictEqual((yield* bulkhead.stats({ key: "busy" })).running, 1)
      strictEqual((yield* Effect.flip(use("busy"))).reason._tag, "BulkheadFull")
      yield* TestClock.adjust("2 minutes")
      yield* use("last")
      strictEqual(bulkhead.machines.size, 2)
      // The rejections of an evicted key still count.
      yield* use("last").pipe(Effect.flip, bulkhead.protect({ key: "last" }))
      yield* TestClock.adjust("2 minutes")
      yield* use("another")
      strictEqual(bulkhead.machines.size, 2)
      strictEqual(bulkhead.machines.rejections, 2)
      strictEqual((yield* bulkhead.stats({ key: "busy" })).running, 1)
    }))

  law(
    "remembers no more keys than maxKeys and those in use, and no use is lost",
    {
      moves: Schema.Array(Schema.Struct({ key: between(0, 30), hold: Schema.Boolean, wait: between(0, 40) })).check(
        Schema.isMinLength(10),
        Schema.isMaxLength(60)
      ),
      maxKeys: between(1, 8)
    },
    ({ maxKeys, moves }, reach) =>
      Effect.sync(() => {
        const { machines } = Effect.runSync(Bulkhead.make({ limit: 100, maxKeys, idleTimeToLive: 100 }))
        const held = new Map<number, number>()
        const used = new Set<number>()
        let now = 0
        for (const { hold, key, wait } of moves) {
          now += wait
          const machine = machines.get(`${key}`, now)
          strictEqual(machine.running, held.get(key) ?? 0)
          machine.tryAcquire()
          if (hold) held.set(key, (held.get(key) ?? 0) + 1)
          else machine.release()
          // Eight looks a call: what they did not reach is reached by the next calls with new keys.
          assertTrue(machines.size <= maxKeys + held.size + 1)
          used.add(key)
        }
        if (used.size > maxKeys) reach("more keys than allowed")
        if (held.size > maxKeys) reach("more keys in use than allowed")
      }),
    { reaches: ["more keys than allowed", "more keys in use than allowed"] }
  )

  it.effect("shows itself in the metrics while the scope is open", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ name: "stock", limit: 2, queue: 1 })
      const read = Effect.map(Metric.snapshot, (series) =>
        Object.fromEntries(series.map(({ attributes, id, state }) => {
          deepStrictEqual(attributes, { "holdfast.bulkhead": "stock", unit: "{call}" })
          return [id, "value" in state ? state.value : "incremental" in state ? state.count : undefined]
        })))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Bulkhead.metrics(bulkhead)
        yield* fork(Effect.never.pipe(bulkhead.protect({ key: "a" })))
        for (let i = 0; i < 4; i++) yield* fork(bulkhead.protect(Effect.never))
        deepStrictEqual(yield* read, {
          "holdfast.bulkhead.running": 3,
          "holdfast.bulkhead.waiting": 1,
          "holdfast.bulkhead.limit": 4,
          "holdfast.bulkhead.rejections": 1
        })
      }))
      deepStrictEqual(yield* read, {})
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it("rejects invalid options", () => {
    const make = (options: Bulkhead.Options) => () => Effect.runSync(Bulkhead.make(options))
    const adaptive = (options: Bulkhead.AdaptiveOptions) => () => Effect.runSync(Bulkhead.adaptive(options))
    const refused = (run: () => unknown, message: string) => throws(run, new RangeError(message))
    refused(make({ limit: 0 }), "Bulkhead.make: limit must be a whole number of 1 or more, got 0")
    refused(make({ limit: NaN }), "Bulkhead.make: limit must be a whole number of 1 or more, got NaN")
    refused(make({ limit: 1.5 }), "Bulkhead.make: limit must be a whole number of 1 or more, got 1.5")
    refused(make({ limit: 1, queue: -1 }), "Bulkhead.make: queue must be a whole number of 0 or more, got -1")
    refused(
      make({ limit: 1, maxWait: -1 }),
      "Bulkhead.make: maxWait must be a finite duration of zero or more, got -1"
    )
    refused(make({ limit: 1, maxKeys: 0 }), "Bulkhead.make: maxKeys must be a whole number of 1 or more, got 0")
    refused(adaptive({ min: 0 }), "Bulkhead.adaptive: min must be a whole number of 1 or more, got 0")
    refused(adaptive({ min: 5, max: 4 }), "Bulkhead.adaptive: max must be at least min (5), got 4")
    refused(
      adaptive({ max: 10, initial: 11 }),
      "Bulkhead.adaptive: initial must be a whole number between min and max (1 to 10), got 11"
    )
    refused(adaptive({ tolerance: 2 }), "Bulkhead.adaptive: tolerance must be at least 1 and below 2, got 2")
    refused(adaptive({ window: 0 }), "Bulkhead.adaptive: window must be longer than zero, got 0")
  })
})
