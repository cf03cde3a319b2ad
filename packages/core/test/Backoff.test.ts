import { describe, it } from "@effect/vitest"
import { assertFalse, assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import { flaky, rangeError, watch } from "./Script.ts"

const jitter = Jitter.none

/** When each attempt of an effect that always fails starts, under Effect's own retry. */
const starts = (backoff: Backoff.Backoff, times: number, seed?: number) =>
  Effect.gen(function*() {
    const down = flaky(Infinity)
    yield* watch(Effect.retry(down.effect, { schedule: backoff, times }), seed)
    return down.at
  })

/** The same times, but for the nanoseconds that a `Duration` rounds to. */
const same = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): boolean =>
  actual.length === expected.length && actual.every((value, i) => Math.abs(value - (expected[i] ?? NaN)) < 1e-5)

describe("in Effect.retry", () => {
  it.effect("constant waits for the same time before every retry", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* starts(Backoff.constant({ delay: "2 seconds" }), 3), [0, 2000, 4000, 6000])
    }))

  it.effect("linear adds the increment each time, up to the maximum", () =>
    Effect.gen(function*() {
      const backoff = Backoff.linear({ initial: "1 second", increment: "500 millis", max: "2 seconds", jitter })
      deepStrictEqual(yield* starts(backoff, 4), [0, 1000, 2500, 4500, 6500])
    }))

  it.effect("linear grows by its first delay when no increment is given", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* starts(Backoff.linear({ jitter }), 3), [0, 100, 300, 600])
    }))

  it.effect("exponential multiplies by the factor each time, up to the maximum", () =>
    Effect.gen(function*() {
      const backoff = Backoff.exponential({ initial: "1 second", factor: 3, max: "10 seconds", jitter })
      deepStrictEqual(yield* starts(backoff, 5), [0, 1000, 4000, 13_000, 23_000, 33_000])
    }))

  it.effect("exponential starts at 100 ms and doubles by default", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* starts(Backoff.exponential({ jitter }), 4), [0, 100, 300, 700, 1500])
    }))

  it.effect("never ends by itself", () =>
    Effect.gen(function*() {
      const down = flaky(500)
      const { exit } = yield* watch(Effect.retry(down.effect, Backoff.constant({ delay: 1 })))
      deepStrictEqual(exit, Exit.succeed(501))
    }))

  it.effect("begins anew for each call that it is given to", () =>
    Effect.gen(function*() {
      const backoff = Backoff.exponential({ initial: "1 second", jitter })
      const [first, second] = [flaky(2), flaky(2)]
      const both = Effect.forEach([first, second], (down) => Effect.retry(down.effect, backoff), { concurrency: 2 })
      yield* watch(both)
      deepStrictEqual(first.at, [0, 1000, 3000])
      deepStrictEqual(second.at, [0, 1000, 3000])
    }))

  it.effect("ends where another schedule ends it", () =>
    Effect.gen(function*() {
      const down = flaky(Infinity)
      const schedule = Schedule.max([Backoff.constant({ delay: "1 second" }), Schedule.recurs(2)])
      yield* watch(Effect.retry(down.effect, schedule))
      deepStrictEqual(down.at, [0, 1000, 2000])
    }))

  it.effect("gives the delay as its output", () =>
    Effect.gen(function*() {
      const step = yield* Schedule.toStep(Backoff.exponential({ initial: "1 second", jitter }))
      deepStrictEqual(yield* step(0, undefined), [Duration.seconds(1), Duration.seconds(1)])
      deepStrictEqual(yield* step(1000, undefined), [Duration.seconds(2), Duration.seconds(2)])
    }))

  it.effect("repeats its delays for the same seed, and for no other", () =>
    Effect.gen(function*() {
      for (const backoff of [Backoff.exponential(), Backoff.decorrelated()]) {
        const delays = yield* starts(backoff, 6, 7)
        assertTrue(same(yield* starts(backoff, 6, 7), delays))
        assertFalse(same(yield* starts(backoff, 6, 8), delays))
      }
    }))
})

