/**
 * What the circuit breakers of resilience4j, failsafe-go, Polly and cockatiel decide, as data: options, calls, and the state
 * after each. The facts are those of their own suites:
 *
 * - resilience4j, `CircuitBreakerStateMachineTest.java` (06b25fbd) and `CircuitBreakerMetricsTest.java` (1759cbd4);
 * - failsafe-go, `closedstate_test.go` (469c47f3) and `halfopenstate_test.go` (4c4215c1);
 * - Polly, `AdvancedCircuitBehaviorTests.cs` (07124acf) and `RollingHealthMetricsTests.cs` (2606c6a7);
 * - cockatiel 4.0.0, which runs beside.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import { CircuitState, ConsecutiveBreaker, CountBreaker } from "cockatiel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"

/**
 * `S` succeeds, `F` fails, `s` and `f` take five seconds for it, `i` fails with an error that is ignored, `x` is rejected, and a
 * number passes that many seconds. Behind a colon stands the state: closed, open, half-open.
 */
type Step = string

const outcomes: Readonly<Record<string, Effect.Effect<void, string>>> = {
  S: Effect.void,
  F: Effect.fail("down"),
  s: Effect.sleep("5 seconds"),
  f: Effect.andThen(Effect.sleep("5 seconds"), Effect.fail("down")),
  i: Effect.fail("ignored"),
  x: Effect.die("a call that should have been rejected")
}

const letters = { Closed: "C", Open: "O", HalfOpen: "H", Isolated: "I" } as const

/** Makes the calls of a script, and tells the states in its own words. */
const play = Effect.fnUntraced(function*(options: CircuitBreaker.Options<string>, script: string) {
  const breaker = yield* CircuitBreaker.make<string>({ ignore: (error) => error === "ignored", ...options })
  const told: Array<Step> = []
  for (const step of script.split(" ")) {
    const [call = ""] = step.split(":")
    if (call === "open") {
      // An open circuit, as from a restart: these breakers can be opened by hand.
      const { at } = yield* breaker.snapshot
      const circuit = {
        key: null,
        state: "Open",
        openUntil: at,
        openedFor: 0,
        openings: 1,
        delay: 0,
        restedAt: null
      } as const
      yield* breaker.restore({ at, circuits: [{ ...circuit, usedAt: at, trip: "", counts: [] }] })
    } else if (/^\d/.test(call)) {
      yield* TestClock.adjust(Number(call) * 1_000)
    } else {
      const fiber = yield* Effect.forkChild(Effect.exit(breaker.protect(outcomes[call] ?? Effect.die(call))))
      if (call === "s" || call === "f") yield* TestClock.adjust("5 seconds")
      const exit = yield* Fiber.join(fiber)
      const rejected = Exit.isFailure(exit) && String(exit.cause).includes("CircuitOpen")
      strictEqual(rejected, call === "x", `${script} at ${step}`)
    }
    told.push(`${call}:${letters[(yield* breaker.state())._tag]}`)
  }
  return told.join(" ")
})

const { consecutive, rate } = CircuitBreaker

// resilience4j: half of the calls, five of them at least, and four calls while half-open.
const fourProbes = { openFor: "5 seconds", probes: 4, probeThreshold: 0.5 } as const
const inTime = { ...fourProbes, trip: rate({ threshold: 0.5, window: "5 seconds", minimumCalls: 5 }) }
// Its clock stands still during slow calls, so that they count by number here.
const slow = { longerThan: "4 seconds", threshold: 0.5 } as const
const byCount = { ...fourProbes, trip: rate({ threshold: 0.5, size: 5, slow }) }
const growing = Backoff.exponential({ initial: "5 seconds", factor: 1.5, max: "1 hour", jitter: Jitter.none })
const onlySlow = { ...fourProbes, trip: rate({ threshold: 1, size: 5, slow }) }

