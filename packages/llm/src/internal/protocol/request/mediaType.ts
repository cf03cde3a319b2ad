/**
 * What a file is, by its first bytes, and its data as base64.
 *
 * Guarded by `test/OpenAiProvider.test.ts` and `test/anthropic/generateText.test.ts`.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/** The data of a file: a URL to fetch, or bytes as base64. */
export type FileData =
  | { readonly _tag: "Url"; readonly url: string }
  | { readonly _tag: "Bytes"; readonly base64: string; readonly mediaType: string }

const signatures: ReadonlyArray<readonly [mediaType: string, offset: number, hex: string]> = [
  ["image/png", 0, "89504e470d0a1a0a"],
  ["image/jpeg", 0, "ffd8ff"],
  ["image/gif", 0, "47494638"],
  ["image/webp", 8, "57454250"],
  ["image/bmp", 0, "424d"],
  ["image/tiff", 0, "49492a00"],
  ["image/tiff", 0, "4d4d002a"],
  ["image/avif", 4, "6674797061766966"],
  ["image/heic", 4, "6674797068656963"]
]

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("")

/** The kind of an image by its first bytes; `undefined` where they tell none. */
const sniff = (base64: string): string | undefined => {
  const bytes = Result.getOrElse(Base64.decode(base64.slice(0, 24)), () => new Uint8Array())
  const hex = hexOf(bytes)
  return signatures.find(([, offset, signature]) => hex.startsWith(signature, offset * 2))?.[0]
}

const aliases: Readonly<Record<string, string>> = { "image/jpg": "image/jpeg", "audio/mpeg": "audio/mp3" }

/** Reads a file's data. The type that its bytes show wins over the prompt's, because vendors reject a mismatch. */
export const dataOf = (part: Prompt.FilePart): FileData => {
  const text = part.data instanceof Uint8Array
    ? Base64.encode(part.data)
    : part.data instanceof URL
    ? part.data.href
    : part.data
  if (/^(https?|gs|s3):/.test(text)) return { _tag: "Url", url: text }
  const [, named = "", encoded = text] = /^data:([^;,]*)[^,]*,(.*)$/s.exec(text) ?? []
  const base64 = /^data:[^,]*;base64,/.test(text) || !text.startsWith("data:")
    ? encoded.trim()
    : Base64.encode(decodeURIComponent(encoded))
  const said = part.mediaType.endsWith("/*") && named !== "" ? named : part.mediaType
  const found = said.startsWith("image/") ? sniff(base64) : undefined
  return { _tag: "Bytes", base64, mediaType: found ?? aliases[said] ?? said }
}

export const dataUrl = ({ base64, mediaType }: Extract<FileData, { readonly _tag: "Bytes" }>): string =>
  `data:${mediaType};base64,${base64}`

const textual = /^text\/|^application\/(json|xml|yaml|x-yaml|javascript|sql|toml)$|\+(json|xml)$/

/** Whether a file of this type is text. */
export const isText = (mediaType: string): boolean => textual.test(mediaType)

/** A file that is text, as its text: a model reads it where no API takes it as a file. */
export const textOf = (part: Prompt.FilePart): Option.Option<string> => {
  const data = dataOf(part)
  return data._tag === "Url" || !isText(data.mediaType)
    ? Option.none()
    : Result.getSuccess(Base64.decodeString(data.base64))
}
