/** Runs calls under `TestClock`, and looks at what they did. */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** Runs an effect while time passes, and says what came of it and which events it had. */
export const play = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  passes: string & `${number} ${"second" | "seconds" | "hours"}` = "60 seconds"
) =>
  Effect.gen(function*() {
    const events: Array<PolicyEvent.PolicyEvent> = []
    const fiber = yield* Effect.forkChild(
      PolicyEvent.observe(Effect.exit(effect), (event) => {
        events.push(event)
      }),
      { startImmediately: true }
    )
    yield* TestClock.adjust(passes)
    return { exit: yield* Fiber.join(fiber), events }
  })
