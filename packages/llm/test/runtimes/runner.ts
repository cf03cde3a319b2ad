/** Runs scenarios by their names, in a runtime that knows nothing else of them. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

type Scenarios = Readonly<Record<string, (server: string) => Effect.Effect<unknown, unknown>>>

export const runner = (scenarios: Scenarios) => ({
  names: Object.keys(scenarios),
  /** Runs one scenario. A failure becomes its value. */
  run: (name: string, server: string): Promise<unknown> =>
    Effect.runPromise(
      (scenarios[name]?.(server) ?? Effect.succeed("unknown")).pipe(
        Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.succeed("hangs") }),
        Effect.catchCause((cause) => Effect.succeed(`failed: ${String(cause)}`)),
        Effect.provide(Logger.layer([]))
      )
    )
})
