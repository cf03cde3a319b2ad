import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Deadline from "@holdfast/core/Deadline"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

type Machine = Bulkhead.Bulkhead["machines"]["only"]
type Waiter = Parameters<Machine["enqueue"]>[0]

const machineOf = (bulkhead: Effect.Effect<Bulkhead.Bulkhead>): Machine => Effect.runSync(bulkhead).machines.only

/** A call as the machine sees it. */
class Caller implements Waiter {
  before: Waiter | undefined = undefined
  after: Waiter | undefined = undefined
  readonly id: number
  readonly onGrant: (id: number) => void
  constructor(id: number, onGrant: (id: number) => void) {
    this.id = id
    this.onGrant = onGrant
  }
  grant(): void {
    this.onGrant(this.id)
  }
}

describe("C6, the machine", () => {
  const Move = Schema.Struct({ move: Schema.Literals(["arrive", "arrive", "end", "cancel"]), which: between(0, 9) })

  law(
    "does what two arrays would do",
    { moves: Schema.Array(Move).check(Schema.isMaxLength(60)), limit: between(1, 4), queue: between(0, 4) },
    ({ limit, moves, queue }) =>
      Effect.sync(() => {
        const machine = machineOf(Bulkhead.make({ limit, queue }))
        const callers: Array<Caller> = []
        const started: Array<number> = []
        const running: Array<number> = []
        const waiting: Array<number> = []
        const expected: Array<number> = []
        let rejected = 0
        for (const { move, which } of moves) {
          if (move === "arrive") {
            const caller = new Caller(callers.length, (id) => started.push(id))
            callers.push(caller)
            if (machine.tryAcquire()) caller.grant()
            else if (!machine.enqueue(caller)) machine.reject()
            if (running.length < limit) {
              running.push(caller.id)
              expected.push(caller.id)
            } else if (waiting.length < queue) waiting.push(caller.id)
            else rejected++
          } else if (move === "end") {
            if (running.length === 0) continue
            running.splice(which % running.length, 1)
            machine.release()
            const next = waiting.shift()
            if (next !== undefined) {
              running.push(next)
              expected.push(next)
            }
          } else {
            const caller = callers[which]
            if (caller === undefined) continue
            const at = waiting.indexOf(caller.id)
            strictEqual(machine.cancel(caller), at >= 0)
            if (at >= 0) waiting.splice(at, 1)
          }
          assertTrue(machine.running <= limit && machine.waiting <= queue)
          deepStrictEqual(
            { running: machine.running, waiting: machine.waiting, rejections: machine.rejections, started },
            { running: running.length, waiting: waiting.length, rejections: rejected, started: expected }
          )
        }
      }),
    { cases: 5_000 }
  )

  it("hands permits on without growing the stack, to calls that end within their grant", () => {
    const machine = machineOf(Bulkhead.make({ limit: 1, queue: 100_000 }))
    assertTrue(machine.tryAcquire())
    const order: Array<number> = []
    for (let id = 0; id < 100_000; id++) {
      machine.enqueue(
        new Caller(id, () => {
          order.push(id)
          machine.release()
        })
      )
    }
    machine.release()
    deepStrictEqual([machine.running, machine.waiting, order.length], [0, 0, 100_000])
    assertTrue(order.every((id, index) => id === index))
  })

  it("does not let a newcomer pass those who wait, even while permits are handed out", () => {
    const machine = machineOf(Bulkhead.make({ limit: 2, queue: 10 }))
    machine.tryAcquire()
    machine.tryAcquire()
    const order: Array<string> = []
    machine.enqueue(
      new Caller(1, () => {
        order.push("first")
        // Its own permit and one more are free now, and the second waits.
        machine.release()
        machine.release()
        if (machine.tryAcquire()) order.push("newcomer")
      })
    )
    machine.enqueue(new Caller(2, () => order.push("second")))
    machine.release()
    deepStrictEqual(order, ["first", "second"])
  })
})

