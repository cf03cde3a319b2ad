/**
 * The messages of a conversation in the words of chat completions.
 *
 * Guarded by `test/openai/rows.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Hash from "effect/Hash"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import { unsupported } from "../../ProviderFailure.ts"
import type { Preset } from "../presets/preset.ts"
import * as CacheMark from "../protocol/request/cacheMark.ts"
import { fileIdOf } from "../protocol/request/fileId.ts"
import { dataOf, dataUrl, textOf } from "../protocol/request/mediaType.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages as toolMessages } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Kept from "./kept.ts"

type ContentPart =
  | {
    readonly type: "text"
    readonly text: string
    readonly cache_control?: CacheMark.Mark & { readonly type: "ephemeral" }
  }
  | { readonly type: "thinking"; readonly thinking: ReadonlyArray<{ readonly type: "text"; readonly text: string }> }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | { readonly type: "input_audio"; readonly input_audio: { readonly data: string; readonly format: "wav" | "mp3" } }
  | {
    readonly type: "file"
    readonly file: { readonly filename: string; readonly file_data: string } | { readonly file_id: string }
  }
  | { readonly type: "document_url"; readonly document_url: string }

interface ToolCall {
  readonly id: string
  readonly type: "function"
  readonly function: { readonly name: string; readonly arguments: string }
}

export type Message =
  | { readonly role: "system"; readonly content: string | ReadonlyArray<ContentPart> }
  | { readonly role: "user"; readonly content: string | ReadonlyArray<ContentPart> }
  | {
    readonly role: "assistant"
    readonly content: string | ReadonlyArray<ContentPart> | null
    readonly tool_calls?: ReadonlyArray<ToolCall>
  }
  | { readonly role: "tool"; readonly tool_call_id: string; readonly name?: string; readonly content: string }

/** Who reads the messages. */
export interface Reader {
  readonly preset: Preset
  readonly model: string
}

const unusable = (description: string) => Effect.fail(unsupported("messages", description))

/** A PDF, by its URL or as data, in the form that the server reads. */
const pdfPart = (
  part: Prompt.FilePart,
  preset: Preset,
  url: string
): Effect.Effect<ContentPart, AiError.AiErrorReason> => {
  switch (preset.reads.pdf) {
    case "file":
      return Effect.succeed({ type: "file", file: { filename: part.fileName ?? "document.pdf", file_data: url } })
    case "document_url":
      return Effect.succeed({ type: "document_url", document_url: url })
    case undefined:
      return unusable(`${preset.name} takes no PDF files`)
  }
}

const filePart = (part: Prompt.FilePart, preset: Preset): Effect.Effect<ContentPart, AiError.AiErrorReason> => {
  const text = textOf(part)
  if (Option.isSome(text)) return Effect.succeed({ type: "text", text: text.value })
  const id = part.mediaType === "application/pdf" && preset.reads.pdf === "file"
    ? fileIdOf(part, preset.name)
    : undefined
  if (id !== undefined) return Effect.succeed({ type: "file", file: { file_id: id } })
  const data = dataOf(part)
  const isImage = part.mediaType.startsWith("image/")
  if (data._tag === "Url") {
    if (isImage && preset.fetches.images) return Effect.succeed({ type: "image_url", image_url: { url: data.url } })
    if (part.mediaType === "application/pdf" && preset.fetches.files) return pdfPart(part, preset, data.url)
    return unusable(`${preset.name} takes the bytes of a file of type ${part.mediaType}, not its URL`)
  }
  switch (data.mediaType) {
    case "application/pdf":
      return pdfPart(part, preset, dataUrl(data))
    case "audio/wav":
    case "audio/mp3": {
      if (!preset.reads.audio) return unusable(`${preset.name} takes no sound`)
      const format = data.mediaType === "audio/wav" ? "wav" : "mp3"
      return Effect.succeed({ type: "input_audio", input_audio: { data: data.base64, format } })
    }
    case "image/*":
      return unusable("the first bytes of an image tell no kind that is known: name it as mediaType")
    default:
      return isImage
        ? Effect.succeed({ type: "image_url", image_url: { url: dataUrl(data) } })
        : unusable(`chat completions take images, PDF files, texts, WAV and MP3, not ${part.mediaType}`)
  }
}

/** A text, with the mark of the part or, if it is the last of its message, of the message. */
const textPart = (text: string, preset: Preset, ...options: ReadonlyArray<Prompt.ProviderOptions>): ContentPart => {
  const mark = preset.cacheMarks && text.trim() !== ""
    ? options.map(CacheMark.of).find((mark) => mark !== undefined)
    : undefined
  return { type: "text", text, ...(mark !== undefined && { cache_control: { type: "ephemeral", ...mark } }) }
}

/** A text alone is a string, unless it is marked. */
const alone = (part: ContentPart): string | ReadonlyArray<ContentPart> =>
  part.type === "text" && part.cache_control === undefined ? part.text : [part]

const userMessage = Effect.fnUntraced(function*(
  message: Prompt.UserMessage,
  preset: Preset
): Effect.fn.Return<Message, AiError.AiErrorReason> {
  const [first, ...rest] = message.content
  if (first?.type === "text" && rest.length === 0) {
    return { role: "user", content: alone(textPart(first.text, preset, first.options, message.options)) }
  }
  const content = yield* Effect.forEach(
    message.content,
    (part, i): Effect.Effect<ContentPart, AiError.AiErrorReason> => {
      const around = i === message.content.length - 1 ? [message.options] : []
      return part.type === "text"
        ? Effect.succeed(textPart(part.text, preset, part.options, ...around))
        : filePart(part, preset)
    }
  )
  return { role: "user", content }
})

