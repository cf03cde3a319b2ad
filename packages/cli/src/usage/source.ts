/** Where a ledger is, and its sums by group, whichever kind of ledger it is. */
import * as Usage from "@holdfast/llm/Usage"
import type * as UsageSql from "@holdfast/llm/UsageSql"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as FailureWords from "../terminal/FailureWords.ts"
import { inOneLine } from "../terminal/paragraph.ts"

/** Why a ledger cannot be read, and what to do. */
export class UsageRefused extends Data.TaggedError("UsageRefused")<{ readonly message: string }> {}

const refuse = (message: string) => Effect.fail(new UsageRefused({ message }))

/** A ledger, or a flag, that is not there or is not one. */
export const wrongUsage = (message: string) =>
  Effect.fail(Object.assign(new UsageRefused({ message }), { [Runtime.errorExitCode]: 2 }))

/** What is asked of a ledger. */
export interface Question {
  readonly by: Usage.By
  readonly since: number | undefined
  readonly table: string
}

export type Sums = ReadonlyMap<string | undefined, Usage.Total>

const isUrl = (text: string): boolean => /^postgres(?:ql)?:\/\//u.test(text)

// -----------------------------------------------------------------------------
// Databases
// -----------------------------------------------------------------------------

const ofDatabase = <E>(
  name: string,
  { by, since, table }: Question,
  client: Layer.Layer<SqlClient, E>
): Effect.Effect<Sums, UsageRefused> =>
  Effect.gen(function*() {
    const { sumBy } = yield* Effect.promise((): Promise<typeof UsageSql> => import("@holdfast/llm/UsageSql"))
    return yield* Effect.provide(sumBy(by, { since, table }), client)
  }).pipe(
    Effect.catch((error: E | SqlError) => {
      const text = causesOf(error)
      return refuse(
        /no such table|does not exist|UndefinedTable/u.test(text)
          ? `${name} has no table ${table}. UsageSql.layer makes it when it writes the first entry; --table names another one`
          : `${name} cannot be read: ${text}`
      )
    })
  )

/** The messages of an error and of its causes, which have no URL and no password. */
const causesOf = (error: unknown): string => {
  const said: Array<string> = []
  for (let cause = error; cause instanceof Error && said.length < 4; cause = cause.cause) {
    if (cause.message !== "" && !said.some((before) => before.includes(cause.message))) said.push(cause.message)
  }
  return inOneLine(said.join(": ")).replaceAll(/postgres(?:ql)?:\/\/\S+/gu, "the URL")
}

const ofPostgres = (url: string, question: Question) =>
  Effect.flatMap(
    Effect.promise(() => import("@effect/sql-pg/PgClient")),
    (PgClient) =>
      ofDatabase(
        "The database of HOLDFAST_LEDGER",
        question,
        PgClient.layer({ url: Redacted.make(url), maxConnections: 1, connectTimeout: "10 seconds" })
      )
  )

const ofSqlite = (filename: string, question: Question) =>
  Effect.flatMap(
    Effect.promise(() => import("@holdfast/llm/SqliteClient")),
    (SqliteClient) => ofDatabase(filename, question, SqliteClient.layer({ filename, readonly: true }))
  )

// -----------------------------------------------------------------------------
// Lines of JSON
// -----------------------------------------------------------------------------

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Usage.Entry))

const ofLines = (name: string, text: string, { by, since = -Infinity }: Question): Effect.Effect<Sums, UsageRefused> =>
  Effect.gen(function*() {
    const entries: Array<Usage.Entry> = []
    const lines = text.replace(/^\ufeff/u, "").split("\n")
    for (const [i, line] of lines.entries()) {
      if (line.trim() === "") continue
      // A process that was killed, or is at work, has not ended its last line.
      if (i === lines.length - 1 && !isWhole(line)) break
      entries.push(
        yield* Effect.catch(
          decode(line),
          (error) => refuse(`${name}, line ${i + 1}, is not an entry of Usage.toJsonLines: ${inOneLine(error.message)}`)
        )
      )
    }
    return Usage.sumBy(entries.filter(({ at }) => at >= since), by)
  })

const isWhole = (line: string): boolean => {
  try {
    return typeof JSON.parse(line) === "object"
  } catch {
    return !line.startsWith("{")
  }
}

const stdin = Effect.flatMap(Stdio.Stdio, ({ stdin }) => Stream.mkString(Stream.decodeText(stdin))).pipe(
  Effect.catch(() => refuse("stdin cannot be read"))
)

/** A SQLite database begins with these bytes; an empty file may become one, and holds no entry as lines either. */
const magic = "SQLite format 3\u0000"

/** The sums of a ledger. */
export const sumsOf = Effect.fnUntraced(function*(
  place: string,
  fromEnvironment: boolean,
  question: Question
): Effect.fn.Return<Sums, UsageRefused, FileSystem.FileSystem | Stdio.Stdio> {
  if (isUrl(place)) {
    return fromEnvironment
      ? yield* ofPostgres(place, question)
      : yield* wrongUsage("Give the URL in HOLDFAST_LEDGER: every user of a machine sees the arguments of a program")
  }
  if (place === "-") return yield* ofLines("stdin", yield* stdin, question)
  const files = yield* FileSystem.FileSystem
  // A database may be larger than memory: its beginning tells what it is.
  const textOf = (options?: { readonly bytesToRead: number }) =>
    Effect.catch(
      Stream.mkString(Stream.decodeText(files.stream(place, options))),
      (error) =>
        error.reason._tag === "NotFound"
          ? wrongUsage(`There is no ledger at ${place}. UsageSql.layer over SqliteClient.layer({ filename }) makes one`)
          : refuse(`${place} cannot be read: ${FailureWords.ofFile(error)}`)
    )
  const isFolder = yield* Effect.orElseSucceed(
    Effect.map(files.stat(place), ({ type }) => type === "Directory"),
    () => false
  )
  if (isFolder) return yield* wrongUsage(`${place} cannot be read: it is a folder. Name a file in it`)
  return (yield* textOf({ bytesToRead: magic.length })) === magic
    ? yield* ofSqlite(place, question)
    : yield* ofLines(place, yield* textOf(), question)
})
