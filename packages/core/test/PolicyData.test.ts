/**
 * Policies as data: what a file may hold, and the faults of an invalid one.
 */
import { describe, it } from "@effect/vitest"
import { assertEquals, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Down, flaky, watch } from "./Script.ts"

/** What a YAML parser makes of a whole policy, with both forms of a duration. */
const file = {
  name: "stock",
  deadline: 30,
  bulkhead: { limit: 64, queue: 128, maxWait: "1 second" },
  rateLimit: { limit: 100, window: 1, algorithm: "token-bucket", maxWait: "2 seconds" },
  retry: {
    times: 3,
    backoff: {
      type: "exponential",
      initial: "1 second",
      factor: 2.0,
      max: "16 seconds",
      jitter: { proportional: 0.1 }
    },
    maxElapsed: 20.5,
    retryAfter: { mode: "giveUp", max: 60 },
    budget: { ratio: 0.2, minPerSecond: 10, window: "10 seconds" }
  },
  circuitBreaker: {
    trip: { type: "rate", threshold: 0.5, window: "30 seconds", minimumCalls: 20, slow: { longerThan: 2 } },
    openFor: { type: "exponential", initial: 30, max: "5 minutes", jitter: "none" },
    probes: 2
  },
  attemptTimeout: "10 seconds"
}

