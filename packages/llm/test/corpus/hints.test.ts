/** A pause that a provider asks for, wherever it says so, is kept on a chain: while it retries, and while it rests. */
import { assert, describe, it } from "@effect/vitest"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

const retryInfo = (retryDelay: string) => ({
  error: { code: 429, status: "RESOURCE_EXHAUSTED", details: [{ "@type": "google.rpc.RetryInfo", retryDelay }] }
})

const hints: ReadonlyArray<readonly [where: string, body: unknown, seconds: number]> = [
  ["Gemini's RetryInfo", retryInfo("7s"), 7],
  ["Gemini's RetryInfo, in an array", [retryInfo("12.5s")], 12.5],
  ["OpenAI's words", { error: { message: "Rate limit reached. Please try again in 1.2s." } }, 1.2],
  ["words in minutes", { error: { message: "Rate limit reached. Please try again in 6m0s." } }, 360],
  ["words in milliseconds", { error: { message: "Rate limit reached. Please try again in 900ms." } }, 0.9],
  ["Azure's words", { error: { code: "429", message: "Rate limit is exceeded. Please retry after 26 seconds." } }, 26],
  ["words in a dict of Python", {
    error: { message: "Error code: 429 - {'error': {'message': 'Please retry after 86400 seconds.'}}" }
  }, 86_400],
  ["a field", { error: { message: "slow", retry_after: 40 } }, 40]
]

/** Asks every second for a while, and says at which seconds the provider was asked. */
const askedAt = Effect.fnUntraced(function*(body: unknown, seconds: number) {
  const times: Array<number> = []
  const client = HttpClient.make((request) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      times.push(now / 1000)
      return HttpClientResponse.fromWeb(request, new Response(JSON.stringify(body), { status: 429 }))
    })
  )
  const spare = TestProvider.script("spare", Array.from({ length: 99 }, () => TestProvider.text("spare")))
  const layer = ProviderChain.layer({
    providers: [OpenAiProvider.make({ model: "m" }), spare],
    retry: { times: 1 },
    cooldown: "1 second"
  })
  yield* Effect.gen(function*() {
    const ask = LanguageModel.generateText({ prompt: "Hello?" })
    const first = yield* Effect.forkChild(ask)
    for (let i = 0; i < 100 && first.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
    yield* Fiber.join(first)
    const rested = (times.at(-1) ?? 0) + seconds
    const until = rested * 1000 - 1000 - (yield* Clock.currentTimeMillis)
    yield* TestClock.adjust(Math.max(0, until))
    yield* Effect.forkChild(ask)
    yield* TestClock.adjust("10 millis")
  }).pipe(
    Effect.provide(layer),
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(Logger.layer([]))
  )
  return times
})

describe("a hint", () => {
  it.effect.each(hints)("is read from %s", ([, body, seconds]) =>
    Effect.gen(function*() {
      const [first = 0, second, ...later] = yield* askedAt(body, seconds)
      // Longer than a minute is not waited for.
      if (seconds > 60) assert.isUndefined(second)
      else assert.isAtLeast((second ?? 0) - first, seconds)
      // Longer than the cool-down, so it rests for as long as it asked.
      if (seconds > 2) assert.deepStrictEqual(later, [])
    }))
})
