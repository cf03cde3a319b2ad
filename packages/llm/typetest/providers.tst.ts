import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import type * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as Parameters from "@holdfast/llm/Parameters"
import type { Provider } from "@holdfast/llm/Provider"
import type { AiError } from "effect/ai/AiError"
import type { EmbeddingModel } from "effect/ai/EmbeddingModel"
import type { ConfigError } from "effect/Config"
import type { Effect } from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import type { Layer } from "effect/Layer"
import type { Stream } from "effect/Stream"
import { describe, expect, test } from "tstyche"

describe("embeddings", () => {
  test("need a transport, and fail only for settings", () => {
    expect(OpenAiEmbedding.layer()).type.toBe<Layer<EmbeddingModel, never, HttpClient>>()
    expect(OpenAiEmbedding.layerConfig()).type.toBe<Layer<EmbeddingModel, ConfigError, HttpClient>>()
    expect(OllamaEmbedding.make()).type.toBe<Effect<EmbeddingChain.Embedder, never, HttpClient>>()
    expect(OllamaEmbedding.makeConfig()).type.toBe<Effect<EmbeddingChain.Embedder, ConfigError, HttpClient>>()
  })

  test("accept no option that the environment sets", () => {
    expect(OpenAiEmbedding.layerConfig).type.not.toBeCallableWith({ model: "text-embedding-3-large" })
    expect(OllamaEmbedding.layerConfig).type.not.toBeCallableWith({ host: "gpu.local" })
  })
})

describe("presets", () => {
  test("are known by name", () => {
    expect(OpenAiProvider.make({ preset: "llamacpp" })).type.toBe<Effect<Provider, never, HttpClient>>()
    expect(OpenAiProvider.make).type.not.toBeCallableWith({ preset: "llama.cpp" })
    expect<keyof typeof OpenAiProvider.presets>().type.toBe<
      | "openai"
      | "openrouter"
      | "groq"
      | "azure"
      | "vertex"
      | "gemini-openai"
      | "mistral"
      | "deepseek"
      | "xai"
      | "together"
      | "fireworks"
      | "cerebras"
      | "perplexity"
      | "cohere"
      | "github-models"
      | "litellm"
      | "vllm"
      | "sglang"
      | "lmstudio"
      | "llamacpp"
    >()
    expect(OpenAiProvider.presets.vllm).type.toBeAssignableTo<OpenAiProvider.Preset>()
  })
})

describe("providers with an API of their own", () => {
  test("need a transport, and fail only for settings", () => {
    expect(GeminiProvider.make()).type.toBe<Effect<Provider, never, HttpClient>>()
    expect(OpenAiResponsesProvider.make({ store: true })).type.toBe<Effect<Provider, never, HttpClient>>()
    expect(BedrockProvider.make({ model: "m" })).type.toBe<Effect<Provider, never, HttpClient>>()
    expect(BedrockProvider.makeConfig()).type.toBe<Effect<Provider, ConfigError, HttpClient>>()
  })

  test("accept no option that is not theirs, and no key in the open", () => {
    expect(BedrockProvider.make).type.not.toBeCallableWith({})
    expect(GeminiProvider.make).type.not.toBeCallableWith({ apiKey: "AIza..." })
    expect(GeminiProvider.makeConfig).type.not.toBeCallableWith({ model: "gemini-3.5-flash" })
    expect(BedrockProvider.makeConfig).type.not.toBeCallableWith({ region: "eu-central-1" })
  })
})

test("parameters keep the type of what they are laid over, and know no others", () => {
  expect(Parameters.with({ effort: "low", stop: ["END"] })).type.toBeCallableWith(GeminiProvider.make())
  expect(Parameters.with).type.not.toBeCallableWith({ top_p: 1 })
  expect(Parameters.with).type.not.toBeCallableWith({ effort: "most" })
})

test("a download of Ollama's streams its progress", () => {
  expect<OllamaProvider.OllamaProvider["pull"]>().type.toBe<Stream<OllamaProvider.PullProgress, AiError>>()
})
