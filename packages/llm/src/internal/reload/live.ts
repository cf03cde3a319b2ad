/**
 * A chain, of chats or of embeddings, whose options change while it is used. A request keeps the options that were in force when it began. Resources of
 * replaced options, such as a pool, are released after the last request that began with them.
 *
 * Guarded by `test/config/reloading.test.ts`.
 */
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A chain, and what is to be done when it is no longer needed. */
export interface Generation<C> {
  readonly chain: C
  readonly release: Effect.Effect<void>
}

/** The chain in force. */
export class Live<C> {
  private current: { readonly generation: Generation<C>; running: number }

  constructor(generation: Generation<C>) {
    this.current = { generation, running: 0 }
  }

  get chain(): C {
    return this.current.generation.chain
  }

  swap(generation: Generation<C>): Effect.Effect<void> {
    const before = this.current
    this.current = { generation, running: 0 }
    return before.running === 0 ? before.generation.release : Effect.void
  }

  /** The chain for one request, and what is to be done at the request's end. */
  enter(): { readonly chain: C; readonly leave: Effect.Effect<void> } {
    const held = this.current
    held.running++
    const leave = Effect.suspend(() =>
      --held.running === 0 && held !== this.current ? held.generation.release : Effect.void
    )
    return { chain: held.generation.chain, leave }
  }
}

/**
 * The chain of the latest options, ready after the first. Later options that are invalid, or from which no chain can be made,
 * are logged as a warning and leave the chain unchanged.
 */
export const follow = Effect.fnUntraced(function*<C, A, E, R, E2 extends { readonly message: string }, R2>(
  changes: Stream.Stream<A, E, R>,
  compile: (options: A, previous: C | undefined) => Effect.Effect<Generation<C>, E2, R2>,
  /** Names the chain in the log. */
  what = "the chain"
): Effect.fn.Return<Live<C>, E | E2, R | R2 | Scope.Scope> {
  const ready = yield* Deferred.make<Live<C>, E | E2>()
  let live: Live<C> | undefined
  const stays = (error: { readonly message: string }) =>
    Effect.logWarning(
      // The cause of a `ConfigError` says what is wrong, without the name of its class.
      `llm: ${what} stays as it is: ${error instanceof Config.ConfigError ? error.cause.message : error.message}`
    )
  const swap = (live: Live<C>, options: A) =>
    compile(options, live.chain).pipe(
      Effect.flatMap((next) => live.swap(next)),
      Effect.andThen(Effect.logInfo(`llm: ${what} has changed`)),
      Effect.catch(stays),
      Effect.catchDefect((defect) => defect instanceof RangeError ? stays(defect) : Effect.die(defect))
    )
  const take = (options: A): Effect.Effect<void, E2, R2> =>
    live === undefined
      ? Effect.flatMap(compile(options, undefined), (first) => Deferred.succeed(ready, live = new Live(first)))
      : swap(live, options)
  yield* Stream.runForEach(changes, take).pipe(
    Effect.andThen(Effect.suspend(() =>
      live === undefined
        ? Effect.die(new RangeError("ProviderChain: changes must give options before they end, got none"))
        : Effect.void
    )),
    Effect.catchCause((cause) =>
      live === undefined
        ? Deferred.failCause(ready, cause)
        : Effect.logWarning(`llm: ${what} no longer changes`, cause)
    ),
    Effect.forkScoped
  )
  return yield* Deferred.await(ready)
})
