/**
 * A stream that is opened when its first chunk is asked for: `Stream.unwrap`, with one channel less on the way of each chunk.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts` and `test/model/languageModel.test.ts`.
 */
import type * as Arr from "effect/Array"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export type Chunks<A, E, R> = Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E, void, R>

/** What gives the next chunk, once a stream is open. */
export type Next<A, E, R> = () => Chunks<A, E, R>

/** A pull that is opened when its first chunk is asked for. */
export const opened = <A, E, R, EX, RX>(
  open: Effect.Effect<Next<A, E, R>, EX, RX>
): Chunks<A, E | EX, R | RX> => {
  let next: Next<A, E, R> | undefined
  // Not before: what limits a pull in time, as `Stream.timeout` does, limits the opening too.
  const opening = Effect.flatMap(open, (known) => {
    next = known
    return known()
  })
  return Effect.suspend((): Chunks<A, E | EX, R | RX> => next === undefined ? opening : next())
}

export const onDemand = <A, E, R, EX, RX>(
  open: (scope: Scope.Scope) => Effect.Effect<Next<A, E, R>, EX, RX>
): Stream.Stream<A, Pull.ExcludeDone<E> | EX, R | RX> =>
  Stream.fromChannel(
    Channel.fromTransform((_: unknown, scope) => Effect.succeed(opened(Effect.suspend(() => open(scope)))))
  )
