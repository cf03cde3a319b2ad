/** What a ledger in a database promises, whichever database. */
import { assert, describe, it } from "@effect/vitest"
import * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as TestProvider from "@holdfast/llm/testing/TestProvider"
import * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Table from "../../src/internal/ledger/table.ts"

export const ask = LanguageModel.generateText({ prompt: "hello" })

/** A chain that answers everything, each answer of 12 tokens. */
export const chain = ProviderChain.layer({
  providers: [TestProvider.make("cloud", () => Effect.succeed(TestProvider.text("one two")))]
})

/** Runs requests with a ledger in the database of the context, and waits until the ledger has ended. */
export const run = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options?: UsageSql.Options
): Effect.Effect<A, E, Exclude<R, LanguageModel.LanguageModel | Usage.Ledger> | SqlClient> =>
  Effect.provide(program, Layer.provideMerge(chain, UsageSql.layer(options)))

const Tokens = Schema.optionalKey(Schema.Literals([0, 1, 12, 1_000_000_000, 2 ** 40]))
const odd = [
  "42",
  "",
  "half \ud83d",
  "a\u0000b",
  "x".repeat(5000),
  "it's",
  "a \"b\" \\ c",
  "ünïcödé ☃",
  "$.x",
  "null",
  "line\nbreak"
] as const
const tags = ["user", "it's", "a.b", "\"quoted\"", "$", "ünïcödé", "tag with spaces", "back\\slash"] as const

/** Entries of every shape. */
export const Entries = Schema.Array(
  Schema.Struct({
    at: Schema.Literals([0, 86_399_999, 86_400_000, 1_790_000_000_000, 1_790_000_000_001]),
    provider: Schema.Literals(["openai", "o'brien", "ollama"]),
    model: Schema.Literals(["gpt-5", "openai/gpt-oss-120b"]),
    location: Schema.Literals(["cloud", "local"]),
    attempt: Schema.Literals([1, 2]),
    outcome: Schema.Literals(["succeeded", "failed", "interrupted"]),
    reason: Schema.optionalKey(Schema.Literals(["RateLimitError"])),
    durationMillis: Schema.Literals([0, 0.5, 1200]),
    inputTokens: Tokens,
    cacheReadTokens: Tokens,
    cacheWriteTokens: Tokens,
    outputTokens: Tokens,
    reasoningTokens: Tokens,
    inputAudioTokens: Tokens,
    outputImageTokens: Tokens,
    tier: Schema.optionalKey(Schema.Literals(["flex"])),
    partial: Schema.optionalKey(Schema.Literal(true)),
    cost: Schema.optionalKey(Schema.Literals([0, 0.25, 1e-6])),
    tags: Schema.optionalKey(Schema.Record(Schema.Literals(tags), Schema.Literals(odd)))
  })
)

const groupings: ReadonlyArray<Usage.By> = ["day", "provider", "model", "operation", ...tags.map((tag) => ({ tag }))]

const near = (a: Usage.Total, b: Usage.Total) => {
  assert.closeTo(a.cost, b.cost, 1e-9)
  assert.deepStrictEqual({ ...a, cost: 0 }, { ...b, cost: 0 })
}

/** The database sums up as the ledger in memory does. */
export const sumsAgree = (entries: ReadonlyArray<Usage.Entry>, table: string) =>
  Effect.gen(function*() {
    yield* Table.migrate(table)
    const [first, ...rest] = entries.map((entry, i) => ({ id: `${i}`, entry }))
    if (first !== undefined) yield* Table.insert(table, [first, ...rest])
    for (const by of groupings) {
      for (const range of [{}, { since: 86_400_000 }, { until: 86_400_000 }, { since: 1, until: 1_790_000_000_001 }]) {
        const { since = -Infinity, until = Infinity }: UsageSql.Range = range
        const within = entries.filter(({ at }) => at >= since && at < until)
        const expected = new Map(
          Array.from(
            Usage.sumBy(within, by),
            ([group, total]) => [group === undefined ? group : Table.storable(group), total]
          )
        )
        const sums = yield* UsageSql.sumBy(by, { ...range, table })
        assert.sameMembers([...sums.keys()], [...expected.keys()])
        for (const [group, total] of sums) near(total, expected.get(group) ?? Usage.zero)
      }
    }
  })

