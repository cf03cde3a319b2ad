/** What the environment can say of a chain, besides who is in it. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ChainStoreConfig from "@holdfast/llm/ChainStoreConfig"
import * as ChatService from "@holdfast/llm/ChatService"
import * as OllamaEmbedding from "@holdfast/llm/OllamaEmbedding"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"

/** Asks an Ollama that is always overloaded, and gives the pauses between attempts in seconds. */
const pauses = (env: Record<string, string>, options?: Omit<ProviderChain.Options, "providers">) =>
  Effect.gen(function*() {
    const seen: Array<number> = []
    const down = HttpClient.make((request) =>
      Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{\"error\":\"busy\"}", { status: 503 })))
    )
    const fiber = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
      ChainEvent.observe((event) => {
        if (event._tag === "AttemptFailed" && event.delay !== undefined) seen.push(Duration.toSeconds(event.delay))
      }),
      Effect.provide(Layer.provide(ProviderChain.layerConfig(options), [
        Layer.succeed(HttpClient.HttpClient, down),
        ConfigProvider.layer(ConfigProvider.fromUnknown({ OLLAMA_MODEL: "qwen3", ...env }))
      ])),
      Effect.exit,
      Effect.forkChild({ startImmediately: true })
    )
    yield* TestClock.adjust("10 minutes")
    const exit = yield* Fiber.join(fiber)
    assert.strictEqual(exit._tag, "Failure")
    return { seen, failure: String(exit) }
  })

/** Each pause is what it should be, give or take a tenth, and within the bounds. */
const near = (seen: ReadonlyArray<number>, expected: ReadonlyArray<number>, min = 0, max = Infinity) => {
  assert.strictEqual(seen.length, expected.length, `${seen.join(", ")}`)
  for (const [i, pause] of seen.entries()) {
    assert.approximately(pause, expected[i] ?? NaN, (expected[i] ?? NaN) / 10 + 1e-9)
    assert.isTrue(pause >= min && pause <= max, `${pause}`)
  }
}

describe("LLM_RETRY_*", () => {
  it.effect("is tenacity's wait_exponential", () =>
    Effect.gen(function*() {
      const { seen } = yield* pauses({
        LLM_RETRY_ATTEMPTS: "6",
        LLM_RETRY_MULTIPLIER: "1",
        LLM_RETRY_MIN_WAIT: "4",
        LLM_RETRY_MAX_WAIT: "10"
      })
      near(seen, [4, 4, 4, 8, 10], 4, 10)
    }))

  it.effect("may say some of it, in seconds or as a duration", () =>
    Effect.gen(function*() {
      near((yield* pauses({ LLM_RETRY_ATTEMPTS: "4", LLM_RETRY_MULTIPLIER: "0.5" })).seen, [0.5, 1, 2])
      near((yield* pauses({ LLM_RETRY_MAX_WAIT: "2 seconds", LLM_RETRY_ATTEMPTS: "5" })).seen, [1, 2, 2, 2], 0, 2)
      near((yield* pauses({ LLM_RETRY_MIN_WAIT: "90 seconds" })).seen, [90, 90], 90)
      near((yield* pauses({ LLM_RETRY_MIN_WAIT: "1m 30s" })).seen, [90, 90], 90)
      assert.deepStrictEqual((yield* pauses({ LLM_RETRY_ATTEMPTS: "1" })).seen, [])
    }))

  it.effect("counts before what the program says, which counts for the rest", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* pauses({}, { retry: { times: 4 } })).seen.length, 4)
      assert.strictEqual((yield* pauses({ LLM_RETRY_ATTEMPTS: "2" }, { retry: { times: 4 } })).seen.length, 1)
      near((yield* pauses({ LLM_RETRY_MULTIPLIER: "3" }, { retry: { times: 1 } })).seen, [3])
      assert.deepStrictEqual((yield* pauses({ LLM_RETRY_ATTEMPTS: " " }, { retry: false })).seen, [])
    }))

  it.effect("is rejected by name and value if it is invalid", () =>
    Effect.gen(function*() {
      const refusals: ReadonlyArray<readonly [Record<string, string>, string]> = [
        [{ LLM_RETRY_ATTEMPTS: "0" }, "LLM_RETRY_ATTEMPTS must be a whole number of 1 or more, got \"0\""],
        [{ LLM_RETRY_ATTEMPTS: "many" }, "got \"many\""],
        [{ LLM_RETRY_MULTIPLIER: "0" }, "LLM_RETRY_MULTIPLIER must be a number above 0, got \"0\""],
        [{ LLM_RETRY_MIN_WAIT: "-1" }, "LLM_RETRY_MIN_WAIT must be a number of seconds, or a duration"],
        [{ LLM_RETRY_MAX_WAIT: "soon" }, "got \"soon\""],
        [
          { LLM_RETRY_MIN_WAIT: "5", LLM_RETRY_MAX_WAIT: "4" },
          "LLM_RETRY_MIN_WAIT must not be longer than LLM_RETRY_MAX_WAIT (4s), got 5s"
        ]
      ]
      for (const [env, message] of refusals) assert.include((yield* pauses(env)).failure, message)
    }))
})

