/**
 * Embeddings by several providers of one model: the next is asked when one fails.
 *
 * **When to use**
 *
 * Use it to embed texts through an outage, where several servers or vendors have the same model.
 *
 * **Details**
 *
 * - Vectors of two models are not comparable, so all members must serve the same model, with vectors of the same length. Their names of it are
 *   compared without the vendor before a slash and without the tag `latest`. Where they differ in more than that, say by `sameModel: true`
 *   that you know.
 * - A member whose vectors have another length than those before it has failed: they are never handed on.
 * - Members are asked in order, by the loop that chats go through: retries, cool-downs, probes, hedges, timeouts, the deadline, a
 *   `ChainStore`, `Connectivity`, `Budgets`, `Usage.withTags` and the `Ledger` mean what they mean in a `ProviderChain`. Its events are
 *   `ChainEvent`s with `operation: "embeddings"`.
 * - It fails with a `ChainError.NoAnswer` that has every attempt, or with a `BudgetSpent`.
 *
 * **Gotchas**
 *
 * Members may round, truncate or normalize differently. Compare the vectors of one text before you mix vendors in one index.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Budgets, layerConfig as budgetsConfig } from "./Budgets.ts"
import { Connectivity, makeConfig as connectivityConfig } from "./Connectivity.ts"
import * as Check from "./internal/compile/check.ts"
import type { Options as ChainOptions, ProgramOptions } from "./internal/compile/options.ts"
import * as Setting from "./internal/config/environment.ts"
import type { Choice } from "./internal/config/selection.ts"
import * as Configured from "./internal/embedding/configured.ts"
import * as Embed from "./internal/embedding/embedMany.ts"
import { faultsOf } from "./internal/embedding/members.ts"
import { modelOf } from "./internal/embedding/model.ts"
import type { Embedder } from "./internal/protocol/request/embedding.ts"
import { followFile } from "./internal/reload/followed.ts"
import { KeptProviders } from "./internal/reload/kept.ts"
import { prepareStore } from "./internal/store/configured.ts"
import * as LlmConfig from "./LlmConfig.ts"

export type { Embedder } from "./internal/protocol/request/embedding.ts"

/** A member, or how it is made. */
type Source<E, R> = Embedder | Effect.Effect<Embedder, E, R>

/** Options of a chain of embeddings. But for its members they are those of a `ProviderChain`. */
export interface Options<E = never, R = never> extends
  Pick<
    ChainOptions,
    | "retry"
    | "timeouts"
    | "localTimeouts"
    | "bulkhead"
    | "cooldown"
    | "hedge"
    | "overrides"
    | "retryBudget"
    | "hedgeBudget"
    | "deadline"
  >
{
  /**
   * Providers of one model, in the order in which they are asked: of `OpenAiEmbedding.make` and `OllamaEmbedding.make`. Their names are
   * unique.
   */
  readonly members: readonly [Source<E, R>, ...ReadonlyArray<Source<E, R>>]
  /** Says that the members serve one model although they call it by different names. Default: `false`. */
  readonly sameModel?: boolean | undefined
  /** Names the chain in a `ChainStore`: those of the same name share what they know. Default: `"llm-embeddings"`. */
  readonly name?: string | undefined
}

const defaultName = "llm-embeddings"

const optionsCheck = Check.embeddingOptionsCheck

/** Checks what members may not differ in. */
const checkMembers = (members: Arr.NonEmptyReadonlyArray<Embedder>, sameModel: boolean): void => {
  const faults = faultsOf(members, sameModel)
  if (faults.length > 0) throw new RangeError(`EmbeddingChain.make: ${faults.join("; ")}`)
}

