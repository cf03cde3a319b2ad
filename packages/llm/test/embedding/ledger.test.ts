/** Embeddings in the ledger, in budgets, in events, in metrics and in spans. */
import { assert, describe, it } from "@effect/vitest"
import * as Deadline from "@holdfast/core/Deadline"
import * as Budgets from "@holdfast/llm/Budgets"
import * as ChainError from "@holdfast/llm/ChainError"
import * as ChainEvent from "@holdfast/llm/ChainEvent"
import * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import * as OpenAiEmbedding from "@holdfast/llm/OpenAiEmbedding"
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import { recorder } from "../../../../vitest.tracer.ts"
import { elapse } from "../chain/asking.ts"

/** A member whose vectors take a token a letter. Its script says which requests fail. */
const member = (
  name: string,
  fails: ReadonlyArray<AiError.AiErrorReason | undefined> = [],
  location: "cloud" | "local" = "cloud"
) => {
  const asked: Array<ReadonlyArray<string>> = []
  const embedder = Effect.map(
    EmbeddingModel.make({
      embedMany: ({ inputs }) =>
        Effect.suspend(() => {
          const reason = fails[asked.length]
          asked.push(inputs)
          return reason === undefined
            ? Effect.succeed({
              results: inputs.map(({ length }) => [length, 1]),
              usage: { inputTokens: inputs.join("").length }
            })
            : Effect.fail(AiError.make({ module: name, method: "embedMany", reason }))
        })
    }),
    (model): EmbeddingChain.Embedder => ({ ...model, name, model: "m", location, dimensions: undefined })
  )
  return { embedder, asked }
}

const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })
const prices = { m: { input: 2, output: 0 } }

const events = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const seen: Array<ChainEvent.ChainEvent> = []
    return Effect.map(ChainEvent.observe(self, (event) => seen.push(event)), () => seen)
  })

