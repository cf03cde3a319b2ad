/** Marks of what to cache: told to the vendors that cache what is marked, as their SDKs type them. */
import type Anthropic from "@anthropic-ai/sdk"
import type * as Bedrock from "@aws-sdk/client-bedrock-runtime"
import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import { generate } from "../../providerOptions.ts"

type Sent = Readonly<Record<string, unknown>>

const ask = Effect.fnUntraced(function*<E>(
  make: Effect.Effect<Provider.Provider, E, HttpClient.HttpClient>,
  prompt: Prompt.Prompt
) {
  let sent: Sent = {}
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.body._tag === "Uint8Array") sent = JSON.parse(new TextDecoder().decode(request.body.body))
      return HttpClientResponse.fromWeb(request, new Response("{}", { status: 400 }))
    })
  )
  const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
  yield* Effect.exit(generate(provider, { prompt }))
  return sent
})

const claude = AnthropicProvider.make({ baseUrl: "http://x", model: "m" })
const bedrock = (model: string) =>
  BedrockProvider.make({ baseUrl: "http://x", model, region: "us-east-1", apiKey: Redacted.make("k") })

const anthropicMark = { anthropic: { cacheControl: { type: "ephemeral" } } }
const anHour = { bedrock: { cachePoint: { type: "default", ttl: "1h" } } }
const signed = { anthropic: { info: { type: "thinking", signature: "s" }, model: "m" }, bedrock: { signature: "s" } }

const prompt = Prompt.fromMessages([
  Prompt.systemMessage({ content: "Be short.", options: anHour }),
  Prompt.systemMessage({ content: "Be kind." }),
  Prompt.userMessage({
    content: [
      Prompt.textPart({ text: "A long book", options: anthropicMark }),
      Prompt.textPart({ text: "What is it about?" }),
      Prompt.textPart({ text: " ", options: anthropicMark })
    ]
  }),
  Prompt.assistantMessage({
    content: [
      Prompt.reasoningPart({
        text: "Hm",
        options: { ...signed, anthropic: { ...signed.anthropic, ...anthropicMark.anthropic } }
      }),
      Prompt.toolCallPart({ id: "c", name: "read", params: { page: 1 }, providerExecuted: false })
    ]
  }),
  Prompt.toolMessage({
    content: [
      Prompt.toolResultPart({ id: "c", name: "read", isFailure: false, result: "Whales", providerExecuted: false })
    ],
    options: anthropicMark
  }),
  Prompt.userMessage({
    content: [Prompt.textPart({ text: "Well?", options: anthropicMark })],
    options: anthropicMark
  })
])

const cache_control: Anthropic.CacheControlEphemeral = { type: "ephemeral" }
const cachePoint: Bedrock.CachePointBlock = { type: "default" }

describe("a mark of what to cache", () => {
  it.effect("is on its block in the Messages API, and a message's on its last", () =>
    Effect.gen(function*() {
      const sent = yield* ask(claude, prompt)
      const system: Array<Anthropic.TextBlockParam> = [
        { type: "text", text: "Be short.", cache_control: { type: "ephemeral", ttl: "1h" } },
        { type: "text", text: "Be kind." }
      ]
      const messages: Array<Anthropic.MessageParam> = [
        {
          role: "user",
          content: [
            { type: "text", text: "A long book", cache_control },
            { type: "text", text: "What is it about?" }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "Hm", signature: "s" },
            { type: "tool_use", id: "c", name: "read", input: { page: 1 } }
          ]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "c", content: "Whales", cache_control },
            { type: "text", text: "Well?", cache_control }
          ]
        }
      ]
      assert.deepStrictEqual(sent["system"], system)
      assert.deepStrictEqual(sent["messages"], messages)
    }))

  it.effect("follows its block in the Converse API, once", () =>
    Effect.gen(function*() {
      const sent = yield* ask(bedrock("anthropic.claude-sonnet-4-5-20250929-v1:0"), prompt)
      const system: Array<Bedrock.SystemContentBlock> = [
        { text: "Be short." },
        { cachePoint: { type: "default", ttl: "1h" } },
        { text: "Be kind." }
      ]
      const messages: Array<Bedrock.Message> = [
        { role: "user", content: [{ text: "A long book" }, { cachePoint }, { text: "What is it about?" }] },
        {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } },
            { toolUse: { toolUseId: "c", name: "read", input: { page: 1 } } }
          ]
        },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "c", content: [{ text: "Whales" }] } },
            { cachePoint },
            { text: "Well?" },
            { cachePoint }
          ]
        }
      ]
      assert.deepStrictEqual(sent["system"], system)
      assert.deepStrictEqual(sent["messages"], messages)
    }))

  it.effect.each(["openrouter", "litellm"] as const)(
    "goes through %s as Anthropic writes it, on parts of text",
    (preset) =>
      Effect.gen(function*() {
        const sent = yield* ask(OpenAiProvider.make({ preset, baseUrl: "http://x", model: "anthropic/claude" }), prompt)
        const [system, plain, user, ...rest] = sent["messages"] as ReadonlyArray<{ readonly content: unknown }>
        assert.deepStrictEqual(system?.content, [
          { type: "text", text: "Be short.", cache_control: { type: "ephemeral", ttl: "1h" } }
        ])
        assert.strictEqual(plain?.content, "Be kind.")
        assert.deepStrictEqual(user?.content, [
          { type: "text", text: "A long book", cache_control },
          { type: "text", text: "What is it about?" },
          { type: "text", text: " " }
        ])
        assert.deepStrictEqual(rest.at(-1)?.content, [{ type: "text", text: "Well?", cache_control }])
      })
  )

  it.effect("is left out where a server caches by itself, or refuses fields that it does not know", () =>
    Effect.gen(function*() {
      for (const preset of ["openai", "groq", "mistral", "vllm"] as const) {
        const body = JSON.stringify(
          yield* ask(OpenAiProvider.make({ preset, baseUrl: "http://x", model: "m" }), prompt)
        )
        assert.include(body, "A long book")
        assert.notInclude(body, "cache_control")
      }
    }))

  it.effect("is left out for a model that would refuse it", () =>
    Effect.gen(function*() {
      const body = JSON.stringify(yield* ask(bedrock("meta.llama3-1-70b-instruct-v1:0"), prompt))
      assert.include(body, "A long book")
      assert.notInclude(body, "cachePoint")
    }))

  it.effect("leaves a prompt without one as it was", () =>
    Effect.gen(function*() {
      const plain = Prompt.make([
        { role: "system", content: "Be short." },
        { role: "system", content: "Be kind." },
        { role: "user", content: [{ type: "text", text: "Hi", options: { anthropic: { cacheControl: null } } }] }
      ])
      const sent = yield* ask(claude, plain)
      assert.strictEqual(sent["system"], "Be short.\n\nBe kind.")
      assert.deepStrictEqual(sent["messages"], [{ role: "user", content: [{ type: "text", text: "Hi" }] }])
    }))
})
