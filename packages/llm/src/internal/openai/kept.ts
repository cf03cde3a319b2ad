/**
 * Keeps the fields of an answer that its author must get back unchanged: reasoning, under the server's own field name, its
 * signatures and details, and extra fields of tool calls. They are in the metadata of the parts, under `chatCompletions`, and
 * go back with the conversation to their author only; the chain removes them for other models.
 *
 * Sources: DeepSeek, "Thinking mode" (`reasoning_content`); OpenRouter, "Reasoning tokens" (`reasoning_details`); Google, "Thought
 * signatures" (`extra_content`); LiteLLM, "Reasoning content" (`thinking_blocks`, `provider_specific_fields`); Mistral,
 * "Reasoning" (content as a list).
 *
 * Guarded by `test/protocol/authorship.test.ts` and `test/openai/presets.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Where the server wrote its reasoning: in a field of the message, in the content as a list, or in the content between tags. */
export const Place = Schema.Union([
  Schema.Struct({ fields: Schema.Array(Schema.String) }),
  Schema.Struct({ list: Schema.Literal(true) }),
  Schema.Struct({ open: Schema.String, close: Schema.String })
])
export type Place = typeof Place.Type

const Fields = Schema.Record(Schema.String, Schema.Json)

/** What is kept of a part. */
export const Kept = Schema.Struct({
  /** Where the text of the reasoning was. */
  place: Schema.optional(Place),
  /** Fields of the message, as they were. */
  message: Schema.optional(Fields),
  /** Fields beside a call of a tool, as they were. */
  call: Schema.optional(Fields)
})
export type Kept = typeof Kept.Type

const decode = Schema.decodeUnknownOption(Schema.Struct({ chatCompletions: Kept }))

/** What was kept of a part of a prompt. */
export const of = (options: Prompt.ProviderOptions): Kept =>
  Option.match(decode(options), { onNone: () => ({}), onSome: ({ chatCompletions }) => chatCompletions })

/** The metadata of a part; nothing where there is nothing to keep. */
export const metadata = (kept: Kept): { readonly metadata?: Response.ProviderMetadata } => {
  const { call, message, place } = kept
  const said = {
    ...(place === undefined ? {} : { place }),
    ...(message === undefined || Object.keys(message).length === 0 ? {} : { message }),
    ...(call === undefined || Object.keys(call).length === 0 ? {} : { call })
  }
  return Object.keys(said).length === 0 ? {} : { metadata: { chatCompletions: said } }
}

/** The fields of a message that come in pieces, each a list of entries. */
const lists = ["reasoning_details", "thinking_blocks"] as const

const isEntry = (value: unknown): value is Readonly<Record<string, Schema.Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Fields whose text arrives in pieces. Encrypted fields arrive whole. */
const growing = ["text", "summary", "thinking"] as const

/** A piece of an entry continues the last one where both are of one type and place, and what they hold grows. */
const continues = (last: unknown, entry: unknown): boolean =>
  isEntry(last) && isEntry(entry) && last["type"] === entry["type"] && last["index"] === entry["index"] &&
  (last["id"] ?? entry["id"]) === (entry["id"] ?? last["id"]) &&
  // A signature closes an entry.
  typeof last["signature"] !== "string" &&
  (growing.some((key) => typeof last[key] === "string") && last["data"] === undefined && entry["data"] === undefined)

const joined = (entries: ReadonlyArray<Schema.Json>): ReadonlyArray<Schema.Json> => {
  const out: Array<Schema.Json> = []
  for (const entry of entries) {
    const last = out.at(-1)
    if (!isEntry(last) || !isEntry(entry) || !continues(last, entry)) {
      out.push(entry)
      continue
    }
    const next: Record<string, Schema.Json> = { ...last }
    for (const [key, value] of Object.entries(entry)) {
      const before = last[key]
      if (growing.some((name) => name === key) && typeof before === "string" && typeof value === "string") {
        next[key] = before + value
      } else if (value !== null || before === undefined) next[key] = value
    }
    out[out.length - 1] = next
  }
  return out
}

/** Several fields of one message as one: lists go on, other values are the last ones. */
export const merge = (
  all: ReadonlyArray<Readonly<Record<string, Schema.Json>>>
): Readonly<Record<string, Schema.Json>> => {
  const out: Record<string, Schema.Json> = {}
  for (const fields of all) {
    for (const [key, value] of Object.entries(fields)) {
      const before = out[key]
      out[key] = Array.isArray(value) && Array.isArray(before) ? [...before, ...value] : value
    }
  }
  for (const key of lists) {
    const entries = out[key]
    if (Array.isArray(entries)) out[key] = [...joined(entries)]
  }
  return out
}

/** The fields of a message that go back. */
export const messageFields = ["reasoning_details", "thinking_blocks", "extra_content"] as const

/** The fields of a call that every server has; what is beside them goes back. */
export const callFields: ReadonlySet<string> = new Set(["index", "id", "type", "function"])
