/**
 * One request of a chain of embeddings, through the loop that chats go through: cool-downs, probes, retries, hedges, budgets and the log are
 * the same.
 *
 * Guarded by `test/embedding/EmbeddingChain.test.ts` and `test/embedding/ledger.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import type * as EmbeddingModel from "effect/ai/EmbeddingModel"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import { answer } from "../chain/fallback.ts"
import type { RunningAttempt } from "../chain/member.ts"
import type { ChainRequest } from "../chain/request.ts"
import { start } from "../chain/request.ts"
import * as Compile from "../compile/compile.ts"
import type { Options } from "../compile/options.ts"
import type { Embedder } from "../protocol/request/embedding.ts"
import * as AttemptSpan from "../telemetry/span.ts"
import { ReportedUsage } from "../usage/reported.ts"
import { providerOf, show } from "./members.ts"

/** A chain of embeddings as its options say it. */
export interface EmbeddingChain {
  readonly chain: Compile.Chain
  readonly embedders: ReadonlyMap<string, Embedder>
  /** Has the length of all vectors, once it is known. */
  readonly vectors: { length: number | undefined }
}

/** Compiles a chain; members that were in the previous one keep their state. */
export const chainOf = (
  options: Omit<Options, "providers">,
  embedders: Arr.NonEmptyReadonlyArray<Embedder>,
  previous?: EmbeddingChain
): Effect.Effect<EmbeddingChain> => {
  const [first, ...rest] = embedders
  const providers = [providerOf(first), ...rest.map(providerOf)] as const
  return Effect.map(Compile.chainOf({ ...options, providers }, providers, previous?.chain), (chain) => ({
    chain,
    embedders: new Map(embedders.map((embedder) => [embedder.name, embedder])),
    // One of the members before serves still, so the vectors are comparable.
    vectors: previous !== undefined && embedders.some((one) => previous.embedders.get(one.name) === one)
      ? previous.vectors
      : { length: first.dimensions }
  }))
}

/** The texts as the request that a chain counts and logs. */
const asRequest = (inputs: ReadonlyArray<string>, span: Tracer.Span): LanguageModel.ProviderOptions => ({
  prompt: Prompt.make(inputs.join("\n")),
  tools: [],
  toolChoice: "none",
  responseFormat: { type: "text" },
  span,
  incrementalPrompt: undefined,
  previousResponseId: undefined
})

interface Vectors {
  readonly running: RunningAttempt
  readonly response: EmbeddingModel.ProviderResponse
}

const open = (
  { embedders, vectors }: EmbeddingChain,
  request: ChainRequest,
  inputs: ReadonlyArray<string>
) =>
(running: RunningAttempt): Effect.Effect<Vectors, AiError.AiError> =>
  Effect.scoped(Effect.gen(function*() {
    const embedder = embedders.get(running.member.provider.name)
    if (embedder === undefined) {
      return yield* Effect.die(new RangeError("EmbeddingChain: the member is not of the chain"))
    }
    const span = yield* AttemptSpan.open(running, request)
    return yield* Effect.gen(function*() {
      const { embeddings, usage: { inputTokens } } = yield* embedder.embedMany(inputs)
      if (inputTokens !== undefined) {
        const usage = { inputTokens: { total: inputTokens }, outputTokens: {} }
        request.log.report(running, { type: "finish", reason: "stop", usage })
      }
      const results = embeddings.map(({ vector }) => Array.from(vector))
      const length = vectors.length ?? results[0]?.length ?? 0
      const other = results.find((vector) => vector.length !== length)
      if (other !== undefined) return yield* wrongLength(embedder, length, other.length)
      vectors.length = length
      AttemptSpan.embedded(span, inputTokens)
      return { running, response: { results, usage: { inputTokens } } }
    }).pipe(
      Effect.withParentSpan(span, { captureStackTrace: false }),
      Effect.provideService(ReportedUsage, running.meter.follow),
      Effect.onExit((exit) => Effect.sync(() => AttemptSpan.ended(span, exit)))
    )
  }))

const wrongLength = (embedder: Embedder, length: number, got: number): AiError.AiError =>
  AiError.make({
    module: "EmbeddingChain",
    method: "embedMany",
    reason: new AiError.InvalidResponseError({
      description:
        `the vectors of ${show(embedder)} have ${plural(got, "number")}, and those of this chain ${length}. ` +
        "Check that all members serve one model, and give each the same dimensions"
    })
  })

/** The vectors of one member, all of the length that the chain has. */
export const embedMany = (
  chain: EmbeddingChain,
  inputs: ReadonlyArray<string>
): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> =>
  Effect.scopedWith((scope) =>
    Effect.gen(function*() {
      const span = yield* Effect.catch(Effect.currentSpan, () => Effect.makeSpan("EmbeddingChain.embedMany"))
      const { members, settings } = chain.chain
      const request = yield* start("embedMany", members, settings, asRequest(inputs, span))
      const { response, running } = yield* answer(request, scope, open(chain, request, inputs))
      request.log.succeeded(running)
      return response
    })
  )
