/**
 * What a message of chat completions says: its content as a text or as a list, and the reasoning beside it.
 *
 * Guarded by `test/openai/presets.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import type { Fields } from "../protocol/field.ts"
import { fields, isPresent } from "../protocol/field.ts"

/** A piece of content: words, thoughts, or a file. */
export type Said =
  | { readonly _tag: "Text" | "Reasoning"; readonly text: string }
  | { readonly _tag: "File"; readonly mediaType: string; readonly data: string }

const texts = (value: unknown): string =>
  typeof value === "string" ? value : Array.isArray(value)
    ? value.map((entry) => typeof entry === "string" ? entry : texts(fields(entry)["text"])).join("")
    : ""

export const toFile = (value: unknown): ReadonlyArray<Said> => {
  const url = fields(fields(value)["image_url"])["url"]
  const [, mediaType, data] = typeof url === "string" ? /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [] : []
  return mediaType === undefined || data === undefined ? [] : [{ _tag: "File", mediaType, data }]
}

/** Content is a text, or a list of pieces (Mistral, gateways). `undefined` where it is neither. */
export const contentOf = (content: unknown): ReadonlyArray<Said> | undefined => {
  if (!isPresent(content)) return []
  if (typeof content === "string") return [{ _tag: "Text", text: content }]
  if (!Array.isArray(content)) return undefined
  return content.flatMap((entry): ReadonlyArray<Said> => {
    if (typeof entry === "string") return [{ _tag: "Text", text: entry }]
    const piece = fields(entry)
    switch (piece["type"]) {
      case "thinking":
      case "reasoning":
        return [{ _tag: "Reasoning", text: texts(piece["thinking"] ?? piece["reasoning"] ?? piece["text"]) }]
      case "image_url":
        return toFile(piece)
      default:
        return [{ _tag: "Text", text: texts(piece["text"] ?? piece["refusal"]) }]
    }
  })
}

const reasoningFields = ["reasoning_content", "reasoning"] as const

/** Reasoning beside the content, and the names of the fields that it came in. */
export const reasoningOf = (message: Fields): { readonly text: string; readonly names: ReadonlyArray<string> } => {
  const names = reasoningFields.filter((name) => typeof message[name] === "string" && message[name] !== "")
  return { text: texts(message[names[0] ?? ""]), names }
}