describe("a key", () => {
  it.effect("is sent without the white space around it", () =>
    Effect.gen(function*() {
      const sent: Array<string | undefined> = []
      const client = HttpClient.make((request) =>
        Effect.sync(() => {
          sent.push(request.headers["authorization"])
          return HttpClientResponse.fromWeb(
            request,
            Response.json({ choices: [{ message: { content: "hi" }, finish_reason: "stop" }] })
          )
        })
      )
      yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.provide(Layer.provide(ProviderChain.layerConfig(), [
          Layer.succeed(HttpClient.HttpClient, client),
          ConfigProvider.layer(ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-x\n" }))
        ]))
      )
      assert.deepStrictEqual(sent, ["Bearer sk-x"])
    }))
})

describe("LLM_PRICES", () => {
  const open = (env: Record<string, string>) =>
    Usage.Ledger.use((ledger) =>
      Effect.sync(() =>
        ledger.observer({
          _tag: "AttemptSucceeded",
          provider: "openai",
          model: "gpt-5",
          location: "cloud",
          attempt: 1,
          at: 0,
          duration: Duration.zero,
          usage: undefined
        })
      ).pipe(Effect.andThen(ledger.entries))
    ).pipe(
      Effect.provide(Layer.provide(Usage.layerConfig(), ConfigProvider.layer(ConfigProvider.fromUnknown(env))))
    )

  it.effect("is refused with path and reason", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* open({})).length, 1)
      assert.strictEqual((yield* open({ LLM_PRICES: "{\"gpt-5\":{\"input\":1,\"output\":2}}" })).length, 1)
      const refusals = ["cheap", "{\"gpt-5\":{\"input\":-1,\"output\":2}}", "{\"gpt-5\":{\"input\":1,\"out\":2}}"]
      for (const json of refusals) {
        const error = yield* Effect.flip(open({ LLM_PRICES: json }))
        assert.include(error.message, "LLM_PRICES cannot be read")
        if (json.startsWith("{")) assert.include(error.message, "gpt-5")
      }
    }))
})

describe("The README and the guide to the providers", () => {
  it.effect("have every variable that is read, and no other", () =>
    Effect.gen(function*() {
      // Read beside a URL, which the store would connect to.
      const read = new Set<string>(["LLM_STORE_CA"])
      const env = ConfigProvider.make((path) =>
        Effect.sync(() => {
          const name = path.join(".")
          read.add(name)
          // Who has several names is asked by the last one.
          const isOther = ["COHERE_API_KEY", "AZURE_OPENAI_BASE_URL", "GEMINI_API_KEY"].includes(name)
          if (/^(VERTEX_BASE_URL|AZURE_OPENAI_ENDPOINT)$/.test(name)) return ConfigProvider.makeValue("http://x")
          return /_(MODEL|API_KEY)$|^AWS_BEARER/.test(name) && !isOther ? ConfigProvider.makeValue("x") : undefined
        })
      )
      const client = HttpClient.make(() => Effect.never)
      const presets = Object.values(OpenAiProvider.presets).map(({ name }) => name)
      yield* Effect.scoped(
        Layer.build(Layer.mergeAll(
          Layer.provide(ChatService.layerConfig(), ProviderChain.layerConfig()),
          ChainStoreConfig.layerConfig,
          Usage.layerConfig(),
          OllamaEmbedding.layerConfig(),
          ...presets.map((preset) => OpenAiEmbedding.layerConfig({ preset }))
        ))
      ).pipe(
        Effect.provideService(HttpClient.HttpClient, client),
        Effect.provideService(ConfigProvider.ConfigProvider, env)
      )
      const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
      const [, settings = ""] = /^## Settings$(.*?)^## /ms.exec(readme) ?? []
      const guide = readFileSync(new URL("../../../../docs/providers.md", import.meta.url), "utf8")
      const [, variables = ""] = /^## Their variables$(.*?)^## /ms.exec(guide) ?? []
      const [, embeddings = ""] = /^## Embeddings$(.*)/ms.exec(guide) ?? []
      const names = [settings, variables, embeddings].join("\n").split("\n").flatMap((line) =>
        line.startsWith("| `") || line.startsWith("| ")
          ? line.split("|").flatMap((cell) => cell.match(/`[A-Z_]{6,}`/g) ?? [])
          : []
      ).map((name) => name.slice(1, -1))
      assert.deepStrictEqual([...new Set(names)].toSorted(), [...read].toSorted())
    }))
})
