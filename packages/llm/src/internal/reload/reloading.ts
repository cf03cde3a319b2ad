/**
 * The two ways in which a chain changes while it is used: by options, and by a file beside the environment.
 *
 * Guarded by `test/config/reloading.test.ts`.
 */
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as LlmConfig from "../../LlmConfig.ts"
import type { Pool } from "../../Pool.ts"
import type { Provider } from "../../Provider.ts"
import * as Compile from "../compile/compile.ts"
import type { Options, ProgramOptions, Source } from "../compile/options.ts"
import * as Configured from "../config/chain.ts"
import { modelOf } from "../model/languageModel.ts"
import { followFile } from "./followed.ts"
import { KeptProviders, supplyOf } from "./kept.ts"
import * as Live from "./live.ts"

/** The model of options; a provider is the same as long as its source is. */
const ofOptions = <E extends { readonly message: string }, R, E2, R2>(
  changes: Stream.Stream<Options<E, R>, E2, R2>
): Effect.Effect<LanguageModel.LanguageModel, E | E2, R | R2 | Scope.Scope> =>
  Effect.suspend(() => {
    let made: ReadonlyMap<unknown, Provider | Pool> = new Map()
    const provider = (source: Source<E, R>): Effect.Effect<Provider | Pool, E, R> => {
      if (!Effect.isEffect(source)) return Effect.succeed(source)
      const before = made.get(source)
      return before === undefined ? source : Effect.succeed(before)
    }
    const live = Live.follow(
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
    return Effect.flatMap(live, (live) => modelOf(() => live.enter()))
  })

/**
 * `ProviderChain.layer` with options that change while it is used. The layer is ready after the first options, and a request
 * keeps the options that were in force when it began.
 *
 * A provider that is the same value, or made by the same effect, keeps its cool-down, and its bulkhead if the bulkhead's options
 * are equal. A retry budget keeps what is spent; if its options changed, it continues from there. A new provider starts fresh.
 *
 * Invalid options, and providers that fail to be made, change nothing and are logged as a warning; if they are the first, the
 * layer fails. When the stream ends or fails, the chain stays unchanged.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Queue, Stream } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const large = TestProvider.make("large", () => Effect.succeed(TestProvider.text("I am large")))
 * const small = TestProvider.make("small", () => Effect.succeed(TestProvider.text("I am small")))
 *
 * const program = Effect.gen(function*() {
 *   const options = yield* Queue.make<ProviderChain.Options>()
 *   yield* Queue.offer(options, { providers: [large, small] })
 *   const ask = Effect.map(LanguageModel.generateText({ prompt: "Who?" }), (response) => response.text)
 *   return yield* Effect.gen(function*() {
 *     const before = yield* ask
 *     yield* Queue.offer(options, { providers: [small, large] })
 *     yield* Effect.yieldNow
 *     return [before, yield* ask]
 *   }).pipe(Effect.provide(ProviderChain.layerReloading(Stream.fromQueue(options))))
 * })
 *
 * await Effect.runPromise(program) // => ["I am large", "I am small"]
 * ```
 */
export const layerReloading = <E extends { readonly message: string } = never, R = never, E2 = never, R2 = never>(
  changes: Stream.Stream<Options<E, R>, E2, R2>
): Layer.Layer<LanguageModel.LanguageModel, E | E2, R | R2> =>
  Layer.effect(LanguageModel.LanguageModel, ofOptions(changes))

/** The model of what the environment and a file say. */
const ofConfig = <E, R>(
  changes: Stream.Stream<LlmConfig.LlmConfig, E, R>,
  options: ProgramOptions
): Effect.Effect<LanguageModel.LanguageModel, E | Config.ConfigError, R | HttpClient.HttpClient | Scope.Scope> => {
  const { transport, ...program } = options
  const live = Effect.suspend(() => {
    let pools: ReadonlyArray<Provider | Pool> = []
    return followFile(
      changes,
      (scope) => new KeptProviders(scope, supplyOf((choice) => Configured.overItsClient(choice, transport))),
      Effect.fnUntraced(function*(providers: Arr.NonEmptyReadonlyArray<Provider>, previous: Compile.Chain | undefined) {
        const sources = yield* Configured.sources(providers, pools)
        const all = { ...yield* Configured.options(program, providers), providers: sources }
        const chain = yield* Compile.chainOf(all, sources, previous)
        pools = sources
        return chain
      })
    )
  })
  return Effect.flatMap(live, (live) => modelOf(() => live.enter()))
}

/**
 * `ProviderChain.layerConfig` with a file that changes while it is used, as `LlmConfigFile.changes` follows it. The
 * environment wins over the file. A provider whose settings did not change keeps its cool-down, bulkhead, client and breaker,
 * and the retry budget keeps what is spent. An invalid file changes nothing and is logged as a warning.
 *
 * Budgets of the file follow it, as do those of `Budgets.layerConfig` and the store of `ChainStoreConfig.layerConfig` in the context of
 * the layer: what was spent of a budget counts on, and a store that stays the same keeps its state. `Budgets` and a `ChainStore` that
 * the program makes win over the file.
 *
 * Settings that are not the chain's keep their values from when its layer was made: the shared pool, the `prices` of the ledger and
 * `max_tool_iterations`.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig, ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect, Layer, Stream } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ message: { content: "Hi" }, done: true }))))
 *
 * const files = Stream.fromEffect(LlmConfig.decode({ llm: { models: { ollama: "qwen3" } } }))
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layerReloadingConfig(files)),
 *   Effect.provide([Layer.succeed(HttpClient.HttpClient, server), ConfigProvider.layer(ConfigProvider.fromUnknown({}))])
 * )
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hi"
 * ```
 */
export const layerReloadingConfig = <E = never, R = never>(
  changes: Stream.Stream<LlmConfig.LlmConfig, E, R>,
  options?: ProgramOptions
): Layer.Layer<LanguageModel.LanguageModel, E | Config.ConfigError, R | HttpClient.HttpClient> =>
  Layer.effect(LanguageModel.LanguageModel, ofConfig(changes, options ?? {}))
