/**
 * How long to wait and whether to: every header, and the values that other clients read from it.
 *
 * What the peers read was recorded by running them once at a fixed clock: ky 2.1.0, got 16.1.0, undici 8.13.1
 * (`RetryHandler`), @smithy/core of middleware-retry 4.8.2 (`getRetryAfterHint`), openai 7.57.0, @anthropic-ai/sdk
 * 1.14.0. .NET's values follow from the source of `RetryConditionHeaderValue` (dotnet/runtime): ten digits at most or
 * an HTTP date.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Retry from "@holdfast/core/Retry"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ServerHints from "@holdfast/http/ServerHints"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const now = Date.UTC(2026, 10, 23, 12)

const wait = (headers: Record<string, string>) => {
  const hint = ServerHints.retryAfter(Headers.fromInput(headers), now)
  return hint === undefined ? undefined : Duration.toMillis(hint)
}

const peers = ["ky", "got", "undici", "smithy", "openai", "anthropic", ".NET"] as const

/** Milliseconds; "none" for a client that goes by its own backoff, "its maximum" for one that has a bound. */
type Value = number | "none" | "its maximum"

/** Headers, the peers' values in their order, ours, and where one of them differs, why. */
type Row = readonly [Record<string, string>, ReadonlyArray<Value>, ours: number | undefined, why?: string]

const rows: ReadonlyArray<Row> = [
  [{ "retry-after": "5" }, [5000, 5000, 5000, 5000, 5000, 5000, 5000], 5000],
  [{ "retry-after": "0" }, [0, 0, 0, 0, 0, "none", 0], 0, "the wait is over: retry after the backoff alone"],
  [
    { "retry-after": "1.5" },
    ["none", "none", 1500, 1500, 1500, 1500, "none"],
    1500,
    "vendors send fractions, and an earlier retry is refused again"
  ],
  [
    { "retry-after": " 7 " },
    [7000, 7000, 7000, "none", 7000, 7000, 7000],
    7000,
    "whitespace around a value is not part of it"
  ],
  [{ "retry-after": "-5" }, ["none", "none", "none", "none", "none", "none", "none"], undefined],
  [{ "retry-after": "" }, ["none", "none", "none", "none", "none", "none", "none"], undefined],
  [{ "retry-after": "soon" }, ["none", "none", "none", "none", "none", "none", "none"], undefined],
  [
    { "retry-after": "86400" },
    [86400000, 86400000, 86400000, 86400000, "none", 86400000, 86400000],
    86400000,
    "the policy bounds the wait, and this module reports it"
  ],
  [
    { "retry-after": "5, 10" },
    ["none", 0, "none", "none", 5000, 5000, "none"],
    10000,
    "proxies join the headers of two servers, and the later instant satisfies both"
  ],
  [{ "retry-after": "Mon, 23 Nov 2026 12:00:30 GMT" }, [30000, 30000, 30000, 30000, 30000, 30000, 30000], 30000],
  [{ "retry-after": "Monday, 23-Nov-26 12:00:30 GMT" }, [30000, 30000, 30000, 30000, 30000, 30000, 30000], 30000],
  [{ "retry-after": "Mon Nov 23 12:00:30 2026" }, [30000, 30000, 30000, 30000, 30000, 30000, 30000], 30000],
  [
    { "retry-after": "Mon, 23 Nov 2026 11:00:00 GMT" },
    [0, 0, "none", -3600000, "none", "none", "none"],
    0,
    "the instant has passed: retry after the backoff alone"
  ],
  [
    { "retry-after": "2026-11-23T12:00:30Z" },
    ["none", 30000, 30000, 30000, "none", 2026000, "none"],
    30000,
    "the instant is unambiguous"
  ],
  [
    { "retry-after": "1795435230" },
    ["its maximum", 1795435230000, "its maximum", 1795435230000, "none", "none", 1795435230000],
    30000,
    "a delta of 56 years is never meant"
  ],
  [
    { "retry-after": "1795435230000" },
    ["its maximum", "none", "its maximum", 1795435230000000, "none", "none", "none"],
    30000,
    "a delta of 56,000 years is never meant"
  ],
  [
    { "retry-after-ms": "250" },
    ["none", "none", "none", "none", 250, 250, "none"],
    250,
    "the finer value was made for clients"
  ],
  [
    { "retry-after-ms": "250", "retry-after": "3" },
    [3000, 3000, 3000, 3000, 250, 250, "none"],
    250,
    "the finer value was made for clients"
  ],
  [{ "retry-after-ms": "never", "retry-after": "3" }, [3000, 3000, 3000, 3000, 3000, 3000, 3000], 3000],
  [{ "x-amz-retry-after": "1500" }, ["none", "none", "none", 1500, "none", "none", "none"], 1500, "sent by AWS"],
  [
    { "ratelimit-reset": "12" },
    [12000, "none", "none", "none", "none", "none", "none"],
    12000,
    "the quota is spent until then"
  ],
  [
    { "x-ratelimit-reset": "12" },
    [12000, "none", "none", "none", "none", "none", "none"],
    12000,
    "the quota is spent until then"
  ],
  [
    { "x-ratelimit-reset": "1795435220" },
    [20000, "none", "none", "none", "none", "none", "none"],
    20000,
    "the quota is spent until then"
  ],
  [
    { "x-ratelimit-reset": "1795435220000" },
    ["its maximum", "none", "none", "none", "none", "none", "none"],
    20000,
    "milliseconds by their magnitude"
  ],
  [
    { "x-rate-limit-reset": "1795435220" },
    [20000, "none", "none", "none", "none", "none", "none"],
    20000,
    "the quota is spent until then"
  ],
  [
    { "x-ratelimit-retry-after": "9" },
    [9000, "none", "none", "none", "none", "none", "none"],
    9000,
    "asked for in so many words"
  ]
]

