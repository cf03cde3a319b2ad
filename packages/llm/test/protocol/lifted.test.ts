import { assert, describe, it } from "@effect/vitest"
import * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as Anthropic from "effect/ai/AnthropicStructuredOutput"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as OpenAi from "effect/ai/OpenAiStructuredOutput"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { collect, generate } from "../providerOptions.ts"

// -----------------------------------------------------------------------------
// A model of another library
// -----------------------------------------------------------------------------

/** A `LanguageModel` made with Effect alone, which keeps what it is asked. */
const other = (options: {
  readonly whole?: ReadonlyArray<Response.PartEncoded>
  readonly stream?: ReadonlyArray<Response.StreamPartEncoded>
  readonly error?: AiError.AiErrorReason
  readonly codecTransformer?: LanguageModel.CodecTransformer
}) =>
  Effect.gen(function*() {
    const requests: Array<LanguageModel.ProviderOptions> = []
    const fail = options.error === undefined
      ? undefined
      : AiError.make({ module: "Other", method: "ask", reason: options.error })
    const model = yield* LanguageModel.make({
      codecTransformer: options.codecTransformer,
      generateText: (request) =>
        Effect.suspend(() => {
          requests.push(request)
          return fail === undefined ? Effect.succeed([...options.whole ?? []]) : Effect.fail(fail)
        }),
      streamText: (request) =>
        Stream.suspend(() => {
          requests.push(request)
          return fail === undefined ? Stream.fromIterable(options.stream ?? []) : Stream.fail(fail)
        })
    })
    return { requests, provider: Provider.fromLanguageModel(model, { name: "other", model: "large" }) }
  })

const usage = {
  inputTokens: { total: 9, uncached: 7, cacheRead: 2, cacheWrite: undefined },
  outputTokens: { total: 4, text: 4, reasoning: undefined }
}
const finish = (reason: Response.FinishReason) => ({ type: "finish", reason, usage } as const)

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
const tools = Toolkit.make(Weather)

const counting = Effect.gen(function*() {
  const runs = yield* Ref.make(0)
  const toolkit = yield* Effect.provide(
    tools,
    tools.toLayer({ weather: ({ city }) => Effect.as(Ref.update(runs, (n) => n + 1), `clear in ${city}`) })
  )
  return { runs: Ref.get(runs), toolkit }
})

const types = (parts: ReadonlyArray<{ readonly type: string }>) => parts.map((part) => part.type)

