/**
 * Embeddings by several providers of one model: the next is asked when one fails.
 *
 * **When to use**
 *
 * Use it to embed texts through an outage, where several servers or vendors have the same model.
 *
 * **Details**
 *
 * - Vectors of two models are not comparable, so all members must serve the same model, with vectors of the same length. Their names of it are
 *   compared without the vendor before a slash and without the tag `latest`. Where they differ in more than that, say by `sameModel: true`
 *   that you know.
 * - A member whose vectors have another length than those before it has failed: they are never handed on.
 * - Members are asked in order. `FallbackDecision` decides what follows a failure, as in a `ProviderChain`: what is retried waits, and goes
 *   on at the next member if retries are spent. A member that failed for its own sake is skipped for `cooldown`, unless all are.
 *
 * **Gotchas**
 *
 * Members may round, truncate or normalize differently. Compare the vectors of one text before you mix vendors in one index.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import type * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { decide } from "./FallbackDecision.ts"
import type { Embedder } from "./internal/protocol/request/embedding.ts"
import { defaultCapabilities } from "./Provider.ts"

export type { Embedder } from "./internal/protocol/request/embedding.ts"

/** A member, or how it is made. */
type Source<E, R> = Embedder | Effect.Effect<Embedder, E, R>

/** Options of a chain of embeddings. */
export interface Options<E = never, R = never> {
  /** Providers of one model, in the order in which they are asked: of `OpenAiEmbedding.make` and `OllamaEmbedding.make`. */
  readonly members: readonly [Source<E, R>, ...ReadonlyArray<Source<E, R>>]
  /** Says that the members serve one model although they call it by different names. Default: `false`. */
  readonly sameModel?: boolean | undefined
  /** How many times a failed request is sent to a member again. Default: 2. */
  readonly retries?: number | undefined
  /** The delay before a retry, doubled each time. A longer hint of the server's wins. Default: `"500 millis"`. */
  readonly delay?: Arguments.DurationInput | undefined
  /** The longest delay that is waited for. A longer hint hands the request on. Default: `"16 seconds"`. */
  readonly maxDelay?: Arguments.DurationInput | undefined
  /** How long a failed member is skipped. Default: `"30 seconds"`. */
  readonly cooldown?: Arguments.DurationInput | undefined
}

const anything: Arguments.Check<unknown> = (value) => value

const optionsCheck = Arguments.struct({
  members: Arguments.refine(Arguments.array(anything), (members, place) => {
    if (members.length === 0) place.fault("must have a member")
  }),
  sameModel: Arguments.optional(Arguments.boolean, false),
  retries: Arguments.optional(Arguments.integer({ min: 0 }), 2),
  delay: Arguments.optional(Arguments.duration({ min: 0 }), 500),
  maxDelay: Arguments.optional(Arguments.duration({ min: 0 }), 16_000),
  cooldown: Arguments.optional(Arguments.duration({ min: 0 }), 30_000)
})

/** What a model is called without its vendor and the tag `latest`. */
const plain = (model: string): string => (model.split("/").at(-1) ?? model).replace(/:latest$/u, "").toLowerCase()

const show = ({ model, name }: Embedder): string => `${JSON.stringify(model)} of ${name}`

/** What members may not differ in. */
const faultsOf = (members: Arr.NonEmptyReadonlyArray<Embedder>, sameModel: boolean): ReadonlyArray<string> => {
  const [first, ...rest] = members
  const faults: Array<string> = []
  for (const [i, member] of rest.entries()) {
    const where = `members.${i + 1}`
    if (!sameModel && plain(member.model) !== plain(first.model)) {
      faults.push(
        `${where} must serve the model of the first, ${show(first)}, got ${show(member)}. ` +
          "If both are one model, set sameModel: true"
      )
    }
    if (member.dimensions !== first.dimensions) {
      const expected = first.dimensions ?? "left out"
      faults.push(`${where}.dimensions must be ${expected}, as of the first, got ${member.dimensions}`)
    }
  }
  return faults
}

/** A member, with what the chain keeps about it. */
interface Member {
  readonly embedder: Embedder
  /** It is skipped before this instant. */
  rests: number
}

interface Settings {
  readonly retries: number
  readonly delay: number
  readonly maxDelay: number
  readonly cooldown: number
}

class Chain {
  private readonly members: ReadonlyArray<Member>
  private readonly options: Settings
  /** The length of all vectors, once it is known. */
  private length: number | undefined

  constructor(embedders: Arr.NonEmptyReadonlyArray<Embedder>, options: Settings) {
    this.members = embedders.map((embedder) => ({ embedder, rests: 0 }))
    this.options = options
    this.length = embedders[0].dimensions
  }

