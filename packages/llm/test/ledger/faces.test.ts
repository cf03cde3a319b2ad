/** A ledger in SQLite on a bad day: locked, full, and written by several processes. No request fails or waits for it, and nothing is lost. */
import { assert, describe, it } from "@effect/vitest"
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { fork } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { ask, run } from "./contract.ts"

const fileOf = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "holdfast-faces-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  ),
  (folder) => join(folder, "usage.db")
)

const logged = () => {
  const messages: Array<string> = []
  const layer = Logger.layer([Logger.make(({ message }) => {
    const [text] = Array.isArray(message) ? message : [message]
    messages.push(String(text))
  })])
  return { messages, layer }
}

const attempts = Effect.map(UsageSql.sumBy("provider"), (sums) => sums.get("cloud")?.attempts ?? 0)

const until = (count: number) =>
  attempts.pipe(
    Effect.filterOrFail((found) => found === count),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("20 seconds")
  )

const away = "llm: the ledger cannot write to its database: entries wait until it can"
const back = "llm: the ledger writes to its database again"

describe("a ledger in SQLite", () => {
  it.live("that another program has locked, at the start and later, lets requests go on, and tells it once", () =>
    Effect.gen(function*() {
      const filename = yield* fileOf
      const log = logged()
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename)),
        (database) => Effect.sync(() => database.close())
      )
      other.exec("CREATE TABLE other (id INTEGER)")
      other.exec("BEGIN EXCLUSIVE")
      yield* run(
        Effect.gen(function*() {
          const [took] = yield* Effect.timed(Effect.forEach([1, 2, 3, 4, 5], () => ask))
          assert.isBelow(Duration.toMillis(took), 1_000)
          yield* Effect.sleep("2 seconds")
          other.exec("COMMIT")
          yield* until(5)
          other.exec("BEGIN IMMEDIATE")
          yield* ask
          yield* Effect.sleep("2 seconds")
          // A reader does not wait for the writer.
          assert.strictEqual(yield* attempts, 5)
          other.exec("COMMIT")
          yield* until(6)
        }),
        { flushEvery: 10 }
      ).pipe(Effect.provide([SqliteClient.layer({ filename }), log.layer]))
      assert.deepStrictEqual(log.messages, [away, back, away, back])
    }).pipe(Effect.scoped))

  it.live("without room on its disk keeps its entries until there is room, and says how many are lost if there never is", () =>
    Effect.gen(function*() {
      const filename = yield* fileOf
      const log = logged()
      const full = Effect.flatMap(SqlClient, (sql) => sql`PRAGMA max_page_count = 1`)
      const roomy = Effect.flatMap(SqlClient, (sql) => sql`PRAGMA max_page_count = 1000000`)
      const fill = Effect.flatMap(SqlClient, (sql) => sql`CREATE TABLE filler AS SELECT randomblob(3000) AS data`)
      const many = Effect.forEach(Array.from({ length: 300 }), () => ask)
      yield* run(
        Effect.gen(function*() {
          yield* ask
          yield* until(1)
          yield* fill
          yield* full
          const [took] = yield* Effect.timed(many)
          assert.isBelow(Duration.toMillis(took), 5_000)
          yield* Effect.sleep("2 seconds")
          assert.isBelow(yield* attempts, 301)
          yield* roomy
          yield* until(301)
          yield* full
          yield* many
          yield* many
        }),
        { flushEvery: 10, closeWithin: "500 millis", queue: 400 }
      ).pipe(Effect.provide([SqliteClient.layer({ filename }), log.layer]))
      const told = log.messages.join("\n")
      assert.include(told, away)
      const written = yield* Effect.provide(attempts, SqliteClient.layer({ filename, readonly: true }))
      const [, left = "0"] = /ends with (\d+) entries/u.exec(told) ?? []
      const lost = [...told.matchAll(/has lost (\d+) entr(?:y|ies)/gu)].reduce(
        (sum, [, count]) => sum + Number(count),
        0
      )
      // Each of the 901 is in the table, or told as lost.
      assert.strictEqual(written + Number(left) + lost, 901, told)
    }).pipe(Effect.scoped))

  it.live("has every entry of several processes that write at the same time, once", () =>
    Effect.gen(function*() {
      const filename = yield* fileOf
      const program = fileURLToPath(new URL("writer.ts", import.meta.url))
      const codes = yield* Effect.promise(() =>
        Promise.all(
          [1, 2, 3].map(() => once(fork(program, [filename, "60"]), "exit").then(([code]) => code as unknown))
        )
      )
      assert.deepStrictEqual(codes, [0, 0, 0])
      assert.strictEqual(yield* Effect.provide(attempts, SqliteClient.layer({ filename, readonly: true })), 180)
    }).pipe(Effect.scoped), 60_000)
})
