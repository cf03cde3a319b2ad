/**
 * What a provider says of its error, whichever form its body has: an object, an array or a string; under `error`, `errors`,
 * `detail` or at the top; as JSON inside a string, as events, as lines or as a web page.
 *
 * The body is walked as a whole rather than matched with one shape: gateways wrap the errors of their upstreams, and the
 * word that decides is often the innermost.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import * as Predicate from "effect/Predicate"
import { embedded, parse } from "./errorText.ts"

/** What a provider says of its error. */
export interface ProviderError {
  /** The words for a reader; `undefined` where there are none. */
  readonly message: string | undefined
  /** Every code, type, status and reason by its text, the outermost first. */
  readonly codes: ReadonlyArray<string>
  /** The code that a reader would look up. */
  readonly code: string | undefined
  /** The names of all keys. */
  readonly fields: ReadonlySet<string>
  readonly param: string | undefined
  /** The HTTP status that the body names. */
  readonly status: number | undefined
  readonly requestId: string | undefined
  /** Fields that say when to come back, by name. */
  readonly hints: ReadonlyMap<string, string | number>
}

/** An error without a word about it. */
export const noError: ProviderError = {
  message: undefined,
  codes: [],
  code: undefined,
  fields: new Set(),
  param: undefined,
  status: undefined,
  requestId: undefined,
  hints: new Map()
}

const wordKeys = new Set([
  "message",
  "error",
  "errors",
  "detail",
  "details",
  "msg",
  "raw",
  "error_message",
  "status_msg",
  "errormessage",
  "error_description",
  "description",
  "title",
  "body",
  "exception"
])
const codeKeys = new Set([
  "code",
  "type",
  "status",
  "status_code",
  "reason",
  "error_code",
  "errorcode",
  "error_type",
  "errortype",
  "__type",
  "internal_code",
  "quotaid",
  "quotametric",
  "domain"
])
const hintKeys = /^(retry-?_?(after|delay|in)(_?(ms|seconds|s))?|x-ratelimit-reset|resets?_?((in_)?seconds|at|in)?)$/i
/** What holds the words of the user or the model, which must not be read as the server's. */
const foreignKeys = new Set(["failed_generation", "flagged_input", "input", "ctx", "content", "prompt", "messages"])

const statusOf = (code: unknown): number | undefined => {
  const number = typeof code === "string" && /^\d{3}$/.test(code) ? Number(code) : code
  return typeof number === "number" && number >= 400 && number < 600 ? number : undefined
}

/** Deeper than any error that was seen, and no deeper than a stack is. */
const maxDepth = 8
const maxMessage = 1500

class Reader {
  readonly words: Array<string> = []
  readonly codes: Array<string> = []
  readonly fields = new Set<string>()
  readonly hints = new Map<string, string | number>()
  code: string | undefined
  param: string | undefined
  status: number | undefined
  requestId: string | undefined
  private nodes = 0

  say(text: string): void {
    const words = text.trim()
    // LiteLLM writes the class of an error before the words of the vendor that it asked.
    for (const [name] of words.matchAll(/\blitellm\.\w+/g)) this.codes.push(name)
    if (words !== "" && !this.words.some((said) => said.includes(words))) this.words.push(words)
  }

  text(text: string, depth: number): void {
    const inner = depth < maxDepth ? embedded(text) : undefined
    if (inner === undefined) return this.say(text)
    const before = this.words.length
    this.say(inner.before)
    this.value(inner.json, depth + 1)
    // A JSON that says nothing is told as it is.
    if (this.words.length === before) this.say(text)
  }

  value(value: unknown, depth: number): void {
    if (depth > maxDepth || ++this.nodes > 500) return
    if (typeof value === "string") this.text(value, depth)
    else if (Array.isArray(value)) { for (const item of value) this.value(item, depth + 1) }
    else if (Predicate.isObject(value)) this.object(value, depth)
  }

  object(object: { readonly [key: string]: unknown }, depth: number): void {
    // Pydantic's: which field, and what of it.
    if (Array.isArray(object["loc"]) && typeof object["msg"] === "string") {
      const path = object["loc"].map(String).filter((step) => step !== "body").join(".")
      this.param ??= path
      this.say(path === "" ? object["msg"] : `${path}: ${object["msg"]}`)
    }
    const entries = Object.entries(object)
    for (const [name, value] of entries) this.scalar(name.toLowerCase(), value)
    for (const [name, value] of entries) {
      const key = name.toLowerCase()
      if (foreignKeys.has(key) || (key === "msg" && "loc" in object)) continue
      if (wordKeys.has(key) || Predicate.isObject(value) || Array.isArray(value)) this.value(value, depth + 1)
    }
  }

  private scalar(key: string, value: unknown): void {
    if (value !== null && value !== undefined) this.fields.add(key)
    if (typeof value !== "string" && typeof value !== "number") return
    if (codeKeys.has(key)) {
      this.codes.push(String(value))
      if ((key === "code" || key === "error_code") && /^(?!none$)[a-z]/i.test(String(value))) {
        this.code ??= String(value)
      }
      if (/^(code|status|error_code|status_code)$/.test(key)) this.status ??= statusOf(value)
    }
    if (hintKeys.test(key) && !this.hints.has(key)) this.hints.set(key, value)
    if (typeof value !== "string" || value === "") return
    if ((key === "param" || key === "parameter") && value !== "None") this.param ??= value
    if (key === "request_id" || key === "requestid") this.requestId ??= value
  }
}

/** Reads a body, or the error inside it: text or JSON. */
export const readError = (body: unknown): ProviderError => {
  const reader = new Reader()
  const json = typeof body === "string" ? parse(body) : body
  if (typeof json === "string") reader.text(json, 0)
  else reader.value(json, 0)
  const message = reader.words.join(": ")
  return {
    message: message === "" ? undefined : message.slice(0, maxMessage),
    codes: reader.codes,
    code: reader.code,
    fields: reader.fields,
    param: reader.param,
    status: reader.status,
    requestId: reader.requestId,
    hints: reader.hints
  }
}
