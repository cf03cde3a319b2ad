/** A chain over a real llama.cpp server with a real model. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainError from "@holdfast/llm/ChainError"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { RealServer } from "./RealServer.ts"
import { freePort, llamaCpp } from "./RealServer.ts"

class Server extends Context.Service<Server, RealServer>()("test/Server") {}

const running = Layer.effect(
  Server,
  Effect.gen(function*() {
    const server = yield* llamaCpp(yield* freePort)
    yield* server.ready
    return server
  })
)

const provider = (url: string, tokens = 12) =>
  OpenAiProvider.make({ preset: "llamacpp", baseUrl: `${url}/v1`, parameters: { max_tokens: tokens, temperature: 0 } })

const spare = () =>
  TestProvider.make("spare", () => Effect.succeed(TestProvider.text("spare words")), {
    capabilities: { contextWindow: 100_000 }
  })

const chain = (url: string, options?: Omit<ProviderChain.Options, "providers">, tokens?: number) =>
  ProviderChain.layer({ ...options, providers: [provider(url, tokens)] }).pipe(Layer.provide(UndiciTransport.layer()))

const withSpare = (url: string, options?: Omit<ProviderChain.Options, "providers">) =>
  ProviderChain.layer({ ...options, providers: [provider(url), spare()] }).pipe(
    Layer.provide(UndiciTransport.layer())
  )

const ask = LanguageModel.generateText({ prompt: "Say hello." })
const long = LanguageModel.streamText({ prompt: "Count from one to two hundred, in words." })
const read = (stream: typeof long) =>
  Stream.runFold(stream, () => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const tools = Toolkit.make(Weather)

layer(running, { timeout: "3 minutes", excludeTestServices: true })("llama.cpp", (it) => {
  it.effect("chats", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const { finishReason, text, usage } = yield* Effect.provide(ask, chain(url))
      assert.isNotEmpty(text)
      assert.include(["stop", "length"], finishReason)
      assert.isAbove(usage.inputTokens.total ?? 0, 3)
      assert.isAbove(usage.outputTokens.total ?? 0, 0)
    }))

  it.effect("streams in pieces", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const parts = yield* Effect.provide(Stream.runCollect(long), chain(url))
      assert.isAbove(parts.filter((part) => part.type === "text-delta").length, 5)
      assert.strictEqual(parts.at(-1)?.type, "finish")
    }))

  it.effect("hands on a required call, which this model's template cannot make, and the handler runs once", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const cities: Array<string> = []
      const handlers = tools.toLayer({ weather: ({ city }) => Effect.sync(() => (cities.push(city), "clear")) })
      const able = TestProvider.make("able", () => Effect.succeed(TestProvider.toolCall("weather", { city: "Oslo" })))
      const layer = ProviderChain.layer({ providers: [provider(url), able] }).pipe(
        Layer.provide(UndiciTransport.layer())
      )
      const { toolCalls } = yield* LanguageModel.generateText({
        prompt: "What is the weather in Oslo?",
        toolkit: tools,
        toolChoice: "required"
      }).pipe(Effect.provide([layer, handlers]))
      assert.deepStrictEqual(toolCalls.map(({ name }) => name), ["weather"])
      assert.deepStrictEqual(cities, ["Oslo"])
    }))

  it.effect("answers by a schema", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const { value } = yield* LanguageModel.generateObject({
        prompt: "Name a city and whether it is a capital.",
        schema: Schema.Struct({ city: Schema.String.check(Schema.isMaxLength(20)), isCapital: Schema.Boolean })
      }).pipe(Effect.provide(chain(url, {}, 100)))
      assert.isBoolean(value.isCapital)
    }))

  it.effect("hands on a prompt that is too long for it", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const prompt = "The sky is blue. ".repeat(600)
      const { text } = yield* LanguageModel.generateText({ prompt }).pipe(Effect.provide(withSpare(url)))
      assert.strictEqual(text, "spare words")
    }))

  it.effect("is idle after its reader has gone away", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const slots = Effect.promise(async () => {
        const response = await fetch(`${url}/slots`)
        return await response.json() as ReadonlyArray<{ readonly is_processing: boolean }>
      })
      yield* long.pipe(Stream.take(4), Stream.runDrain, Effect.provide(chain(url)))
      const idle = yield* slots.pipe(
        Effect.map((slots) => slots.every((slot) => !slot.is_processing)),
        Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: (is) => is }),
        Effect.timeout("5 seconds")
      )
      assert.isTrue(idle)
    }))

  it.effect("answers all that wait for its one slot, and hands on what finds no place", () =>
    Effect.gen(function*() {
      const { url } = yield* Server
      const many = (count: number) =>
        Effect.forEach(Array.from({ length: count }), () => Effect.map(ask, ({ text }) => text === "spare words"), {
          concurrency: "unbounded"
        })
      const bulkhead = { limit: 1, queue: 5 }
      const handedOn = yield* Effect.provide(many(12), withSpare(url, { overrides: { llamacpp: { bulkhead } } }))
      assert.strictEqual(handedOn.filter((is) => is).length, 6)
      const waited = yield* Effect.provide(many(8), chain(url, { bulkhead: { limit: 1, queue: 10 } }))
      assert.strictEqual(waited.length, 8)
    }))
})

describe("a llama.cpp that comes and goes", () => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it.live(`is told as a broken answer where ${signal} ends it in the middle`, () =>
      Effect.gen(function*() {
        const server = yield* llamaCpp(yield* freePort)
        yield* server.ready
        let seen = 0
        const error = yield* long.pipe(
          Stream.tap((part) =>
            part.type === "text-delta" && ++seen === 3 ? Effect.forkChild(server.end(signal)) : Effect.void
          ),
          Stream.runDrain,
          Effect.provide(chain(server.url)),
          Effect.flip
        )
        assert.isTrue(ChainError.isStreamInterrupted(error), String(error))
        assert.notInclude(error.message, "Start it")
      }).pipe(Effect.scoped))
  }

  it.live("is waited for while it starts and loads its model", () =>
    Effect.gen(function*() {
      const port = yield* freePort
      const asked = yield* Effect.forkChild(Effect.provide(read(long), chain(`http://127.0.0.1:${port}`)))
      yield* Effect.sleep("500 millis")
      yield* llamaCpp(port)
      assert.isNotEmpty(yield* Fiber.join(asked))
    }).pipe(Effect.scoped))
})
