/** Embeddings in requests of a limited size, as Effect's `EmbeddingModel`. */
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Effect from "effect/Effect"
import type { Errors } from "./exchange.ts"

/** The vectors of a request's inputs, in their order. */
export interface Vectors {
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly inputTokens: number | undefined
}

/** How many inputs go into one request when nobody said otherwise. */
export const defaultBatchSize = 256

/** Throws a `RangeError` where it is no size; `module` is who was given it. */
export const checkSize = (module: string, name: string, size: number | undefined): void => {
  if (size !== undefined && (!Number.isInteger(size) || size < 1)) {
    throw new RangeError(`${module}.make: ${name} must be a whole number of 1 or more, got ${size}`)
  }
}

/** A model that embeds any number of inputs by requests of at most `batchSize`, one after the other. */
export const make = (
  batchSize: number,
  embed: (inputs: ReadonlyArray<string>) => Effect.Effect<Vectors, AiError.AiError>
): Effect.Effect<EmbeddingModel.EmbeddingModel> =>
  EmbeddingModel.make({
    embedMany: Effect.fnUntraced(function*({ inputs }) {
      const results: Array<Array<number>> = []
      let inputTokens: number | undefined = 0
      for (let start = 0; start < inputs.length; start += batchSize) {
        const batch = yield* embed(inputs.slice(start, start + batchSize))
        for (const vector of batch.vectors) results.push([...vector])
        inputTokens = inputTokens === undefined || batch.inputTokens === undefined
          ? undefined
          : inputTokens + batch.inputTokens
      }
      return { results, usage: { inputTokens } }
    })
  })

/** A server that gives one vector too few would give every text after it the vector of another. */
export const checkCount = (
  vectors: ReadonlyArray<unknown>,
  inputs: ReadonlyArray<string>,
  errors: Errors
): Effect.Effect<void, AiError.AiError> =>
  vectors.length === inputs.length
    ? Effect.void
    : Effect.fail(errors.unreadable(`it has ${vectors.length} embeddings of ${inputs.length} texts`))
