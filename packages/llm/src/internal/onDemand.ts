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

type Chunks<A, E, R> = Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E, void, R>

export const onDemand = <A, E, R, EX, RX>(
  open: (scope: Scope.Scope) => Effect.Effect<Chunks<A, E, R>, EX, RX>
): Stream.Stream<A, Pull.ExcludeDone<E> | EX, R | RX> =>
  Stream.fromChannel(Channel.fromTransform((_: unknown, scope) => {
    let opened: Chunks<A, E, R> | undefined
    // Not before: what limits a pull in time, as `Stream.timeout` does, limits the opening too.
    const opening = Effect.suspend(() => Effect.flatMap(open(scope), (pull) => opened = pull))
    return Effect.succeed(Effect.suspend((): Chunks<A, E | EX, R | RX> => opened ?? opening))
  }))
