/** Budgets of a file that changes while it is used: the new ones are in force, and what was spent counts on. */
import { assert, describe, it } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as Parameters from "@holdfast/llm/Parameters"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

/** An Ollama whose answers take 100 tokens. */
const server = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(
    request,
    Response.json({
      message: { content: "Hi" },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 60,
      eval_count: 40
    })
  ))
)

const file = (llm: object) => LlmConfig.decode({ llm: { models: { ollama: "qwen3" }, ...llm } })

const tokens = (limit: number, more: object = {}) => ({
  by: "user",
  limit: { tokens: limit },
  window: "1 day",
  ...more
})

/** Whether a user's request is let in, or which budget refuses it. */
const ask = (user: string) =>
  Effect.match(
    LanguageModel.generateText({ prompt: "hello" }).pipe(
      Parameters.with({ maxOutputTokens: 40 }),
      Usage.withTags({ user })
    ),
    {
      onSuccess: () => "answered",
      onFailure: (error) =>
        ChainError.isBudgetSpent(error) ? `${error.budget.name}: ${error.budget.sum}` : String(error)
    }
  )

const over = <A, E, R>(
  first: object,
  program: (
    take: (llm: object) => Effect.Effect<void, unknown>,
    logs: ReadonlyArray<string>
  ) => Effect.Effect<A, E, R | LanguageModel.LanguageModel>,
  around: Layer.Layer<never> | Layer.Layer<Budgets.Budgets, unknown> | Layer.Layer<ChainStore.ChainStore> = Layer.empty
) =>
  Effect.gen(function*() {
    const logs: Array<string> = []
    const files = yield* Queue.make<LlmConfig.LlmConfig>()
    yield* Queue.offer(files, yield* file(first))
    const take = (llm: object) =>
      Effect.gen(function*() {
        const before = logs.length
        yield* Queue.offer(files, yield* file(llm))
        yield* Effect.repeat(Effect.yieldNow, { schedule: Schedule.forever, until: () => logs.length > before })
      })
    return yield* Effect.provide(
      program(take, logs),
      ProviderChain.layerReloadingConfig(Stream.fromQueue(files)).pipe(
        Layer.provideMerge(around),
        Layer.provideMerge(Logger.layer([Logger.make(({ message }) => logs.push(String(message)))])),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, server)),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
      )
    )
  })

/** The same, whether the chain makes the budgets of its file or the context has those of the file. */
const arounds = [
  ["made by the chain", Layer.empty],
  ["of Budgets.layerConfig", Layer.provide(Budgets.layerConfig, ConfigProvider.layer(ConfigProvider.fromUnknown({})))],
  ["over a store", ChainStore.layerMemory]
] as const

describe.each(arounds)("the budgets of a file, %s", (_, around) => {
  it.effect("follow it, and keep what was spent", () =>
    over({ budgets: [tokens(1_000)] }, (take, logs) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({ budgets: [tokens(600)] })
        assert.strictEqual(yield* ask("2"), "answered")
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({ budgets: [tokens(210)] })
        assert.strictEqual(yield* ask("1"), "user: 200")
        // One that is impossible changes nothing.
        yield* take({ budgets: [{ by: "user", limit: { cost: 5 }, window: "1 day" }] })
        assert.match(logs.at(-1) ?? "", /stays as it is: llm\.budgets: prices are needed by a budget of cost/u)
        assert.strictEqual(yield* ask("1"), "user: 200")
        // A budget of cost is another sum, whatever its name.
        yield* take({
          prices: { qwen3: { input: 1, output: 1 } },
          budgets: [{ by: "user", limit: { cost: 5 }, window: "1 day" }]
        })
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({ budgets: [tokens(250, { name: "other" })] })
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({})
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({ budgets: [tokens(210)] })
        assert.strictEqual(yield* ask("1"), "user: 200")
      }), around))
})

describe("budgets that the program makes", () => {
  const own = Budgets.layer({ budgets: [{ by: "user", limit: { tokens: 130 }, window: "1 day" }] })

  it.effect("stay, whatever the file says", () =>
    over({ budgets: [tokens(1)] }, (take) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* ask("1"), "answered")
        yield* take({ budgets: [tokens(100_000)] })
        assert.strictEqual(yield* ask("1"), "user: 100")
      }), own))

  it.effect("are not needed for those of a file that does not change", () =>
    Effect.gen(function*() {
      const config = yield* file({ budgets: [tokens(130)] })
      const layer = ProviderChain.layerConfig().pipe(
        Layer.provide([Layer.succeed(HttpClient.HttpClient, server), LlmConfig.layer(config)]),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
      )
      assert.deepStrictEqual(yield* Effect.provide(Effect.all([ask("1"), ask("1")]), layer), ["answered", "user: 100"])
    }))
})
