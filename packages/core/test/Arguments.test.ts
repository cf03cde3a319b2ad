import { describe, it } from "@effect/vitest"
import { assertInstanceOf, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Arguments from "@holdfast/core/Arguments"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** The message of the `RangeError` that options as a program of plain JavaScript gives them come to. */
const refused = (options: unknown): string => {
  const exit = Effect.runSyncExit(Policy.make(options as Policy.Options))
  const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  assertInstanceOf(defect, RangeError)
  return defect.message
}

describe("the options of a policy", () => {
  it("are refused with all faults at once, each with its path", () => {
    strictEqual(
      refused({
        deadline: "soon",
        bulkhead: { limit: 0, que: 4 },
        retry: { backoff: 5, budget: { ratio: -1, rati: 1 }, retryAfter: { maxx: 1 } },
        circuitBreaker: { trip: { _tag: "CountRate", threshold: 2, minimumCalls: 9, size: 3 }, openfor: 1 },
        hedge: { after: { _tag: "Quantile" } }
      }).split(/: \d+ options are invalid: |; /).slice(0, 8).join("\n"),
      [
        "Policy.make",
        "deadline must be a finite duration above zero, such as \"30 seconds\" or \"1m 30s\", got \"soon\"",
        "bulkhead.limit must be a whole number of 1 or more, got 0",
        "bulkhead.que is not an option (`que`: did you mean `queue`?)",
        "retry.retryAfter.maxx is not an option (`maxx`: did you mean `max`?)",
        "retry.backoff must be a Backoff or another Schedule (data: PolicyData.toOptions), got 5",
        "retry.budget.ratio must be a number of 0 or more, got -1",
        "retry.budget.rati is not an option (`rati`: did you mean `ratio`?)"
      ].join("\n")
    )
  })

  it.each([
    [{ retry: { maxAttempts: 3 } }, "retry.maxAttempts is not an option (`maxAttempts`: did you mean `times`?)"],
    [{ retry: { max_retries: 3 } }, "retry.max_retries is not an option (`max_retries`: did you mean `times`?)"],
    [{ retry: { retryIf: () => true } }, "retry.retryIf is not an option (`retryIf`: did you mean `while`?)"],
    [{ retry: { delay: 5 } }, "retry.delay is not an option (`delay`: did you mean `backoff`?)"],
    [
      { circuitBreaker: { resetTimeout: 5 } },
      "circuitBreaker.resetTimeout is not an option (`resetTimeout`: did you mean"
    ],
    [{ circuitBreaker: { failureThreshold: 5 } }, "(`failureThreshold`: did you mean `trip`?)"],
    [{ bulkhead: { limit: 1, maxConcurrent: 5 } }, "(`maxConcurrent`: did you mean `limit`?)"],
    [{ rateLimit: { limit: 1, window: 5, interval: 5 } }, "(`interval`: did you mean `window`?)"],
    [{ retries: 3 }, "retries is not an option (`retries`: did you mean `retry`?)"],
    [{ timeout: 3 }, "timeout is not an option (`timeout`: did you mean `attemptTimeout`?)"]
  ])("suggest what another library calls by another name: %o", (options, message) => {
    assertTrue(refused(options).includes(message))
  })

  it("are listed once, however many are unknown", () => {
    strictEqual(refused({ retry: { foo: 1, quux: 2 } }).split("the options are").length, 2)
  })

  it("are refused together where they are impossible together, beside other faults", () => {
    const message = refused({ deadline: "1s", attemptTimeout: "2s", nme: "x" })
    assertTrue(message.includes("attemptTimeout must not be longer than the deadline (1000 millis), got 2000 millis"))
    assertTrue(message.includes("nme is not an option (`nme`: did you mean `name`?)"))
  })

  it("may be getters and proxies: each is read once, and one that throws is a fault like another", () => {
    let reads = 0
    const counted = {
      get limit() {
        reads++
        return 3
      }
    }
    Effect.runSync(Policy.make({ bulkhead: counted }))
    strictEqual(reads, 1)
    const throwing = {
      get limit(): number {
        throw new Error("not today")
      }
    }
    strictEqual(refused({ bulkhead: throwing }), "Policy.make: bulkhead.limit could not be read: not today")
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    assertTrue(refused({ retry: proxy }).startsWith("Policy.make: retry could not be read: "))
  })
})

describe("durations", () => {
  const rows: ReadonlyArray<readonly [input: unknown, millis: number]> = [
    ["30s", 30_000],
    ["1m 30s", 90_000],
    ["500ms", 500],
    ["1.5s", 1_500],
    ["2h", 7_200_000],
    ["1d 2h", 93_600_000],
    ["250us", 0.25],
    ["1 minute 30 seconds", 90_000],
    ["30 seconds", 30_000],
    [250, 250],
    [250_000_000n, 250],
    [[1, 500_000_000], 1_500],
    [{ minutes: 1, seconds: 30 }, 90_000],
    [Duration.seconds(3), 3_000]
  ]

  it.each(rows)("reads %o", (input, millis) => {
    strictEqual(Arguments.check("test", Arguments.duration({ min: 0 }), input), millis)
  })

  it("reads what Duration.format writes", () => {
    for (let millis = 1; millis < 1e9; millis = Math.ceil(millis * 1.37)) {
      strictEqual(
        Arguments.check("test", Arguments.duration({ min: 0 }), Duration.format(Duration.millis(millis))),
        millis
      )
    }
  })

  it.each(["soon", "", "30", "30 parsecs", "30s 1m", "1s1s", "s", {}, [], null, true, () => 1, NaN, -1, "-1 seconds"])(
    "refuses %o by its path",
    (input) => {
      const [fault] = Arguments.faults(Arguments.struct({ wait: Arguments.duration({ min: 0 }) }), { wait: input })
      deepStrictEqual(fault?.path, ["wait"])
      assertTrue(fault?.message.startsWith("must be a finite duration of zero or more"))
    }
  )

  const bounds: ReadonlyArray<[bounds: Arguments.Bounds, expected: string, edge: number, valid: boolean]> = [
    [{ min: 0 }, "a finite duration of zero or more", 0, true],
    [{ above: 0 }, "a finite duration above zero", 0, false],
    [{ above: 1_000 }, "a finite duration above 1s", 1_000, false],
    [{ min: 1, max: 2_000 }, "a finite duration of 1ms or more, at most 2s", 2_000, true],
    [{ above: 0, infinite: true }, "a duration above zero", Infinity, true],
    [{ above: 0 }, "a finite duration above zero", Infinity, false]
  ]

  it.each(bounds)("says of the bounds %o what is valid", (bounds, expected, edge, valid) => {
    const message = (input: unknown) => Arguments.faults(Arguments.duration(bounds), input)[0]?.message
    for (const input of [-1, NaN, -Infinity, "-1s"]) assertTrue(message(input)?.startsWith(`must be ${expected}`))
    strictEqual(message(edge) === undefined, valid)
  })

  it.each([
    [{ seconds: NaN }, "{\"seconds\":\"NaN\"}"],
    [{ seconds: -Infinity }, "{\"seconds\":\"-Infinity\"}"],
    [[NaN, 0], "[\"NaN\",0]"],
    [{ seconds: 1n }, "{\"seconds\":\"1n\"}"],
    [{ seconds: Symbol.iterator }, "{\"seconds\":\"Symbol(Symbol.iterator)\"}"]
  ])("refuses %o and shows it", (input, shown) => {
    const [fault] = Arguments.faults(Arguments.duration({ above: 0 }), input)
    assertTrue(fault?.message.endsWith(`, got ${shown}`), fault?.message)
  })
})

describe("makeFrom", () => {
  it.effect("a larger limit lets those in who wait for a permit", () =>
    Effect.gen(function*() {
      const one = yield* Bulkhead.make({ limit: 1, queue: 5, maxWait: "1 minute" })
      const running = yield* Effect.forkChild(one.protect(Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.forkChild(one.protect(Effect.never), { startImmediately: true })
      )
      const two = yield* Bulkhead.makeFrom(one, { limit: 3, queue: 1 })
      yield* TestClock.adjust(1)
      deepStrictEqual(yield* two.stats(), { running: 3, waiting: 1, limit: 3, queue: 1, rejections: 0 })
      strictEqual((yield* Effect.flip(two.protect(Effect.void))).reason._tag, "BulkheadFull")
      yield* Fiber.interruptAll([running, ...waiting])
      deepStrictEqual(yield* two.stats(), { running: 0, waiting: 0, limit: 3, queue: 1, rejections: 1 })
    }))

  it.effect("a higher rate lets those through who wait, in their order", () =>
    Effect.gen(function*() {
      const one = yield* RateLimit.make({ limit: 1, window: "1 minute", maxWait: "10 minutes" })
      yield* one.protect(Effect.void)
      const through: Array<number> = []
      const waiting = yield* Effect.forEach(
        [1, 2],
        (n) => Effect.forkChild(one.protect(Effect.sync(() => through.push(n))), { startImmediately: true })
      )
      yield* RateLimit.makeFrom(one, { limit: 10, window: "1 minute", maxWait: "10 minutes" })
      yield* TestClock.adjust(1)
      deepStrictEqual(through, [1, 2])
      yield* Fiber.joinAll(waiting)
    }))
})

describe("show", () => {
  const held: ReadonlyArray<readonly [unknown, string]> = [
    [3n, "3n"],
    [{ limit: 3n }, "{\"limit\":\"3n\"}"],
    [-0, "-0"],
    [new Map([["limit", 1]]), "a Map"],
    [new Set([1]), "a Set"],
    [/a/u, "a RegExp"],
    [new Error("down"), "an Error"],
    [new Date(NaN), "a Date"],
    [{}, "{}"],
    [Object.create(null), "{}"],
    [null, "null"],
    [
      new (class Gate {
        readonly limit = 1
      })(),
      "{\"limit\":1}"
    ]
  ]
  it.each(held)(
    "names a value that JSON does not hold (%#)",
    (value, words) => strictEqual(Arguments.show(value), words)
  )
})