/**
 * Makes a model over its members. Throws a `RangeError` that lists every invalid option; members that serve different models, or vectors of
 * different lengths, are a defect with such an error.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, OllamaEmbedding, OpenAiEmbedding } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(
 *     request,
 *     request.url.includes("/v1/")
 *       ? new Response("out of memory", { status: 507 })
 *       : Response.json({ embeddings: [[0.6, 0.8]] })
 *   )))
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* EmbeddingChain.make({
 *     members: [OpenAiEmbedding.make({ preset: "vllm", model: "BAAI/bge-m3" }), OllamaEmbedding.make({ model: "bge-m3:latest" })],
 *     retry: false
 *   })
 *   return (yield* model.embed("Why is the sky blue?")).vector
 * })
 *
 * await Effect.runPromise(Effect.provideService(program, HttpClient.HttpClient, server)) // => [0.6, 0.8]
 * ```
 */
export const make = <E = never, R = never>(
  options: Options<E, R>
): Effect.Effect<EmbeddingModel.EmbeddingModel, E, R> => {
  Arguments.check("EmbeddingChain.make", optionsCheck, options)
  const { members: [first, ...rest], name = defaultName, sameModel = false, ...shared } = options
  return Effect.gen(function*() {
    const made = (source: Source<E, R>) => Effect.isEffect(source) ? source : Effect.succeed(source)
    const members: Arr.NonEmptyReadonlyArray<Embedder> = [yield* made(first), ...(yield* Effect.forEach(rest, made))]
    checkMembers(members, sameModel)
    const chain = yield* Embed.chainOf({ ...shared, name }, members)
    return yield* modelOf((inputs) => Embed.embedMany(chain, inputs))
  })
}

/**
 * The layer of an `EmbeddingModel`, as {@link make} makes it.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, OllamaEmbedding } from "@holdfast/llm"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const EmbeddingLive = EmbeddingChain.layer({
 *   members: [
 *     OllamaEmbedding.make({ name: "rack", host: "http://rack.local:11434", model: "bge-m3" }),
 *     OllamaEmbedding.make({ model: "bge-m3" })
 *   ]
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 *
 * Layer.isLayer(EmbeddingLive) // => true
 * ```
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<EmbeddingModel.EmbeddingModel, E, R> => Layer.effect(EmbeddingModel.EmbeddingModel, make(options))

// -----------------------------------------------------------------------------
// Configuration
// -----------------------------------------------------------------------------

/** What a program gives a chain that a file describes. */
export type ConfigOptions = Pick<ProgramOptions, "transport">

/**
 * Lists the members of the file's `llm.embeddings`, with whether {@link layerConfig} asks each, and why. Sends nothing and holds no secret.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, LlmConfig } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const members = [{ provider: "mistral", model: "mistral-embed" }, { provider: "ollama", model: "mistral-embed" }]
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({ llm: { embeddings: { members } } })
 *   return yield* Effect.provide(EmbeddingChain.selection, LlmConfig.layer(config))
 * }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
 *
 * const choices = await Effect.runPromise(program)
 * choices.map(({ because, provider }) => `${provider}: ${because}`)
 * // => ["mistral: neither MISTRAL_API_KEY nor MISTRAL_BASE_URL is set", "ollama: llm.embeddings has it"]
 * ```
 */
export const selection: Effect.Effect<ReadonlyArray<Choice>, Config.ConfigError> = Configured.members

/**
 * Makes one member of the file's `llm.embeddings` as {@link layerConfig} would, as {@link selection} lists it: to look at it, or to try it
 * alone. Fails with a `ConfigError` if its settings are missing or invalid.
 */
export const memberConfig = (
  choice: Pick<Choice, "provider" | "server">,
  options?: ConfigOptions
): Effect.Effect<Embedder, Config.ConfigError, HttpClient.HttpClient | Scope.Scope> =>
  Configured.embedderOf(choice, options?.transport)

/** The chain of the file in force. */
const chainOfFile = Effect.fnUntraced(function*(
  embedders: Arr.NonEmptyReadonlyArray<Embedder>,
  previous?: Embed.EmbeddingChain
): Effect.fn.Return<Embed.EmbeddingChain, Config.ConfigError> {
  const { embeddings } = yield* LlmConfig.Current
  yield* Setting.check(() => checkMembers(embedders, embeddings?.same_model ?? false))
  const options = yield* Configured.optionsOf(embedders)
  return yield* Embed.chainOf(options, embedders, previous)
})

