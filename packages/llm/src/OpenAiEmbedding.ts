/**
 * Effect's `EmbeddingModel` over OpenAI's embeddings API, or over any compatible server by a preset of `OpenAiProvider` or a
 * `baseUrl`.
 *
 * **When to use**
 *
 * Use it to embed texts for search, at OpenAI or at a server of your own.
 *
 * **Details**
 *
 * Texts go out in requests of at most `batchSize`, one after the other. If one fails, all do. Vectors are matched to their texts by
 * the `index` that the server sends, or else by their order.
 *
 * Source: OpenAI API reference, "Create embeddings".
 *
 * **Gotchas**
 *
 * - It does not retry. Give it an `HttpClient` that does, such as `ResilientHttpClient` of `@holdfast/http`, configured to retry
 *   POST.
 * - Vectors of two models are not comparable. `EmbeddingChain` asks another provider of the same model.
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
import * as Schema from "effect/Schema"
import * as Setting from "./internal/config/environment.ts"
import * as OpenAiApi from "./internal/openai/api.ts"
import { opt } from "./internal/protocol/field.ts"
import type { Embedder } from "./internal/protocol/request/embedding.ts"
import * as Embedding from "./internal/protocol/request/embedding.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import type { Options as ProviderOptions } from "./OpenAiProvider.ts"

/** How to reach the API, and which model to ask. */
export interface Options
  extends Pick<ProviderOptions, "preset" | "apiKey" | "baseUrl" | "name" | "headers" | "location" | "parameters">
{
  /** The model's id. Default: the preset's (`"text-embedding-3-small"` of `"openai"`); most have none, so name it. */
  readonly model?: string | undefined
  /** The length of the vectors, if the model supports a choice. Default: the model's own length. */
  readonly dimensions?: number | undefined
  /** The most texts in one request. Default: the preset's, 256 but for the servers that take fewer. */
  readonly batchSize?: number | undefined
}

const Response = Schema.Struct({
  error: opt(Schema.Unknown),
  data: opt(Schema.Array(Schema.Struct({ index: opt(Schema.Finite), embedding: Schema.Array(Schema.Finite) }))),
  usage: opt(Schema.Struct({ prompt_tokens: opt(Schema.Finite) }))
})

/**
 * Makes a model over the `HttpClient` in context. Throws a `RangeError` for invalid options.
 *
 * ```ts import.meta.vitest
 * import { OpenAiEmbedding } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ data: [{ index: 0, embedding: [0.6, 0.8] }] }))))
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* OpenAiEmbedding.make({ preset: "vllm", model: "bge-m3" })
 *   return (yield* model.embed("Why is the sky blue?")).vector
 * })
 *
 * await Effect.runPromise(Effect.provideService(program, HttpClient.HttpClient, server)) // => [0.6, 0.8]
 * ```
 */
export const make = (options?: Options): Effect.Effect<Embedder, never, HttpClient.HttpClient> =>
  Embedding.make(protocol(options ?? {}))

/**
 * Makes a model from `OPENAI_API_KEY`, `OPENAI_EMBEDDING_MODEL` and `OPENAI_BASE_URL`, or from the variables of another preset;
 * `options` set the rest. Fails with a `ConfigError` if a cloud preset has neither a key nor a base URL.
 *
 * ```ts import.meta.vitest
 * import { OpenAiEmbedding } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OpenAiEmbedding.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({}))]),
 *   Effect.flip
 * )
 *
 * const error = await Effect.runPromise(program)
 * error.message.includes("Set OPENAI_API_KEY") // => true
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl">
): Effect.fn.Return<Embedder, Config.ConfigError, HttpClient.HttpClient> {
  const api = yield* OpenAiApi.config(options?.preset, "_EMBEDDING_MODEL")
  return yield* Setting.make(() => make({ ...options, ...api }))
})

/**
 * The layer of an `EmbeddingModel`, as {@link make} makes it.
 *
 * ```ts import.meta.vitest
 * import { OpenAiEmbedding } from "@holdfast/llm"
 * import { Layer, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const EmbeddingLive = OpenAiEmbedding.layer({ apiKey: Redacted.make("sk-..."), dimensions: 512 }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
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
 * import { OpenAiEmbedding } from "@holdfast/llm"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { EmbeddingModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ LLAMACPP_BASE_URL: "http://gpu.local:8080/v1" })
 * const EmbeddingLive = OpenAiEmbedding.layerConfig({ preset: "llamacpp" }).pipe(
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
  options?: Omit<Options, "apiKey" | "model" | "baseUrl">
): Layer.Layer<EmbeddingModel.EmbeddingModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(EmbeddingModel.EmbeddingModel, makeConfig(options))

const protocol = (options: Options) => {
  const api = OpenAiApi.make("OpenAiEmbedding", options, (preset) => preset.embeddingModel, OptionChecks.embedding)
  const path = "/embeddings"
  const { dimensions } = options
  return {
    name: api.name,
    model: api.model,
    location: options.location ?? api.preset.location,
    dimensions,
    batchSize: options.batchSize ?? api.preset.embeddingBatch,
    url: api.baseUrl + path,
    callOf: api.callOf,
    request: (input: ReadonlyArray<string>) =>
      HttpClientRequest.bodyJsonUnsafe(api.request("POST", path), {
        ...options.parameters,
        model: api.model,
        input,
        ...(dimensions !== undefined && { [api.preset.embeddingLength]: dimensions })
      }),
    schema: Response,
    read: ({ data, usage }: typeof Response.Type, inputs: ReadonlyArray<string>) => {
      const byIndex = new Map((data ?? []).map(({ embedding, index }, i) => [index ?? i, embedding]))
      const vectors = inputs.flatMap((_, i) => {
        const vector = byIndex.get(i)
        return vector === undefined ? [] : [vector]
      })
      return { vectors, inputTokens: usage?.prompt_tokens }
    }
  }
}
