/**
 * The rows of docs/from-tenacity-and-httpx.md, held to what tenacity and httpx did: `tenacity.json` and `httpx.json` keep the
 * answers of one run of each, with their versions.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Retry from "@holdfast/core/Retry"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"))
const page = readFileSync(new URL("../../../../docs/from-tenacity-and-httpx.md", import.meta.url), "utf8")
const { starts, waits } = read("tenacity.json") as {
  readonly starts: Readonly<Record<string, ReadonlyArray<number>>>
  readonly waits: Readonly<Record<string, ReadonlyArray<readonly [least: number, greatest: number]>>>
}

/** What the page says in place of a wait of tenacity's: the code in the second cell of its row. */
const codeFor = (wait: string): string => {
  const row = page.split("\n").find((line) => line.startsWith(`| \`${wait}\` `)) ?? assert.fail(`no row for ${wait}`)
  return /^\| `[^`]*` +\| `([^`]*)`/u.exec(row)?.[1] ?? assert.fail(`no code for ${wait}`)
}

/** The code of the page, and what it makes. */
const backoffs: Readonly<Record<string, Backoff.Backoff>> = {
  "Backoff.constant({ delay: \"2 seconds\" })": Backoff.constant({ delay: "2 seconds" }),
  "Backoff.linear({ initial: \"2 seconds\", increment: 0, max: \"3 seconds\", jitter: Jitter.proportional(0.5) })":
    Backoff
      .linear({ initial: "2 seconds", increment: 0, max: "3 seconds", jitter: Jitter.proportional(0.5) }),
  "Backoff.linear({ initial: \"1 second\", increment: \"2 seconds\", max: \"1 hour\", jitter: Jitter.none })": Backoff
    .linear({ initial: "1 second", increment: "2 seconds", max: "1 hour", jitter: Jitter.none }),
  "Backoff.exponential({ initial: \"1 second\", factor: 2, max: \"16 seconds\", jitter: Jitter.none })": Backoff
    .exponential({ initial: "1 second", factor: 2, max: "16 seconds", jitter: Jitter.none }),
  "Backoff.exponential({ initial: \"4 seconds\", max: \"16 seconds\", jitter: Jitter.none })": Backoff
    .exponential({ initial: "4 seconds", max: "16 seconds", jitter: Jitter.none }),
  "Backoff.exponential({ initial: \"1 second\", max: \"60 seconds\" })": Backoff
    .exponential({ initial: "1 second", max: "60 seconds" }),
  "Backoff.exponential({ initial: \"2 seconds\", max: \"10 seconds\", jitter: Jitter.equal })": Backoff
    .exponential({ initial: "2 seconds", max: "10 seconds", jitter: Jitter.equal })
}

const backoffOf = (code: string): Backoff.Backoff => backoffs[code] ?? assert.fail(`${code} is not tried here`)

/** Least and greatest delay before each retry, in seconds. */
const bounds = (backoff: Backoff.Backoff, retries: number) =>
  Array.from({ length: retries }, (_, index) => {
    const delay = (random: number) => backoff.delay(index + 1, 0, random) / 1000
    return [delay(0), delay(1 - Number.EPSILON)] as const
  })

const assertNear = (actual: ReadonlyArray<readonly [number, number]>, expected: typeof actual) =>
  actual.forEach(([least, greatest], index) => {
    const [from, to] = expected[index] ?? assert.fail("too few waits")
    assert.closeTo(least, from, 0.02 * Math.max(1, from))
    assert.closeTo(greatest, to, 0.02 * Math.max(1, to))
  })

/** When attempts start, in seconds, of a call that always fails. */
const startsOf = (options: Retry.Options) =>
  Effect.gen(function*() {
    const starts: Array<number> = []
    const began = yield* Clock.currentTimeMillis
    const attempt = Effect.flatMap(Clock.currentTimeMillis, (at) => Effect.fail(starts.push((at - began) / 1000)))
    const call = yield* Effect.forkChild(Effect.ignore(Retry.retry(attempt, options)))
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(call)
    return starts
  })

describe("from tenacity", () => {
  it.effect("starts attempts as stop_before_delay does, and where stop_after_delay starts another says so", () =>
    Effect.gen(function*() {
      const wait = (seconds: number) => ({
        times: 100,
        maxElapsed: "10 seconds" as const,
        backoff: Backoff.constant({ delay: seconds * 1000, jitter: Jitter.none })
      })
      assert.deepStrictEqual(yield* startsOf(wait(4)), starts["stop_before_delay(10), wait_fixed(4)"])
      assert.deepStrictEqual(starts["stop_after_delay(10), wait_fixed(4)"], [0, 4, 8, 12])
      // An attempt that would start at the very bound does here, and does not in tenacity's.
      assert.deepStrictEqual(yield* startsOf(wait(5)), starts["stop_after_delay(10), wait_fixed(5)"])
      assert.deepStrictEqual(starts["stop_before_delay(10), wait_fixed(5)"], [0, 5])
      assert.match(page, /tenacity sleeps the last delay to its end and tries once more/u)
      assert.match(page, /at the very bound/u)
    }))

  for (
    const wait of [
      "wait_fixed(2)",
      "wait_random(1, 3)",
      "wait_incrementing(start=1, increment=2)",
      "wait_exponential(multiplier=1, max=16)",
      "wait_random_exponential(multiplier=1, max=60)"
    ]
  ) {
    it(`waits as ${wait}`, () =>
      assertNear(bounds(backoffOf(codeFor(wait)), 8), waits[wait] ?? assert.fail("not recorded")))
  }

  it("says where a floor differs", () => {
    const wait = "wait_exponential(multiplier=1, min=4, max=16)"
    assert.deepStrictEqual(waits[wait]?.slice(0, 5).map(([seconds]) => seconds), [4, 4, 4, 8, 16])
    assert.deepStrictEqual(bounds(backoffOf(codeFor(wait)), 3).map(([seconds]) => seconds), [4, 8, 16])
    assert.match(page, /tenacity waits 4, 4, 4, 8, 16 seconds.*This one waits 4, 8, 16 /u)
  })

  it("says where added jitter differs", () => {
    const wait = "wait_exponential_jitter(initial=1, max=10)"
    assertNear([[1, 2], [2, 3], [4, 5], [8, 9]], waits[wait]?.slice(0, 4) ?? [])
    assertNear(bounds(backoffOf(codeFor(wait)), 4), [[1, 2], [2, 4], [4, 8], [5, 10]])
  })
})

describe("from httpx", () => {
  const httpx = read("httpx.json") as {
    readonly timeout: { readonly connect: number }
    readonly limits: Readonly<Record<string, number>>
    readonly follow_redirects: boolean
    readonly trust_env: boolean
    readonly auth: Readonly<Record<string, string>>
    readonly dripOutlastsTimeoutOf500ms: boolean
  }

  it("quotes its defaults", () => {
    assert.include(
      page,
      `httpx: ${httpx.timeout.connect} seconds for each phase, ${
        httpx.limits["max_connections"]
      } connections of which ` +
        `${httpx.limits["max_keepalive_connections"]} idle ones are kept for ${
          httpx.limits["keepalive_expiry"]
        } seconds, ` +
        `${httpx.follow_redirects ? "" : "no "}redirects`
    )
    assert.strictEqual(page.includes("`trust_env=True` (the default)"), httpx.trust_env)
  })

  it("says what a pair of words as auth is, and that drips outlast its timeout", () => {
    assert.strictEqual(httpx.auth["(\"Bearer\", key)"], "Basic")
    assert.include(page, "a pair is basic authentication in httpx, also `(\"Bearer\", key)`")
    assert.strictEqual(page.includes("a body that drips never times out"), httpx.dripOutlastsTimeoutOf500ms)
  })
})
