/**
 * A conversation in the words of Gemini (API reference, "Content").
 *
 * Guarded by `test/gemini/GeminiProvider.test.ts` and `test/protocol/authorship.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { unsupported } from "../../ProviderFailure.ts"
import { parse } from "../protocol/json.ts"
import { dataOf, isText, textOf } from "../protocol/request/mediaType.ts"
import { toArguments } from "../protocol/tools/toolParams.ts"
import { toMessages } from "../protocol/tools/toolResult.ts"
import { RequestTools } from "../protocol/tools/tools.ts"
import * as Kept from "./kept.ts"

interface Signed {
  readonly thoughtSignature?: string
}

type Part =
  | ({ readonly text: string; readonly thought?: true } & Signed)
  | { readonly inlineData: { readonly mimeType: string; readonly data: string } } & Signed
  | { readonly fileData: { readonly mimeType: string; readonly fileUri: string } }
  | ({ readonly functionCall: { readonly id?: string; readonly name: string; readonly args: object } } & Signed)
  | { readonly functionResponse: { readonly id?: string; readonly name: string; readonly response: object } }

export interface Content {
  readonly role: "user" | "model"
  readonly parts: ReadonlyArray<Part>
}

/** What the API reads beside text ("Image understanding", "Document understanding", "Audio", "Video"). */
const readable = /^(image\/(png|jpeg|webp|heic|heif|avif)$|application\/pdf$|audio\/|video\/|text\/)/

const filePart = (part: Prompt.FilePart): Effect.Effect<Part, AiError.AiErrorReason> => {
  const data = dataOf(part)
  if (data._tag === "Url") {
    return readable.test(part.mediaType) || isText(part.mediaType)
      ? Effect.succeed({ fileData: { mimeType: part.mediaType, fileUri: data.url } })
      : Effect.fail(unsupported("contents", `Gemini takes no files of type ${part.mediaType}`))
  }
  if (readable.test(data.mediaType)) {
    return Effect.succeed({ inlineData: { mimeType: data.mediaType, data: data.base64 } })
  }
  return Option.match(textOf(part), {
    onNone: () => Effect.fail(unsupported("contents", `Gemini takes no files of type ${data.mediaType}`)),
    onSome: (text) => Effect.succeed({ text })
  })
}

const signed = (signature: string | undefined): Signed => signature === undefined ? {} : { thoughtSignature: signature }

/**
 * Gemini 3 and later refuse a turn whose first call has no signature. A call of another model's has none; this value stands for
 * it ("Thought signatures", "Can I transfer history from a different model?").
 */
const transferred = "skip_thought_signature_validator"

const wantsSignatures = (model: string): boolean => /gemini-([3-9]|\d\d)/.test(model)

const modelParts = (message: Prompt.AssistantMessage, model: string): ReadonlyArray<Part> => {
  let isFirst = true
  return message.content.flatMap((part): ReadonlyArray<Part> => {
    const kept = Kept.of(part.options)
    switch (part.type) {
      case "text":
        return part.text === "" && kept?.signature === undefined
          ? []
          : [{ text: part.text, ...signed(kept?.signature) }]
      case "reasoning":
        return kept === undefined ? [] : [{ text: part.text, thought: true, ...signed(kept.signature) }]
      case "tool-call": {
        if (part.providerExecuted) return []
        const signature = kept?.signature ?? (isFirst && wantsSignatures(model) ? transferred : undefined)
        isFirst = false
        return [{
          functionCall: {
            ...(kept?.id === undefined ? {} : { id: kept.id }),
            name: RequestTools.nameOf(part.name),
            args: toArguments(part.params)
          },
          ...signed(signature)
        }]
      }
      case "file": {
        const data = dataOf(part)
        return data._tag === "Url"
          ? []
          : [{ inlineData: { mimeType: data.mediaType, data: data.base64 }, ...signed(kept?.signature) }]
      }
      default:
        return []
    }
  })
}

/** The response is an object: `output` has what a tool gave, `error` why it failed ("FunctionResponse"). */
const responseOf = (part: Prompt.ToolResultPart, content: string): object =>
  part.isFailure ? { error: content } : { output: parse(content)?.json ?? content }

const toolParts = (message: Prompt.ToolMessage, ids: ReadonlyMap<string, string>): ReadonlyArray<Part> =>
  toMessages(message, (part, content) => {
    const id = ids.get(part.id)
    return {
      functionResponse: {
        ...(id === undefined ? {} : { id }),
        name: RequestTools.nameOf(part.name),
        response: responseOf(part, content)
      }
    }
  })

/** The ids that Gemini gave to calls of its own, by the ids of the conversation. */
const idsOf = (prompt: Prompt.Prompt): ReadonlyMap<string, string> =>
  new Map(prompt.content.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => {
        const id = part.type === "tool-call" ? Kept.of(part.options)?.id : undefined
        return id === undefined || part.type !== "tool-call" ? [] : [[part.id, id] as const]
      })
      : []
  ))

const isResponses = (content: Content | undefined): boolean =>
  content?.parts.every((part) => "functionResponse" in part) ?? false

/** The API wants the responses of all calls of a turn in the one content after it. */
const merge = (contents: ReadonlyArray<Content>): ReadonlyArray<Content> => {
  const merged: Array<Content> = []
  for (const content of contents) {
    if (content.parts.length === 0) continue
    const last = merged.at(-1)
    if (last !== undefined && isResponses(last) && isResponses(content)) {
      merged[merged.length - 1] = { ...last, parts: [...last.parts, ...content.parts] }
    } else merged.push(content)
  }
  return merged
}

/** The contents of a conversation without its system messages, or which of its parts the API cannot be sent. */
export const toContents = (
  prompt: Prompt.Prompt,
  model: string
): Effect.Effect<ReadonlyArray<Content>, AiError.AiErrorReason> => {
  const ids = idsOf(prompt)
  const toContent = (message: Prompt.Message): Effect.Effect<ReadonlyArray<Content>, AiError.AiErrorReason> => {
    switch (message.role) {
      case "system":
        return Effect.succeed([])
      case "user":
        return Effect.map(
          Effect.forEach(
            message.content,
            (part) => part.type === "text" ? Effect.succeed<Part>({ text: part.text }) : filePart(part)
          ),
          (parts) => [{
            role: "user",
            parts: parts.filter((part) => !("text" in part) || part.text.trim() !== "")
          }]
        )
      case "assistant":
        return Effect.succeed([{ role: "model", parts: modelParts(message, model) }])
      case "tool":
        return Effect.succeed([{ role: "user", parts: toolParts(message, ids) }])
    }
  }
  return Effect.map(Effect.forEach(prompt.content, toContent), (contents) => merge(contents.flat()))
}
