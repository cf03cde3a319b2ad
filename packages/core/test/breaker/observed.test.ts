/** What can be read of a breaker, kept over a restart, and tried without rejecting anything. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { CircuitBreaker as Store } from "effect/persistence"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

const down = Effect.fail("down")
const tagOf = <E>(breaker: CircuitBreaker.CircuitBreaker<E>) => Effect.map(breaker.state(), ({ _tag }) => _tag)
const fails = (breaker: CircuitBreaker.CircuitBreaker<string>, times: number) =>
  Effect.replicateEffect(Effect.exit(breaker.protect(down)), times, { discard: true })

describe("ignore", () => {
  it.effect("counts an error as neither success nor failure, before isFailure is asked", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const breaker = yield* CircuitBreaker.make<string>({
        trip: CircuitBreaker.consecutive(2),
        ignore: (error) => error === "mistake",
        isFailure: (error) => asked.push(error) > 0
      })
      for (const error of ["down", "mistake", "down"]) yield* Effect.ignore(breaker.protect(Effect.fail(error)))
      strictEqual(yield* tagOf(breaker), "Open")
      deepStrictEqual(asked, ["down", "down"])
    }))

  it.effect("frees the slot of a probe and decides nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make<string>({
        trip: CircuitBreaker.consecutive(1),
        openFor: "1 second",
        ignore: (error) => error === "mistake"
      })
      yield* fails(breaker, 1)
      yield* TestClock.adjust("1 second")
      yield* Effect.ignore(breaker.protect(Effect.fail("mistake")))
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* breaker.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
    }))
})

describe("stats", () => {
  it.effect("says what a circuit decides by, and ages with the window", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: CircuitBreaker.rate({ window: "10 seconds", minimumCalls: 100, slow: { longerThan: "1 second" } })
      })
      yield* fails(breaker, 3)
      yield* breaker.protect(Effect.void)
      const seen = yield* breaker.stats()
      deepStrictEqual(seen, {
        state: "Closed",
        calls: 4,
        failures: 3,
        slow: 0,
        failureRate: 0.75,
        slowRate: 0,
        rejections: 0
      })
      yield* TestClock.adjust("11 seconds")
      strictEqual((yield* breaker.stats()).calls, 0)
      strictEqual((yield* breaker.stats()).failureRate, undefined)
    }))

  it.effect("counts rejections, by key, in a policy as alone", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
      const policy = yield* Policy.make({ circuitBreaker: breaker })
      for (let i = 0; i < 3; i++) yield* Effect.exit(policy.protect({ key: "eu" })(down))
      for (let i = 0; i < 2; i++) yield* Effect.exit(breaker.protect({ key: "eu" })(down))
      strictEqual((yield* breaker.stats({ key: "eu" })).rejections, 4)
      strictEqual((yield* breaker.stats()).rejections, 0)
    }))

  it.effect("comes as a stream", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(3) })
      const fiber = yield* breaker.watch({ every: "1s" }).pipe(
        Stream.map(({ failures, state }) => `${state} ${failures}`),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* fails(breaker, 2)
      yield* TestClock.adjust("1 second")
      yield* fails(breaker, 1)
      yield* TestClock.adjust("1 second")
      deepStrictEqual(yield* Fiber.join(fiber), ["Closed 0", "Closed 2", "Open 0"].slice(0, 3))
    }))
})

describe("snapshot", () => {
  it.effect("is JSON, and a breaker that restores it goes on as the first would have", () =>
    Effect.gen(function*() {
      for (
        const trip of [
          CircuitBreaker.consecutive(3),
          CircuitBreaker.rate({ size: 5 }),
          CircuitBreaker.rate({ minimumCalls: 5 })
        ]
      ) {
        const one = yield* CircuitBreaker.make({ trip, openFor: "1 minute" })
        yield* fails(one, 2)
        yield* Effect.replicateEffect(Effect.exit(one.protect({ key: "open" })(down)), 9)
        yield* one.isolate({ key: "isolated" })
        const text = JSON.stringify(yield* one.snapshot)
        yield* TestClock.adjust("20 seconds")
        const two = yield* CircuitBreaker.make({ trip, openFor: "1 minute" })
        yield* two.restore(JSON.parse(text))
        for (const key of [undefined, "open", "isolated", "other"]) {
          deepStrictEqual(yield* two.state({ key }), yield* one.state({ key }))
          deepStrictEqual(
            { ...(yield* two.stats({ key })), rejections: 0 },
            { ...(yield* one.stats({ key })), rejections: 0 }
          )
        }
      }
    }))

  it.effect("refuses data that is not a snapshot, with all faults", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make()
      const { at, circuits } = yield* breaker.snapshot
      const wrong = JSON.parse(JSON.stringify({ at, circuits: [{ ...circuits[0], state: "Ajar", openings: -1 }] }))
      const exit = yield* Effect.exit(breaker.restore(wrong))
      deepStrictEqual(
        exit,
        Exit.die(
          new RangeError(
            "CircuitBreaker.restore: 2 options are invalid: " +
              "circuits.0.state must be one of \"Closed\", \"Open\", \"HalfOpen\" or \"Isolated\", got \"Ajar\"; " +
              "circuits.0.openings must be a whole number of 0 or more, got -1"
          )
        )
      )
    }))
})

describe("mode", () => {
  it.effect("observe decides and counts, and rejects nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: CircuitBreaker.consecutive(2),
        openFor: "1 second",
        mode: "observe"
      })
      yield* fails(breaker, 2)
      strictEqual(yield* tagOf(breaker), "Open")
      const policy = yield* Policy.make({ circuitBreaker: breaker })
      strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
      strictEqual(yield* policy.protect(Effect.succeed(2)), 2)
      strictEqual((yield* breaker.stats()).rejections, 2)
      // What ran in an open circuit has not changed it; the probe does.
      strictEqual(yield* tagOf(breaker), "Open")
      yield* TestClock.adjust("1 second")
      yield* policy.protect(Effect.void)
      strictEqual(yield* tagOf(breaker), "Closed")
      yield* breaker.isolate()
      strictEqual(yield* policy.protect(Effect.succeed(3)), 3)
    }))

  it.effect("disabled does nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), mode: "disabled" })
      yield* fails(breaker, 5)
      strictEqual(yield* tagOf(breaker), "Closed")
      strictEqual((yield* breaker.stats()).calls, 0)
      yield* breaker.isolate()
      strictEqual(yield* breaker.protect(Effect.succeed(1)), 1)
    }))
})

it.effect("logs one line a transition: a warning when calls are rejected from now on", () =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${message}`))
    yield* Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        name: "stock",
        trip: CircuitBreaker.consecutive(1),
        openFor: "30 seconds"
      })
      yield* Effect.ignore(breaker.protect({ key: "eu" })(down))
      yield* TestClock.adjust("30 seconds")
      yield* breaker.protect({ key: "eu" })(Effect.void)
    }).pipe(Effect.provide(Logger.layer([logger])))
    deepStrictEqual(lines, [
      "Warn stock: the circuit for eu is open for 30s",
      "Info stock: the circuit for eu is half-open: probes decide whether it closes",
      "Info stock: the circuit for eu is closed"
    ])
  }))

it.effect("a policy reports the transitions of a breaker in a store as of one of its own", () =>
  Effect.gen(function*() {
    const options = { trip: CircuitBreaker.consecutive(2), openFor: "100 millis" } as const
    const told = (breaker: CircuitBreaker.CircuitBreaker) =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const policy = yield* Policy.make({ circuitBreaker: breaker })
        yield* Effect.gen(function*() {
          for (let i = 0; i < 3; i++) yield* Effect.exit(policy.protect(down))
          yield* TestClock.adjust("100 millis")
          yield* policy.protect(Effect.void)
        }).pipe(PolicyEvent.observe((event) => {
          if (event._tag === "CircuitChanged") seen.push(`${event.attempt} ${event.from} ${event.to}`)
        }))
        return seen
      })
    const own = yield* told(yield* CircuitBreaker.make(options))
    const stored = yield* Effect.flatMap(CircuitBreaker.makeShared({ name: "stock", ...options }), told).pipe(
      Effect.provide(Store.layerStoreMemory())
    )
    deepStrictEqual(own, ["1 Closed Open", "1 HalfOpen Closed"])
    deepStrictEqual(stored, own)
  }))
