/** Makes clients and runs calls under `TestClock`, and looks at what they did. */
import * as Backoff from "@holdfast/core/Backoff"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
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

export const everySecond = Backoff.constant({ delay: "1 second" })

/** The client over a script. The script is part of the context, so that a test can look at what was sent. */
export const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options = {}) =>
  Layer.provideMerge(
    ResilientHttpClient.layer({
      ...options,
      retry: options.retry === false ? false : { times: 3, backoff: everySecond, ...options.retry }
    }),
    TestTransport.layer(script)
  )

export const sent = Effect.flatMap(TestTransport.TestTransport, (transport) => transport.sent)
export const inUse = Effect.flatMap(TestTransport.TestTransport, (transport) => transport.inUse)

export const stopOf = (events: ReadonlyArray<PolicyEvent.PolicyEvent>) => {
  const event = events.find((event) => event._tag === "RetryStopped")
  return event === undefined ? undefined : [event.reason, event.because]
}

export const get = Effect.flatMap(
  HttpClient.get("http://localhost/"),
  (response) => Effect.map(response.text, (text) => [response.status, text] as const)
)
