/**
 * What a model on Bedrock must get back as it wrote it: thoughts with their signature, or encrypted ("ReasoningContentBlock").
 * It travels in the metadata of reasoning parts under `bedrock`.
 *
 * Guarded by `test/bedrock/BedrockProvider.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Kept = Schema.Struct({
  signature: Schema.optional(Schema.String),
  /** The encrypted form of a thought that is not shown. */
  redacted: Schema.optional(Schema.String)
})
type Kept = typeof Kept.Type

const decode = Schema.decodeUnknownOption(Schema.Struct({ bedrock: Kept }))

export const of = (options: Prompt.ProviderOptions): Kept | undefined =>
  Option.getOrUndefined(Option.map(decode(options), ({ bedrock }) => bedrock))

export const metadata = ({ redacted, signature }: Kept): Response.ProviderMetadata => ({
  bedrock: { ...(signature === undefined ? {} : { signature }), ...(redacted === undefined ? {} : { redacted }) }
})
