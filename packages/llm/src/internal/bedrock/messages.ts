/**
 * A conversation in the words of Bedrock's Converse API (API reference, "Message" and "ContentBlock").
 *
 * Guarded by `test/bedrock/BedrockProvider.test.ts` and `test/parameters/Parameters.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import * as CacheMark from "../protocol/request/cacheMark.ts"
import type { FileData } from "../protocol/request/mediaType.ts"
import { dataOf, isText, textOf } from "../protocol/request/mediaType.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages as toolMessages } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Kept from "./kept.ts"

type Source = { readonly bytes: string } | { readonly s3Location: { readonly uri: string } }

type Block =
  | CachePoint
  | { readonly text: string }
  | { readonly image: { readonly format: string; readonly source: Source } }
  | { readonly document: { readonly format: string; readonly name: string; readonly source: Source } }
  | { readonly video: { readonly format: string; readonly source: Source } }
  | { readonly audio: { readonly format: string; readonly source: Source } }
  | { readonly toolUse: { readonly toolUseId: string; readonly name: string; readonly input: object } }
  | {
    readonly toolResult: {
      readonly toolUseId: string
      readonly content: ReadonlyArray<{ readonly text: string }>
      readonly status?: "error"
    }
  }
  | {
    readonly reasoningContent:
      | { readonly reasoningText: { readonly text: string; readonly signature?: string } }
      | { readonly redactedContent: string }
  }

export interface CachePoint {
  readonly cachePoint: { readonly type: "default"; readonly ttl?: "5m" | "1h" }
}

export interface Message {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Block>
}

const unusable = (description: string) => Effect.fail(unsupported("messages", description))

const images: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp"
}

const documents: Readonly<Record<string, string>> = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "text/html": "html",
  "text/markdown": "md",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx"
}

/** "VideoBlock", by what the types are called elsewhere. */
const videos: Readonly<Record<string, string>> = {
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/x-matroska": "mkv",
  "video/webm": "webm",
  "video/x-flv": "flv",
  "video/mpeg": "mpeg",
  "video/x-ms-wmv": "wmv",
  "video/3gpp": "three_gp"
}

/** "AudioBlock". */
const sounds: Readonly<Record<string, string>> = {
  "audio/mp3": "mp3",
  "audio/mpeg": "mp3",
  "audio/wav": "wav",
  "audio/aac": "aac",
  "audio/flac": "flac",
  "audio/ogg": "ogg",
  "audio/opus": "opus",
  "audio/mp4": "m4a",
  "audio/webm": "webm"
}

/** The API fetches from S3 alone. */
const sourceOf = (data: FileData): Source | undefined =>
  data._tag === "Bytes"
    ? { bytes: data.base64 }
    : data.url.startsWith("s3:")
    ? { s3Location: { uri: data.url } }
    : undefined

/** Letters, digits, single spaces, hyphens, parentheses and brackets ("DocumentBlock"), and another name for each document. */
const documentName = (name: string | undefined, index: number): string => {
  const plain = (name ?? "").replace(/\.[^.]*$/, "").replaceAll(/[^a-zA-Z0-9()[\]-]+/g, " ").trim().slice(0, 150)
  return plain === "" ? `document ${index + 1}` : `${plain} ${index + 1}`
}

const fileBlock = (part: Prompt.FilePart, index: number): Effect.Effect<Block, AiError.AiErrorReason> => {
  const data = dataOf(part)
  const mediaType = data._tag === "Bytes" ? data.mediaType : part.mediaType
  const source = sourceOf(data)
  if (source === undefined) return unusable(`Bedrock takes the bytes of a file of type ${mediaType}, not its URL`)
  const image = images[mediaType]
  if (image !== undefined) return Effect.succeed({ image: { format: image, source } })
  const format = documents[mediaType]
  if (format !== undefined) {
    return Effect.succeed({ document: { format, name: documentName(part.fileName, index), source } })
  }
  const video = videos[mediaType]
  if (video !== undefined) return Effect.succeed({ video: { format: video, source } })
  const sound = sounds[mediaType]
  if (sound !== undefined) return Effect.succeed({ audio: { format: sound, source } })
  if (data._tag === "Url" && isText(mediaType)) {
    return Effect.succeed({ document: { format: "txt", name: documentName(part.fileName, index), source } })
  }
  return Option.match(textOf(part), {
    onNone: () => unusable(`Bedrock takes PNG, JPEG, GIF, WebP, documents, sound and video, not ${mediaType}`),
    onSome: (text) => Effect.succeed({ text })
  })
}

