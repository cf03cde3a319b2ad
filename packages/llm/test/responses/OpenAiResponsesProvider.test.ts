import { assert, describe, it } from "@effect/vitest"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as ResponseIdTracker from "effect/ai/ResponseIdTracker"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import OpenAI from "openai"
import { toWhole } from "../../src/internal/protocol/answer/writer.ts"
import * as LoopbackServer from "../LoopbackServer.ts"
import { collect, generate, textOf } from "../providerOptions.ts"
import { handlers, tools, Weather } from "../weatherTool.ts"
import * as ResponsesServer from "./ResponsesServer.ts"

describe("OpenAI's own client, on the simulated server", () => {
  const withClient = <A>(use: (client: OpenAI) => Promise<A>) =>
    Effect.gen(function*() {
      const server = yield* ResponsesServer.make
      return yield* Effect.promise(() =>
        use(new OpenAI({ apiKey: ResponsesServer.key, baseURL: `${server.url}/v1`, maxRetries: 0 }))
      )
    }).pipe(Effect.scoped)

  it.live("reads its answers, whole and as a stream", () =>
    withClient(async (client) => {
      const whole = await client.responses.create({ model: "gpt-5", input: "hello" })
      assert.strictEqual(whole.output_text, "Grüße, Welt 🌍")
      let text = ""
      const stream = client.responses.stream({ model: "gpt-5", input: "hello" })
      for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta
      assert.strictEqual(text, "Grüße, Welt 🌍")
      assert.strictEqual((await stream.finalResponse()).output_text, "Grüße, Welt 🌍")
    }))

  it.live("calls tools and gives their results, whole and by the id of the last response", () =>
    withClient(async (client) => {
      const parameters = { type: "object", properties: { city: { type: "string" } } }
      const asked = {
        model: "gpt-5",
        tools: [{ type: "function" as const, name: "weather", parameters, strict: false }]
      }
      const first = await client.responses.create({ ...asked, input: "hello" })
      const outputs = first.output.flatMap((item) =>
        item.type === "function_call"
          ? [{ type: "function_call_output" as const, call_id: item.call_id, output: "mild" }]
          : []
      )
      assert.lengthOf(outputs, 2)
      const second = await client.responses.create({ ...asked, input: outputs, previous_response_id: first.id })
      assert.strictEqual(second.output_text, "mild; mild")
      const whole = [{ role: "user" as const, content: "hello" }, ...first.output, ...outputs]
      const stateless = await client.responses.create({ ...asked, input: whole as OpenAI.Responses.ResponseInput })
      assert.strictEqual(stateless.output_text, "mild; mild")
    }))
})

