/**
 * What Gemini must get back as it wrote it: the signatures of its thoughts, which it puts on a call, a text or an empty part, and
 * the ids of its calls, where it gave some ("Thought signatures", "Return the signature in the part that had it"). It travels in
 * the metadata of the parts under `gemini`.
 *
 * Guarded by `test/gemini/GeminiProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** What is kept of a part. */
const Kept = Schema.Struct({
  signature: Schema.optional(Schema.String),
  /** The id of a call, where the server gave one. */
  id: Schema.optional(Schema.String)
})
export type Kept = typeof Kept.Type

const decode = Schema.decodeUnknownOption(Schema.Struct({ gemini: Kept }))

/** What was kept of a part of a prompt; `undefined` for a part that is not Gemini's. */
export const of = (options: Prompt.ProviderOptions): Kept | undefined =>
  Option.getOrUndefined(Option.map(decode(options), ({ gemini }) => gemini))

/** The metadata of a part that goes back to its author. */
export const metadata = ({ id, signature }: Kept): Response.ProviderMetadata => ({
  gemini: { ...(signature === undefined ? {} : { signature }), ...(id === undefined ? {} : { id }) }
})
