/** The law of the queue: it does what two arrays would do. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { between, Caller, machineOf } from "./Caller.ts"

describe("C6, the machine", () => {
  const Move = Schema.Struct({
    move: Schema.Literals(["arrive", "arrive", "arrive", "end", "cancel"]),
    which: between(0, 4)
  })

  law(
    "does what two arrays would do",
    {
      moves: Schema.Array(Move).check(Schema.isMinLength(12), Schema.isMaxLength(60)),
      limit: between(1, 4),
      queue: between(0, 4)
    },
    ({ limit, moves, queue }, reach) =>
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
            else {
              reach("a rejection")
              rejected++
            }
          } else if (move === "end") {
            if (running.length === 0) continue
            running.splice(which % running.length, 1)
            machine.release()
            const next = waiting.shift()
            if (next !== undefined) {
              reach("a permit after a wait")
              running.push(next)
              expected.push(next)
            }
          } else {
            const caller = callers.at(-1 - which)
            if (caller === undefined) continue
            const at = waiting.indexOf(caller.id)
            strictEqual(machine.cancel(caller), at >= 0)
            if (at >= 0) {
              reach("a caller who leaves the queue")
              waiting.splice(at, 1)
            }
          }
          assertTrue(machine.running <= limit && machine.waiting <= queue)
          deepStrictEqual(
            { running: machine.running, waiting: machine.waiting, rejections: machine.rejections, started },
            { running: running.length, waiting: waiting.length, rejections: rejected, started: expected }
          )
        }
      }),
    { cases: 5_000, reaches: ["a permit after a wait", "a rejection", "a caller who leaves the queue"] }
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
      calls: Schema.Array(Call).check(Schema.isMinLength(4), Schema.isMaxLength(8)),
      limit: Schema.Literals([1, 1, 2, 3]),
      queue: between(0, 3),
      maxWait: between(1, 5)
    },
    (input, reach) =>
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
        for (const [index, { arrival }] of timesOf(input.calls).entries()) {
          const story = fibers[index]?.[1]
          if (story?.started !== undefined && story.started > arrival) reach("a permit after a wait")
          if (story?.how === "rejected") reach("a rejection")
          if (story?.how === "interrupted" && story.started === undefined) reach("a caller who leaves the queue")
        }
      }),
    { reaches: ["a permit after a wait", "a rejection", "a caller who leaves the queue"] }
  )
})
