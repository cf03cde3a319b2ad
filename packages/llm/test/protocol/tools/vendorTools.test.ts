/** Tools that a vendor's API runs: told to that vendor as its SDK types them, kept from all others, and cited as sources. */
import type Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import type * as Google from "@google/genai"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import type OpenAI from "openai"
import { collect, generate } from "../../providerOptions.ts"
import { Weather } from "../../weatherTool.ts"

const openAiSearch = Tool.providerDefined({
  id: "openai.web_search",
  customName: "OpenAiSearch",
  providerName: "web_search",
  args: Schema.Struct({ search_context_size: Schema.Literals(["low", "medium", "high"]) })
})({ search_context_size: "low" })

const openAiCode = Tool.providerDefined({
  id: "openai.code_interpreter",
  customName: "OpenAiCode",
  providerName: "code_interpreter",
  args: Schema.Struct({ container: Schema.Struct({ type: Schema.Literal("auto") }) })
})({ container: { type: "auto" } })

const claudeSearch = Tool.providerDefined({
  id: "anthropic.web_search_20250305",
  customName: "ClaudeSearch",
  providerName: "web_search",
  args: Schema.Struct({ max_uses: Schema.Finite })
})({ max_uses: 3 })

const claudeCode = Tool.providerDefined({
  id: "anthropic.code_execution_20250825",
  customName: "ClaudeCode",
  providerName: "code_execution",
  args: Schema.Struct({})
})({})

/** Claude writes its calls, and the caller runs them. */
const claudeShell = Tool.providerDefined({
  id: "anthropic.bash_20250124",
  customName: "Shell",
  providerName: "bash",
  args: Schema.Struct({}),
  parameters: Schema.Struct({ command: Schema.String }),
  success: Schema.String,
  requiresHandler: true
})({})

const googleSearch = Tool.providerDefined({
  id: "google.google_search",
  customName: "GoogleSearch",
  providerName: "google_search",
  args: Schema.Struct({})
})({})

const googleCode = Tool.providerDefined({
  id: "google.code_execution",
  customName: "GoogleCode",
  providerName: "code_execution",
  args: Schema.Struct({})
})({})

interface Sent {
  readonly tools?: unknown
  readonly tool_choice?: unknown
  readonly toolConfig?: unknown
}

/** What a provider sends, and the parts of the answer that it gets. */
const ask = Effect.fnUntraced(function*(
  make: Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>,
  body: string,
  options: { readonly tools: ReadonlyArray<Tool.Any>; readonly toolChoice?: LanguageModel.ToolChoice<string> },
  stream = false
) {
  let sent: Sent = {}
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.body._tag === "Uint8Array") sent = JSON.parse(new TextDecoder().decode(request.body.body))
      return HttpClientResponse.fromWeb(request, new Response(body))
    })
  )
  const provider = yield* Effect.provideService(make, HttpClient.HttpClient, client)
  const parts = stream ? yield* collect(provider, options) : yield* generate(provider, options)
  const sources = parts.flatMap((part) =>
    part.type === "source" && part.sourceType === "url" ? [[part.url, part.title]] : []
  )
  return { sent, parts, sources }
})

const page = "https://example.com/oslo"
const annotation = { type: "url_citation", url: page, title: "Oslo", start_index: 0, end_index: 2 }
const response = {
  object: "response",
  id: "r",
  status: "completed",
  output: [
    { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "Oslo" } },
    { type: "message", content: [{ type: "output_text", text: "Hi", annotations: [annotation] }] }
  ]
}

const citation = {
  type: "web_search_result_location",
  url: page,
  title: "Oslo",
  cited_text: "Oslo is",
  encrypted_index: "e"
}
const message = {
  id: "m",
  type: "message",
  role: "assistant",
  content: [
    { type: "server_tool_use", id: "s", name: "web_search", input: { query: "Oslo" } },
    {
      type: "web_search_tool_result",
      tool_use_id: "s",
      content: [{ type: "web_search_result", url: page, title: "Oslo", encrypted_content: "e" }]
    },
    { type: "text", text: "Hi", citations: [citation, citation] }
  ],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 }
}

