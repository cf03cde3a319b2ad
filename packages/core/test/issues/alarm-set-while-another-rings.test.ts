/**
 * An alarm that was set while another rang moved the shared timer to itself, and the loop that rang the others left it
 * there: with a long alarm set last, all that were due before it waited for it. A thousand fibers that shared a policy
 * stood still for as long as the longest of their timeouts, under the live clock alone.
 */
import { it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Alarm from "../../src/internal/fiber/alarm.ts"
import { flaky } from "../Script.ts"

class Bell extends Alarm.Alarm {
  readonly onRing: () => void
  constructor(onRing: () => void) {
    super()
    this.onRing = onRing
  }
  override ring(): void {
    this.onRing()
  }
}

it.live("an alarm that is set while another rings does not put off those that wait", () =>
  Effect.gen(function*() {
    const fiber = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
    const start = performance.now()
    const late = new Bell(() => {})
    const took = yield* Effect.callback<number>((resume) => {
      Alarm.set(new Bell(() => Alarm.set(late, fiber, 2_000)), fiber, 5)
      Alarm.set(new Bell(() => resume(Effect.succeed(performance.now() - start))), fiber, 20)
    })
    Alarm.clear(late)
    assertTrue(took < 1_000, `${took}`)
  }))

it.live("a thousand fibers that share a policy do not wait for each other's timeouts", () =>
  Effect.gen(function*() {
    const policy = yield* Policy.make({
      deadline: "1 minute",
      attemptTimeout: "20 seconds",
      retry: { times: 3, backoff: Backoff.exponential({ initial: "5 millis" }) }
    })
    const answers = yield* Effect.forEach(
      Array.from({ length: 1_000 }, (_, fiber) => flaky(fiber % 4)),
      (down) => policy.protect(Effect.andThen(Effect.sleep(1), down.effect)),
      { concurrency: "unbounded" }
    ).pipe(Effect.provide(Logger.layer([])))
    deepStrictEqual(answers, Array.from({ length: 1_000 }, (_, fiber) => 1 + fiber % 4))
  }))
