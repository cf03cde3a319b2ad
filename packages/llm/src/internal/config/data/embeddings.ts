/**
 * The chain of embeddings of a file, under `llm.embeddings`: its schema, its checks, and the names of its members. A key is never in a
 * file, only its variable's name.
 *
 * Guarded by `test/config/embeddings.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import { isObject } from "effect/Predicate"
import * as Schema from "effect/Schema"
import { embeddingNames, names } from "../registry.ts"
import { common, membersCheck } from "./members.ts"

const key = Schema.optionalKey

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const Member = Schema.Struct({
  /** The server: a name of `ProviderChain.servers` that has embeddings. */
  provider: Schema.Literals(names),
  /** Names the member in events, errors and the ledger. Default: that of the server; `ollama-2` for the second of one server. */
  name: key(Schema.NonEmptyString),
  /** The name of the environment variable that has its key. Default: the server's own, such as `OPENAI_API_KEY`. */
  key: key(Schema.NonEmptyString),
  /** Default: that of `OPENAI_EMBEDDING_MODEL` and the like, or the server's. */
  model: key(Schema.NonEmptyString),
  base_url: key(Schema.NonEmptyString)
})
type EmbeddingMember = typeof Member.Type

export const EmbeddingsData = Schema.Struct({
  /** As `members` of `EmbeddingChain.Options`. */
  members: Schema.NonEmptyArray(Member),
  /** As `sameModel` of `EmbeddingChain.Options`. */
  same_model: key(Schema.Boolean),
  /** As `dimensions` of `OpenAiEmbedding.Options`, of all members. */
  dimensions: key(count),
  /** As `batchSize` of `OpenAiEmbedding.Options`, of all members. */
  batch_size: key(count)
})
export type EmbeddingsData = typeof EmbeddingsData.Type

const { boolean, integer, optional, struct } = Arguments

const list = membersCheck(struct(common(embeddingNames)), "{ provider: ollama, model: bge-m3 }")

const members: Arguments.Check<unknown> = (value, place) => {
  list(value, place)
  if (!Array.isArray(value)) return
  const called = namesOf(value)
  for (const [i, name] of called.entries()) {
    if (called.indexOf(name) < i) place.at(`${i}`).at("name").fault(`must be unique, got ${Arguments.show(name)}`)
  }
}

export const embeddingsCheck: Arguments.Check<unknown> = (value, place) =>
  isObject(value)
    ? struct({
      members,
      same_model: optional(boolean),
      dimensions: optional(integer({ min: 1 })),
      batch_size: optional(integer({ min: 1 }))
    })(value, place)
    : place.fault("must be an object, such as { members: [{ provider: ollama, model: bge-m3 }] }")

const namesOf = (members: ReadonlyArray<unknown>): ReadonlyArray<string> => {
  const seen = new Map<string, number>()
  return members.map((member) => {
    const { name, provider }: { readonly name?: unknown; readonly provider?: unknown } = Object(member)
    if (typeof name === "string") return name
    const nth = (seen.get(String(provider)) ?? 0) + 1
    seen.set(String(provider), nth)
    return nth === 1 ? String(provider) : `${String(provider)}-${nth}`
  })
}

/** The names of the members of a chain of embeddings, checked or not. */
export const embeddingNamesOf = (embeddings: unknown): ReadonlyArray<string> => {
  const { members }: { readonly members?: unknown } = Object(embeddings)
  return Array.isArray(members) ? namesOf(members) : []
}

/** A member with the name that a chain knows it by. */
export interface NamedEmbeddingMember {
  readonly name: string
  readonly data: EmbeddingMember
}

/** Every member, in order. */
export const embeddingMembersOf = (embeddings: EmbeddingsData | undefined): ReadonlyArray<NamedEmbeddingMember> => {
  const names = embeddingNamesOf(embeddings)
  return (embeddings?.members ?? []).map((data, i) => ({ name: names[i] ?? data.provider, data }))
}