const tables: Readonly<Record<string, ReadonlyArray<readonly [string, CircuitBreaker.Options<string>, string]>>> = {
  resilience4j: [
    ["opens when the window is full and its rate is reached, by a success too", inTime, "F:C F:C F:C S:C S:O x:O"],
    ["does so in a window by count", byCount, "F:C F:C F:C S:C S:O x:O"],
    ["opens by the rate of slow calls", onlySlow, "f:C s:C F:C S:C s:O"],
    ["is half-open after the wait, and not before", inTime, "F:C F:C F:C F:C F:O x:O 3:O x:O 3:O S:H"],
    [
      "waits for longer each time, with a backoff",
      { ...inTime, openFor: growing, probes: 1, probeThreshold: undefined },
      "F:C F:C F:C F:C F:O 3:O x:O 3:O F:O 6:O x:O 5:O S:C"
    ],
    ["opens again when the rate of the probes is above", inTime, "open:O F:H F:H S:H F:O"],
    ["closes when the rate of the probes is below", inTime, "open:O F:H S:H S:H S:C S:C"],
    ["opens again when the probes are slow", byCount, "open:O s:H s:H s:H S:O"],
    ["gives back the permission of a call that is ignored", inTime, "open:O S:H S:H S:H i:H F:C"],
    ["decides by what is not ignored", inTime, "open:O i:H i:H i:H i:H S:H S:H S:H S:C"],
    ["does nothing where it is disabled", { ...inTime, mode: "disabled" }, "S:C F:C F:C F:C F:C F:C F:C"]
  ],
  "failsafe-go": [
    ["opens after one failure", { trip: consecutive(1) }, "S:C F:O"],
    ["opens after three failures in a row", { trip: consecutive(3) }, "F:C S:C F:C F:C F:O"],
    ["opens at two of three", { trip: rate({ threshold: 2 / 3, size: 3 }) }, "F:C S:C F:O"],
    [
      "stays closed below three of four",
      { trip: rate({ threshold: 3 / 4, size: 4 }) },
      Array.from({ length: 20 }, () => "S:C F:C").join(" ")
    ],
    [
      "stays closed below two in a row",
      { trip: consecutive(2) },
      Array.from({ length: 20 }, () => "S:C F:C").join(" ")
    ],
    ["half-open, opens after one failure", {}, "open:O F:O"],
    ["half-open, closes after one success", {}, "open:O S:C"],
    ["half-open, closes after three successes", { probes: 3 }, "open:O S:H S:H S:C"],
    ["half-open, opens at a failure before three successes", { probes: 3 }, "open:O S:H S:H F:O"],
    ["half-open, opens at a failure after one success", { probes: 3 }, "open:O S:H F:O"],
    ["half-open, opens at two failures of three", { probes: 3, probeThreshold: 2 / 3 }, "open:O F:H S:H F:O"],
    ["half-open, closes at two successes of three", { probes: 3, probeThreshold: 2 / 3 }, "open:O F:H S:H S:C"],
    [
      "half-open, opens where three of four fail to succeed",
      { probes: 4, probeThreshold: 0.5 },
      "open:O S:H F:H S:H F:O"
    ],
    ["half-open, closes at three successes of four", { probes: 4, probeThreshold: 0.5 }, "open:O S:H F:H S:H S:C"],
    [
      "half-open, closes at three of four, whatever their order",
      { probes: 4, probeThreshold: 0.5 },
      "open:O S:H S:H F:H S:C"
    ],
    [
      "half-open, opens where two of four fail to succeed",
      { probes: 4, probeThreshold: 3 / 4 },
      "open:O S:H F:H F:H F:O"
    ]
  ]
}

describe.each(Object.entries(tables))("%s", (_, table) => {
  it.effect.each(table)("%s", ([, options, script]) =>
    Effect.gen(function*() {
      strictEqual(yield* play({ openFor: 0.001, ...options }, script), script)
    }))
})

describe("resilience4j", () => {
  it.effect("counts the last ten calls alone", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: rate({ threshold: 1, size: 10 }) })
      const calls = (script: string) =>
        Effect.forEach(script, (call) => Effect.exit(breaker.protect(outcomes[call] ?? Effect.void)))
      const counts = Effect.map(breaker.stats(), ({ calls, failures }) => [calls, failures])
      yield* calls("SSFF")
      deepStrictEqual(yield* counts, [4, 2])
      yield* calls("FFFFSSSS")
      deepStrictEqual(yield* counts, [10, 6])
      yield* calls("SSS")
      deepStrictEqual(yield* counts, [10, 3])
    }))

  it.effect("permits four calls while half-open, and another when one is given back", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: consecutive(1), openFor: "5 seconds", probes: 4 })
      yield* Effect.exit(breaker.protect(Effect.fail("down")))
      yield* TestClock.adjust("5 seconds")
      const start = Effect.forkChild(breaker.protect(Effect.never), { startImmediately: true })
      const probes = yield* Effect.all([start, start, start, start])
      strictEqual((yield* start).pollUnsafe()?._tag, "Failure")
      const [first] = probes
      if (first !== undefined) yield* Fiber.interrupt(first)
      strictEqual((yield* start).pollUnsafe(), undefined)
    }))
})

