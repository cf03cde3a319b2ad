/**
 * Results that are tried again, beside `Effect.repeat`, which repeats a success while a predicate holds.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { show } from "../Script.ts"

type Job = "queued" | "running" | "done"

const constant = Backoff.constant({ delay: "1 second" })
const isOpen = (job: Job) => job !== "done"

/** A call whose attempts end as the script says: with a job, or with a failure. */
const scripted = (script: ReadonlyArray<Job | "down">) => {
  let attempts = 0
  const effect = Effect.suspend(() => {
    const step = script[attempts++] ?? "done"
    return step === "down" ? Effect.fail(step) : Effect.succeed(step)
  })
  return { effect, attempts: () => attempts }
}

/** Runs a call to its end, however long that takes by the clock. */
const ended = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(effect), { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const Jobs = Schema.Array(Schema.Literals(["queued", "running", "done"])).check(Schema.isMaxLength(6))

describe("whileResult", () => {
  law(
    "repeats a success as `Effect.repeat` does: as often, to the same result",
    { script: Jobs, times: Schema.Literals([0, 1, 2, 5]) },
    ({ script, times }, reach) =>
      Effect.gen(function*() {
        const ours = scripted(script)
        const plain = scripted(script)
        const one = yield* ended(Retry.retry(ours.effect, { times, backoff: constant, whileResult: isOpen }))
        const other = yield* ended(
          Effect.repeat(plain.effect, { while: isOpen, schedule: Schedule.spaced("1 second"), times })
        )
        strictEqual(show(one), show(other))
        strictEqual(ours.attempts(), plain.attempts())
        if (ours.attempts() > 1) reach("tries a result again")
        if (show(one) !== show(Exit.succeed("done"))) reach("gives up")
      }),
    { cases: 500, reaches: ["tries a result again", "gives up"] }
  )

  law(
    "counts results and failures in one count of retries",
    {
      script: Schema.Array(Schema.Literals(["queued", "down", "down", "done"])).check(Schema.isMaxLength(6)),
      times: Schema.Literals([0, 1, 2, 4])
    },
    ({ script, times }, reach) =>
      Effect.gen(function*() {
        const call = scripted(script)
        const exit = yield* ended(Retry.retry(call.effect, { times, backoff: constant, whileResult: isOpen }))
        const first = script.indexOf("done")
        const needed = first < 0 ? script.length + 1 : first + 1
        strictEqual(call.attempts(), Math.min(needed, times + 1))
        const last = script[call.attempts() - 1] ?? "done"
        strictEqual(show(exit), show(last === "down" ? Exit.fail(last) : Exit.succeed(last)))
        const made = new Set(script.slice(0, call.attempts()))
        if (made.has("queued") && made.has("down")) reach("both in one call")
      }),
    { cases: 500, reaches: ["both in one call"] }
  )

  it.effect("steps a schedule with the result, and tells the next attempt of it", () =>
    Effect.gen(function*() {
      const stepped: Array<unknown> = []
      const seen: Array<unknown> = []
      const schedule = Schedule.tap(Schedule.recurs(2), ({ input }) => Effect.sync(() => stepped.push(input)))
      const call = scripted(["queued", "down", "running"])
      const noted = Effect.andThen(
        Effect.flatMap(
          Schedule.CurrentMetadata,
          ({ attempt, input }) => Effect.sync(() => seen.push([attempt, input]))
        ),
        call.effect
      )
      const exit = yield* ended(Retry.retry(noted, { times: 5, backoff: schedule, whileResult: isOpen }))
      // The schedule ends the retries, and the last result is the answer.
      strictEqual(show(exit), show(Exit.succeed("running")))
      deepStrictEqual(stepped, ["queued", "down"])
      deepStrictEqual(seen.slice(1), [[1, "queued"], [2, "down"]])
    }))

  it.effect("publishes the result in its events, and one line without it", () =>
    Effect.gen(function*() {
      const events: Array<unknown> = []
      const policy = yield* Policy.make({ name: "jobs", retry: { times: 1, backoff: constant, whileResult: isOpen } })
      const exit = yield* ended(
        scripted(["queued", "running"]).effect.pipe(
          policy.protect,
          PolicyEvent.observe((event) => {
            if (event._tag === "RetryScheduled" || event._tag === "RetryStopped") {
              events.push([event._tag, event.error, event.result])
            }
          })
        )
      )
      strictEqual(show(exit), show(Exit.succeed("running")))
      deepStrictEqual(events, [["RetryScheduled", undefined, "queued"], ["RetryStopped", undefined, "running"]])
    }))

  it.effect("waits no longer than the limits allow, and then succeeds with the last result", () =>
    Effect.gen(function*() {
      const limits = [{ maxElapsed: "2500 millis" }, { times: 2 }, { budget: { ratio: 0, minPerSecond: 0.2 } }] as const
      const made: Array<number> = []
      for (const limit of limits) {
        const call = scripted(["queued", "queued", "queued", "queued", "queued"])
        const retry = { times: 10, backoff: constant, whileResult: isOpen, ...limit }
        strictEqual(show(yield* ended(Retry.retry(call.effect, retry))), show(Exit.succeed("queued")))
        made.push(call.attempts())
      }
      deepStrictEqual(made, [3, 3, 3])
      // A delay that would pass the deadline is not slept.
      const policy = yield* Policy.make({
        deadline: "2500 millis",
        retry: { times: 10, backoff: constant, whileResult: isOpen }
      })
      const call = scripted(["queued", "queued", "queued", "queued"])
      strictEqual(show(yield* ended(policy.protect(call.effect))), show(Exit.succeed("queued")))
      strictEqual(call.attempts(), 3)
    }))

  it.effect("waits as long as the result asks", () =>
    Effect.gen(function*() {
      let attempts = 0
      const at: Array<number> = []
      const call = Effect.clockWith((clock) =>
        Effect.sync(() => {
          at.push(clock.currentTimeMillisUnsafe())
          return { done: ++attempts === 2, retryAfter: Duration.seconds(10) }
        })
      )
      yield* ended(Retry.retry(call, { backoff: constant, whileResult: ({ done }) => !done }))
      const [first = 0, second = 0] = at
      assertTrue(second - first >= 10_000 && second - first <= 11_000, `${second - first}`)
    }))

  it.effect("asks an effect, whose failure and defect are those of the call", () =>
    Effect.gen(function*() {
      const answers = [Effect.succeed(true), Effect.succeed(false)]
      const call = scripted(["queued", "queued", "queued"])
      const asked = Retry.retry(call.effect, {
        backoff: constant,
        whileResult: () => answers.shift() ?? Effect.die("asked")
      })
      strictEqual(show(yield* ended(asked)), show(Exit.succeed("queued")))
      strictEqual(call.attempts(), 2)
      const failing = Retry.retry(Effect.succeed(1), { whileResult: () => Effect.fail("cannot say") })
      strictEqual(show(yield* ended(failing)), show(Exit.fail("cannot say")))
      const dying = Retry.retry(Effect.succeed(1), {
        whileResult: () => {
          throw new Error("broken")
        }
      })
      assertTrue(Exit.hasDies(yield* ended(dying)))
    }))

  it.effect("counts as a success for the circuit breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
      const policy = yield* Policy.make({
        retry: { times: 3, backoff: constant, whileResult: isOpen },
        circuitBreaker: breaker
      })
      yield* ended(policy.protect(scripted(["queued", "queued"]).effect))
      strictEqual((yield* breaker.state())._tag, "Closed")
    }))

  it.effect("withdraws from the budget that failures withdraw from", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.make({ ratio: 0, minPerSecond: 0.3 })
      const call = scripted(["queued", "down", "queued", "down"])
      const retry = { times: 10, backoff: constant, whileResult: isOpen, budget }
      strictEqual(show(yield* ended(Retry.retry(call.effect, retry))), show(Exit.fail("down")))
      strictEqual(call.attempts(), 4)
    }))
})
