/**
 * Embeddings in requests of a limited size, as Effect's `EmbeddingModel`.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/Address.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Schema from "effect/Schema"
import { isPresent } from "../field.ts"
import * as ProviderRequest from "./providerRequest.ts"

/** The vectors of a request's inputs, in their order. */
export interface Vectors {
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly inputTokens: number | undefined
}

/**
 * A model that embeds any number of inputs by requests of at most `batchSize`, one after the other. The caller has
 * checked it.
 */
export const make = (
  batchSize: number,
  embedWith: (
    client: HttpClient.HttpClient
  ) => (inputs: ReadonlyArray<string>) => Effect.Effect<Vectors, AiError.AiError>
): Effect.Effect<EmbeddingModel.EmbeddingModel, never, HttpClient.HttpClient> => {
  return Effect.flatMap(HttpClient.HttpClient, (client) => {
    const embed = embedWith(client)
    return EmbeddingModel.make({
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
  })
}

/** Asks for vectors. A server may say under a status of 200 what went wrong. */
export const ask = Effect.fnUntraced(function*<A extends { readonly error?: unknown }, RD>(
  call: ProviderRequest.ProviderRequest,
  errors: ProviderRequest.Errors,
  request: HttpClientRequest.HttpClientRequest,
  schema: Schema.ConstraintDecoder<A, RD>
) {
  const response = yield* ProviderRequest.json(call, request, schema)
  if (!isPresent(response.error)) return response
  return yield* errors.inBand({ error: response.error }, yield* Clock.currentTimeMillis)
})

/** A server that gives one vector too few would give every text after it the vector of another. */
export const checkCount = (
  vectors: ReadonlyArray<unknown>,
  inputs: ReadonlyArray<string>,
  errors: ProviderRequest.Errors
): Effect.Effect<void, AiError.AiError> =>
  vectors.length === inputs.length
    ? Effect.void
    : Effect.fail(errors.unreadable(`it has ${vectors.length} embeddings of ${inputs.length} texts`))
