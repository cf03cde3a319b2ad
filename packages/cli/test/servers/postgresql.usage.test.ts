/** `holdfast usage` over a ledger in a real PostgreSQL. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { server } from "../../../../vitest.postgresql.ts"
import * as Holdfast from "../process/holdfast.ts"

describe("holdfast usage", { timeout: 60_000 }, () => {
  it.live("reads the database of HOLDFAST_LEDGER, and says plainly when it has no ledger", () =>
    Effect.gen(function*() {
      const postgres = yield* server
      const usage = Holdfast.run(["usage", "--by", "tag:user"], { HOLDFAST_LEDGER: postgres.url })
      const empty = yield* usage
      assert.strictEqual(empty.code, 1)
      assert.match(empty.stderr, /^holdfast: The database of HOLDFAST_LEDGER has no table holdfast_usage\./u)
      const chain = ProviderChain.layer({
        providers: [TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hello there")))]
      })
      const ledger = Layer.provide(UsageSql.layer({ prices: { test: { input: 1, output: 2 } } }), postgres.layer)
      yield* Effect.forEach(
        ["1", "2", "2"],
        (user) => LanguageModel.generateText({ prompt: "hello" }).pipe(Usage.withTags({ user }))
      ).pipe(
        Effect.provide(Layer.provideMerge(chain, ledger))
      )
      const { code, stderr, stdout } = yield* usage
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /\n2 +2 +0 +20 +4 +0\.000028\n1 +1 /u)
      assert.notInclude(stdout, "postgres://")
    }).pipe(Effect.scoped))
})
