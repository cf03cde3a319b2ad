/**
 * One provider of a language model, as the chain sees it: what it is, what it can do, and the two calls of Effect's
 * provider contract.
 *
 * A provider is honest about its end. `streamText` ends in success only after the provider's own terminator, with exactly
 * one `finish` part; a stream that stops in any other way fails. It never emits `error` parts, never retries and never
 * runs a tool: retries and fallback belong to the chain, tools to `LanguageModel`. Give it an `HttpClient` that does not
 * retry either, because attempts multiply: three here and three below are sixteen requests.
 */
import type * as AiError from "effect/ai/AiError"
import type * as IdGenerator from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Stream from "effect/Stream"
import * as Lifted from "./internal/protocol/lifted.ts"

/** Where the model runs: behind somebody's API, or on this machine or network, where it costs nothing to ask. */
export type Location = "cloud" | "local"

/** What a request may ask of a model beyond text. */
export type Feature = "tools" | "images" | "structuredOutput"

/** What a provider's model can do. */
export interface Capabilities {
  /** Calls tools. */
  readonly tools: boolean
  /** Reads images. */
  readonly images: boolean
  /** Answers in JSON that follows a schema. */
  readonly structuredOutput: boolean
  /** How many tokens a prompt and its answer may have together; `undefined` when nobody said. */
  readonly contextWindow: number | undefined
}

/** What is assumed of a provider that was not told: that it can do everything, with a context of unknown size. */
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
  /** The model that is asked for: `"gpt-5-mini"`. */
  readonly model: string
  readonly location: Location
  readonly capabilities: Capabilities

  /** The whole answer at once. Its parts hold exactly one `finish`. */
  readonly generateText: (
    options: LanguageModel.ProviderOptions
  ) => Effect.Effect<Array<Response.PartEncoded>, AiError.AiError, IdGenerator.IdGenerator>

  /** The answer as it comes. A stream that ends in success has given exactly one `finish`, as its last part. */
  readonly streamText: (
    options: LanguageModel.ProviderOptions
  ) => Stream.Stream<Response.StreamPartEncoded, AiError.AiError, IdGenerator.IdGenerator>

  /**
   * Asks the provider whether it would answer: reachable, credentials accepted, model known. Costs no tokens. The error
   * says what to do.
   */
  readonly preflight: Effect.Effect<void, AiError.AiError>
}

/** What a model of another library is in a chain. */
export interface LiftOptions {
  /** Names the provider in events, errors and priorities. */
  readonly name: string
  /** The model that it asks. */
  readonly model: string
  /** Where it runs. Defaults to `"cloud"`. */
  readonly location?: Location | undefined
  /** What the model can do, where that differs from {@link defaultCapabilities}. Defaults to `{}`. */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** Asks whether it would answer. Defaults to nothing that could fail. */
  readonly preflight?: Effect.Effect<void, AiError.AiError> | undefined
}

/**
 * Makes a provider of any `LanguageModel`, whoever's it is. Tools are declared to it and their calls handed on: it runs
 * none. An answer without a `finish` is a failure, because a provider is honest about its end. How long it retries by
 * itself is beyond a chain: switch that off where it can be.
 *
 * ```ts import.meta.vitest
 * import { Provider, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * // Here a layer of ours; in production that of another library.
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
} = dual(2, (model: LanguageModel.LanguageModel, options: LiftOptions): Provider => ({
  name: options.name,
  model: options.model,
  location: options.location ?? "cloud",
  capabilities: { ...defaultCapabilities, ...options.capabilities },
  generateText: Lifted.generateText(model, codecTransformer),
  streamText: Lifted.streamText(model),
  preflight: options.preflight ?? Effect.void
}))

/**
 * How the schema of a structured answer is written for every provider: OpenAI's strict subset of JSON Schema, which the
 * others read as well. It is one for all, because the answer is decoded by one codec whoever gave it.
 */
export const codecTransformer: LanguageModel.CodecTransformer = OpenAiStructuredOutput.toCodecOpenAI

const hasImage = (message: Prompt.Message): boolean =>
  message.role === "user" && message.content.some((part) => part.type === "file" && part.mediaType.startsWith("image/"))

/**
 * What a request asks of a model beyond text.
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
 * The features of a request that a provider's model lacks. Empty means that it qualifies.
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
