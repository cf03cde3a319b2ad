/**
 * The ledger in a database: SQLite or PostgreSQL, through Effect's SQL client.
 *
 * **When to use**
 *
 * Use it where what was spent must outlive the process, or is summed up over many processes. `holdfast usage` shows it.
 *
 * **Details**
 *
 * - It is a `Usage.Ledger` like the one in memory, and writes each entry to the table `holdfast_usage`, which it makes.
 * - Entries are written in batches in the background, so that no request waits for the database. While that is away, locked
 *   or full, they wait in a bounded queue, and the log says once that they do and once that they are written. Each entry is written once, even if an answer of the database
 *   is lost.
 * - When the scope of the layer ends, what waits is written.
 *
 * **Gotchas**
 *
 * - The layer does not fail if the database is away when it starts: look at the log.
 * - A queue that is full loses the newest entries, and the number of them is logged.
 * - `effect/sql` is marked unstable, so a new minor version of Effect may need a new version of this module. Effect publishes a client for
 *   PostgreSQL (`@effect/sql-pg`); `SqliteClient` is one for `node:sqlite`.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Range } from "./internal/ledger/table.ts"
import * as Table from "./internal/ledger/table.ts"
import * as Writer from "./internal/ledger/writer.ts"
import * as InMemory from "./internal/usage/ledger.ts"
import { pricesSetting } from "./internal/usage/settings.ts"
import type { By, Total } from "./internal/usage/totals.ts"
import type * as Usage from "./Usage.ts"
import { Ledger } from "./Usage.ts"

export type { Range } from "./internal/ledger/table.ts"

/** Options of a ledger in a database. */
export interface Options extends Usage.Options {
  /** The name of the table. Default: `"holdfast_usage"`. */
  readonly table?: string | undefined
  /** The most entries of one statement. Default: 200. */
  readonly batch?: number | undefined
  /** How long the first entry of a batch waits for others. Default: `"1 second"`. */
  readonly flushEvery?: Arguments.DurationInput | undefined
  /** The most entries that wait for the database. Default: 10,000. */
  readonly queue?: number | undefined
  /** How long the end of the scope waits for the last entries to be written. Default: `"5 seconds"`. */
  readonly closeWithin?: Arguments.DurationInput | undefined
}

const defaultTable = "holdfast_usage"

const tableName: Arguments.Check<string> = Arguments.refine(Arguments.text, (name, place) => {
  if (!/^[a-z_][a-z0-9_]{0,39}$/iu.test(name)) place.fault("must be a name of up to 40 letters, digits and underscores")
})

const optionsCheck = Arguments.struct({
  ...InMemory.checks,
  table: Arguments.optional(tableName, defaultTable),
  batch: Arguments.optional(Arguments.integer({ min: 1, max: 1000 }), 200),
  flushEvery: Arguments.optional(Arguments.duration({ min: 0 }), 1000),
  queue: Arguments.optional(Arguments.integer({ min: 1 }), 10_000),
  closeWithin: Arguments.optional(Arguments.duration({ min: 0 }), 5000)
})

/**
 * A layer that opens a ledger in a database. Throws a `RangeError` that lists every invalid option by its path.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain, Usage } from "@holdfast/llm"
 * import * as SqliteClient from "@holdfast/llm/SqliteClient"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import * as UsageSql from "@holdfast/llm/UsageSql"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const Ledger = UsageSql.layer({ prices: { large: { input: 1, output: 5 } } })
 * const cloud = TestProvider.script("cloud", [TestProvider.text("Hello there")], { model: "large" })
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Usage.withTags({ user: "42" }),
 *   Effect.provide(ProviderChain.layer({ providers: [cloud] }).pipe(Layer.provideMerge(Ledger))),
 *   // The ledger has ended, so all of it is in the database.
 *   Effect.andThen(UsageSql.sumBy({ tag: "user" })),
 *   // In production a file, or PgClient.layer.
 *   Effect.provide(SqliteClient.layer({ filename: ":memory:" }))
 * )
 *
 * const sums = await Effect.runPromise(program)
 * sums.get("42")?.cost // => 0.00002
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Ledger, never, SqlClient> => {
  const checked = Arguments.check("UsageSql.layer", optionsCheck, options ?? {})
  return Layer.effect(Ledger, Effect.flatMap(Writer.open(checked), (write) => InMemory.open(checked, write)))
}

/**
 * {@link layer} with the prices of `LLM_PRICES`, as `Usage.layerConfig` has them. Fails with a `ConfigError` that has the path and the
 * reason.
 */
export const layerConfig = (options?: Options): Layer.Layer<Ledger, Config.ConfigError, SqlClient> =>
  Layer.unwrap(Effect.map(pricesSetting, (prices) => layer(prices === undefined ? options : { ...options, prices })))

/**
 * Sums a ledger up by group, in the database. Entries without the tag are a group of their own, `undefined`. Fails with a `SqlError` if the
 * database is away, or has no such table.
 */
export const sumBy = (
  by: By,
  options: Range & { readonly table?: string | undefined } = {}
): Effect.Effect<ReadonlyMap<string | undefined, Total>, SqlError, SqlClient> =>
  Table.sumBy(options.table ?? defaultTable, by, options)
