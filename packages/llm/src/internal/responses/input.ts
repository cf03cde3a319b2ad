/**
 * A conversation as the input items of the Responses API (API reference, "Create a model response").
 *
 * Guarded by `test/responses/OpenAiResponsesProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import type { Preset } from "../presets/preset.ts"
import { fileIdOf } from "../protocol/request/fileId.ts"
import { dataOf, dataUrl, isText, textOf } from "../protocol/request/mediaType.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Kept from "./kept.ts"

type Content =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly image_url: string }
  | { readonly type: "input_file"; readonly filename: string; readonly file_data: string }
  | { readonly type: "input_file"; readonly file_url: string }
  | { readonly type: "input_image" | "input_file"; readonly file_id: string }

export type InputItem =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: ReadonlyArray<Content> }
  | { readonly role: "assistant"; readonly content: string }
  | {
    readonly type: "message"
    readonly role: "assistant"
    readonly content: readonly [
      { readonly type: "output_text"; readonly text: string; readonly annotations: readonly [] }
    ]
  }
  | { readonly type: "function_call"; readonly call_id: string; readonly name: string; readonly arguments: string }
  | { readonly type: "function_call_output"; readonly call_id: string; readonly output: string }
  | Kept.Item

/** What the API reads as a file, and how one without a name is called ("File inputs", "Accepted file types"). */
const documents: Readonly<Record<string, string>> = {
  "application/pdf": "document.pdf",
  "application/msword": "document.doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document.docx",
  "application/vnd.oasis.opendocument.text": "document.odt",
  "application/rtf": "document.rtf",
  "application/vnd.ms-powerpoint": "document.ppt",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "document.pptx",
  "application/vnd.ms-excel": "document.xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "document.xlsx"
}

const filePart = (part: Prompt.FilePart, { fetches, name }: Preset): Effect.Effect<Content, AiError.AiErrorReason> => {
  const data = dataOf(part)
  const isImage = part.mediaType.startsWith("image/")
  const isReadable = isImage || Object.hasOwn(documents, part.mediaType) || isText(part.mediaType)
  const id = isReadable ? fileIdOf(part, "openai") : undefined
  if (id !== undefined) return Effect.succeed({ type: isImage ? "input_image" : "input_file", file_id: id })
  if (data._tag === "Url") {
    if (isImage && fetches.images) return Effect.succeed({ type: "input_image", image_url: data.url })
    return isImage || !isReadable
      ? Effect.fail(unsupported("input", `${name} takes the bytes of a file of type ${part.mediaType}, not its URL`))
      : Effect.succeed({ type: "input_file", file_url: data.url })
  }
  if (data.mediaType === "image/*") {
    return Effect.fail(
      unsupported("input", "the first bytes of an image tell no kind that is known: name it as mediaType")
    )
  }
  if (isImage) return Effect.succeed({ type: "input_image", image_url: dataUrl(data) })
  const called = Object.hasOwn(documents, data.mediaType) ? documents[data.mediaType] : undefined
  if (called !== undefined) {
    return Effect.succeed({
      type: "input_file",
      filename: part.fileName ?? called,
      file_data: dataUrl(data)
    })
  }
  return Option.match(textOf(part), {
    onNone: () =>
      Effect.fail(
        unsupported("input", `the Responses API takes images, PDF and Office files and texts, not ${part.mediaType}`)
      ),
    onSome: (text) => Effect.succeed({ type: "input_text", text })
  })
}

const assistantItems = (message: Prompt.AssistantMessage): ReadonlyArray<InputItem> =>
  message.content.flatMap((part): ReadonlyArray<InputItem> => {
    const item = Kept.of(part.options)
    switch (part.type) {
      case "reasoning":
        return item === undefined ? [] : [item]
      case "text":
        if (part.text === "") return []
        return item === undefined
          ? [{ role: "assistant", content: part.text }]
          : [{
            type: "message",
            role: "assistant",
            content: [{ type: "output_text", text: part.text, annotations: [] }],
            ...item
          }]
      case "tool-call":
        return part.providerExecuted ? item === undefined ? [] : [item] : [{
          type: "function_call",
          call_id: part.id,
          name: RequestTools.nameOf(part.name),
          arguments: JSON.stringify(toArguments(part.params)),
          ...item
        }]
      default:
        return []
    }
  })

const itemsOf = (
  message: Prompt.Message,
  preset: Preset
): Effect.Effect<ReadonlyArray<InputItem>, AiError.AiErrorReason> => {
  switch (message.role) {
    case "system":
      return Effect.succeed([{ role: "system", content: message.content }])
    case "user":
      return Effect.map(
        Effect.forEach(
          message.content,
          (part) =>
            part.type === "text"
              ? Effect.succeed<Content>({ type: "input_text", text: part.text })
              : filePart(part, preset)
        ),
        (content) => [{ role: "user", content }]
      )
    case "assistant":
      return Effect.succeed(assistantItems(message))
    case "tool":
      return Effect.succeed(
        toMessages(message, (part, output) => ({ type: "function_call_output", call_id: part.id, output }))
      )
  }
}

/** The input items of a conversation, or which of its parts the API cannot be sent. */
export const toInput = (
  prompt: Prompt.Prompt,
  preset: Preset
): Effect.Effect<ReadonlyArray<InputItem>, AiError.AiErrorReason> =>
  Effect.map(Effect.forEach(prompt.content, (message) => itemsOf(message, preset)), (items) => items.flat())
