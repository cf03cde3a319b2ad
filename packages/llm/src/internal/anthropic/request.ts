/**
 * A request in the words of Anthropic's Messages API (API reference, "Create a Message").
 *
 * A structured answer is asked for by `output_config.format`, not by a tool that the model is forced to call: the vendor's
 * current models refuse a forced tool ("What's new in Claude Sonnet 5.5", "Forced tool use is not supported"), older ones
 * refuse it while they think, and the format is what "Structured outputs" recommends for the shape of an answer.
 *
 * Guarded by `test/requests/requests.test.ts`, `test/anthropic/generateText.test.ts` and
 * `test/AnthropicProvider.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import * as AnthropicStructuredOutput from "effect/ai/AnthropicStructuredOutput"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import { chosen } from "../openai/request.ts"
import * as CacheMark from "../protocol/request/cacheMark.ts"
import type { FileData } from "../protocol/request/mediaType.ts"
import { dataOf, textOf } from "../protocol/request/mediaType.ts"
import type { Json } from "../protocol/tools/jsonSchema.ts"
import { withPlainReferences } from "../protocol/tools/jsonSchema.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages } from "../protocol/tools/toolResult.ts"
import type { Declared } from "../protocol/tools/tools.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as VendorTools from "../protocol/tools/vendorTools.ts"
import * as Thinking from "./thinking.ts"

type Source =
  | { readonly type: "base64"; readonly media_type: string; readonly data: string }
  | { readonly type: "url"; readonly url: string }
  | { readonly type: "text"; readonly media_type: "text/plain"; readonly data: string }

interface CacheControl {
  readonly type: "ephemeral"
  readonly ttl?: "5m" | "1h"
}

type Block = Content & { readonly cache_control?: CacheControl }

type Content =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly source: Source }
  | { readonly type: "document"; readonly source: Source; readonly title?: string }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature?: string }
  | { readonly type: "redacted_thinking"; readonly data: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: object }
  | {
    readonly type: "tool_result"
    readonly tool_use_id: string
    readonly content: string
    readonly is_error?: true
  }

interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

interface CustomTool {
  readonly name: string
  readonly description?: string
  readonly input_schema: Json
  readonly strict?: boolean
}

export interface Body {
  readonly system?: string | ReadonlyArray<Block>
  readonly messages: ReadonlyArray<Message>
  readonly tools?: ReadonlyArray<CustomTool | { readonly type: string; readonly name: string }>
  readonly tool_choice?:
    | { readonly type: "auto" | "any" | "none" }
    | { readonly type: "tool"; readonly name: string }
  readonly format?: { readonly type: "json_schema"; readonly schema: Json }
}

// -----------------------------------------------------------------------------
// Messages
// -----------------------------------------------------------------------------

const unusable = (description: string) => Effect.fail(unsupported("messages", description))

/** The API fetches a URL itself. */
const sourceOf = (data: FileData): Source =>
  data._tag === "Url"
    ? { type: "url", url: data.url }
    : { type: "base64", media_type: data.mediaType, data: data.base64 }

/** What the API reads as an image ("Vision"). It refuses a kind that differs from the bytes. */
const images: ReadonlySet<string> = new Set(["image/jpeg", "image/png", "image/gif", "image/webp"])

const imageBlock = (part: Prompt.FilePart): Effect.Effect<Block, AiError.AiErrorReason> => {
  const data = dataOf(part)
  return data._tag === "Url" || images.has(data.mediaType)
    ? Effect.succeed({ type: "image", source: sourceOf(data) })
    : unusable(`the Messages API takes JPEG, PNG, GIF and WebP, not ${data.mediaType}`)
}

/** A block up to which the prompt is to be cached. Thoughts take no mark. */
const marked = (block: Block, options: Prompt.ProviderOptions): Block => {
  const mark = CacheMark.of(options)
  return mark === undefined || block.type === "thinking" || block.type === "redacted_thinking"
    ? block
    : { ...block, cache_control: { type: "ephemeral", ...mark } }
}