/** Nine letters and digits, always the same for the same id (Mistral, "Function calling"). */
const nine = (id: string): string => {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id
  const part = (salt: string) => (Hash.string(salt + id) >>> 0).toString(36)
  return `${part("a")}${part("b")}${part("c")}`.padEnd(9, "0").slice(0, 9)
}

const callId = (id: string, preset: Preset): string => preset.callIds === "nine" ? nine(id) : id

/** An assistant's content, where the thoughts in it are the server's own, as it wrote them. */
const contentOf = (message: Prompt.AssistantMessage): string | ReadonlyArray<ContentPart> => {
  let isList = false
  const parts: Array<ContentPart> = []
  let text = ""
  for (const part of message.content) {
    if (part.type === "text") {
      text += part.text
      parts.push({ type: "text", text: part.text })
    }
    if (part.type !== "reasoning") continue
    const { place } = Kept.of(part.options)
    if (place === undefined) continue
    if ("open" in place) text += place.open + part.text + place.close
    if ("list" in place) {
      isList = true
      parts.push({ type: "thinking", thinking: [{ type: "text", text: part.text }] })
    }
  }
  return isList ? parts : text
}

/** The fields that the server put beside the content: its reasoning, details and signatures. */
const fieldsOf = (message: Prompt.AssistantMessage): Readonly<Record<string, Schema.Json>> => {
  const fields: Record<string, string> = {}
  const kept: Array<Readonly<Record<string, Schema.Json>>> = []
  for (const part of message.content) {
    const { message: own, place } = Kept.of(part.options)
    if (own !== undefined) kept.push(own)
    if (part.type !== "reasoning" || place === undefined || !("fields" in place)) continue
    for (const name of place.fields) fields[name] = (fields[name] ?? "") + part.text
  }
  return { ...fields, ...Kept.merge(kept) }
}

/**
 * What stands for the signature of a call that another model wrote: Gemini 3 and later refuse a turn whose first call has none
 * ("Thought signatures", "Can I transfer history from a different model?").
 */
const transferred = { google: { thought_signature: "skip_thought_signature_validator" } } as const

const wantsSignatures = ({ model, preset }: Reader): boolean =>
  preset.wantsSignatures && /gemini-([3-9]|\d\d)/.test(model)

const assistantMessage = (message: Prompt.AssistantMessage, reader: Reader): Message => {
  const { preset } = reader
  const content = contentOf(message)
  let isSigned = !wantsSignatures(reader)
  const calls = message.content.flatMap((part): ReadonlyArray<ToolCall> => {
    if (part.type !== "tool-call" || part.providerExecuted) return []
    const { call } = Kept.of(part.options)
    const isFirst = !isSigned
    isSigned = true
    return [{
      id: callId(part.id, preset),
      type: "function",
      function: { name: RequestTools.nameOf(part.name), arguments: JSON.stringify(toArguments(part.params)) },
      ...(isFirst ? { extra_content: transferred } : {}),
      ...call
    }]
  })
  const said: Message = calls.length === 0
    ? { role: "assistant", content }
    : { role: "assistant", content: content === "" ? null : content, tool_calls: calls }
  return { ...said, ...(preset.wantsThoughts ? { reasoning_content: "" } : {}), ...fieldsOf(message) }
}

const parts = (content: string | ReadonlyArray<ContentPart>): ReadonlyArray<ContentPart> =>
  typeof content === "string" ? [{ type: "text", text: content }] : content

/** Two messages of one user in a row as one. */
const merge = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const merged: Array<Message> = []
  for (const message of messages) {
    const last = merged.at(-1)
    if (message.role !== "user" || last?.role !== "user") merged.push(message)
    else {
      const { content } = message
      merged[merged.length - 1] = {
        role: "user",
        content: typeof content === "string" && typeof last.content === "string"
          ? `${last.content}\n\n${content}`
          : [...parts(last.content), ...parts(content)]
      }
    }
  }
  return merged
}

/** The messages of a conversation, or which of its parts the server does not take. */
export const toMessages = (
  prompt: Prompt.Prompt,
  reader: Reader
): Effect.Effect<ReadonlyArray<Message>, AiError.AiErrorReason> =>
  Effect.map(
    Effect.forEach(prompt.content, (message): Effect.Effect<ReadonlyArray<Message>, AiError.AiErrorReason> => {
      switch (message.role) {
        case "system":
          return Effect.succeed([{
            role: "system",
            content: alone(textPart(message.content, reader.preset, message.options))
          }])
        case "user":
          return Effect.map(userMessage(message, reader.preset), (message) => [message])
        case "assistant":
          return Effect.succeed([assistantMessage(message, reader)])
        case "tool":
          return Effect.succeed(
            toolMessages(message, (part, content) => ({
              role: "tool",
              tool_call_id: callId(part.id, reader.preset),
              ...(reader.preset.namesResults ? { name: RequestTools.nameOf(part.name) } : {}),
              content
            }))
          )
      }
    }),
    (messages) => reader.preset.alternates ? merge(messages.flat()) : messages.flat()
  )
