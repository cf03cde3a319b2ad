/** A process that asks a chain so many times, with its ledger in a file that others write too. */
import * as SqliteClient from "@holdfast/llm/SqliteClient"
import * as Effect from "effect/Effect"
import { ask, run } from "./contract.ts"

const [, , filename = "", count = "0"] = process.argv

await Effect.runPromise(
  run(Effect.forEach(Array.from({ length: Number(count) }), () => Effect.andThen(ask, Effect.sleep(2))), {
    flushEvery: 5,
    batch: 4,
    closeWithin: "20 seconds"
  }).pipe(Effect.provide(SqliteClient.layer({ filename })))
)