/** 64 letters, digits, `_` and `-` ("ToolUseBlock"), always the same for the same id. */
const callId = (id: string): string =>
  /^[a-zA-Z0-9_-]{1,64}$/.test(id)
    ? id
    : `${id.replaceAll(/[^a-zA-Z0-9_-]/g, "_").slice(0, 48)}_${(Hash.string(id) >>> 0).toString(36)}`

const reasoningBlock = (part: Prompt.ReasoningPart): ReadonlyArray<Block> => {
  const kept = Kept.of(part.options)
  if (kept === undefined) return []
  if (kept.redacted !== undefined) return [{ reasoningContent: { redactedContent: kept.redacted } }]
  const signature = kept.signature === undefined ? {} : { signature: kept.signature }
  return [{ reasoningContent: { reasoningText: { text: part.text, ...signature } } }]
}

const assistantBlock = (part: Prompt.AssistantMessagePart): ReadonlyArray<Block> => {
  switch (part.type) {
    case "text":
      return [{ text: part.text }]
    case "reasoning":
      return reasoningBlock(part)
    case "tool-call":
      return part.providerExecuted ? [] : [{
        toolUse: { toolUseId: callId(part.id), name: RequestTools.nameOf(part.name), input: toArguments(part.params) }
      }]
    default:
      return []
  }
}

/** Models that take marks; which one the ARN of a profile stands for is not known here. */
export const caches = (model: string): boolean => /claude|nova|^arn:/.test(model)

/** A mark of where to cache up to, as the API has it, in texts of the system too. */
export const cachePoint = (options: Prompt.ProviderOptions): ReadonlyArray<CachePoint> => {
  const mark = CacheMark.of(options)
  return mark === undefined ? [] : [{ cachePoint: { type: "default", ...mark } }]
}

/** Blocks with the mark after them. Blank texts are refused, and marks with nothing before them or after a thought. */
const marked = (blocks: ReadonlyArray<Block>, options: Prompt.ProviderOptions): ReadonlyArray<Block> => {
  const worth = blocks.filter((block) => !("text" in block) || block.text.trim() !== "")
  const last = worth.at(-1)
  return last === undefined || "reasoningContent" in last || "cachePoint" in last
    ? worth
    : [...worth, ...cachePoint(options)]
}

const toMessage = (
  message: Exclude<Prompt.Message, Prompt.SystemMessage>
): Effect.Effect<Message, AiError.AiErrorReason> => {
  const of = (role: Message["role"], blocks: ReadonlyArray<Block>): Message => ({
    role,
    content: marked(blocks, message.options)
  })
  switch (message.role) {
    case "user": {
      const blocks = Effect.forEach(message.content, (part, index) =>
        Effect.map(
          part.type === "text" ? Effect.succeed<Block>({ text: part.text }) : fileBlock(part, index),
          (block) => marked([block], part.options)
        ))
      return Effect.map(blocks, (blocks) => of("user", blocks.flat()))
    }
    case "assistant":
      return Effect.succeed(
        of("assistant", message.content.flatMap((part) => marked(assistantBlock(part), part.options)))
      )
    case "tool":
      return Effect.succeed(of(
        "user",
        toolMessages(message, (part, text) =>
          marked([{
            toolResult: {
              toolUseId: callId(part.id),
              content: [{ text: text === "" ? " " : text }],
              ...(part.isFailure ? { status: "error" } : {})
            }
          }], part.options)).flat()
      ))
  }
}

/** The API refuses empty messages, and wants the roles to alternate: neighbours of one role become one message. */
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

const withoutMarks = ({ content, role }: Message): Message => ({
  role,
  content: content.filter((block) => !("cachePoint" in block))
})

/** The messages of a conversation without its system messages, or which of its parts the API cannot be sent. */
export const toMessages = (
  prompt: Prompt.Prompt,
  model: string
): Effect.Effect<ReadonlyArray<Message>, AiError.AiErrorReason> =>
  Effect.map(
    Effect.forEach(prompt.content.flatMap((message) => message.role === "system" ? [] : [message]), toMessage),
    (messages) => merge(caches(model) ? messages : messages.map(withoutMarks))
  )

/** The names of the tools that a conversation has called. */
export const called = (messages: ReadonlyArray<Message>): ReadonlyArray<string> => [
  ...new Set(
    messages.flatMap(({ content }) => content.flatMap((block) => "toolUse" in block ? [block.toolUse.name] : []))
  )
]