const withProvider = <A, E>(
  use: (
    provider: Effect.Success<ReturnType<typeof OpenAiResponsesProvider.make>>,
    server: LoopbackServer.LoopbackServer
  ) => Effect.Effect<A, E>,
  options?: OpenAiResponsesProvider.Options
) =>
  Effect.gen(function*() {
    const server = yield* ResponsesServer.make
    const provider = yield* OpenAiResponsesProvider.make({
      apiKey: Redacted.make(ResponsesServer.key),
      baseUrl: `${server.url}/v1`,
      model: "gpt-5",
      ...options
    })
    return yield* use(provider, server)
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

describe("OpenAiResponsesProvider", () => {
  it.live("gives thoughts, text and usage of an answer, whole and as a stream, and stores nothing", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const parts = yield* collect(provider)
        assert.strictEqual(textOf(parts, "reasoning-delta"), "Let me\n\nthink.")
        assert.strictEqual(textOf(parts, "text-delta"), "Grüße, Welt 🌍")
        assert.deepInclude(parts[0], { type: "response-metadata", id: "resp_1", modelId: "gpt-5" })
        assert.deepInclude(parts.at(-1), {
          type: "finish",
          reason: "stop",
          usage: {
            inputTokens: { total: 20, uncached: 12, cacheRead: 8, cacheWrite: undefined },
            outputTokens: { total: 12, reasoning: 7, text: 5 }
          }
        })
        const whole = yield* generate(provider)
        assert.deepStrictEqual(whole.map(({ type }) => type), ["response-metadata", "reasoning", "text", "finish"])
        assert.strictEqual(whole.find((part) => part.type === "reasoning")?.text, "Let me\n\nthink.")
        const { include, store } = LoopbackServer.lastBody(server)
        assert.deepStrictEqual({ include, store }, { include: ["reasoning.encrypted_content"], store: false })
      })
    ))

  it.live("runs tools in a chat, and gives thoughts, calls and phases back as they were", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        for (const streams of [true, false]) {
          const chat = yield* Chat.empty
          const ask = (prompt: Prompt.RawInput) =>
            streams
              ? Stream.runDrain(chat.streamText({ prompt, toolkit: tools }))
              : Effect.asVoid(chat.generateText({ prompt, toolkit: tools }))
          yield* ask("hello")
          yield* ask([])
          yield* ask("thanks")
          assert.deepStrictEqual(LoopbackServer.lastBody(server)["input"], [
            { role: "user", content: [{ type: "input_text", text: "hello" }] },
            {
              type: "reasoning",
              id: "rs_1",
              summary: [{ type: "summary_text", text: "Let me" }, { type: "summary_text", text: "think." }],
              encrypted_content: "gAAAA-encrypted"
            },
            ...["Oslo", "Rome"].map((city, i) => ({
              type: "function_call",
              id: `fc_${i}`,
              call_id: `call_${i}`,
              name: "weather",
              arguments: JSON.stringify({ city })
            })),
            ...[0, 1].map((i) => ({ type: "function_call_output", call_id: `call_${i}`, output: "{\"degrees\":3}" })),
            {
              type: "message",
              role: "assistant",
              id: "msg_1",
              phase: "final_answer",
              content: [{ type: "output_text", text: "{\"degrees\":3}; {\"degrees\":3}", annotations: [] }]
            },
            { role: "user", content: [{ type: "input_text", text: "thanks" }] }
          ])
        }
      }).pipe(Effect.provide([ProviderChain.layer({ providers: [provider] }), handlers]))
    ))

  it.live("goes on from its own stored response alone, and with the whole conversation where that is gone", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const tracked = Effect.provideServiceEffect(ResponseIdTracker.ResponseIdTracker, ResponseIdTracker.make)
        const chain = ProviderChain.layer({ providers: [provider] })
        const inputs = (from: number) =>
          server.received.slice(from).map(({ body }) => {
            const { input, previous_response_id: previous } = body as {
              input: ReadonlyArray<unknown>
              previous_response_id?: string
            }
            return [previous, input.length]
          })
        yield* Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* chat.generateText({ prompt: "hello" })
          yield* chat.generateText({ prompt: "and?" })
        }).pipe(tracked, Effect.provide(chain))
        assert.deepStrictEqual(inputs(0), [[undefined, 1], ["resp_1", 1]])
        yield* Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* chat.generateText({ prompt: "forget it" })
          yield* chat.generateText({ prompt: "and?" })
        }).pipe(tracked, Effect.provide(chain))
        // What the server has forgotten is asked for once, and then said again.
        assert.deepStrictEqual(inputs(2).map(([previous]) => previous === undefined), [true, false, true])
        const foreign = TestProvider.script("other", [TestProvider.text("Hi.")])
        yield* Effect.gen(function*() {
          const chat = yield* Chat.empty
          yield* Effect.provide(chat.generateText({ prompt: "hello" }), ProviderChain.layer({ providers: [foreign] }))
          yield* Effect.provide(chat.generateText({ prompt: "and?" }), chain)
        }).pipe(tracked)
        assert.deepStrictEqual(inputs(5), [[undefined, 3]])
      }), { store: true }))

  it.live("says the whole conversation again after a stored response that broke off", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* chat.generateText({ prompt: "a long story" })
        yield* chat.generateText({ prompt: "and?" })
        yield* chat.generateText({ prompt: "so?" })
        const previous = server.received.map(({ body }) =>
          (body as { readonly previous_response_id?: string }).previous_response_id
        )
        assert.deepStrictEqual(previous, [undefined, undefined, "resp_2"])
      }).pipe(
        Effect.provideServiceEffect(ResponseIdTracker.ResponseIdTracker, ResponseIdTracker.make),
        Effect.provide(ProviderChain.layer({ providers: [provider] }))
      ), { store: true }))

  it.live("asks a model that does not reason for no thoughts, by its name or once it has refused", () =>
    Effect.gen(function*() {
      const asked = (model: string) =>
        withProvider((provider, server) =>
          Effect.gen(function*() {
            yield* generate(provider)
            yield* generate(provider)
            return server.received.map(({ body }) => "include" in (body as object))
          }), { model })
      assert.deepStrictEqual(yield* asked("gpt-4.1"), [false, false])
      assert.deepStrictEqual(yield* asked("plain-1"), [true, false, false])
    }))

  it.live("asks for a structured answer by its schema, and for tools by the choice", () =>
    withProvider((provider, server) =>
      Effect.gen(function*() {
        const schema = Schema.Struct({ city: Schema.String, degrees: Schema.Finite })
        const { value } = yield* LanguageModel.generateObject({ prompt: "hello", schema, objectName: "weather" })
        assert.deepStrictEqual(value, { city: "Oslo", degrees: 3 })
        assert.deepInclude(LoopbackServer.lastBody(server)["text"], { verbosity: "low" })
        const choices = [
          ["auto", "auto"],
          ["none", "none"],
          ["required", "required"],
          [{ tool: "weather" }, { type: "function", name: "weather" }],
          [
            { mode: "required", oneOf: ["weather"] },
            { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "weather" }] }
          ]
        ] as const
        for (const [toolChoice, expected] of choices) {
          yield* Effect.exit(generate(provider, { tools: [Weather], toolChoice }))
          assert.deepStrictEqual(LoopbackServer.lastBody(server)["tool_choice"], expected)
        }
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [provider] }))), {
      parameters: { text: { verbosity: "low" } }
    }))

  it.live("tells how an answer ended that failed, was filtered or broke off", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        const streamed = (...args: Parameters<typeof collect>) => Effect.map(collect(...args), toWhole)
        for (const ask of [generate, streamed]) {
          const failing = yield* Effect.flip(ask(provider, { prompt: "failing" }))
          assert.strictEqual(failing.reason._tag, "InternalProviderError")
          const filtered = yield* Effect.flip(ask(provider, { prompt: "filtered" }))
          assert.strictEqual(filtered.reason._tag, "ContentPolicyError")
          const long = yield* ask(provider, { prompt: "long" })
          assert.deepInclude(long.at(-1), { type: "finish", reason: "length" })
        }
      })
    ))

  it.live("knows an invalid key", () =>
    withProvider((provider) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(generate(provider))
        assert.strictEqual(ProviderFailure.detail(error.reason).kind, "keyRejected")
        assert.strictEqual((yield* Effect.flip(provider.preflight)).reason._tag, "AuthenticationError")
      }), { apiKey: Redacted.make("sk-wrong") }))
})
