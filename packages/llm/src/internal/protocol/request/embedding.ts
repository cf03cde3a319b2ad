/**
 * Embeddings in requests of a limited size, as Effect's `EmbeddingModel`.
 *
 * Guarded by `test/protocol/request/embedding.test.ts` and `test/Address.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Schema from "effect/Schema"
import type { Location } from "../../../Provider.ts"
import { report } from "../../usage/reported.ts"
import { isPresent } from "../field.ts"
import * as ProviderRequest from "./providerRequest.ts"

/** An `EmbeddingModel` that says whose vectors it gives. */
export interface Embedder extends EmbeddingModel.EmbeddingModel {
  /** The provider's name. */
  readonly name: string
  readonly location: Location
  /** The model's id, as this provider calls it. */
  readonly model: string
  /** The length of the vectors that was asked for; `undefined` for the model's own length. */
  readonly dimensions: number | undefined
}

/** What a protocol says of embeddings. */
interface Protocol<A extends { readonly error?: unknown }, RD> {
  readonly name: string
  readonly model: string
  readonly location: Location
  readonly dimensions: number | undefined
  /** The most texts of one request. The caller has checked it. */
  readonly batchSize: number
  readonly url: string
  readonly callOf: (client: HttpClient.HttpClient, method: string) => ProviderRequest.ProviderRequest
  readonly request: (inputs: ReadonlyArray<string>) => HttpClientRequest.HttpClientRequest
  readonly schema: Schema.ConstraintDecoder<A, RD>
  /** The vectors of an answer, in the order of the inputs. */
  readonly read: (answer: A, inputs: ReadonlyArray<string>) => {
    readonly vectors: ReadonlyArray<ReadonlyArray<number>>
    readonly inputTokens: number | null | undefined
  }
}

/** A model that embeds any number of inputs by requests of at most `batchSize`, one after the other. */
export const make = <A extends { readonly error?: unknown }>(
  protocol: Protocol<A, never>
): Effect.Effect<Embedder, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const { batchSize, callOf, dimensions, location, model, name, read, request, schema, url } = protocol
    const call = callOf(yield* HttpClient.HttpClient, "embedMany")
    const errors = ProviderRequest.errors(call, url)
    const embed = Effect.fnUntraced(function*(inputs: ReadonlyArray<string>) {
      const answer = yield* ProviderRequest.json(call, request(inputs), schema)
      // A server may say under a status of 200 what went wrong.
      if (isPresent(answer.error)) {
        return yield* errors.inBand({ error: answer.error }, yield* Clock.currentTimeMillis)
      }
      const batch = read(answer, inputs)
      // A server that gives one vector too few would give every text after it the vector of another.
      return batch.vectors.length === inputs.length
        ? batch
        : yield* errors.unreadable(
          `it has ${plural(batch.vectors.length, "embedding")} of ${plural(inputs.length, "text")}`
        )
    })
    const embedder = yield* EmbeddingModel.make({
      embedMany: Effect.fnUntraced(function*({ inputs }) {
        const results: Array<Array<number>> = []
        let inputTokens: number | undefined = 0
        // The batches before one that fails are billed nevertheless.
        const tell = () => inputTokens ? report({ inputTokens: { total: inputTokens }, outputTokens: {} }) : Effect.void
        for (let start = 0; start < inputs.length; start += batchSize) {
          const batch = yield* Effect.tapError(embed(inputs.slice(start, start + batchSize)), tell)
          for (const vector of batch.vectors) results.push([...vector])
          inputTokens = inputTokens === undefined || !isPresent(batch.inputTokens)
            ? undefined
            : inputTokens + batch.inputTokens
        }
        return { results, usage: { inputTokens } }
      })
    })
    return { ...embedder, name, model, location, dimensions }
  })
