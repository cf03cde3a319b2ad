/**
 * What ctrl-C ends: the whole program, or, while a session gives an answer, the answer alone.
 *
 * The process asks this reference before it ends the program. It is its own module because the process (`bin.ts`) and the
 * command that guards something know nothing of each other.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

/** Holds what ctrl-C would end; `undefined` when that is the program. */
export interface Slot {
  end: (() => void) | undefined
}

/** The slot of the process. Default: one that is never read. */
export const Interruption: Context.Reference<Slot> = Context.Reference("@holdfast/cli/Interruption", {
  defaultValue: (): Slot => ({ end: undefined })
})

/** Runs an effect so that ctrl-C ends it, and nothing else, and gives its end. */
export const guard = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
  Effect.gen(function*() {
    const slot = yield* Interruption
    const fiber = yield* Effect.forkChild(self)
    slot.end = () => fiber.interruptUnsafe()
    return yield* Effect.ensuring(
      Fiber.await(fiber),
      Effect.sync(() => {
        slot.end = undefined
      })
    )
  })
