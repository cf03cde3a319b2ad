import { assert, describe, it } from "@effect/vitest"
import * as UsageSql from "@holdfast/llm/UsageSql"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll } from "vitest"
import type { Server } from "../../../../vitest.postgresql.ts"
import { server } from "../../../../vitest.postgresql.ts"
import * as Table from "../../src/internal/ledger/table.ts"
import { ask, contract, run } from "../ledger/contract.ts"

const scope = Scope.makeUnsafe()
let postgres: Server

beforeAll(async () => {
  postgres = await Effect.runPromise(Scope.provide(server, scope))
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

/** A client of its own for each test. */
const client = Layer.suspend(() => postgres.layer)

contract("PostgreSQL", client)

/** The attempts in a table, 0 while it is not there. */
const attempts = (table: string) =>
  UsageSql.sumBy("provider", { table }).pipe(
    Effect.map((sums) => sums.get("cloud")?.attempts ?? 0),
    Effect.orElseSucceed(() => 0)
  )

describe("The ledger in PostgreSQL, when the server goes away", () => {
  it.live("loses no entry, writes none twice, and lets no request wait", () =>
    Effect.gen(function*() {
      const table = "outage"
      let slowest = 0
      yield* run(
        Effect.gen(function*() {
          yield* ask
          while ((yield* attempts(table)) === 0) yield* Effect.sleep("10 millis")
          yield* postgres.kill
          for (let i = 0; i < 40; i++) {
            const started = performance.now()
            yield* ask
            slowest = Math.max(slowest, performance.now() - started)
          }
          yield* postgres.start
          yield* ask
        }),
        { table, flushEvery: 10, batch: 7, closeWithin: "20 seconds" }
      )
      assert.isBelow(slowest, 1000)
      assert.strictEqual(yield* attempts(table), 42)
    }).pipe(Effect.provide(client)))

  it.live("tells an outage once, and its end once", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const away = yield* Deferred.make<void>()
      const logger = Logger.make<unknown, void>(({ message }) => {
        const text = String(Array.isArray(message) ? message[0] : message)
        if (!text.startsWith("llm: the ledger")) return
        told.push(text)
        if (text.includes("cannot write")) Deferred.doneUnsafe(away, Effect.void)
      })
      const table = "told"
      yield* run(
        Effect.gen(function*() {
          for (let outage = 0; outage < 2; outage++) {
            yield* ask
            while ((yield* attempts(table)) === outage * 2) yield* Effect.sleep("10 millis")
            yield* postgres.kill
            yield* ask
            if (outage === 0) yield* Deferred.await(away)
            yield* postgres.start
            while ((yield* attempts(table)) < outage * 2 + 2) yield* Effect.sleep("10 millis")
          }
        }),
        { table, flushEvery: 10 }
      ).pipe(Effect.provide(Logger.layer([logger])))
      // The second one is over before it is worth a word, unless the machine is busy; it is told as a whole or not at all.
      assert.match(told[0] ?? "", /cannot write to its database: entries wait until it can$/u)
      assert.match(told[1] ?? "", /writes to its database again$/u)
      assert.include([2, 4], told.length)
    }).pipe(Effect.provide(client)))

  it.live("makes the table once, when many processes start together", () =>
    Effect.gen(function*() {
      yield* Effect.all(
        Array.from({ length: 4 }, () => Effect.provide(run(ask, { table: "together" }), client, { local: true })),
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(yield* attempts("together"), 4)
    }).pipe(Effect.provide(client)))

  it.live("is refused with a reason where there is no such table", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(UsageSql.sumBy("day", { table: "missing" }))
      assert.strictEqual(error._tag, "SqlError")
      yield* Table.migrate("missing")
      assert.strictEqual((yield* UsageSql.sumBy("day", { table: "missing" })).size, 0)
    }).pipe(Effect.provide(client)))
})
