/** What each vendor reports of an answer's usage, by kind of token and by tier, in the ledger and in money. */
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"

type Made = Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>

const dialects = {
  completions: {
    provider: OpenAiProvider.make({ baseUrl: "http://vendor/v1", model: "m" }),
    body: (usage: object, beside: object = {}): object => ({
      id: "c",
      choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }],
      usage,
      ...beside
    })
  },
  responses: {
    provider: OpenAiResponsesProvider.make({ baseUrl: "http://vendor/v1", model: "m" }),
    body: (usage: object, beside: object = {}): object => ({
      object: "response",
      status: "completed",
      output: [{ type: "message", content: [{ type: "output_text", text: "Hi" }] }],
      usage,
      ...beside
    })
  },
  messages: {
    provider: AnthropicProvider.make({ baseUrl: "http://vendor", model: "m" }),
    body: (usage: object): object => ({
      type: "message",
      content: [{ type: "text", text: "Hi" }],
      stop_reason: "end_turn",
      usage
    })
  },
  gemini: {
    provider: GeminiProvider.make({ baseUrl: "http://vendor/v1", model: "m" }),
    body: (usageMetadata: object): object => ({
      candidates: [{ content: { parts: [{ text: "Hi" }] }, finishReason: "STOP" }],
      usageMetadata
    })
  },
  converse: {
    provider: BedrockProvider.make({
      baseUrl: "http://vendor",
      region: "us-east-1",
      model: "m",
      apiKey: Redacted.make("key")
    }),
    body: (usage: object, beside: object = {}): object => ({
      output: { message: { content: [{ text: "Hi" }] } },
      stopReason: "end_turn",
      usage,
      ...beside
    })
  },
  ollama: {
    provider: OllamaProvider.make({ host: "http://vendor", model: "m" }),
    body: (usage: object): object => ({ message: { content: "Hi" }, done: true, done_reason: "stop", ...usage })
  }
} satisfies Record<string, { readonly provider: Made; readonly body: (usage: object, beside?: object) => object }>

const price: Usage.Price = {
  input: 1,
  output: 10,
  cacheRead: 0.1,
  cacheWrite: 1.25,
  cacheWriteHour: 2,
  reasoning: 8,
  inputAudio: 32,
  cacheReadAudio: 0.4,
  inputImage: 5,
  outputAudio: 64,
  outputImage: 30,
  factors: { flex: 0.5, batch: 0.5, priority: 2, fast: 6, us: 1.1 }
}

const kinds = [
  "inputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "cacheWriteHourTokens",
  "outputTokens",
  "reasoningTokens",
  "inputAudioTokens",
  "inputImageTokens",
  "outputAudioTokens",
  "outputImageTokens",
  "tier",
  "partial"
] as const

/** What one answer leaves in the ledger, and what it cost in millionths. */
const entryOf = (provider: Made, body: object, status = 200) =>
  Effect.gen(function*() {
    const ledger = yield* Usage.make({ prices: { m: price } })
    yield* Effect.exit(LanguageModel.generateText({ prompt: "Hello" })).pipe(
      Effect.provide(ProviderChain.layer({ providers: [provider], retry: false })),
      Effect.provideService(Usage.Ledger, ledger),
      Effect.provideService(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, globalThis.Response.json(body, { status })))
        )
      )
    )
    const [entry] = yield* ledger.entries
    const told = Object.fromEntries(kinds.flatMap((kind) => entry?.[kind] === undefined ? [] : [[kind, entry[kind]]]))
    return { told, cost: (entry?.cost ?? NaN) * 1e6, outcome: entry?.outcome }
  })

