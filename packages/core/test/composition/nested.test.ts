/**
 * Policies in policies, policies shared by many, and effects of every temper under them.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { flaky, watch } from "../Script.ts"

const second = Backoff.constant({ delay: "1 second" })

const tagOf = <E extends { readonly reason: { readonly _tag: string } }>(exit: Exit.Exit<unknown, E>) =>
  Exit.match(exit, { onSuccess: () => undefined, onFailure: () => Exit.findErrorOption(exit) })

describe("a policy in a policy", () => {
  it.effect("counts for itself, so that a retry in a retry multiplies", () =>
    Effect.gen(function*() {
      const down = flaky(Infinity)
      const { took } = yield* watch(down.effect.pipe(
        Retry.retry({ times: 2, backoff: second }),
        Retry.retry({ times: 1, backoff: Backoff.constant({ delay: "1 minute" }) })
      ))
      deepStrictEqual(down.at, [0, 1_000, 2_000, 62_000, 63_000, 64_000])
      strictEqual(took, 64_000)
    }))

  it.effect("is bounded by the outer timeout, and retried by the outer retry", () =>
    Effect.gen(function*() {
      const inner = yield* Policy.make({ retry: { times: 9, backoff: second } })
      const outer = yield* Policy.make({ attemptTimeout: 2_500, retry: { times: 1, backoff: second } })
      const down = flaky(Infinity)
      const { exit, took } = yield* watch(down.effect.pipe(inner.protect, outer.protect))
      deepStrictEqual(down.at, [0, 1_000, 2_000, 3_500, 4_500, 5_500])
      strictEqual(took, 6_000)
      assertTrue(Exit.isFailure(exit))
    }))

  it.effect("has its own timeout retried by the outer retry, and its deadline not", () =>
    Effect.gen(function*() {
      const outer = yield* Policy.make({ retry: { times: 2, backoff: second } })
      const timeout = yield* Policy.make({ attemptTimeout: "2 seconds" })
      const deadline = yield* Policy.make({ deadline: "2 seconds" })
      strictEqual((yield* watch(outer.protect(timeout.protect(Effect.never)))).took, 8_000)
      strictEqual((yield* watch(outer.protect(deadline.protect(Effect.never)))).took, 2_000)
    }))

  it.effect("may be the same policy", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "1 minute", retry: { times: 1, backoff: second } })
      const down = flaky(Infinity)
      yield* watch(policy.protect(policy.protect(down.effect)))
      deepStrictEqual(down.at, [0, 1_000, 2_000, 3_000])
    }))

  it.effect("that times out with the outer one leaves one error, the outer one's", () =>
    Effect.gen(function*() {
      const outer = yield* Policy.make({ deadline: "1 second" })
      const inner = yield* Policy.make({ attemptTimeout: "1 minute" })
      const { exit, took } = yield* watch(outer.protect(inner.protect(Effect.never)))
      strictEqual(took, 1_000)
      const error = tagOf(exit)
      strictEqual(error?._tag === "Some" ? error.value.reason._tag : error, "DeadlineExceeded")
    }))
})

describe("a policy shared by a thousand fibers", () => {
  it.effect("counts, waits and times out for each of them alone", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        deadline: "1 minute",
        attemptTimeout: "3 seconds",
        retry: { times: 3, backoff: Backoff.exponential({ initial: "1 second", jitter: { _tag: "None" } }) }
      })
      const { exit, took } = yield* watch(Effect.forEach(
        Array.from({ length: 1_000 }, (_, fiber) => fiber),
        (fiber) => {
          const down = flaky(fiber % 4)
          // Every other fiber fails by being late.
          const attempt = fiber % 2 === 0
            ? down.effect
            : Effect.catch(down.effect, () => Effect.never)
          return Effect.zip(policy.protect(attempt), Effect.sync(() => [fiber, down.at] as const))
        },
        { concurrency: "unbounded" }
      ))
      assertTrue(Exit.isSuccess(exit))
      strictEqual(exit.value.length, 1_000)
      const late = [[0], [0, 4_000], [0], [0, 4_000, 9_000, 16_000]]
      const failing = [[0], [0, 1_000], [0, 1_000, 3_000], [0, 1_000, 3_000, 7_000]]
      for (const [attempts, [fiber, at]] of exit.value) {
        strictEqual(attempts, 1 + fiber % 4)
        deepStrictEqual(at, (fiber % 2 === 0 ? failing : late)[fiber % 4])
      }
      strictEqual(took, 16_000)
    }))
})

describe("an effect that", () => {
  const make = Policy.make({
    deadline: "10 seconds",
    attemptTimeout: "2 seconds",
    retry: { times: 2, backoff: second }
  })

  it("succeeds synchronously lets the whole call be synchronous", () => {
    const policy = Effect.runSync(make)
    strictEqual(Effect.runSync(policy.protect(Effect.succeed(1))), 1)
    deepStrictEqual(Effect.runSyncExit(policy.protect(Effect.die("bug"))), Exit.die("bug"))
  })

  it.effect("succeeds asynchronously, by a promise", () =>
    Effect.gen(function*() {
      const policy = yield* make
      strictEqual(yield* policy.protect(Effect.promise(() => Promise.resolve(1))), 1)
    }))

  it.live("hangs in a promise has its signal aborted", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "5 millis" })
      let signal: AbortSignal | undefined
      const hanging = Effect.promise((it) => {
        signal = it
        return new Promise<never>(() => {})
      })
      const error = yield* Effect.flip(policy.protect(hanging))
      strictEqual(error.reason._tag, "AttemptTimeout")
      assertTrue(signal?.aborted)
    }))

  it.effect("would answer its interruption has timed out anyway", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const answering = Effect.catchCause(Effect.never, () => Effect.succeed("from the cache"))
      const { exit, took } = yield* watch(policy.protect(answering))
      const error = tagOf(exit)
      strictEqual(error?._tag === "Some" ? error.value.reason._tag : error, "AttemptTimeout")
      strictEqual(took, 8_000)
    }))

  // Effect itself drops what an uninterruptible region gives once the fiber is interrupted, so there is no answer to keep.
  it.effect("cannot be interrupted is waited for, and has timed out then, as under Effect.timeout", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const deaf = Effect.uninterruptible(Effect.delay(Effect.succeed("answer"), "5 seconds"))
      const { events, took } = yield* watch(policy.protect(deaf))
      strictEqual(took, 11_000)
      deepStrictEqual(events.map(({ _tag, at }) => [_tag, at]), [
        ["AttemptStarted", 0],
        ["AttemptFailed", 5_000],
        ["RetryScheduled", 5_000],
        ["AttemptStarted", 6_000],
        // The deadline has passed meanwhile.
        ["DeadlinePassed", 11_000],
        ["AttemptFailed", 11_000]
      ])
      const own = yield* watch(Effect.timeout(deaf, "2 seconds"))
      strictEqual(own.took, 5_000)
      assertTrue(Exit.isFailure(own.exit))
    }))

  it.effect("resumes twice is heard once", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const twice = Effect.callback<number, string>((resume) => {
        resume(Effect.succeed(1))
        resume(Effect.fail("second"))
      })
      const { events, exit } = yield* watch(policy.protect(twice))
      deepStrictEqual(exit, Exit.succeed(1))
      deepStrictEqual(events.map(({ _tag }) => _tag), ["AttemptStarted", "AttemptSucceeded"])
    }))

  it.effect("is protected once may be run twice, each time for itself", () =>
    Effect.gen(function*() {
      const policy = yield* make
      const starts: Array<number> = []
      const call = policy.protect(Effect.flatMap(Clock.currentTimeMillis, (now) => {
        starts.push(now)
        return Effect.fail("down")
      }))
      const { exit, took } = yield* watch(Effect.all([Effect.exit(call), Effect.exit(call)], { concurrency: 2 }))
      deepStrictEqual(exit, Exit.succeed([Exit.fail("down"), Exit.fail("down")]))
      strictEqual(took, 2_000)
      deepStrictEqual(starts.map((start) => start - (starts[0] ?? NaN)), [0, 0, 1_000, 1_000, 2_000, 2_000])
    }))

  it.effect("forks fibers of its own leaves them as it would without a policy", () =>
    Effect.gen(function*() {
      const policy = yield* make
      let ended = 0
      const child = Effect.onInterrupt(Effect.never, () => Effect.sync(() => ended++))
      yield* watch(policy.protect(Effect.forkChild(child, { startImmediately: true })))
      strictEqual(ended, 1)
    }))
})
