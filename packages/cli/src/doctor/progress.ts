/** How a diagnosis tells what it waits for. */
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
