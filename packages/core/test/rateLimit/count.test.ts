/** The count of a process, and the law of its queue. */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Deadline from "@holdfast/core/Deadline"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Store from "effect/persistence/RateLimiter"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { Algorithm, between, fork, inMemory, retryAfter } from "./Fixtures.ts"

const Gaps = Schema.Array(Schema.Literals([0, 0, 0, 1, 3, 20])).check(Schema.isMinLength(10), Schema.isMaxLength(40))

describe("the count of a process", () => {
  law(
    "admits and refuses as Effect's own store does",
    {
      algorithm: Algorithm,
      limit: between(1, 5),
      refill: between(1, 20),
      gaps: Schema.Array(between(0, 30)).check(Schema.isMaxLength(30))
    },
    ({ algorithm, gaps, limit, refill }, reach) =>
      Effect.gen(function*() {
        const window = refill * limit
        const effects = yield* Store.RateLimiter
        const ours = yield* RateLimit.make({ algorithm, limit, window })
        for (const gap of gaps) {
          yield* TestClock.adjust(gap)
          const theirs = yield* effects.consume({ algorithm, limit, window, key: "key", onExceeded: "fail" }).pipe(
            Effect.as(0),
            Effect.catchReason("RateLimiterError", "RateLimitExceeded", (reason) =>
              Effect.succeed(Duration.toMillis(reason.retryAfter))),
            Effect.orDie
          )
          const wait = yield* Effect.match(ours.protect(Effect.void), {
            onSuccess: () =>
              0,
            onFailure: retryAfter
          })
          strictEqual(wait, theirs)
          if (wait > 0) {
            reach("a rejection")
          }
        }
      }).pipe(Effect.provide(inMemory)),
    { reaches: ["a rejection"] }
  )

  law(
    "lets the next one through when it has said, to the millisecond, however a window divides",
    { algorithm: Algorithm, limit: between(1, 8), window: between(1, 200), gaps: Gaps },
    ({ algorithm, gaps, limit, window }, reach) =>
      Effect.gen(function*() {
        const ours = yield* RateLimit.make({ algorithm, limit, window })
        const admitted: Array<number> = []
        const wait = Effect.match(
          ours.protect(Effect.map(Clock.currentTimeMillis, (at) => admitted.push(at))),
          { onSuccess: () => 0, onFailure: retryAfter }
        )
        for (const gap of gaps) {
          yield* TestClock.adjust(gap)
          const millis = yield* wait
          if (millis === 0) continue
          if (window % limit > 0) reach("a wait in a window that does not divide")
          yield* TestClock.adjust(millis - 1)
          strictEqual(yield* wait, 1)
          yield* TestClock.adjust(1)
          strictEqual(yield* wait, 0)
        }
        // Two windows may meet, and a full bucket flows on: twice the limit is the most that passes within a window.
        for (const [i, at] of admitted.entries()) {
          assertTrue((admitted[i + 2 * limit] ?? Infinity) - at >= window, `${admitted}`)
        }
      }),
    { reaches: ["a wait in a window that does not divide"] }
  )
})

const Call = Schema.Struct({
  gap: between(0, 3),
  interruptAfter: Schema.Literals(["never", "never", "never", 0, 1, 4]),
  deadline: Schema.Literals(["none", "none", 0, 1, 3, 8])
})

const Script = Schema.Struct({
  algorithm: Algorithm,
  limit: between(1, 3),
  refill: between(1, 3),
  maxWait: between(0, 9),
  queue: Schema.Literals(["any", "any", 0, 1, 2]),
  calls: Schema.Array(Call).check(Schema.isMinLength(4), Schema.isMaxLength(8)),
  /** Calls of other processes to the same store, or no store. */
  others: Schema.Union([Schema.Literal("no store"), Schema.Array(between(0, 8)).check(Schema.isMaxLength(5))])
})
type Script = typeof Script.Type

// Times of a script never coincide, so that there is one right order: each call adds bits of its own.
const unit = 2 ** 26
const timesOf = (script: Script) => {
  let at = unit
  return {
    refill: script.refill * unit,
    window: script.refill * unit * script.limit,
    maxWait: script.maxWait === 0 ? 0 : script.maxWait * unit + 2 ** 20,
    queue: script.queue === "any" ? Infinity : script.queue,
    calls: script.calls.map(({ deadline, gap, interruptAfter }, call) => {
      at += gap * unit
      const arrival = at + 2 ** call
      return {
        arrival,
        interrupt: interruptAfter === "never" ? Infinity : arrival + interruptAfter * unit + 2 ** 21,
        deadline: deadline === "none" ? Infinity : arrival + deadline * unit + 2 ** 22
      }
    }),
    others: script.others === "no store" ? [] : script.others.map((at, other) => (1 + at) * unit + 2 ** (10 + other))
  }
}

type Story = readonly [how: "admitted" | "rejected" | "interrupted", at: number, retryAfter?: number]

