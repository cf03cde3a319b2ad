/** A structured answer that does not follow its schema: repaired by the same model, or asked of the next provider. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { chain, elapse, outcomes, overloaded } from "./asking.ts"

const Tree = Schema.Struct({ name: Schema.String, age: Schema.Finite })

const good = TestProvider.text("{\"name\":\"Oak\",\"age\":300}")
const wrongType = TestProvider.text("{\"name\":\"Oak\",\"age\":\"old\"}")
const noJson = TestProvider.text("An oak, and old")
const thought = TestProvider.parts([
  { type: "finish", reason: "stop", usage: { inputTokens: { total: 10 }, outputTokens: { total: 3 } } }
])

const ask = Effect.suspend(() => {
  const events: Array<ChainEvent.ChainEvent> = []
  return LanguageModel.generateObject({ prompt: "Name a tree", schema: Tree }).pipe(
    Effect.exit,
    Effect.map((exit) => ({ exit, events })),
    ChainEvent.observe((event) => events.push(event)),
    elapse
  )
})

const valueOf = ({ exit }: Effect.Success<typeof ask>) => Exit.isSuccess(exit) ? exit.value.value : undefined

const errorOf = ({ exit }: Effect.Success<typeof ask>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined

describe("an answer that does not follow its schema", () => {
  it.effect("is repaired by the same model, which is shown it and what is wrong with it", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [wrongType, good])
      const story = yield* Effect.provide(ask, chain([cloud], { repair: true }))
      assert.deepStrictEqual(valueOf(story), { name: "Oak", age: 300 })
      assert.deepStrictEqual(outcomes(story.events), [
        "cloud 1 AttemptStarted",
        "cloud 1 StructuredOutputError Retry",
        "cloud 2 AttemptStarted",
        "cloud 2 AttemptSucceeded"
      ])
      const [first, second] = cloud.requests
      const turns = second?.prompt.content ?? []
      assert.deepStrictEqual(turns.map(({ role }) => role), ["user", "assistant", "user"])
      assert.deepStrictEqual(turns.slice(0, 1), first?.prompt.content)
      const said = (i: number) => JSON.stringify(turns[i]?.content)
      assert.include(said(1), "old")
      assert.include(said(2), "does not follow the schema")
      assert.include(said(2), "age")
      assert.deepStrictEqual(second?.responseFormat, first?.responseFormat)
    }))

  it.effect("goes to the next provider when the repair fails as well, with the prompt as it was and no cool-down", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [wrongType, noJson, good])
      const spare = TestProvider.script("spare", [good])
      const layer = chain([cloud, spare], { repair: true })
      const [first, second] = yield* Effect.provide(Effect.all([ask, ask]), layer)
      assert.deepStrictEqual([valueOf(first), valueOf(second)], [{ name: "Oak", age: 300 }, { name: "Oak", age: 300 }])
      assert.strictEqual(spare.requests.length, 1)
      assert.strictEqual(spare.requests[0]?.prompt.content.length, 1)
      assert.strictEqual(cloud.requests.length, 3)
      assert.include(outcomes(first.events), "cloud 2 StructuredOutputError Fallback")
    }))

  it.effect("fails with every attempt when no provider is left", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [noJson, noJson, noJson])
      const story = yield* Effect.provide(ask, chain([cloud], { repair: { rounds: 2 } }))
      const error = errorOf(story)
      assert(ChainError.isNoAnswer(error))
      assert.strictEqual(error.attempts.length, 3)
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
    }))

  it.effect("fails above the chain without `repair`, and for a provider whose override says so", () =>
    Effect.gen(function*() {
      for (const options of [{}, { repair: false }, { repair: true, overrides: { cloud: { repair: false } } }]) {
        const cloud = TestProvider.script("cloud", [wrongType])
        const spare = TestProvider.script("spare", [good])
        const story = yield* Effect.provide(ask, chain([cloud, spare], options))
        assert.strictEqual(errorOf(story)?.reason._tag, "StructuredOutputError")
        assert.isFalse(ChainError.isNoAnswer(errorOf(story)))
        assert.strictEqual(spare.requests.length, 0)
      }
    }))

  it.effect("is not an answer at all if it has no text, and then only the error is shown", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [thought, good])
      const story = yield* Effect.provide(ask, chain([cloud], { repair: true }))
      assert.deepStrictEqual(valueOf(story), { name: "Oak", age: 300 })
      assert.deepStrictEqual(cloud.requests[1]?.prompt.content.map(({ role }) => role), ["user", "user"])
    }))

  it.effect("is still being repaired when the repair is retried", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [wrongType, TestProvider.failure(overloaded), good])
      const story = yield* Effect.provide(ask, chain([cloud], { repair: true }))
      assert.deepStrictEqual(valueOf(story), { name: "Oak", age: 300 })
      assert.deepStrictEqual(cloud.requests.map(({ prompt }) => prompt.content.length), [1, 3, 3])
    }))

  it.effect("is paid for: every round is in the ledger", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [wrongType, good])
      const ledger = yield* Usage.make()
      yield* Effect.provideService(Effect.provide(ask, chain([cloud], { repair: true })), Usage.Ledger, ledger)
      const { all } = yield* ledger.totals
      assert.deepInclude(all, { attempts: 2, failed: 1, succeeded: 1, inputTokens: 20 })
    }))

  it.effect("is nothing of a text's", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [noJson])
      const { text } = yield* LanguageModel.generateText({ prompt: "hello" }).pipe(
        Effect.provide(chain([cloud], { repair: true }))
      )
      assert.strictEqual(text, "An oak, and old")
    }))

  it("is refused in the options if it cannot be", () => {
    const make = (repair: unknown) =>
      `${Effect.runSyncExit(ProviderChain.make({ providers: [TestProvider.script("one", [])], repair } as never))}`
    assert.include(make({ rounds: 0 }), "repair.rounds")
    assert.include(make({ round: 1 }), "did you mean")
  })

  const Answer = Schema.Literals(["good", "wrongType", "noJson", "thought", "overloaded", "badKey"])
  const answers = {
    good,
    wrongType,
    noJson,
    thought,
    overloaded: TestProvider.failure(overloaded),
    badKey: TestProvider.failure(new AiError.AuthenticationError({ kind: "InvalidKey" }))
  }
  law(
    "M4, M15: a value fits its schema; rounds are bounded, each is told and paid for",
    {
      cloud: Schema.Array(Answer).check(Schema.isMaxLength(12)),
      spare: Schema.Array(Answer).check(Schema.isMaxLength(12)),
      rounds: Schema.Literals([1, 2]),
      times: Schema.Literals([0, 1])
    },
    ({ cloud, rounds, spare, times }, reach) =>
      Effect.gen(function*() {
        const provider = (name: string, script: typeof cloud) =>
          TestProvider.make(name, (_, index) => Effect.succeed(answers[script[index] ?? "good"]))
        const providers = [provider("cloud", cloud), provider("spare", spare)] as const
        const ledger = yield* Usage.make()
        const layer = chain(providers, { repair: { rounds }, retry: { times }, retryBudget: false })
        const story = yield* Effect.provideService(Effect.provide(ask, layer), Usage.Ledger, ledger)
        const sent = providers.flatMap(({ requests }) => requests)
        for (const { requests } of providers) assert.isAtMost(requests.length, 1 + times + rounds)
        const { all } = yield* ledger.totals
        assert.strictEqual(all.attempts, sent.length)
        const reported = [[cloud, providers[0]], [spare, providers[1]]] as const
        const whole = reported.flatMap(([script, { requests }]) =>
          requests.map((_, i) => script[i] ?? "good").filter((kind) => kind !== "overloaded" && kind !== "badKey")
        )
        assert.strictEqual(all.inputTokens, 10 * whole.length)
        if (Exit.isSuccess(story.exit)) {
          assert.deepStrictEqual(valueOf(story), { name: "Oak", age: 300 })
          if (whole.length > 1) reach("a value after one that did not fit")
        } else {
          assert.isTrue(ChainError.isNoAnswer(errorOf(story)))
        }
        // The prompt is followed by one broken answer at most, and by none at a provider that has given none.
        for (const { requests } of providers) {
          assert.strictEqual(requests[0]?.prompt.content.length ?? 1, 1)
          for (const { prompt } of requests) assert.isAtMost(prompt.content.length, 3)
        }
      }),
    { cases: 300, reaches: ["a value after one that did not fit"] }
  )
})