/**
 * The layer of the `EmbeddingModel` that the file of `LlmConfig.layer` describes under `llm.embeddings`. The rest of the file means for it
 * what it means for the chain of chats: `http`, `providers`, `base_urls`, `retry`, `hedge`, `cooldown`, `by_provider`, `by_model`,
 * `connectivity`, `budgets`, `store`. A member without its key is left out, with a warning. Fails with a `ConfigError` if no member is left.
 *
 * Budgets that chats and embeddings share need `Budgets.layerConfig` in the context of both; otherwise each chain counts its own.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, LlmConfig } from "@holdfast/llm"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { EmbeddingModel } from "effect/ai"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ embeddings: [[0.6, 0.8]] }))))
 *
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({ llm: { embeddings: { members: [{ provider: "ollama", model: "bge-m3" }] } } })
 *   const model = yield* Effect.provide(
 *     EmbeddingModel.EmbeddingModel,
 *     EmbeddingChain.layerConfig().pipe(Layer.provide(LlmConfig.layer(config)))
 *   )
 *   return (yield* model.embed("Why is the sky blue?")).vector
 * }).pipe(Effect.provide([
 *   Layer.succeed(HttpClient.HttpClient, server),
 *   ConfigProvider.layer(ConfigProvider.fromUnknown({}))
 * ]))
 *
 * await Effect.runPromise(program) // => [0.6, 0.8]
 * ```
 */
export const layerConfig = (
  options?: ConfigOptions
): Layer.Layer<EmbeddingModel.EmbeddingModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    EmbeddingModel.EmbeddingModel,
    Effect.gen(function*() {
      const choices = yield* Configured.chosen
      const embedders = yield* Effect.forEach(choices, (choice) => Configured.embedderOf(choice, options?.transport))
      yield* (yield* prepareStore).swap
      const connectivity = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity))
      const budgets = Option.getOrUndefined(yield* Effect.serviceOption(Budgets))
      const chain = yield* chainOfFile(embedders).pipe(
        Effect.provideService(Connectivity, connectivity ?? (yield* connectivityConfig())),
        Effect.provideService(Budgets, budgets ?? Context.get(yield* Layer.build(budgetsConfig), Budgets))
      )
      return yield* modelOf((inputs) => Embed.embedMany(chain, inputs))
    })
  )

/**
 * {@link layerConfig} with a file that changes while it is used, as `LlmConfigFile.changes` follows it. A member whose settings did not
 * change keeps its cool-down, bulkhead, client and breaker. A file that is invalid, or names no member, changes nothing and is logged as a
 * warning.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain } from "@holdfast/llm"
 * import * as LlmConfigFile from "@holdfast/llm/LlmConfigFile"
 * import { Layer } from "effect"
 *
 * const EmbeddingLive = EmbeddingChain.layerReloadingConfig(LlmConfigFile.changes("/etc/app/llm.yaml"))
 * Layer.isLayer(EmbeddingLive) // => true
 * ```
 */
export const layerReloadingConfig = <E = never, R = never>(
  changes: Stream.Stream<LlmConfig.LlmConfig, E, R>,
  options?: ConfigOptions
): Layer.Layer<EmbeddingModel.EmbeddingModel, E | Config.ConfigError, R | HttpClient.HttpClient> =>
  Layer.effect(
    EmbeddingModel.EmbeddingModel,
    Effect.gen(function*() {
      const live = yield* followFile(
        changes,
        (scope) =>
          new KeptProviders<Embedder>(scope, {
            chosen: Configured.chosen,
            make: (choice) => Configured.embedderOf(choice, options?.transport),
            saidOf: Configured.saidOf
          }),
        chainOfFile,
        "the chain of embeddings"
      )
      return yield* modelOf((inputs) =>
        Effect.suspend(() => {
          const { chain, leave } = live.enter()
          return Effect.ensuring(Embed.embedMany(chain, inputs), leave)
        })
      )
    })
  )
