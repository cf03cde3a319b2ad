/**
 * Whose answer it is: in the metadata of its parts.
 *
 * Guarded by `test/laws.test.ts` and `test/authorship/projection.test.ts`.
 */
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ChainMember } from "../chain/member.ts"
import type { ChainRequest } from "../chain/request.ts"

/** Whose answer a response is. */
export const AnsweredBy = Schema.Struct({
  provider: Schema.String,
  model: Schema.String,
  location: Schema.Literals(["cloud", "local"]),
  /** How many attempts the request took, at all providers. */
  attempts: Schema.Int,
  /** Whether another provider comes first in the chain, and was given up, passed by or late. */
  fellBack: Schema.Boolean,
  /** Whether this machine was found to be offline. */
  offline: Schema.Boolean
})
export type AnsweredBy = typeof AnsweredBy.Type

type Marked = { readonly metadata?: Response.ProviderMetadata | undefined }

export const authorOf = (
  { provider }: ChainMember,
  { log, members, offline }: ChainRequest
): Response.ProviderMetadata => {
  const holdfast: AnsweredBy = {
    provider: provider.name,
    model: provider.model,
    location: provider.location,
    attempts: log.begun,
    fellBack: members[0]?.provider !== provider,
    offline
  }
  return { holdfast }
}

export const marked = <P extends Marked>(part: P, author: Response.ProviderMetadata): P => ({
  ...part,
  metadata: { ...part.metadata, ...author }
})

const decodeAnsweredBy = Schema.decodeUnknownOption(Schema.Struct({ holdfast: AnsweredBy }))

/**
 * Says whose answer a response is, from the metadata that the chain puts on its `response-metadata` and `finish` parts.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Option } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const providers = [TestProvider.script("cloud", [TestProvider.text("Hi")], { model: "large" })] as const
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layer({ providers }))
 * )
 *
 * const response = await Effect.runPromise(program)
 * ProviderChain.answeredBy(response.content) // => Option.some({ provider: "cloud", model: "large", location: "cloud", attempts: 1, fellBack: false, offline: false })
 * ```
 */
export const answeredBy = (
  parts: Iterable<{ readonly type: string; readonly metadata?: Response.ProviderMetadata | undefined }>
): Option.Option<AnsweredBy> => {
  for (const part of parts) {
    if (part.type !== "response-metadata" && part.type !== "finish") continue
    const found = decodeAnsweredBy(part.metadata)
    if (Option.isSome(found)) return Option.some(found.value.holdfast)
  }
  return Option.none()
}
