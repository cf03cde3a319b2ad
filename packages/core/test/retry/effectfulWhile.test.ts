/**
 * A `while` that answers with an effect, beside the same predicate in `Effect.retry`.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual, throws } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Retry from "@holdfast/core/Retry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { show } from "../Script.ts"

class Gate extends Context.Service<Gate, { readonly open: boolean }>()("test/Gate") {}

const at = Backoff.constant({ delay: 0 })

const ended = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const Answer = Schema.Literals(["yes", "yes", "yes", "late", "no", "fail", "die", "interrupt"])

const answer = (word: typeof Answer.Type): Effect.Effect<boolean, string> => {
  switch (word) {
    case "yes":
      return Effect.succeed(true)
    case "late":
      return Effect.delay(Effect.succeed(true), "1 second")
    case "no":
      return Effect.succeed(false)
    case "fail":
      return Effect.fail("cannot say")
    case "die":
      return Effect.die("broken")
    case "interrupt":
      return Effect.interrupt
  }
}

describe("an effectful while", () => {
  law(
    "ends a call as it does under `Effect.retry`",
    { answers: Schema.Array(Answer).check(Schema.isMaxLength(5)), times: Schema.Literals([0, 1, 3]) },
    ({ answers, times }, reach) =>
      Effect.gen(function*() {
        const run = (
          retry: (
            self: Effect.Effect<never, number>,
            ask: (error: number) => Effect.Effect<boolean, string>
          ) => Effect.Effect<never, number | string>
        ) => {
          let attempts = 0
          const call = Effect.suspend(() => Effect.fail(++attempts))
          const asked: Array<number> = []
          const ask = (error: number) => {
            asked.push(error)
            return answer(answers[error - 1] ?? "no")
          }
          return Effect.map(ended(retry(call, ask)), (exit) => ({ exit: show(exit), attempts, asked }))
        }
        const ours = yield* run((self, ask) => Retry.retry(self, { times, backoff: at, while: ask }))
        const plain = yield* run((self, ask) => Effect.retry(self, { times, while: ask }))
        strictEqual(ours.exit, plain.exit)
        strictEqual(ours.attempts, plain.attempts)
        if (ours.attempts > 1) reach("retries")
        if (answers[ours.attempts - 1] === "fail" || answers[ours.attempts - 1] === "die") {
          reach("ends by the predicate")
        }
      }),
    { reaches: ["retries", "ends by the predicate"] }
  )

  it.effect("may refuse with a reason, and need a service", () =>
    Effect.gen(function*() {
      const because: Array<string | undefined> = []
      const policy = yield* Policy.make({
        retry: {
          times: 3,
          backoff: at,
          while: () => Effect.map(Gate, ({ open }) => open || Retry.refuse("the gate is shut"))
        }
      })
      let attempts = 0
      const call = Effect.suspend(() => {
        attempts++
        return Effect.fail("down")
      }).pipe(
        policy.protect,
        PolicyEvent.observe((event) => {
          if (event._tag === "RetryStopped") because.push(event.because)
        }),
        Effect.flip
      )
      strictEqual(yield* Effect.provideService(call, Gate, { open: false }), "down")
      strictEqual(attempts, 1)
      strictEqual(yield* Effect.provideService(call, Gate, { open: true }), "down")
      strictEqual(attempts, 5)
      deepStrictEqual(because, ["the gate is shut", undefined])
    }))

  it.effect("is bounded by the deadline of the call, and its finalizers run", () =>
    Effect.gen(function*() {
      let closed = 0
      const policy = yield* Policy.make({
        deadline: "1 second",
        retry: {
          times: 3,
          backoff: at,
          while: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => closed++))
        }
      })
      const exit = yield* ended(policy.protect(Effect.fail("down")))
      assertTrue(show(exit).includes("DeadlineExceeded"), show(exit))
      strictEqual(closed, 1)
    }))

  it.effect("can be interrupted while it is asked", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(
        Retry.retry(Effect.fail("down"), { backoff: at, while: () => Effect.never }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assertTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    }))

  it("is a TypeError where a decision is asked for that must be pure", () => {
    const options = { while: () => Effect.succeed(true) }
    const retry = Retry.make(options as unknown as Retry.DecisionOptions)
    const failure = { error: "down", attempt: 1, elapsed: 0, remaining: Infinity, delay: 0, random: 0 }
    throws(() => retry.decide(failure), new TypeError("`while` answers with an effect, which only a call can run"))
  })
})
