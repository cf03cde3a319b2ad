/**
 * A SQL client over `node:sqlite`, the SQLite that Node brings along.
 *
 * **When to use**
 *
 * Use it for a ledger in a file, with `UsageSql`. Where Effect's own driver for SQLite is installed, use that: this one has what a
 * ledger needs, and is here because Effect has published none for 4.1.
 *
 * **Details**
 *
 * One connection, in WAL mode. Statements run one after the other, and fail if another process holds the lock for longer than `busyTimeout`.
 *
 * **Gotchas**
 *
 * Needs Node 22.19 or later. A statement runs in the thread of the program, for a fraction of a millisecond with a ledger's batches.
 *
 * **Example**
 *
 * See `UsageSql.layer`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import { check, duration } from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import type { SQLInputValue } from "node:sqlite"
import { DatabaseSync } from "node:sqlite"

/** Options of a client. */
export interface Options {
  /** The file, which is made if it is not there, or `":memory:"`. */
  readonly filename: string
  /** Whether the file is only read, and must be there. Default: `false`. */
  readonly readonly?: boolean | undefined
  /**
   * How long a statement waits for a lock of another process. `node:sqlite` waits in the thread that runs the whole program, so keep it short
   * and try again, as `UsageSql` does. Default: `"50 millis"`.
   */
  readonly busyTimeout?: DurationInput | undefined
}

const busy = duration({ min: 0 })

const isLocked = ({ reason }: SqlError): boolean => reason._tag === "LockTimeoutError"

const errnoOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "errcode" in cause && !("errno" in cause)
    ? Object.assign(cause, { errno: cause.errcode })
    : cause

const failure = (cause: unknown, operation: string): SqlError =>
  new SqlError({ reason: classifySqliteError(errnoOf(cause), { message: `SQLite: ${operation} failed`, operation }) })

const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: run, catch: (cause) => failure(cause, operation) })

const connectionTo = (database: DatabaseSync): Connection => {
  const run = (sql: string, parameters: ReadonlyArray<unknown>, arrays: boolean) =>
    attempt("execute", () => {
      const statement = database.prepare(sql)
      if (arrays) statement.setReturnArrays(true)
      // A statement without columns has no rows to return.
      return statement.all(...parameters as ReadonlyArray<SQLInputValue>)
    })
  const rows = (sql: string, parameters: ReadonlyArray<unknown>) => run(sql, parameters, false)
  const values = (sql: string, parameters: ReadonlyArray<unknown>) =>
    Effect.map(run(sql, parameters, true), (all) => all as unknown as ReadonlyArray<ReadonlyArray<unknown>>)
  const execute: Connection["execute"] = (sql, parameters, transform) =>
    Effect.map(rows(sql, parameters), (all) => transform === undefined ? all : transform(all))
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: rows,
    executeValues: values,
    executeValuesUnprepared: values,
    executeStream: (sql, parameters, transform) =>
      Stream.unwrap(Effect.map(execute(sql, parameters, transform), (all) => Stream.fromIterable(all)))
  }
}

/** Opens a database until the scope ends. Fails with a `SqlError` if the file is not a database, or cannot be opened. */
export const make = (
  { busyTimeout = "50 millis", filename, readonly = false }: Options
): Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const database = yield* Effect.acquireRelease(
      attempt("open", () =>
        new DatabaseSync(filename, {
          readOnly: readonly,
          timeout: check("SqliteClient.make: busyTimeout", busy, busyTimeout)
        })),
      (database) => Effect.sync(() => database.close())
    )
    if (!readonly) {
      // Readers and a writer then do not wait for one another. A file that is locked stays as it is until it is opened anew.
      const concurrent = attempt("open", () => database.exec("PRAGMA journal_mode = WAL"))
      yield* Effect.catchIf(concurrent, isLocked, () => Effect.void)
    }
    const connection = connectionTo(database)
    const one = yield* Semaphore.make(1)
    return yield* SqlClient.make({
      driver: "node-sqlite",
      compiler: Statement.makeCompilerSqlite(),
      acquirer: Semaphore.withPermits(one, 1, Effect.succeed(connection)),
      transactionAcquirer: Effect.uninterruptibleMask((restore) =>
        Effect.scope.pipe(
          Effect.tap(() => restore(Semaphore.take(one, 1))),
          Effect.flatMap((scope) => Scope.addFinalizer(scope, Semaphore.release(one, 1))),
          Effect.as(connection)
        )
      ),
      spanAttributes: [["db.system.name", "sqlite"]]
    })
  })

/** A layer of a client. Fails with a `SqlError` if the file is not a database, or cannot be opened. */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  Layer.effect(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
