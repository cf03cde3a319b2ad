/** Every failure in a stream on a real chain: before the first word as a refusal, after it as an interruption. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { contextWindow, expected, providerOf } from "./provider.ts"
import { isCompared } from "./refusal.ts"
import type { StreamFailure } from "./streams.ts"
import { beginnings, streamFailures } from "./streams.ts"

/** Two streams, one after the other, from a chain of the vendor and a spare one. */
const observe = Effect.fnUntraced(function*(
  { protocol }: StreamFailure,
  body: string,
  options?: { readonly larger?: boolean; readonly fallbackOnContentPolicy?: boolean }
) {
  let requests = 0
  const type = protocol === "ollama" ? "application/x-ndjson" : "text/event-stream"
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      requests++
      return HttpClientResponse.fromWeb(request, new Response(body, { headers: { "content-type": type } }))
    })
  )
  const spare = TestProvider.script("spare", [TestProvider.text("spare"), TestProvider.text("spare")], {
    capabilities: { contextWindow: options?.larger === true ? contextWindow * 4 : contextWindow / 4 }
  })
  const ask = LanguageModel.streamText({ prompt: "Hello?" }).pipe(
    Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text),
    Effect.match({
      onSuccess: (text) => `${text} after ${requests}`,
      onFailure: (error) =>
        `${ChainError.isStreamInterrupted(error) ? "interrupted" : error.reason._tag} after ${requests}`
    })
  )
  const program = Effect.all([ask, ask]).pipe(
    Effect.provide(ProviderChain.layer({
      providers: [providerOf(protocol), spare],
      fallbackOnContentPolicy: options?.fallbackOnContentPolicy ?? false,
      cooldown: "10 minutes"
    })),
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(Logger.layer([]))
  )
  const fiber = yield* Effect.forkChild(program)
  for (let i = 0; i < 300 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
  return (yield* Fiber.join(fiber)).join(", ")
})

const beginningOf = ({ protocol }: StreamFailure): string =>
  beginnings[protocol === "anthropic" || protocol === "ollama" ? protocol : "openai"]

describe("before the first word", () => {
  it.effect.each(streamFailures)("$vendor, $what: $outcome", (failure) =>
    Effect.gen(function*() {
      const plain = yield* observe(failure, failure.frame)
      const { outcome } = failure
      if (outcome === "larger" || outcome === "policy") {
        const tag = outcome === "larger" ? "InvalidRequestError" : "ContentPolicyError"
        assert.strictEqual(plain, `${tag} after 1, ${tag} after 2`)
        const options = outcome === "larger" ? { larger: true } : { fallbackOnContentPolicy: true }
        return assert.strictEqual(yield* observe(failure, failure.frame, options), expected.next)
      }
      assert.notStrictEqual(outcome, "fails")
      if (outcome !== "fails") assert.strictEqual(plain, expected[outcome])
    }))
})

describe("after a word", () => {
  it.effect.each(streamFailures)("$vendor, $what: interrupted", (failure) =>
    Effect.gen(function*() {
      const seen = yield* observe(failure, beginningOf(failure) + failure.frame)
      assert.strictEqual(seen, "interrupted after 1, interrupted after 2")
    }))
})

describe("the corpus", () => {
  it("has sixty failures in streams, each with where it was seen", () => {
    assert.isAtLeast(streamFailures.length, 60)
    assert.deepStrictEqual(streamFailures.filter(({ source }) => URL.parse(source)?.protocol !== "https:"), [])
    assert.isAtLeast(streamFailures.filter(({ source }) => isCompared(source)).length, 20)
  })
})
