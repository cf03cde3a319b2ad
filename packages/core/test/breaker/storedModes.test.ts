/** What a breaker in a store does with its modes, and what it tells the store. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Store from "effect/persistence/CircuitBreaker"
import * as TestClock from "effect/testing/TestClock"
import { failing, tagOf } from "./Reference.ts"

/** A breaker in a store in memory, and what the store was asked. */
const make = Effect.fnUntraced(function*(options: Omit<CircuitBreaker.SharedOptions, "name">) {
  const memory = Context.get(yield* Layer.build(Store.layerStoreMemory()), Store.CircuitBreakerStore)
  const asked: Array<string> = []
  const store: Store.CircuitBreakerStore["Service"] = {
    admit: (key) => Effect.suspend(() => (asked.push("admit"), memory.admit(key))),
    record: (options) => Effect.suspend(() => (asked.push(options.outcome), memory.record(options))),
    state: (key) => memory.state(key)
  }
  const breaker = yield* CircuitBreaker.makeShared({ name: "stock", ...options }).pipe(
    Effect.provideService(Store.CircuitBreakerStore, store)
  )
  return { breaker, asked }
})

const quiet = Effect.provide(Logger.layer([]))

describe("a breaker in a store", () => {
  it.effect("asks nothing while it is disabled", () =>
    Effect.gen(function*() {
      const { asked, breaker } = yield* make({ trip: CircuitBreaker.consecutive(1), mode: "disabled" })
      yield* failing(breaker, 3)
      deepStrictEqual(asked, [])
    }).pipe(quiet))

  it.effect("rejects nothing while it observes, open or isolated", () =>
    Effect.gen(function*() {
      const { breaker } = yield* make({ trip: CircuitBreaker.consecutive(1), mode: "observe" })
      yield* failing(breaker, 1)
      strictEqual(yield* tagOf(breaker), "Open")
      strictEqual(yield* breaker.protect(Effect.succeed("open")), "open")
      yield* breaker.isolate()
      strictEqual(yield* breaker.protect(Effect.succeed("isolated")), "isolated")
    }).pipe(quiet))

  it.effect("is told once of a trip that this process counts, whatever else fails after it", () =>
    Effect.gen(function*() {
      const { asked, breaker } = yield* make({
        trip: CircuitBreaker.rate({ window: "10 seconds", minimumCalls: 2, threshold: 1 })
      })
      const late = Effect.exit(breaker.protect(Effect.delay(Effect.fail("down"), "1 second")))
      yield* Effect.forkChild(Effect.all([late, late, late, late], { concurrency: 4 }), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      strictEqual(yield* tagOf(breaker), "Open")
      deepStrictEqual(asked.filter((what) => what !== "admit"), ["Failure"])
    }).pipe(quiet))
})

describe("a restored breaker", () => {
  it.effect("goes on with the counts of a circuit that was in use", () =>
    Effect.gen(function*() {
      const options = { trip: CircuitBreaker.consecutive(3), idleTimeToLive: "1 hour" } as const
      yield* TestClock.adjust("1 day")
      const before = yield* CircuitBreaker.make(options)
      yield* failing(before, 2)
      const after = yield* CircuitBreaker.make(options)
      yield* after.restore(yield* before.snapshot)
      yield* failing(after, 1)
      strictEqual(yield* tagOf(after), "Open")
    }).pipe(quiet))
})

describe("a retry that waits for a circuit", () => {
  it.effect("looks again by its backoff while all probes are under way", () =>
    Effect.gen(function*() {
      const circuitBreaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), openFor: "1 second" })
      yield* failing(circuitBreaker, 1)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(circuitBreaker.protect(Effect.sleep("2 seconds")), { startImmediately: true })
      const looks: Array<string> = []
      const policy = yield* Policy.make({
        deadline: "1 minute",
        retry: { times: 100, onRetry: ({ delay }) => void looks.push(`${delay}`) },
        circuitBreaker
      })
      const fiber = yield* Effect.forkChild(Effect.exit(policy.protect(Effect.succeed("up"))), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Exit.succeed("up")))
      // A look each millisecond would make two thousand.
      strictEqual(looks.length < 30, true, looks.join())
    }).pipe(quiet))
})
