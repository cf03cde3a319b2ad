/** The metadata that an attempt sees: what `Effect.retry` tells it under the same schedule. */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Retry from "@holdfast/core/Retry"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

const schedules = {
  "a Backoff": Backoff.exponential({ initial: 10, jitter: Jitter.none }),
  "a schedule": Schedule.spaced(25),
  "a schedule that takes its output from elsewhere": Schedule.passthrough(Schedule.spaced(5))
}

type Run = (self: Effect.Effect<never, string>) => Effect.Effect<never, string>

describe("Schedule.CurrentMetadata", () => {
  it.effect.each(Object.entries(schedules))(
    "is as under `Effect.retry`, under %s",
    ([, schedule]) =>
      Effect.gen(function*() {
        const told = Effect.fnUntraced(function*(run: Run) {
          const all: Array<Schedule.Metadata> = []
          const attempt = Effect.gen(function*() {
            const metadata = yield* Schedule.CurrentMetadata
            all.push(metadata)
            yield* Effect.sleep(3)
            return yield* Effect.fail(`down ${all.length}`)
          })
          const fiber = yield* Effect.forkChild(Effect.exit(run(attempt)), { startImmediately: true })
          yield* TestClock.adjust("1 minute")
          yield* TestClock.setTime(0)
          strictEqual(fiber.pollUnsafe() === undefined, false)
          return all
        })
        const ours = yield* told(Retry.retry({ times: 4, backoff: schedule }))
        const plain = yield* told(Effect.retry(Schedule.upTo(schedule, { times: 4 })))
        strictEqual(ours.length, 5)
        deepStrictEqual(ours, plain)
      }).pipe(Effect.provide(Logger.layer([])))
  )
})
