import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { build, Mixture } from "../AllParts.ts"
import { attempt, Down, flaky, show, Steps, type Story, watch } from "../Script.ts"

const second = Backoff.constant({ delay: "1 second" })

/** The failures of a call in short: when they began, how long they took, what they were. */
const short = <A>(exit: Exit.Exit<A, unknown>): unknown => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof Retry.RetriesExhausted
    ? error.attempts.map(({ duration, error, ran, startedAt }) => [
      startedAt,
      Duration.toMillis(duration),
      isPolicyError(error) ? error.reason._tag : error instanceof Down ? error.attempt : error,
      ran
    ])
    : show(exit)
}

describe("withHistory", () => {
  it.effect("gives every failure of a retry, when it was and for how long", () =>
    Effect.gen(function*() {
      const retrying = Retry.retry<Down>({ times: 2, backoff: second })
      const down = Effect.delay(flaky(9).effect, 500)
      const { exit } = yield* watch(Retry.withHistory(down, retrying))
      deepStrictEqual(short(exit), [[0, 500, 1, true], [1_500, 500, 2, true], [3_000, 500, 3, true]])
    }))

  it.effect("leaves a success, a defect and an interruption as they are", () =>
    Effect.gen(function*() {
      const retrying = Retry.retry<Down>({ times: 2, backoff: second })
      for (
        const [effect, exit] of [
          [flaky(2).effect, Exit.succeed(3)],
          [Effect.die("bug"), Exit.die("bug")],
          [Effect.interrupt, Exit.interrupt(0)]
        ] as const
      ) {
        strictEqual(show((yield* watch(Retry.withHistory(effect, retrying))).exit), show(exit))
      }
    }))

  it.effect("gives the timeouts that a policy made of attempts, and the rejection that came instead of one", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        retry: { times: 5, backoff: second },
        circuitBreaker: { trip: CircuitBreaker.consecutive(2), openFor: "1 minute" },
        attemptTimeout: "2 seconds"
      })
      const { exit } = yield* watch(Retry.withHistory(Effect.as(Effect.never, 1), policy.protect))
      deepStrictEqual(short(exit), [
        [0, 2_000, "AttemptTimeout", true],
        [3_000, 2_000, "AttemptTimeout", true],
        [6_000, 0, "CircuitOpen", false]
      ])
    }))

  it.effect("says that nothing of a rejected call ran", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ bulkhead: { limit: 1 } })
      yield* Effect.forkChild(policy.protect(Effect.never), { startImmediately: true })
      const { exit } = yield* watch(Retry.withHistory(flaky(0).effect, policy.protect))
      deepStrictEqual(short(exit), [[0, 0, "BulkheadFull", false]])
    }))

  it.effect("says of an attempt that the deadline ended, when it ended", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "1 second" })
      const { exit } = yield* watch(Retry.withHistory(Effect.as(Effect.never, 1), policy.protect))
      deepStrictEqual(short(exit), [[0, 1_000, "DeadlineExceeded", true]])
    }))

  it.effect("tells nothing of a policy within the call", () =>
    Effect.gen(function*() {
      const inner = yield* Policy.make({ retry: { times: 1, backoff: second } })
      const outer = yield* Policy.make({ retry: { times: 1, backoff: second } })
      const { exit } = yield* watch(Retry.withHistory(inner.protect(flaky(9).effect), outer.protect))
      deepStrictEqual(short(exit), [[0, 1_000, 2, true], [2_000, 1_000, 4, true]])
      const bounded = yield* Policy.make({ attemptTimeout: "500 millis" })
      const timedOut = yield* watch(Retry.withHistory(inner.protect(flaky(9).effect), bounded.protect))
      deepStrictEqual(short(timedOut.exit), [[3_600_000, 500, "AttemptTimeout", true]])
    }))

  it("says in a line what the last failure was", () => {
    const attempts = [{ error: new Error("reset"), ran: true, startedAt: 0, duration: Duration.zero }] as const
    const exhausted = new Retry.RetriesExhausted({ attempts })
    deepStrictEqual([exhausted.message, exhausted.cause], ["Gave up after 1 failure: Error: reset", attempts[0].error])
  })

  const failure = { takes: 0, outcome: "fail" } as const
  const opening = { circuitBreaker: "consecutive", times: 3, backoff: "none", hedge: "none", budget: "none" } as const

  law(
    "the last failure is that of the call without history, and as many ran as were executed and failed",
    { steps: Steps, mixture: Mixture, rejected: Schema.Literals([true, false, false]) },
    ({ rejected, ...input }, reach) =>
      Effect.gen(function*() {
        // Two failures at once open the circuit, which rejects the third attempt.
        const [steps, mixture] = rejected
          ? [[failure, failure, ...input.steps], { ...input.mixture, ...opening }] as const
          : [input.steps, input.mixture]
        const call = Effect.fnUntraced(function*(history: boolean) {
          const { policy } = yield* build(mixture)
          let executions = 0
          const self = Effect.suspend(() => attempt(steps[executions++], executions))
          const protect = (self: Effect.Effect<number, Down>) => policy.protect(Hedge.idempotent(self))
          const { exit }: Story<number, unknown> = history
            ? yield* watch(Retry.withHistory(self, protect))
            : yield* watch(protect(self))
          return { exit, executions }
        })
        const plain = yield* call(false)
        const told = yield* call(true)
        strictEqual(told.executions, plain.executions)
        const error = Exit.isFailure(told.exit) ? Cause.squash(told.exit.cause) : undefined
        if (!(error instanceof Retry.RetriesExhausted)) return strictEqual(show(told.exit), show(plain.exit))
        strictEqual(show(Exit.fail(error.attempts.at(-1)?.error)), show(plain.exit))
        const ran = error.attempts.filter(({ ran }) => ran)
        if (ran.length > 1) reach("several failures")
        if (ran.length < error.attempts.length) reach("a failure without a run")
        assertTrue(ran.length <= told.executions)
        if (mixture.hedge === "none") strictEqual(ran.length, told.executions)
        error.attempts.forEach(({ startedAt }, i) => assertTrue(startedAt >= (error.attempts[i - 1]?.startedAt ?? 0)))
      }),
    { reaches: ["several failures", "a failure without a run"] }
  )
})
