/**
 * What the Responses API must get back as it wrote it: items of reasoning with their encrypted content, and the ids and phases of
 * messages and calls ("Reasoning models", "Keeping reasoning items in context"). It travels in the metadata of the parts under
 * `responses`.
 *
 * Guarded by `test/responses/OpenAiResponsesProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Item = Schema.Record(Schema.String, Schema.Json)
export type Item = typeof Item.Type

const decode = Schema.decodeUnknownOption(Schema.Struct({ responses: Schema.Struct({ item: Item }) }))

/** The item of a part: of reasoning the whole, of others what is beside their content. */
export const of = (options: Prompt.ProviderOptions): Item | undefined =>
  Option.getOrUndefined(Option.map(decode(options), ({ responses }) => responses.item))

/** The metadata of a part of an item. */
export const metadata = (item: Item): Response.ProviderMetadata => ({ responses: { item } })

/** The fields of an item that go back beside its content. The status is the answer's alone. */
export const beside = (item: Readonly<Record<string, unknown>>, names: ReadonlyArray<string>): Item =>
  Object.fromEntries(
    names.flatMap((name) => item[name] === null || item[name] === undefined ? [] : [[name, item[name] as Schema.Json]])
  )
