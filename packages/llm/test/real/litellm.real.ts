/** A chain over a real LiteLLM proxy, whose models answer by script. */
import { assert, layer } from "@effect/vitest"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { RealServer } from "./RealServer.ts"
import { freePort, liteLlm, masterKey } from "./RealServer.ts"

class Server extends Context.Service<Server, RealServer>()("test/Server") {}

const models = {
  works: "Hello from the proxy",
  limited: "litellm.RateLimitError",
  overflows: "litellm.ContextWindowExceededError",
  fails: "litellm.InternalServerError"
}

const running = Layer.effect(
  Server,
  Effect.gen(function*() {
    const port = yield* freePort
    const file = join(tmpdir(), `litellm-${port}.yaml`)
    const rows = Object.entries(models).map(([name, answer]) =>
      `  - { model_name: ${name}, litellm_params: { model: openai/${name}, api_key: none, mock_response: "${answer}" } }`
    )
    writeFileSync(file, `model_list:\n${rows.join("\n")}\nlitellm_settings: { num_retries: 0 }\n`)
    const server = yield* liteLlm(port, file)
    yield* server.ready
    return server
  })
)

layer(running, { timeout: "3 minutes", excludeTestServices: true })("LiteLLM", (it) => {
  const over = (model: string) =>
    Effect.map(Server, ({ url }) => {
      const proxy = OpenAiProvider.make({
        baseUrl: `${url}/v1`,
        model,
        name: "litellm",
        apiKey: Redacted.make(masterKey)
      })
      const spare = TestProvider.make("spare", () => Effect.succeed(TestProvider.text("spare words")), {
        capabilities: { contextWindow: 1_000_000 }
      })
      return ProviderChain.layer({ providers: [proxy, spare], retry: { times: 1 } }).pipe(
        Layer.provide(UndiciTransport.layer())
      )
    })

  it.effect("answers whole and in pieces", () =>
    Effect.gen(function*() {
      const chain = yield* over("works")
      const { text } = yield* Effect.provide(LanguageModel.generateText({ prompt: "Hello?" }), chain)
      assert.strictEqual(text, models.works)
      const streamed = yield* LanguageModel.streamText({ prompt: "Hello?" }).pipe(
        Stream.runFold(() => "", (text, part) => part.type === "text-delta" ? text + part.delta : text),
        Effect.provide(chain)
      )
      assert.strictEqual(streamed, models.works)
    }))

  const decisions = {
    limited: ["Retry", "Fallback cools"],
    fails: ["Retry", "Fallback cools"],
    overflows: ["Fallback"],
    unheardOf: ["Fallback cools"]
  }
  for (const [model, expected] of Object.entries(decisions)) {
    it.effect(`hands on what the model "${model}" refuses`, () =>
      Effect.gen(function*() {
        const seen: Array<string> = []
        const { text } = yield* LanguageModel.generateText({ prompt: "Hello?" }).pipe(
          ChainEvent.observe((event) => {
            if (event._tag !== "AttemptFailed") return
            const { decision } = event
            seen.push(decision._tag + (decision._tag === "Fallback" && decision.cooldown ? " cools" : ""))
          }),
          Effect.provide(yield* over(model))
        )
        assert.strictEqual(text, "spare words")
        assert.deepStrictEqual(seen, expected)
      }))
  }
})
