/**
 * A call is a frame on the stack of the caller's fiber, made of what Effect does not export. These tests fail when that
 * changes, and hold the way by exported means to the same.
 */
import { afterEach, describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Frame from "@holdfast/core/Frame"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { build, Mixture } from "../AllParts.ts"
import { Callers, crowd } from "../Crowd.ts"
import { flaky, show } from "../Script.ts"

afterEach(() => Unexported.allow(true))

const current = Effect.withFiber((fiber) => Effect.succeed(fiber))

const timeout = Policy.make({ attemptTimeout: "1 second" })

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return isPolicyError(error) ? error.reason._tag : show(exit)
}

describe("Effect's fibers", () => {
  it.effect("take frames", () =>
    Effect.gen(function*() {
      assertTrue(
        Unexported.takesFrames(yield* current),
        "Effect has changed: see packages/core/src/internal/fiber/unexported.ts"
      )
    }))

  it.effect("are those of the caller, and its attempts run in them", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "1 minute", retry: {}, attemptTimeout: "1 second" })
      strictEqual(yield* policy.protect(current), yield* current)
    }))
})

describe.each([["as a frame", true], ["by exported means", false]])("a call %s", (_, frames) => {
  const test = (name: string, body: () => Effect.Effect<void, unknown>) =>
    it.effect(name, () =>
      Effect.suspend(() => {
        Unexported.allow(frames)
        return body()
      }))

  test("goes on when an attempt's time is up, after its finalizers", () =>
    Effect.gen(function*() {
      const policy = yield* timeout
      const seen: Array<string> = []
      const attempt = Effect.never.pipe(
        Effect.onInterrupt(() => Effect.delay(Effect.sync(() => seen.push("finalized")), "1 second"))
      )
      const caller = yield* Effect.forkChild(Effect.gen(function*() {
        seen.push(reasonOf(yield* Effect.exit(policy.protect(attempt))))
        yield* Effect.sleep("1 minute")
        seen.push("went on")
        return yield* Effect.never
      }))
      yield* TestClock.adjust("1 hour")
      deepStrictEqual(seen, ["finalized", "AttemptTimeout", "went on"])
      yield* Fiber.interrupt(caller)
      strictEqual(show(yield* Fiber.await(caller)), show(Exit.interrupt(0)))
    }))

  test("gives back by an effect what only an effect can, however it ends", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      class Given extends Frame.Frame<string, string, never> {
        private readonly effect: Effect.Effect<string, string>
        constructor(fiber: Fiber.Fiber<unknown, unknown>, effect: Effect.Effect<string, string>) {
          super(fiber)
          this.effect = effect
        }
        protected get recovers() {
          return true
        }
        protected begin() {
          return this.run(this.effect, (frame, exit) => frame.end(exit))
        }
        protected leave(exit: Exit.Exit<string, string>) {
          return Effect.delay(Effect.sync(() => seen.push(show(exit))), "1 second")
        }
      }
      const given = (effect: Effect.Effect<string, string>) =>
        Effect.forkChild(Effect.withFiber((fiber) => new Given(fiber, effect).start(fiber)), { startImmediately: true })
      const callers = yield* Effect.forEach(
        [Effect.succeed("well"), Effect.fail("badly"), Effect.die("dead"), Effect.never],
        given
      )
      yield* Effect.forEach(callers, (caller) => Effect.forkChild(Fiber.interrupt(caller), { startImmediately: true }))
      deepStrictEqual(callers.map((caller) => caller.pollUnsafe()), [undefined, undefined, undefined, undefined])
      yield* TestClock.adjust("1 second")
      strictEqual(seen.length, 4)
      const ends = yield* Effect.forEach(callers, Fiber.await)
      deepStrictEqual(ends.map((exit) => Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)), [
        true,
        true,
        true,
        true
      ])
    }))

  test("is left by a caller that is interrupted while an attempt ends whose time is up", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 second", retry: { times: 3 } })
      let attempts = 0
      const attempt: Effect.Effect<never> = Effect.suspend(() => {
        attempts++
        return Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      })
      const caller = yield* Effect.forkChild(policy.protect(attempt))
      yield* TestClock.adjust(1_500)
      yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* TestClock.adjust("1 hour")
      const exit = yield* Fiber.await(caller)
      assertTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      strictEqual(attempts, 1)
    }))

  test("within a call, with both times up at once, fails with the outer one", () =>
    Effect.gen(function*() {
      const inner = yield* timeout
      const outer = yield* Policy.make({ deadline: "1 second" })
      const attempt = Effect.onInterrupt(Effect.never, () => Effect.sleep(100))
      const caller = yield* Effect.forkChild(Effect.exit(outer.protect(Effect.eventually(inner.protect(attempt)))))
      yield* TestClock.adjust("1 hour")
      strictEqual(reasonOf(yield* Fiber.join(caller)), "DeadlineExceeded")
    }))

  test("times attempts out in an uninterruptible caller", () =>
    Effect.gen(function*() {
      const policy = yield* timeout
      const caller = yield* Effect.forkChild(Effect.exit(Effect.uninterruptible(policy.protect(Effect.never))))
      yield* TestClock.adjust("1 second")
      strictEqual(reasonOf(yield* Fiber.join(caller)), "AttemptTimeout")
    }))

  test("times out at once under a clock that does not wait", () =>
    Effect.gen(function*() {
      const policy = yield* timeout
      const clock = { ...(yield* Clock.Clock), currentTimeMillisUnsafe: () => 0, sleep: () => Effect.void }
      const call = Effect.exit(policy.protect(Effect.never)).pipe(Effect.provideService(Clock.Clock, clock))
      strictEqual(reasonOf(yield* call), "AttemptTimeout")
      strictEqual(reasonOf(yield* Effect.uninterruptible(call)), "AttemptTimeout")
      const retrying = yield* Policy.make({ retry: { times: 2 } })
      strictEqual(yield* retrying.protect(flaky(2).effect).pipe(Effect.provideService(Clock.Clock, clock)), 3)
    }))

  test("times out an attempt that moves the clock itself", () =>
    Effect.gen(function*() {
      const policy = yield* timeout
      const attempt = Effect.andThen(TestClock.adjust("2 seconds"), Effect.never)
      strictEqual(reasonOf(yield* Effect.exit(policy.protect(attempt))), "AttemptTimeout")
    }))

  test("ends what an attempt forked, and nothing that the caller did", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        attemptTimeout: "1 second",
        retry: { times: 1, backoff: Backoff.constant({ delay: 0 }) }
      })
      const ended: Array<string> = []
      const forked = (name: string) =>
        Effect.forkChild(Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended.push(name))), {
          startImmediately: true
        })
      const own = yield* forked("own")
      let attempts = 0
      const attempt = Effect.suspend(() => {
        const name = `attempt ${++attempts}`
        return Effect.andThen(forked(name), Effect.sync(() => attempts)).pipe(
          Effect.tap(() => attempts === 1 ? Effect.never : Effect.void)
        )
      })
      const caller = yield* Effect.forkChild(Effect.gen(function*() {
        yield* forked("caller's")
        const answer = yield* policy.protect(attempt)
        return [answer, ...ended]
      }))
      yield* TestClock.adjust("1 hour")
      deepStrictEqual(yield* Fiber.join(caller), [2, "attempt 1", "attempt 2"])
      strictEqual(own.pollUnsafe(), undefined)
    }))

  test("does not retry an attempt that interrupts itself", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ retry: {} })
      let attempts = 0
      const exit = yield* Effect.exit(policy.protect(Effect.suspend(() => {
        attempts++
        return Effect.interrupt
      })))
      deepStrictEqual([attempts, show(exit)], [1, show(Exit.interrupt(0))])
    }))

  test("gives its permit back when a predicate of the options throws", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        bulkhead: { limit: 1 },
        retry: {
          while: (): boolean => {
            throw new Error("no")
          }
        }
      })
      const call = Effect.exit(policy.protect(Effect.fail("down")))
      const first = yield* call
      deepStrictEqual(show(yield* call), show(first))
      assertTrue(Exit.isFailure(first) && Cause.hasDies(first.cause))
    }))

  test("gives its permit back when the predicate of an adaptive bulkhead throws", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.adaptive({
        isOverload: (): boolean => {
          throw new Error("no")
        }
      })
      const policy = yield* Policy.make({ bulkhead })
      const exit = yield* Effect.exit(policy.protect(Effect.fail("down")))
      assertTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      strictEqual((yield* bulkhead.stats()).running, 0)
    }))

  test("gives its place in the queue back with its caller's interruption", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ bulkhead: { limit: 1, queue: 1, maxWait: "1 minute" } })
      const done = yield* Deferred.make<void>()
      yield* Effect.forkChild(policy.protect(Deferred.await(done)), { startImmediately: true })
      const waiting = yield* Effect.forkChild(policy.protect(Effect.void), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.forkChild(policy.protect(Effect.succeed("next")), { startImmediately: true })
      yield* Deferred.succeed(done, undefined)
      strictEqual(yield* Fiber.join(next), "next")
    }))
})

