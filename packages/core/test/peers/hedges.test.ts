/**
 * What the hedges of failsafe-go and Polly do, as data. The facts are from failsafe-go's `hedgepolicy_test.go` (2d79a223), and from
 * Polly's page "Hedging resilience strategy" (pollydocs.org/strategies/hedging) and its cheat sheet: a delay above zero hedges what is
 * slow, zero runs all at once, and an infinite delay, here a long one, starts the next only when one has failed.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Hedge from "@holdfast/core/Hedge"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { show, watch } from "../Script.ts"

interface Row {
  readonly after: Duration.Input
  readonly max: number
  /** What each attempt does: succeeds or fails with its number after some milliseconds. */
  readonly attempts: ReadonlyArray<readonly ["succeeds" | "fails", number]>
  readonly ends: string
  readonly took: number
  readonly started: number
}

const hang = ["succeeds", Infinity] as const

const rows: Readonly<Record<string, Row>> = {
  "failsafe-go: does not hedge when the delay is not exceeded": {
    after: "1 second",
    max: 1,
    attempts: [["succeeds", 0]],
    ends: "Success(1)",
    took: 0,
    started: 1
  },
  "failsafe-go: all hedges are used, and the first attempt answers": {
    after: 20,
    max: 2,
    attempts: [["succeeds", 100], ["succeeds", 100], ["succeeds", 100]],
    ends: "Success(1)",
    took: 100,
    started: 3
  },
  "failsafe-go: the first result ends the others": {
    after: 10,
    max: 4,
    attempts: [hang, hang, ["succeeds", 0]],
    ends: "Success(3)",
    took: 20,
    started: 3
  },
  "Polly: latency mode, a slow attempt is hedged after the delay": {
    after: "1 second",
    max: 1,
    attempts: [hang, ["succeeds", 50]],
    ends: "Success(2)",
    took: 1_050,
    started: 2
  },
  "Polly: latency mode, a failed attempt is followed at once": {
    after: "1 second",
    max: 2,
    attempts: [["fails", 10], ["fails", 10], ["succeeds", 10]],
    ends: "Success(3)",
    took: 30,
    started: 3
  },
  "Polly: parallel mode, all run at once and the fastest wins": {
    after: 0,
    max: 2,
    attempts: [["succeeds", 30], ["succeeds", 10], ["succeeds", 20]],
    ends: "Success(2)",
    took: 10,
    started: 3
  },
  "Polly: parallel mode, a failure waits for the others": {
    after: 0,
    max: 2,
    attempts: [["fails", 5], ["fails", 10], ["succeeds", 20]],
    ends: "Success(3)",
    took: 20,
    started: 3
  },
  "Polly: fallback mode, the next starts when one has failed, and not when one is slow": {
    after: "1 hour",
    max: 2,
    attempts: [["fails", 5_000], ["succeeds", 5_000]],
    ends: "Success(2)",
    took: 10_000,
    started: 2
  },
  "Polly: when all fail, the call fails": {
    after: 10,
    max: 1,
    attempts: [["fails", 30], ["fails", 5]],
    ends: "Failure(1)",
    took: 30,
    started: 2
  }
}

describe("a hedge", () => {
  it.effect.each(Object.entries(rows))(
    "%s",
    ([, { after, attempts, ends, max, started, took }]) =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after, max })
        let legs = 0
        let running = 0
        const call = Effect.suspend(() => {
          const leg = ++legs
          const [how, millis] = attempts[leg - 1] ?? hang
          running++
          const end = how === "succeeds" ? Effect.succeed(leg) : Effect.fail(leg)
          return Effect.ensuring(
            millis === 0 ? end : Effect.andThen(millis === Infinity ? Effect.never : Effect.sleep(millis), end),
            Effect.sync(() => running--)
          )
        })
        const story = yield* watch(hedge.protect(Hedge.idempotent(call)))
        const told = show(story.exit).replace(/^Failure\(Cause\(\[Fail\((\d+)\)\]\)\)$/, "Failure($1)")
        deepStrictEqual({ ends: told, took: story.took, started: legs, running }, { ends, took, started, running: 0 })
      })
  )
})
