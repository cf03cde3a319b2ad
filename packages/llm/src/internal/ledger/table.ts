/**
 * The table of a ledger in SQL: how it is made, how entries are written to it, and how it is summed up.
 *
 * Guarded by `test/ledger/UsageSql.test.ts`.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Entry } from "../usage/entry.ts"
import type { By, Total } from "../usage/totals.ts"
import { chat, dayOf } from "../usage/totals.ts"

/** An entry with an id, so that what is written again is not there twice. */
export interface Identified {
  readonly id: string
  readonly entry: Entry
}

/** Statements in their own words, whatever the client makes of names. */
const plain = Effect.map(SqlClient.SqlClient, (sql) => sql.withoutTransforms())

/** One set of statements for SQLite and PostgreSQL: the types are those that both know. */
const createTable = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* plain
    yield* sql`CREATE TABLE ${sql(table)} (
      id TEXT PRIMARY KEY,
      at BIGINT NOT NULL,
      provider TEXT NOT NULL,
      model TEXT NOT NULL,
      location TEXT NOT NULL,
      attempt BIGINT NOT NULL,
      outcome TEXT NOT NULL,
      reason TEXT,
      duration_millis DOUBLE PRECISION NOT NULL,
      input_tokens BIGINT,
      cache_read_tokens BIGINT,
      cache_write_tokens BIGINT,
      cache_write_hour_tokens BIGINT,
      output_tokens BIGINT,
      reasoning_tokens BIGINT,
      cost DOUBLE PRECISION,
      tags TEXT
    )`
    yield* sql`CREATE INDEX ${sql(`${table}_at`)} ON ${sql(table)} (at)`
  })

/** What vendors tell since: kinds of tokens with prices of their own, the tier, and whether the answer broke off. */
const addKinds = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* plain
    for (const column of kinds) yield* sql`ALTER TABLE ${sql(table)} ADD COLUMN ${sql(column)} BIGINT`
    yield* sql`ALTER TABLE ${sql(table)} ADD COLUMN tier TEXT`
  })

/** What was asked for, if not a chat. */
const addOperation = (table: string) =>
  Effect.gen(function*() {
    const sql = yield* plain
    yield* sql`ALTER TABLE ${sql(table)} ADD COLUMN operation TEXT`
  })

const kinds = ["input_audio_tokens", "input_image_tokens", "output_audio_tokens", "output_image_tokens", "is_partial"]

/** Makes the table, if it is not there yet, or brings it up to date. */
export const migrate = (table: string) =>
  Effect.asVoid(
    Migrator.make({})({
      table: `${table}_migrations`,
      loader: Migrator.fromRecord({
        "1_create": createTable(table),
        "2_kinds": addKinds(table),
        "3_operation": addOperation(table)
      })
    })
  )

/**
 * A text as every database takes it: PostgreSQL knows neither NUL nor half of a character, and one such tag would fail all sums of its
 * table.
 */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

const toJson = (tags: Readonly<Record<string, string>>): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(tags).map(([name, value]) => [storable(name), storable(value)]))
  )

const rowOf = ({ entry, id }: Identified) => ({
  id,
  at: Math.round(entry.at),
  provider: storable(entry.provider),
  model: storable(entry.model),
  location: entry.location,
  attempt: entry.attempt,
  outcome: entry.outcome,
  reason: entry.reason ?? null,
  duration_millis: entry.durationMillis,
  input_tokens: entry.inputTokens ?? null,
  cache_read_tokens: entry.cacheReadTokens ?? null,
  cache_write_tokens: entry.cacheWriteTokens ?? null,
  cache_write_hour_tokens: entry.cacheWriteHourTokens ?? null,
  output_tokens: entry.outputTokens ?? null,
  reasoning_tokens: entry.reasoningTokens ?? null,
  input_audio_tokens: entry.inputAudioTokens ?? null,
  input_image_tokens: entry.inputImageTokens ?? null,
  output_audio_tokens: entry.outputAudioTokens ?? null,
  output_image_tokens: entry.outputImageTokens ?? null,
  is_partial: entry.partial === true ? 1 : null,
  tier: entry.tier ?? null,
  operation: entry.operation ?? null,
  cost: entry.cost ?? null,
  tags: entry.tags === undefined ? null : toJson(entry.tags)
})

/** Writes entries in one statement; those that are there already stay as they are. */
export const insert = (
  table: string,
  entries: Arr.NonEmptyReadonlyArray<Identified>
): Effect.Effect<void, SqlError, SqlClient.SqlClient> =>
  Effect.gen(function*() {
    const sql = yield* plain
    yield* sql`INSERT INTO ${sql(table)} ${sql.insert(Arr.map(entries, rowOf))} ON CONFLICT (id) DO NOTHING`
  })

const dayMillis = 86_400_000

/** The operation of an entry that names none, as SQL. */
const quoted = `'${chat}'`