const Call = Schema.Struct({
  gap: between(0, 3),
  takes: between(0, 6),
  outcome: Schema.Literals(["succeed", "succeed", "fail", "die"]),
  interruptAfter: Schema.Literals(["never", "never", 1, 2, 3, 5])
})
type Call = typeof Call.Type

// Times of a script never coincide, so that there is one right order: each call adds bits of its own.
const unit = 2 ** 26
const timesOf = (calls: ReadonlyArray<Call>) => {
  let at = 0
  return calls.map(({ gap, interruptAfter, takes }, index) => {
    at += gap * unit
    const arrival = at + 2 ** index
    return {
      arrival,
      takes: takes === 0 ? 0 : takes * unit + 2 ** (8 + index),
      interrupt: interruptAfter === "never" ? Infinity : arrival + interruptAfter * unit + 2 ** (16 + index)
    }
  })
}

interface Story {
  started?: number
  ended?: number
  how?: "ran" | "rejected" | "interrupted"
}

/** What should happen, told with arrays: the earliest of all that is due, again and again. */
const naive = (calls: ReadonlyArray<Call>, limit: number, queue: number, maxWait: number): ReadonlyArray<Story> => {
  const times = timesOf(calls)
  const stories = calls.map((): Story => ({}))
  const waiting: Array<number> = []
  const running = new Map<number, number>()
  const arrived = new Set<number>()
  const close = (id: number, at: number, how: NonNullable<Story["how"]>) =>
    Object.assign(stories[id] ?? {}, { ended: at, how })
  const start = (id: number, at: number) => {
    Object.assign(stories[id] ?? {}, { started: at })
    const takes = times[id]?.takes ?? 0
    if (takes === 0) close(id, at, "ran")
    else running.set(id, at + takes)
  }
  const fill = (at: number) => {
    while (running.size < limit && waiting.length > 0) start(waiting.shift() ?? -1, at)
  }
  for (;;) {
    const due: Array<[at: number, act: () => void]> = []
    times.forEach(({ arrival, interrupt }, id) => {
      if (!arrived.has(id)) {
        due.push([arrival, () => {
          arrived.add(id)
          if (running.size < limit) start(id, arrival)
          else if (waiting.length < queue) waiting.push(id)
          else close(id, arrival, "rejected")
        }])
      }
      const ends = running.get(id)
      if (ends !== undefined) {
        due.push([ends, () => {
          running.delete(id)
          close(id, ends, "ran")
          fill(ends)
        }])
      }
      if (waiting.includes(id)) {
        due.push([arrival + maxWait, () => {
          waiting.splice(waiting.indexOf(id), 1)
          close(id, arrival + maxWait, "rejected")
        }])
      }
      if ((ends !== undefined || waiting.includes(id)) && interrupt < Infinity) {
        due.push([interrupt, () => {
          if (!running.delete(id)) waiting.splice(waiting.indexOf(id), 1)
          close(id, interrupt, "interrupted")
          fill(interrupt)
        }])
      }
    })
    const next = due.toSorted((a, b) => a[0] - b[0])[0]
    if (next === undefined) return stories
    next[1]()
  }
}

