import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Config from "effect/Config"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import { expect, test } from "tstyche"

test("a store in Redis needs Redis, and fails only where its options do", () => {
  expect(RetryBudget.layerStoreRedis()).type.toBe<Layer.Layer<RetryBudget.RetryBudgetStore, never, Redis.Redis>>()
  expect(RetryBudget.layerStoreRedisConfig({ prefix: Config.String("PREFIX") })).type.toBe<
    Layer.Layer<RetryBudget.RetryBudgetStore, Config.ConfigError, Redis.Redis>
  >()
})

test("a shared budget needs a store and a scope, and never fails", () => {
  expect(RetryBudget.makeShared({ key: "stock" })).type.toBe<
    Effect.Effect<RetryBudget.RetryBudget, never, RetryBudget.RetryBudgetStore | Scope.Scope>
  >()
  expect(RetryBudget.makeShared).type.not.toBeCallableWith({ ratio: 0.2 })
})
