import { assert, describe, it } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as LlmConfig from "@holdfast/llm/LlmConfig"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const layerOf = (llm: object) =>
  Layer.unwrap(
    Effect.map(LlmConfig.decode({ llm }), (config) => Layer.provide(Budgets.layerConfig, LlmConfig.layer(config)))
  )

const ask = LanguageModel.generateText({ prompt: "hello" }).pipe(Usage.withTags({ user: "42" }))

const over = (llm: object) =>
  Layer.merge(
    ProviderChain.layer({ providers: [TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hi")))] }),
    layerOf(llm)
  )

describe("Budgets of a file", () => {
  it.effect("bound requests as those of code do", () =>
    Effect.gen(function*() {
      const budgets = [{ by: "user", limit: { tokens: 600 }, window: "1 day" }]
      yield* Effect.provide(ask, over({ budgets }))
      const tight = [{ by: "user", limit: { tokens: 100 }, window: 3600, when_spent: "fail" }]
      const error = yield* Effect.flip(Effect.provide(ask, over({ budgets: tight })))
      assert.isTrue(ChainError.isBudgetSpent(error))
      // Without budgets there is no bound.
      yield* Effect.provide(ask, over({}))
    }))

  it.effect("of cost need prices", () =>
    Effect.gen(function*() {
      const budgets = [{ limit: { cost: 1 }, window: "1 day" }]
      const error = yield* Effect.flip(Effect.provide(Budgets.Budgets, layerOf({ budgets })))
      assert.include(error.message, "prices are needed by a budget of cost")
      const { budgets: [budget] } = yield* Effect.provide(Budgets.Budgets, layerOf({ prices: "known", budgets }))
      assert.deepInclude(budget, { name: "all", unit: "cost", limit: 1, whenSpent: "fail" })
    }))

  it.effect("are rejected with every fault, by path", () =>
    Effect.gen(function*() {
      const wrong = [
        { by: "user", limit: { cost: 1, tokens: 1 }, window: "1 day" },
        { by: "user", limit: { tokens: -5 }, window: "soon", when_spent: "stop", limits: 1 },
        { limit: {} }
      ]
      const { message } = yield* Effect.flip(LlmConfig.decode({ llm: { budgets: wrong } }))
      for (
        const path of [
          "[\"0\"][\"limit\"]",
          "[\"1\"][\"limit\"][\"tokens\"]",
          "[\"1\"][\"window\"]",
          "[\"1\"][\"when_spent\"]",
          "[\"1\"][\"limits\"]",
          "[\"1\"][\"name\"]",
          "[\"2\"][\"limit\"]",
          "[\"2\"][\"window\"]"
        ]
      ) assert.include(message, `["llm"]["budgets"]${path}`)
      const empty = yield* Effect.flip(LlmConfig.decode({ llm: { budgets: [] } }))
      assert.include(empty.message, "must have a budget")
    }))
})