describe("embeddings in the ledger", () => {
  it.effect("have an entry for every attempt, with tokens, cost and tags", () =>
    Effect.gen(function*() {
      const [a, b] = [member("a", [badKey]), member("b")]
      const model = yield* EmbeddingChain.make({ members: [a.embedder, b.embedder] })
      const told = yield* events(model.embedMany(["aa", "bbb"]).pipe(Usage.withTags({ user: "42" })))
      const { entries, totals } = yield* Usage.Ledger
      assert.deepStrictEqual(
        (yield* entries).map(({ cost, inputTokens, operation, outcome, outputTokens, provider, reason, tags }) => ({
          cost,
          inputTokens,
          operation,
          outcome,
          outputTokens,
          provider,
          reason,
          tags
        })),
        [
          {
            provider: "a",
            operation: "embeddings",
            outcome: "failed",
            reason: "AuthenticationError",
            inputTokens: undefined,
            outputTokens: undefined,
            cost: undefined,
            tags: { user: "42" }
          },
          {
            provider: "b",
            operation: "embeddings",
            outcome: "succeeded",
            reason: undefined,
            inputTokens: 5,
            outputTokens: undefined,
            cost: 0.00001,
            tags: { user: "42" }
          }
        ]
      )
      assert.strictEqual((yield* totals).all.inputTokens, 5)
      assert.deepStrictEqual(
        told.map(({ _tag, operation, provider, tags }) => [_tag, provider, operation, tags?.["user"]]),
        [
          ["AttemptStarted", "a", "embeddings", "42"],
          ["AttemptFailed", "a", "embeddings", "42"],
          ["AttemptStarted", "b", "embeddings", "42"],
          ["AttemptSucceeded", "b", "embeddings", "42"]
        ]
      )
      const skipped = yield* events(model.embed("c"))
      assert.deepStrictEqual(skipped.map(({ _tag, provider }) => `${provider} ${_tag}`), [
        "a ProviderSkipped",
        "b AttemptStarted",
        "b AttemptSucceeded"
      ])
    }).pipe(Effect.provide(Usage.layer({ prices }))))

  it.effect("tell that all have failed, with every attempt", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingChain.make({
        members: [member("a", [badKey]).embedder, member("b", [badKey]).embedder]
      })
      const error = yield* Effect.flip(model.embed("text"))
      assert.isTrue(ChainError.isNoAnswer(error))
      if (ChainError.isNoAnswer(error)) {
        assert.deepStrictEqual(error.attempts.map(({ provider }) => provider), ["a", "b"])
        assert.strictEqual(error.method, "embedMany")
      }
    }))

  it.effect("count the batches that were billed before one failed", () =>
    Effect.gen(function*() {
      let sent = 0
      const server = HttpClient.make((request) =>
        Effect.sync(() =>
          HttpClientResponse.fromWeb(
            request,
            ++sent === 2
              ? Response.json({ error: { message: "no", type: "invalid_request_error" } }, { status: 401 })
              : Response.json({ data: [{ index: 0, embedding: [1, 0] }], usage: { prompt_tokens: 7 } })
          )
        )
      )
      const make = (name: string) => OpenAiEmbedding.make({ preset: "openai", name, model: "m", batchSize: 1 })
      const model = yield* EmbeddingChain.make({ members: [make("one"), make("two")], retry: false }).pipe(
        Effect.provideService(HttpClient.HttpClient, server)
      )
      yield* model.embedMany(["a", "b"])
      const entries = yield* Effect.flatMap(Usage.Ledger, ({ entries }) => entries)
      assert.deepStrictEqual(
        entries.map(({ cost, inputTokens, partial, provider }) => [provider, inputTokens, partial, cost]),
        [["one", 7, true, 0.000014], ["two", 14, undefined, 0.000028]]
      )
    }).pipe(Effect.provide(Usage.layer({ prices }))))

  it.effect("are charged to the tags of each call, although calls at the same time are sent together", () =>
    Effect.gen(function*() {
      const a = member("a")
      const model = yield* EmbeddingChain.make({ members: [a.embedder] })
      const embed = (user: string, text: string) => Usage.withTags(model.embed(text), { user })
      const vectors = yield* Effect.all(
        [embed("1", "a"), embed("2", "bb"), embed("1", "ccc"), embed("2", "dddd")],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(vectors.map(({ vector }) => vector[0]), [1, 2, 3, 4])
      assert.deepStrictEqual(a.asked.toSorted(), [["a", "ccc"], ["bb", "dddd"]])
      const entries = yield* Effect.flatMap(Usage.Ledger, ({ entries }) => entries)
      assert.deepStrictEqual(
        entries.map(({ inputTokens, tags }) => [tags?.["user"], inputTokens]).toSorted(),
        [["1", 4], ["2", 6]]
      )
    }).pipe(Effect.provide(Usage.layer())))

  it.effect("are held by a budget, of tokens and of cost, and cost nothing at a local server", () =>
    Effect.gen(function*() {
      const cloud = yield* EmbeddingChain.make({ members: [member("cloud").embedder] })
      const local = yield* EmbeddingChain.make({ members: [member("local", [], "local").embedder] })
      const text = "x".repeat(400)
      yield* Usage.withTags(cloud.embed(text), { user: "42" })
      const error = yield* Effect.flip(Usage.withTags(cloud.embed(text), { user: "42" }))
      assert.isTrue(ChainError.isBudgetSpent(error) && error.budget.sum === 400 && error.budget.value === "42")
      yield* Usage.withTags(cloud.embed(text), { tenant: "a" })
      const spent = yield* Effect.flip(Usage.withTags(cloud.embed(text), { tenant: "a" }))
      assert.isTrue(ChainError.isBudgetSpent(spent) && spent.budget.unit === "cost", String(spent))
      yield* Usage.withTags(local.embed(text), { tenant: "b" })
      yield* Usage.withTags(local.embed(text), { tenant: "b" })
    }).pipe(
      Effect.provide(
        Budgets.layer({
          prices: { "cloud/m": { input: 2, output: 1000 } },
          budgets: [
            { by: "user", limit: { tokens: 450 }, window: "1 day" },
            { by: "tenant", limit: { cost: 0.0009 }, window: "1 day" }
          ]
        })
      )
    ))

  it.effect("are in the table of a database, which an older ledger has made", () =>
    Effect.gen(function*() {
      const model = yield* EmbeddingChain.make({ members: [member("a").embedder] })
      yield* model.embed("four").pipe(Effect.provide(UsageSql.layer({ prices })))
      const sums = yield* UsageSql.sumBy("model")
      assert.strictEqual(sums.get("a/m")?.inputTokens, 4)
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" }))))

  it.effect("have a span and metrics of their own operation", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recorder()
      yield* Effect.gen(function*() {
        const model = yield* EmbeddingChain.make({ members: [member("a").embedder] })
        yield* model.embedMany(["four"])
        const found = (yield* Metric.snapshot).filter(({ id }) => id.startsWith("gen_ai."))
        assert.deepStrictEqual(
          found.map(({ attributes, id }) => [id, attributes?.["gen_ai.operation.name"]]).toSorted(),
          [["gen_ai.client.operation.duration", "embeddings"], ["gen_ai.client.token.usage", "embeddings"]]
        )
      }).pipe(
        Effect.provideService(Tracer.Tracer, tracer),
        Effect.provideService(Metric.MetricRegistry, new Map())
      )
      const span = spans.find(({ name }) => name === "embeddings m")
      assert.deepStrictEqual(Object.fromEntries(span?.attributes ?? []), {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "a",
        "gen_ai.request.model": "m",
        "holdfast.llm.attempt": 1,
        "gen_ai.usage.input_tokens": 4
      })
    }))

  it.effect("ask the next beside one that is late", () =>
    Effect.gen(function*() {
      const late = Effect.map(
        EmbeddingModel.make({ embedMany: () => Effect.never }),
        (model): EmbeddingChain.Embedder => ({
          ...model,
          name: "late",
          model: "m",
          location: "cloud",
          dimensions: undefined
        })
      )
      const model = yield* EmbeddingChain.make({
        members: [late, member("b").embedder],
        hedge: { after: "10 millis" }
      })
      const told = yield* elapse(events(model.embed("text")))
      assert.deepStrictEqual(told.map(({ _tag, provider }) => `${provider} ${_tag}`), [
        "late AttemptStarted",
        "late ProviderHedged",
        "b AttemptStarted",
        "late AttemptInterrupted",
        "b AttemptSucceeded"
      ])
    }))

  it.effect("go to the next member when one has not answered in time", () =>
    Effect.gen(function*() {
      const silent = Effect.map(
        EmbeddingModel.make({ embedMany: () => Effect.never }),
        (model): EmbeddingChain.Embedder => ({
          ...model,
          name: "silent",
          model: "m",
          location: "cloud",
          dimensions: undefined
        })
      )
      const model = yield* EmbeddingChain.make({
        members: [silent, member("b").embedder],
        timeouts: { answer: "3 seconds" },
        retry: false
      })
      const [took] = yield* elapse(Effect.timed(model.embed("text")))
      assert.strictEqual(Duration.toMillis(took), 3000)
    }))

  it.effect("are sent together only where they have the same deadline", () =>
    Effect.gen(function*() {
      const a = member("a")
      const model = yield* EmbeddingChain.make({ members: [a.embedder] })
      const by = (deadline: number, text: string) =>
        Effect.provideService(model.embed(text), Deadline.Deadline, deadline)
      yield* Effect.all([by(60_000, "a"), by(1_000, "b"), by(60_000, "c")], { concurrency: "unbounded" })
      assert.deepStrictEqual(a.asked.toSorted(), [["a", "c"], ["b"]])
    }))
})
