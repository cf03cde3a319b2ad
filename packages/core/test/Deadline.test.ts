import { describe, it } from "@effect/vitest"
import { assertNone, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { flaky, rangeError, watch } from "./Script.ts"

const exceeded = (deadline: number, phase: "queue" | "attempt") =>
  Exit.fail(
    new PolicyError.PolicyError({
      reason: new PolicyError.DeadlineExceeded({ deadline: Duration.millis(deadline), phase })
    })
  )

/** How many milliseconds are left. */
const left = Effect.map(Deadline.remaining, Option.map(Duration.toMillis))

describe("remaining", () => {
  it.effect("is nothing without a deadline", () =>
    Effect.gen(function*() {
      assertNone(yield* Deadline.remaining)
      strictEqual(yield* Deadline.Deadline, Infinity)
    }))

  it.effect("shrinks as time passes, and stops at zero", () =>
    Effect.gen(function*() {
      const start = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* Effect.gen(function*() {
        deepStrictEqual(yield* left, Option.some(10_000))
        yield* TestClock.adjust("4 seconds")
        deepStrictEqual(yield* left, Option.some(6_000))
        yield* TestClock.adjust("1 hour")
        deepStrictEqual(yield* left, Option.some(0))
      }).pipe(Effect.provideService(Deadline.Deadline, start + 10_000))
    }))

  it.effect("is that of the tighter deadline, within any number of them", () =>
    Effect.gen(function*() {
      deepStrictEqual(
        yield* left.pipe(Deadline.within("9 seconds"), Deadline.within("2 seconds"), Deadline.within("5 seconds")),
        Option.some(2_000)
      )
      deepStrictEqual(yield* left.pipe(Deadline.within("2 seconds"), Deadline.within("9 seconds")), Option.some(2_000))
    }))

  it.effect("is what a policy's own deadline leaves, in each of its attempts", () =>
    Effect.gen(function*() {
      const seen: Array<Option.Option<number>> = []
      const policy = yield* Policy.make({
        deadline: "10 seconds",
        attemptTimeout: "5 seconds",
        retry: { times: 2, backoff: Backoff.constant({ delay: "1 second" }) }
      })
      yield* watch(policy.protect(Effect.flatMap(left, (left) => {
        seen.push(left)
        return Effect.delay(Effect.fail("down"), "500 millis")
      })))
      deepStrictEqual(seen, [Option.some(10_000), Option.some(8_500), Option.some(7_000)])
    }))

  it.effect("is gone once the effect with the deadline has ended", () =>
    Effect.gen(function*() {
      yield* Effect.void.pipe(Deadline.within("1 second"))
      assertNone(yield* Deadline.remaining)
    }))
})

describe("within", () => {
  it.effect("gives the answer of an effect that is in time, and its failure", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* watch(Deadline.within(Effect.delay(Effect.succeed(1), "999 millis"), "1 second"))
      deepStrictEqual(exit, Exit.succeed(1))
      strictEqual(took, 999)
      deepStrictEqual((yield* watch(Effect.fail("down").pipe(Deadline.within("1 second")))).exit, Exit.fail("down"))
      deepStrictEqual((yield* watch(Effect.die("bug").pipe(Deadline.within("1 second")))).exit, Exit.die("bug"))
    }))

  it.effect("interrupts an effect that is late, and says that an attempt ran", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const late = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { exit, took } = yield* watch(late.pipe(Deadline.within("1 second")))
      deepStrictEqual(exit, exceeded(1_000, "attempt"))
      strictEqual(took, 1_000)
      strictEqual(interrupted, 1)
    }))

  it.effect("cannot be stretched from within", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* watch(Effect.never.pipe(Deadline.within("1 hour"), Deadline.within("1 second")))
      assertTrue(Exit.isFailure(exit) && PolicyError.isPolicyError(Cause.squash(exit.cause)))
      strictEqual(took, 1_000)
    }))

  it.effect("ends an inner effect early and leaves the outer one its time", () =>
    Effect.gen(function*() {
      const inner = Effect.never.pipe(Deadline.within("1 second"), Effect.flip)
      const { exit, took } = yield* watch(
        Effect.andThen(inner, Effect.delay(left, "1 second")).pipe(Deadline.within("5 seconds"))
      )
      deepStrictEqual(exit, Exit.succeed(Option.some(3_000)))
      strictEqual(took, 2_000)
    }))

  it.effect("lets no retry sleep past it, though the retry has no deadline of its own", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const retrying = Retry.retry(down.effect, { times: 9, backoff: Backoff.constant({ delay: "2 seconds" }) })
      const { events, exit, took } = yield* watch(retrying.pipe(Deadline.within("5 seconds")))
      deepStrictEqual(down.at, [0, 2000, 4000])
      strictEqual(took, 4_000)
      assertTrue(Exit.isFailure(exit))
      const last = events.at(-1)
      strictEqual(last?._tag === "RetryStopped" ? last.reason : last, "deadline")
    }))

  it.effect("tightens the deadline of a policy below it", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "1 minute" })
      const seen = yield* left.pipe(policy.protect, Deadline.within("5 seconds"))
      deepStrictEqual(seen, Option.some(5_000))
    }))

  it("takes the effect first or last, and rejects an invalid time", () => {
    for (const [input, got] of [[0, "0"], ["0 millis", "\"0 millis\""]] as const) {
      const message = `Deadline.within: duration must be longer than zero, got ${got}`
      strictEqual(rangeError(() => Deadline.within(Effect.void, input)), message)
      strictEqual(rangeError(() => Effect.void.pipe(Deadline.within(input))), message)
    }
    for (const input of [-1, NaN, Infinity]) {
      strictEqual(
        rangeError(() => Deadline.within(Effect.void, input)),
        `Deadline.within: duration must be a finite duration above zero, got ${input}`
      )
    }
  })
})

describe("a policy whose caller's deadline has passed", () => {
  it.effect("fails at once and runs nothing, if it keeps a deadline itself", () =>
    Effect.gen(function*() {
      let attempts = 0
      yield* TestClock.adjust("1 minute")
      const policy = yield* Policy.make({ deadline: "10 seconds", retry: {} })
      const { events, exit, took } = yield* watch(
        policy.protect(Effect.sync(() => attempts++)).pipe(Effect.provideService(Deadline.Deadline, 59_000))
      )
      deepStrictEqual(exit, exceeded(0, "queue"))
      strictEqual(took, 0)
      strictEqual(attempts, 0)
      deepStrictEqual(events.map((event) => [event._tag, event.attempt]), [["DeadlinePassed", 0]])
    }))
})
