/**
 * The page that follows an answer is true: it names the files that a streamed answer with one fallback enters, as V8 counts them,
 * each once, and the files of the way are no more than a reader can follow.
 */
import { assert, it } from "@effect/vitest"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { entered, walkIn } from "../../../../vitest.walk.ts"

const root = join(import.meta.dirname, "../../../..")
const { named, page, steps } = walkIn(join(root, "docs/how-an-answer-comes.md"))

it("names the files of the way in order, each once, and at most 20", () => {
  assert.isAbove(steps.length, 15)
  assert.isAtMost(steps.length, 20)
  assert.deepStrictEqual(steps.map(({ step }) => step), steps.map((_, i) => i + 1))
  assert.strictEqual(new Set(named).size, named.length)
})

it("names files that exist", () => {
  const files = Array.from(page.matchAll(/`((?:internal\/)?[\w/]+\.ts)`/g), ([, file = ""]) => file)
  const missing = files.filter((file) =>
    !existsSync(join(root, "packages/llm/src", file)) &&
    !existsSync(join(root, "packages/llm/src/internal/chain", file))
  )
  assert.deepStrictEqual(missing, [])
})

it.effect("names the files that the answer enters: all of the chain, and no other", () =>
  Effect.gen(function*() {
    let requests = 0
    const client = HttpClient.make((request, url) =>
      Effect.sync(() => {
        requests++
        const answers = url.pathname.endsWith("/api/chat")
        const body = answers
          ? "{\"message\":{\"content\":\"Hi\"}}\n{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n"
          : JSON.stringify({ error: { message: "The server had an error", type: "server_error" } })
        return HttpClientResponse.fromWeb(request, new Response(body, { status: answers ? 200 : 503 }))
      })
    )
    const model = yield* Layer.build(ProviderChain.layer({ providers: [OpenAiProvider.make(), OllamaProvider.make()] }))
      .pipe(Effect.provideService(HttpClient.HttpClient, client))
    const ask = LanguageModel.streamText({ prompt: "Hello?" }).pipe(Stream.runDrain, Effect.provide(model))
    const all = yield* entered(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(ask)
      for (let i = 0; i < 60 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
    }))
    const files = all.flatMap((file) => file.startsWith("llm/") ? [file.replace("llm/", "")] : [])
    assert.strictEqual(requests, 4)
    assert.deepStrictEqual(named.filter((file) => !files.includes(file)), [])
    // How a protocol reads and writes has files of its own, which may be more.
    const isProtocol = (file: string) => /^internal\/(?:protocol|presets|openai|ollama)\//u.test(file)
    assert.deepStrictEqual(files.filter((file) => !named.includes(file) && !isProtocol(file)), [])
  }).pipe(Effect.scoped))
