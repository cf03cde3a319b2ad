/**
 * What holds for an Ollama, whichever it is: tried on a simulated one, and on a real one where it is at hand. How to have one
 * is said in `CONTRIBUTING.md`.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import { detail } from "@holdfast/llm/ProviderFailure"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as RealOllama from "./RealOllama.ts"
import * as SimulatedOllama from "./SimulatedOllama.ts"

interface Server {
  readonly host: string
  readonly model: string
}

const found = await RealOllama.look()
if (found === undefined) {
  process.stdout.write(
    " A real Ollama was not tried: none answers at OLLAMA_HOST, and no `ollama` is on the PATH (see CONTRIBUTING.md).\n"
  )
}

const servers: ReadonlyArray<readonly [string, Effect.Effect<Server, never, Scope.Scope>]> = [
  ["a simulated Ollama", SimulatedOllama.make],
  ...(found === undefined ? [] : [[`a real Ollama that ${found}`, RealOllama.connect] as const])
]

const Weather = Tool.make("weather", {
  description: "Tells the weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const tools = Toolkit.make(Weather)

// A model on a slow machine, that has to be loaded first.
const patience = 600_000

describe.each(servers)("%s", (_, connect) => {
  const scope = Scope.makeUnsafe()
  let server: Server
  beforeAll(async () => {
    server = await Effect.runPromise(Scope.provide(connect, scope))
  }, patience)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const providerOf = (options?: OllamaProvider.Options) =>
    Effect.provide(
      OllamaProvider.make({ ...server, parameters: { temperature: 0, seed: 7 }, ...options }),
      FetchHttpClient.layer
    )
  const chainOf = (options?: OllamaProvider.Options) =>
    ProviderChain.layer({ providers: [providerOf(options)], retry: false })

  it.live("is there, with its model, and says what it can do", () =>
    Effect.gen(function*() {
      const { inspect, preflight } = yield* providerOf()
      yield* preflight
      const found = yield* inspect
      assert.match(found.version, /^\d+\.\d+/)
      assert.isTrue(found.models.some((name) => name.startsWith(server.model)))
      assert.isAbove(found.contextLength ?? 0, 0)
    }), patience)

  it.live("chats: a text, an end and what it took", () =>
    Effect.gen(function*() {
      const response = yield* Effect.provide(LanguageModel.generateText({ prompt: "Say hello." }), chainOf())
      assert.isNotEmpty(response.text)
      assert.strictEqual(response.finishReason, "stop")
      assert.isAbove(response.usage.inputTokens.total ?? 0, 0)
      assert.isAbove(response.usage.outputTokens.total ?? 0, 0)
    }), patience)

  it.live("streams: pieces of a text and one finish, the last", () =>
    Effect.gen(function*() {
      const parts = yield* LanguageModel.streamText({ prompt: "Count from one to ten." }).pipe(
        Stream.runCollect,
        Effect.provide(chainOf())
      )
      assert.isAbove(parts.filter(({ type }) => type === "text-delta").length, 1)
      assert.deepStrictEqual(parts.filter(({ type }) => type === "finish"), parts.slice(-1))
    }), patience)

  it.live("calls a tool with its parameters, once, or says that the model cannot", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const handlers = tools.toLayer({
        weather: ({ city }) =>
          Effect.sync(() => {
            asked.push(city)
            return "clear"
          })
      })
      const result = yield* LanguageModel.generateText({
        prompt: "What is the weather in Oslo? Use the tool.",
        toolkit: tools
      }).pipe(Effect.provide([chainOf(), handlers]), Effect.result)
      if (result._tag === "Failure") return assert.strictEqual(detail(result.failure.reason).kind, "unsupported")
      assert.deepStrictEqual(asked, ["Oslo"])
      assert.deepStrictEqual(result.success.toolResults.map(({ result }) => result), ["clear"])
    }), patience)

  it.live("answers in JSON that follows a schema", () =>
    Effect.gen(function*() {
      const { value } = yield* LanguageModel.generateObject({
        prompt: "She lives in Oslo. In which city does she live?",
        schema: Schema.Struct({ city: Schema.String })
      }).pipe(Effect.provide(chainOf()))
      assert.include(value.city, "Oslo")
    }), patience)

  it.live("says of a model that is not there which command fetches it", () =>
    Effect.gen(function*() {
      const provider = yield* providerOf({ model: "no-such-model:1b" })
      for (
        const ask of [
          provider.preflight,
          LanguageModel.generateText({ prompt: "Hello?" }).pipe(
            Effect.provide(ProviderChain.layer({ providers: [provider], retry: false }))
          ),
          Stream.runDrain(LanguageModel.streamText({ prompt: "Hello?" })).pipe(
            Effect.provide(ProviderChain.layer({ providers: [provider], retry: false }))
          )
        ]
      ) {
        const error = yield* Effect.flip(Effect.asVoid(ask))
        assert.strictEqual(detail(error.reason).kind, "unknownModel")
        assert.include(error.message, "ollama pull no-such-model:1b")
      }
    }), patience)

  it.live(
    "takes no more of a prompt than the context that was asked for, or says that it does not fit",
    () =>
      Effect.gen(function*() {
        const prompt = "The sky is blue. ".repeat(1000)
        const result = yield* LanguageModel.generateText({ prompt }).pipe(
          Effect.provide(chainOf({ numCtx: 512, parameters: { num_predict: 8 } })),
          Effect.result
        )
        if (result._tag === "Failure") return assert.strictEqual(detail(result.failure.reason).kind, "contextOverflow")
        assert.isAtMost(result.success.usage.inputTokens.total ?? 0, 512)
      }),
    patience
  )

  it.live("answers again when the model was unloaded in between", () =>
    Effect.gen(function*() {
      const { inspect } = yield* providerOf()
      const ask = Effect.provide(LanguageModel.generateText({ prompt: "Say hello." }), chainOf())
      yield* ask
      assert.isTrue((yield* inspect).loaded)
      yield* Effect.promise(() =>
        fetch(`${server.host}/api/generate`, {
          method: "POST",
          body: JSON.stringify({ model: server.model, keep_alive: 0 })
        }).then((response) => response.text())
      )
      yield* Effect.repeat(inspect, { until: ({ loaded }) => !loaded })
      assert.isNotEmpty((yield* ask).text)
      assert.isTrue((yield* inspect).loaded)
    }), patience)
})
