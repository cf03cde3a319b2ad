/**
 * Predicates whose answers bypass their types: a field that is not there, read through `any`, or an `async` function. Each
 * counts as in `if`, and a promise, which is truthy whatever it resolves to, is a defect of the call that says so.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { show } from "./Script.ts"

/** An answer of a program in JavaScript, and whether `if` takes it for yes. */
const answers: ReadonlyArray<readonly [unknown, boolean]> = [
  [true, true],
  [1, true],
  ["timeout", true],
  [{}, true],
  [[], true],
  [false, false],
  [undefined, false],
  [null, false],
  [0, false],
  [Number.NaN, false],
  ["", false]
]
const promises = [() => Promise.resolve(false), () => Promise.resolve(true), () => Promise.reject(new Error("late"))]

const saying = (answer: unknown) => () => answer as boolean
const backoff = Backoff.constant({ delay: 0 })

/** Asks each predicate about one failure: what was answered, as the policy took it, or the end of the call if it died. */
const predicates: Record<string, (answer: () => boolean) => Effect.Effect<boolean | Exit.Exit<unknown, unknown>>> = {
  while: (answer) =>
    Effect.gen(function*() {
      let attempts = 0
      const attempt = Effect.suspend(() => Effect.fail(++attempts))
      const exit = yield* Effect.exit(Retry.retry(attempt, { times: 1, backoff, logLevel: "None", while: answer }))
      return Exit.hasDies(exit) ? exit : attempts === 2
    }),
  "while, by an effect": (answer) =>
    Effect.gen(function*() {
      let attempts = 0
      const attempt = Effect.suspend(() => Effect.fail(++attempts))
      const options = { times: 1, backoff, logLevel: "None", while: () => Effect.sync(answer) } as const
      const exit = yield* Effect.exit(Retry.retry(attempt, options))
      return Exit.hasDies(exit) ? exit : attempts === 2
    }),
  "Retry.decide": (answer) =>
    Effect.map(
      Effect.exit(Effect.sync(() =>
        Retry.make({ while: answer })
          .decide({ error: "down", attempt: 1, elapsed: 0, remaining: Infinity, delay: 0, random: 0 })._tag === "Retry"
      )),
      (exit) => Exit.isSuccess(exit) ? exit.value : exit
    ),
  whileResult: (answer) =>
    Effect.gen(function*() {
      let attempts = 0
      const attempt = Effect.sync(() => ++attempts)
      const exit = yield* Effect.exit(
        Retry.retry(attempt, { times: 1, backoff, logLevel: "None", whileResult: answer })
      )
      return Exit.hasDies(exit) ? exit : attempts === 2
    }),
  isFailure: (isFailure) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), isFailure })
      const exit = yield* Effect.exit(breaker.protect(Effect.fail("down")))
      return Exit.hasDies(exit) ? exit : (yield* breaker.state())._tag === "Open"
    }),
  "isFailure, in a policy": (isFailure) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), isFailure })
      const policy = yield* Policy.make({ circuitBreaker: breaker, attemptTimeout: "1 second" })
      const exit = yield* Effect.exit(policy.protect(Effect.fail("down")))
      return Exit.hasDies(exit) ? exit : (yield* breaker.state())._tag === "Open"
    }),
  ignore: (ignore) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), ignore })
      const exit = yield* Effect.exit(breaker.protect(Effect.fail("down")))
      return Exit.hasDies(exit) ? exit : (yield* breaker.state())._tag === "Closed"
    }),
  isOverload: (isOverload) =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.adaptive({ initial: 8, min: 1, max: 8, isOverload })
      const call = Effect.exit(bulkhead.protect(Effect.delay(Effect.fail("down"), "1 second")))
      const fiber = yield* Effect.forkChild(Effect.forEach(Array.from({ length: 60 }), () => call))
      yield* TestClock.adjust("2 minutes")
      const exit = (yield* Fiber.join(fiber)).find(Exit.hasDies)
      if (exit !== undefined) return exit
      const { limit } = yield* bulkhead.stats()
      return limit < 8
    })
}

describe("a predicate's answer that is not a boolean", () => {
  for (const [name, ask] of Object.entries(predicates)) {
    it.effect(`${name} takes it as \`if\` does`, () =>
      Effect.gen(function*() {
        const taken = yield* Effect.forEach(answers, ([answer]) => ask(saying(answer)))
        deepStrictEqual(taken, answers.map(([, isYes]) => isYes))
      }))

    it.effect(`${name} dies of a promise, and says why`, () =>
      Effect.gen(function*() {
        for (const promise of promises) {
          const exit = yield* ask(() => promise() as unknown as boolean)
          assertTrue(typeof exit !== "boolean", `${name} took a promise for ${String(exit)}`)
          if (typeof exit !== "boolean") {
            assertTrue(show(exit).includes("a predicate of a policy answered with a promise"), show(exit))
          }
        }
      }))
  }

  it.effect("an answer of an effect inside an effect is asked as well", () =>
    Effect.gen(function*() {
      let attempts = 0
      const attempt = Effect.suspend(() => Effect.fail(++attempts))
      const nested = () => Effect.succeed(Effect.succeed(false)) as unknown as Effect.Effect<boolean>
      yield* Effect.exit(Retry.retry(attempt, { times: 3, backoff, logLevel: "None", while: nested }))
      strictEqual(attempts, 1)
    }))
})
