import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import type { StopReason } from "@holdfast/core/PolicyEvent"
import * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { Down, flaky, rangeError, watch } from "./Script.ts"

const failure = { error: new Down({ attempt: 1 }), attempt: 1, elapsed: 0, remaining: Infinity, delay: 100, random: 0 }

const stop = (reason: StopReason, because?: string): Retry.Decision => ({ _tag: "Stop", reason, because })
const retry = (delay: number): Retry.Decision => ({ _tag: "Retry", delay })

const asking = (retryAfter: unknown) => ({ _tag: "Busy", retryAfter })

/** A second before every retry. */
const backoff = Backoff.constant({ delay: "1 second" })

describe("decide", () => {
  it("allows as many retries as `times` says, three if it says nothing", () => {
    for (const [times, allowed] of [[undefined, 3], [0, 0], [1, 1], [5, 5]] as const) {
      const { decide } = Retry.make({ times })
      for (let attempt = 1; attempt <= allowed; attempt++) deepStrictEqual(decide({ ...failure, attempt }), retry(100))
      deepStrictEqual(decide({ ...failure, attempt: allowed + 1 }), stop("times"))
    }
  })

  it("waits for whole milliseconds, and no longer than the backoff says", () => {
    deepStrictEqual(Retry.make().decide({ ...failure, delay: 0 }), retry(0))
    deepStrictEqual(Retry.make().decide({ ...failure, delay: 0.9 }), retry(0))
    deepStrictEqual(Retry.make().decide({ ...failure, delay: 99.99 }), retry(99))
  })

  it("leaves an error alone that says it is not retryable, and no other", () => {
    const { decide } = Retry.make<unknown>()
    deepStrictEqual(decide({ ...failure, error: { isRetryable: false } }), stop("notRetryable"))
    for (
      const error of [{ isRetryable: true }, { isRetryable: undefined }, {}, "text", null, undefined, new Error("e")]
    ) {
      deepStrictEqual(decide({ ...failure, error }), retry(100))
    }
  })

  it("asks `while` instead of the error, if there is one", () => {
    const { decide } = Retry.make<Down>({ while: (error) => error.attempt < 3 })
    deepStrictEqual(decide({ ...failure, error: new Down({ attempt: 2, isRetryable: false }) }), retry(100))
    deepStrictEqual(decide({ ...failure, error: new Down({ attempt: 3 }) }), stop("notRetryable"))
  })

  it("passes on why `while` refused", () => {
    const { decide } = Retry.make({ while: () => Retry.refuse("a payment is never sent twice") })
    deepStrictEqual(decide(failure), stop("notRetryable", "a payment is never sent twice"))
  })

  it("starts no attempt after `maxElapsed`", () => {
    const { decide } = Retry.make({ maxElapsed: "1 second" })
    deepStrictEqual(decide({ ...failure, elapsed: 900 }), retry(100))
    deepStrictEqual(decide({ ...failure, elapsed: 901 }), stop("elapsed"))
    deepStrictEqual(decide({ ...failure, elapsed: 0, delay: 1001 }), stop("elapsed"))
  })

  it("sleeps no delay that the deadline would cut", () => {
    const { decide } = Retry.make()
    deepStrictEqual(decide({ ...failure, remaining: 101 }), retry(100))
    deepStrictEqual(decide({ ...failure, remaining: 100 }), stop("deadline"))
    deepStrictEqual(decide({ ...failure, remaining: 0, delay: 0 }), stop("deadline"))
  })

  it.each(
    [
      ["clamp", 2_000, retry(2_000)],
      ["clamp", 60_000, retry(60_000)],
      ["clamp", 86_400_000, retry(60_000)],
      ["giveUp", 2_000, retry(2_000)],
      ["giveUp", 60_000, retry(60_000)],
      ["giveUp", 60_001, stop("retryAfter", "asked to wait 1m 1ms")],
      ["giveUp", 86_400_000, stop("retryAfter", "asked to wait 1d")],
      ["wait", 2_000, retry(2_000)],
      ["wait", 86_400_000, retry(86_400_000)],
      [undefined, 86_400_000, retry(60_000)]
    ] as const
  )("in mode %s makes of a hint of %d ms: %o", (mode, hint, decision) => {
    const { decide } = Retry.make<unknown>({ retryAfter: { mode } })
    deepStrictEqual(decide({ ...failure, error: asking(Duration.millis(hint)) }), decision)
  })

  it("takes a maximum for hints other than a minute", () => {
    const error = asking(Duration.seconds(20))
    const max = "10 seconds"
    deepStrictEqual(Retry.make<unknown>({ retryAfter: { max } }).decide({ ...failure, error }), retry(10_000))
    deepStrictEqual(
      Retry.make<unknown>({ retryAfter: { max, mode: "giveUp" } }).decide({ ...failure, error }),
      stop("retryAfter", "asked to wait 20s")
    )
  })

  it("adds up to a tenth above a hint, and never comes back before it", () => {
    const { decide } = Retry.make<unknown>({ retryAfter: { mode: "wait" } })
    for (const hint of [1, 7, 999, 1_000, 86_400_000]) {
      for (const random of [0, 0.3, 0.5, 0.9999]) {
        const decision = decide({ ...failure, delay: 0, random, error: asking(Duration.millis(hint)) })
        const delay = decision._tag === "Retry" ? decision.delay : NaN
        assertTrue(delay >= hint && delay <= Math.ceil(hint * 1.1), `${delay} for a hint of ${hint}`)
        strictEqual(delay, Math.ceil(hint * (1 + random / 10)))
      }
    }
  })

  it("adds up to another share above a hint, by number or by a function of the error", () => {
    const error = asking(Duration.seconds(10))
    const delay = (spread: number | ((error: unknown) => number)) => {
      const { decide } = Retry.make<unknown>({ retryAfter: { mode: "wait", spread } })
      return decide({ ...failure, delay: 0, random: 0.5, error })
    }
    deepStrictEqual(delay(0), retry(10_000))
    deepStrictEqual(delay(3), retry(25_000))
    deepStrictEqual(delay((own) => own === error ? 1 : 0), retry(15_000))
    for (const share of [-1, Number.NaN, Infinity, "much"]) deepStrictEqual(delay(() => share as number), retry(10_000))
    for (const spread of [-1, Number.NaN, Infinity, "1"]) {
      assertTrue(
        rangeError(() => Retry.make({ retryAfter: { spread: spread as number } })).includes("retryAfter.spread must be")
      )
    }
  })

  it("waits for the longer of the hint and the backoff", () => {
    const { decide } = Retry.make<unknown>()
    const error = asking(Duration.seconds(1))
    deepStrictEqual(decide({ ...failure, error, delay: 5_000 }), retry(5_000))
    deepStrictEqual(decide({ ...failure, error, delay: 500 }), retry(1_000))
  })

  it("holds a hint to `maxElapsed` and the deadline, as any delay", () => {
    const error = asking(Duration.seconds(10))
    deepStrictEqual(Retry.make<unknown>({ maxElapsed: 9_000 }).decide({ ...failure, error }), stop("elapsed"))
    deepStrictEqual(Retry.make<unknown>().decide({ ...failure, error, remaining: 9_000 }), stop("deadline"))
  })

  it("takes no hint from what is not a duration above zero", () => {
    for (const retryAfter of [5_000, "5 seconds", null, undefined, Duration.zero, Duration.seconds(-1)]) {
      deepStrictEqual(Retry.make<unknown>().decide({ ...failure, error: asking(retryAfter) }), retry(100))
    }
  })

  it("never waits for ever, even if it is asked to", () => {
    const error = asking(Duration.infinity)
    for (const mode of ["clamp", "giveUp", "wait"] as const) {
      strictEqual(Retry.make<unknown>({ retryAfter: { mode } }).decide({ ...failure, error })._tag, "Stop")
    }
  })
})

