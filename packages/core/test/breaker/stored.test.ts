/** Breakers whose circuits are in a store. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Store from "effect/persistence/CircuitBreaker"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { consecutive, Down, down, failing, rate, tagOf, transition } from "./Reference.ts"

describe("shared", () => {
  class Lost extends Context.Service<Lost, { how: "answers" | "dawdles" | "fails" | "hangs" }>()("test/Lost") {}

  /** The store in memory, which counts what it is asked and can be lost. */
  const layerLossy = Layer.effect(
    Store.CircuitBreakerStore,
    Effect.gen(function*() {
      const store = yield* Store.CircuitBreakerStore
      const lost = yield* Lost
      const through = <A, R>(self: Effect.Effect<A, Store.CircuitBreakerError, R>) =>
        Effect.suspend(() => {
          if (lost.how === "answers") return self
          if (lost.how === "dawdles") return Effect.delay(self, "100 millis")
          if (lost.how === "hangs") return Effect.never
          const reason = new Store.CircuitBreakerStoreError({ message: "connection refused" })
          return Effect.fail(new Store.CircuitBreakerError({ reason }))
        })
      return {
        admit: (key) => through(store.admit(key)),
        record: (options) => through(store.record(options)),
        state: (key) => through(store.state(key))
      }
    })
  ).pipe(
    Layer.provide(Store.layerStoreMemory()),
    Layer.provideMerge(Layer.sync(Lost, () => ({ how: "answers" as const })))
  )

  const lines: Array<string> = []
  const layerLog = Logger.layer([Logger.make(({ message }) => lines.push(String(message)))])

  const shared = (name: string, body: Effect.Effect<void, unknown, Store.CircuitBreakerStore | Lost>) =>
    it.effect(name, () =>
      Effect.andThen(Effect.sync(() => lines.splice(0)), body).pipe(
        Effect.provide(Layer.merge(layerLossy, layerLog))
      ))

  const pair = (options: Omit<CircuitBreaker.SharedOptions, "name">) =>
    Effect.all([
      CircuitBreaker.makeShared({ name: "stock", ...options }),
      CircuitBreaker.makeShared({ name: "stock", ...options })
    ])

  for (const [name, trip] of Object.entries({ consecutive: consecutive(4), "rate by size": rate({ size: 4 }) })) {
    shared(
      `${name} counts the calls of all processes`,
      Effect.gen(function*() {
        const [one, other] = yield* pair({ trip, openFor: "1 second" })
        yield* failing(one, 2, "a")
        yield* failing(other, 1, "a")
        strictEqual(yield* tagOf(one, "a"), "Closed")
        yield* failing(other, 1, "a")
        for (const breaker of [one, other]) {
          deepStrictEqual(yield* breaker.state({ key: "a" }), { _tag: "Open", retryAfter: Duration.seconds(1) })
          const error = yield* Effect.flip(breaker.protect({ key: "a" })(Effect.void))
          deepStrictEqual(error.reason.retryAfter, Duration.seconds(1))
          strictEqual(yield* breaker.protect({ key: "b" })(Effect.succeed(1)), 1)
        }
        yield* TestClock.adjust("1 second")
        strictEqual(yield* one.protect({ key: "a" })(Effect.succeed(1)), 1)
        strictEqual(yield* other.protect({ key: "a" })(Effect.succeed(1)), 1)
      })
    )
  }

  const locally: ReadonlyArray<[name: string, trip: CircuitBreaker.Trip, call: Effect.Effect<void, Down>]> = [
    ["rate by window", rate({ window: "10 seconds", minimumCalls: 2 }), down],
    ["slow calls", rate({ size: 2, slow: { longerThan: "1 second" } }), Effect.sleep("2 seconds")]
  ]
  for (const [name, trip, call] of locally) {
    shared(
      `${name} counts the calls of one process, and opens the circuit for all`,
      Effect.gen(function*() {
        const [one, other] = yield* pair({ trip, openFor: "1 minute" })
        const run = (breaker: CircuitBreaker.CircuitBreaker) =>
          Effect.andThen(
            Effect.forkChild(Effect.exit(breaker.protect(call)), { startImmediately: true }),
            TestClock.adjust("2 seconds")
          )
        yield* run(one)
        yield* run(other)
        strictEqual(yield* tagOf(one), "Closed")
        yield* run(one)
        strictEqual(yield* tagOf(one), "Open")
        strictEqual(yield* tagOf(other), "Open")
        assertTrue(Exit.isFailure(yield* Effect.exit(other.protect(Effect.void))))
      })
    )
  }

  shared(
    "one probe runs in all processes together, and its interruption frees the slot",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      yield* failing(one, 1)
      yield* TestClock.adjust("1 second")
      const probe = yield* Effect.forkChild(one.protect(Effect.never), { startImmediately: true })
      deepStrictEqual(yield* other.state(), { _tag: "HalfOpen", probing: 1 })
      const error = yield* Effect.flip(other.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.zero)
      yield* Fiber.interrupt(probe)
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
      strictEqual(yield* tagOf(one), "Closed")
    })
  )

  shared(
    "a slow probe opens the circuit again",
    Effect.gen(function*() {
      const trip = rate({ size: 2, slow: { longerThan: "1 second" } })
      const breaker = yield* CircuitBreaker.makeShared({ name: "stock", trip, openFor: "1 second" })
      yield* failing(breaker, 2)
      yield* TestClock.adjust("1 second")
      yield* Effect.forkChild(breaker.protect(Effect.sleep("2 seconds")), { startImmediately: true })
      strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust("2 seconds")
      strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  shared(
    "the open time grows with each opening in a row, and by the hint of the failure",
    Effect.gen(function*() {
      const openFor = Backoff.exponential({ initial: "1 second", max: "1 hour", jitter: Jitter.none })
      const [one, other] = yield* pair({ trip: consecutive(1), openFor })
      const opened = [[one, 1], [other, 2], [one, 4]] as const
      for (const [breaker, seconds] of opened) {
        yield* failing(breaker, 1)
        deepStrictEqual(yield* breaker.state(), { _tag: "Open", retryAfter: Duration.seconds(seconds) })
        yield* TestClock.adjust(Duration.seconds(seconds))
      }
      yield* Effect.exit(one.protect(Effect.fail(new Down({ retryAfter: Duration.minutes(4) }))))
      deepStrictEqual(yield* other.state(), { _tag: "Open", retryAfter: Duration.minutes(4) })
    })
  )

  shared(
    "isolate and close are of one process alone",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      const changes: Array<string> = []
      yield* one.changes.pipe(
        Stream.runForEach(({ from, to }) => Effect.sync(() => changes.push(`${from} to ${to}`))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* one.isolate()
      strictEqual(yield* tagOf(one), "Isolated")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
      yield* one.close()
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      yield* failing(one, 1)
      yield* one.close()
      strictEqual(yield* tagOf(one), "Open")
      // A call that is rejected by hand does not ask the store, and so is not its probe.
      yield* one.isolate()
      yield* TestClock.adjust("1 second")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* tagOf(other), "Open")
      deepStrictEqual(changes, [
        "Closed to Isolated",
        "Isolated to Closed",
        "Closed to Open",
        "Closed to Isolated"
      ])
    })
  )

  shared(
    "a call that is isolated while the store is asked does not run, and frees its slot",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 second" })
      yield* failing(other, 1)
      yield* TestClock.adjust("1 second")
      lost.how = "dawdles"
      const late = yield* Effect.forkChild(Effect.flip(one.protect(Effect.void)), { startImmediately: true })
      yield* one.isolate()
      yield* TestClock.adjust("200 millis")
      deepStrictEqual((yield* Fiber.join(late)).reason.retryAfter, Duration.infinity)
      lost.how = "answers"
      strictEqual(yield* other.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "local state that saw more failures than the store follows the store",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(one, 1)
      yield* other.protect(Effect.void)
      yield* failing(one, 1)
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      lost.how = "fails"
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "local state knows a circuit that a probe of this process has opened again",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(other, 2)
      yield* TestClock.adjust("1 minute")
      yield* failing(one, 1)
      lost.how = "fails"
      deepStrictEqual(yield* one.state(), { _tag: "Open", retryAfter: Duration.minutes(1) })
    })
  )

  shared(
    "changes are those that this process made in the store",
    Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 second" })
      const changesOf = (breaker: CircuitBreaker.CircuitBreaker, count: number) =>
        breaker.changes.pipe(Stream.take(count), Stream.runCollect, Effect.forkChild({ startImmediately: true }))
      const [ones, others] = [yield* changesOf(one, 1), yield* changesOf(other, 2)]
      yield* failing(other, 1)
      yield* failing(one, 1)
      yield* TestClock.adjust("1 second")
      yield* other.protect(Effect.void)
      deepStrictEqual(yield* Fiber.join(ones), [transition(undefined, "Closed", "Open", 0)])
      deepStrictEqual(yield* Fiber.join(others), [
        transition(undefined, "Open", "HalfOpen", 1_000),
        transition(undefined, "HalfOpen", "Closed", 1_000)
      ])
    })
  )

  shared(
    "calls go on with local state when the store fails, and with the store's when it is back",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(2), openFor: "1 minute" })
      yield* failing(other, 1)
      lost.how = "fails"
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      yield* failing(one, 2)
      strictEqual(yield* tagOf(one), "Open")
      assertTrue(Exit.isFailure(yield* Effect.exit(one.protect(Effect.void))))
      strictEqual(yield* tagOf(other), "Closed")
      deepStrictEqual(lines.filter((line) => line.includes("store")), [
        "stock: the circuit breaker's store failed; calls go on with this process's own state",
        "stock: the circuit breaker's store failed; calls go on with this process's own state"
      ])
      lost.how = "answers"
      yield* TestClock.adjust("5 seconds")
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
      strictEqual(yield* tagOf(one), "Closed")
    })
  )

  shared(
    "local state knows a circuit that was open in the store when it failed",
    Effect.gen(function*() {
      const lost = yield* Lost
      const [one, other] = yield* pair({ trip: consecutive(1), openFor: "1 minute" })
      yield* failing(other, 1)
      yield* Effect.exit(one.protect(Effect.void))
      lost.how = "fails"
      yield* TestClock.adjust("20 seconds")
      const error = yield* Effect.flip(one.protect(Effect.void))
      deepStrictEqual(error.reason.retryAfter, Duration.seconds(40))
      yield* TestClock.adjust("40 seconds")
      strictEqual(yield* one.protect(Effect.succeed(1)), 1)
    })
  )

  shared(
    "a store that does not answer delays one call in five seconds, and no longer than the timeout",
    Effect.gen(function*() {
      const lost = yield* Lost
      const breaker = yield* CircuitBreaker.makeShared({ name: "stock", storeTimeout: "200 millis" })
      lost.how = "hangs"
      const call = breaker.protect(Effect.succeed(1))
      const first = yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestClock.adjust("199 millis")
      strictEqual(first.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      strictEqual(yield* Fiber.join(first), 1)
      strictEqual(yield* call, 1)
      yield* TestClock.adjust("5 seconds")
      const later = yield* Effect.forkChild(call, { startImmediately: true })
      strictEqual(later.pollUnsafe(), undefined)
      yield* TestClock.adjust("200 millis")
      strictEqual(yield* Fiber.join(later), 1)
      deepStrictEqual(lines, [
        "stock: the circuit breaker's store did not answer in 200ms; calls go on with this process's own state"
      ])
    })
  )
})
