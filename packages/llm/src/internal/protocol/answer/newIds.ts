/**
 * Identifiers for tool calls of a model that gives them none.
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/parameters/Parameters.test.ts`.
 */
import { defaultIdGenerator, IdGenerator } from "effect/ai/IdGenerator"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Ids for tool calls that came without one: unique within the answer and, by their prefix, beyond it. */
export const newIds: Effect.Effect<() => string, never, IdGenerator> = Effect.contextWith((
  context: Context.Context<IdGenerator>
) => {
  const generator = Context.get(context, IdGenerator)
  const counting = (prefix: () => string) => {
    let known: string | undefined
    let count = 0
    return () => `${known ??= prefix()}_${count++}`
  }
  // Nearly no answer needs one, and Effect's own takes a quarter of the steps of a request. It is made when it is needed, which
  // another one, which may wait, does not allow.
  return generator === defaultIdGenerator
    ? Effect.succeed(counting(() => Effect.runSyncWith(context)(generator.generateId())))
    : Effect.map(generator.generateId(), (prefix) => counting(() => prefix))
})
