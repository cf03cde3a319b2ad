/** What a breaker shows of itself, and its arguments. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scheduler from "effect/Scheduler"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { consecutive, failing, rate, transition } from "./Reference.ts"

describe("what is seen", () => {
  it.effect("every transition is a change, with its key and time", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "1 second" })
      const changes = yield* breaker.changes.pipe(
        Stream.take(6),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("1 second")
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("1 second")
      yield* breaker.protect({ key: "a" })(Effect.void)
      yield* breaker.isolate()
      deepStrictEqual(yield* Fiber.join(changes), [
        transition("a", "Closed", "Open", 0),
        transition("a", "Open", "HalfOpen", 1_000),
        transition("a", "HalfOpen", "Open", 1_000),
        transition("a", "Open", "HalfOpen", 2_000),
        transition("a", "HalfOpen", "Closed", 2_000),
        transition(undefined, "Closed", "Isolated", 2_000)
      ])
    }))

  it.effect("a subscriber does not run within a call, and misses the oldest changes if it falls behind", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make()
      const seen: Array<string | undefined> = []
      const subscriber = yield* breaker.changes.pipe(
        Stream.runForEach((change) => Effect.sync(() => seen.push(change.key))),
        Effect.forkChild({ startImmediately: true })
      )
      const keys = Array.from({ length: 200 }, (_, index) => `${index}`)
      yield* Effect.forEach(keys, (key) => breaker.isolate({ key }), { discard: true }).pipe(
        Effect.provideService(Scheduler.MaxOpsBeforeYield, Infinity)
      )
      deepStrictEqual(seen, [])
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(subscriber)
      deepStrictEqual(seen, keys.slice(-128))
    }))

  it.effect("counts transitions and rejections, in the registry of the context", () =>
    Effect.gen(function*() {
      const registry = yield* Metric.MetricRegistry
      const breaker = yield* CircuitBreaker.make({ name: "stock", trip: consecutive(1) })
      yield* breaker.protect(Effect.void)
      strictEqual(registry.size, 0)
      yield* failing(breaker, 3)
      const counts = (yield* Metric.snapshot).map(({ attributes, id, state }) => [id, attributes, state])
      deepStrictEqual(counts, [
        [
          "holdfast.circuit_breaker.transitions",
          { "holdfast.policy": "stock", unit: "{transition}", from: "Closed", to: "Open" },
          { count: 1, incremental: true }
        ],
        ["holdfast.circuit_breaker.rejections", { "holdfast.policy": "stock", unit: "{call}" }, {
          count: 2,
          incremental: true
        }]
      ])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})

describe("arguments", () => {
  const made = (options: CircuitBreaker.Options) => () => Effect.runSync(CircuitBreaker.make(options))
  const cases: ReadonlyArray<[evaluate: () => unknown, message: string]> = [
    [() => consecutive(0), "CircuitBreaker.consecutive: failures must be a whole number of 1 or more, got 0"],
    [() => rate({ threshold: 0 }), "CircuitBreaker.rate: threshold must be above 0 and at most 1, got 0"],
    [() => rate({ threshold: 50 }), "CircuitBreaker.rate: threshold must be above 0 and at most 1, got 50"],
    [() => rate({ size: 0 }), "CircuitBreaker.rate: size must be a whole number of 1 or more, got 0"],
    [() => rate({ size: 2.5 }), "CircuitBreaker.rate: size must be a whole number of 1 or more, got 2.5"],
    [() => rate({ size: 5, window: 1 }), "CircuitBreaker.rate: size must not be given beside a window, got 5"],
    [
      () => rate({ size: 5, minimumCalls: 6 }),
      "CircuitBreaker.rate: minimumCalls must not be above the size (5), got 6"
    ],
    [() => rate({ window: 0 }), "CircuitBreaker.rate: window must be longer than zero, got 0"],
    [
      () => rate({ slow: { longerThan: "1 second", threshold: 2 } }),
      "CircuitBreaker.rate: slow.threshold must be above 0 and at most 1, got 2"
    ],
    [made({ openFor: 0 }), "CircuitBreaker.make: openFor must be longer than zero, got 0"],
    [made({ probes: 0 }), "CircuitBreaker.make: probes must be a whole number of 1 or more, got 0"],
    [made({ maxKeys: 0 }), "CircuitBreaker.make: maxKeys must be a whole number of 1 or more, got 0"],
    [
      made({ maxRetryAfter: -1 }),
      "CircuitBreaker.make: maxRetryAfter must be a finite duration of zero or more, got -1"
    ],
    [
      made({ trip: rate({ window: "1 minute" }), idleTimeToLive: "30 seconds" }),
      "CircuitBreaker.make: idleTimeToLive must be at least the window (60000 millis), got 30000 millis"
    ]
  ]
  for (const [evaluate, message] of cases) {
    it(message, () => throws(evaluate, new RangeError(message)))
  }
})
