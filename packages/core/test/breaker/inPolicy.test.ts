/** What a breaker, the metrics and a subscription promise, tested where a user meets it. */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"

it.effect("a call that an inner policy rejected tells the circuit nothing", () =>
  Effect.gen(function*() {
    const circuitBreaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
    const outer = yield* Policy.make({ circuitBreaker })
    const inner = yield* Policy.make({ bulkhead: { limit: 1 } })
    const both = Policy.wrap(outer, inner)
    const running = yield* Effect.forkChild(inner.protect(Effect.never), { startImmediately: true })
    strictEqual((yield* Effect.flip(both.protect(Effect.void))).reason._tag, "BulkheadFull")
    strictEqual((yield* circuitBreaker.state())._tag, "Closed")
    yield* Fiber.interrupt(running)
    yield* Effect.exit(both.protect(Effect.fail("down")))
    strictEqual((yield* circuitBreaker.state())._tag, "Open")
  }))

it.effect("a subscriber to changes that has ended is held no longer", () =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make()
    const fiber = yield* Effect.forkChild(Stream.runDrain(breaker.changes), { startImmediately: true })
    yield* Effect.yieldNow
    strictEqual(breaker.breaker?.subscribers.size, 1)
    yield* Fiber.interrupt(fiber)
    strictEqual(breaker.breaker?.subscribers.size, 0)
  }))

it.effect("the time of attempts is measured in seconds, and says so", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ name: "stock", attemptTimeout: "1 minute" })
    const fiber = yield* Effect.forkChild(policy.protect(Effect.sleep("3 seconds")), { startImmediately: true })
    yield* TestClock.adjust("3 seconds")
    yield* Fiber.join(fiber)
    const series = yield* Metric.snapshot
    const seen = series.flatMap(({ attributes, id, state }) =>
      "sum" in state ? [[id, state.sum, attributes?.["unit"]]] : []
    )
    deepStrictEqual(seen, [["holdfast.policy.attempt.duration", 3, "s"]])
  }).pipe(Effect.provide(PolicyEvent.layerMetrics), Effect.provideService(Metric.MetricRegistry, new Map())))

it.effect("a subscriber that does not read keeps the last 256 events", () =>
  Effect.scoped(Effect.gen(function*() {
    const { events, observer } = yield* PolicyEvent.subscribe()
    const policy = yield* Policy.make({ attemptTimeout: "1 second" })
    for (let call = 0; call < 150; call++) {
      yield* policy.protect({ key: `${call}` })(Effect.void).pipe(PolicyEvent.observe(observer))
    }
    const first = yield* Stream.runHead(events)
    // 150 calls are 300 events, of which the first 44 are of 22 calls.
    strictEqual(first._tag === "Some" ? first.value.key : undefined, "22")
  })))
