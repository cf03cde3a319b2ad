/**
 * One provider of a language model, as a chain sees it: its name, its capabilities, and the two calls of Effect's provider contract.
 *
 * **When to use**
 *
 * Use the built-in providers for servers that speak a known protocol. Implement {@link Provider} for another one, or lift another
 * library's model with {@link fromLanguageModel}.
 *
 * **Details**
 *
 * `streamText` succeeds only after the provider's own terminator, with exactly one `finish` part; a stream that stops in any other way
 * fails. A provider never emits `error` parts, never retries and never runs a tool: retries and fallback belong to the chain, tools to
 * `LanguageModel`.
 *
 * **Gotchas**
 *
 * Give a provider an `HttpClient` that does not retry. Attempts multiply: three retries in the chain and three below it are sixteen
 * requests.
 *
 * **Example**
 *
 * See {@link fromLanguageModel}.
 */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Headers from "effect/http/Headers"
import type * as Stream from "effect/Stream"
import * as Lifted from "./internal/protocol/lifted.ts"
import { ResponseHeaders } from "./internal/protocol/responseHeaders.ts"
import type { Parameters } from "./Parameters.ts"

/** Where the model runs: behind a vendor's API, or on your own machine or network, where requests are free. */
export type Location = "cloud" | "local"

/** A feature that a request may need beyond text. */
export type Feature = "tools" | "images" | "structuredOutput"

/** The capabilities of a provider's model. */
export interface Capabilities {
  /** Calls tools. */
  readonly tools: boolean
  /** Reads images. */
  readonly images: boolean
  /** Answers in JSON that follows a schema. */
  readonly structuredOutput: boolean
  /** The most tokens of a prompt and its answer together; `undefined` if unknown. */
  readonly contextWindow: number | undefined
}

/** The default capabilities: all features, with a context of unknown size. */
export const defaultCapabilities: Capabilities = {
  tools: true,
  images: true,
  structuredOutput: true,
  contextWindow: undefined
}

/**
 * One provider of a language model.
 */
export interface Provider {
  /** Names the provider in events, errors and `PROVIDER_PRIORITY`: `"openai"`. Unique in a chain. */
  readonly name: string
  /** The model to request: `"gpt-5-mini"`. */
  readonly model: string
  readonly location: Location
  readonly capabilities: Capabilities

  /** Returns the whole answer at once. Its parts contain exactly one `finish`. */
  readonly generateText: (
    options: LanguageModel.ProviderOptions
  ) => Effect.Effect<Array<Response.PartEncoded>, AiError.AiError, IdGenerator.IdGenerator>

  /** Streams the answer as it arrives. A stream that succeeds has emitted exactly one `finish`, as its last part. */
  readonly streamText: (
    options: LanguageModel.ProviderOptions
  ) => Stream.Stream<Response.StreamPartEncoded, AiError.AiError, IdGenerator.IdGenerator>

  /** The parameters of a request that the provider or its model does not take. Default: all of them. */
  readonly drops?: ((parameters: Parameters) => ReadonlyArray<keyof Parameters>) | undefined

  /**
   * Checks whether the provider would answer: reachable, credentials accepted, model known. Costs no tokens. The error
   * says what to do.
   */
  readonly preflight: Effect.Effect<void, AiError.AiError>

  /** Lists the names of the models that the server offers. Costs no tokens. Leave it out if the server has no list. */
  readonly models?: Effect.Effect<ReadonlyArray<string>, AiError.AiError> | undefined
}

/** Options for a model of another library. */
export interface LiftOptions {
  /** Names the provider in events, errors and priorities. */
  readonly name: string
  /** The model that it asks. */
  readonly model: string
  /** Where it runs. Default: `"cloud"`. */
  readonly location?: Location | undefined
  /** Capabilities that differ from {@link defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** Checks whether the provider would answer. Default: always succeeds. */
  readonly preflight?: Effect.Effect<void, AiError.AiError> | undefined
  /** Lists the models that the server offers. Default: no list. */
  readonly models?: Effect.Effect<ReadonlyArray<string>, AiError.AiError> | undefined
}