/** What a group of entries has in common, as SQL. */
const groupOf = (sql: SqlClient.SqlClient, by: By, knowsOperations: boolean) => {
  if (by === "day") return sql`at / ${sql.literal(`${dayMillis}`)}`
  if (by === "provider") return sql`provider`
  if (by === "model") return sql`provider || '/' || model`
  if (by === "operation") {
    return knowsOperations
      ? sql`COALESCE(operation, ${sql.literal(quoted)})`
      : sql.literal(quoted)
  }
  const { tag } = by
  return sql.onDialectOrElse({
    pg: () => sql`(tags::jsonb) ->> ${tag}`,
    orElse: () => sql`json_extract(tags, ${`$.${JSON.stringify(tag)}`})`
  })
}

export interface Range {
  /** Entries that ended at this instant or later, in milliseconds since the epoch. Default: from the first. */
  readonly since?: number | undefined
  /** Entries that ended before this instant. Default: to the last. */
  readonly until?: number | undefined
}

type Row = { readonly group_key: string | number | null } & { readonly [K in keyof typeof sums]: number | null }

/** Each sum of a {@link Total}, as SQL. */
const sums = {
  attempts: "COUNT(*)",
  succeeded: "SUM(CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END)",
  failed: "SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END)",
  interrupted: "SUM(CASE WHEN outcome = 'interrupted' THEN 1 ELSE 0 END)",
  input_tokens: "SUM(input_tokens)",
  cache_read_tokens: "SUM(cache_read_tokens)",
  cache_write_tokens: "SUM(cache_write_tokens)",
  output_tokens: "SUM(output_tokens)",
  reasoning_tokens: "SUM(reasoning_tokens)",
  cost: "SUM(cost)",
  unpriced: "SUM(CASE WHEN cost IS NULL AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL) THEN 1 ELSE 0 END)",
  partial: "COUNT(is_partial)"
} as const

const totalOf = (row: Row): Total => ({
  attempts: Number(row.attempts),
  succeeded: Number(row.succeeded),
  failed: Number(row.failed),
  interrupted: Number(row.interrupted),
  inputTokens: Number(row.input_tokens),
  cacheReadTokens: Number(row.cache_read_tokens),
  cacheWriteTokens: Number(row.cache_write_tokens),
  outputTokens: Number(row.output_tokens),
  reasoningTokens: Number(row.reasoning_tokens),
  cost: Number(row.cost),
  unpriced: Number(row.unpriced),
  partial: Number(row.partial)
})

/**
 * Sums the table up by group, in the database. A table that no writer has brought up to date knows of no answer that broke off, and of no
 * operation but chats. A reader of it may lack the right to change it.
 */
export const sumBy = (
  table: string,
  by: By,
  range: Range
): Effect.Effect<ReadonlyMap<string | undefined, Total>, SqlError, SqlClient.SqlClient> =>
  query(table, by, range, { sums, knowsOperations: true }).pipe(
    Effect.catchIf(
      (error) => lacks(error, "operation"),
      () => query(table, by, range, { sums, knowsOperations: false })
    ),
    Effect.catchIf(
      (error) => lacks(error, "is_partial"),
      () => query(table, by, range, { sums: { ...sums, partial: "0" }, knowsOperations: false })
    )
  )

/**
 * Whether a table has no such column: SQLite says so in these words, and PostgreSQL by code 42703 in the words of its own language,
 * which have the column's name.
 */
const lacks = (error: unknown, column: string, depth = 0): boolean => {
  if (!(error instanceof Error) || depth > 4) return false
  const isUnknown = error.message.includes("no such column") || Reflect.get(error, "code") === "42703"
  return isUnknown && error.message.includes(column) || lacks(error.cause, column, depth + 1)
}

const query = (
  table: string,
  by: By,
  { since, until }: Range,
  { knowsOperations, sums }: { readonly sums: Readonly<Record<string, string>>; readonly knowsOperations: boolean }
): Effect.Effect<ReadonlyMap<string | undefined, Total>, SqlError, SqlClient.SqlClient> =>
  Effect.gen(function*() {
    const sql = yield* plain
    const columns = Object.entries(sums).map(([name, sum]) => `CAST(${sum} AS DOUBLE PRECISION) AS ${name}`).join(", ")
    const bounds = [
      ...(since === undefined ? [] : [sql`at >= ${since}`]),
      ...(until === undefined ? [] : [sql`at < ${until}`])
    ]
    const rows = yield* sql<Row>`SELECT ${groupOf(sql, by, knowsOperations)} AS group_key, ${
      sql.literal(columns)
    } FROM ${sql(table)}
      ${bounds.length === 0 ? sql.literal("") : sql`WHERE ${sql.and(bounds)}`} GROUP BY 1 ORDER BY 1`
    return new Map(
      rows.map((row) => {
        const key = row.group_key
        const group = key === null ? undefined : by === "day" ? dayOf(Number(key) * dayMillis) : String(key)
        return [group, totalOf(row)] as const
      })
    )
  })
