/**
 * An Ollama server as a function: takes requests of its native API and returns what a real server sends, without a socket or a
 * model.
 *
 * **When to use**
 *
 * Put it behind a server on `127.0.0.1`, as the demo of `@holdfast/cli` does, or behind an `HttpClient`, to test a program that
 * asks Ollama.
 *
 * **Details**
 *
 * It covers installed and missing models, chats as NDJSON or whole, tools, formats, contexts that are too small, loading and
 * unloading. Source: `docs/api.md` of the Ollama repository.
 *
 * **Gotchas**
 *
 * A word counts as a token. The usage of a prompt that is too long is that of a cut one, even if the request says
 * `truncate: false`; the model reads all of it.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const Message = Schema.Struct({ role: Schema.String, content: Schema.optional(Schema.String) })
const ToolSchema = Schema.Struct({ name: Schema.String, parameters: Schema.optional(Schema.Unknown) })

const Chat = Schema.Struct({
  model: Schema.String,
  messages: Schema.optional(Schema.Array(Message)),
  stream: Schema.optional(Schema.Boolean),
  tools: Schema.optional(Schema.Array(Schema.Struct({ function: ToolSchema }))),
  format: Schema.optional(Schema.Unknown),
  think: Schema.optional(Schema.Boolean),
  options: Schema.optional(Schema.Struct({ num_ctx: Schema.optional(Schema.Finite) })),
  keep_alive: Schema.optional(Schema.Union([Schema.Finite, Schema.String]))
})

/** A request for an answer, as `/api/chat` takes it. */
export type Chat = typeof Chat.Type

const decodeChat = Schema.decodeUnknownOption(Schema.fromJsonString(Chat))
const decodeModel = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ model: Schema.String })))

/** An answer of the model: text in pieces, or a tool call. */
export type Answer =
  | { readonly _tag: "Say"; readonly pieces: ReadonlyArray<string>; readonly thinking?: string | undefined }
  | { readonly _tag: "Call"; readonly tool: string; readonly params: unknown }

/** Options of the server. */
export interface Options {
  /** The installed model. Default: `"simulated:latest"`. */
  readonly model?: string | undefined
  /** The model's capabilities, as `/api/show` lists them. Default: `["completion", "tools", "thinking"]`. */
  readonly capabilities?: ReadonlyArray<string> | undefined
  /** The longest context of the model, in tokens. It is loaded with 4096 unless `num_ctx` asks for more. Default: 8192. */
  readonly contextLength?: number | undefined
  /** Answers a chat; `undefined` falls back to {@link answer}. Default: {@link answer}. */
  readonly answer?: ((chat: Chat) => Answer | undefined) | undefined
}

/** A request. */
export interface Request {
  readonly method: string
  /** `/api/chat`. */
  readonly path: string
  readonly body: string
}

/** A response: one JSON document, a text, or lines of NDJSON. */
export type Reply =
  | { readonly _tag: "Json"; readonly status: number; readonly body: object }
  | { readonly _tag: "Text"; readonly status: number; readonly body: string }
  | { readonly _tag: "Lines"; readonly lines: ReadonlyArray<object> }

/** A server without a socket. */
export interface SimulatedOllama {
  readonly model: string
  readonly respond: (request: Request) => Effect.Effect<Reply>
}

/** The words of a text, with the white space that follows each: what counts as a token here. */
const words = (text: string): ReadonlyArray<string> => text.match(/\s*\S+\s*/gu) ?? []

// -----------------------------------------------------------------------------
// A model of no mind
// -----------------------------------------------------------------------------

/** The last name in a text, by its capital: one that begins no sentence. */
const nameIn = (text: string): string => [...text.matchAll(/[^.?!\s]\s+(\p{Lu}\p{L}+)/gu)].at(-1)?.[1] ?? "something"

