/**
 * A chain whose options change while it is used. A request keeps the options that were in force when it began. Resources of
 * replaced options, such as a pool, are released after the last request that began with them.
 *
 * Guarded by `test/config/reloading.test.ts`.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Config from "effect/Config"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Chain } from "../compile/compile.ts"
import type { Entered } from "../model/languageModel.ts"
import { modelOf } from "../model/languageModel.ts"

/** A chain, and what is to be done when it is no longer needed. */
export interface Generation {
  readonly chain: Chain
  readonly release: Effect.Effect<void>
}

/** The chain in force. */
class Live {
  private current: { readonly generation: Generation; running: number }

  constructor(generation: Generation) {
    this.current = { generation, running: 0 }
  }

  get chain(): Chain {
    return this.current.generation.chain
  }

  swap(generation: Generation): Effect.Effect<void> {
    const before = this.current
    this.current = { generation, running: 0 }
    return before.running === 0 ? before.generation.release : Effect.void
  }

  /** The chain for one request, and what is to be done at the request's end. */
  enter(): Entered {
    const held = this.current
    held.running++
    const leave = Effect.suspend(() =>
      --held.running === 0 && held !== this.current ? held.generation.release : Effect.void
    )
    return { chain: held.generation.chain, leave }
  }
}

/**
 * The model of the latest options, ready after the first. Later options that are invalid, or from which no chain can be made,
 * are logged as a warning and leave the chain unchanged.
 */
export const follow = Effect.fnUntraced(function*<A, E, R, E2 extends { readonly message: string }, R2>(
  changes: Stream.Stream<A, E, R>,
  compile: (options: A, previous: Chain | undefined) => Effect.Effect<Generation, E2, R2>
): Effect.fn.Return<LanguageModel.LanguageModel, E | E2, R | R2 | Scope.Scope> {
  const ready = yield* Deferred.make<Live, E | E2>()
  let live: Live | undefined
  const stays = (error: { readonly message: string }) =>
    Effect.logWarning(
      // The cause of a `ConfigError` says what is wrong, without the name of its class.
      `llm: the chain stays as it is: ${error instanceof Config.ConfigError ? error.cause.message : error.message}`
    )
  const swap = (live: Live, options: A) =>
    compile(options, live.chain).pipe(
      Effect.flatMap((next) => live.swap(next)),
      Effect.andThen(Effect.logInfo("llm: the chain has changed")),
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
        : Effect.logWarning("llm: the chain no longer changes", cause)
    ),
    Effect.forkScoped
  )
  const latest = yield* Deferred.await(ready)
  return yield* modelOf(() => latest.enter())
})
