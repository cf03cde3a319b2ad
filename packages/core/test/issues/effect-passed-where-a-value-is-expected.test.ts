/**
 * A part of a policy is made by an effect, and the effect itself was passed for the part: `circuitBreaker:
 * CircuitBreaker.make(...)`, without `yield*`. The message showed the inside of the effect, and not what was forgotten. The
 * same goes for a promise, for a layer, and for the data of a file that nothing has turned into options.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Arguments from "@holdfast/core/Arguments"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"

const refused = (options: object): string => {
  try {
    // What JavaScript, or a cast, lets through.
    Effect.runSync(Policy.make(options as Policy.Options))
    return "accepted"
  } catch (error) {
    return String(error)
  }
}

/** Each option, and options of options, with something in their place. */
const places: ReadonlyArray<readonly [path: string, of: (value: unknown) => object]> = [
  ["deadline", (deadline) => ({ deadline })],
  ["bulkhead", (bulkhead) => ({ bulkhead })],
  ["bulkhead.limit", (limit) => ({ bulkhead: { limit } })],
  ["rateLimit", (rateLimit) => ({ rateLimit })],
  ["retry", (retry) => ({ retry })],
  ["retry.times", (times) => ({ retry: { times } })],
  ["retry.backoff", (backoff) => ({ retry: { backoff } })],
  ["retry.while", (predicate) => ({ retry: { while: predicate } })],
  ["retry.budget", (budget) => ({ retry: { budget } })],
  ["circuitBreaker", (circuitBreaker) => ({ circuitBreaker })],
  ["hedge", (hedge) => ({ hedge })],
  ["hedge.after", (after) => ({ hedge: { after } })],
  ["attemptTimeout", (attemptTimeout) => ({ attemptTimeout })]
]

const forgotten: ReadonlyArray<readonly [value: unknown, remedy: string]> = [
  [CircuitBreaker.make(), "got an Effect: yield* it first"],
  [RetryBudget.make(), "got an Effect: yield* it first"],
  [Promise.resolve({ times: 3 }), "got a Promise: await it first"],
  [Layer.empty, "got a Layer"]
]

describe("an effect, a promise or a layer in place of its value", () => {
  it.each(places)("%s says what was forgotten", (path, of) => {
    for (const [value, remedy] of forgotten) {
      const message = refused(of(value))
      assert.include(message, `Policy.make: ${path} must be `)
      assert.include(message, remedy)
    }
  })

  it("names an object that is not options, in place of a part or of a part of it", () => {
    const others: ReadonlyArray<readonly [value: object, name: string]> = [
      [Schedule.recurs(3), "Schedule"],
      [Backoff.exponential(), "Backoff"],
      [Effect.runSync(RetryBudget.make()), "RetryBudget"],
      [Duration.seconds(3), "Duration"],
      [Redacted.make("hunter2"), "Redacted"],
      [new Date(), "Date"],
      [new URL("http://localhost"), "URL"],
      [new Error("hunter2"), "Error"],
      [/x/u, "RegExp"],
      [new WeakMap(), "WeakMap"]
    ]
    for (const [value, name] of others) {
      for (const part of ["bulkhead", "rateLimit", "retry", "circuitBreaker", "hedge"]) {
        const message = refused({ [part]: value })
        assert.match(message, new RegExp(`Policy\\.make: ${part} must be an object, got a value of ${name}\\b`, "u"))
        assert.notInclude(message, "hunter2")
      }
    }
    class Mine {
      readonly times = 3
    }
    assert.strictEqual(refused({ retry: new Mine() }), "accepted")
    assert.strictEqual(refused({ retry: Object.assign(Object.create(null), { times: 3 }) }), "accepted")
  })

  it("names what turns the data of a file into a backoff", () => {
    assert.include(refused({ retry: { backoff: { type: "constant", delay: 1 } } }), "PolicyData.toOptions")
  })

  it("shows a value for what it is", () => {
    assert.strictEqual(Arguments.show(Effect.void), "an Effect: yield* it first")
    assert.strictEqual(Arguments.show({ an: "object" }), `{"an":"object"}`)
  })
})
