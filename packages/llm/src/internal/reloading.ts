/** The two ways in which a chain changes while it is used: by options, and by a file beside the environment. */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Connectivity, makeConfig as connectivityConfig } from "../Connectivity.ts"
import * as LlmConfig from "../LlmConfig.ts"
import type { Provider } from "../Provider.ts"
import type { ConfigOptions, Options, Source } from "../ProviderChain.ts"
import * as Compile from "./compile.ts"
import * as Configured from "./configured.ts"
import { KeptProviders } from "./keptProviders.ts"
import * as Live from "./live.ts"

/** The model of options; a provider is the same as long as its source is. */
export const ofOptions = <E extends { readonly message: string }, R, E2, R2>(
  changes: Stream.Stream<Options<E, R>, E2, R2>
): Effect.Effect<LanguageModel.LanguageModel, E | E2, R | R2 | Scope.Scope> =>
  Effect.suspend(() => {
    let made: ReadonlyMap<unknown, Provider> = new Map()
    const provider = (source: Source<E, R>): Effect.Effect<Provider, E, R> => {
      if (!Effect.isEffect(source)) return Effect.succeed(source)
      const before = made.get(source)
      return before === undefined ? source : Effect.succeed(before)
    }
    return Live.follow(
      changes,
      Effect.fnUntraced(function*(options: Options<E, R>, previous: Compile.Chain | undefined) {
        const providers = yield* Effect.forEach(options.providers, provider)
        const chain = yield* Compile.chainOf(options, providers, previous)
        made = new Map(options.providers.flatMap((source, i) => {
          const provider = providers[i]
          return provider === undefined ? [] : [[source, provider] as const]
        }))
        return { chain, release: Effect.void }
      })
    )
  })

/** The model of what the environment and a file say; a provider is the same as long as nothing else is said of it. */
export const ofConfig = <E, R>(
  sources: Configured.Sources,
  changes: Stream.Stream<LlmConfig.LlmConfig, E, R>,
  options: ConfigOptions
): Effect.Effect<LanguageModel.LanguageModel, E | Config.ConfigError, R | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const { transport, ...program } = options
    const kept = new KeptProviders(
      yield* Effect.scope,
      (name) => Configured.overItsClient(name, sources[name], transport)
    )
    const given = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity))
    let probe:
      | { readonly said: LlmConfig.LlmConfig["connectivity"]; readonly service: Connectivity["Service"] }
      | undefined

    const compile = Effect.fnUntraced(function*(file: LlmConfig.LlmConfig, previous: Compile.Chain | undefined) {
      const said = file.connectivity
      const service = given ??
        (probe !== undefined && Equal.equals(probe.said, said) ? probe.service : yield* connectivityConfig())
      const { keep, providers, release } = yield* kept.take
      const make = Effect.gen(function*() {
        const all = { ...yield* Configured.options(program, providers), providers }
        return yield* Compile.chainOf(all, providers, previous)
      })
      const chain = yield* make.pipe(
        Effect.provideService(Connectivity, service),
        Effect.onError(() => release)
      )
      keep()
      probe = { said, service }
      return { chain, release }
    })

    return yield* Live.follow(
      changes,
      (file, previous) => Effect.provide(compile(file, previous), LlmConfig.layer(file))
    )
  })
