import { assert, describe, it } from "@effect/vitest"
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import * as Usage from "@holdfast/llm/Usage"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as TestClock from "effect/testing/TestClock"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { law } from "../../../../vitest.law.ts"
import { ask, chain, contract, Entries, run, sumsAgree } from "./contract.ts"

const memory = SqliteClient.layer({ filename: ":memory:" })

contract("SQLite", memory)

law(
  "The ledger in SQLite sums up as the one in memory, whatever is in an entry",
  { entries: Entries },
  ({ entries }) => Effect.provide(sumsAgree(entries, "usage"), memory, { local: true }),
  { cases: 25 }
)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-ledger-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** What the log says. */
const logged = () => {
  const messages: Array<string> = []
  const layer = Logger.layer([Logger.make(({ message }) => messages.push(String(message)))])
  return { messages, layer }
}

const refused = new SqlError({ reason: new ConnectionError({ cause: undefined, message: "connection refused" }) })

/** A client whose inserts do as `insert` says, given the real one. */
const broken = (insert: (real: Effect.Effect<unknown, SqlError>) => Effect.Effect<unknown, SqlError>) =>
  Layer.effect(
    SqlClient,
    Effect.map(SqlClient, (sql): SqlClient => {
      const tag = (strings: TemplateStringsArray, ...values: ReadonlyArray<never>) => {
        const statement = sql(strings, ...values)
        return strings[0]?.startsWith("INSERT INTO ") && strings.at(-1)?.includes("ON CONFLICT")
          ? insert(statement)
          : statement
      }
      const client: SqlClient = Object.assign(tag, sql, { withoutTransforms: () => client }) as unknown as SqlClient
      return client
    })
  ).pipe(Layer.provideMerge(memory))

/** A chain with its ledger over a database. */
const over = <E>(database: Layer.Layer<SqlClient, E>, options?: UsageSql.Options) =>
  Layer.provideMerge(Layer.provideMerge(chain, UsageSql.layer(options)), database)

const all = Effect.map(UsageSql.sumBy("provider"), (sums) => sums.get("cloud")?.attempts ?? 0)

describe("UsageSql.layer", () => {
  it.effect("keeps the ledger in a file, and reads it in the next process", () =>
    Effect.gen(function*() {
      const filename = join(yield* folder, "usage.db")
      const file = SqliteClient.layer({ filename })
      yield* Effect.provide(run(ask), file, { local: true })
      yield* Effect.provide(run(ask), file, { local: true })
      const readonly = SqliteClient.layer({ filename, readonly: true })
      assert.strictEqual(yield* Effect.provide(all, readonly, { local: true }), 2)
    }))

  it.effect("writes in the background: a batch when its first entry has waited", () =>
    Effect.gen(function*() {
      let inserts = 0
      const counting = broken((real) => Effect.tap(real, () => Effect.sync(() => inserts++)))
      yield* Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3], () => ask)
        assert.strictEqual(inserts, 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(inserts, 1)
        assert.strictEqual(yield* all, 3)
      }).pipe(Effect.provide(over(counting)))
    }))

  it.effect("lets no request wait for a database that never answers, and ends in time", () =>
    Effect.gen(function*() {
      const log = logged()
      const fiber = yield* run(Effect.forEach([1, 2, 3], () => ask), { closeWithin: "3 seconds" }).pipe(
        Effect.provide(Layer.merge(broken(() => Effect.never), log.layer)),
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* Fiber.join(fiber), 3)
      assert.include(log.messages.join("\n"), "the ledger ends with 3 entries not in the database")
    }))

  it.effect("goes on when the database is back, and tells both once", () =>
    Effect.gen(function*() {
      const log = logged()
      let down = true
      const flaky = broken((real) => Effect.suspend(() => down ? Effect.fail(refused) : real))
      yield* Effect.gen(function*() {
        yield* ask
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* all, 0)
        down = false
        yield* ask
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* all, 2)
      }).pipe(Effect.provide(Layer.provideMerge(over(flaky), log.layer)))
      assert.lengthOf(log.messages, 2)
      assert.include(log.messages[0], "the ledger cannot write to its database")
      assert.include(log.messages[1], "writes to its database again")
    }))

  it.effect("writes each entry once, though the database's answer is lost", () =>
    Effect.gen(function*() {
      let answers = 0
      const deaf = broken((real) => Effect.flatMap(real, () => answers++ < 2 ? Effect.fail(refused) : Effect.void))
      yield* Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3], () => ask)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(answers, 3)
        assert.strictEqual(yield* all, 3)
      }).pipe(Effect.provide(over(deaf)))
    }))

  it.effect("holds a bounded number of entries, and says how many it has lost", () =>
    Effect.gen(function*() {
      const log = logged()
      let down = true
      const flaky = broken((real) => Effect.suspend(() => down ? Effect.fail(refused) : real))
      yield* Effect.gen(function*() {
        yield* Effect.forEach([1, 2, 3, 4, 5], () => ask)
        down = false
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* all, 3)
        assert.strictEqual((yield* (yield* Usage.Ledger).totals).all.attempts, 5)
      }).pipe(Effect.provide(Layer.provideMerge(over(flaky, { queue: 3 }), log.layer)))
      assert.include(log.messages.join("\n"), "the ledger has lost 2 entries")
    }))

  it("rejects invalid options, by path", () => {
    assert.throws(
      () => UsageSql.layer({ table: "x; DROP TABLE y", batch: 0, queue: 0, prices: { m: { input: -1, output: 0 } } }),
      RangeError,
      /table.*batch.*queue|prices\.m\.input/su
    )
  })
})

describe("SqliteClient", () => {
  it.effect("fails with a reason where the file is not a database, or is not there", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const other = join(place, "other.db")
      writeFileSync(other, "this is a text and no database, though it has the right name")
      const open = (filename: string, readonly: boolean) =>
        Effect.exit(
          Effect.provide(Effect.asVoid(SqlClient), SqliteClient.layer({ filename, readonly }), { local: true })
        )
      assert.isTrue(Exit.isFailure(yield* open(other, false)))
      assert.isTrue(Exit.isFailure(yield* open(join(place, "missing.db"), true)))
      assert.isTrue(Exit.isFailure(yield* open(join(place, "no/folder.db"), false)))
    }))

  it.effect("rolls a transaction back, and runs one after the other", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE t (x INTEGER)`
      yield* Effect.exit(sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (1)`, Effect.fail("no"))))
      yield* Effect.all(
        Array.from({ length: 10 }, (_, x) =>
          sql.withTransaction(Effect.andThen(sql`INSERT INTO t VALUES (${x})`, Effect.yieldNow))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual((yield* sql`SELECT COUNT(*) AS n FROM t`)[0], { n: 10 })
      assert.lengthOf(yield* sql`SELECT * FROM t`.values, 10)
    }).pipe(Effect.provide(memory)))
})