describe("decode", () => {
  it.effect("takes durations in words and in seconds, and keeps all the rest as it is", () =>
    Effect.gen(function*() {
      const data = yield* PolicyData.decode(file)
      assertEquals(data, {
        name: "stock",
        deadline: Duration.seconds(30),
        bulkhead: { limit: 64, queue: 128, maxWait: Duration.seconds(1) },
        rateLimit: { limit: 100, window: Duration.seconds(1), algorithm: "token-bucket", maxWait: Duration.seconds(2) },
        retry: {
          times: 3,
          backoff: {
            type: "exponential",
            initial: Duration.seconds(1),
            factor: 2,
            max: Duration.seconds(16),
            jitter: { proportional: 0.1 }
          },
          maxElapsed: Duration.millis(20_500),
          retryAfter: { mode: "giveUp", max: Duration.minutes(1) },
          budget: { ratio: 0.2, minPerSecond: 10, window: Duration.seconds(10) }
        },
        circuitBreaker: {
          trip: {
            type: "rate",
            threshold: 0.5,
            window: Duration.seconds(30),
            minimumCalls: 20,
            slow: { longerThan: Duration.seconds(2) }
          },
          openFor: { type: "exponential", initial: Duration.seconds(30), max: Duration.minutes(5), jitter: "none" },
          probes: 2
        },
        attemptTimeout: Duration.seconds(10)
      })
    }))

  it.effect("takes a file that says nothing for the policy that does nothing", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make(PolicyData.toOptions(yield* PolicyData.decode({})))
      strictEqual(policy, Policy.noop)
    }))

  it.effect("refuses each file with the path of what is wrong", () =>
    Effect.gen(function*() {
      const refusals: ReadonlyArray<readonly [file: unknown, ...says: ReadonlyArray<string>]> = [
        [null, "must be an object, got null"],
        ["retry", "must be an object, got \"retry\""],
        [{ retry: null }, "must be an object, got null", "at [\"retry\"]"],
        [{ retrie: {} }, "is not an option (`retrie`: did you mean `retry`?)", "at [\"retrie\"]"],
        [
          { retry: { backof: {} } },
          "is not an option (`backof`: did you mean `backoff`?)",
          "at [\"retry\"][\"backof\"]"
        ],
        [{ retry: { retry: { times: 1 } } }, "is not an option", "at [\"retry\"][\"retry\"]"],
        [{ retry: { times: "3" } }, "must be a whole number of 0 or more, got \"3\"", "at [\"retry\"][\"times\"]"],
        [{ retry: { times: Infinity } }, "whole number", "at [\"retry\"][\"times\"]"],
        [{ retry: { backoff: { type: "fibonacci" } } }, "exponential", "at [\"retry\"][\"backoff\"][\"type\"]"],
        [
          { retry: { backoff: { type: "constant", delay: 1, factor: 2 } } },
          "is not an option",
          "at [\"retry\"][\"backoff\"][\"factor\"]"
        ],
        // Whether a call may run twice at the same time is not for a file to say.
        [{ hedge: { after: "50 millis" } }, "is not an option", "at [\"hedge\"]"],
        [{ bulkhead: {} }, "whole number of 1 or more, got undefined", "at [\"bulkhead\"][\"limit\"]"],
        [{ deadline: "soon" }, "must be a finite duration above zero", "at [\"deadline\"]"],
        [{ deadline: "30" }, "must be a finite duration above zero", "at [\"deadline\"]"],
        [{ deadline: NaN }, "must be a finite duration above zero, got NaN", "at [\"deadline\"]"],
        [{ circuitBreaker: { trip: { type: "consecutive" } } }, "at [\"circuitBreaker\"][\"trip\"][\"failures\"]"]
      ]
      for (const [file, ...says] of refusals) {
        const { message } = yield* Effect.flip(PolicyData.decode(file))
        for (const part of says) assertTrue(message.includes(part), `${part} is not in: ${message}`)
      }
    }))

  it.effect("says all that is wrong at once", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(PolicyData.decode({ deadline: "soon", retry: { times: "3", tmes: 3 } }))
      for (const path of ["[\"deadline\"]", "[\"retry\"][\"times\"]", "[\"retry\"][\"tmes\"]"]) {
        assertTrue(message.includes(`at ${path}`), message)
      }
    }))

  it.effect("rejects an invalid policy with the reason that its constructor gives", () =>
    Effect.gen(function*() {
      const refusals: ReadonlyArray<readonly [file: unknown, ...faults: ReadonlyArray<string>]> = [
        [{ deadline: 0 }, "deadline must be longer than zero, got 0 millis"],
        [{ deadline: -1 }, "deadline must be a finite duration above zero, got -1000 millis"],
        [
          { deadline: "Infinity" },
          "deadline must be a finite duration above zero, got \"Infinity\""
        ],
        [
          { deadline: "1 second", attemptTimeout: 10, retry: { times: 1.5, budget: { ratio: -1 } } },
          "retry.times must be a whole number of 0 or more, got 1.5",
          "retry.budget.ratio must be a number of 0 or more, got -1",
          "attemptTimeout must not be longer than the deadline (1000 millis), got 10000 millis"
        ],
        [
          { retry: { backoff: { type: "exponential", initial: 5, max: 1 } } },
          "retry.backoff.max must be at least initial (5000 millis), got 1000 millis"
        ],
        [
          { retry: { backoff: { type: "linear", jitter: { proportional: 2 } } } },
          "retry.backoff.jitter.proportional must be between 0 and 1, got 2"
        ],
        [
          { rateLimit: { limit: 1, window: 0 }, bulkhead: { limit: 0 }, deadlin: 1 },
          "bulkhead.limit must be a whole number of 1 or more, got 0",
          "rateLimit.window must be longer than zero, got 0 millis",
          "deadlin is not an option (`deadlin`: did you mean `deadline`?)"
        ],
        [
          { circuitBreaker: { trip: { type: "rate", size: 10, window: 10 } } },
          "circuitBreaker.trip.size must not be given beside a window, got 10"
        ],
        [
          { circuitBreaker: { idleTimeToLive: 1, openFor: { type: "constant" } } },
          "circuitBreaker.openFor.delay must be a duration, such as \"30 seconds\", \"1m 30s\" or a number of seconds, got undefined",
          "circuitBreaker.idleTimeToLive must be at least the window (30000 millis), got 1000 millis"
        ],
        [
          { circuitBreaker: { trip: { type: "rate", window: "1 hour" }, idleTimeToLive: "1m 30s" } },
          "circuitBreaker.idleTimeToLive must be at least the window (3600000 millis), got 90000 millis"
        ]
      ]
      for (const [file, ...expected] of refusals) {
        deepStrictEqual(PolicyData.faults(file).map(Arguments.format), expected)
        const { message } = yield* Effect.flip(PolicyData.decode(file))
        for (const { message: fault } of PolicyData.faults(file)) assertTrue(message.includes(fault), message)
      }
    }))

  it.effect("takes durations as code does", () =>
    Effect.gen(function*() {
      for (const deadline of ["90s", "1m 30s", "1 minute 30 seconds", "90 seconds", "90000ms", 90]) {
        assertEquals(yield* PolicyData.decode({ deadline }), { deadline: Duration.seconds(90) })
      }
    }))

  it.effect("has the path of a policy within a larger file before the reason", () =>
    Effect.gen(function*() {
      const Larger = Schema.Struct({ policies: Schema.Record(Schema.String, PolicyData.PolicyData) })
      const file: unknown = { policies: { stock: { deadline: 1, attemptTimeout: 10 } } }
      const { message } = yield* Effect.flip(Schema.decodeUnknownEffect(Larger)(file))
      assertTrue(message.includes("must not be longer than the deadline"), message)
      assertTrue(message.includes("[\"policies\"][\"stock\"][\"attemptTimeout\"]"), message)
    }))
})

