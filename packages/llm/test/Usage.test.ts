import { assert, describe, it } from "@effect/vitest"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import type * as Provider from "@holdfast/llm/Provider"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
const spent = new AiError.QuotaExhaustedError({})
const badRequest = new AiError.InvalidRequestError({ description: "top_p must be at most 1" })

const usage = (inputTokens: object, outputTokens: object): TestProvider.Answer =>
  TestProvider.parts([
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "Hi" },
    { type: "text-end", id: "t" },
    { type: "finish", reason: "stop", usage: { inputTokens, outputTokens } }
  ])

const ask = LanguageModel.generateText({ prompt: "hello" })
const retry: ProviderChain.RetryOptions = { times: 2, backoff: Schedule.spaced("1 second") }

/** Runs an effect while the clock is moved on, a minute at a time, until it has ended. */
const elapse = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

describe("Usage", () => {
  it.effect("has an entry for each attempt, with its outcome, time and tokens", () =>
    Effect.gen(function*() {
      const cloud = TestProvider.script("cloud", [
        TestProvider.delay(TestProvider.failure(overloaded), "2 seconds"),
        TestProvider.failure(spent)
      ])
      const answer = usage({ total: 100, uncached: 60, cacheRead: 30, cacheWrite: 10 }, { total: 20, reasoning: 5 })
      const local = TestProvider.script("ollama", [answer], { location: "local", model: "llama3.2" })
      const ledger = yield* Usage.make()
      yield* ask.pipe(
        Effect.provide(ProviderChain.layer({ providers: [cloud, local], retry })),
        Effect.provideService(Usage.Ledger, ledger),
        elapse
      )
      const entries = yield* ledger.entries
      const common = { provider: "cloud", model: "test", location: "cloud", outcome: "failed" } as const
      assert.deepStrictEqual(entries.map(({ at: _at, ...entry }) => entry), [
        { ...common, attempt: 1, reason: "InternalProviderError", durationMillis: 2000 },
        { ...common, attempt: 2, reason: "QuotaExhaustedError", durationMillis: 0 },
        {
          provider: "ollama",
          model: "llama3.2",
          location: "local",
          outcome: "succeeded",
          attempt: 1,
          durationMillis: 0,
          inputTokens: 100,
          cacheReadTokens: 30,
          cacheWriteTokens: 10,
          outputTokens: 20,
          reasoningTokens: 5
        }
      ])
      const { all, byModel, byProvider } = yield* ledger.totals
      assert.deepStrictEqual(all, {
        attempts: 3,
        succeeded: 1,
        failed: 2,
        interrupted: 0,
        inputTokens: 100,
        cacheReadTokens: 30,
        cacheWriteTokens: 10,
        outputTokens: 20,
        reasoningTokens: 5,
        cost: 0,
        unpriced: 1,
        partial: 0
      })
      assert.deepStrictEqual(Object.keys(byModel), ["cloud/test", "ollama/llama3.2"])
      assert.strictEqual(byProvider["cloud"]?.failed, 2)
      assert.deepStrictEqual(byProvider["ollama"], Usage.sum(entries.slice(2)))
    }))

  it.effect("knows what an attempt cost, by the price of the model, or of the model at its provider", () =>
    Effect.gen(function*() {
      const answer = usage({ total: 1_000_000, cacheRead: 400_000, cacheWrite: 100_000 }, { total: 200_000 })
      const costs = (prices: Usage.Options["prices"]) =>
        Effect.gen(function*() {
          const ledger = yield* Usage.make({ prices })
          yield* Effect.provideService(ask, Usage.Ledger, ledger)
          return (yield* ledger.totals).all
        }).pipe(Effect.provide(ProviderChain.layerNoop(TestProvider.script("a", [answer], { model: "large" }))))
      const near = (total: Usage.Total, cost: number) => {
        assert.approximately(total.cost, cost, 1e-9)
        assert.strictEqual(total.unpriced, 0)
      }
      near(yield* costs({ large: { input: 2, output: 10 } }), 2 + 2)
      near(yield* costs({ large: { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5 } }), 1 + 0.08 + 0.25 + 2)
      near(yield* costs({ large: { input: 2, output: 10 }, "a/large": { input: 0, output: 0 } }), 0)
      assert.strictEqual((yield* costs({ small: { input: 2, output: 10 } })).unpriced, 1)
    }))

  it.effect("streams entries as they are written, and as lines of JSON that are read back", () =>
    Effect.gen(function*() {
      const ledger = yield* Usage.make({ prices: { test: { input: 1, output: 1 } } })
      const lines = yield* Usage.toJsonLines(ledger.stream).pipe(
        Stream.take(2),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const cloud = TestProvider.script("cloud", [TestProvider.failure(spent)])
      const spare = TestProvider.script("spare", [TestProvider.text("one two")])
      yield* ask.pipe(
        ChainEvent.observe(ledger.observer),
        Effect.provide(ProviderChain.layer({ providers: [cloud, spare] }))
      )
      const text = (yield* Fiber.join(lines)).join("")
      assert.isTrue(text.endsWith("\n"))
      const decode = Schema.decodeEffect(Schema.fromJsonString(Usage.Entry))
      const read = yield* Effect.forEach(text.trimEnd().split("\n"), (line) => decode(line))
      assert.deepStrictEqual(read, yield* ledger.entries)
      assert.strictEqual(read[1]?.cost, 12 / 1_000_000)
    }))

  it.effect("keeps the last entries, and the sums of all", () =>
    Effect.gen(function*() {
      const ledger = yield* Usage.make({ capacity: 3 })
      const cloud = TestProvider.make("cloud", (_, index) => Effect.succeed(usage({ total: index }, { total: 1 })))
      yield* Effect.repeat(Effect.asVoid(ask), { times: 9 }).pipe(
        Effect.provide(ProviderChain.layerNoop(cloud)),
        Effect.provideService(Usage.Ledger, ledger)
      )
      assert.deepStrictEqual((yield* ledger.entries).map((entry) => entry.inputTokens), [7, 8, 9])
      const { all } = yield* ledger.totals
      assert.deepInclude(all, { attempts: 10, inputTokens: 45, outputTokens: 10 })
    }))

  it.effect("is written once, into the ledger of the request or else into that of the chain", () =>
    Effect.gen(function*() {
      const own = yield* Usage.make()
      const other = yield* Usage.make()
      const cloud = TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("Hi")))
      const chain = Layer.provide(ProviderChain.layer({ providers: [cloud] }), Layer.succeed(Usage.Ledger, own))
      yield* Effect.gen(function*() {
        yield* ask
        yield* Effect.provideService(ask, Usage.Ledger, own)
        yield* Effect.provideService(ask, Usage.Ledger, other)
      }).pipe(Effect.provide(chain))
      assert.strictEqual((yield* own.totals).all.attempts, 2)
      assert.strictEqual((yield* other.totals).all.attempts, 1)
    }))

  it.effect("has an entry for an attempt that a defect or its caller ended", () =>
    Effect.gen(function*() {
      const ledger = yield* Usage.make()
      const broken = TestProvider.make("broken", () => Effect.die(new Error("bug")))
      const silent = TestProvider.script("silent", [TestProvider.stall([], 0)])
      yield* Effect.gen(function*() {
        yield* ask.pipe(Effect.provide(ProviderChain.layer({ providers: [broken] })), Effect.exit)
        const fiber = yield* ask.pipe(
          Effect.provide(ProviderChain.layer({ providers: [silent] })),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("3 seconds")
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.provideService(Usage.Ledger, ledger))
      const entries = yield* ledger.entries
      assert.deepStrictEqual(
        entries.map(({ durationMillis, outcome, provider }) => [provider, outcome, durationMillis]),
        [["broken", "interrupted", 0], ["silent", "interrupted", 3000]]
      )
    }))

  it("rejects invalid options", () => {
    assert.throws(() => Usage.make({ capacity: 0 }), RangeError, "capacity must be a whole number")
    assert.throws(
      () => Usage.make({ prices: { m: { input: -1, output: 0 } } }),
      RangeError,
      "prices.m.input must be a number of 0 or more"
    )
  })
})

// -----------------------------------------------------------------------------
// The law
// -----------------------------------------------------------------------------

const Tokens = Schema.Struct({ input: Schema.Literals([0, 3, 700]), output: Schema.Literals([0, 5, 90]) })
type Tokens = typeof Tokens.Type

/** What becomes of an answer of three words, by where it ends and how. */
const Attempt = Schema.Struct({
  tokens: Tokens,
  words: Schema.Boolean,
  at: Schema.Literals([0, 1, 2, 3, 4, 5, 6]),
  ending: Schema.Literals(["end", "overloaded", "spent", "refused", "stall", "die"])
})

const answerOf = ({ at, ending, tokens, words }: typeof Attempt.Type): TestProvider.Answer => {
  const whole = TestProvider.parts([
    { type: "text-start", id: "t" },
    ...words
      ? ["a ", "b ", "c"].map((delta): Response.StreamPartEncoded => ({ type: "text-delta", id: "t", delta }))
      : [],
    { type: "text-end", id: "t" },
    {
      type: "finish",
      reason: "stop",
      usage: { inputTokens: { total: tokens.input }, outputTokens: { total: tokens.output } }
    }
  ])
  switch (ending) {
    case "end":
      return TestProvider.truncate(whole, at)
    case "stall":
      return TestProvider.stall(whole, at)
    case "overloaded":
      return TestProvider.cut(whole, at, overloaded)
    case "spent":
      return TestProvider.cut(whole, at, spent)
    case "refused":
    case "die":
      return TestProvider.cut(whole, at, badRequest)
  }
}

/** Counts by itself what a provider reports, however its answer ends. */
const counted = (provider: TestProvider.TestProvider) => {
  const reported = { input: 0, output: 0 }
  const count = (part: { readonly type: string }) => {
    if (part.type !== "finish") return
    const { usage } = part as Response.FinishPartEncoded
    reported.input += usage.inputTokens.total ?? 0
    reported.output += usage.outputTokens.total ?? 0
  }
  const spy: Provider.Provider = {
    ...provider,
    generateText: (request) =>
      Effect.tap(provider.generateText(request), (parts) => Effect.sync(() => parts.forEach(count))),
    streamText: (request) => Stream.tap(provider.streamText(request), (part) => Effect.sync(() => count(part)))
  }
  return { reported, spy }
}

law(
  "M10: the ledger's sum is the reported usage, and it has an entry for every request that was sent",
  {
    scripts: Schema.Array(Attempt),
    requests: Schema.Array(Schema.Struct({
      how: Schema.Literals(["whole", "streamed", "left"]),
      after: Schema.Literals([0, 1, 2, 3, 4, 5])
    }))
  },
  ({ requests, scripts }) =>
    Effect.gen(function*() {
      let next = 0
      const play = (name: string) =>
        TestProvider.make(name, () =>
          Effect.suspend(() => {
            const attempt = scripts[next++]
            if (attempt === undefined) return Effect.succeed(TestProvider.text("one two"))
            return attempt.ending === "die" && attempt.at < 2
              ? Effect.die(new Error("bug"))
              : Effect.succeed(answerOf(attempt))
          }))
      const providers = [play("a"), play("b")] as const
      const [a, b] = [counted(providers[0]), counted(providers[1])]
      const ledger = yield* Usage.make({ capacity: 2 })
      yield* Effect.forEach(requests, ({ after, how }) => {
        const stream = LanguageModel.streamText({ prompt: "hello" })
        const run = how === "whole"
          ? Effect.asVoid(ask)
          : how === "streamed"
          ? Stream.runDrain(stream)
          : Stream.runDrain(Stream.take(stream, after))
        return Effect.exit(elapse(run))
      }).pipe(
        Effect.provide(ProviderChain.layer({ providers: [a.spy, b.spy], retry, cooldown: 0 })),
        Effect.provideService(Usage.Ledger, ledger)
      )
      const { all, byProvider } = yield* ledger.totals
      assert.strictEqual(all.inputTokens, a.reported.input + b.reported.input)
      assert.strictEqual(all.outputTokens, a.reported.output + b.reported.output)
      assert.strictEqual(byProvider["a"]?.inputTokens ?? 0, a.reported.input)
      assert.strictEqual(byProvider["b"]?.outputTokens ?? 0, b.reported.output)
      assert.strictEqual(all.attempts, providers[0].requests.length + providers[1].requests.length)
      assert.strictEqual(all.attempts, all.succeeded + all.failed + all.interrupted)
    }),
  { cases: 1_000 }
)
