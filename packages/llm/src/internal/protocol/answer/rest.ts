/**
 * The rest of a body after the proof that its answer is whole. Many servers end a body some milliseconds after `[DONE]`. To
 * cancel it at once closes its connection, so that each request would open another. So the rest is read for a while after
 * the caller has its answer, within bounds, and the connection returns to its pool.
 *
 * Guarded by `test/protocol/answer/rest.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"

/** How long the rest is read, in milliseconds. A server that hangs holds its connection no longer. */
export const patience = 100

/** How many bytes of the rest are read. */
const limit = 64 * 1024

/** What a request leaves behind when its caller is done. */
export interface Leaving {
  /** Reads the rest of the body; `undefined` where the body has ended, or the answer is not whole, so that it is cancelled. */
  rest: (() => Effect.Effect<void> | undefined) | undefined
}

/** Counts what comes after the answer, and says when it is enough. */
export const enough = (): (bytes: Uint8Array) => boolean => {
  let seen = 0
  return ({ length }) => (seen += length) > limit
}

/** Reads a pull to its end, or until it is enough. */
export const drain = <E, R>(pull: Pull.Pull<ReadonlyArray<Uint8Array>, E, void, R>): Effect.Effect<void, never, R> => {
  const isEnough = enough()
  const next: Effect.Effect<void, never, R> = Pull.matchEffect(pull, {
    onSuccess: (chunks) => chunks.some(isEnough) ? Effect.void : next,
    onFailure: () => Effect.void,
    onDone: () => Effect.void
  })
  return next
}

/** A scope for a request: closed with `scope`, or when the rest of its body has been read. */
export const leaving = (scope: Scope.Scope, self: Leaving): Effect.Effect<Scope.Scope> =>
  Effect.flatMap(Scope.make(), (own) =>
    Effect.as(
      Scope.addFinalizerExit(scope, (exit) => {
        const close = Scope.close(own, exit)
        const rest = self.rest?.()
        if (rest === undefined) return close
        const bounded = Effect.interruptible(Effect.timeoutOption(rest, patience))
        return Effect.asVoid(Effect.forkDetach(Effect.ensuring(bounded, close), { startImmediately: true }))
      }),
      own
    ))
