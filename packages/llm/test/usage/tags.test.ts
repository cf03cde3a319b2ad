import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const spent = TestProvider.failure(new AiError.QuotaExhaustedError({}))

describe("Usage.withTags", () => {
  it.effect("tags every entry and event of the requests within, and of no others", () =>
    Effect.gen(function*() {
      const seen: Array<ChainEvent.ChainEvent> = []
      const ledger = yield* Usage.make()
      const ask = LanguageModel.generateText({ prompt: "hello" })
      const cloud = TestProvider.make("cloud", () => Effect.succeed(spent))
      const spare = TestProvider.make("spare", () => Effect.succeed(TestProvider.text("Hi")))
      yield* Effect.gen(function*() {
        yield* Effect.all([
          Usage.withTags(ask, { user: "1" }),
          Stream.runDrain(LanguageModel.streamText({ prompt: "hello" })).pipe(Usage.withTags({ user: "2" }))
        ], { concurrency: "unbounded" }).pipe(Usage.withTags({ tenant: "acme", user: "0" }))
        yield* ask
      }).pipe(
        ChainEvent.observe((event) => seen.push(event)),
        Effect.provide(ProviderChain.layer({ providers: [cloud, spare], cooldown: 0 })),
        Effect.provideService(Usage.Ledger, ledger)
      )
      const tags = (entries: ReadonlyArray<{ readonly tags?: Usage.Tags | undefined }>, user: string | undefined) =>
        entries.filter((entry) => entry.tags?.["user"] === user)
      const entries = yield* ledger.entries
      assert.lengthOf(entries, 6)
      for (const user of ["1", "2", undefined]) {
        const own = tags(entries, user)
        assert.lengthOf(own, 2)
        for (const entry of own) {
          assert.deepStrictEqual(entry.tags, user === undefined ? undefined : { tenant: "acme", user })
        }
        assert.isAtLeast(tags(seen, user).length, 4)
      }
      assert.isFalse(entries.some((entry) => entry.tags === undefined && "tags" in entry))
    }))

  it("rejects tags without a name or a value", () => {
    assert.throws(
      () => Usage.withTags(Effect.void, { "": "x", user: "", tenant: "acme" }),
      RangeError,
      "Usage.withTags: a tag must have a name; user must be a text that is not empty, got \"\""
    )
  })
})
