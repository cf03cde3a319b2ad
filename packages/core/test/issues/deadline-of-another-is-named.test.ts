/**
 * `Deadline.within` ends a call at the tighter of its own deadline and the one in force, and said that its own had passed:
 * a call that was ended after a second got an error that named an hour.
 */
import { it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as Deadline from "@holdfast/core/Deadline"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { watch } from "../Script.ts"

it.effect("the deadline that passed is the one that is named", () =>
  Effect.gen(function*() {
    const { exit } = yield* watch(Effect.never.pipe(Deadline.within("1 hour"), Deadline.within("1 second")))
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    strictEqual(
      error instanceof Error ? error.message : error,
      "The call passed its deadline of 1s while an attempt ran"
    )
  }))
