/**
 * A conversation in the words of Anthropic's Messages API (API reference, "Create a Message").
 *
 * Guarded by `test/AnthropicProvider.test.ts` and `test/anthropic/generateText.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import * as CacheMark from "../protocol/request/cacheMark.ts"
import { fileIdOf } from "../protocol/request/fileId.ts"
import type { FileData } from "../protocol/request/mediaType.ts"
import { dataOf, isText, textOf } from "../protocol/request/mediaType.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages as toResults } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Thinking from "./thinking.ts"

type Source =
  | { readonly type: "base64"; readonly media_type: string; readonly data: string }
  | { readonly type: "url"; readonly url: string }
  | { readonly type: "text"; readonly media_type: "text/plain"; readonly data: string }
  | { readonly type: "file"; readonly file_id: string }

interface CacheControl {
  readonly type: "ephemeral"
  readonly ttl?: "5m" | "1h"
}

export type Block = Content & { readonly cache_control?: CacheControl }

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

export interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

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
  const mediaType = data._tag === "Url" ? part.mediaType : data.mediaType
  return images.has(mediaType) || (data._tag === "Url" && mediaType === "image/*")
    ? Effect.succeed({ type: "image", source: sourceOf(data) })
    : unusable(`the Messages API takes JPEG, PNG, GIF and WebP, not ${mediaType}`)
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
  const isImage = part.mediaType.startsWith("image/")
  const title = part.fileName === undefined ? {} : { title: part.fileName }
  // "Files API": PDF files and texts are documents, and images images; other files are for tools that the vendor runs.
  const isReadable = part.mediaType === "application/pdf" || isText(part.mediaType) || images.has(part.mediaType)
  const id = isReadable ? fileIdOf(part, "anthropic") : undefined
  if (id !== undefined) {
    const source = { type: "file" as const, file_id: id }
    return Effect.succeed(isImage ? { type: "image", source } : { type: "document", source, ...title })
  }
  if (isImage) return imageBlock(part)
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
  toResults(message, (part, content) =>
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
export const toSystem = ({ content }: Prompt.Prompt): string | ReadonlyArray<Block> => {
  const messages = content.filter((message) => message.role === "system")
  const blocks = messages
    .map(({ content, options }) => marked({ type: "text", text: content }, options))
    .filter(isWorthSending)
  return blocks.some(({ cache_control }) => cache_control !== undefined)
    ? blocks
    : messages.map(({ content }) => content).join("\n\n")
}

/** The messages of a conversation without its system messages, or which of its parts the API cannot be sent. */
export const toMessages = (
  prompt: Prompt.Prompt,
  model: string
): Effect.Effect<ReadonlyArray<Message>, AiError.AiErrorReason> =>
  Effect.map(
    Effect.forEach(
      prompt.content.flatMap((message) => message.role === "system" ? [] : [message]),
      (message) => toMessage(message, model)
    ),
    merge
  )
