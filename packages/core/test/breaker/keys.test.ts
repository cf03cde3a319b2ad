/** Circuits by key. */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { between, consecutive, down, failing, Reference, rulesOf, tagOf } from "./Reference.ts"

describe("keys", () => {
  const Uses = Schema.Array(Schema.Struct({
    key: between(0, 9),
    what: Schema.Literals(["success", "failure", "failure", "failure", "failure", "failure", "isolate", "close"]),
    wait: Schema.Literals([0, 0, 0, 1, 400, 5_000])
  })).check(Schema.isMinLength(20), Schema.isMaxLength(60))

  const rules = rulesOf({ trip: "three", openFor: "fixed", probes: 1, maxRetryAfter: 0, idleTimeToLive: 20_000 })

  law(
    "a breaker that goes on from another is where that is, by key, and no longer open than its own options say",
    { openFor: Schema.Literals([100, 200, 500, 2_000]), uses: Uses },
    ({ openFor, uses }, reach) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ ...rules, maxKeys: 10 })
        for (const { key, wait, what } of uses) {
          yield* TestClock.adjust(wait)
          if (what === "isolate" || what === "close") yield* breaker[what]({ key: `${key}` })
          else yield* Effect.exit(breaker.protect({ key: `${key}` })(what === "success" ? Effect.void : down))
        }
        const next = yield* CircuitBreaker.makeFrom(breaker, { ...rules, maxKeys: 10, openFor })
        for (let key = 0; key < 10; key++) {
          const before = yield* breaker.state({ key: `${key}` })
          const after = yield* next.state({ key: `${key}` })
          strictEqual(after._tag, before._tag)
          if (before._tag !== "Open" || after._tag !== "Open") continue
          reach(Duration.isLessThan(after.retryAfter, before.retryAfter) ? "a shorter open time" : "an open circuit")
          deepStrictEqual(after.retryAfter, Duration.min(before.retryAfter, Duration.millis(openFor)))
        }
      }),
    { reaches: ["a shorter open time", "an open circuit"] }
  )

  law("each key has a circuit of its own", { uses: Uses }, ({ uses }, reach) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ ...rules, maxKeys: 10 })
      const references = Array.from({ length: 10 }, () => new Reference(rules, () => {}))
      for (const { key, wait, what } of uses) {
        yield* TestClock.adjust(wait)
        const now = yield* Clock.currentTimeMillis
        const reference = references[key] as Reference
        if (what === "isolate" || what === "close") {
          reference[what]()
          yield* breaker[what]({ key: `${key}` })
        } else {
          const call = {}
          reference.admit(call, now)
          reference.settle(call, now, what, 0, 0, 0.5)
          yield* Effect.exit(breaker.protect({ key: `${key}` })(what === "success" ? Effect.void : down))
        }
        deepStrictEqual(yield* breaker.state({ key: `${key}` }), reference.seen(now))
      }
      const now = yield* Clock.currentTimeMillis
      if (new Set(references.map((reference) => reference.seen(now)._tag)).size > 1) {
        reach("circuits in different states")
      }
    }), { reaches: ["circuits in different states"] })

  law(
    "no more circuits are kept than allowed, but for those isolated",
    { uses: Uses, max: between(1, 6) },
    (input, reach) =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), maxKeys: input.max })
        const isolated = new Set<number>()
        const used = new Set<number>()
        for (const { key, what } of input.uses) {
          if (what === "isolate") isolated.add(key)
          if (what === "close") isolated.delete(key)
          yield* what === "isolate" || what === "close"
            ? breaker[what]({ key: `${key}` })
            : failing(breaker, 1, `${key}`)
          if (what === "failure" && !isolated.has(key)) strictEqual(yield* tagOf(breaker, `${key}`), "Open")
          const tags = yield* Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (key) => tagOf(breaker, `${key}`))
          assertTrue(tags.filter((tag) => tag === "Open").length <= input.max)
          strictEqual(tags.filter((tag) => tag === "Isolated").length, isolated.size)
          used.add(key)
        }
        if (used.size > input.max) reach("more keys than allowed")
        if (isolated.size > 0) reach("an isolated circuit")
      }),
    { reaches: ["more keys than allowed", "an isolated circuit"] }
  )

  it.effect("gives up the closed circuit that was used least recently, before one that is open", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(2), maxKeys: 3 })
      yield* failing(breaker, 2, "open")
      yield* failing(breaker, 1, "newer")
      yield* failing(breaker, 1, "older")
      yield* TestClock.adjust(1)
      yield* Effect.exit(breaker.protect({ key: "newer" })(Effect.interrupt))
      yield* failing(breaker, 1, "another")
      strictEqual(yield* tagOf(breaker, "open"), "Open")
      // One more failure opens the circuit that was kept, and not the one that starts again.
      yield* failing(breaker, 1, "newer")
      strictEqual(yield* tagOf(breaker, "newer"), "Open")
      yield* failing(breaker, 1, "older")
      strictEqual(yield* tagOf(breaker, "older"), "Closed")
    }))

  it.effect("evicts a circuit that has been idle for long", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: consecutive(1),
        idleTimeToLive: "1 minute",
        openFor: "30 seconds"
      })
      yield* failing(breaker, 1, "a")
      yield* TestClock.adjust("89 seconds")
      strictEqual(yield* tagOf(breaker, "a"), "Open")
      yield* TestClock.adjust("1 second")
      strictEqual(yield* tagOf(breaker, "a"), "Closed")
    }))

  it.effect("gives up what is idle when a new key comes", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), idleTimeToLive: "1 minute" })
      const closed: Array<string | undefined> = []
      yield* breaker.changes.pipe(
        Stream.runForEach(({ key, to }) => Effect.sync(() => to === "Closed" && closed.push(key))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* failing(breaker, 1, "a")
      yield* failing(breaker, 1, "b")
      yield* TestClock.adjust("89 seconds")
      yield* failing(breaker, 1, "c")
      yield* TestClock.adjust("1 second")
      deepStrictEqual(closed, [])
      yield* breaker.protect({ key: "d" })(Effect.void)
      yield* TestClock.adjust(1)
      deepStrictEqual(closed, ["a", "b"])
    }))
})
