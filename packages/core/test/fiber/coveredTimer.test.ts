/**
 * A call with a deadline leaves its time to the timeout of its first attempt, where that is shorter: it sets no timer of its
 * own until it goes on. So the deadline has to hold wherever the attempt ends late, or not at all.
 */
import { afterEach, describe, it, vi } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { allow } from "../../src/internal/fiber/unexported.ts"

afterEach(() => {
  allow(true)
  vi.restoreAllMocks()
})

/** An attempt that ends after `runs` seconds, and whose finalizer takes `cleans` seconds. */
interface Attempt {
  readonly runs: number
  readonly cleans?: number
  readonly isUninterruptible?: boolean
}

const seconds = (n: number) => n * 1000

const effectOf = ({ cleans = 0, isUninterruptible = false, runs }: Attempt) => {
  const sleep = Effect.sleep(seconds(runs))
  const body = Effect.andThen(isUninterruptible ? Effect.uninterruptible(sleep) : sleep, Effect.fail("own" as const))
  return cleans === 0 ? body : Effect.ensuring(body, Effect.sleep(seconds(cleans)))
}

const script = (attempts: ReadonlyArray<Attempt>) => {
  let at = 0
  return Effect.suspend(() => effectOf(attempts[Math.min(at++, attempts.length - 1)]!))
}

/** How an effect ends, and after how many seconds. */
const outcome = (self: Effect.Effect<unknown, string>) =>
  Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const ending = Effect.flatMap(Effect.flip(self), (error) =>
      Effect.map(Clock.currentTimeMillis, (now) => [error, (now - startedAt) / 1000] as const))
    const fiber = yield* Effect.forkChild(ending, { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** The same by the operators of Effect, with delays of nothing. */
const byHand = (self: Effect.Effect<never, string>, attempt: number, total: number, times: number) =>
  self.pipe(
    Effect.timeoutOrElse({ duration: seconds(attempt), orElse: () => Effect.fail("AttemptTimeout") }),
    Effect.retry({ times }),
    Effect.timeoutOrElse({ duration: seconds(total), orElse: () => Effect.fail("DeadlineExceeded") })
  )

const byPolicy = (self: Effect.Effect<never, string>, attempt: number, total: number, times: number) =>
  Effect.flatMap(
    Policy.make({
      deadline: seconds(total),
      attemptTimeout: seconds(attempt),
      retry: { times, backoff: Backoff.constant({ delay: 0 }) }
    }),
    (policy) => policy.protect(self)
  ).pipe(Effect.mapError((error) => typeof error === "string" ? error : error.reason._tag))

const cases: ReadonlyArray<readonly [title: string, attempts: ReadonlyArray<Attempt>, times: number]> = [
  ["the first attempt fails by itself, and the second hangs", [{ runs: 4 }, { runs: 99 }], 3],
  ["every attempt hangs", [{ runs: 99 }], 3],
  ["every attempt fails by itself", [{ runs: 4 }], 9],
  ["an attempt fails, and its finalizer outlasts the deadline", [{ runs: 4, cleans: 30 }], 3],
  ["an attempt times out, and its finalizer outlasts the deadline", [{ runs: 99, cleans: 30 }], 3],
  ["an attempt times out, and its finalizer does not outlast the deadline", [{ runs: 99, cleans: 2 }, { runs: 1 }], 1],
  ["an attempt cannot be interrupted, and outlasts the deadline", [{ runs: 40, isUninterruptible: true }], 3],
  [
    "an attempt cannot be interrupted, and outlasts its timeout",
    [{ runs: 12, isUninterruptible: true }, { runs: 99 }],
    3
  ],
  ["there is no other attempt", [{ runs: 99 }], 0]
]

describe.each([["in the fiber of its caller", true], ["by the public API", false]] as const)("%s", (_, frames) => {
  for (const isMasked of [false, true]) {
    it.effect.each(cases)(
      `${isMasked ? "within an uninterruptible caller, " : ""}the deadline holds where %s`,
      ([, attempts, times]) =>
        Effect.gen(function*() {
          allow(frames)
          const masked = <A, E, R>(self: Effect.Effect<A, E, R>) => isMasked ? Effect.uninterruptible(self) : self
          const expected = yield* outcome(masked(byHand(script(attempts), 10, 15, times)))
          deepStrictEqual(yield* outcome(masked(byPolicy(script(attempts), 10, 15, times))), expected)
        })
    )
  }
})

it.effect("a deadline from outside holds that is before the timeout of the attempt", () =>
  Effect.gen(function*() {
    const call = byPolicy(script([{ runs: 99 }]), 10, 15, 3)
    const within5 = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.provideService(call, Deadline.Deadline, now + seconds(5)))
    deepStrictEqual(yield* outcome(within5), ["DeadlineExceeded", 5])
  }))

it.live("a call that its first attempt ends sets one timer", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ deadline: "30 seconds", attemptTimeout: "10 seconds", retry: { times: 3 } })
    const set = vi.spyOn(globalThis, "setTimeout")
    const cleared = vi.spyOn(globalThis, "clearTimeout")
    yield* policy.protect(Effect.promise(() => Promise.resolve()))
    strictEqual(set.mock.calls.filter(([, millis]) => millis === 10_000).length, 1)
    strictEqual(set.mock.calls.filter(([, millis]) => (millis ?? 0) > 10_000).length, 0)
    strictEqual(cleared.mock.calls.length, 1)
  }))
