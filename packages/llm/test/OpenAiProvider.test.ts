import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import * as LoopbackServer from "./LoopbackServer.ts"
import { collect, generate, stream } from "./providerOptions.ts"

const secret = "sk-test-0123456789"

const over = (reply: LoopbackServer.Reply, options?: OpenAiProvider.Options) =>
  Effect.gen(function*() {
    const server = yield* LoopbackServer.always(reply)
    const provider = yield* OpenAiProvider.make({
      baseUrl: `${server.url}/v1`,
      apiKey: Redacted.make(secret),
      model: "m",
      ...options
    })
    return { server, provider }
  }).pipe(Effect.provide(FetchHttpClient.layer))

const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`
const delta = (delta: object, rest?: object): string =>
  event({ id: "chat-1", model: "m-2026", created: 1_700_000_000, choices: [{ index: 0, delta, ...rest }] })
const finish = (reason: string): string =>
  event({ id: "chat-1", choices: [{ index: 0, delta: {}, finish_reason: reason }] })
const usage = event({
  choices: [],
  usage: { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } }
})
const DONE = event("[DONE]")

const answer = [
  ": OPENROUTER PROCESSING\n\n",
  "retry: 3000\n\n",
  delta({ role: "assistant", content: "" }),
  delta({ reasoning_content: "Hm. " }),
  delta({ content: "Grüße, " }),
  delta({ content: "Welt 🌍" }),
  finish("stop"),
  usage,
  DONE
].join("")

const text = (parts: ReadonlyArray<Response.StreamPartEncoded>): string =>
  parts.flatMap((part) => part.type === "text-delta" ? [part.delta] : []).join("")

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})

describe("OpenAiProvider", () => {
  describe("streamText", () => {
    it.live("gives reasoning, text, usage and one finish", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [answer] })
        const parts = yield* collect(provider)
        assert.deepStrictEqual(parts, [
          { type: "response-metadata", id: "chat-1", modelId: "m-2026", timestamp: "2023-11-14T22:13:20.000Z" },
          { type: "reasoning-start", id: "reasoning-0" },
          { type: "reasoning-delta", id: "reasoning-0", delta: "Hm. " },
          {
            type: "reasoning-end",
            id: "reasoning-0",
            metadata: { chatCompletions: { place: { fields: ["reasoning_content"] } } }
          },
          { type: "text-start", id: "text-1" },
          { type: "text-delta", id: "text-1", delta: "Grüße, " },
          { type: "text-delta", id: "text-1", delta: "Welt 🌍" },
          { type: "text-end", id: "text-1" },
          {
            type: "finish",
            reason: "stop",
            usage: {
              inputTokens: { total: 9, cacheRead: 2, uncached: 7, cacheWrite: undefined },
              outputTokens: { total: 4, reasoning: undefined, text: 4 }
            }
          }
        ])
        const [request] = server.received
        assert.strictEqual(request?.url, "/v1/chat/completions")
        assert.strictEqual(request?.headers["authorization"], `Bearer ${secret}`)
        assert.deepStrictEqual(request?.body, {
          model: "m",
          messages: [{ role: "user", content: "hello" }],
          stream: true,
          stream_options: { include_usage: true }
        })
      }).pipe(Effect.scoped))

    it.live("fails at [DONE] without a finish_reason, and at a finish_reason without [DONE]", () =>
      Effect.gen(function*() {
        for (const pieces of [[delta({ content: "a" }), DONE], [delta({ content: "a" }), finish("stop")]]) {
          const { provider } = yield* over({ pieces })
          const error = yield* Effect.flip(collect(provider))
          assert.include(error.message, "without a finish_reason and [DONE]")
        }
      }).pipe(Effect.scoped))

    it.live("accepts a [DONE] without line ends", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ pieces: [delta({ content: "a" }), finish("stop"), "data: [DONE]"] })
        assert.strictEqual(text(yield* collect(provider)), "a")
      }).pipe(Effect.scoped))

    it.live("ends at [DONE] although the server keeps the connection", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [answer], after: "hang" })
        assert.strictEqual(text(yield* collect(provider)), "Grüße, Welt 🌍")
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped))

    it.live("lets go of the connection when the reader stops", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({ pieces: [delta({ content: "a" })], after: "hang" })
        yield* stream(provider).pipe(Stream.take(2), Stream.runDrain)
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped))

    it.live("puts tool calls together from deltas with late and empty ids and names, and gives them with the finish", () =>
      Effect.gen(function*() {
        const call = (index: number, id: string | undefined, name: string | undefined, args: string) =>
          delta({
            tool_calls: [{
              index,
              ...(id === undefined ? {} : { id }),
              type: "function",
              function: { name, arguments: args }
            }]
          })
        const { provider } = yield* over({
          pieces: [
            delta({ content: "Let me look. " }),
            call(1, "call_a", "weather", ""),
            call(1, "", "", "{\"ci"),
            call(2, undefined, "weather", "{\"city\":"),
            call(1, undefined, undefined, "ty\":\"Oslo\"}"),
            call(2, "call_b", "", "\"Rome\"}"),
            finish("tool_calls"),
            DONE
          ]
        })
        const parts = yield* collect(provider, { tools: [Weather] })
        assert.deepStrictEqual(parts.slice(-3), [
          { type: "tool-call", id: "call_a", name: "weather", params: { city: "Oslo" } },
          { type: "tool-call", id: "call_b", name: "weather", params: { city: "Rome" } },
          {
            type: "finish",
            reason: "tool-calls",
            usage: {
              inputTokens: { total: undefined, cacheRead: undefined, uncached: undefined, cacheWrite: undefined },
              outputTokens: { total: undefined, reasoning: undefined, text: undefined }
            }
          }
        ])
        const params = (id: string) =>
          parts.flatMap((part) => part.type === "tool-params-delta" && part.id === id ? [part.delta] : []).join("")
        assert.strictEqual(params("call_a"), "{\"city\":\"Oslo\"}")
        assert.strictEqual(params("call_b"), "{\"city\":\"Rome\"}")
      }).pipe(Effect.scoped))

    it.live("gives a tool call without an id one of its own, and tells calls without an index apart", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          pieces: [
            delta({ tool_calls: [{ function: { name: "weather", arguments: "{}" } }] }),
            delta({ tool_calls: [{ id: "call_b", function: { name: "weather", arguments: { city: "Rome" } } }] }),
            finish("stop"),
            DONE
          ]
        })
        const calls = (yield* collect(provider, { tools: [Weather] })).flatMap((part) =>
          part.type === "tool-call" ? [part] : []
        )
        assert.strictEqual(calls.length, 2)
        assert.match(calls[0]?.id ?? "", /^id_\w{16}_0$/)
        assert.deepInclude(calls[1], { id: "call_b", params: { city: "Rome" } })
      }).pipe(Effect.scoped))

    const inStream: ReadonlyArray<[string, string, AiError.AiErrorReason["_tag"]]> = [
      ["OpenRouter", event({ error: { code: 502, message: "Provider disconnected" } }), "InternalProviderError"],
      ["OpenRouter's choice", event({ choices: [{ error: { code: 429, message: "slow down" } }] }), "RateLimitError"],
      [
        "OpenAI",
        event({ error: { message: "overloaded", type: "server_error", code: null } }),
        "InternalProviderError"
      ],
      ["LM Studio", `event: error\ndata: {"error":{"message":"Model crashed"}}\n\n`, "InternalProviderError"],
      ["a plain text", "event: error\ndata: boom\n\n", "InternalProviderError"],
      [
        "vLLM",
        event({ object: "error", message: "engine died", type: "internal_server_error", code: 500 }),
        "InternalProviderError"
      ],
      ["a spent quota", event({ error: { message: "no money", code: "insufficient_quota" } }), "QuotaExhaustedError"],
      ["a finish_reason", finish("error") + DONE, "InternalProviderError"]
    ]
    it.live.each(inStream)("takes an error in the stream as a failure: %s", ([, piece, tag]) =>
      Effect.gen(function*() {
        const { provider } = yield* over({ pieces: [delta({ content: "Half an ans" }), piece] })
        const error = yield* Effect.flip(collect(provider))
        assert.strictEqual(error.reason._tag, tag)
      }).pipe(Effect.scoped))
  })

  describe("generateText", () => {
    it.live("gives text, reasoning, tool calls and usage", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          body: {
            id: "chat-2",
            model: "m-2026",
            choices: [{
              message: {
                content: null,
                reasoning: "I should look.",
                tool_calls: [{
                  id: "call_1",
                  type: "function",
                  function: { name: "weather", arguments: "{\"city\":\"Oslo\"}" }
                }]
              },
              finish_reason: "tool_calls"
            }],
            usage: { prompt_tokens: 20, completion_tokens: 10, completion_tokens_details: { reasoning_tokens: 6 } }
          }
        }, { parameters: { temperature: 0 } })
        const parts = yield* generate(provider, { tools: [Weather], toolChoice: { tool: "weather" } })
        assert.deepStrictEqual(parts, [
          { type: "response-metadata", id: "chat-2", modelId: "m-2026" },
          {
            type: "reasoning",
            text: "I should look.",
            metadata: { chatCompletions: { place: { fields: ["reasoning"] } } }
          },
          { type: "tool-call", id: "call_1", name: "weather", params: { city: "Oslo" } },
          {
            type: "finish",
            reason: "tool-calls",
            usage: {
              inputTokens: { total: 20, cacheRead: undefined, uncached: 20, cacheWrite: undefined },
              outputTokens: { total: 10, reasoning: 6, text: 4 }
            }
          }
        ])
        const body = LoopbackServer.lastBody(server)
        assert.strictEqual(body["temperature"], 0)
        assert.deepStrictEqual(body["tool_choice"], { type: "function", function: { name: "weather" } })
        assert.deepStrictEqual(body["tools"], [{
          type: "function",
          function: {
            name: "weather",
            description: "The weather in a city",
            parameters: { ...Tool.getJsonSchema(Weather), additionalProperties: false }
          }
        }])
      }).pipe(Effect.scoped))

    it.live("sends a conversation with system, images, tool calls and results", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          body: { choices: [{ message: { content: "Sunny." }, finish_reason: "stop" }] }
        })
        const prompt = Prompt.make([
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) }
            ]
          },
          {
            role: "assistant",
            content: [{ type: "reasoning", text: "secret thoughts" }, {
              type: "tool-call",
              id: "c1",
              name: "weather",
              params: { city: "Oslo" }
            }]
          },
          {
            role: "tool",
            content: [{ type: "tool-result", id: "c1", name: "weather", isFailure: false, result: { sky: "clear" } }]
          }
        ])
        yield* generate(provider, { prompt })
        assert.deepStrictEqual(LoopbackServer.lastBody(server)["messages"], [
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }
            ]
          },
          {
            role: "assistant",
            content: null,
            tool_calls: [{
              id: "c1",
              type: "function",
              function: { name: "weather", arguments: "{\"city\":\"Oslo\"}" }
            }]
          },
          { role: "tool", tool_call_id: "c1", content: "{\"sky\":\"clear\"}" }
        ])
      }).pipe(Effect.scoped))

    it.live("leaves what it cannot send to another provider", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({})
        const search = Tool.providerDefined({
          id: "anthropic.web_search",
          customName: "search",
          providerName: "web_search",
          args: Schema.Struct({})
        })({})
        const video = Prompt.make([
          { role: "user", content: [{ type: "file", mediaType: "video/mp4", data: new Uint8Array(1) }] }
        ])
        for (const options of [{ tools: [search] }, { prompt: video }]) {
          const error = yield* Effect.flip(generate(provider, options))
          assert.strictEqual(ProviderFailure.detail(error.reason).kind, "unsupported")
        }
        assert.strictEqual(server.received.length, 0)
      }).pipe(Effect.scoped))

    it.live("takes a web page for no answer, whole or streamed", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ body: "<html>", headers: { "content-type": "text/html" } })
        for (const ask of [Effect.asVoid(generate(provider)), Effect.asVoid(collect(provider))]) {
          const error = yield* Effect.flip(ask)
          assert.strictEqual(error.reason._tag, "InvalidResponseError")
          assert.include(error.message, "Check that the URL is the provider's API")
        }
      }).pipe(Effect.scoped))

    it.live("asks for structured output with a strict schema", () =>
      Effect.gen(function*() {
        const { provider, server } = yield* over({
          body: { choices: [{ message: { content: "{}" }, finish_reason: "stop" }] }
        })
        const schema = Schema.Struct({ city: Schema.String, note: Schema.optional(Schema.String) })
        yield* generate(provider, { responseFormat: { type: "json", objectName: "place", schema } })
        const format = LoopbackServer.lastBody(server)["response_format"]
        assert.deepInclude(format as object, { type: "json_schema" })
        assert.deepStrictEqual(inspect(format, { depth: 9 }).includes("additionalProperties: false"), true)
      }).pipe(Effect.scoped))

    it.live("refuses an answer without a finish_reason, and one that is not a completion", () =>
      Effect.gen(function*() {
        for (
          const body of [{ choices: [{ message: { content: "half" } }] }, { choices: [] }, "<html>login</html>", {}]
        ) {
          const { provider } = yield* over({ body })
          const error = yield* Effect.flip(generate(provider))
          assert.strictEqual(error.reason._tag, "InvalidResponseError")
        }
      }).pipe(Effect.scoped))

    it.live("takes an error under status 200 as a failure", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({ body: { error: { code: 429, message: "later" } } })
        assert.strictEqual((yield* Effect.flip(generate(provider))).reason._tag, "RateLimitError")
      }).pipe(Effect.scoped))

    it.live("reads how long to wait from the refusal", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          status: 429,
          headers: { "retry-after": "7" },
          body: { error: { message: "rate" } }
        })
        const error = yield* Effect.flip(generate(provider))
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(7))
        const busy = yield* over({ status: 503, headers: { "retry-after-ms": "1500" }, body: {} })
        const overload = yield* Effect.flip(generate(busy.provider))
        assert.deepStrictEqual(ProviderFailure.detail(overload.reason).retryAfter, Duration.millis(1500))
      }).pipe(Effect.scoped))

    it.live("lets go of the connection when it is interrupted over a refusal whose body does not end", () =>
      Effect.gen(function*() {
        const arrived = yield* Deferred.make<void>()
        const server = yield* LoopbackServer.make(() => {
          Deferred.doneUnsafe(arrived, Effect.void)
          return { status: 503, pieces: ["{"], after: "hang" }
        })
        const provider = yield* OpenAiProvider.make({ baseUrl: server.url })
        const fiber = yield* Effect.forkChild(generate(provider))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        yield* Deferred.await(server.abandoned)
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))

    it.effect("does not wait for the body of a refusal", () =>
      Effect.gen(function*() {
        const client = HttpClient.make((request) =>
          Effect.succeed(
            HttpClientResponse.fromWeb(request, new globalThis.Response(new ReadableStream(), { status: 401 }))
          )
        )
        const provider = yield* Effect.provideService(OpenAiProvider.make(), HttpClient.HttpClient, client)
        const fiber = yield* Effect.forkChild(Effect.flip(generate(provider)), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "AuthenticationError")
      }))

    it.live("names the address that did not answer", () =>
      Effect.gen(function*() {
        const url = yield* LoopbackServer.closedPort
        const provider = yield* OpenAiProvider.make({ baseUrl: url, name: "studio" })
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(error.reason._tag, "NetworkError")
        assert.include(error.message, `no connection to studio at ${url}`)
      }).pipe(Effect.provide(FetchHttpClient.layer)))

    it.live("never shows the key, even where the server repeats it", () =>
      Effect.gen(function*() {
        const { provider } = yield* over({
          status: 401,
          headers: { "set-cookie": "session=abc" },
          body: { error: { message: `Incorrect API key provided: ${secret}`, code: "invalid_api_key" } }
        })
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(error.reason._tag, "AuthenticationError")
        const closed = yield* OpenAiProvider.make({
          baseUrl: yield* LoopbackServer.closedPort,
          apiKey: Redacted.make(secret)
        })
        const refused = yield* Effect.flip(generate(closed))
        for (
          const shown of [error, refused].flatMap((
            e
          ) => [e.message, String(e), inspect(e, { depth: 20 }), JSON.stringify(e)])
        ) {
          assert.notInclude(shown, secret)
          assert.notInclude(shown, "session=abc")
        }
        assert.include(error.message, "Set OPENAI_API_KEY to a valid key")
      }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer)))
  })

  describe("makeConfig", () => {
    const withEnv = (env: Record<string, string>) =>
      OpenAiProvider.makeConfig().pipe(
        Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))])
      )

    it.effect("takes key, model and URL", () =>
      Effect.gen(function*() {
        const provider = yield* withEnv({ OPENAI_API_KEY: secret, OPENAI_MODEL: "gpt-5" })
        assert.deepInclude(provider, { name: "openai", model: "gpt-5", location: "cloud" })
        const local = yield* withEnv({ OPENAI_API_KEY: "", OPENAI_BASE_URL: "http://127.0.0.1:1234/v1" })
        assert.strictEqual(local.model, OpenAiProvider.defaultModel)
      }))

    it.effect("says what to set", () =>
      Effect.gen(function*() {
        const none = yield* Effect.flip(withEnv({}))
        assert.include(none.message, "OPENAI_API_KEY")
        const bad = yield* Effect.flip(withEnv({ OPENAI_BASE_URL: "localhost" }))
        assert.include(bad.message, "http or https URL")
      }))
  })
})
