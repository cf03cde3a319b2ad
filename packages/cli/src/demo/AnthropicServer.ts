/**
 * A simulated Anthropic that speaks its Messages API over real sockets, and fails as the act in play says.
 *
 * **When to use**
 *
 * Use it to try a client for Anthropic, with or without faults, without a key and without a network.
 *
 * **Details**
 *
 * It serves `POST /v1/messages` (JSON, or server-sent events from `message_start` to `message_stop`, with calls of the tool
 * `reserve` for the demo's questions that need one), `GET /v1/models` and `GET /v1/models/<id>`. The wire format is that of
 * the Claude API reference, "Create a Message", "Streaming Messages" and "Errors".
 *
 * **Gotchas**
 *
 * Only messages meet faults. A cloud that is gone refuses every connection.
 *
 * **Example**
 *
 * See {@link make}: the server listens until its scope closes, and `url` is its address.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as CloudServer from "./CloudServer.ts"
import type * as LoopbackServer from "./LoopbackServer.ts"
import * as Question from "./Question.ts"

/** The model that the simulated Anthropic offers. */
export const model = "cloud-sonnet"

const Block = Schema.Struct({
  type: Schema.String,
  text: Schema.optional(Schema.String),
  content: Schema.optional(Schema.Unknown)
})
type Block = typeof Block.Type

const MessageRequest = Schema.fromJsonString(Schema.Struct({
  model: Schema.String,
  max_tokens: Schema.Int,
  stream: Schema.optional(Schema.Boolean),
  tools: Schema.optional(Schema.Array(Schema.Struct({ name: Schema.String }))),
  messages: Schema.NonEmptyArray(Schema.Struct({
    role: Schema.Literals(["user", "assistant"]),
    content: Schema.Union([Schema.String, Schema.Array(Block)])
  }))
}))
type MessageRequest = typeof MessageRequest.Type
type Message = MessageRequest["messages"][number]
const decodeRequest = Schema.decodeUnknownOption(MessageRequest)

const blocks = (message: Message | undefined): ReadonlyArray<Block> =>
  typeof message?.content === "string" ? [{ type: "text", text: message.content }] : message?.content ?? []

const textOf = (message: Message | undefined): string => blocks(message).map((block) => block.text ?? "").join("")

const toolResult = (message: Message | undefined): string | undefined => {
  const result = blocks(message).find((block) => block.type === "tool_result")
  return result === undefined ? undefined : JSON.stringify(result.content ?? "")
}

const error = (type: string, message: string) => ({ type: "error", error: { type, message } })

const refuse = (exchange: LoopbackServer.Exchange, refusal: CloudServer.Refusal): Effect.Effect<void> =>
  refusal._tag === "Unavailable"
    ? exchange.json(
      529,
      error("overloaded_error", "Overloaded"),
      refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }
    )
    : exchange.json(402, error("billing_error", "Your credit balance is too low to access the API."))

const info = { type: "model", id: model, display_name: "Cloud Sonnet", created_at: "2026-01-01T00:00:00Z" }

