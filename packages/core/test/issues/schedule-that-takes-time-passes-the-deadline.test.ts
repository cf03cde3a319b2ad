/**
 * A schedule is stepped by an effect, and an effect may take time. Nothing bounded it: a step of five seconds held a call
 * with a deadline of one, and the time of the step was not counted when the delay after it was judged.
 */
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { flaky, watch } from "../Script.ts"

const slow = Schedule.tap(Schedule.spaced("100 millis"), () => Effect.sleep("5 seconds"))

it.effect("the deadline bounds the steps of a schedule", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ deadline: "1 second", retry: { backoff: slow } })
    const down = flaky(9)
    const { took } = yield* watch(policy.protect(down.effect))
    assertTrue(took <= 1_000, `took ${took}`)
    strictEqual(down.at.length, 1)
  }))

it.effect("the time that a step of a schedule takes counts against maxElapsed", () =>
  Effect.gen(function*() {
    const down = flaky(9)
    yield* watch(Retry.retry(down.effect, { backoff: slow, maxElapsed: "1 second" }))
    deepStrictEqual(down.at, [0])
  }))
