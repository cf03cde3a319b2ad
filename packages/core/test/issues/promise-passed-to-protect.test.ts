/**
 * A promise, or a function that makes one, was passed to `protect`. It was taken for the options of a call, and the program
 * failed later with words about the inside of a fiber. A key under a wrong name, or that was not text, was ignored: all
 * tenants then shared one state.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Effect from "effect/Effect"

interface Protects {
  /** What JavaScript, or a cast, lets through. */
  readonly protect: (self: never) => unknown
}

const makers: ReadonlyArray<readonly [name: string, make: Effect.Effect<Protects>]> = [
  ["Policy", Policy.make({ retry: { times: 1 } })],
  ["Bulkhead", Bulkhead.make({ limit: 1 })],
  ["RateLimit", RateLimit.make({ limit: 1, window: "1 second" })],
  ["CircuitBreaker", CircuitBreaker.make()],
  ["Hedge", Hedge.make({ after: "1 second" })]
]

const wrong: ReadonlyArray<readonly [value: unknown, message: string]> = [
  [Promise.resolve(1), "protect: needs an Effect or { key }, got a Promise: Effect.tryPromise(() => ...) makes one"],
  [() => Promise.resolve(1), "protect: needs an Effect or { key }, got a function: Effect.tryPromise(() => ...)"],
  ["acme", "protect: needs an Effect or { key }, got \"acme\""],
  [undefined, "protect: needs an Effect or { key }, got undefined"],
  [null, "protect: needs an Effect or { key }, got null"],
  [{ key: 42 }, "protect: key must be a string, got 42"],
  [{ kye: "acme" }, "protect: kye is not an option (`kye`: did you mean `key`?)"]
]

describe("protect", () => {
  it.effect.each(makers)("of %s says what it takes", ([, make]) =>
    Effect.map(make, ({ protect }) => {
      for (const [value, message] of wrong) {
        assert.throws(() => protect(value as never), RangeError, message)
      }
    }))

  it.effect("takes options without a key, and a key that is empty", () =>
    Effect.gen(function*() {
      const { protect } = yield* Policy.make({ bulkhead: { limit: 1 } })
      assert.strictEqual(yield* Effect.succeed(1).pipe(protect({})), 1)
      assert.strictEqual(yield* Effect.succeed(2).pipe(protect({ key: "" })), 2)
    }))
})
