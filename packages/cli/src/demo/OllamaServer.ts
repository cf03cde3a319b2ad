/**
 * A simulated Ollama that speaks its native API over real sockets and never fails: the machine under the desk that is
 * still there when the cloud is not.
 *
 * `POST /api/chat` (NDJSON, or one JSON document with `stream: false`, with calls of the tool `reserve` where the demo's
 * questions want one), `/api/tags`, `/api/show`, `/api/version` and `/`, by GET and HEAD. Wire format: `docs/api.md` of the Ollama repository.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as LoopbackServer from "./LoopbackServer.ts"
import * as Question from "./Question.ts"

/** The model that the simulated Ollama has pulled. */
export const model = "llama3.2:3b"

const ChatRequest = Schema.fromJsonString(Schema.Struct({
  model: Schema.String,
  stream: Schema.optional(Schema.Boolean),
  tools: Schema.optional(Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) }))),
  messages: Schema.Array(Schema.Struct({ role: Schema.String, content: Schema.optional(Schema.String) }))
}))
type ChatRequest = typeof ChatRequest.Type
const decodeChat = Schema.decodeUnknownOption(ChatRequest)
const decodeShow = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ model: Schema.String })))

const details = {
  parent_model: "",
  format: "gguf",
  family: "llama",
  families: ["llama"],
  parameter_size: "3.2B",
  quantization_level: "Q4_K_M"
}
const modifiedAt = "2026-01-01T00:00:00Z"
const nanos = (millis: number) => Math.round(millis * 1e6)

/** Opens the server. `pace` is the pause after each word of a stream, in milliseconds. Defaults to 12. */
export const make = Effect.fnUntraced(function*(options?: {
  readonly pace?: number
}): Effect.fn.Return<LoopbackServer.LoopbackServer, never, Scope.Scope> {
  const pace = options?.pace ?? 12

  const chat = Effect.fnUntraced(function*(exchange: LoopbackServer.Exchange, request: ChatRequest) {
    const last = request.messages.at(-1)
    const reply = Question.reply("ollama", {
      text: request.messages.findLast(({ role }) => role === "user")?.content ?? "",
      offersTool: request.tools?.some((tool) => tool.function.name === "reserve") ?? false,
      toolSaid: last?.role === "tool" ? last.content ?? "" : undefined
    })
    // A call of a tool comes in one piece, and without words.
    const words = reply._tag === "Say" ? Question.pieces(reply.text) : [""]
    const calls = reply._tag === "Say" ? {} : {
      tool_calls: [{ function: { name: "reserve", arguments: reply.params } }]
    }
    const started = yield* DateTime.now
    const done = DateTime.now.pipe(Effect.map((now) => {
      const took = DateTime.toEpochMillis(now) - DateTime.toEpochMillis(started)
      return {
        done: true,
        done_reason: "stop",
        total_duration: nanos(took),
        load_duration: 0,
        prompt_eval_count: request.messages.reduce(
          (sum, message) => sum + Question.pieces(message.content ?? "").length,
          0
        ),
        prompt_eval_duration: 0,
        eval_count: words.length,
        eval_duration: nanos(took)
      }
    }))
    const part = (content: string, calls?: object) =>
      Effect.map(DateTime.now, (now) => ({
        model: request.model,
        created_at: DateTime.formatIso(now),
        message: { role: "assistant", content, ...calls }
      }))

    if (request.stream === false) {
      return yield* exchange.json(200, { ...(yield* part(words.join(""), calls)), ...(yield* done) })
    }
    yield* exchange.start(200, { "content-type": "application/x-ndjson" })
    for (const word of words) {
      yield* exchange.write(`${JSON.stringify({ ...(yield* part(word, calls)), done: false })}\n`)
      yield* Effect.sleep(pace)
    }
    yield* exchange.write(`${JSON.stringify({ ...(yield* part("")), ...(yield* done) })}\n`)
    yield* exchange.end
  })

  const notFound = (name: string) => ({ error: `model '${name}' not found` })

  return yield* LoopbackServer.make((exchange) => {
    const method = exchange.method === "HEAD" ? "GET" : exchange.method
    switch (`${method} ${exchange.path}`) {
      case "GET /":
        return exchange.start(200, { "content-type": "text/plain" }).pipe(
          Effect.andThen(exchange.write("Ollama is running")),
          Effect.andThen(exchange.end)
        )
      case "GET /api/version":
        return exchange.json(200, { version: "0.13.0" })
      case "GET /api/tags":
        return exchange.json(200, {
          models: [{
            name: model,
            model,
            modified_at: modifiedAt,
            size: 2_019_393_189,
            digest: "a80c4f17acd5",
            details
          }]
        })
      case "POST /api/show":
        return Option.match(decodeShow(exchange.body), {
          onNone: () => exchange.json(400, { error: "model is required" }),
          onSome: (request) =>
            request.model !== model ? exchange.json(404, notFound(request.model)) : exchange.json(200, {
              modelfile: `FROM ${model}`,
              parameters: "",
              template: "{{ .Prompt }}",
              details,
              model_info: { "general.architecture": "llama", "llama.context_length": 131_072 },
              capabilities: ["completion", "tools"],
              modified_at: modifiedAt
            })
        })
      case "POST /api/chat":
        return Option.match(decodeChat(exchange.body), {
          onNone: () => exchange.json(400, { error: "the body is no chat request" }),
          onSome: (request) =>
            request.model === model ? chat(exchange, request) : exchange.json(404, notFound(request.model))
        })
      default:
        return exchange.json(404, { error: "404 page not found" })
    }
  })
})
