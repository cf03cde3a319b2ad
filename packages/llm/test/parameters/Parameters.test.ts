import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as Parameters from "@holdfast/llm/Parameters"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import { generate } from "../providerOptions.ts"

const all = {
  temperature: 0.5,
  topP: 0.9,
  maxOutputTokens: 100,
  stop: ["END"],
  seed: 7,
  effort: "low",
  thinkingBudget: 2000,
  serviceTier: "flex",
  promptCacheKey: "k",
  user: "u",
  metadata: { team: "blue" }
} as const satisfies Parameters.Parameters

type Make = Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>

/** What is written where, and what is left out. */
const rows: ReadonlyArray<readonly [name: string, make: Make, body: object, dropped: ReadonlyArray<string>]> = [
  ["chat completions", OpenAiProvider.make({ preset: "groq", model: "m", parameters: { top_k: 3, seed: 1 } }), {
    temperature: 0.5,
    top_p: 0.9,
    max_tokens: 100,
    stop: ["END"],
    seed: 7,
    top_k: 3
  }, ["effort", "thinkingBudget", "serviceTier", "promptCacheKey", "user", "metadata"]],
  ["OpenAI", OpenAiProvider.make({ model: "gpt-5-mini" }), {
    max_completion_tokens: 100,
    stop: ["END"],
    seed: 7,
    reasoning_effort: "low",
    service_tier: "flex",
    prompt_cache_key: "k",
    safety_identifier: "u"
  }, ["temperature", "topP", "thinkingBudget", "metadata"]],
  ["Mistral", OpenAiProvider.make({ preset: "mistral" }), { random_seed: 7, temperature: 0.5 }, [
    "effort",
    "thinkingBudget",
    "serviceTier",
    "promptCacheKey",
    "user",
    "metadata"
  ]],
  [
    "the Responses API",
    OpenAiResponsesProvider.make({ model: "gpt-4.1", parameters: { reasoning: { summary: "auto" } } }),
    {
      temperature: 0.5,
      max_output_tokens: 100,
      reasoning: { summary: "auto", effort: "low" },
      metadata: { team: "blue" }
    },
    ["stop", "seed", "thinkingBudget"]
  ],
  ["the Messages API", AnthropicProvider.make({ model: "m" }), {
    temperature: 0.5,
    max_tokens: 100,
    stop_sequences: ["END"],
    output_config: { effort: "low" },
    thinking: { type: "enabled", budget_tokens: 2000 },
    service_tier: "standard_only",
    metadata: { user_id: "u" }
  }, ["seed", "promptCacheKey", "metadata"]],
  ["Gemini", GeminiProvider.make({ parameters: { generationConfig: { topK: 3 } } }), {
    generationConfig: {
      topK: 3,
      temperature: 0.5,
      topP: 0.9,
      maxOutputTokens: 100,
      stopSequences: ["END"],
      seed: 7,
      thinkingConfig: { thinkingLevel: "LOW", thinkingBudget: 2000 }
    },
    serviceTier: "flex"
  }, ["promptCacheKey", "user", "metadata"]],
  ["the Converse API", BedrockProvider.make({ model: "m", parameters: { inferenceConfig: { topK: 3 } } }), {
    inferenceConfig: { topK: 3, temperature: 0.5, topP: 0.9, maxTokens: 100, stopSequences: ["END"] },
    serviceTier: { type: "flex" },
    requestMetadata: { team: "blue" }
  }, ["seed", "effort", "thinkingBudget", "promptCacheKey", "user"]],
  ["Ollama", OllamaProvider.make({ model: "m", numCtx: 4096 }), {
    options: { num_ctx: 4096, temperature: 0.5, top_p: 0.9, num_predict: 100, stop: ["END"], seed: 7 }
  }, ["effort", "thinkingBudget", "serviceTier", "promptCacheKey", "user", "metadata"]]
]

describe("Parameters", () => {
  it.effect.each(rows)(
    "are written as %s has them, and what it has not is told",
    ([, make, body, dropped]) =>
      Effect.gen(function*() {
        const sent: Array<Readonly<Record<string, unknown>>> = []
        const client = HttpClient.make((request) =>
          Effect.sync(() => {
            if (request.body._tag === "Uint8Array") {
              sent.push(JSON.parse(new TextDecoder().decode(request.body.body)) as Readonly<Record<string, unknown>>)
            }
            return HttpClientResponse.fromWeb(request, new Response("{}", { status: 400 }))
          })
        )
        const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
        yield* Effect.exit(generate(provider).pipe(Parameters.with(all)))
        assert.deepInclude(sent[0], body)
        const seen: Array<string> = []
        const { text } = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
          ChainEvent.observe((event) => {
            if (event._tag === "ParameterDropped" && event.provider === provider.name) seen.push(event.parameter)
          }),
          Parameters.with(all),
          Effect.provide(
            ProviderChain.layer({
              providers: [provider, TestProvider.script("spare", [TestProvider.text("Hi")])],
              retry: false
            })
          )
        )
        assert.strictEqual(text, "Hi")
        assert.deepStrictEqual(seen, dropped)
        // Without any, a request is what it was.
        yield* Effect.exit(generate(provider))
        for (const name of ["temperature", "max_output_tokens", "reasoning_effort"]) {
          assert.notProperty(sent.at(-1), name)
        }
      })
  )

  it("are refused with every fault", () => {
    assert.throws(
      () => Effect.void.pipe(Parameters.with({ temperature: -1, topP: 2, maxOutputTokens: 0.5 })),
      /temperature must be a number of 0 or more, got -1; topP must be a number from 0 to 1, got 2; maxOutputTokens must be a whole number/
    )
  })
})
