/**
 * A caller that was interrupted while the legs that lost cleaned up ended with the interruption alone: the race had a result,
 * but gave it to the caller only when nothing ran any more. A race of plain Effect keeps the failure beside the interruption.
 */
import { describe, it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as Hedge from "@holdfast/core/Hedge"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { words } from "../Program.ts"

type Work = Effect.Effect<string, string>

const later = (end: Work): Work => Effect.delay(end, 5)
const ends: ReadonlyArray<readonly [name: string, end: Work]> = [
  ["a defect", Effect.die("broken")],
  ["a failure", Effect.fail("down")],
  ["a success", Effect.succeed("up")]
]

describe("a hedge whose caller is interrupted while the loser cleans up", () => {
  it.effect.each(ends)("ends as a race of plain Effect after %s", ([, end]) =>
    Effect.gen(function*() {
      const loser: Work = Effect.onInterrupt(Effect.never, () => Effect.sleep(20))
      const ended = Effect.fnUntraced(function*(self: Work) {
        const fiber = yield* Effect.forkChild(self, { startImmediately: true })
        yield* TestClock.adjust(10)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* TestClock.adjust(20)
        yield* Fiber.join(interrupting)
        return words(yield* Fiber.await(fiber))
      })
      let leg = 0
      const legs = Hedge.idempotent(Effect.suspend(() => leg++ === 0 ? loser : later(end)))
      const hedged = Hedge.hedge(legs, { after: 0, while: () => false })
      strictEqual(yield* ended(hedged), yield* ended(Effect.raceFirst(loser, later(end))))
      strictEqual(leg, 2)
    }))
})
