import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
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
    expect(OllamaEmbedding.make()).type.toBe<Effect<EmbeddingModel, never, HttpClient>>()
    expect(OllamaEmbedding.makeConfig()).type.toBe<Effect<EmbeddingModel, ConfigError, HttpClient>>()
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

test("a download of Ollama's streams its progress", () => {
  expect<OllamaProvider.OllamaProvider["pull"]>().type.toBe<Stream<OllamaProvider.PullProgress, AiError>>()
})