/**
 * Opens the server. The same `seed` draws the same faults. `pace` is the pause after each piece of a stream, in
 * milliseconds. Defaults to 8.
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly seed: string | number
  readonly pace?: number
}): Effect.fn.Return<CloudServer.CloudServer, never, Scope.Scope> {
  const pace = options.pace ?? 8
  let answered = 0

  const answer = Effect.fnUntraced(function*(
    exchange: LoopbackServer.Exchange,
    request: MessageRequest,
    cut: CloudServer.Cut | undefined
  ) {
    const reply = Question.reply("anthropic", {
      text: textOf(
        request.messages.findLast((message) => message.role === "user" && toolResult(message) === undefined)
      ),
      offersTool: request.tools?.some((tool) => tool.name === "reserve") ?? false,
      toolSaid: toolResult(request.messages.at(-1))
    })
    const pieces = reply._tag === "Say" ? Question.pieces(reply.text) : Question.fragments(reply.params)
    const n = ++answered
    const inputTokens = request.messages.reduce((sum, message) => sum + Question.pieces(textOf(message)).length, 0)
    const message = (content: ReadonlyArray<unknown>, stopReason: string | null, outputTokens: number) => ({
      id: `msg_${n}`,
      type: "message",
      role: "assistant",
      model: request.model,
      content,
      stop_reason: stopReason,
      stop_sequence: null,
      usage: { input_tokens: inputTokens, output_tokens: outputTokens }
    })
    const stopReason = reply._tag === "Say" ? "end_turn" : "tool_use"
    const block = (text: string, input: unknown) =>
      reply._tag === "Say"
        ? { type: "text", text }
        : { type: "tool_use", id: `toolu_${n}`, name: "reserve", input }
    const headers = { "request-id": `req_${n}` }
    if (request.stream !== true) {
      const content = reply._tag === "Say" ? block(reply.text, undefined) : block("", reply.params)
      return yield* exchange.json(200, message([content], stopReason, pieces.length), headers)
    }
    const send = (event: { readonly type: string } & Record<string, unknown>) =>
      exchange.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

    yield* exchange.start(200, { "content-type": "text/event-stream", "cache-control": "no-cache", ...headers })
    yield* send({ type: "message_start", message: message([], null, 1) })
    yield* send({ type: "content_block_start", index: 0, content_block: block("", {}) })
    yield* send({ type: "ping" })
    const isWhole = yield* CloudServer.say(exchange, pieces, {
      pace,
      cut,
      send: (piece) =>
        send({
          type: "content_block_delta",
          index: 0,
          delta: reply._tag === "Say"
            ? { type: "text_delta", text: piece }
            : { type: "input_json_delta", partial_json: piece }
        })
    })
    if (!isWhole) {
      return
    }
    yield* send({ type: "content_block_stop", index: 0 })
    yield* send({
      type: "message_delta",
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: { output_tokens: pieces.length }
    })
    yield* send({ type: "message_stop" })
    yield* exchange.end
  })

  return yield* CloudServer.make({
    name: "anthropic",
    seed: options.seed,
    basePath: "",
    refuse,
    handler: (exchange, meet) => {
      // A key comes as `x-api-key`, as the reference has it, or as a bearer token, as the vendor's client sends it.
      const { authorization = "", "x-api-key": key = "" } = exchange.headers
      if (key === "" && !/^Bearer .+/u.test(authorization)) {
        return exchange.json(401, error("authentication_error", "x-api-key header is required"))
      }
      if (exchange.headers["anthropic-version"] === undefined) {
        return exchange.json(400, error("invalid_request_error", "anthropic-version: header is required"))
      }
      if (exchange.method === "GET" && exchange.path === "/v1/models") {
        return exchange.json(200, { data: [info], has_more: false, first_id: model, last_id: model })
      }
      const asked = /^\/v1\/models\/([^/]+)$/u.exec(exchange.path)?.[1]
      if (exchange.method === "GET" && asked !== undefined) {
        return asked === model
          ? exchange.json(200, info)
          : exchange.json(404, error("not_found_error", `model: ${asked}`))
      }
      if (exchange.method === "POST" && exchange.path === "/v1/messages") {
        return Option.match(decodeRequest(exchange.body), {
          onNone: () => exchange.json(400, error("invalid_request_error", "The body is not a message request.")),
          onSome: (request) =>
            request.model === model
              ? meet(
                {
                  stream: request.stream === true,
                  afterTool: toolResult(request.messages.at(-1)) !== undefined
                },
                (cut) => answer(exchange, request, cut)
              )
              : exchange.json(404, error("not_found_error", `model: ${request.model}`))
        })
      }
      return exchange.json(404, error("not_found_error", "Not found"))
    }
  })
})