  readonly embedMany = (
    inputs: ReadonlyArray<string>
  ): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const rested = this.members.filter(({ rests }) => rests <= now)
      return this.ask(rested.length === 0 ? this.members : rested, inputs, 0)
    })

  private ask(
    [member, ...others]: ReadonlyArray<Member>,
    inputs: ReadonlyArray<string>,
    retried: number
  ): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> {
    if (member === undefined) return Effect.die(new RangeError("EmbeddingChain: no member is left"))
    const { cooldown, delay, maxDelay, retries } = this.options
    return Effect.catch(this.embed(member.embedder, inputs), (error) => {
      const decision = decide({
        reason: error.reason,
        committed: false,
        retriesLeft: retried < retries,
        remaining: undefined,
        maxRetryAfter: Duration.millis(maxDelay),
        current: defaultCapabilities,
        candidate: others.length === 0 ? undefined : defaultCapabilities,
        features: new Set()
      })
      if (decision._tag === "Retry") {
        const hint = decision.after === undefined ? 0 : Duration.toMillis(decision.after)
        const wait = Math.max(hint, Math.min(maxDelay, delay * 2 ** retried))
        return Effect.delay(Effect.suspend(() => this.ask([member, ...others], inputs, retried + 1)), wait)
      }
      if (decision._tag === "Fail") return Effect.fail(error)
      return Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (decision.cooldown) member.rests = now + cooldown
        const next = others[0]?.embedder.name ?? ""
        return Effect.andThen(
          Effect.logWarning(`${show(member.embedder)} failed: ${decision.because}. The next provider is ${next}`),
          this.ask(others, inputs, 0)
        )
      })
    })
  }

  /** Vectors of one member, all of the length that this chain has. */
  private embed(
    embedder: Embedder,
    inputs: ReadonlyArray<string>
  ): Effect.Effect<EmbeddingModel.ProviderResponse, AiError.AiError> {
    return Effect.flatMap(embedder.embedMany(inputs), ({ embeddings, usage }) => {
      const results = embeddings.map(({ vector }) => [...vector])
      const length = this.length ?? results[0]?.length
      const other = results.find((vector) => vector.length !== length)
      if (other !== undefined) return Effect.fail(wrongLength(embedder, length ?? 0, other.length))
      this.length = length
      return Effect.succeed({ results, usage: { inputTokens: usage.inputTokens } })
    })
  }
}

const wrongLength = (embedder: Embedder, length: number, got: number): AiError.AiError =>
  AiError.make({
    module: "EmbeddingChain",
    method: "embedMany",
    reason: new AiError.InvalidResponseError({
      description: `the vectors of ${show(embedder)} have ${got} numbers, and those of this chain ${length}. ` +
        "Check that all members serve one model, and give each the same dimensions"
    })
  })

/**
 * Makes a model over its members. Throws a `RangeError` that lists every invalid option; members that serve different models, or vectors of
 * different lengths, are a defect with such an error.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, OllamaEmbedding, OpenAiEmbedding } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * const server = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(
 *     request,
 *     request.url.includes("/v1/")
 *       ? new Response("out of memory", { status: 507 })
 *       : Response.json({ embeddings: [[0.6, 0.8]] })
 *   )))
 *
 * const program = Effect.gen(function*() {
 *   const model = yield* EmbeddingChain.make({
 *     members: [OpenAiEmbedding.make({ preset: "vllm", model: "BAAI/bge-m3" }), OllamaEmbedding.make({ model: "bge-m3:latest" })],
 *     retries: 0
 *   })
 *   return (yield* model.embed("Why is the sky blue?")).vector
 * })
 *
 * await Effect.runPromise(Effect.provideService(program, HttpClient.HttpClient, server)) // => [0.6, 0.8]
 * ```
 */
export const make = <E = never, R = never>(
  options: Options<E, R>
): Effect.Effect<EmbeddingModel.EmbeddingModel, E, R> => {
  const checked = Arguments.check("EmbeddingChain.make", optionsCheck, options)
  const { members: [first, ...rest] } = options
  return Effect.gen(function*() {
    const made = (source: Source<E, R>) => Effect.isEffect(source) ? source : Effect.succeed(source)
    const members: Arr.NonEmptyReadonlyArray<Embedder> = [yield* made(first), ...(yield* Effect.forEach(rest, made))]
    const faults = faultsOf(members, checked.sameModel)
    if (faults.length > 0) return yield* Effect.die(new RangeError(`EmbeddingChain.make: ${faults.join("; ")}`))
    const chain = new Chain(members, checked)
    return yield* EmbeddingModel.make({ embedMany: ({ inputs }) => chain.embedMany(inputs) })
  })
}

/**
 * The layer of an `EmbeddingModel`, as {@link make} makes it.
 *
 * ```ts import.meta.vitest
 * import { EmbeddingChain, OllamaEmbedding } from "@holdfast/llm"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const EmbeddingLive = EmbeddingChain.layer({
 *   members: [
 *     OllamaEmbedding.make({ name: "rack", host: "http://rack.local:11434", model: "bge-m3" }),
 *     OllamaEmbedding.make({ model: "bge-m3" })
 *   ]
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 *
 * Layer.isLayer(EmbeddingLive) // => true
 * ```
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<EmbeddingModel.EmbeddingModel, E, R> => Layer.effect(EmbeddingModel.EmbeddingModel, make(options))
