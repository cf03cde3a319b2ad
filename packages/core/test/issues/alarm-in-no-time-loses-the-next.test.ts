/**
 * Under a clock other than the live one an alarm is a fiber that sleeps. One that slept for no time had ended before its
 * handle was kept, so the handle of the alarm that it set in turn was overwritten by its own: that alarm could no longer be cleared.
 * After a retry without delay, the timeout of an attempt rang for an attempt that had succeeded.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import * as Alarm from "../../src/internal/fiber/alarm.ts"
import { watch } from "../Script.ts"

class Again extends Alarm.Alarm {
  override clockFailed(): void {}
  rings = 0
  readonly onFirst: () => void
  constructor(onFirst: (alarm: Again) => void) {
    super()
    this.onFirst = () => onFirst(this)
  }
  override ring(): void {
    if (++this.rings === 1) this.onFirst()
  }
}

it.effect("an alarm in no time may set itself again, and be cleared then", () =>
  Effect.gen(function*() {
    const fiber = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
    const alarm = new Again((alarm) => Alarm.set(alarm, fiber, 1_000))
    Alarm.set(alarm, fiber, 0)
    yield* TestClock.adjust(1)
    strictEqual(alarm.rings, 1)
    Alarm.clear(alarm)
    yield* TestClock.adjust("1 hour")
    strictEqual(alarm.rings, 1)
  }))

it.effect("an attempt after no delay has its timeout cleared when it succeeds", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({
      attemptTimeout: "1 second",
      retry: { backoff: Backoff.constant({ delay: 0 }) }
    })
    let attempts = 0
    const { exit } = yield* watch(policy.protect(Effect.suspend(() =>
      ++attempts === 1 ? Effect.fail("down") : Effect.delay(Effect.succeed(attempts), 500)
    )))
    deepStrictEqual(exit, Exit.succeed(2))
    strictEqual(attempts, 2)
  }))
