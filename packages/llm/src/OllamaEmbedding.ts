/**
 * Effect's `EmbeddingModel` by Ollama's `/api/embed`.
 *
 * **When to use**
 *
 * Use it to embed texts on your own machine or network.
 *
 * **Details**
 *
 * Texts go out in requests of at most `batchSize`, one after the other. If one fails, all do.
 *
 * By default, Ollama silently truncates a text that is too long and embeds its beginning. Here truncation is off: such a text
 * fails with the kind `contextOverflow`.
 *
 * Source: Ollama `docs/api.md`, "Generate Embeddings".
 *
 * **Gotchas**
 *
 * - It does not retry. Give it an `HttpClient` that does, such as `ResilientHttpClient` of `@holdfast/http`, configured to retry POST.
 * - Vectors of two models are not comparable: embed all texts again when you change the model. `EmbeddingChain` asks another provider
 *   of the same model.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Setting from "./internal/config/environment.ts"
import * as OllamaApi from "./internal/ollama/api.ts"
import { opt } from "./internal/protocol/field.ts"
import type { Embedder } from "./internal/protocol/request/embedding.ts"
import * as Embedding from "./internal/protocol/request/embedding.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import type { Options as ProviderOptions } from "./OllamaProvider.ts"

/** Where Ollama runs, and which model to ask. */
export interface Options extends
  Pick<
    ProviderOptions,
    "host" | "apiKey" | "numCtx" | "keepAlive" | "name" | "headers" | "location" | "parameters"
  >
{
  /** The model's name and tag. Default: `"nomic-embed-text"`. */
  readonly model?: string | undefined
  /** The length of the vectors, if the model supports a choice. Default: the model's own length. */
  readonly dimensions?: number | undefined
  /** The most texts in one request. Default: 256. */
  readonly batchSize?: number | undefined
}

/** The default model. */
export const defaultModel = "nomic-embed-text"

const Response = Schema.Struct({
  error: opt(Schema.Unknown),
  embeddings: opt(Schema.Array(Schema.Array(Schema.Finite))),
  prompt_eval_count: opt(Schema.Finite)
})

/**
 * Makes a model over the `HttpClient` in context. Throws a `RangeError` for invalid options.
 *
 * ```ts import.meta.vitest
 * import { OllamaEmbedding } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ embeddings: [[0.6, 0.8]], prompt_eval_count: 6 }))))
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* OllamaEmbedding.make({ model: "nomic-embed-text" })
 *   return (yield* model.embedMany(["Why is the sky blue?"])).usage.inputTokens
 * })
 *
 * await Effect.runPromise(Effect.provideService(program, HttpClient.HttpClient, server)) // => 6
 * ```
 */
export const make = (options?: Options): Effect.Effect<Embedder, never, HttpClient.HttpClient> =>
  Embedding.make(protocol(options ?? {}))

/**
 * Makes a model from `OLLAMA_HOST` and `OLLAMA_EMBEDDING_MODEL`; `options` are for the rest.
 *
 * ```ts import.meta.vitest
 * import { OllamaEmbedding } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OLLAMA_HOST: "ftp://gpu.local" })
 * const program = OllamaEmbedding.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)]),
 *   Effect.flip
 * )
 *
 * const error = await Effect.runPromise(program)
 * error.message.includes("host must be a URL") // => true
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "host" | "model">
): Effect.fn.Return<Embedder, Config.ConfigError, HttpClient.HttpClient> {
  const host = Option.getOrUndefined(yield* Setting.text("OLLAMA_HOST"))
  const model = Option.getOrUndefined(yield* Setting.text("OLLAMA_EMBEDDING_MODEL"))
  return yield* Setting.make(() => make({ ...options, host, model }))
})

/**
 * The layer of an `EmbeddingModel`, as {@link make} makes it.
 *
 * ```ts import.meta.vitest
 * import { OllamaEmbedding } from "@holdfast/llm"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const EmbeddingLive = OllamaEmbedding.layer({ model: "bge-m3", numCtx: 8192 }).pipe(Layer.provide(FetchHttpClient.layer))
 *
 * Layer.isLayer(EmbeddingLive) // => true
 * ```
 */
export const layer = (
  options?: Options
): Layer.Layer<EmbeddingModel.EmbeddingModel, never, HttpClient.HttpClient> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, make(options))

/**
 * The layer of an `EmbeddingModel` that the environment describes, as {@link makeConfig} makes it.
 *
 * ```ts import.meta.vitest
 * import { OllamaEmbedding } from "@holdfast/llm"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { EmbeddingModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OLLAMA_EMBEDDING_MODEL: "bge-m3" })
 * const EmbeddingLive = OllamaEmbedding.layerConfig().pipe(
 *   Layer.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * // Nothing to embed, nothing to ask for.
 * const program = EmbeddingModel.EmbeddingModel.use((model) => model.embedMany([])).pipe(Effect.provide(EmbeddingLive))
 *
 * const response = await Effect.runPromise(program)
 * response.embeddings // => []
 * ```
 */
export const layerConfig = (
  options?: Omit<Options, "host" | "model">
): Layer.Layer<EmbeddingModel.EmbeddingModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, makeConfig(options))

const protocol = (options: Options) => {
  const api = OllamaApi.make("OllamaEmbedding", options, defaultModel, OptionChecks.embedding)
  const path = "/api/embed"
  const { dimensions } = options
  return {
    name: options.name ?? "ollama",
    model: options.model ?? defaultModel,
    location: options.location ?? "local",
    dimensions,
    batchSize: options.batchSize ?? 256,
    url: api.host + path,
    callOf: api.callOf,
    request: (input: ReadonlyArray<string>) =>
      HttpClientRequest.bodyJsonUnsafe(api.request("POST", path), {
        ...api.body,
        input,
        ...(dimensions !== undefined && { dimensions })
      }),
    schema: Response,
    read: ({ embeddings, prompt_eval_count }: typeof Response.Type) => ({
      vectors: embeddings ?? [],
      inputTokens: prompt_eval_count
    })
  }
}