/** A value that follows a JSON schema, of what a text names. */
const fill = (schema: unknown, text: string, root: unknown): unknown => {
  if (!Predicate.isReadonlyObject(schema)) return nameIn(text)
  const own: Readonly<Record<PropertyKey, unknown>> = schema
  if (typeof own["$ref"] === "string") {
    const target = own["$ref"].split("/").slice(1).reduce<unknown>(
      (at, key) => Predicate.isReadonlyObject(at) ? at[key] : undefined,
      root
    )
    return target === schema ? null : fill(target, text, root)
  }
  const [first] = [own["anyOf"], own["oneOf"], own["allOf"]].flatMap((all) => Array.isArray(all) ? all : [])
  if (first !== undefined) return fill(first, text, root)
  if (Array.isArray(own["enum"])) return own["enum"].find((value) => text.includes(String(value))) ?? own["enum"][0]
  switch (own["type"]) {
    case "object":
      return Object.fromEntries(
        Object.entries(own["properties"] ?? {}).map(([key, value]) => [key, fill(value, text, root)])
      )
    case "array":
      return [fill(own["items"], text, root)]
    case "integer":
    case "number":
      return Number(/\d+/.exec(text)?.[0] ?? 0)
    case "boolean":
      return true
    case "null":
      return null
    default:
      return nameIn(text)
  }
}

/**
 * Answers a chat by fixed rules: it repeats a tool's result, calls a tool that the question names, fills in a schema with a name
 * from the question, and otherwise says hello.
 *
 * ```ts import.meta.vitest
 * import * as SimulatedOllama from "@holdfast/llm/testing/SimulatedOllama"
 *
 * const answer = SimulatedOllama.answer({
 *   model: "simulated:latest",
 *   messages: [{ role: "user", content: "What is the weather in Oslo?" }],
 *   tools: [{ function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }]
 * })
 * answer // => { _tag: "Call", tool: "weather", params: { city: "Oslo" } }
 * ```
 */
export const answer = ({ format, messages = [], tools = [] }: Chat): Answer => {
  const last = messages.at(-1)
  const asked = messages.findLast(({ role }) => role === "user")?.content ?? ""
  if (last?.role === "tool") return { _tag: "Say", pieces: ["It is ", last.content ?? ""] }
  const tool = tools.find((tool) => asked.includes(tool.function.name))?.function
  if (tool !== undefined) {
    return { _tag: "Call", tool: tool.name, params: fill(tool.parameters, asked, tool.parameters) }
  }
  if (format === undefined) return { _tag: "Say", thinking: "Hm.", pieces: ["Hello, ", "world"] }
  const json = JSON.stringify(format === "json" ? { answer: nameIn(asked) } : fill(format, asked, format))
  return { _tag: "Say", pieces: json.match(/.{1,8}/gsu) ?? [] }
}

// -----------------------------------------------------------------------------
// The server
// -----------------------------------------------------------------------------

const json = (status: number, body: object): Reply => ({ _tag: "Json", status, body })

const details = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "3.2B",
  quantization_level: "Q4_K_M"
}

const sameModel = (installed: string, wanted: string): boolean =>
  installed === wanted || installed === `${wanted}:latest`

/**
 * Opens a server. Times in its answers are made up: a millisecond for a word.
 *
 * ```ts import.meta.vitest
 * import * as SimulatedOllama from "@holdfast/llm/testing/SimulatedOllama"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { respond } = yield* SimulatedOllama.make({ model: "qwen3:8b" })
 *   return yield* respond({ method: "POST", path: "/api/chat", body: `{"model":"llama9","messages":[]}` })
 * })
 *
 * await Effect.runPromise(program) // => { _tag: "Json", status: 404, body: { error: "model 'llama9' not found" } }
 * ```
 */
