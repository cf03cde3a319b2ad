import { assert, describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Retry from "@holdfast/core/Retry"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import { recorder } from "../../../vitest.tracer.ts"
import { Down, flaky, watch } from "./Script.ts"

const backoff = Backoff.constant({ delay: "1 second" })

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

describe("events", () => {
  it.effect("tell the story of a call that succeeds in the end", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ name: "stock", retry: { times: 3, backoff } })
      const down = flaky(1)
      const { events } = yield* watch(policy.protect({ key: "blue" })(Effect.ensuring(down.effect, Effect.sleep(200))))
      const origin = { policy: "stock", key: "blue" }
      const error = down.errors[0]
      deepStrictEqual(events, [
        { ...origin, _tag: "AttemptStarted", at: 0, attempt: 1 },
        { ...origin, _tag: "AttemptFailed", at: 200, attempt: 1, duration: 200, error },
        { ...origin, _tag: "RetryScheduled", at: 200, attempt: 1, delay: 1_000, of: 4, error },
        { ...origin, _tag: "AttemptStarted", at: 1_200, attempt: 2 },
        { ...origin, _tag: "AttemptSucceeded", at: 1_400, attempt: 2, duration: 200 }
      ])
    }))

  it.effect("report a timeout and the deadline that came after it", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: 4_000, attemptTimeout: 2_000, retry: { times: 3, backoff } })
      const { events } = yield* watch(policy.protect(Effect.never))
      deepStrictEqual(events.map(({ _tag, at, attempt }) => [_tag, at, attempt]), [
        ["AttemptStarted", 0, 1],
        ["AttemptFailed", 2_000, 1],
        ["RetryScheduled", 2_000, 1],
        ["AttemptStarted", 3_000, 2],
        ["DeadlinePassed", 4_000, 2],
        ["AttemptFailed", 4_000, 2]
      ])
    }))

  const stops: ReadonlyArray<[reason: PolicyEvent.StopReason, options: Retry.Options<unknown>, because?: string]> = [
    ["times", { times: 0 }],
    ["notRetryable", { while: () => false }],
    ["notRetryable", { while: () => Retry.refuse("not twice") }, "not twice"],
    ["elapsed", { maxElapsed: "500 millis", backoff }],
    ["retryAfter", { retryAfter: { mode: "giveUp", max: "1 second" } }, "asked to wait 30s"],
    ["schedule", { backoff: Schedule.recurs(0) }],
    ["deadline", { backoff: Backoff.constant({ delay: "1 minute" }) }]
  ]

  it.effect.each(stops)("say why there is no retry: %s", ([reason, retry, because]) =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: "50 seconds", retry })
      const error = new Down({ attempt: 1, retryAfter: Duration.seconds(30) })
      const { events, logs } = yield* watch(policy.protect(Effect.fail(error)))
      deepStrictEqual(events.at(-1), {
        _tag: "RetryStopped",
        policy: "policy",
        key: undefined,
        at: 0,
        attempt: 1,
        reason,
        because,
        error
      })
      deepStrictEqual(logs, [])
    }))

  it.effect("bear the policy's name, `policy` if it has none and `retry` without a policy", () =>
    Effect.gen(function*() {
      const names = (self: Effect.Effect<unknown, unknown>) =>
        Effect.map(watch(self), ({ events }) => events.map(({ policy }) => policy))
      const named = yield* Policy.make({ name: "stock", attemptTimeout: 1_000 })
      const unnamed = yield* Policy.make({ attemptTimeout: 1_000 })
      deepStrictEqual(yield* names(named.protect(Effect.void)), ["stock", "stock"])
      deepStrictEqual(yield* names(unnamed.protect(Effect.void)), ["policy", "policy"])
      deepStrictEqual(yield* names(Retry.retry(Effect.void, {})), ["retry", "retry"])
    }))
})

describe("observe", () => {
  const call = Effect.gen(function*() {
    const policy = yield* Policy.make({ retry: { times: 1, backoff } })
    return yield* policy.protect(Effect.succeed("answer"))
  })

  it.effect("tells every observer, the outermost first", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const note = (who: string) => (event: PolicyEvent.PolicyEvent) => void seen.push(`${who} ${event._tag}`)
      yield* call.pipe(PolicyEvent.observe(note("inner")), (self) => PolicyEvent.observe(self, note("outer")))
      deepStrictEqual(seen, [
        "outer AttemptStarted",
        "inner AttemptStarted",
        "outer AttemptSucceeded",
        "inner AttemptSucceeded"
      ])
    }))

  it.effect("tells an observer of what runs within it, and of nothing else", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      yield* call
      yield* call.pipe(PolicyEvent.observe((event) => void seen.push(event._tag)))
      yield* call
      deepStrictEqual(seen, ["AttemptStarted", "AttemptSucceeded"])
    }))

  it.effect("tells an observer of what fibers within it do", () =>
    Effect.gen(function*() {
      let told = 0
      yield* Effect.flatMap(Effect.forkChild(call), Fiber.join).pipe(PolicyEvent.observe(() => void told++))
      strictEqual(told, 2)
    }))

  it.effect("makes what an observer throws a defect of its call, after the others were told", () =>
    Effect.gen(function*() {
      let told = 0
      const broken = new Error("a broken observer")
      const { exit } = yield* watch(call.pipe(
        PolicyEvent.observe(() => void told++),
        PolicyEvent.observe(() => {
          throw broken
        }),
        PolicyEvent.observe(() => void told++)
      ))
      deepStrictEqual(exit, Exit.die(broken))
      strictEqual(told, 2)
    }))

  it.effect("changes nothing of the call", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ deadline: 9_000, attemptTimeout: 2_000, retry: { times: 3, backoff } })
      const [bare, observed] = [flaky(2), flaky(2)]
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      const took = (self: Effect.Effect<number, unknown>) =>
        Effect.gen(function*() {
          const start = clock.currentTimeMillisUnsafe()
          let end = NaN
          yield* Effect.exit(self).pipe(
            Effect.tap(() => Effect.sync(() => end = clock.currentTimeMillisUnsafe())),
            Effect.provideService(References.MinimumLogLevel, "None"),
            Effect.forkChild({ startImmediately: true })
          )
          yield* TestClock.adjust("1 minute")
          return end - start
        })
      strictEqual(yield* took(policy.protect(bare.effect)), 2_000)
      strictEqual(yield* took(policy.protect(observed.effect).pipe(PolicyEvent.observe(() => {}))), 2_000)
      deepStrictEqual(observed.at, bare.at)
    }))
})