/** The mark of a message is on its last block. */
const lastMarked = (blocks: ReadonlyArray<Block>, options: Prompt.ProviderOptions): ReadonlyArray<Block> =>
  blocks.map((block, index) => index === blocks.length - 1 ? marked(block, options) : block)

const userBlock = (part: Prompt.UserMessagePart): Effect.Effect<Block, AiError.AiErrorReason> => {
  if (part.type === "text") return Effect.succeed({ type: "text", text: part.text })
  if (part.mediaType.startsWith("image/")) return imageBlock(part)
  const title = part.fileName === undefined ? {} : { title: part.fileName }
  if (part.mediaType === "application/pdf") {
    return Effect.succeed({ type: "document", source: sourceOf(dataOf(part)), ...title })
  }
  // A text goes as text. The URL of one is refused: the API fetches nothing but images and PDF files.
  return Option.match(textOf(part), {
    onNone: () => unusable(`the Messages API takes images, PDF files and texts, not ${part.mediaType}`),
    onSome: (data) =>
      Effect.succeed({ type: "document", source: { type: "text", media_type: "text/plain", data }, ...title })
  })
}

/** Letters, digits, `_` and `-` ("Create a Message", `tool_use.id`), always the same for the same id. */
const callId = (id: string): string =>
  /^[a-zA-Z0-9_-]+$/.test(id)
    ? id
    : `${id.replace(/[^a-zA-Z0-9_-]/g, "_")}_${(Hash.string(id) >>> 0).toString(36)}`

const assistantBlock = (part: Prompt.AssistantMessagePart, model: string): ReadonlyArray<Block> => {
  switch (part.type) {
    case "text":
      return [{ type: "text", text: part.text }]
    case "reasoning":
      return Option.match(Thinking.fromOptions(part.options, model), {
        // Not this model's own: it would refuse the signature.
        onNone: () => [],
        onSome: (info) => [
          info.type === "thinking"
            ? {
              type: "thinking",
              thinking: part.text,
              ...(info.signature === undefined ? {} : { signature: info.signature })
            }
            : { type: "redacted_thinking", data: info.redactedData }
        ]
      })
    case "tool-call":
      return part.providerExecuted
        ? []
        : [{
          type: "tool_use",
          id: callId(part.id),
          name: RequestTools.nameOf(part.name),
          input: toArguments(part.params)
        }]
    default:
      return []
  }
}

const assistantBlocks = (message: Prompt.AssistantMessage, model: string): ReadonlyArray<Block> =>
  message.content.flatMap((part) => assistantBlock(part, model).map((block) => marked(block, part.options)))

const toolBlocks = (message: Prompt.ToolMessage): ReadonlyArray<Block> =>
  toMessages(message, (part, content) =>
    marked({
      type: "tool_result",
      tool_use_id: callId(part.id),
      content,
      ...(part.isFailure ? { is_error: true } : {})
    }, part.options))

/** The API refuses empty texts. */
const isWorthSending = (block: Block): boolean => block.type !== "text" || block.text.trim() !== ""

const toMessage = (
  message: Exclude<Prompt.Message, Prompt.SystemMessage>,
  model: string
): Effect.Effect<Message, AiError.AiErrorReason> => {
  const of = (role: Message["role"], blocks: ReadonlyArray<Block>): Message => ({
    role,
    content: lastMarked(blocks.filter(isWorthSending), message.options)
  })
  switch (message.role) {
    case "user": {
      const blocks = Effect.forEach(
        message.content,
        (part) => Effect.map(userBlock(part), (block) => marked(block, part.options))
      )
      return Effect.map(blocks, (blocks) => of("user", blocks))
    }
    case "assistant":
      return Effect.succeed(of("assistant", assistantBlocks(message, model)))
    case "tool":
      return Effect.succeed(of("user", toolBlocks(message)))
  }
}

/**
 * The API refuses empty messages, and wants the results of a turn's tools in the one message after it: neighbours of one role
 * become one message.
 */
