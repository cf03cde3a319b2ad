/** Whether each member of the chain of embeddings gives vectors, and vectors of one length: part of a diagnosis. */
import { plural } from "@holdfast/core/Arguments"
import * as EmbeddingChain from "@holdfast/llm/EmbeddingChain"
import type * as Provider from "@holdfast/llm/Provider"
import type * as ProviderChain from "@holdfast/llm/ProviderChain"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as FailureWords from "../terminal/FailureWords.ts"
import { inOneLine } from "../terminal/paragraph.ts"
import { Pools } from "../transport.ts"
import type { Options } from "./progress.ts"
import { timed, told } from "./progress.ts"

/** What came of embedding one word. Times are in milliseconds. */
export type EmbeddingCheck =
  | { readonly _tag: "Ready"; readonly millis: number; readonly dimensions: number }
  | { readonly _tag: "Failed"; readonly because: string }
  /** Nothing was sent. */
  | { readonly _tag: "NotChecked"; readonly because: string }

/** A member of the chain of embeddings. */
export interface EmbeddingDiagnosis {
  readonly name: string
  readonly server: ProviderChain.Choice["server"]
  readonly location: Provider.Location
  /** The model that it is asked for; `undefined` when its settings cannot be used. */
  readonly model: string | undefined
  readonly chosen: boolean
  readonly because: string
  readonly advice: string | undefined
  readonly check: EmbeddingCheck
}

const failed = (because: string): EmbeddingCheck => ({ _tag: "Failed", because })

/** Embeds a word: only that tells whether a server gives embeddings. It costs about a token. */
const tried = ({ embed }: EmbeddingChain.Embedder, { timeout }: Options) =>
  Effect.map(timed(Effect.timeoutOption(embed("hello"), timeout)), ({ millis, result }): EmbeddingCheck => {
    if (Result.isFailure(result)) return failed(FailureWords.sentence(result.failure.reason))
    return Option.match(result.success, {
      onNone: () => failed(`no answer within ${Duration.format(timeout)}`),
      onSome: ({ vector }) => ({ _tag: "Ready", millis, dimensions: vector.length })
    })
  })

const look = (choice: ProviderChain.Choice, online: boolean, options: Options) =>
  Effect.gen(function*() {
    const embedder = yield* EmbeddingChain.memberConfig(choice, { transport: yield* Effect.flatten(Pools) })
    const check: EmbeddingCheck = online || embedder.location === "local"
      ? yield* tried(embedder, options)
      : { _tag: "NotChecked", because: "this machine is offline, so no cloud is asked" }
    return { model: embedder.model, check }
  }).pipe(
    Effect.scoped,
    Effect.catchTag("ConfigError", ({ cause }) =>
      Effect.succeed({ model: undefined, check: failed(inOneLine(cause.message)) })),
    (self) =>
      told(self, `${choice.provider} (embeddings)`, options)
  )

/** A member whose vectors have another length than those of the first that answers would never be asked with success. */
const compared = (members: ReadonlyArray<EmbeddingDiagnosis>): ReadonlyArray<EmbeddingDiagnosis> => {
  const first = members.find(({ check }) => check._tag === "Ready")
  if (first?.check._tag !== "Ready") return members
  const { dimensions } = first.check
  return members.map((member) =>
    member.check._tag === "Ready" && member.check.dimensions !== dimensions
      ? {
        ...member,
        check: failed(
          `its vectors have ${plural(member.check.dimensions, "number")}, and those of ${first.name} ${dimensions}. ` +
            "Check that both serve one model, or set dimensions"
        )
      }
      : member
  )
}

/** Tries each member that a chain would ask. */
export const diagnose = Effect.fnUntraced(function*(online: boolean, options: Options) {
  const choices = yield* EmbeddingChain.selection
  const members = yield* Effect.forEach(
    choices,
    (choice) => {
      const { advice, because, chosen, location, provider: name, server } = choice
      const member = { name, server, location, chosen, because, advice }
      const check: EmbeddingCheck = { _tag: "NotChecked", because: "it is left out" }
      return chosen
        ? Effect.map(look(choice, online, options), (found): EmbeddingDiagnosis => ({ ...member, ...found }))
        : Effect.succeed<EmbeddingDiagnosis>({ ...member, model: undefined, check })
    },
    { concurrency: "unbounded" }
  )
  return compared(members)
})