describe("what peers read", () => {
  it.each(rows.map((row) => ({ row, title: JSON.stringify(row[0]) })))("$title", ({ row }) => {
    const [headers, values, ours, why] = row
    assert.lengthOf(values, peers.length)
    assert.strictEqual(wait(headers), ours)
    // A difference without a reason is a mistake, here or there.
    const differs = peers.filter((_, index) => values[index] !== (ours ?? "none"))
    assert.strictEqual(differs.length > 0, why !== undefined, differs.join())
  })
})

/** What no peer reads. */
const own: ReadonlyArray<readonly [headers: Record<string, string>, millis: number | undefined]> = [
  [{}, undefined],
  // Numbers: fractions, signs, exponents, absurd ones.
  [{ "retry-after": "0.25" }, 250],
  [{ "retry-after": ".5" }, 500],
  [{ "retry-after": "5." }, 5000],
  [{ "retry-after": "+5" }, undefined],
  [{ "retry-after": "1e3" }, undefined],
  [{ "retry-after": "0x10" }, undefined],
  [{ "retry-after": "NaN" }, undefined],
  [{ "retry-after": "Infinity" }, undefined],
  [{ "retry-after": "9".repeat(400) }, Number.MAX_SAFE_INTEGER],
  [{ "retry-after": "999999999" }, 999_999_999_000],
  // Not an instant: no clock is that far behind.
  [{ "retry-after": "1000000000" }, 1_000_000_000_000],
  [{ "retry-after": "1577836799" }, 1_577_836_799_000],
  [{ "retry-after": "1577836800" }, 0],
  [{ "x-ratelimit-reset": String(now / 1000 - 90_000), "x-ratelimit-remaining": "0" }, 0],
  [{ "x-ratelimit-reset": String(now - 90_000_000) }, 0],
  [{ "retry-after": String(now / 1000 - 60) }, 0],
  [{ "retry-after-ms": "1.5" }, 1.5],
  [{ "retry-after-ms": "-1", "retry-after": "-1", "ratelimit-reset": "-1" }, undefined],
  // Several values.
  [{ "retry-after": "10, 5" }, 10_000],
  [{ "retry-after": "soon, 5" }, 5000],
  [{ "retry-after": "Mon, 23 Nov 2026 12:00:30 GMT, Mon, 23 Nov 2026 12:00:10 GMT" }, 30_000],
  [{ "retry-after": "5, Monday, 23-Nov-26 12:00:30 GMT" }, 30_000],
  [{ "retry-after": "Mon Nov 23 12:00:30 2026, 40" }, 40_000],
  [{ "retry-after": "2026-11-23T13:00:30+01:00" }, 30_000],
  [{ "retry-after": "2026-13-23T13:00:30Z" }, undefined],
  [{ "retry-after": "Mon, 31 Feb 2026 12:00:30 GMT" }, undefined],
  [{ "retry-after": "30s" }, 30_000],
  // An invalid header does not hide the next.
  [{ "retry-after": "soon", "x-ratelimit-reset": "12" }, 12_000],
  [{ "retry-after": "1", "x-ratelimit-reset": "12" }, 1000],
  [{ "retry-after": "3", "x-amz-retry-after": "1500" }, 1500],
  // Quotas.
  [{ "ratelimit-reset": "12", "ratelimit-remaining": "0" }, 12_000],
  [{ "ratelimit-reset": "12", "ratelimit-remaining": "4" }, undefined],
  [{ "x-ratelimit-reset": "12", "x-ratelimit-remaining": "1" }, undefined],
  [{ "x-ratelimit-reset": String(now / 1000 + 20), "x-ratelimit-remaining": "0" }, 20_000],
  [{ "x-ratelimit-reset": String(now / 1000 + 20.5), "x-ratelimit-reset-after": "20.5" }, 20_500],
  [{ "x-ratelimit-reset-after": "1.25", "x-ratelimit-remaining": "3" }, undefined],
  [{ "ratelimit": `"default";r=0;t=30` }, 30_000],
  [{ "ratelimit": `"default";r=5;t=30` }, undefined],
  [{ "ratelimit": `"minute";r=5;t=30, "day";r=0;t=600` }, 600_000],
  [{ "ratelimit": "limit=100, remaining=0, reset=50" }, 50_000],
  [{ "ratelimit": "limit=100, remaining=7, reset=50" }, undefined],
  [{ "ratelimit": "nonsense" }, undefined],
  [{ "ratelimit": `"a, b; reset=99";r=0;t=30` }, 30_000],
  [{ "ratelimit": `"x;r=0;t=99";r=5;t=30` }, undefined],
  [{ "ratelimit": `"\\";r=0;t=99";r=0;t=30, "b";r=1;t=60` }, 30_000],
  [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s" }, 1000],
  [{ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" }, 360_000],
  [{ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s" }, 7660],
  [{ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "12ms" }, 12],
  [{ "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s" }, undefined],
  [{ "x-ratelimit-reset-tokens": "6m0s" }, undefined],
  [{
    "x-ratelimit-remaining-requests": "0",
    "x-ratelimit-reset-requests": "1s",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "3s"
  }, 3000],
  [{
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:09Z"
  }, 9000],
  // Another text than a number does not say that anything is left.
  [{ "x-ratelimit-remaining": "many", "x-ratelimit-reset": "5" }, 5000],
  // LiteLLM hands the vendor's headers on behind a prefix.
  [{ "llm_provider-retry-after": "4" }, 4000],
  [{ "llm_provider-retry-after": "4", "retry-after": "2" }, 2000],
  [{ "llm_provider-x-ratelimit-remaining-tokens": "0", "llm_provider-x-ratelimit-reset-tokens": "2s" }, 2000]
]

describe("ServerHints", () => {
  it.each(own)("reads %j as a wait of %s ms", (headers, millis) => {
    assert.strictEqual(wait(headers), millis)
  })

  it.each<[value: string, answer: boolean | undefined]>([
    ["true", true],
    ["false", false],
    [" True ", true],
    ["", undefined],
    ["1", undefined]
  ])("reads x-should-retry %j as %s", (value, answer) => {
    assert.strictEqual(ServerHints.shouldRetry(Headers.fromInput({ "x-should-retry": value })), answer)
    assert.strictEqual(ServerHints.shouldRetry(Headers.fromInput({ "llm_provider-x-should-retry": value })), answer)
  })

  it.each<[name: string, value: string]>([
    ["retry-after", "1".repeat(16_000) + "x"],
    ["retry-after", "a, ".repeat(5_000)],
    ["retry-after", "1s".repeat(8_000) + "x"],
    ["retry-after", " ".repeat(16_000) + "x"],
    ["ratelimit", "\"".repeat(16_001)],
    ["ratelimit", "\"\\".repeat(8_000)],
    ["ratelimit", "r=0;".repeat(4_000)],
    ["x-ratelimit-reset-a", "1h".repeat(8_000) + "1"]
  ])("does not search a long %s for long", (name, value) => {
    const started = performance.now()
    const headers = { [name]: value, "x-ratelimit-remaining-a": "0" }
    assert.isUndefined(ServerHints.retryAfter(Headers.fromInput(headers), 0))
    assert.isUndefined(ServerHints.parseSpan(value))
    // The square of the length took a third of a second.
    assert.isBelow(performance.now() - started, 250)
  })

  const odd = [
    "0",
    "0",
    "0",
    "0",
    "0",
    "0",
    "1.5",
    "30",
    "86400",
    "1e400",
    "9".repeat(400),
    "-0",
    "Mon, 23 Nov 2026 12:01:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "1970-01-01T00:00:00Z",
    `"a";r=0;t=30`,
    "limit=9, remaining=0, reset=30",
    "6m0s, 1h"
  ]

  law(
    "gives a finite wait of zero or more, or none, whatever stands in the headers",
    {
      name: Schema.Literals(["retry-after", "retry-after-ms", "ratelimit", "ratelimit-reset", "x-ratelimit-reset-a"]),
      value: Schema.Union([Schema.String, Schema.Finite, Schema.Literals(odd)]),
      now: Schema.Finite
    },
    ({ name, now, value }, reach) =>
      Effect.sync(() => {
        const headers = Headers.fromInput({ [name]: String(value), "x-ratelimit-remaining-a": "0" })
        const hint = ServerHints.retryAfter(headers, now)
        reach(hint === undefined ? "no wait" : Duration.isZero(hint) ? "a wait that is over" : "a wait")
        if (hint !== undefined) assert.isTrue(Duration.isFinite(hint) && Duration.toMillis(hint) >= 0)
      }),
    { cases: 2_000, reaches: ["no wait", "a wait", "a wait that is over"] }
  )

  const transient = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530]

  it("counts the statuses that mean later, and 413 with a wait", () => {
    const all = Array.from({ length: 500 }, (_, index) => index + 100)
    assert.deepStrictEqual(all.filter((status) => ServerHints.isTransient(status, Headers.empty)), transient)
    const hinted = Headers.fromInput({ "retry-after": "1" })
    assert.deepStrictEqual(
      all.filter((status) => ServerHints.isTransient(status, hinted)),
      [...transient, 413].toSorted((a, b) => a - b)
    )
    assert.deepStrictEqual(all.filter((status) => HttpFailure.fromStatus(status).isRetryable), transient)
    assert.isTrue(HttpFailure.fromStatus(413, { retryAfter: Duration.seconds(1) }).isRetryable)
  })

  const over = (step: TestTransport.Step) =>
    Layer.provideMerge(
      ResilientHttpClient.layer({ retry: { times: 1 } }),
      Layer.merge(TestTransport.layer([step, TestTransport.respond(200)]), Logger.layer([]))
    )

  /** When the requests of one call were made, in milliseconds after the first. */
  const times = (method: "GET" | "POST") =>
    Effect.gen(function*() {
      yield* Effect.forkChild(HttpClient.execute(HttpClientRequest.make(method)("http://north/")), {
        startImmediately: true
      })
      yield* TestClock.adjust("2 minutes")
      const sent = yield* (yield* TestTransport.TestTransport).sent
      return sent.map(({ at }) => at - sent[0]!.at)
    })

  it.effect.each([...transient, 413])(
    "a client repeats a GET after %i, and no POST",
    (status) =>
      Effect.gen(function*() {
        const step = TestTransport.respond(status, { headers: { "retry-after": "1" } })
        assert.lengthOf(yield* Effect.provide(times("GET"), over(step)), 2)
        assert.lengthOf(yield* Effect.provide(times("POST"), over(step)), 1)
      })
  )

  it.effect("a client waits as long as it is asked to, up to the longest default and a tenth", () =>
    Effect.gen(function*() {
      for (const [value, least] of [["1.5", 1500], ["30", 30_000], ["86400", 60_000]] as const) {
        const [, at] = yield* Effect.provide(
          times("GET"),
          over(TestTransport.respond(503, { headers: { "retry-after": value } }))
        )
        assert.isTrue(at! >= least && at! <= least * 1.1, `${value}: ${at}`)
      }
      assert.strictEqual(Duration.toMillis(Retry.defaultMaxRetryAfter), 60_000)
    }))
})
