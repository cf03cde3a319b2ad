/**
 * Calls of tools that a model wrote as text, because its server has no parser for its habit: an object with a declared tool's
 * name, alone, in a list, in `<tool_call>` tags (Hermes, Qwen), after `[TOOL_CALLS]` (Mistral) or `<|python_tag|>` (Llama), in a
 * fence, or as `<function=name>` (Llama, Qwen3-Coder).
 *
 * Guarded by `test/protocol/answer/decoder.test.ts`, `test/corpus/answers/answers.test.ts` and
 * `test/protocol/authorship.test.ts`.
 */
import { fields, isFields, list } from "../field.ts"
import { parse } from "../json.ts"

export interface TextCall {
  readonly name: string
  readonly params: object
}

const wrappers = ["", "[", "<tool_call>", "<tool_call>[", "```json", "```json[", "```", "```[", "[TOOL_CALLS]"].concat(
  ["[TOOL_CALLS][", "<|python_tag|>", "<|tool_call|>", "<|tool_call_start|>[", "<tools>"]
)

const nameKeys = ["name", "tool", "tool_name", "function"] as const
const paramKeys = ["arguments", "parameters", "params", "args", "input"] as const

const headsOf = (name: string): ReadonlyArray<string> => [
  ...nameKeys.map((key) => `{"${key}":"${name}"`),
  `{"function":{"name":"${name}"`,
  `{"type":"function"`,
  ...paramKeys.map((key) => `{"${key}":{`)
]

/** Whether a text that begins so is a call, may become one, or is other text. */
export const callPrefix = (lead: string, names: ReadonlySet<string>): "yes" | "maybe" | "no" => {
  if (names.size === 0 || !/^[{[<`]/.test(lead)) return "no"
  const compact = lead.replace(/\s+/g, "")
  let maybe = false
  for (const name of names) {
    const starts = [
      ...wrappers.flatMap((wrapper) => headsOf(name).map((head) => wrapper + head)),
      ...["", "<tool_call>"].map((wrapper) => `${wrapper}<function=${name}>`),
      `[TOOL_CALLS]${name}`
    ]
    for (const start of starts) {
      if (compact.startsWith(start)) return "yes"
      if (start.startsWith(compact)) maybe = true
    }
  }
  return maybe ? "maybe" : "no"
}

const toParams = (value: unknown): object | undefined =>
  isFields(value) ? value : typeof value === "string" ? toParams(parse(value)?.json) : undefined

const toCall = (value: unknown, names: ReadonlySet<string>): TextCall | undefined => {
  if (!isFields(value)) return undefined
  const inner = isFields(value["function"]) ? { ...value, ...value["function"] } : value
  const name = nameKeys.map((key) => fields(inner)[key]).find((name) => typeof name === "string" && names.has(name))
  const params = paramKeys.map((key) => toParams(fields(inner)[key])).find((params) => params !== undefined)
  return typeof name === "string" && params !== undefined ? { name, params } : undefined
}

/** `<parameter=city>Oslo</parameter>` within `<function=weather>`, or an object there. */
const toXmlCall = (text: string, names: ReadonlySet<string>): TextCall | undefined => {
  const [, name = "", body = ""] = /^<function=([^>]+)>([\s\S]*?)(?:<\/function>)?$/.exec(text.trim()) ?? []
  if (!names.has(name)) return undefined
  const object = parse(body)?.json
  if (isFields(object)) return { name, params: object }
  const params = Array.from(
    body.matchAll(/<parameter=([^>]+)>\n?([\s\S]*?)\n?<\/parameter>/g),
    ([, key = "", value = ""]) => [
      key,
      parse(value)?.json ?? value
    ]
  )
  return { name, params: Object.fromEntries(params) }
}

const toCalls = (text: string, names: ReadonlySet<string>): ReadonlyArray<TextCall | undefined> => {
  if (text.startsWith("<function=")) return text.split(/(?=<function=)/).map((call) => toXmlCall(call, names))
  const named = /^([\w-]+)(?:\[ARGS\])?\s*(\{[\s\S]*\})$/.exec(text)
  if (named !== null) return [toCall({ name: named[1], arguments: named[2] }, names)]
  // One after another, by lines or semicolons.
  const json = parse(text)?.json ?? parse(`[${text.replaceAll(/\}\s*;?\s*\{/g, "},{")}]`)?.json
  return Array.isArray(json) ? list(json).map((call) => toCall(call, names)) : [toCall(json, names)]
}

/** The calls that a text is, if it is nothing else. */
export const readCalls = (text: string, names: ReadonlySet<string>): ReadonlyArray<TextCall> => {
  const trimmed = text.trim()
  if (names.size === 0 || callPrefix(trimmed, names) !== "yes") return []
  const fenced = /^```[a-z_]*\s*([\s\S]*?)\s*(?:```)?$/.exec(trimmed)?.[1] ?? trimmed
  const tagged = /<(tool_call|tools)>\s*([\s\S]*?)\s*(?:<\/\1>|$)/g
  const inside = fenced.startsWith("<tool_call>") || fenced.startsWith("<tools>")
    ? fenced.replaceAll(tagged, "").trim() === "" ? Array.from(fenced.matchAll(tagged), ([, , body = ""]) => body) : []
    : [
      fenced.replace(/^(\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_call(?:_start)?\|>)\s*/, "")
        .replace(/<\|tool_call_end\|>$/, "").trim()
    ]
  const calls = inside.flatMap((body) => toCalls(body, names))
  const known = calls.flatMap((call) => call === undefined ? [] : [call])
  return known.length === calls.length ? known : []
}