law(
  "a call does the same as a frame and by exported means",
  { callers: Callers, mixture: Mixture },
  ({ callers, mixture }, reach) =>
    Effect.gen(function*() {
      const chronicle = Effect.fnUntraced(function*(frames: boolean) {
        Unexported.allow(frames)
        const { held, policy } = yield* build(mixture)
        const { calls, moments, wrongs } = yield* crowd(callers, policy)
        if (moments.some(({ what }) => what === "left")) reach("a caller who leaves")
        if (calls.some(({ executions }) => executions > 1)) reach("a second execution")
        if (calls.some(({ exit }) => exit !== undefined && reasonOf(exit).endsWith("Timeout"))) reach("a timeout")
        return {
          calls: calls.map(({ endedAt, events, executions, exit, startedAt }) => ({
            took: endedAt - startedAt,
            events: events.map((event) => JSON.stringify({ ...event, error: undefined })),
            executions,
            exit: exit === undefined ? undefined : reasonOf(exit)
          })),
          wrongs,
          held: yield* held
        }
      })
      const before = yield* chronicle(true)
      // The same hour of the day, for windows that go by it.
      yield* TestClock.adjust("22 hours")
      const after = yield* chronicle(false)
      deepStrictEqual(after, before)
    }),
  { reaches: ["a caller who leaves", "a second execution", "a timeout"] }
)
