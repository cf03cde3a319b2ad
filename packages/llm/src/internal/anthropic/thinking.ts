/**
 * What makes a thought of Claude's its own: the signature (or, where the thought is not shown, its encrypted form), which
 * the API wants back unchanged and only from the model that wrote it ("Thinking", "Thinking blocks are tied to the model").
 * Servers that speak the same API may sign nothing; their thoughts are sent back anyway.
 *
 * It travels in the metadata of a reasoning part under `anthropic`, where Effect's own provider keeps it too.
 *
 * Guarded by `test/anthropic/generateText.test.ts` and `test/AnthropicProvider.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Info = Schema.Union([
  Schema.Struct({ type: Schema.Literal("thinking"), signature: Schema.optionalKey(Schema.String) }),
  Schema.Struct({ type: Schema.Literal("redacted_thinking"), redactedData: Schema.String })
])
export type Info = typeof Info.Type

const decode = Schema.decodeUnknownOption(
  Schema.Struct({ anthropic: Schema.Struct({ info: Info, model: Schema.String }) })
)

export const toMetadata = (info: Info, model: string): Response.ProviderMetadata => ({
  anthropic: { info: { ...info }, model }
})

/** The metadata of a thought: with its signature, where there is one. */
export const signed = (signature: string | undefined, model: string): Response.ProviderMetadata =>
  toMetadata({ type: "thinking", ...(signature === undefined ? {} : { signature }) }, model)

/** What `model` itself has signed, if anything. */
export const fromOptions = (options: Prompt.ProviderOptions, model: string): Option.Option<Info> =>
  Option.map(
    Option.filter(decode(options), ({ anthropic }) => anthropic.model === model),
    ({ anthropic }) => anthropic.info
  )