describe("Provider.fromLanguageModel", () => {
  it.effect("gives the parts of a whole answer as the model's provider gave them", () =>
    Effect.gen(function*() {
      const whole: ReadonlyArray<Response.PartEncoded> = [
        { type: "response-metadata", id: "r1", modelId: "large-2026", timestamp: "2026-01-01T00:00:00.000Z" },
        { type: "reasoning", text: "Hm.", metadata: { vendor: { signature: "s" } } },
        { type: "text", text: "Hi" },
        { type: "file", mediaType: "image/png", data: "AQID" },
        { type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" }, providerExecuted: false },
        finish("tool-calls")
      ]
      const { provider, requests } = yield* other({ whole })
      const parts = yield* generate(provider, { tools: [Weather], toolChoice: "required" })
      assert.strictEqual(parts.length, whole.length)
      for (const [index, part] of parts.entries()) {
        const { metadata = {}, ...rest } = part
        const { metadata: expected = {}, ...given } = whole[index] ?? part
        assert.deepStrictEqual(rest, given)
        assert.deepStrictEqual(metadata, expected)
      }
      assert.deepStrictEqual(requests[0]?.tools, [Weather])
      assert.strictEqual(requests[0]?.toolChoice, "required")
    }))

  it.effect("gives a stream as it comes", () =>
    Effect.gen(function*() {
      const stream: ReadonlyArray<Response.StreamPartEncoded> = [
        { type: "reasoning-start", id: "r" },
        { type: "reasoning-delta", id: "r", delta: "Hm." },
        { type: "reasoning-end", id: "r", metadata: { vendor: { signature: "s" } } },
        { type: "text-start", id: "t" },
        { type: "text-delta", id: "t", delta: "Hi" },
        { type: "text-end", id: "t" },
        { type: "tool-params-start", id: "c1", name: "weather" },
        { type: "tool-params-delta", id: "c1", delta: "{}" },
        { type: "tool-params-end", id: "c1" },
        { type: "tool-call", id: "c1", name: "weather", params: { city: 7 } },
        { type: "tool-call", id: "c2", name: "undeclared", params: {} },
        finish("tool-calls")
      ]
      const { provider } = yield* other({ stream })
      // Calls that the model invented are the caller's to judge, not the provider's failure.
      const parts = yield* collect(provider, { tools: [Weather] })
      assert.deepStrictEqual(types(parts), types(stream))
      assert.deepInclude(parts[2], { metadata: { vendor: { signature: "s" } } })
      assert.deepInclude(parts[9], { id: "c1", name: "weather", params: { city: 7 } })
      assert.deepInclude(parts.at(-1), { reason: "tool-calls", usage })
    }))

  it.effect("runs no tool: the chain above does, once", () =>
    Effect.gen(function*() {
      const { runs, toolkit } = yield* counting
      const call: Response.ToolCallPartEncoded = {
        type: "tool-call",
        id: "c",
        name: "weather",
        params: { city: "Oslo" }
      }
      const { provider } = yield* other({ whole: [call, finish("tool-calls")], stream: [call, finish("tool-calls")] })
      const chain = ProviderChain.layer({ providers: [provider] })
      const response = yield* LanguageModel.generateText({ prompt: "?", toolkit }).pipe(Effect.provide(chain))
      assert.deepStrictEqual(response.toolResults.map(({ result }) => result), ["clear in Oslo"])
      assert.strictEqual(yield* runs, 1)
      yield* LanguageModel.streamText({ prompt: "?", toolkit }).pipe(Stream.runDrain, Effect.provide(chain))
      assert.strictEqual(yield* runs, 2)
    }))

  it.effect("answers in the shape of a schema, whatever shape its model writes", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({
        city: Schema.String,
        note: Schema.optional(Schema.String),
        at: Schema.Tuple([Schema.Finite, Schema.Finite]),
        when: Schema.DateTimeUtcFromString
      })
      const value = {
        city: "Oslo",
        at: [59.9, 10.7],
        when: yield* Schema.decodeEffect(Schema.DateTimeUtcFromString)("2026-01-01T00:00:00.000Z")
      } as const
      const json = yield* Schema.encodeEffect(Schema.fromJsonString(Provider.codecTransformer(schema).codec))(value)
      for (const codecTransformer of [undefined, OpenAi.toCodecOpenAI, Anthropic.toCodecAnthropic]) {
        const { provider, requests } = yield* other({
          whole: [{ type: "text", text: json.slice(0, 9) }, { type: "text", text: json.slice(9) }, finish("stop")],
          ...(codecTransformer === undefined ? {} : { codecTransformer })
        })
        const response = yield* LanguageModel.generateObject({ prompt: "where?", schema, objectName: "place" }).pipe(
          Effect.provide(ProviderChain.layer({ providers: [provider] }))
        )
        assert.deepStrictEqual(response.value, value)
        assert.deepStrictEqual(types(response.content), ["response-metadata", "text", "finish"])
        assert.deepInclude(requests[0]?.responseFormat, { type: "json", objectName: "place" })
      }
    }))

  it.effect("fails where the model gave no object, with what it said", () =>
    Effect.gen(function*() {
      const { provider } = yield* other({ whole: [{ type: "text", text: "no" }, finish("stop")] })
      const responseFormat = { type: "json", objectName: "o", schema: Schema.Struct({ a: Schema.String }) } as const
      const error = yield* Effect.flip(generate(provider, { responseFormat }))
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      const streamed = yield* Effect.flip(collect(provider, { responseFormat }))
      assert.strictEqual(ProviderFailure.detail(streamed.reason).kind, "unsupported")
    }))

  it.effect("takes an answer without a finish, and an error in the stream, for a failure", () =>
    Effect.gen(function*() {
      const text: ReadonlyArray<Response.StreamPartEncoded> = [
        { type: "text-start", id: "t" },
        { type: "text-delta", id: "t", delta: "ha" }
      ]
      const cut = yield* other({ whole: [{ type: "text", text: "ha" }], stream: text })
      assert.include((yield* Effect.flip(generate(cut.provider))).message, "without a finish")
      assert.include((yield* Effect.flip(collect(cut.provider))).message, "without a finish")
      const broken = yield* other({ stream: [...text, { type: "error", error: "boom" }, finish("stop")] })
      const error = yield* Effect.flip(collect(broken.provider))
      assert.strictEqual(error.reason._tag, "InternalProviderError")
      assert.include(error.message, "boom")
    }))

  it.effect("is handed on from like any provider", () =>
    Effect.gen(function*() {
      const { provider, requests } = yield* other({ error: new AiError.QuotaExhaustedError({}) })
      const local = TestProvider.make("ollama", () => Effect.succeed(TestProvider.text("from here")), {
        location: "local"
      })
      yield* Effect.gen(function*() {
        const response = yield* LanguageModel.generateText({ prompt: "hello" })
        assert.strictEqual(response.text, "from here")
        const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "hello" }))
        const by = Option.getOrThrow(ProviderChain.answeredBy(parts))
        assert.deepInclude(by, { provider: "ollama", attempts: 2 })
      }).pipe(Effect.provide(ProviderChain.layer({ providers: [provider, local], cooldown: 0 })))
      assert.strictEqual(requests.length, 2)
    }))
})