describe("retry", () => {
  it.effect("starts the next attempt after the delay, and stops at the first success", () =>
    Effect.gen(function*() {
      const down = flaky(2)
      const { exit, took } = yield* watch(Retry.retry(down.effect, { backoff }))
      deepStrictEqual(exit, Exit.succeed(3))
      deepStrictEqual(down.at, [0, 1000, 2000])
      strictEqual(took, 2000)
    }))

  it.effect("waits for the delay from the end of an attempt, not from its start", () =>
    Effect.gen(function*() {
      const down = flaky(1)
      const { took } = yield* watch(Retry.retry(Effect.ensuring(down.effect, Effect.sleep("5 seconds")), { backoff }))
      deepStrictEqual(down.at, [0, 6000])
      strictEqual(took, 11_000)
    }))

  it.effect("takes its options first or last", () =>
    Effect.gen(function*() {
      const [first, last] = [flaky(9), flaky(9)]
      yield* watch(Retry.retry(first.effect, { times: 2, backoff }))
      yield* watch(last.effect.pipe(Retry.retry({ times: 2, backoff })))
      deepStrictEqual(first.at, [0, 1000, 2000])
      deepStrictEqual(last.at, first.at)
    }))

  it.effect("runs once when there are no retries", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const { logs } = yield* watch(Retry.retry(down.effect, { times: 0 }))
      deepStrictEqual(down.at, [0])
      deepStrictEqual(logs, [])
    }))

  it.effect("counts anew each time that the effect is run", () =>
    Effect.gen(function*() {
      const down = flaky(Infinity)
      const retrying = Retry.retry(down.effect, { times: 1, backoff: Backoff.exponential({ initial: "1 second" }) })
      yield* watch(retrying)
      yield* watch(retrying)
      strictEqual(down.at.length, 4)
    }))

  it.effect("fails with the last error itself", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const { exit } = yield* watch(Retry.retry(down.effect, { times: 2, backoff }))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      strictEqual(down.errors.length, 3)
      strictEqual(error, down.errors[2])
    }))

  it.effect("leaves the cause of the last failure as it is, with its annotations", () =>
    Effect.gen(function*() {
      class RequestId extends Context.Service<RequestId, string>()("test/RequestId") {}
      let attempts = 0
      const failing = Effect.suspend(() =>
        Effect.failCause(Cause.annotate(Cause.fail("down"), Context.make(RequestId, `request ${++attempts}`)))
      )
      const { exit } = yield* watch(Retry.retry(failing, { times: 2, backoff }))
      assertTrue(Exit.isFailure(exit))
      strictEqual(exit.cause.reasons.length, 1)
      strictEqual(Context.getOrUndefined(Cause.annotations(exit.cause), RequestId), "request 3")
    }))

  it.effect("keeps every reason of a cause that failed in parallel, and retries it by the first", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const cause = Cause.combine(Cause.fail("first"), Cause.fail("second"))
      const { exit } = yield* watch(Retry.retry(Effect.failCause(cause), {
        times: 1,
        backoff,
        while: (error: string) => asked.push(error) > 0
      }))
      deepStrictEqual(asked, ["first", "first"])
      deepStrictEqual(exit, Exit.failCause(cause))
    }))

  const untouched: ReadonlyArray<[name: string, cause: Cause.Cause<string>]> = [
    ["a defect", Cause.die("defect")],
    ["an interruption", Cause.interrupt(1)],
    ["a failure beside a defect", Cause.combine(Cause.fail("down"), Cause.die("defect"))],
    ["an empty cause", Cause.empty]
  ]

  it.effect("retries a failure beside an interruption, as `Effect.retry` does", () =>
    Effect.gen(function*() {
      const both = Effect.failCause(Cause.combine(Cause.fail("down"), Cause.interrupt(1)))
      let attempts = 0
      const attempt = Effect.suspend(() => ++attempts === 1 ? both : Effect.succeed(attempts))
      deepStrictEqual((yield* watch(Retry.retry(attempt, { backoff }))).exit, Exit.succeed(2))
      attempts = 0
      deepStrictEqual((yield* watch(Effect.retry(attempt, { times: 1 }))).exit, Exit.succeed(2))
    }))

  it.effect.each(untouched)("does not retry %s", ([, cause]) =>
    Effect.gen(function*() {
      let attempts = 0
      const { exit, logs, took } = yield* watch(Retry.retry(
        Effect.suspend(() => {
          attempts++
          return Effect.failCause(cause)
        }),
        { backoff }
      ))
      deepStrictEqual(exit, Exit.failCause(cause))
      strictEqual(attempts, 1)
      strictEqual(took, 0)
      deepStrictEqual(logs, [])
    }))

  it.effect("retries at once when the delay is zero", () =>
    Effect.gen(function*() {
      const down = flaky(3)
      const { took } = yield* watch(Retry.retry(down.effect, { backoff: Backoff.constant({ delay: 0 }) }))
      strictEqual(took, 0)
      deepStrictEqual(down.at, [0, 0, 0, 0])
    }))

  it.effect("obeys the hint of an error", () =>
    Effect.gen(function*() {
      const starts: Array<number> = []
      let attempts = 0
      const busy = Effect.clockWith((clock) => {
        starts.push(clock.currentTimeMillisUnsafe())
        return Effect.fail(new Down({ attempt: ++attempts, retryAfter: Duration.seconds(10) }))
      })
      yield* watch(Retry.retry(busy, { times: 1, backoff }), 3)
      const waited = (starts[1] ?? NaN) - (starts[0] ?? NaN)
      assertTrue(waited >= 10_000 && waited <= 11_000, `waited ${waited}`)
      strictEqual(starts.length, 2)
    }))

  it.effect("starts no attempt after `maxElapsed`, however slow the attempts are", () =>
    Effect.gen(function*() {
      const down = flaky(9)
      const slow = Effect.ensuring(down.effect, Effect.sleep("3 seconds"))
      const { events, took } = yield* watch(Retry.retry(slow, { times: Infinity, maxElapsed: "8 seconds", backoff }))
      deepStrictEqual(down.at, [0, 4000, 8000])
      strictEqual(took, 11_000)
      deepStrictEqual(events.at(-1)?._tag, "RetryStopped")
    }))
})

