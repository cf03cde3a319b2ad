/**
 * One program, written against `LanguageModel`, and the layers that it runs on without a change: servers on real sockets,
 * a simulated hour of outage, and no policy at all.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as LoopbackServer from "./LoopbackServer.ts"

// -----------------------------------------------------------------------------
// The program
// -----------------------------------------------------------------------------

const Weather = Tool.make("weather", {
  description: "The weather in a city",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const tools = Toolkit.make(Weather)
const handlers = tools.toLayer({ weather: ({ city }) => Effect.succeed(`clear in ${city}`) })

/** Asks for the weather, streams a greeting and reads a place out of a sentence. */
const program = Effect.gen(function*() {
  const asked = yield* LanguageModel.generateText({ prompt: "What is the weather in Oslo?", toolkit: tools })
  const greeting = yield* LanguageModel.streamText({ prompt: "Greet me" }).pipe(
    Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text)
  )
  const place = yield* LanguageModel.generateObject({
    prompt: "She lives in Rome.",
    schema: Schema.Struct({ city: Schema.String })
  })
  return {
    weather: asked.toolResults.map((result) => result.result),
    greeting,
    place: place.value,
    providers: [asked, place].map(({ content }) =>
      Option.match(ProviderChain.answeredBy(content), { onNone: () => "none", onSome: (by) => by.provider })
    )
  }
}).pipe(Effect.provide(handlers))

const expected = { weather: ["clear in Oslo"], greeting: "Grüße, Welt", place: { city: "Rome" } }

const answers: ReadonlyArray<TestProvider.Answer> = [
  TestProvider.toolCall("weather", { city: "Oslo" }),
  TestProvider.text("Grüße, Welt"),
  TestProvider.text("{\"city\":\"Rome\"}")
]

