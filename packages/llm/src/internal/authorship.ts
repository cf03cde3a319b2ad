/** Whose answer it is: in the metadata of its parts, and on the span of the request. */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import * as Schema from "effect/Schema"
import type { Provider } from "../Provider.ts"
import type { Entry } from "./entry.ts"
import type { Walk } from "./walk.ts"

export const AnsweredBy = Schema.Struct({
  provider: Schema.String,
  model: Schema.String,
  location: Schema.Literals(["cloud", "local"]),
  /** How many attempts the request took, at all providers. */
  attempts: Schema.Int,
  /** Whether another provider comes first in the chain, and was given up or passed by. */
  fellBack: Schema.Boolean,
  /** Whether this machine was found to be offline. */
  offline: Schema.Boolean
})

type Marked = { readonly metadata?: Response.ProviderMetadata | undefined }

export const authorOf = ({ provider }: Entry, { entries, offline, story }: Walk): Response.ProviderMetadata => {
  const holdfast: typeof AnsweredBy.Type = {
    provider: provider.name,
    model: provider.model,
    location: provider.location,
    attempts: story.attempts.filter(({ attempt }) => attempt > 0).length + 1,
    fellBack: entries[0]?.provider !== provider,
    offline
  }
  return { holdfast }
}

export const marked = <P extends Marked>(part: P, author: Response.ProviderMetadata): P => ({
  ...part,
  metadata: { ...part.metadata, ...author }
})

/** Says on the span of the request who answered it. */
export const annotate = (
  request: LanguageModel.ProviderOptions,
  provider: Provider,
  finish: Response.FinishPartEncoded
): void =>
  Telemetry.addGenAIAnnotations(request.span, {
    provider: { name: provider.name },
    operation: { name: "chat" },
    request: { model: provider.model },
    response: { finishReasons: [finish.reason] },
    usage: { inputTokens: finish.usage.inputTokens.total, outputTokens: finish.usage.outputTokens.total }
  })