describe("a predicate that throws", () => {
  it.effect("is a defect of the call, at whatever time it is asked", () =>
    Effect.gen(function*() {
      for (const attempt of [Effect.fail("down"), Effect.delay(Effect.fail("down"), "1 second")]) {
        const { exit } = yield* watch(Retry.retry(attempt, {
          while: () => {
            throw new TypeError("broken predicate")
          }
        }))
        deepStrictEqual(exit, Exit.die(new TypeError("broken predicate")))
      }
    }))
})

describe("with a schedule", () => {
  it.effect("waits as it says and ends when it ends", () =>
    Effect.gen(function*() {
      const down = flaky(Infinity)
      const schedule = Schedule.max([Schedule.exponential("1 second"), Schedule.recurs(3)])
      const { events, exit } = yield* watch(Retry.retry(down.effect, { times: Infinity, backoff: schedule }))
      deepStrictEqual(down.at, [0, 1000, 3000, 7000])
      deepStrictEqual(exit, Exit.fail(new Down({ attempt: 4 })))
      const last = events.at(-1)
      strictEqual(last?._tag === "RetryStopped" ? last.reason : last, "schedule")
    }))

  it.effect("makes no more retries than `times`, even if the schedule has more", () =>
    Effect.gen(function*() {
      const down = flaky(Infinity)
      yield* watch(Retry.retry(down.effect, { times: 1, backoff: Schedule.recurs(3) }))
      strictEqual(down.at.length, 2)
    }))

  it.effect("steps it with each error, and not before the first", () =>
    Effect.gen(function*() {
      const down = flaky(2)
      const stepped: Array<number> = []
      const schedule = Schedule.tap(
        Schedule.setInputType<Down>()(Schedule.spaced("1 second")),
        ({ input }) => Effect.sync(() => stepped.push(input.attempt))
      )
      yield* watch(Retry.retry(down.effect, { backoff: schedule }))
      deepStrictEqual(stepped, [1, 2])
      yield* watch(Retry.retry(Effect.void, { backoff: schedule }))
      deepStrictEqual(stepped, [1, 2])
    }))

  it.effect("begins anew each time that the effect is run", () =>
    Effect.gen(function*() {
      const backoff = Schedule.exponential("1 second")
      for (const down of [flaky(2), flaky(2)]) {
        yield* watch(Retry.retry(down.effect, { backoff }))
        deepStrictEqual(down.at, [0, 1000, 3000])
      }
    }))

  it.effect("that waits for ever ends the retries instead", () =>
    Effect.gen(function*() {
      const { exit, took } = yield* watch(
        Retry.retry(Effect.fail("down"), { backoff: Schedule.spaced(Duration.infinity) })
      )
      deepStrictEqual(exit, Exit.fail("down"))
      strictEqual(took, 0)
    }))

  it.effect("fails with the error of its step, or of its start", () =>
    Effect.gen(function*() {
      const step = Schedule.fromStep<Down, number, never, never, string, never>(
        Effect.succeed(() => Effect.fail("no more steps"))
      )
      deepStrictEqual((yield* watch(Retry.retry(flaky(1).effect, { backoff: step }))).exit, Exit.fail("no more steps"))
      const start = Schedule.fromStep<Down, number, never, string, never, never>(Effect.fail("no start"))
      deepStrictEqual((yield* watch(Retry.retry(flaky(1).effect, { backoff: start }))).exit, Exit.fail("no start"))
      deepStrictEqual((yield* watch(Retry.retry(flaky(0).effect, { backoff: start }))).exit, Exit.succeed(1))
    }))

  it.effect("has what it needs from the context of the call", () =>
    Effect.gen(function*() {
      class Patience extends Context.Service<Patience, Duration.Duration>()("test/Patience") {}
      const patient = Schedule.addDelay(Schedule.forever, () => Patience)
      const down = flaky(2)
      yield* watch(Effect.provideService(Retry.retry(down.effect, { backoff: patient }), Patience, Duration.seconds(7)))
      deepStrictEqual(down.at, [0, 7000, 14_000])
    }))

  it.effect("draws from the chance of the call", () =>
    Effect.gen(function*() {
      const delays = (seed: number) =>
        Effect.gen(function*() {
          const down = flaky(4)
          yield* watch(
            Retry.retry(down.effect, { times: 4, backoff: Schedule.jittered(Schedule.spaced("1 minute")) }),
            seed
          )
          return down.at
        })
      deepStrictEqual(yield* delays(1), yield* delays(1))
      assertTrue(String(yield* delays(1)) !== String(yield* delays(2)))
    }))
})