describe("warnings", () => {
  const warn = (error: unknown, options: Retry.Options = { times: 1, backoff }) =>
    Effect.map(watch(Retry.retry(Effect.fail(error), options)), ({ logs }) => logs)

  it.effect("are left out by the level None", () =>
    Effect.map(warn("down", { times: 1, backoff, logLevel: "None" }), (logs) => deepStrictEqual(logs, [])))

  it.effect("are one for each retry, and none for the last failure", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({
        name: "stock",
        retry: { times: 3, backoff: Backoff.exponential({ initial: 250, jitter: { _tag: "None" } }) }
      })
      const { logs } = yield* watch(policy.protect(flaky(9).effect))
      deepStrictEqual(logs, [
        "WARN stock: attempt 1 of 4 failed, next in 250ms: Down",
        "WARN stock: attempt 2 of 4 failed, next in 500ms: Down",
        "WARN stock: attempt 3 of 4 failed, next in 1s: Down"
      ])
    }))

  it.effect("are none when nothing is retried", () =>
    Effect.gen(function*() {
      deepStrictEqual((yield* watch(Retry.retry(Effect.void, {}))).logs, [])
      deepStrictEqual(yield* warn({ isRetryable: false }), [])
    }))

  it.effect("say why a promise was rejected, and not only that it was", () =>
    Effect.gen(function*() {
      const refused = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:1") })
      const call = Effect.tryPromise(() => Promise.reject(refused))
      const { logs } = yield* watch(Retry.retry(call, { times: 1, backoff }))
      assert.include(logs[0], "UnknownError")
      assert.include(logs[0], "TypeError: fetch failed: Error: connect ECONNREFUSED 127.0.0.1:1")
    }))

  it.effect("do not break the call when the error has no words for itself", () =>
    Effect.gen(function*() {
      const mute = {
        get message(): string {
          throw new Error("no words")
        }
      }
      const { exit, logs } = yield* watch(Retry.retry(Effect.fail(mute), { times: 1, backoff }))
      deepStrictEqual(logs, ["WARN retry: attempt 1 of 2 failed, next in 1s: an error without a message"])
      deepStrictEqual(exit, Exit.fail(mute))
    }))

  it.effect("do not show a number of attempts if it is unbounded", () =>
    Effect.gen(function*() {
      const logs = yield* warn("down", { times: Infinity, maxElapsed: "1 second", backoff })
      deepStrictEqual(logs, ["WARN retry: attempt 1 failed, next in 1s: down"])
    }))

  it.effect.each<[error: unknown, text: string]>([
    [new Refused({ message: "try later" }), "Refused: try later"],
    [new Down({ attempt: 1 }), "Down"],
    [new TypeError("not a function"), "TypeError: not a function"],
    [{ _tag: "Busy" }, "Busy"],
    [{ message: "only words" }, "only words"],
    [{ _tag: 5, name: "", message: {} }, "an error without a message"],
    [{}, "an error without a message"],
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"]
  ])("say what failed: %s", ([error, text]) =>
    Effect.gen(function*() {
      deepStrictEqual(yield* warn(error), [`WARN retry: attempt 1 of 2 failed, next in 1s: ${text}`])
    }))

  it.effect("say which timeout it was", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make({ attemptTimeout: "2 seconds", retry: { times: 1, backoff } })
      const { logs } = yield* watch(policy.protect(Effect.never))
      deepStrictEqual(logs, [
        "WARN policy: attempt 1 of 2 failed, next in 1s: " +
        "PolicyError: The attempt took longer than 2s and was interrupted"
      ])
    }))
})

describe("spans", () => {
  it.effect("note each retry on the span in which the call was made", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      const policy = yield* Policy.make({ name: "stock", retry: { times: 2, backoff } })
      const down = flaky(2)
      yield* watch(down.effect.pipe(
        Effect.withSpan("attempt"),
        policy.protect,
        Effect.withSpan("fetch stock"),
        Effect.provideService(Tracer.Tracer, tracer)
      ))
      const noted = spans.map(({ events, name }) => [name, events])
      const event = (attempt: number, at: bigint): Tracer.NativeSpan["events"][number] => [
        "holdfast.retry",
        at,
        {
          "holdfast.policy": "stock",
          "holdfast.attempt": attempt,
          "holdfast.delay_ms": 1_000,
          "holdfast.error": "Down"
        }
      ]
      deepStrictEqual(noted[0], ["fetch stock", [event(1, 0n), event(2, 1_000_000_000n)]])
      deepStrictEqual(noted.slice(1), [["attempt", []], ["attempt", []], ["attempt", []]])
      assertTrue(spans.slice(1).every(({ parent }) => parent._tag === "Some" && parent.value === spans[0]))
    }))
})
