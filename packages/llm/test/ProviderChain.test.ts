/** A chain under tools, and a chain that the environment describes. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Chat from "effect/ai/Chat"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { badKey, chain, cloudAnswer, elapse, localAnswer, ollama } from "./chain/asking.ts"

describe("tools", () => {
  const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })
  const tools = Toolkit.make(Weather)

  const counting = Effect.gen(function*() {
    const runs = yield* Ref.make(0)
    const toolkit = yield* Effect.provide(
      tools,
      tools.toLayer({
        weather: () => Effect.as(Ref.update(runs, (n) => n + 1), "clear")
      })
    )
    return { runs: Ref.get(runs), toolkit }
  })

  const call = TestProvider.toolCall("weather", { city: "Oslo" })

  it.effect("runs a handler once when the answer is whole, whichever step a fault hit before", () =>
    Effect.gen(function*() {
      for (let at = 0; at <= call.length; at++) {
        for (
          const answer of [TestProvider.cut(call, at), TestProvider.truncate(call, at), TestProvider.stall(call, at)]
        ) {
          const { runs, toolkit } = yield* counting
          const cloud = TestProvider.script("cloud", [answer])
          const local = ollama([TestProvider.toolCall("weather", { city: "Rome" })])
          const exit = yield* LanguageModel.streamText({ prompt: "weather?", toolkit }).pipe(
            Stream.runCollect,
            Effect.provide(chain([cloud, local], { retry: false })),
            elapse,
            Effect.exit
          )
          // Parameters were seen from the second step on; only the whole script, in order, is an answer.
          const whole = answer.length === call.length && !answer.some((step) => step._tag !== "Part")
          const expected = at < 2 || whole ? 1 : 0
          assert.strictEqual(
            exit._tag,
            expected === 1 ? "Success" : "Failure",
            `step ${at} of ${answer.at(-1)?._tag}`
          )
          assert.strictEqual(yield* runs, expected)
        }
      }
    }))

  it.effect("runs a handler once for a whole answer after failed ones", () =>
    Effect.gen(function*() {
      const { runs, toolkit } = yield* counting
      const cloud = TestProvider.script("cloud", [TestProvider.cut(call, call.length), call])
      const response = yield* LanguageModel.generateText({ prompt: "weather?", toolkit }).pipe(
        Effect.provide(chain([cloud, ollama([])])),
        elapse
      )
      assert.strictEqual(yield* runs, 1)
      assert.strictEqual(response.toolResults.length, 1)
    }))

  it.effect("shows a call of a stream only once its end is proven", () =>
    Effect.gen(function*() {
      const seenOf = Effect.fnUntraced(function*(answer: TestProvider.Answer) {
        const seen: Array<string> = []
        const { toolkit } = yield* counting
        yield* LanguageModel.streamText({ prompt: "weather?", toolkit, disableToolCallResolution: true }).pipe(
          Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
          Effect.provide(chain([TestProvider.script("cloud", [answer])], { retry: false })),
          Effect.ignore
        )
        return seen
      })
      assert.notInclude(yield* seenOf(TestProvider.cut(call, 4)), "tool-call")
      assert.notInclude(yield* seenOf(TestProvider.truncate(call, 4)), "tool-call")
      assert.deepStrictEqual((yield* seenOf(call)).slice(-2), ["tool-call", "finish"])
    }))

  it.effect("passes on a tool's failure, and asks no other provider", () =>
    Effect.gen(function*() {
      const Broken = Toolkit.make(Tool.make("broken", { failure: Schema.String }))
      const toolkit = yield* Effect.provide(Broken, Broken.toLayer({ broken: () => Effect.fail("no sensor") }))
      const local = ollama([])
      const cloud = TestProvider.script("cloud", [TestProvider.toolCall("broken", {})])
      const error = yield* LanguageModel.generateText({ prompt: "go", toolkit }).pipe(
        Effect.provide(chain([cloud, local])),
        Effect.flip
      )
      assert.strictEqual(error, "no sensor")
      assert.strictEqual(cloud.requests.length + local.requests.length, 1)
    }))

  it.effect("adds one turn to a chat, whatever happened on the way", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [TestProvider.cut(cloudAnswer, 1), TestProvider.failure(badKey)])
      const history = yield* Effect.gen(function*() {
        const chat = yield* Chat.empty
        yield* Stream.runDrain(chat.streamText({ prompt: "hello" }))
        return (yield* Ref.get(chat.history)).content
      }).pipe(Effect.provide(chain([cloud, ollama([localAnswer])])), elapse)
      assert.deepStrictEqual(history.map((message) => message.role), ["user", "assistant"])
    }))
})

describe("layerConfig", () => {
  /** A transport that answers as each provider would and counts. */
  const transport = Effect.sync(() => {
    const urls: Array<string> = []
    const client = HttpClient.make((request, url) =>
      Effect.sync(() => {
        urls.push(url.href)
        const body = url.pathname === "/api/chat"
          ? { message: { content: "local" }, done: true }
          : url.pathname === "/v1/messages"
          ? { content: [{ type: "text", text: "claude" }], stop_reason: "end_turn" }
          : { choices: [{ message: { content: "cloud" }, finish_reason: "stop" }] }
        return HttpClientResponse.fromWeb(request, globalThis.Response.json(body))
      })
    )
    return { urls, layer: Layer.succeed(HttpClient.HttpClient, client) }
  })

  const answer = (env: Record<string, string>) =>
    Effect.gen(function*() {
      const { layer, urls } = yield* transport
      const response = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.provide(Layer.provide(ProviderChain.layerConfig(), [
          layer,
          ConfigProvider.layer(ConfigProvider.fromUnknown(env))
        ]))
      )
      return { text: response.text, urls }
    })

  it.effect("asks OpenAI first where there is a key", () =>
    Effect.gen(function*() {
      const { text, urls } = yield* answer({ OPENAI_API_KEY: "sk-x", OLLAMA_MODEL: "qwen3" })
      assert.strictEqual(text, "cloud")
      assert.deepStrictEqual(urls, ["https://api.openai.com/v1/chat/completions"])
    }))

  it.effect("asks Anthropic where there is its key alone, after OpenAI and before Ollama", () =>
    Effect.gen(function*() {
      const alone = yield* answer({ ANTHROPIC_API_KEY: "sk-ant-x", OLLAMA_MODEL: "qwen3" })
      assert.strictEqual(alone.text, "claude")
      assert.deepStrictEqual(alone.urls, ["https://api.anthropic.com/v1/messages"])
      const both = yield* answer({ ANTHROPIC_API_KEY: "sk-ant-x", OPENAI_API_KEY: "sk-x" })
      assert.strictEqual(both.text, "cloud")
      const turned = { OPENAI_API_KEY: "sk-x", PROVIDER_PRIORITY: "anthropic,openai" }
      assert.strictEqual((yield* answer({ ...turned, ANTHROPIC_BASE_URL: "http://127.0.0.1:9" })).text, "claude")
      assert.strictEqual((yield* answer(turned)).text, "cloud")
    }))

  it.effect("sends nothing to the cloud without a key", () =>
    Effect.gen(function*() {
      for (
        const env of [{ OLLAMA_MODEL: "qwen3" }, { OLLAMA_HOST: "127.0.0.1", OPENAI_API_KEY: " " }, {
          PROVIDER_PRIORITY: "openai,anthropic,ollama",
          ANTHROPIC_API_KEY: ""
        }]
      ) {
        const { text, urls } = yield* answer(env)
        assert.strictEqual(text, "local")
        assert.deepStrictEqual(urls, ["http://127.0.0.1:11434/api/chat"])
      }
    }))

  it.effect("keeps to PROVIDER_PRIORITY", () =>
    Effect.gen(function*() {
      const { text } = yield* answer({ OPENAI_API_KEY: "sk-x", PROVIDER_PRIORITY: "Ollama, openai" })
      assert.strictEqual(text, "local")
    }))

  it.effect("says what to set if nothing is configured, and names an unknown provider", () =>
    Effect.gen(function*() {
      const nothing = yield* Effect.flip(answer({}))
      assert.strictEqual(nothing._tag, "ConfigError")
      assert.include(nothing.message, "OPENAI_API_KEY")
      assert.include(nothing.message, "ANTHROPIC_API_KEY")
      assert.include(nothing.message, "OLLAMA_MODEL")
      const onlyOpenAi = yield* Effect.flip(answer({ PROVIDER_PRIORITY: "openai" }))
      assert.include(onlyOpenAi.message, "OPENAI_API_KEY")
      const unknown = yield* Effect.flip(answer({ PROVIDER_PRIORITY: "openai,olama" }))
      assert.include(unknown.message, "\"olama\"")
    }))
})

it.effect("rejects invalid options", () =>
  Effect.gen(function*() {
    const twice = yield* Effect.exit(ProviderChain.make({ providers: [ollama([]), ollama([])] }))
    assert.include(String(twice), "providers.1.name must be unique")
    const zero = yield* Effect.exit(ProviderChain.make({ providers: [ollama([])], deadline: 0 }))
    assert.include(String(zero), "deadline must be longer than zero")
  }))