const merge = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const merged: Array<Message> = []
  for (const { content: blocks, role } of messages) {
    if (blocks.length === 0) continue
    const last = merged.at(-1)
    if (last?.role === role) merged[merged.length - 1] = { role, content: [...last.content, ...blocks] }
    else merged.push({ role, content: blocks })
  }
  return merged
}

/** As one text, unless a part of it is to be cached. */
const toSystem = (messages: ReadonlyArray<Prompt.SystemMessage>): NonNullable<Body["system"]> => {
  const blocks = messages
    .map(({ content, options }) => marked({ type: "text", text: content }, options))
    .filter(isWorthSending)
  return blocks.some(({ cache_control }) => cache_control !== undefined)
    ? blocks
    : messages.map(({ content }) => content).join("\n\n")
}

// -----------------------------------------------------------------------------
// Tools and schemas
// -----------------------------------------------------------------------------

const toTool = ({ description, name, schema, strict }: Declared): CustomTool => ({
  name,
  ...(description === undefined ? {} : { description }),
  input_schema: schema,
  ...(strict === undefined ? {} : { strict })
})

/**
 * Models that answer 400 to a choice that forces a call ("What's new in Claude Sonnet 5.5", "Forced tool use is not
 * supported", and the same page of Opus 5.5 and Fable 5.1). They are offered the chosen tool alone; an answer that calls none is
 * a failure all the same.
 */
export const refusesForcedTools = (model: string): boolean => /claude-((sonnet|opus)-5-5|fable-5-[12])/.test(model)

const toToolChoice = (
  choice: LanguageModel.ToolChoice<string>,
  vendors: ReadonlyArray<VendorTools.VendorTool>
): NonNullable<Body["tool_choice"]> => {
  if (typeof choice === "object" && "tool" in choice) {
    const theirs = vendors.find(({ tool }) => tool === choice.tool)
    return { type: "tool", name: theirs?.name ?? RequestTools.nameOf(choice.tool) }
  }
  const mode = typeof choice === "object" ? choice.mode ?? "auto" : choice
  return { type: mode === "required" ? "any" : mode }
}

/** The answer is decoded by `Provider.codecTransformer`; only how its schema is written differs from vendor to vendor. */
const jsonSchema = (
  schema: Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>["schema"]
): Effect.Effect<Json, AiError.AiErrorReason> =>
  Effect.try({
    try: () => withPlainReferences(AnthropicStructuredOutput.toCodecAnthropic(schema).jsonSchema),
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })

/** Whether the results of tools are to be read after calls without a thought before them, as another model's are. */
export const lacksThoughts = ({ messages }: Body): boolean => {
  const last = messages.at(-1)
  const before = messages.at(-2)?.content ?? []
  const type = before[0]?.type
  return last?.content.some((block) => block.type === "tool_result") === true &&
    before.some((block) => block.type === "tool_use") && type !== "thinking" && type !== "redacted_thinking"
}

/** The part of the body that the request decides. */
export const make = Effect.fnUntraced(function*(
  options: LanguageModel.ProviderOptions,
  model: string,
  forcesTools: boolean
): Effect.fn.Return<Body, AiError.AiErrorReason> {
  const { content } = options.prompt
  const system = toSystem(content.filter((message) => message.role === "system"))
  const messages = yield* Effect.forEach(
    content.flatMap((message) => message.role === "system" ? [] : [message]),
    (message) => toMessage(message, model)
  )
  const { own, vendors } = yield* VendorTools.split(forcesTools ? options.tools : chosen(options), ["anthropic"], true)
  const format = options.responseFormat
  return {
    ...(system === "" ? {} : { system }),
    messages: merge(messages),
    ...(own.length + vendors.length === 0
      ? {}
      : {
        tools: [
          ...RequestTools.declare(own, "anthropic").map(toTool),
          ...vendors.map(({ args, name, type }) => ({ type, name, ...args }))
        ],
        tool_choice: toToolChoice(forcesTools || options.toolChoice === "none" ? options.toolChoice : "auto", vendors)
      }),
    ...(format.type === "text" ? {} : { format: { type: "json_schema", schema: yield* jsonSchema(format.schema) } })
  }
})
