/**
 * What `while` or the step of a schedule threw was thrown into whatever had ended the attempt: a timer, or the fiber of the
 * attempt. The caller was never resumed. It is a defect of the call.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import { watch } from "../Script.ts"

const attempts = [Effect.fail("down"), Effect.delay(Effect.fail("down"), "1 second")]

it.effect("what `while` throws is a defect of the call, at whatever time it is asked", () =>
  Effect.gen(function*() {
    for (const attempt of attempts) {
      const { exit } = yield* watch(Retry.retry(attempt, {
        while: () => {
          throw "broken predicate"
        }
      }))
      deepStrictEqual(exit, Exit.die("broken predicate"))
    }
  }))

it.effect("what a schedule throws is a defect of the call", () =>
  Effect.gen(function*() {
    const made = Effect.succeed((): Effect.Effect<never> => {
      throw "broken step"
    })
    for (const slow of [made, Effect.delay(made, "1 second")]) {
      for (const attempt of attempts) {
        const { exit } = yield* watch(Retry.retry(attempt, { backoff: Schedule.fromStep(slow) }))
        deepStrictEqual(exit, Exit.die("broken step"))
      }
    }
  }))
