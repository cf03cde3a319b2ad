/** Makes clients and runs calls under `TestClock`, and looks at what they did. */
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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

/** Why no client can be made of these options: what the `RangeError` says after the name of the constructor. */
export const refused = (options: HttpPolicy.Options): string | undefined => {
  const exit = Effect.runSyncExit(ResilientHttpClient.make(options).pipe(Effect.provide(TestTransport.layer([]))))
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof RangeError ? error.message.replace("ResilientHttpClient.make: ", "") : undefined
}