describe("delay", () => {
  it("is the maximum at every attempt number that would pass it", () => {
    for (const attempt of [20, 40, 2_000, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      strictEqual(Backoff.exponential({ jitter }).delay(attempt, 20_000, 0.5), 20_000)
      strictEqual(Backoff.linear({ initial: 1000, jitter }).delay(attempt, 20_000, 0.5), 20_000)
    }
  })

  it("has a maximum of 20 seconds, or of the first delay if that is longer", () => {
    for (const make of [Backoff.exponential, Backoff.linear]) {
      strictEqual(make({ jitter }).delay(1_000, 0, 0), 20_000)
      strictEqual(make({ initial: "1 minute", jitter }).delay(1_000, 0, 0), 60_000)
    }
    strictEqual(Backoff.decorrelated().delay(9, 20_000, 0.99), 20_000)
    strictEqual(Backoff.decorrelated({ initial: "1 minute" }).delay(9, 60_000, 0.99), 60_000)
  })

  it("may be as long as the first one throughout", () => {
    strictEqual(Backoff.exponential({ initial: 500, max: 500, jitter }).delay(3, 500, 0), 500)
    strictEqual(Backoff.exponential({ initial: 500, factor: 1, jitter }).delay(30, 500, 0), 500)
    strictEqual(Backoff.linear({ initial: 500, increment: 0, jitter }).delay(30, 500, 0), 500)
    strictEqual(Backoff.linear({ initial: 0, increment: 250, jitter }).delay(1, 0, 0), 0)
  })

  it("is capped after jitter, which would lengthen it", () => {
    const wide = Jitter.proportional(1)
    strictEqual(Backoff.constant({ delay: 1000, jitter: wide }).delay(1, 0, 0.9), 1000)
    strictEqual(Backoff.exponential({ initial: 1000, max: 1000, jitter: wide }).delay(5, 0, 0.9), 1000)
    strictEqual(Backoff.linear({ initial: 1000, max: 1000, jitter: wide }).delay(5, 0, 0.9), 1000)
  })

  it("is fully jittered by default, but for constant", () => {
    strictEqual(Backoff.exponential({ initial: 1000 }).delay(1, 0, 0.25), 250)
    strictEqual(Backoff.linear({ initial: 1000 }).delay(1, 0, 0.25), 250)
    strictEqual(Backoff.constant({ delay: 1000 }).delay(1, 0, 0.25), 1000)
  })

  const Millis = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))

  law(
    "decorrelated follows its formula from one delay to the next",
    { initial: Millis, more: Millis, seed: Millis },
    (input, reach) =>
      Effect.gen(function*() {
        const { initial } = input
        const max = initial + input.more
        const backoff = Backoff.decorrelated({ initial, max })
        const random = yield* Random.Random
        let previous = 0
        for (let retry = 1; retry <= 10; retry++) {
          const chance = random.nextDoubleUnsafe()
          const delay = backoff.delay(retry, previous, chance)
          const before = retry === 1 ? initial : previous
          strictEqual(delay, Math.min(max, initial + chance * (before * 3 - initial)))
          assertTrue(delay >= initial && delay <= max)
          reach(delay === max ? "a delay that the maximum cuts" : "a delay below the maximum")
          previous = delay
        }
      }).pipe(Random.withSeed(input.seed)),
    { cases: 300, reaches: ["a delay that the maximum cuts", "a delay below the maximum"] }
  )

  law(
    "the schedule waits for what the pure function says",
    { seed: Millis, initial: Millis, more: Millis },
    (input, reach) =>
      Effect.gen(function*() {
        const { initial, more, seed } = input
        const max = initial + more
        for (
          const backoff of [
            Backoff.exponential({ initial, max, jitter: Jitter.equal }),
            Backoff.linear({ initial, max }),
            Backoff.constant({ delay: initial, jitter: Jitter.proportional(0.5) }),
            Backoff.decorrelated({ initial, max })
          ]
        ) {
          const scheduled = yield* Effect.gen(function*() {
            const step = yield* Schedule.toStep(backoff)
            const delays: Array<number> = []
            for (let retry = 1; retry <= 8; retry++) {
              delays.push(Duration.toMillis((yield* Effect.orDie(step(0, undefined)))[1]))
            }
            return delays
          }).pipe(Random.withSeed(seed))
          const computed = yield* Effect.gen(function*() {
            const random = yield* Random.Random
            const delays: Array<number> = []
            for (let retry = 1; retry <= 8; retry++) {
              delays.push(backoff.delay(retry, delays.at(-1) ?? 0, random.nextDoubleUnsafe()))
            }
            return delays
          }).pipe(Random.withSeed(seed))
          assertTrue(same(scheduled, computed), `${scheduled} is not ${computed}`)
          if (computed.includes(max)) reach("a delay at the maximum")
          if (computed.some((delay) => delay < max)) reach("a delay below the maximum")
        }
      }),
    { cases: 100, reaches: ["a delay at the maximum", "a delay below the maximum"] }
  )
})