/** What should happen: the earliest of all that is due, again and again. */
const naive = (script: Script): ReadonlyArray<Story | undefined> => {
  const { calls, maxWait, others, queue, refill, window } = timesOf(script)
  const { algorithm, limit } = script
  const stories = calls.map((): Story | undefined => undefined)
  let count = 0
  let ends = 0
  let tokens = limit
  let since = 0
  const take = (at: number): number => {
    if (algorithm === "fixed-window") {
      if (ends <= at) {
        count = 0
        ends = at
      }
      if (count === limit) return ends - at
      count++
      ends += refill
      return 0
    }
    while (tokens < limit && since + refill <= at) {
      tokens++
      since += refill
    }
    if (tokens === limit) since = at
    if (tokens === 0) return since + refill - at
    tokens--
    return 0
  }
  let nextAt = 0
  const waiting: Array<{ readonly call: number; readonly until: number }> = []
  const expected = () =>
    nextAt + (algorithm === "fixed-window" ? Math.floor(waiting.length / limit) * window : waiting.length * refill)
  const serve = (at: number) => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (at >= nextAt) {
        const wait = take(at)
        if (wait === 0) {
          waiting.shift()
          stories[first.call] = ["admitted", at]
          continue
        }
        nextAt = at + wait
      }
      if (nextAt <= first.until) return
      waiting.shift()
      stories[first.call] = ["rejected", at, expected() - at]
    }
  }
  const arrive = (call: number, at: number, deadline: number) => {
    if (waiting.length === 0 && at >= nextAt) {
      const wait = take(at)
      if (wait === 0) {
        stories[call] = ["admitted", at]
        return
      }
      nextAt = at + wait
    }
    const until = Math.min(at + maxWait, deadline - 1)
    if (expected() > until || waiting.length >= queue) stories[call] = ["rejected", at, expected() - at]
    else waiting.push({ call, until })
  }
  const leave = (call: number) => waiting.splice(waiting.findIndex((one) => one.call === call), 1)
  const due: Array<readonly [at: number, act: () => void]> = [
    ...calls.map(({ arrival, deadline }, call) => [arrival, () => arrive(call, arrival, deadline)] as const),
    ...others.map((at) => [at, () => take(at)] as const)
  ]
  for (;;) {
    const now = [...due]
    if (waiting.length > 0) now.push([nextAt, () => serve(nextAt)])
    for (const { call, until } of waiting) {
      const { interrupt = Infinity } = calls[call] ?? {}
      now.push([interrupt, () => {
        leave(call)
        stories[call] = ["interrupted", interrupt]
        serve(interrupt)
      }])
      if (waiting[0]?.call !== call) {
        now.push([until, () => {
          leave(call)
          stories[call] = ["rejected", until, Math.max(1, expected() - until)]
        }])
      }
    }
    const next = now.toSorted((a, b) => a[0] - b[0])[0]
    if (next === undefined || next[0] === Infinity) return stories
    const index = due.indexOf(next)
    if (index >= 0) due.splice(index, 1)
    next[1]()
  }
}

describe("C6", () => {
  law(
    "admits, queues, rejects and forgets calls as a naive model does",
    { script: Script },
    ({ script }, reach) =>
      Effect.gen(function*() {
        const { calls, maxWait, others, queue, window } = timesOf(script)
        const { algorithm, limit } = script
        const startedAt = yield* Clock.currentTimeMillis
        const now = Effect.map(Clock.currentTimeMillis, (at) => at - startedAt)
        const name = script.others === "no store" ? undefined : "limit"
        const rateLimit = yield* RateLimit.make({ algorithm, limit, window, maxWait, queue, name })
        const store = yield* Store.RateLimiter
        for (const at of others) {
          const other = store.consume({ algorithm, limit, window, key: "limit", onExceeded: "fail" })
          yield* fork(Effect.delay(Effect.ignore(other), at))
        }
        const stories: Array<Story | undefined> = []
        for (const [call, { arrival, deadline, interrupt }] of calls.entries()) {
          const fiber = yield* rateLimit.protect(now).pipe(
            Effect.provideService(Deadline.Deadline, startedAt + deadline),
            Effect.delay(arrival),
            Effect.onExit((exit) =>
              Effect.map(now, (at) => {
                if (Exit.isSuccess(exit)) {
                  strictEqual(exit.value, at)
                  stories[call] = ["admitted", at]
                } else {
                  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
                  stories[call] = error === undefined
                    ? ["interrupted", at]
                    : ["rejected", at, retryAfter(error)]
                }
              })
            ),
            fork
          )
          if (interrupt < Infinity) yield* fork(Effect.delay(Fiber.interrupt(fiber), interrupt))
        }
        for (let step = 0; step < 12; step++) {
          yield* TestClock.adjust(10 * unit)
          assertTrue((yield* rateLimit.stats()).waiting <= queue)
        }
        deepStrictEqual(Array.from(stories), naive(script))
        strictEqual((yield* rateLimit.stats()).waiting, 0)
        strictEqual((yield* rateLimit.stats()).rejections, stories.filter((story) => story?.[0] === "rejected").length)
        for (const [call, story] of stories.entries()) {
          if (story?.[0] === "rejected") reach("a rejection")
          if (story?.[0] === "interrupted") reach("an interrupted wait")
          if (story?.[0] === "admitted" && story[1] > (calls[call]?.arrival ?? Infinity)) {
            reach("a permission after a wait")
          }
        }
      }).pipe(Effect.provide(inMemory)),
    { cases: 2_000, reaches: ["a rejection", "an interrupted wait", "a permission after a wait"] }
  )
})