const events = (...all: ReadonlyArray<{ readonly type: string }>): string =>
  all.map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`).join("")

const streamed = events(
  { type: "message_start", message: { id: "m", usage: { input_tokens: 1, output_tokens: 1 } } } as never,
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as never,
  { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation } } as never,
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi" } } as never,
  { type: "content_block_stop", index: 0 } as never,
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } } as never,
  { type: "message_stop" }
)

const candidates = {
  candidates: [{
    content: { role: "model", parts: [{ text: "Hi" }] },
    groundingMetadata: { groundingChunks: [page, page].map((uri) => ({ web: { uri, title: "Oslo" } })) },
    finishReason: "STOP"
  }]
}

const responses = OpenAiResponsesProvider.make({ baseUrl: "http://x", model: "m" })
const claude = AnthropicProvider.make({ baseUrl: "http://x", model: "m" })
const gemini = GeminiProvider.make({ baseUrl: "http://x", model: "m" })

describe("a tool of the vendor's", () => {
  it.effect("goes to the Responses API beside functions, and what it found is cited", () =>
    Effect.gen(function*() {
      const { sent, sources } = yield* ask(responses, JSON.stringify(response), {
        tools: [Weather, openAiSearch, openAiCode],
        toolChoice: { tool: "OpenAiSearch" }
      })
      const expected: Array<OpenAI.Responses.Tool> = [
        { type: "web_search", search_context_size: "low" },
        { type: "code_interpreter", container: { type: "auto" } }
      ]
      assert.deepStrictEqual((sent.tools as ReadonlyArray<unknown>).slice(1), expected)
      const choice: OpenAI.Responses.ResponseCreateParams["tool_choice"] = {
        type: "web_search" as "web_search_preview"
      }
      assert.deepStrictEqual(sent.tool_choice, choice)
      assert.deepStrictEqual(sources, [[page, "Oslo"]])
    }))

  it.effect("is one of the allowed tools of the Responses API", () =>
    Effect.gen(function*() {
      const { sent } = yield* ask(responses, JSON.stringify(response), {
        tools: [Weather, openAiSearch],
        toolChoice: { mode: "auto", oneOf: ["weather", "OpenAiSearch"] }
      })
      assert.deepStrictEqual(sent.tool_choice, {
        type: "allowed_tools",
        mode: "auto",
        tools: [{ type: "function", name: "weather" }, { type: "web_search" }]
      })
    }))

  it.effect("goes to the Messages API beside functions, and what it found is cited once", () =>
    Effect.gen(function*() {
      const { sent, sources } = yield* ask(claude, JSON.stringify(message), {
        tools: [Weather, claudeSearch, claudeCode],
        toolChoice: { tool: "ClaudeSearch" }
      })
      const expected: Array<Anthropic.ToolUnion> = [
        { type: "web_search_20250305", name: "web_search", max_uses: 3 },
        { type: "code_execution_20250825", name: "code_execution" }
      ]
      assert.deepStrictEqual((sent.tools as ReadonlyArray<unknown>).slice(1), expected)
      const choice: Anthropic.ToolChoice = { type: "tool", name: "web_search" }
      assert.deepStrictEqual(sent.tool_choice, choice)
      assert.deepStrictEqual(sources, [[page, "Oslo"]])
    }))

  it.effect("is cited in a stream of the Messages API", () =>
    Effect.gen(function*() {
      const { parts, sources } = yield* ask(claude, streamed, { tools: [claudeSearch] }, true)
      assert.deepStrictEqual(sources, [[page, "Oslo"]])
      assert.strictEqual(parts.at(-1)?.type, "finish")
    }))

  it.effect("is called by the caller's name for it where the caller runs it", () =>
    Effect.gen(function*() {
      const use = { type: "tool_use", id: "t", name: "bash", input: { command: "ls" } }
      const body = JSON.stringify({ ...message, content: [use], stop_reason: "tool_use" })
      const { parts, sent } = yield* ask(claude, body, { tools: [claudeShell], toolChoice: "required" })
      const expected: Array<Anthropic.ToolUnion> = [{ type: "bash_20250124", name: "bash" }]
      assert.deepStrictEqual(sent.tools, expected)
      assert.deepStrictEqual(
        parts.flatMap((part) => part.type === "tool-call" ? [[part.name, part.params]] : []),
        [["Shell", { command: "ls" }]]
      )
    }))

  it.effect("goes to Gemini beside functions, and what it found is cited", () =>
    Effect.gen(function*() {
      const { sent, sources } = yield* ask(gemini, JSON.stringify(candidates), {
        tools: [Weather, googleSearch, googleCode]
      })
      const expected: Array<Google.Tool> = [{ googleSearch: {} }, { codeExecution: {} }]
      assert.deepStrictEqual((sent.tools as ReadonlyArray<unknown>).slice(1), expected)
      assert.deepStrictEqual(sources, [[page, "Oslo"]])
    }))

  it.effect("needs no mode of functions at Gemini", () =>
    Effect.gen(function*() {
      const { sent } = yield* ask(gemini, JSON.stringify(candidates), { tools: [googleSearch] })
      assert.deepStrictEqual(sent.tools, [{ googleSearch: {} }])
      assert.isUndefined(sent.toolConfig)
    }))

  it.effect("answers a required call without one of the caller's", () =>
    Effect.gen(function*() {
      const { parts } = yield* ask(claude, JSON.stringify(message), { tools: [claudeSearch], toolChoice: "required" })
      assert.isTrue(parts.some((part) => part.type === "text"))
    }))
})

const strangers: ReadonlyArray<
  readonly [what: string, make: Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>, tool: Tool.Any]
> = [
  ["Claude's at the Responses API", responses, claudeSearch],
  ["OpenAI's at the Messages API", claude, openAiSearch],
  ["OpenAI's at Gemini", gemini, openAiSearch],
  ["Claude's own shell at the Responses API", responses, claudeShell],
  ["OpenAI's at chat completions", OpenAiProvider.make({ baseUrl: "http://x", model: "m" }), openAiSearch],
  ["Gemini's at Ollama", OllamaProvider.make({ host: "http://x", model: "m" }), googleSearch]
]

it.effect.each(strangers)(
  "keeps %s from a provider that does not run it, so that a chain asks another",
  ([, make, tool]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ask(make, "{}", { tools: [tool] }))
      assert.strictEqual(ProviderFailure.detail(error.reason).kind, "unsupported")
    })
)
