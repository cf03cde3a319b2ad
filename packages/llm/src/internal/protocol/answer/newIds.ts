/**
 * Identifiers for tool calls of a model that gives them none.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/parameters/Parameters.test.ts`.
 */
import { IdGenerator } from "effect/ai/IdGenerator"
import * as Effect from "effect/Effect"

/** Ids for tool calls that came without one: unique within the answer and, by their prefix, beyond it. */
export const newIds: Effect.Effect<() => string, never, IdGenerator> = Effect.gen(function*() {
  const generator = yield* IdGenerator
  const prefix = yield* generator.generateId()
  let count = 0
  return () => `${prefix}_${count++}`
})