describe("The usage that a vendor tells", () => {
  it.effect.each<readonly [string, { readonly provider: Made }, object, object, number]>([
    [
      "OpenAI: cached, written for half an hour and for twelve, sound",
      dialects.completions,
      dialects.completions.body({
        prompt_tokens: 100,
        completion_tokens: 50,
        total_tokens: 150,
        prompt_tokens_details: {
          cached_tokens: 20,
          cache_write_tokens: 30,
          cache_write_tokens_details: { ttl_30m_tokens: 20, ttl_12h_tokens: 10 },
          audio_tokens: 5
        },
        completion_tokens_details: { reasoning_tokens: 10, audio_tokens: 15 }
      }, { service_tier: "default" }),
      {
        inputTokens: 100,
        cacheReadTokens: 20,
        cacheWriteTokens: 30,
        cacheWriteHourTokens: 10,
        outputTokens: 50,
        reasoningTokens: 10,
        inputAudioTokens: 5,
        outputAudioTokens: 15
      },
      45 + 5 * 32 + 20 * 0.1 + 20 * 1.25 + 10 * 2 + 25 * 10 + 10 * 8 + 15 * 64
    ],
    [
      "OpenAI: half of it in the flex tier",
      dialects.completions,
      dialects.completions.body({ prompt_tokens: 10, completion_tokens: 2 }, { service_tier: "flex" }),
      { inputTokens: 10, outputTokens: 2, tier: "flex" },
      15
    ],
    [
      "Groq: a tier that has no price of its own",
      dialects.completions,
      dialects.completions.body({ prompt_tokens: 10, completion_tokens: 2 }, { service_tier: "on_demand" }),
      { inputTokens: 10, outputTokens: 2 },
      30
    ],
    [
      "xAI: images, thoughts counted beside the answer",
      dialects.completions,
      dialects.completions.body({
        prompt_tokens: 40,
        completion_tokens: 3,
        total_tokens: 50,
        prompt_tokens_details: { cached_tokens: 4, image_tokens: 30, text_tokens: 10, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 7 }
      }),
      {
        inputTokens: 40,
        cacheReadTokens: 4,
        outputTokens: 10,
        reasoningTokens: 7,
        inputImageTokens: 30
      },
      6 + 30 * 5 + 4 * 0.1 + 3 * 10 + 7 * 8
    ],
    [
      "DeepSeek: hits and misses of the cache",
      dialects.completions,
      dialects.completions.body({
        prompt_tokens: 40,
        completion_tokens: 3,
        prompt_cache_hit_tokens: 30,
        prompt_cache_miss_tokens: 10
      }),
      { inputTokens: 40, cacheReadTokens: 30, outputTokens: 3 },
      10 + 3 + 30
    ],
    [
      "Responses: cached, thoughts, priority",
      dialects.responses,
      dialects.responses.body({
        input_tokens: 100,
        input_tokens_details: { cached_tokens: 60, cache_write_tokens: 0 },
        output_tokens: 20,
        output_tokens_details: { reasoning_tokens: 5 }
      }, { service_tier: "priority" }),
      {
        inputTokens: 100,
        cacheReadTokens: 60,
        cacheWriteTokens: 0,
        outputTokens: 20,
        reasoningTokens: 5,
        tier: "priority"
      },
      2 * (40 + 6 + 150 + 40)
    ],
    [
      "Anthropic: written for five minutes and for an hour",
      dialects.messages,
      dialects.messages.body({
        input_tokens: 10,
        cache_read_input_tokens: 20,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 18, ephemeral_1h_input_tokens: 12 },
        output_tokens: 5,
        output_tokens_details: { thinking_tokens: 2 },
        service_tier: "standard",
        inference_geo: "global"
      }),
      {
        inputTokens: 60,
        cacheReadTokens: 20,
        cacheWriteTokens: 30,
        cacheWriteHourTokens: 12,
        outputTokens: 5,
        reasoningTokens: 2
      },
      10 + 2 + 18 * 1.25 + 12 * 2 + 3 * 10 + 2 * 8
    ],
    [
      "Anthropic: in one country, in a batch",
      dialects.messages,
      dialects.messages.body({ input_tokens: 10, output_tokens: 5, service_tier: "batch", inference_geo: "us" }),
      { inputTokens: 10, outputTokens: 5, tier: "batch" },
      60 * 0.5 * 1.1
    ],
    [
      "Anthropic: the fast mode",
      dialects.messages,
      dialects.messages.body({ input_tokens: 10, output_tokens: 5, service_tier: "standard", speed: "fast" }),
      { inputTokens: 10, outputTokens: 5, tier: "fast" },
      360
    ],
    [
      "Gemini: cached, thoughts, what its tools read, sound and images",
      dialects.gemini,
      dialects.gemini.body({
        promptTokenCount: 100,
        cachedContentTokenCount: 40,
        toolUsePromptTokenCount: 7,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 5,
        promptTokensDetails: [
          { modality: "TEXT", tokenCount: 50 },
          { modality: "AUDIO", tokenCount: 30 },
          { modality: "IMAGE", tokenCount: 20 }
        ],
        cacheTokensDetails: [{ modality: "TEXT", tokenCount: 30 }, { modality: "AUDIO", tokenCount: 10 }],
        candidatesTokensDetails: [{ modality: "TEXT", tokenCount: 8 }, { modality: "IMAGE", tokenCount: 12 }]
      }),
      {
        inputTokens: 107,
        cacheReadTokens: 40,
        outputTokens: 25,
        reasoningTokens: 5,
        inputAudioTokens: 30,
        inputImageTokens: 20,
        outputImageTokens: 12
      },
      27 + 20 * 32 + 20 * 5 + 30 * 0.1 + 10 * 0.4 + 8 * 10 + 5 * 8 + 12 * 30
    ],
    [
      "Gemini at Vertex: the tier as a kind of traffic",
      dialects.gemini,
      dialects.gemini.body({ promptTokenCount: 10, candidatesTokenCount: 2, trafficType: "ON_DEMAND_FLEX" }),
      { inputTokens: 10, outputTokens: 2, tier: "flex" },
      15
    ],
    [
      "Bedrock: written for five minutes and for an hour, and the tier",
      dialects.converse,
      dialects.converse.body({
        inputTokens: 10,
        outputTokens: 5,
        cacheReadInputTokens: 20,
        cacheWriteInputTokens: 30,
        cacheDetails: [{ ttl: "1h", inputTokens: 12 }, { ttl: "5m", inputTokens: 18 }]
      }, { serviceTier: { type: "flex" } }),
      {
        inputTokens: 60,
        cacheReadTokens: 20,
        cacheWriteTokens: 30,
        cacheWriteHourTokens: 12,
        outputTokens: 5,
        tier: "flex"
      },
      (10 + 2 + 18 * 1.25 + 12 * 2 + 50) / 2
    ],
    [
      "Ollama: both counts",
      dialects.ollama,
      dialects.ollama.body({ prompt_eval_count: 10, eval_count: 5 }),
      { inputTokens: 10, outputTokens: 5 },
      60
    ],
    [
      "counts that make no sense are left out",
      dialects.completions,
      dialects.completions.body({
        prompt_tokens: -1,
        completion_tokens: 1e300,
        total_tokens: 3,
        prompt_tokens_details: { cached_tokens: "12", audio_tokens: Number.MAX_SAFE_INTEGER + 2 }
      }),
      {},
      NaN
    ],
    [
      "more cached and of each kind than there is in all",
      dialects.messages,
      dialects.messages.body({
        input_tokens: 0,
        cache_read_input_tokens: 0,
        cache_creation_input_tokens: 3,
        cache_creation: { ephemeral_1h_input_tokens: 9 },
        output_tokens: 0
      }),
      { inputTokens: 3, cacheReadTokens: 0, cacheWriteTokens: 3, cacheWriteHourTokens: 9, outputTokens: 0 },
      6
    ]
  ])("%s", ([, { provider }, body, told, cost]) =>
    Effect.gen(function*() {
      const entry = yield* entryOf(provider, body)
      assert.deepStrictEqual(entry.told, told)
      if (Number.isNaN(cost)) assert.isNaN(entry.cost)
      else assert.closeTo(entry.cost, cost, 1e-9)
    }))

  it.effect.each<readonly [string, { readonly provider: Made }, object, number]>([
    ["an empty answer", dialects.completions, {
      choices: [{ index: 0, message: { content: "" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 10, completion_tokens: 0 }
    }, 200],
    ["an answer that a filter stopped", dialects.gemini, {
      promptFeedback: { blockReason: "SAFETY" },
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 0 }
    }, 200],
    ["a response that failed", dialects.responses, {
      object: "response",
      status: "failed",
      error: { code: "server_error", message: "The model failed" },
      usage: { input_tokens: 10, output_tokens: 0 }
    }, 200],
    ["an error with the usage beside it", dialects.completions, {
      error: { message: "The upstream failed", code: 502 },
      usage: { prompt_tokens: 10, completion_tokens: 0 }
    }, 502],
    ["an error with the usage in it", dialects.completions, {
      error: { message: "The upstream failed", code: 502, usage: { prompt_tokens: 10, completion_tokens: 0 } }
    }, 502],
    ["an error of Anthropic's protocol", dialects.messages, {
      type: "error",
      error: { type: "api_error", message: "Internal server error" },
      usage: { input_tokens: 10, output_tokens: 0 }
    }, 500],
    ["an error of Gemini's protocol", dialects.gemini, {
      error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" },
      usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 0 }
    }, 503]
  ])("counts for %s", ([, { provider }, body, status]) =>
    Effect.gen(function*() {
      const { cost, outcome, told } = yield* entryOf(provider, body, status)
      assert.strictEqual(outcome, "failed")
      assert.deepStrictEqual(told, { inputTokens: 10, outputTokens: 0 })
      assert.closeTo(cost, 10, 1e-9)
    }))
})
