/**
 * A chain that follows a file beside the environment, whatever it is a chain of: with the file's store, budgets and probe of the
 * network.
 *
 * Guarded by `test/config/reloading.test.ts` and `test/config/embeddings.test.ts`.
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Budgets, layerConfig as budgetsConfig } from "../../Budgets.ts"
import { Connectivity, makeConfig as connectivityConfig } from "../../Connectivity.ts"
import * as LlmConfig from "../../LlmConfig.ts"
import { prepareBudgets } from "../budget/configured.ts"
import { prepareStore } from "../store/configured.ts"
import type { KeptProviders, Taken } from "./kept.ts"
import * as Live from "./live.ts"

/** The chain of what the environment and a file say; a provider is the same as long as its settings are. */
export const followFile = <C, A, E, R>(
  changes: Stream.Stream<LlmConfig.LlmConfig, E, R>,
  keptIn: (scope: Scope.Scope) => KeptProviders<A>,
  /** Makes the chain of the providers of the file in force. */
  make: (
    providers: Taken<A>["providers"],
    previous: C | undefined
  ) => Effect.Effect<C, Config.ConfigError, HttpClient.HttpClient>,
  what?: string
): Effect.Effect<Live.Live<C>, E | Config.ConfigError, R | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const kept = keptIn(scope)
    const given = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity))
    let budgets = Option.getOrUndefined(yield* Effect.serviceOption(Budgets))
    let probe:
      | { readonly said: LlmConfig.LlmConfig["connectivity"]; readonly service: Connectivity["Service"] }
      | undefined

    const compile = Effect.fnUntraced(function*(file: LlmConfig.LlmConfig, previous: C | undefined) {
      const said = file.connectivity
      const service = given ??
        (probe !== undefined && Equal.equals(probe.said, said) ? probe.service : yield* connectivityConfig())
      const followed = budgets ?? Context.get(yield* Scope.provide(Layer.build(budgetsConfig), scope), Budgets)
      const beside = [yield* prepareStore, yield* prepareBudgets(followed)]
      const { keep, providers, release } = yield* kept.take
      const chain = yield* make(providers, previous).pipe(
        Effect.provideService(Connectivity, service),
        Effect.provideService(Budgets, followed),
        Effect.onError(() => release)
      )
      keep()
      yield* Effect.forEach(beside, ({ swap }) => swap)
      budgets = followed
      probe = { said, service }
      return { chain, release }
    })

    return yield* Live.follow(
      changes,
      (file, previous: C | undefined) => Effect.provide(compile(file, previous), LlmConfig.layer(file)),
      what
    )
  })