/** Runs the contract; `fresh` gives each test a database of its own. */
export const contract = (name: string, fresh: Layer.Layer<SqlClient, SqlError>) =>
  describe(`The ledger in ${name}`, () => {
    const test = (title: string, program: () => Effect.Effect<void, unknown, SqlClient>) =>
      it.effect(title, () => Effect.provide(Effect.suspend(program), fresh))

    test("has every entry when its scope has ended, summed up by tag", () =>
      Effect.gen(function*() {
        const users = ["1", "2", "2", "3", "3", "3"]
        const memory = yield* run(
          Effect.gen(function*() {
            yield* Effect.forEach(users, (user) => Usage.withTags(ask, { user }), { concurrency: 3 })
            return yield* (yield* Usage.Ledger).totals
          }),
          { prices: { test: { input: 1, output: 1 } }, batch: 4, table: "ended" }
        )
        const sums = yield* UsageSql.sumBy({ tag: "user" }, { table: "ended" })
        assert.deepStrictEqual([...sums].map(([user, { attempts }]) => [user, attempts]), [["1", 1], ["2", 2], [
          "3",
          3
        ]])
        const [all = Usage.zero] = (yield* UsageSql.sumBy("provider", { table: "ended" })).values()
        near(all, memory.all)
        assert.closeTo(all.cost, 6 * 12e-6, 1e-12)
      }))

    test("goes on in a table that is there", () =>
      Effect.gen(function*() {
        yield* run(ask, { table: "again" })
        yield* run(Effect.andThen(ask, ask), { table: "again" })
        const [total] = (yield* UsageSql.sumBy("model", { table: "again" })).values()
        assert.strictEqual(total?.attempts, 3)
      }))

    test("sums up in the database as in memory, whatever is in an entry", () =>
      Effect.gen(function*() {
        const samples = yield* Arbitrary.sampleEffect(Arbitrary.schema(Entries), { count: 5, seed: name })
        for (const [i, entries] of samples.entries()) yield* sumsAgree(entries, `sums_${i}`)
      }))

    test("goes on in a table of an older version, and reads one that it may not change", () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        yield* run(ask, { table: "older" })
        for (
          const column of [
            "operation",
            "is_partial",
            "tier",
            "input_audio_tokens",
            "input_image_tokens",
            "output_audio_tokens",
            "output_image_tokens"
          ]
        ) {
          yield* sql`ALTER TABLE ${sql("older")} DROP COLUMN ${sql(column)}`
        }
        yield* sql`DELETE FROM ${sql("older_migrations")} WHERE migration_id >= 2`
        const attempts = Effect.map(
          UsageSql.sumBy("provider", { table: "older" }),
          (sums) => [sums.get("cloud")?.attempts, sums.get("cloud")?.partial]
        )
        assert.deepStrictEqual(yield* attempts, [1, 0])
        const byOperation = Effect.map(
          UsageSql.sumBy("operation", { table: "older" }),
          (sums) => Array.from(sums, ([operation, { attempts }]) => [operation, attempts])
        )
        assert.deepStrictEqual(yield* byOperation, [["chat", 1]])
        yield* run(ask, { table: "older" })
        assert.deepStrictEqual(yield* attempts, [2, 0])
        assert.deepStrictEqual(yield* byOperation, [["chat", 2]])
      }))

    test("writes an entry once that is written again", () =>
      Effect.gen(function*() {
        yield* Table.migrate("once")
        const entry: Usage.Entry = {
          at: 0,
          provider: "a",
          model: "m",
          location: "cloud",
          attempt: 1,
          outcome: "succeeded",
          durationMillis: 1
        }
        yield* Table.insert("once", [{ id: "1", entry }, { id: "2", entry }])
        yield* Table.insert("once", [{ id: "2", entry }, { id: "3", entry }])
        assert.strictEqual((yield* UsageSql.sumBy("day", { table: "once" })).get("1970-01-01")?.attempts, 3)
      }))
  })
