import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { Engine } from "../../src/internal/engine/engine.ts"

const start = <A, E>(engine: Engine, effect: Effect.Effect<A, E>) => {
  const random = Effect.runSync(Random.withSeed(Random.Random, 1))
  return Effect.runForkWith(engine.contextWith(random))(effect)
}

/** Runs an effect to its end in virtual time. */
const run = <A, E>(effect: Effect.Effect<A, E>) => {
  const engine = new Engine()
  const fiber = start(engine, effect)
  engine.advance(1e9)
  const exit = fiber.pollUnsafe()
  if (exit === undefined) throw new Error("it has not ended")
  return exit
}

describe("virtual time", () => {
  it("a sleep ends at its instant, and nothing takes time but sleeps", () => {
    const seen = run(Effect.gen(function*() {
      const seen: Array<number> = []
      for (const millis of [0, 0.1, 1, 1_000, 3_600_000]) {
        yield* Effect.sleep(millis)
        yield* Effect.yieldNow
        seen.push(yield* Clock.currentTimeMillis)
      }
      return seen
    }))
    // A tenth of a millisecond is rounded up to the grid of 1/1024 ms.
    assert.deepStrictEqual(
      seen,
      Exit.succeed([0, 103 / 1024, 1 + 103 / 1024, 1_001 + 103 / 1024, 3_601_001 + 103 / 1024])
    )
  })

  it("fibers that sleep to the same instant go on in the order in which they went to sleep", () => {
    const order = run(Effect.gen(function*() {
      const order: Array<string> = []
      const one = (name: string, delay: number) =>
        Effect.andThen(Effect.sleep(delay), Effect.sync(() => order.push(name)))
      yield* Effect.all([one("a", 20), one("b", 10), one("c", 20), Effect.delay(one("d", 10), 10)], {
        concurrency: "unbounded"
      })
      return order
    }))
    assert.deepStrictEqual(order, Exit.succeed(["b", "a", "c", "d"]))
  })

  it("Effect's own operators run in it: timeouts, races, schedules and deferred values", () => {
    const program = Effect.gen(function*() {
      const timedOut = yield* Effect.isFailure(Effect.timeout(Effect.sleep("2 hours"), "1 hour"))
      const raced = yield* Effect.race(
        Effect.delay(Effect.succeed("slow"), 20),
        Effect.delay(Effect.succeed("fast"), 10)
      )
      let tries = 0
      yield* Effect.ignore(
        Effect.retry(Effect.suspend(() => Effect.fail(++tries)), { schedule: Schedule.exponential(100), times: 3 })
      )
      const deferred = yield* Deferred.make<string>()
      yield* Effect.forkChild(Effect.delay(Deferred.succeed(deferred, "told"), "1 day"))
      return [timedOut, raced, tries, yield* Deferred.await(deferred), yield* Clock.currentTimeMillis]
    })
    // One hour, the race, 100 + 200 + 400 ms, and a day.
    assert.deepStrictEqual(run(program), Exit.succeed([true, "fast", 4, "told", 3_600_000 + 10 + 700 + 86_400_000]))
  })

  it("a timer that is cleared leaves nothing behind", () => {
    const engine = new Engine()
    const fiber = start(engine, Effect.timeout(Effect.sleep("1 second"), "1 hour"))
    const sleeper = start(engine, Effect.sleep("2 hours"))
    engine.advance(1_000)
    assert.isDefined(fiber.pollUnsafe())
    sleeper.interruptUnsafe()
    engine.drain()
    const { events } = engine
    engine.advance(1e9)
    assert.deepStrictEqual([engine.events, engine.timers.size], [events, 0])
  })

  it("a policy in it does what it does under any clock: delays, a timeout, a breaker and a deadline", () => {
    const program = Effect.gen(function*() {
      const policy = yield* Policy.make({
        deadline: "10 seconds",
        retry: { times: 9, backoff: Backoff.constant({ delay: "1 second" }) },
        attemptTimeout: "2 seconds"
      })
      const begun: Array<number> = []
      const call = Effect.andThen(Effect.map(Clock.currentTimeMillis, (now) => begun.push(now)), Effect.never)
      const error = yield* Effect.flip(policy.protect(call))
      return [error.reason._tag, begun, yield* Clock.currentTimeMillis]
    })
    // Three attempts of two seconds, three pauses of one; the fourth is cut short by the deadline.
    assert.deepStrictEqual(run(program), Exit.succeed(["DeadlineExceeded", [0, 3_000, 6_000, 9_000], 10_000]))
  })

  it("says so if fibers wake each other without end, and the time stands still", () => {
    const engine = new Engine()
    start(engine, Effect.forever(Effect.yieldNow))
    assert.throws(() => engine.advance(1), /no progress: \d+ tasks were run at 0 ms/)
  })

  it("errors have their stacks again when it has run", () => {
    const before = Error.stackTraceLimit
    run(Effect.sleep(1))
    assert.strictEqual(Error.stackTraceLimit, before)
    assert.throws(() =>
      new Engine().advance(1, () => {
        throw new Error("from within")
      })
    )
    assert.strictEqual(Error.stackTraceLimit, before)
  })

  it("a fiber sees the time of its own engine", () => {
    const [one, other] = [new Engine(), new Engine()]
    one.advance(5)
    const fibers = [one, other].map((engine) => start(engine, Clock.currentTimeMillis))
    assert.deepStrictEqual(fibers.map((fiber) => fiber.pollUnsafe()), [Exit.succeed(5), Exit.succeed(0)])
    assert.isTrue(fibers.every(Fiber.isFiber))
  })
})
