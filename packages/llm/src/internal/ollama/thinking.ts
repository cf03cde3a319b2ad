/**
 * Tags around thoughts in Ollama's content, which go back with them: where the server did not take them out itself.
 *
 * Guarded by `test/protocol/authorship.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Tags = Schema.Struct({ open: Schema.String, close: Schema.String })
export type Tags = typeof Tags.Type

const decode = Schema.decodeUnknownOption(Schema.Struct({ ollama: Schema.Struct({ tags: Tags }) }))

export const toMetadata = (tags: Tags): Response.ProviderMetadata => ({ ollama: { tags: { ...tags } } })

/** The tags that a thought came in, if any. */
export const tagsOf = (options: Prompt.ProviderOptions): Tags | undefined =>
  Option.getOrUndefined(Option.map(decode(options), ({ ollama }) => ollama.tags))
