/**
 * A Redis that answers otherwise than the scripts do, as a proxy between or another program may: a step fails as it does while Redis is
 * away, the process goes on alone, and no request is lost.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainStore from "@holdfast/llm/ChainStore"
import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redis from "effect/persistence/Redis"

const state = [0, "0", 0, 0, 1, 0, "0", "0"]

const odd: ReadonlyArray<readonly [what: string, reply: unknown]> = [
  ["nothing", null],
  ["undefined", undefined],
  ["a text", "OK"],
  ["a number", 1],
  ["no values", []],
  ["a tag alone", ["Reserved"]],
  ["no time", ["Admitted", "soon", state, 0, 0, 0]],
  ["an unknown tag", ["Perhaps", "1", state, 0, 0, 0]],
  ["no state", ["Admitted", "1", null, 0, 0, 0]],
  ["a state that is too short", ["Admitted", "1", state.slice(1), 0, 0, 0]],
  ["a state of texts", ["Admitted", "1", state.map(() => "x"), 0, 0, 0]],
  ["sums that are none", ["Reserved", "1", "nan", "", null, "x"]],
  ["an error as a value", new Error("READONLY You can't write against a read only replica")],
  ["an object", { tag: "Admitted" }]
]

const refused = Effect.fail(new Redis.RedisError({ cause: new Error("not here") }))

const redisThat = (reply: () => unknown) =>
  Layer.effect(
    Redis.Redis,
    Redis.make({ send: <A>() => Effect.sync(() => reply() as A), subscribe: () => refused, connect: refused })
  )

const account = { key: "user:1", window: Duration.hours(1) }

describe("a Redis with odd answers", () => {
  it.effect.each(odd)("is away: %s", ([, reply]) =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => {
        said.push(String(Array.isArray(message) ? message[0] : message))
      })
      const providers = [TestProvider.script("cloud", [TestProvider.text("Hi"), TestProvider.text("again")])] as const
      const chain = ProviderChain.layer({ providers }).pipe(
        Layer.provideMerge(Budgets.layer({ budgets: [{ name: "all", limit: { tokens: 1_000 }, window: "1 hour" }] })),
        Layer.provide(ChainStoreRedis.layer()),
        Layer.provide(redisThat(() => reply))
      )
      const ask = LanguageModel.generateText({ prompt: "Hello?" })
      const [first, second] = yield* Effect.all([ask, ask]).pipe(
        Effect.provide(Layer.mergeAll(chain, Logger.layer([logger])))
      )
      assert.deepStrictEqual([first.text, second.text], ["Hi", "again"])
      assert.deepStrictEqual(said.filter((text) => text.startsWith("The chain store is away")).length, 1)
    }))

  it.effect("gives no sum that is not a number", () =>
    Effect.gen(function*() {
      for (const [what, reply] of odd) {
        const store = yield* Effect.provide(
          ChainStore.ChainStore,
          Layer.provide(ChainStoreRedis.layer(), redisThat(() => reply)),
          {
            local: true
          }
        )
        for (
          const step of [store.spent(account), store.settle({ ...account, slot: 1, more: 1 }), store.look("c", ["m"])]
        ) {
          const error = yield* Effect.flip(step as Effect.Effect<unknown, ChainStore.ChainStoreError>)
          assert.strictEqual(error._tag, "ChainStoreError", what)
        }
      }
    }))

  it.effect("reads numbers that a client gives as texts", () =>
    Effect.gen(function*() {
      const layer = Layer.provide(ChainStoreRedis.layer(), redisThat(() => ["ok", 1, ["2.5", "0", 0, "7"]].flat()))
      const store = yield* Effect.provide(ChainStore.ChainStore, layer)
      assert.strictEqual(yield* store.spent(account), 2.5)
    }))
})
