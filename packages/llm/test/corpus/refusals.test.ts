/** Every refusal of the corpus on a real chain: who answers, after how many requests, and whether the first provider rests. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as ProviderFailure from "@holdfast/llm/ProviderFailure"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { contextWindow, expected, providerOf } from "./provider.ts"
import { recordedRefusals } from "./recorded/recorded.ts"
import type { Protocol, Refusal } from "./refusal.ts"
import { isCompared } from "./refusal.ts"
import { vendors } from "./vendors.ts"

/** Two requests, one after the other, to a chain of the vendor and a spare one, by a server that refuses everything. */
const observe = Effect.fnUntraced(function*(
  protocol: Protocol,
  { body, headers, status }: Refusal,
  options?: { readonly larger?: boolean; readonly fallbackOnContentPolicy?: boolean }
) {
  let requests = 0
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      requests++
      const text = typeof body === "string" ? body : JSON.stringify(body)
      return HttpClientResponse.fromWeb(request, new Response(text, { status, headers: headers ?? {} }))
    })
  )
  const spare = TestProvider.script("spare", [TestProvider.text("spare"), TestProvider.text("spare")], {
    capabilities: { contextWindow: options?.larger === true ? contextWindow * 4 : contextWindow / 4 }
  })
  const ask = Effect.match(LanguageModel.generateText({ prompt: "Hello?" }), {
    onSuccess: ({ text }) => `${text} after ${requests}`,
    onFailure: ({ reason }) => `${reason._tag} after ${requests}`
  })
  const program = Effect.all([ask, ask]).pipe(
    Effect.provide(ProviderChain.layer({
      providers: [providerOf(protocol), spare],
      fallbackOnContentPolicy: options?.fallbackOnContentPolicy ?? false,
      // Longer than what the retries of the first request wait for.
      cooldown: "10 minutes"
    })),
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide(Logger.layer([]))
  )
  const fiber = yield* Effect.forkChild(program)
  for (let i = 0; i < 300 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
  return (yield* Fiber.join(fiber)).join(", ")
})

describe.each(vendors)("$name", ({ protocol, refusals }) => {
  it.effect.each(refusals)("$status, $what: $outcome", (refusal) =>
    Effect.gen(function*() {
      const plain = yield* observe(protocol, refusal)
      switch (refusal.outcome) {
        case "larger":
          assert.strictEqual(plain, "InvalidRequestError after 1, InvalidRequestError after 2")
          return assert.strictEqual(
            yield* observe(protocol, refusal, { larger: true }),
            "spare after 1, spare after 2"
          )
        case "policy":
          assert.strictEqual(plain, "ContentPolicyError after 1, ContentPolicyError after 2")
          return assert.strictEqual(
            yield* observe(protocol, refusal, { fallbackOnContentPolicy: true }),
            "spare after 1, spare after 2"
          )
        case "fails":
          return assert.match(plain, /^\w+Error after 1, \w+Error after 2$/)
        default:
          return assert.strictEqual(plain, expected[refusal.outcome])
      }
    }))
})

describe("the corpus", () => {
  it("has a hundred and fifty refusals, each with where it was seen, and none twice", () => {
    const all = vendors.flatMap(({ name, refusals }) => refusals.map((refusal) => ({ name, ...refusal })))
    assert.isAtLeast(all.length, 150)
    assert.deepStrictEqual(all.filter(({ source }) => URL.parse(source)?.protocol !== "https:"), [])
    const keys = all.map(({ body, headers, name, status }) => JSON.stringify([name, status, body, headers]))
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  it("shows most refusals as a public thread, a vendor's list or a real server does", () => {
    const all = vendors.flatMap(({ refusals }) => refusals)
    const recorded = new Set(recordedRefusals.flatMap(({ refusals }) => refusals))
    const compared = all.filter((refusal) => isCompared(refusal.source) || recorded.has(refusal))
    assert.isAtLeast(compared.length, 300)
  })

  it("has a source that was read for most signals", () => {
    const read = ProviderFailure.signals.filter(({ compared, source }) => compared === true || isCompared(source))
    assert.isAtLeast(read.length, 200)
  })
})