export const make = (options?: Options): Effect.Effect<SimulatedOllama> =>
  Effect.sync(() => {
    const model = options?.model ?? "simulated:latest"
    const can = options?.capabilities ?? ["completion", "tools", "thinking"]
    const contextLength = options?.contextLength ?? 8192
    const say = options?.answer ?? (() => undefined)
    /** With which context the model is in memory. */
    let loaded: number | undefined

    const chat = (request: Chat, now: string): Reply => {
      const { keep_alive, messages = [], stream = true, think, tools } = request
      const line = (message: object, rest: object) => ({
        model: request.model,
        created_at: now,
        message: { role: "assistant", content: "", ...message },
        ...rest
      })
      for (const [ability, isAsked] of [["tools", tools !== undefined], ["thinking", think === true]] as const) {
        if (isAsked && !can.includes(ability)) {
          return json(400, { error: `"${request.model}" does not support ${ability}` })
        }
      }
      if (messages.length === 0) return json(200, line({}, load(keep_alive)))
      load(keep_alive)
      if (loaded !== undefined) loaded = Math.min(request.options?.num_ctx ?? 4096, contextLength)
      const answered = say(request) ?? answer(request)
      const parts = answered._tag === "Call"
        ? [{ tool_calls: [{ function: { name: answered.tool, arguments: answered.params } }] }]
        : [
          ...(answered.thinking === undefined || think === false || !can.includes("thinking")
            ? []
            : [{ thinking: answered.thinking }]),
          ...answered.pieces.map((content) => ({ content }))
        ]
      // The oldest messages of a prompt that is too long are dropped without a word.
      const read = messages.reduce((sum, { content }) => sum + words(content ?? "").length, 0)
      const end = {
        done: true,
        done_reason: "stop",
        total_duration: parts.length * 1e6,
        load_duration: 0,
        prompt_eval_count: Math.min(read, loaded ?? contextLength),
        prompt_eval_duration: 0,
        eval_count: parts.length,
        eval_duration: parts.length * 1e6
      }
      if (stream) return { _tag: "Lines", lines: [...parts.map((part) => line(part, { done: false })), line({}, end)] }
      const content = parts.map((part) => "content" in part ? part.content : "").join("")
      return json(200, line(Object.assign({}, ...parts, { content }), end))
    }

    /** Loads the model, or unloads it where it shall stay for no time. */
    const load = (keepAlive: Chat["keep_alive"]) => {
      const isOver = keepAlive !== undefined && /^0\D*$/.test(String(keepAlive))
      loaded = isOver ? undefined : loaded ?? Math.min(4096, contextLength)
      return { done: true, done_reason: isOver ? "unload" : "load" }
    }

    const respond = ({ body, method, path }: Request, now: string): Reply => {
      const route = `${method === "HEAD" ? "GET" : method} ${path}`
      switch (route) {
        case "GET /":
          return { _tag: "Text", status: 200, body: "Ollama is running" }
        case "GET /api/version":
          return json(200, { version: "0.13.0" })
        case "GET /api/tags":
          return json(200, {
            models: [{ name: model, model, modified_at: now, size: 2_019_393_189, digest: "a80c4f17acd5", details }]
          })
        case "GET /api/ps":
          return json(200, {
            models: loaded === undefined ? [] : [{ name: model, model, details, context_length: loaded }]
          })
        case "POST /api/show":
        case "POST /api/generate":
        case "POST /api/chat": {
          const asked = Option.getOrUndefined(decodeModel(body))
          if (asked === undefined) return json(400, { error: "model is required" })
          if (!sameModel(model, asked.model)) return json(404, { error: `model '${asked.model}' not found` })
          if (route === "POST /api/show") {
            return json(200, {
              modelfile: `FROM ${model}`,
              parameters: "",
              template: "{{ .Prompt }}",
              details,
              model_info: { "general.architecture": "llama", "llama.context_length": contextLength },
              capabilities: can,
              modified_at: now
            })
          }
          const request = Option.getOrUndefined(decodeChat(body))
          if (request === undefined) return json(400, { error: "the body is not a chat request" })
          return route === "POST /api/chat"
            ? chat(request, now)
            : json(200, { model: asked.model, created_at: now, response: "", ...load(request.keep_alive) })
        }
        default:
          return { _tag: "Text", status: 404, body: "404 page not found" }
      }
    }

    return {
      model,
      respond: (request) => Effect.map(DateTime.now, (now) => respond(request, DateTime.formatIso(now)))
    }
  })
