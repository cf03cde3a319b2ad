import { assert, describe, it } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import type * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as LoopbackServer from "../LoopbackServer.ts"
import { collect, generate } from "../providerOptions.ts"
import { over, secret } from "./over.ts"

const signed = { anthropic: { info: { type: "thinking", signature: "signature" }, model: "m" } }

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})

const whole = (content: ReadonlyArray<object>, rest?: object): LoopbackServer.Reply => ({
  body: { type: "message", id: "msg_2", model: "m-2026", content, stop_reason: "end_turn", usage: {}, ...rest }
})

const event = (data: { readonly type: string; readonly [field: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const start = (usage: object = { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 2 }): string =>
  event({ type: "message_start", message: { id: "msg_1", type: "message", model: "m-2026", content: [], usage } })
const block = (index: number, content_block: object): string =>
  event({ type: "content_block_start", index, content_block })
const delta = (index: number, delta: object): string => event({ type: "content_block_delta", index, delta })
const close = (index: number): string => event({ type: "content_block_stop", index })
const end = (stop_reason: string, usage: object = { output_tokens: 12 }, rest?: object): string =>
  event({ type: "message_delta", delta: { stop_reason, stop_sequence: null, ...rest }, usage })

const think = (index: number, thinking: string, ...signature: ReadonlyArray<string>): string =>
  block(index, { type: "thinking", thinking: "", signature: "" }) +
  delta(index, { type: "thinking_delta", thinking }) +
  signature.map((piece) => delta(index, { type: "signature_delta", signature: piece })).join("") + close(index)

const call = (index: number, id: string, ...json: ReadonlyArray<string>): string =>
  block(index, { type: "tool_use", id, name: "weather", input: {} }) +
  json.map((partial_json) => delta(index, { type: "input_json_delta", partial_json })).join("") + close(index)

const stop = event({ type: "message_stop" })

describe("AnthropicProvider", () => {
  describe("generateText", () => {
    it.live("gives thoughts, text, tool calls and usage", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          ...whole([
            { type: "thinking", thinking: "I should look.", signature: "signature" },
            { type: "redacted_thinking", data: "xyz" },
            { type: "text", text: "Looking." },
            { type: "server_tool_use", id: "srv", name: "web_search", input: {} },
            { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } }
          ], {
            stop_reason: "tool_use",
            usage: {
              input_tokens: 20,
              output_tokens: 10,
              cache_creation_input_tokens: 3,
              cache_read_input_tokens: 0,
              output_tokens_details: { thinking_tokens: 6 }
            }
          }),
          headers: { "request-id": "req_8" }
        }, { parameters: { output_config: { effort: "low" }, max_tokens: 99 } })
        const parts = yield* generate(provider, { tools: [Weather], toolChoice: { tool: "weather" } })
        assert.deepStrictEqual(parts, [
          {
            type: "response-metadata",
            id: "msg_2",
            modelId: "m-2026",
            metadata: { anthropic: { requestId: "req_8" } }
          },
          { type: "reasoning", text: "I should look.", metadata: signed },
          {
            type: "reasoning",
            text: "",
            metadata: { anthropic: { info: { type: "redacted_thinking", redactedData: "xyz" }, model: "m" } }
          },
          { type: "text", text: "Looking." },
          { type: "tool-call", id: "toolu_1", name: "weather", params: { city: "Oslo" } },
          {
            type: "finish",
            reason: "tool-calls",
            usage: {
              inputTokens: { total: 23, uncached: 20, cacheRead: 0, cacheWrite: 3 },
              outputTokens: { total: 10, reasoning: 6, text: 4 }
            }
          }
        ])
        const body = LoopbackServer.lastBody(server)
        assert.strictEqual(body["max_tokens"], 99)
        assert.deepStrictEqual(body["output_config"], { effort: "low" })
        assert.deepStrictEqual(body["tool_choice"], { type: "tool", name: "weather" })
        assert.deepStrictEqual(body["tools"], [{
          name: "weather",
          description: "The weather in a city",
          input_schema: { ...Tool.getJsonSchema(Weather), additionalProperties: false }
        }])
      }).pipe(Effect.scoped))

    it.live("names every choice of tools as the API does", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over(whole([{ type: "tool_use", id: "t1", name: "weather", input: {} }]))
        const choices = [
          ["auto", { type: "auto" }],
          ["none", { type: "none" }],
          ["required", { type: "any" }],
          [{ oneOf: ["weather"] }, { type: "auto" }],
          [{ mode: "required", oneOf: ["weather"] }, { type: "any" }]
        ] as const
        for (const [toolChoice, expected] of choices) {
          yield* generate(provider, { tools: [Weather], toolChoice })
          assert.deepStrictEqual(LoopbackServer.lastBody(server)["tool_choice"], expected)
        }
      }).pipe(Effect.scoped))

    it.live("sends a conversation with system, images, documents, tool calls and results", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over(whole([{ type: "text", text: "Sunny." }]))
        const bytes = new Uint8Array([1, 2, 3])
        const prompt = Prompt.make([
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "file", mediaType: "image/png", data: bytes },
              { type: "file", mediaType: "image/png", data: new URL("https://example.com/a.png") },
              { type: "file", mediaType: "image/png", data: "data:image/png;base64,AQID" },
              { type: "file", mediaType: "application/pdf", fileName: "a.pdf", data: bytes },
              { type: "file", mediaType: "text/plain", data: new TextEncoder().encode("plain") }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "text", text: " " },
              { type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" } },
              { type: "tool-call", id: "c2", name: "weather", params: { city: "Rome" } }
            ]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c1", name: "weather", isFailure: false, result: { sky: "clear" } }]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c2", name: "weather", isFailure: true, result: "no sensor" }]
          },
          { role: "system", content: "Be kind." },
          { role: "user", content: "And?" }
        ])
        yield* generate(provider, { prompt })
        const body = LoopbackServer.lastBody(server)
        assert.strictEqual(body["system"], "Be brief.\n\nBe kind.")
        const png = { type: "base64", media_type: "image/png", data: "AQID" }
        assert.deepStrictEqual(body["messages"], [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image", source: png },
              { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
              { type: "image", source: png },
              {
                type: "document",
                source: { type: "base64", media_type: "application/pdf", data: "AQID" },
                title: "a.pdf"
              },
              { type: "document", source: { type: "text", media_type: "text/plain", data: "plain" } }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "tool_use", id: "c1", name: "weather", input: { city: "Oslo" } },
              { type: "tool_use", id: "c2", name: "weather", input: { city: "Rome" } }
            ]
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "c1", content: "{\"sky\":\"clear\"}" },
              { type: "tool_result", tool_use_id: "c2", content: "no sensor", is_error: true },
              { type: "text", text: "And?" }
            ]
          }
        ])
      }).pipe(Effect.scoped))

    it.live("gives thoughts back as they were signed, whole or streamed, and only to the model that signed them", () =>
      Effect.gen(function*() {
        const hidden = block(1, { type: "redacted_thinking", data: "xyz" }) + close(1)
        const pieces = [
          start(),
          think(0, "Hm. ", "sig", "nature"),
          hidden,
          call(2, "t1", "{\"city\":\"Oslo\"}"),
          end("tool_use"),
          stop
        ]
        const streaming = yield* over({ pieces })
        const parts = yield* Schema.decodeEffect(
          Schema.Array(Response.StreamPart(Toolkit.make(Weather)))
        )(yield* collect(streaming.provider, { tools: [Weather] }))
        const history = Prompt.concat(Prompt.make("Weather?"), Prompt.fromResponseParts(parts))
        const { provider, server } = yield* over(whole([{ type: "text", text: "ok" }]))
        yield* generate(provider, { prompt: history })
        assert.deepStrictEqual(LoopbackServer.lastBody(server)["messages"], [
          { role: "user", content: [{ type: "text", text: "Weather?" }] },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "Hm. ", signature: "signature" },
              { type: "redacted_thinking", data: "xyz" },
              { type: "tool_use", id: "t1", name: "weather", input: { city: "Oslo" } }
            ]
          }
        ])
        const other = yield* over(whole([{ type: "text", text: "ok" }]), { model: "n" })
        yield* generate(other.provider, { prompt: history })
        assert.notInclude(JSON.stringify(LoopbackServer.lastBody(other.server)), "think")
      }).pipe(Effect.scoped))

    it.live("asks for structured output by the format of the answer, and it is read by the codec of all", () =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ city: Schema.String, note: Schema.optional(Schema.String) })
        const { provider, server } = yield* over(
          whole([{ type: "text", text: "{\"city\":\"Oslo\",\"note\":null}" }]),
          { parameters: { output_config: { effort: "low" } } }
        )
        const parts = yield* generate(provider, { responseFormat: { type: "json", objectName: "place", schema } })
        const config = LoopbackServer.lastBody(server)["output_config"]
        assert.deepInclude(config as object, { effort: "low" })
        const format = JSON.stringify(config)
        assert.include(format, "\"type\":\"json_schema\"")
        assert.include(format, "\"additionalProperties\":false")
        assert.isUndefined(LoopbackServer.lastBody(server)["tools"])
        const said = parts.find((part) => part.type === "text")
        const { codec } = Provider.codecTransformer(schema)
        const value = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(codec))(said?.text)
        assert.deepStrictEqual(value, { city: "Oslo" })
      }).pipe(Effect.scoped))

    it.live("leaves what it cannot send to another provider", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({})
        const search = Tool.providerDefined({
          id: "openai.web_search",
          customName: "search",
          providerName: "web_search",
          args: Schema.Struct({})
        })({})
        const file = (mediaType: string, data: Uint8Array | URL) =>
          Prompt.make([{ role: "user", content: [{ type: "file", mediaType, data }] }])
        for (
          const options of [
            { tools: [search] },
            { prompt: file("audio/wav", new Uint8Array(1)) },
            { prompt: file("text/plain", new URL("https://example.com/a.txt")) }
          ]
        ) {
          const error = yield* Effect.flip(generate(provider, options))
          assert.strictEqual(ProviderFailure.detail(error.reason).kind, "unsupported")
        }
        assert.strictEqual(server.received.length, 0)
      }).pipe(Effect.scoped))

    it.live("refuses an answer without a stop_reason, and one that is not a message", () =>
      Effect.gen(function*() {
        for (const body of [{ content: [{ type: "text", text: "half" }] }, { stop_reason: "end_turn" }, "<html>", {}]) {
          const { provider } = yield* over({ body })
          assert.strictEqual((yield* Effect.flip(generate(provider))).reason._tag, "InvalidResponseError")
        }
      }).pipe(Effect.scoped))

    it.live("takes an error or a refusal under status 200 as a failure", () =>
      Effect.gen(function*() {
        const error = yield* over({ body: { type: "error", error: { type: "overloaded_error", message: "later" } } })
        assert.strictEqual((yield* Effect.flip(generate(error.provider))).reason._tag, "InternalProviderError")
        const refusal = yield* over(whole([], { stop_reason: "refusal" }))
        assert.strictEqual((yield* Effect.flip(generate(refusal.provider))).reason._tag, "ContentPolicyError")
      }).pipe(Effect.scoped))

    const refusals: ReadonlyArray<[number, object, AiError.AiErrorReason["_tag"], ProviderFailure.Kind | undefined]> = [
      [400, { type: "invalid_request_error", message: "max_tokens: bad" }, "InvalidRequestError", undefined],
      [
        400,
        { type: "invalid_request_error", message: "prompt is too long: 9 tokens > 8 maximum" },
        "InvalidRequestError",
        "contextOverflow"
      ],
      [
        400,
        { type: "invalid_request_error", message: "input length and `max_tokens` exceed context limit: 9 + 8 > 10" },
        "InvalidRequestError",
        "contextOverflow"
      ],
      [
        400,
        { type: "invalid_request_error", message: "You have reached your specified API usage limits." },
        "QuotaExhaustedError",
        "quotaSpent"
      ],
      [401, { type: "authentication_error", message: "invalid x-api-key" }, "AuthenticationError", "keyRejected"],
      [402, { type: "billing_error", message: "pay" }, "QuotaExhaustedError", "quotaSpent"],
      [403, { type: "permission_error", message: "no" }, "AuthenticationError", "permissionDenied"],
      [404, { type: "not_found_error", message: "model: m" }, "InvalidRequestError", "unknownModel"],
      [413, { type: "request_too_large", message: "big" }, "InvalidRequestError", "contextOverflow"],
      [429, { type: "rate_limit_error", message: "slow" }, "RateLimitError", "rateLimited"],
      [
        429,
        { type: "rate_limit_error", message: "limit", details: { error_code: "enforced_spend_limit_reached" } },
        "QuotaExhaustedError",
        "quotaSpent"
      ],
      [500, { type: "api_error", message: "oops" }, "InternalProviderError", "serverError"],
      [504, { type: "timeout_error", message: "slow" }, "InternalProviderError", "transient"],
      [529, { type: "overloaded_error", message: "Overloaded" }, "InternalProviderError", "overloaded"]
    ]
    it.live.each(refusals)("knows a refusal: %s %j", ([status, error, tag, kind]) =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          status,
          headers: { "request-id": "req_5", "retry-after": "7" },
          body: { type: "error", error, request_id: "req_5" }
        })
        const failure = yield* Effect.flip(generate(provider))
        assert.strictEqual(failure.reason._tag, tag)
        assert.deepInclude(ProviderFailure.detail(failure.reason), {
          kind,
          status,
          requestId: "req_5",
          retryAfter: Duration.seconds(7)
        })
      }).pipe(Effect.scoped))

    it.live("names the address that did not answer", () =>
      Effect.gen(function*() {
        const url = yield* LoopbackServer.closedPort
        const provider = yield* AnthropicProvider.make({ baseUrl: url, name: "gateway" })
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(error.reason._tag, "NetworkError")
        assert.include(error.message, `no connection to gateway at ${url}`)
      }).pipe(Effect.provide(FetchHttpClient.layer)))

    it.live("never shows the key, even where the server repeats it", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          status: 401,
          body: { type: "error", error: { type: "authentication_error", message: `invalid x-api-key ${secret}` } }
        })
        const error = yield* Effect.flip(generate(provider))
        const closed = yield* AnthropicProvider.make({
          baseUrl: yield* LoopbackServer.closedPort,
          apiKey: Redacted.make(secret)
        })
        const refused = yield* Effect.flip(generate(closed))
        for (const e of [error, refused]) {
          for (const shown of [e.message, String(e), inspect(e, { depth: 20 }), JSON.stringify(e)]) {
            assert.notInclude(shown, secret)
          }
        }
        assert.include(error.message, "Set ANTHROPIC_API_KEY to a valid key")
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
  })
})