/**
 * Makes a provider from any `LanguageModel`. The model sees the tools and its tool calls are passed on, but it does not
 * run them. An answer without a `finish` is a failure. The chain does not control the model's own retries: switch them off.
 *
 * ```ts import.meta.vitest
 * import { Provider, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * // In production, the layer of another library.
 * const other = ProviderChain.layerNoop(TestProvider.script("other", [TestProvider.text("Hello from there")]))
 * const lifted = LanguageModel.LanguageModel.use((model) =>
 *   Effect.succeed(Provider.fromLanguageModel(model, { name: "other", model: "large" }))).pipe(Effect.provide(other))
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layer({ providers: [lifted] }))
 * )
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hello from there"
 * ```
 */
export const fromLanguageModel: {
  (options: LiftOptions): (model: LanguageModel.LanguageModel) => Provider
  (model: LanguageModel.LanguageModel, options: LiftOptions): Provider
} = /* @__PURE__ */ dual(2, (model: LanguageModel.LanguageModel, options: LiftOptions): Provider => ({
  name: options.name,
  model: options.model,
  location: options.location ?? "cloud",
  capabilities: { ...defaultCapabilities, ...options.capabilities },
  generateText: Lifted.generateText(model, codecTransformer),
  streamText: Lifted.streamText(model),
  preflight: options.preflight ?? Effect.void,
  models: options.models
}))

/**
 * Tells the pool that the provider is a member of what the headers of a response say is left of the account's limits. The built-in
 * providers do so; call it in a provider of your own for every response, also one that refuses. Outside of a pool it does nothing.
 *
 * ```ts import.meta.vitest
 * import { Provider } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { Headers } from "effect/http"
 *
 * const headers = Headers.fromInput({ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s" })
 * Effect.runSync(Provider.reportHeaders(headers)) // => undefined
 * ```
 */
export const reportHeaders = (headers: Headers.Headers): Effect.Effect<void> =>
  Effect.map(ResponseHeaders, (listener) => listener?.(headers))

/**
 * The JSON Schema dialect of structured answers: OpenAI's strict subset, which the other providers accept as well. All of them
 * share it, because one codec decodes the answer, whichever provider gives it.
 */
export const codecTransformer: LanguageModel.CodecTransformer = OpenAiStructuredOutput.toCodecOpenAI

const hasImage = (message: Prompt.Message): boolean =>
  message.role === "user" && message.content.some((part) => part.type === "file" && part.mediaType.startsWith("image/"))

/**
 * The features that a request needs beyond text.
 *
 * ```ts import.meta.vitest
 * import { Provider } from "@holdfast/llm"
 * import { Prompt } from "effect/ai"
 *
 * const request = { prompt: Prompt.make("Hi"), tools: [], toolChoice: "auto", responseFormat: { type: "text" } } as const
 * Array.from(Provider.featuresOf(request)) // => []
 * ```
 */
export const featuresOf = (
  options: Pick<LanguageModel.ProviderOptions, "prompt" | "tools" | "responseFormat" | "toolChoice">
): ReadonlySet<Feature> => {
  const features = new Set<Feature>()
  if (options.tools.length > 0 && options.toolChoice !== "none") features.add("tools")
  if (options.responseFormat.type === "json") features.add("structuredOutput")
  if (options.prompt.content.some(hasImage)) features.add("images")
  return features
}

/**
 * The features of a request that a provider's model lacks. Empty if it has all of them.
 *
 * ```ts import.meta.vitest
 * import { Provider } from "@holdfast/llm"
 *
 * const blind = { ...Provider.defaultCapabilities, images: false }
 * Provider.missing(blind, new Set(["tools", "images"])) // => ["images"]
 * ```
 */
export const missing = (capabilities: Capabilities, features: ReadonlySet<Feature>): ReadonlyArray<Feature> =>
  Array.from(features).filter((feature) => !capabilities[feature])