describe("Polly", () => {
  it.effect.each([
    // calls, minimum, failures, threshold, opens
    [10, 10, 0, 0.1, false],
    [10, 10, 1, 0.1, true],
    [10, 10, 2, 0.1, true],
    [11, 10, 2, 0.1, true],
    [9, 10, 1, 0.1, false]
  ])("%j", ([calls, minimumCalls, failures, threshold, opens]) =>
    Effect.gen(function*() {
      const trip = rate({ threshold: Number(threshold), minimumCalls: Number(minimumCalls), window: "30 seconds" })
      const script = "S".repeat(Number(calls) - Number(failures)) + "F".repeat(Number(failures))
      const breaker = yield* CircuitBreaker.make({ trip })
      for (const call of script) yield* Effect.exit(breaker.protect(outcomes[call] ?? Effect.void))
      strictEqual((yield* breaker.state())._tag === "Open", opens)
    }))

  const window = Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({
      trip: rate({ threshold: 1, window: "10 seconds", minimumCalls: 1_000 })
    })
    const calls = (script: string) =>
      Effect.forEach(script, (call) => Effect.exit(breaker.protect(outcomes[call] ?? Effect.void)))
    return { calls, counts: Effect.map(breaker.stats(), ({ calls, failures }) => [calls, failures]) }
  })

  it.effect("the window ages by tenths", () =>
    Effect.gen(function*() {
      const { calls, counts } = yield* window
      const seen: Array<ReadonlyArray<number>> = []
      for (const pair of ["FS", "FS", "SS", "SS", "SS"]) {
        yield* calls(pair)
        yield* TestClock.adjust("2 seconds")
        seen.push(yield* counts)
      }
      yield* TestClock.adjust("2 seconds")
      seen.push(yield* counts)
      deepStrictEqual(seen, [[2, 1], [4, 2], [6, 2], [8, 2], [8, 1], [6, 0]])
    }))

  it.effect("the window holds what is less than its length old", () =>
    Effect.gen(function*() {
      const { calls, counts } = yield* window
      for (let second = 0; second < 10; second++) {
        yield* calls("S")
        yield* TestClock.adjust("1 second")
      }
      deepStrictEqual(yield* counts, [9, 0])
      yield* TestClock.adjust("1 second")
      deepStrictEqual(yield* counts, [8, 0])
    }))
})

describe("cockatiel", () => {
  const Outcomes = Schema.Array(Schema.Literals(["S", "F", "F"])).check(Schema.isMaxLength(60))
  const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

  interface Peer {
    readonly success: (state: CircuitState) => void
    readonly failure: (state: CircuitState) => boolean
  }

  /** After how many calls each of the two opens. */
  const compare = Effect.fnUntraced(function*(trip: CircuitBreaker.Trip, peer: Peer, calls: ReadonlyArray<"S" | "F">) {
    const breaker = yield* CircuitBreaker.make({ trip, openFor: "1 hour" })
    let opens: number | undefined
    let peerOpens: number | undefined
    for (const [index, call] of calls.entries()) {
      yield* Effect.exit(breaker.protect(outcomes[call] ?? Effect.void))
      if ((yield* breaker.state())._tag === "Open") opens ??= index
      if (call === "S") peer.success(CircuitState.Closed)
      else if (peerOpens === undefined && peer.failure(CircuitState.Closed)) peerOpens = index
      if (opens !== undefined || peerOpens !== undefined) break
    }
    strictEqual(opens, peerOpens)
    return opens !== undefined
  })

  law(
    "consecutive failures open both at the same call",
    { calls: Outcomes, failures: between(1, 6) },
    ({ calls, failures }, reach) =>
      Effect.map(compare(consecutive(failures), new ConsecutiveBreaker(failures), calls), (opened) => {
        reach(opened ? "an open circuit" : "a closed one")
      }),
    { cases: 500, reaches: ["an open circuit", "a closed one"] }
  )

  // Cockatiel opens above the threshold and looks at failures alone, Holdfast opens at it and looks at successes too. Where a share
  // cannot be equal to the threshold and every call may decide, they are one.
  law(
    "a share of the last calls opens both at the same call",
    { calls: Outcomes, size: between(1, 12), threshold: Schema.Literals([0.31, 0.53, 0.77, 0.97]) },
    ({ calls, size, threshold }, reach) =>
      Effect.map(
        compare(
          rate({ threshold, size, minimumCalls: 1 }),
          new CountBreaker({ threshold, size, minimumNumberOfCalls: 1 }),
          calls
        ),
        (opened) => {
          reach(opened ? "an open circuit" : "a closed one")
        }
      ),
    { cases: 500, reaches: ["an open circuit", "a closed one"] }
  )
})
