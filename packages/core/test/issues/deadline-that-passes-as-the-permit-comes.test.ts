/**
 * Two calls of one policy that come together have one deadline, and when it ended the one that ran, its permit went to the
 * one in the queue: an attempt was started for a call whose time was up, and interrupted at once. It has not run, and
 * its deadline passed in the queue.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { watch } from "../Script.ts"

it.effect("a call that gets its permit as its deadline passes does not run", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({ deadline: 300, bulkhead: { limit: 1, queue: 2 } })
    let started = 0
    const call = Effect.flip(policy.protect(Effect.suspend(() => {
      started++
      return Effect.never
    })))
    const { events, exit } = yield* watch(Effect.all([call, call, call], { concurrency: "unbounded" }))
    strictEqual(started, 1)
    deepStrictEqual(
      Exit.map(exit, (errors): ReadonlyArray<unknown> =>
        errors.map(({ reason }) => reason._tag === "DeadlineExceeded" && reason.phase)),
      Exit.succeed<ReadonlyArray<unknown>>(["attempt", "queue", "queue"])
    )
    deepStrictEqual(
      events.filter(({ _tag }) =>
        _tag === "AttemptStarted"
      ).length,
      1
    )
  }))