describe("isBackoff", () => {
  it("tells a backoff from other schedules and values", () => {
    assertTrue(Backoff.isBackoff(Backoff.constant({ delay: 1 })))
    assertTrue(Backoff.isBackoff(Backoff.decorrelated()))
    for (const other of [Schedule.exponential("1 second"), Schedule.forever, {}, null, undefined, 1]) {
      assertFalse(Backoff.isBackoff(other))
    }
  })

  it("says no of a schedule made from a backoff, whose delays are no longer those of the backoff", () => {
    const backoff = Backoff.constant({ delay: "1 second" })
    assertFalse(Backoff.isBackoff(Schedule.addDelay(backoff, () => Effect.succeed(Duration.seconds(1)))))
    assertFalse(Backoff.isBackoff(Schedule.max([backoff, Schedule.recurs(1)])))
  })
})

describe("arguments", () => {
  // A first delay of zero grows only where something is added to it.
  const duration = (where: string, name: string, got: string) => {
    const grows = name === "initial" && where !== "Backoff.linear"
    return `${where}: ${name} must be a finite duration ${grows ? "above zero" : "of zero or more"}, got ${got}`
  }

  const bad: ReadonlyArray<[input: Duration.Input, got: string]> = [
    [-5, "-5"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
    [-Infinity, "-Infinity"],
    ["-1 seconds", "\"-1 seconds\""],
    [-5n, "-5n"],
    [Duration.infinity, "Infinity"],
    [Duration.seconds(-1), "-1000 millis"]
  ]

  it.each(bad)("refuses %s as a duration, wherever one is taken", (input, got) => {
    const cases: ReadonlyArray<[where: string, name: string, make: () => unknown]> = [
      ["Backoff.constant", "delay", () => Backoff.constant({ delay: input })],
      ["Backoff.linear", "initial", () => Backoff.linear({ initial: input })],
      ["Backoff.linear", "increment", () => Backoff.linear({ increment: input })],
      ["Backoff.linear", "max", () => Backoff.linear({ max: input })],
      ["Backoff.exponential", "initial", () => Backoff.exponential({ initial: input })],
      ["Backoff.exponential", "max", () => Backoff.exponential({ max: input })],
      ["Backoff.decorrelated", "initial", () => Backoff.decorrelated({ initial: input })],
      ["Backoff.decorrelated", "max", () => Backoff.decorrelated({ max: input })]
    ]
    for (const [where, name, make] of cases) strictEqual(rangeError(make), duration(where, name, got))
  })

  it("refuses a first delay of zero that could never grow", () => {
    strictEqual(
      rangeError(() => Backoff.exponential({ initial: 0 })),
      "Backoff.exponential: initial must be longer than zero, got 0"
    )
    strictEqual(
      rangeError(() => Backoff.decorrelated({ initial: "0 millis" })),
      "Backoff.decorrelated: initial must be longer than zero, got \"0 millis\""
    )
  })

  it.each([0.5, 0, -2, NaN, Infinity])("refuses a factor of %d", (factor) => {
    strictEqual(
      rangeError(() => Backoff.exponential({ factor })),
      `Backoff.exponential: factor must be a number of 1 or more, got ${factor}`
    )
  })

  it("refuses a maximum below the first delay", () => {
    const message = "max must be at least initial (1000 millis), got 999 millis"
    strictEqual(rangeError(() => Backoff.linear({ initial: 1000, max: 999 })), `Backoff.linear: ${message}`)
    strictEqual(rangeError(() => Backoff.exponential({ initial: 1000, max: 999 })), `Backoff.exponential: ${message}`)
    strictEqual(rangeError(() => Backoff.decorrelated({ initial: 1000, max: 999 })), `Backoff.decorrelated: ${message}`)
  })
})

describe("Equal", () => {
  it("holds for sequences that were made alike, however their options were written", () => {
    assertTrue(Equal.equals(Backoff.exponential(), Backoff.exponential({ initial: "100 millis", factor: 2 })))
    assertTrue(Equal.equals(Backoff.linear({ initial: 1000 }), Backoff.linear({ initial: "1 second" })))
    assertTrue(Equal.equals({ backoff: Backoff.constant({ delay: 5 }) }, { backoff: Backoff.constant({ delay: 5 }) }))
  })

  it("does not hold where anything of them differs", () => {
    const all = [
      Backoff.constant({ delay: 100 }),
      Backoff.constant({ delay: 100, jitter: Jitter.full }),
      Backoff.constant({ delay: 100, jitter: Jitter.proportional(0.1) }),
      Backoff.constant({ delay: 100, jitter: Jitter.proportional(0.101) }),
      Backoff.constant({ delay: 100.1 }),
      Backoff.linear(),
      Backoff.linear({ increment: 200 }),
      Backoff.exponential(),
      Backoff.exponential({ factor: 3 }),
      Backoff.exponential({ max: 1000 }),
      Backoff.decorrelated()
    ]
    for (const one of all) deepStrictEqual(all.filter((other) => Equal.equals(one, other)), [one])
  })
})
