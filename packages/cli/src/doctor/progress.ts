/** How a diagnosis tells what it waits for, and how long it took. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export interface Options {
  /** How long one check may take. */
  readonly timeout: Duration.Duration
  /** Told when a check begins and when it has ended. */
  readonly onProgress: (progress: { readonly what: string; readonly ended: boolean }) => void
}

export const told = <A, E, R>(effect: Effect.Effect<A, E, R>, what: string, { onProgress }: Options) =>
  Effect.suspend(() => {
    onProgress({ what, ended: false })
    return Effect.ensuring(effect, Effect.sync(() => onProgress({ what, ended: true })))
  })

/** An effect's result, with its milliseconds. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.monotonicTimeNanos
    const result = yield* Effect.result(effect)
    return { result, millis: Number((yield* Clock.monotonicTimeNanos) - start) / 1e6 }
  })
