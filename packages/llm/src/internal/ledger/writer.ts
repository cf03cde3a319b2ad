/**
 * Writes entries into a table in the background: in batches, from a bounded queue, each exactly once. While the database is away they
 * wait, and what is more than the queue holds is lost and counted.
 *
 * Guarded by `test/ledger/UsageSql.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { Entry } from "../usage/entry.ts"
import type { Identified } from "./table.ts"
import { insert, migrate } from "./table.ts"

export interface WriterOptions {
  readonly table: string
  readonly batch: number
  readonly flushEvery: number
  readonly queue: number
  readonly closeWithin: number
}

/** Without end: an entry is dropped if there is no room, or at the end, but never for the number of attempts. */
const backoff = Backoff.exponential({ initial: "100 millis", factor: 2, max: "30 seconds", jitter: Jitter.equal })

const attemptTimeout = "30 seconds"

/** Failures in a row that are not worth a word: processes that write to one file lock one another out for moments. */
const tolerated = 3

/** A text that no other process has. */
const uniquePrefix = Effect.map(
  Effect.replicateEffect(Random.nextInt, 3),
  (parts) => parts.map((part) => Math.abs(part).toString(36)).join("")
)

/** Opens a writer. It returns what takes an entry, at once and whatever the state of the database. */
export const open = Effect.fnUntraced(function*(
  options: WriterOptions
): Effect.fn.Return<(entry: Entry) => void, never, SqlClient.SqlClient | Scope.Scope> {
  const sql = yield* SqlClient.SqlClient
  const prefix = yield* uniquePrefix
  const some = yield* Latch.make(false)
  const waiting: Array<Identified> = []
  let count = 0
  let lost = 0
  let migrated = false
  let failures = 0

  /** An outage is told when it begins and when it ends, and not at every attempt between. A lock that is soon released is not one. */
  const tellAway = (error: unknown) =>
    Effect.suspend(() => {
      if (++failures !== tolerated + 1) return Effect.void
      return Effect.logWarning("llm: the ledger cannot write to its database: entries wait until it can", error)
    })

  const tellBack = Effect.suspend(() => {
    const isTold = failures > tolerated
    failures = 0
    if (!isTold) return Effect.void
    return Effect.logWarning("llm: the ledger writes to its database again")
  })

  const written = (entries: Arr.NonEmptyReadonlyArray<Identified>) =>
    Effect.suspend(() => migrated ? Effect.void : migrate(options.table)).pipe(
      Effect.andThen(Effect.sync(() => {
        migrated = true
      })),
      Effect.andThen(insert(options.table, entries)),
      Effect.provideService(SqlClient.SqlClient, sql)
    )

  const tellLost = Effect.suspend(() => {
    if (lost === 0) return Effect.void
    const told = lost
    lost = 0
    return Effect.logWarning(
      `llm: the ledger has lost ${plural(told, "entry", "entries")}: the database was away, and the queue full`
    )
  })

  /** Writes what waits. An entry leaves the queue when it is in the table, so an interruption loses none. */
  const flush: Effect.Effect<void> = Effect.gen(function*() {
    while (true) {
      const batch = waiting.slice(0, options.batch)
      if (!Arr.isArrayNonEmpty(batch)) break
      yield* written(batch).pipe(
        Effect.timeout(attemptTimeout),
        Effect.tapError(tellAway),
        Effect.retry(backoff),
        // The delays never end, so this cannot happen.
        Effect.orDie
      )
      yield* tellBack
      waiting.splice(0, batch.length)
    }
    yield* tellLost
  })

  const loop = Effect.gen(function*() {
    while (true) {
      yield* some.await
      if (waiting.length < options.batch) yield* Effect.sleep(options.flushEvery)
      some.closeUnsafe()
      yield* flush
    }
  })

  yield* Effect.addFinalizer(() =>
    Effect.timeoutOrElse(flush, {
      duration: Duration.millis(options.closeWithin),
      orElse: () =>
        Effect.logWarning(
          `llm: the ledger ends with ${
            plural(waiting.length + lost, "entry", "entries")
          } not in the database, which was away`
        )
    })
  )
  yield* Effect.forkScoped(loop)

  return (entry) => {
    if (waiting.length >= options.queue) {
      lost++
      return
    }
    waiting.push({ id: `${prefix}-${count++}`, entry })
    some.openUnsafe()
  }
})