describe("encoding", () => {
  it.effect("gives durations in words, which decode to the same data", () =>
    Effect.gen(function*() {
      const data = yield* PolicyData.decode(file)
      const encoded = yield* Schema.encodeEffect(PolicyData.PolicyData)(data)
      deepStrictEqual(encoded.deadline, "30000 millis")
      assertEquals(yield* PolicyData.decode(encoded), data)
    }))
})

describe("toOptions", () => {
  it.effect("makes the policy that the file describes", () =>
    Effect.gen(function*() {
      const policy = yield* Policy.make(PolicyData.toOptions(yield* PolicyData.decode(file)))
      deepStrictEqual(Policy.describe(policy).text.split("\n"), [
        "stock: at most 4 attempts, in at most 30s",
        "- deadline: the call ends within 30s, with its waits and delays",
        "- bulkhead: 64 calls run at the same time, 128 wait for up to 1s, further calls are rejected",
        "- rateLimit: 100 calls start in 1s, further calls wait for up to 2s",
        "- retry: up to 3 retries after 1s, then 2 times as long each time up to 16s, with jitter of 10 %, or as the other " +
        "side asks, unless that is more than 1m; a budget bounds the retries of all calls",
        "- circuitBreaker: opens when 50 % of the calls of 30s failed, if they are 20 or more, or when 100 % take longer " +
        "than 2s; for 30s, then 2 times as long each time up to 5m, then 2 probes must succeed",
        "- attemptTimeout: an attempt is interrupted after 10s"
      ])
    }))

  it.effect("is told in the singular where there is one of a kind", () =>
    Effect.gen(function*() {
      const data = yield* PolicyData.decode({
        bulkhead: { limit: 1, queue: 1, maxWait: "1s" },
        rateLimit: { limit: 1, window: "1s", maxWait: 0 },
        retry: { times: 1, backoff: { type: "exponential", initial: "1s", factor: 1, max: "1s", jitter: "none" } },
        circuitBreaker: { trip: { type: "rate", threshold: 0.5, size: 1, minimumCalls: 1 }, openFor: "1s" }
      })
      const ones = yield* Policy.make(PolicyData.toOptions(data))
      const brief = yield* Policy.make({ name: "brief", attemptTimeout: "1s" })
      deepStrictEqual(Policy.describe(ones).text.split("\n"), [
        "policy: at most 2 attempts, with no bound on time",
        "- bulkhead: 1 call runs at the same time, 1 waits for up to 1s, further calls are rejected",
        "- rateLimit: 1 call starts in 1s, further calls are rejected",
        "- retry: up to 1 retry after 1s each time, or as the other side asks, up to 1m",
        "- circuitBreaker: opens when 50 % of the last 1 call failed, if they are 1 or more; for 1s, then 1 probe must succeed"
      ])
      strictEqual(Policy.describe(brief).text.split("\n")[0], "brief: at most 1 attempt, in at most 1s")
    }))

  it.effect("leaves room for what is not data", () =>
    Effect.gen(function*() {
      const data = yield* PolicyData.decode({ retry: { times: 5, backoff: { type: "constant", delay: "2 seconds" } } })
      const options = PolicyData.toOptions(data)
      const policy = yield* Policy.make({
        ...options,
        retry: { ...options.retry, while: (error: { readonly attempt: number }) => error.attempt < 3 }
      })
      const down = flaky(Infinity)
      const { exit } = yield* watch(policy.protect(down.effect))
      deepStrictEqual(down.at, [0, 2_000, 4_000])
      deepStrictEqual(exit, Exit.fail(new Down({ attempt: 3 })))
    }))
})