// -----------------------------------------------------------------------------
// Servers
// -----------------------------------------------------------------------------

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`

const openAi = LoopbackServer.make((_, index): LoopbackServer.Reply => {
  const choice = (message: object, finish_reason: string) => ({ body: { choices: [{ message, finish_reason }] } })
  switch (index) {
    case 0:
      return choice({
        tool_calls: [{ id: "c1", function: { name: "weather", arguments: "{\"city\":\"Oslo\"}" } }]
      }, "tool_calls")
    case 1:
      return {
        pieces: [
          event({ choices: [{ delta: { content: "Grüße, " } }] }),
          event({ choices: [{ delta: { content: "Welt" } }] }),
          event({ choices: [{ delta: {}, finish_reason: "stop" }] }),
          "data: [DONE]\n\n"
        ]
      }
    default:
      return choice({ content: "{\"city\":\"Rome\"}" }, "stop")
  }
})

const ollama = LoopbackServer.make((_, index): LoopbackServer.Reply => {
  const say = (message: object, done: boolean) => `${JSON.stringify({ message, done })}\n`
  switch (index) {
    case 0:
      return {
        body: {
          message: { content: "", tool_calls: [{ function: { name: "weather", arguments: { city: "Oslo" } } }] },
          done: true
        }
      }
    case 1:
      return {
        pieces: [say({ content: "Grüße, " }, false), say({ content: "Welt" }, false), say({ content: "" }, true)]
      }
    default:
      return { body: { message: { content: "{\"city\":\"Rome\"}" }, done: true } }
  }
})

const retry: ProviderChain.RetryOptions = { times: 1, backoff: Backoff.constant({ delay: "1 milli" }) }

const live = (
  cloudUrl: string,
  localUrl: string,
  transport: Layer.Layer<HttpClient.HttpClient> = FetchHttpClient.layer
) =>
  ProviderChain.layer({
    providers: [OpenAiProvider.make({ baseUrl: cloudUrl }), OllamaProvider.make({ host: localUrl })],
    retry
  }).pipe(Layer.provide(transport))

describe("one program", () => {
  const transports: ReadonlyArray<[string, Layer.Layer<HttpClient.HttpClient>]> = [
    ["fetch", FetchHttpClient.layer],
    ["UndiciTransport", UndiciTransport.layer()]
  ]
  it.live.each(transports)("runs on servers, by %s", ([, transport]) =>
    Effect.gen(function*() {
      const cloud = yield* openAi
      const local = yield* ollama
      const result = yield* Effect.provide(program, live(cloud.url, local.url, transport))
      assert.deepStrictEqual(result, { ...expected, providers: ["openai", "openai"] })
      assert.strictEqual(local.received.length, 0)
    }).pipe(Effect.scoped))

  const outages: ReadonlyArray<[string, LoopbackServer.Reply]> = [
    ["answers 503", { status: 503, body: { error: { message: "overloaded" } } }],
    ["cuts every answer", { pieces: ["data: {\"choi"], after: "cut" }],
    ["has no money", { status: 429, body: { error: { code: "insufficient_quota" } } }],
    ["serves a login page", { body: "<html>", headers: { "content-type": "text/html; charset=utf-8" } }]
  ]
  it.live.each(outages)("runs on a local server when the cloud %s", ([, reply]) =>
    Effect.gen(function*() {
      const cloud = yield* LoopbackServer.always(reply)
      const local = yield* ollama
      const result = yield* Effect.provide(program, live(cloud.url, local.url))
      assert.deepStrictEqual(result, { ...expected, providers: ["ollama", "ollama"] })
    }).pipe(Effect.scoped))

  it.live("runs on a local server when nothing listens in the cloud", () =>
    Effect.gen(function*() {
      const local = yield* ollama
      const result = yield* Effect.provide(program, live(yield* LoopbackServer.closedPort, local.url))
      assert.deepStrictEqual(result, { ...expected, providers: ["ollama", "ollama"] })
    }).pipe(Effect.scoped))

  it.effect("runs on a script", () =>
    Effect.gen(function*() {
      const result = yield* Effect.provide(
        program,
        ProviderChain.layer({ providers: [TestProvider.script("script", answers)] })
      )
      assert.deepStrictEqual(result, { ...expected, providers: ["script", "script"] })
    }))

  it.effect("runs without a policy, and shows what the policy was for", () =>
    Effect.gen(function*() {
      const result = yield* Effect.provide(program, ProviderChain.layerNoop(TestProvider.script("script", answers)))
      assert.deepStrictEqual(result, { ...expected, providers: ["script", "script"] })
      const flaky = () => TestProvider.script("script", [TestProvider.failure(TestProvider.disconnected), ...answers])
      const error = yield* Effect.flip(Effect.provide(program, ProviderChain.layerNoop(flaky())))
      assert.isTrue(ChainError.isNoAnswer(error) && error.attempts.length === 1)
    }))
})

describe("an hour with the cloud down, a question a minute", () => {
  /** Down from minute 10 to minute 50, in four ways by turns. */
  const cloudWeather = () => {
    const ways = [
      TestProvider.failure(new AiError.InternalProviderError({ description: "overloaded" })),
      TestProvider.failure(TestProvider.disconnected),
      TestProvider.stall([], 0),
      TestProvider.truncate(TestProvider.text("gone"), 1)
    ]
    return TestProvider.make("cloud", (_, index) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const minute = now / 60_000
        const way = ways[index % ways.length]
        return minute >= 10 && minute < 50 && way !== undefined ? way : TestProvider.text("from the cloud")
      }))
  }

  const hour = Effect.gen(function*() {
    const asked: Array<{ readonly minute: number; readonly by: string; readonly seconds: number }> = []
    for (let minute = 0; minute < 60; minute++) {
      const at = yield* Clock.currentTimeMillis
      yield* Effect.sleep(minute * 60_000 - at)
      const content = yield* Stream.runCollect(LanguageModel.streamText({ prompt: `minute ${minute}` }))
      const by = Option.getOrThrow(ProviderChain.answeredBy(content)).provider
      asked.push({ minute, by, seconds: ((yield* Clock.currentTimeMillis) - minute * 60_000) / 1000 })
    }
    return asked
  })

  it.effect("every question is answered, by whom it should be, within its minute", () =>
    Effect.gen(function*() {
      const cloud = cloudWeather()
      const local = TestProvider.make("ollama", () => Effect.succeed(TestProvider.text("from here")), {
        location: "local"
      })
      const events: Array<ChainEvent.ChainEvent> = []
      const fiber = yield* hour.pipe(
        ChainEvent.observe((event) => events.push(event)),
        Effect.provide(ProviderChain.layer({
          providers: [cloud, local],
          retry: { times: 2, backoff: Backoff.constant({ delay: "1 second" }) },
          timeouts: { firstContent: "10 seconds" },
          cooldown: "5 minutes"
        })),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("61 minutes")
      const asked = yield* Fiber.join(fiber)
      assert.strictEqual(asked.length, 60)
      for (const { by, minute, seconds } of asked) {
        if (minute < 10) assert.strictEqual(by, "cloud")
        if (minute >= 10 && minute < 50) assert.strictEqual(by, "ollama")
        if (minute >= 55) assert.strictEqual(by, "cloud")
        assert.isBelow(seconds, 60)
      }
      // Skipped for five minutes each time it failed: 8 probes of 3 attempts in 40 minutes, and not 120.
      const during = events.filter((event) => event._tag === "AttemptFailed" && event.provider === "cloud")
      assert.isAtMost(during.length, 24)
      assert.strictEqual(cloud.closed(), cloud.requests.length)
    }))
})