describe("C6, the combinator", () => {
  law(
    "runs, queues, rejects and forgets calls as a naive model does",
    {
      calls: Schema.Array(Call).check(Schema.isMaxLength(8)),
      limit: between(1, 3),
      queue: between(0, 3),
      maxWait: between(1, 5)
    },
    (input) =>
      Effect.gen(function*() {
        const maxWait = input.maxWait * unit + 2 ** 24
        const { limit, queue } = input
        const bulkhead = yield* Bulkhead.make({ limit, queue, maxWait })
        const startedAt = yield* Clock.currentTimeMillis
        const now = Effect.map(Clock.currentTimeMillis, (at) => at - startedAt)
        let running = 0
        const fibers = yield* Effect.forEach(timesOf(input.calls), ({ arrival, interrupt, takes }, index) =>
          Effect.gen(function*() {
            const story: Story = {}
            const call = Effect.gen(function*() {
              story.started = yield* now
              assertTrue(++running <= limit)
              if (takes > 0) {
                yield* Effect.sleep(takes)
              }
              const outcome = input.calls[index]?.outcome
              if (outcome === "fail") {
                return yield* Effect.fail("down")
              }
              if (outcome === "die") {
                return yield* Effect.die("defect")
              }
            }).pipe(Effect.ensuring(Effect.sync(() =>
              running--
            )))
            const fiber = yield* call.pipe(
              bulkhead.protect,
              Effect.delay(arrival),
              Effect.onExit((exit) =>
                Effect.gen(function*() {
                  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
                  if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) story.how = "interrupted"
                  else story.how = error === undefined || error === "down" || error === "defect" ? "ran" : "rejected"
                  story.ended = yield* now
                })
              ),
              Effect.forkChild({ startImmediately: true })
            )
            if (interrupt < Infinity) {
              yield* Effect.forkChild(Effect.delay(Fiber.interrupt(fiber), interrupt), { startImmediately: true })
            }
            return [fiber, story] as const
          }))
        // Step by step: nothing that runs may ever exceed what is allowed.
        for (let step = 0; step < 80; step++) {
          yield* TestClock.adjust(unit)
          const stats = yield* bulkhead.stats()
          assertTrue(stats.running <= limit && stats.waiting <= queue)
          strictEqual(stats.running, running)
        }
        for (const [fiber] of fibers) yield* Fiber.await(fiber)
        deepStrictEqual(fibers.map(([, story]) => ({ ...story })), naive(input.calls, limit, queue, maxWait))
        // No trace: all permits and all places are there for the next.
        const { rejections: _, ...after } = yield* bulkhead.stats()
        deepStrictEqual(after, { running: 0, waiting: 0, limit, queue })
        const next = yield* Effect.forEach(
          Array.from({ length: limit + queue + 1 }),
          () => Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true })
        )
        const { rejections: before, ...full } = yield* bulkhead.stats()
        deepStrictEqual(full, { running: limit, waiting: queue, limit, queue })
        strictEqual(before, fibers.filter(([, story]) => story.how === "rejected").length + 1)
        yield* Fiber.interruptAll(next)
      })
  )
})

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
      // What a key had turned away is not lost with it.
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
      moves: Schema.Array(Schema.Struct({ key: between(0, 30), hold: Schema.Boolean, wait: between(0, 40) })),
      maxKeys: between(1, 8)
    },
    ({ maxKeys, moves }) =>
      Effect.sync(() => {
        const { machines } = Effect.runSync(Bulkhead.make({ limit: 100, maxKeys, idleTimeToLive: 100 }))
        const held = new Map<number, number>()
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
        }
      })
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
    ({ calls, min, more, start }) =>
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
            bounded(machine, min, max)
            // Shrinking takes nothing from those that run.
            strictEqual(machine.running, running)
            machine.release()
            if (machine.limit <= limit) strictEqual(machine.running, running - 1)
          }
        }
      })
  )

  law(
    "ends above what the dependency serves in parallel and below twice that",
    { capacity: between(10, 60), latency: Schema.Literals([5, 20, 100, 2_000]), initial: between(1, 200) },
    ({ capacity, initial, latency }) =>
      Effect.sync(() => {
        const window = 4 * latency
        const machine = machineOf(Bulkhead.adaptive({ initial, queue: 400, window }))
        const limits = simulate(machine, { callers: 250, windows: 300, window, dependency: serving(capacity, latency) })
        const held = median(limits.slice(-20))
        assertTrue(held >= capacity && held <= 2 * capacity + 2, `${held} for ${capacity}: ${limits.join(" ")}`)
      }),
    { cases: 100 }
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
