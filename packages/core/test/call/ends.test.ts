/** What a call leaves behind in what it shares with its caller: alarms, deadlines and children. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Deadline from "@holdfast/core/Deadline"
import * as Policy from "@holdfast/core/Policy"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { takesFrames } from "../../src/internal/fiber/unexported.ts"
import { words } from "../Program.ts"
import { flaky, watch } from "../Script.ts"

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(self, { startImmediately: true })

describe("a call", () => {
  it.effect("sleeps its whole delay, though it waited for its permit before", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ limit: 1, queue: 1, maxWait: "5 seconds" })
      yield* fork(bulkhead.protect(Effect.sleep("1 second")))
      const policy = yield* Policy.make({
        bulkhead,
        retry: { backoff: Backoff.constant({ delay: "10 seconds" }) }
      })
      const { exit, took } = yield* watch(policy.protect(Effect.delay(flaky(1).effect, "10 seconds")))
      deepStrictEqual([Exit.isSuccess(exit), took], [true, 31_000])
    }))

  it.effect("reports no end of retries when its result is not worth another attempt", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: { whileResult: (result: string) => result !== "done" } })
      const { events } = yield* watch(policy.protect(Effect.succeed("done")))
      deepStrictEqual(events.map(({ _tag }) => _tag), ["AttemptStarted", "AttemptSucceeded"])
    }))

  it.effect("lifts its deadline from the fibers that outlive it", () =>
    Effect.gen(function*() {
      const left = Effect.map(Deadline.remaining, Option.map(Duration.toMillis))
      const told = yield* Deferred.make<ReadonlyArray<Option.Option<number>>>()
      const background = Effect.gen(function*() {
        const before = yield* left
        yield* Effect.sleep("2 seconds")
        yield* Deferred.succeed(told, [before, yield* left])
      })
      yield* Deadline.within(Effect.forkDetach(background, { startImmediately: true }), "1 second")
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* Deferred.await(told), [Option.some(1_000), Option.none()])
    }))

  it.effect("keeps a deadline that was given by hand within one that has ended", () =>
    Effect.gen(function*() {
      const left = Effect.map(Deadline.remaining, Option.map(Duration.toMillis))
      const told = yield* Deferred.make<Option.Option<number>>()
      const background = Effect.andThen(
        Effect.sleep("2 seconds"),
        Effect.flatMap(left, (left) => Deferred.succeed(told, left))
      )
      const byHand = Effect.provideService(background, Deadline.Deadline, 30_000)
      yield* Deadline.within(Effect.forkDetach(byHand, { startImmediately: true }), "1 second")
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* Deferred.await(told), Option.some(28_000))
    }))

  it.effect("goes on past the deadline of a call around it that has ended, up to its own", () =>
    Effect.gen(function*() {
      const inner = Effect.exit(Deadline.within(Effect.sleep("3 seconds"), "5 seconds"))
      const outer = Deadline.within(Effect.forkDetach(inner, { startImmediately: true }), "1 second")
      const fiber = yield* outer
      yield* TestClock.adjust("1 minute")
      deepStrictEqual(yield* Fiber.join(fiber), Exit.void)
    }))

  it.effect("keeps no child of its caller that ends while a timeout runs", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 minute" })
      const children = yield* Effect.gen(function*() {
        yield* fork(Effect.sleep("1 second"))
        yield* fork(Effect.sleep("1 hour"))
        yield* policy.protect(Effect.sleep("2 seconds"))
        return yield* Effect.withFiber((fiber) => Effect.succeed(takesFrames(fiber) ? fiber._children?.size : NaN))
      }).pipe(fork)
      yield* TestClock.adjust("10 seconds")
      strictEqual(yield* Fiber.join(children), 1)
    }))

  it.effect("lets other fibers run between calls that never wait", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 minute" })
      let others = 0
      const other = yield* fork(Effect.forever(Effect.andThen(Effect.sync(() => others++), Effect.yieldNow)))
      const busy = Effect.forEach(Array.from({ length: 5_000 }), () => policy.protect(Effect.void), { discard: true })
      yield* busy
      yield* Fiber.interrupt(other)
      strictEqual(others > 1, true)
    }))

  it.effect("tells what a predicate throws, beside the interruption of its caller", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.adaptive({
        initial: 1,
        isOverload: () => {
          throw "boom"
        }
      })
      const failing = Effect.uninterruptible(Effect.delay(Effect.fail("down"), 10))
      const fiber = yield* fork(bulkhead.protect(failing))
      const interrupting = yield* fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(10)
      yield* Fiber.join(interrupting)
      strictEqual(words(yield* Fiber.await(fiber)), "Fail down + Interrupt + Die boom")
      strictEqual((yield* bulkhead.stats()).running, 0)
    }))
})
