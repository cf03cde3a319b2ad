/**
 * The chain of embeddings that a file describes: its members, each with its client, and the options that it shares with the chain of chats.
 *
 * Guarded by `test/config/embeddings.test.ts`.
 */
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import * as LlmConfig from "../../LlmConfig.ts"
import * as OllamaEmbedding from "../../OllamaEmbedding.ts"
import * as OpenAiEmbedding from "../../OpenAiEmbedding.ts"
import type { Options, Treatment } from "../compile/options.ts"
import { asMember } from "../config/below.ts"
import * as Configured from "../config/chain.ts"
import type { Transport } from "../config/client.ts"
import { overClient } from "../config/client.ts"
import type { NamedEmbeddingMember } from "../config/data/embeddings.ts"
import { embeddingMembersOf } from "../config/data/embeddings.ts"
import * as Setting from "../config/environment.ts"
import { servers } from "../config/registry.ts"
import type { Choice } from "../config/selection.ts"
import { memberChoice, presences } from "../config/selection.ts"
import type { Embedder } from "../protocol/request/embedding.ts"
import { saidOfServer } from "../reload/kept.ts"

type Which = Pick<Choice, "provider" | "server">

const memberOf = (file: LlmConfig.LlmConfig, name: string): NamedEmbeddingMember | undefined =>
  embeddingMembersOf(file.embeddings).find((member) => member.name === name)

/**
 * Lists the members of the file's chain of embeddings, with whether `EmbeddingChain.layerConfig` asks each, and why. Sends nothing and holds
 * no secret.
 */
export const members: Effect.Effect<ReadonlyArray<Choice>, Config.ConfigError> = Effect.gen(function*() {
  const { embeddings } = yield* LlmConfig.Current
  const named = embeddingMembersOf(embeddings).map(({ data, name }) => ({ data, name, pool: undefined }))
  const settings = yield* presences(named)
  return named.map((member) => memberChoice(member, settings))
})

/** The members that are asked, in their order. Warns of the others. */
export const chosen: Effect.Effect<Arr.NonEmptyReadonlyArray<Choice>, Config.ConfigError> = Effect.gen(function*() {
  const choices = yield* members
  for (const { advice, because, chosen, provider } of choices) {
    if (!chosen) {
      yield* Effect.logWarning(`The member "${provider}" of llm.embeddings is left out: ${because}. ${advice ?? ""}`)
    }
  }
  const [first, ...rest] = choices.filter(({ chosen }) => chosen)
  if (first !== undefined) return [first, ...rest]
  return yield* Effect.fail(Setting.fail(
    choices.length === 0
      ? "No model for embeddings is configured. Name its members in the file, under llm.embeddings.members"
      : `No member of llm.embeddings can be asked. ${
        choices.map(({ advice, because, provider }) => `${provider}: ${because}. ${advice ?? ""}`).join(". ")
      }`
  ))
})

/** Makes a member over its client. */
export const embedderOf = Effect.fnUntraced(function*(
  choice: Which,
  transport: Transport | undefined
): Effect.fn.Return<Embedder, Config.ConfigError, HttpClient.HttpClient | Scope.Scope> {
  const file = yield* LlmConfig.Current
  const member = memberOf(file, choice.provider)
  const { protocol, variables } = servers[choice.server]
  const options = {
    name: choice.provider,
    dimensions: file.embeddings?.dimensions,
    batchSize: file.embeddings?.batch_size
  }
  const made = protocol._tag === "ChatCompletions"
    ? OpenAiEmbedding.makeConfig({ ...options, preset: protocol.preset })
    : OllamaEmbedding.makeConfig(options)
  const own = member === undefined ? made : Effect.provide(made, asMember(member.data, variables.embedding))
  return yield* overClient(own, choice, transport)
})

/** What a file says of a member alone. */
export const saidOf = (file: LlmConfig.LlmConfig, { provider, server }: Which): unknown => ({
  ...saidOfServer(file, server),
  member: memberOf(file, provider)?.data,
  dimensions: file.embeddings?.dimensions,
  batchSize: file.embeddings?.batch_size
})

/** What of a chain's options has no meaning for embeddings. */
const ofChats = ["parameters", "repair"] as const

/** The options of a chain of these members: those of the file's chain, under a name of its own in a store. */
export const optionsOf = Effect.fnUntraced(function*(
  embedders: ReadonlyArray<Pick<Embedder, "name" | "model">>
): Effect.fn.Return<Omit<Options, "providers">, Config.ConfigError> {
  const file = yield* LlmConfig.Current
  const named = embedders.flatMap(({ model, name }) => {
    const server = memberOf(file, name)?.data.provider
    return server === undefined ? [] : [{ name, model, server }]
  })
  const all = yield* Configured.options({}, named)
  return {
    ...Struct.omit(all, [...ofChats, "fallbackOnContentPolicy"]),
    name: `${all.name ?? "llm"}-embeddings`,
    overrides: Object.fromEntries(
      Object.entries(all.overrides ?? {}).map(([name, own]: [string, Treatment]) => [name, Struct.omit(own, ofChats)])
    )
  }
})
