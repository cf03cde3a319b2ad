/**
 * The members of a chain of embeddings as the providers of a chain, and what they may not differ in.
 *
 * Guarded by `test/embedding/EmbeddingChain.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Provider } from "../../Provider.ts"
import { defaultCapabilities } from "../../Provider.ts"
import type { Embedder } from "../protocol/request/embedding.ts"

/** What a model is called without its vendor and the tag `latest`. */
const plain = (model: string): string => (model.split("/").at(-1) ?? model).replace(/:latest$/u, "").toLowerCase()

export const show = ({ model, name }: Pick<Embedder, "model" | "name">): string => `${JSON.stringify(model)} of ${name}`

/** What members may not differ in, and the names that may not be the same. */
export const faultsOf = (
  members: Arr.NonEmptyReadonlyArray<Pick<Embedder, "name" | "model" | "dimensions">>,
  sameModel: boolean
): ReadonlyArray<string> => {
  const [first, ...rest] = members
  const faults: Array<string> = []
  for (const [i, member] of rest.entries()) {
    const where = `members.${i + 1}`
    const before = members.findIndex(({ name }) => name === member.name)
    if (before <= i) {
      faults.push(`${where}.name must be unique, got ${Arguments.show(member.name)}, as members.${before} has`)
    }
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

const noChat = Effect.die(new RangeError("EmbeddingChain: a model for embeddings has no chat"))

/** One provider for each embedder, so that a chain knows it again when its options change. */
const providers = new WeakMap<Embedder, Provider>()

/** What a chain knows of a member: who it is, and where. */
export const providerOf = (embedder: Embedder): Provider => {
  const known = providers.get(embedder)
  if (known !== undefined) return known
  const { location, model, name } = embedder
  const provider: Provider = {
    name,
    model,
    location,
    capabilities: defaultCapabilities,
    generateText: () => noChat,
    streamText: () => Stream.fromEffect(noChat),
    preflight: Effect.void
  }
  providers.set(embedder, provider)
  return provider
}