describe("arguments", () => {
  const cases: ReadonlyArray<[options: Retry.DecisionOptions, message: string]> = [
    [{ times: 1.5 }, "times must be a whole number of 0 or more, got 1.5"],
    [{ times: -1 }, "times must be a whole number of 0 or more, got -1"],
    [{ times: NaN }, "times must be a whole number of 0 or more, got NaN"],
    [{ times: -Infinity }, "times must be a whole number of 0 or more, got -Infinity"],
    [
      { times: Infinity },
      "times must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity"
    ],
    [
      { times: Infinity, backoff },
      "times must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity"
    ],
    [{ maxElapsed: -1 }, "maxElapsed must be a finite duration of zero or more, got -1"],
    [{ maxElapsed: NaN }, "maxElapsed must be a finite duration of zero or more, got NaN"],
    [{ maxElapsed: Infinity }, "maxElapsed must be a finite duration of zero or more, got Infinity"],
    [{ retryAfter: { max: -1 } }, "retryAfter.max must be a finite duration of zero or more, got -1"],
    [{ retryAfter: { max: Infinity } }, "retryAfter.max must be a finite duration of zero or more, got Infinity"]
  ]

  it.each(cases)("refuses %o", (options, message) => {
    strictEqual(rangeError(() => Retry.make(options)), `Retry.make: ${message}`)
    strictEqual(rangeError(() => Retry.retry(Effect.void, options)), `Retry.retry: ${message}`)
    strictEqual(rangeError(() => Retry.retry(options)(Effect.void)), `Retry.retry: ${message}`)
  })

  it("takes retries without number where something else ends them", () => {
    strictEqual(Retry.make({ times: Infinity, maxElapsed: "1 minute" }).times, Infinity)
    strictEqual(Retry.make({ times: Infinity, backoff: Schedule.recurs(100) }).times, Infinity)
  })
})
