/**
 * JSON out of the texts in which servers send their errors: events, lines, JSON in a string, Python's `repr`, HTML.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const isContainer = (json: unknown): json is object => typeof json === "object" && json !== null

const toJson = (text: string): object | undefined => Option.getOrUndefined(Option.filter(parseJson(text), isContainer))

/** A dict as Python prints it, which LiteLLM puts into its messages: `{'error': 'no', 'code': None}`. */
const fromPython = (text: string): object | undefined => {
  let json = ""
  for (const [token] of text.matchAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b(?:None|True|False)\b|[^'"NTF]+|./g)) {
    if (token === "None") json += "null"
    else if (token === "True" || token === "False") json += token.toLowerCase()
    else if (token.length > 1 && (token.startsWith("'") || token.startsWith("\""))) {
      json += JSON.stringify(token.slice(1, -1).replaceAll(/\\(['"\\])/g, "$1"))
    } else json += token
  }
  return toJson(json)
}

/** The first object or array of a text, with what stands before it: `litellm.BadRequestError: OpenAIException - {...}`. */
export const embedded = (text: string): { readonly before: string; readonly json: object } | undefined => {
  const start = text.search(/[{[]\s*["'{]/)
  const end = Math.max(text.lastIndexOf("}"), text.lastIndexOf("]")) + 1
  if (start < 0 || end <= start) return undefined
  const inner = text.slice(start, end)
  const json = toJson(inner) ?? fromPython(inner)
  return json === undefined ? undefined : { before: text.slice(0, start).trim(), json }
}

/** The data of the first event, or the first line, that is an error. Other events came before it, so look at all. */
const fromLines = (text: string): object | undefined => {
  const items = text.split(/\r\n|\r|\n/).map((line) => line.replace(/^(data|error):\s*/, ""))
  const found = items.flatMap((item) => toJson(item) ?? [])
  return found.find((json) => "error" in json || "errors" in json || "detail" in json) ?? found[0]
}

/** What a web page says to its reader. */
const fromHtml = (text: string): string => {
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(text)?.[1] ?? ""
  const body = text.replaceAll(/<(head|script|style)\b[^]*?<\/\1>/gi, " ").replaceAll(/<[^>]*>/g, " ")
  return `${title}. ${body}`.replaceAll(/&nbsp;|\s+/g, " ").trim()
}

/** A body as JSON where it is any, and otherwise as text. */
export const parse = (text: string): object | string => {
  const trimmed = text.replace(/^\uFEFF/, "").trim()
  const parsed = Option.getOrUndefined(parseJson(trimmed))
  if (isContainer(parsed)) return parsed
  // JSON in a string, once or twice.
  if (typeof parsed === "string" && parsed !== trimmed) return parse(parsed)
  if (/^<(!doctype|html|\?xml|head|body)\b/i.test(trimmed)) return fromHtml(trimmed)
  return fromLines(trimmed) ?? trimmed
}
