import * as Budgets from "@holdfast/llm/Budgets"
import * as Prices from "@holdfast/llm/Prices"
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import type * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import type { ConfigError } from "effect/Config"
import type { Layer } from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { describe, expect, test } from "tstyche"

describe("Budgets", () => {
  test("need nothing from the context, and fail only by configuration", () => {
    expect(Budgets.layer).type.toBeCallableWith({
      prices: Prices.known,
      budgets: [{ by: "user", limit: { cost: 1 }, window: "1 day", whenSpent: "cheapest" }]
    })
    expect(Budgets.layer({ budgets: [{ limit: { tokens: 1 }, window: "1 day" }] })).type.toBe<Layer<Budgets.Budgets>>()
    expect(Budgets.layerConfig).type.toBe<Layer<Budgets.Budgets, ConfigError>>()
  })

  test("bound cost or tokens, one of both, and there is at least one budget", () => {
    expect(Budgets.layer).type.not.toBeCallableWith({ budgets: [] })
    expect(Budgets.layer).type.not.toBeCallableWith({
      budgets: [{ limit: { cost: 1, tokens: 1 }, window: "1 day" }]
    })
    expect(Budgets.layer).type.not.toBeCallableWith({ budgets: [{ limit: { cost: 1 } }] })
  })
})

describe("UsageSql", () => {
  test("needs a client, and does not fail because a database is away", () => {
    expect(UsageSql.layer()).type.toBe<Layer<Usage.Ledger, never, SqlClient>>()
    expect(UsageSql.layerConfig()).type.toBe<Layer<Usage.Ledger, ConfigError, SqlClient>>()
    expect(SqliteClient.layer({ filename: ":memory:" })).type.toBe<Layer<SqlClient, SqlError>>()
  })
})
