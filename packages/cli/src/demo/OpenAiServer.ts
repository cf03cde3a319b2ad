/**
 * A simulated OpenAI that speaks its chat completions over real sockets, and fails as the act in play says.
 *
 * **When to use**
 *
 * Use it to try a client for OpenAI, with or without faults, without a key and without a network.
 *
 * **Details**
 *
 * It serves `POST /v1/chat/completions` (JSON, or server-sent events with the usage chunk of `stream_options.include_usage` and
 * `[DONE]`, with calls of the tool `reserve` for the demo's questions that need one) and `GET /v1/models`. The wire format is
 * that of OpenAI's API reference, "Chat completions" and "Streaming events".
 *
 * **Gotchas**
 *
 * Only completions meet faults. A cloud that is gone refuses every connection.
 *
 * **Example**
 *
 * See {@link make}: the server listens until its scope closes, and `url` is its address.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as CloudServer from "./CloudServer.ts"
import type * as LoopbackServer from "./LoopbackServer.ts"
import * as Question from "./Question.ts"

/** The model that the simulated OpenAI offers. */
export const model = "cloud-large"

const opt = <S extends Schema.Top>(schema: S) => Schema.optional(Schema.NullOr(schema))

const CompletionRequest = Schema.fromJsonString(Schema.Struct({
  model: Schema.String,
  stream: opt(Schema.Boolean),
  stream_options: opt(Schema.Struct({ include_usage: Schema.optional(Schema.Boolean) })),
  tools: opt(Schema.Array(Schema.Struct({ function: Schema.Struct({ name: Schema.String }) }))),
  messages: Schema.NonEmptyArray(Schema.Struct({
    role: Schema.String,
    content: opt(Schema.Union([
      Schema.String,
      Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optional(Schema.String) }))
    ]))
  }))
}))
type CompletionRequest = typeof CompletionRequest.Type
const decodeRequest = Schema.decodeUnknownOption(CompletionRequest)

const textOf = (message: CompletionRequest["messages"][number] | undefined): string => {
  const content = message?.content ?? ""
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("")
}

const error = (message: string, type: string, code: string | null) => ({ error: { message, type, param: null, code } })

const refuse = (exchange: LoopbackServer.Exchange, refusal: CloudServer.Refusal): Effect.Effect<void> =>
  refusal._tag === "Unavailable"
    ? exchange.json(
      503,
      error("The server is overloaded.", "server_error", "overloaded"),
      refusal.retryAfterSeconds === undefined ? {} : { "retry-after": String(refusal.retryAfterSeconds) }
    )
    : refusal._tag === "KeyLimited"
    ? exchange.json(
      429,
      error("Rate limit reached for this key.", "requests", "rate_limit_exceeded"),
      { "retry-after": String(refusal.retryAfterSeconds) }
    )
    : exchange.json(
      429,
      error(
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota"
      )
    )

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

  const complete = Effect.fnUntraced(function*(
    exchange: LoopbackServer.Exchange,
    request: CompletionRequest,
    cut: CloudServer.Cut | undefined
  ) {
    const last = request.messages.at(-1)
    const reply = Question.reply("openai", {
      text: textOf(request.messages.findLast(({ role }) => role === "user")),
      offersTool: request.tools?.some((tool) => tool.function.name === "reserve") ?? false,
      toolSaid: last?.role === "tool" ? textOf(last) : undefined
    })
    const pieces = reply._tag === "Say" ? Question.pieces(reply.text) : Question.fragments(reply.params)
    const n = ++answered
    const id = `chatcmpl-${n}`
    const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const promptTokens = request.messages.reduce((sum, message) => sum + Question.pieces(textOf(message)).length, 0)
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: pieces.length,
      total_tokens: promptTokens + pieces.length
    }
    const finish = reply._tag === "Say" ? "stop" : "tool_calls"
    const call = (args: string) => ({
      id: `call_${n}`,
      type: "function",
      function: { name: "reserve", arguments: args }
    })
    if (request.stream !== true) {
      return yield* exchange.json(200, {
        id,
        object: "chat.completion",
        created,
        model: request.model,
        choices: [{
          index: 0,
          message: {
            role: "assistant",
            content: reply._tag === "Say" ? reply.text : null,
            refusal: null,
            ...(reply._tag === "Say" ? {} : { tool_calls: [call(pieces.join(""))] })
          },
          logprobs: null,
          finish_reason: finish
        }],
        usage
      }, { "x-request-id": `req-${n}` })
    }
    const send = (choices: ReadonlyArray<unknown>, rest?: object) =>
      exchange.write(
        `data: ${
          JSON.stringify({ id, object: "chat.completion.chunk", created, model: request.model, choices, ...rest })
        }\n\n`
      )
    const delta = (delta: object, finish: string | null = null) =>
      send([{ index: 0, delta, logprobs: null, finish_reason: finish }])

    yield* exchange.start(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-request-id": `req-${n}`
    })
    yield* delta(
      reply._tag === "Say"
        ? { role: "assistant", content: "" }
        : { role: "assistant", content: null, tool_calls: [{ index: 0, ...call("") }] }
    )
    const isWhole = yield* CloudServer.say(exchange, pieces, {
      pace,
      cut,
      send: (piece) =>
        delta(
          reply._tag === "Say"
            ? { content: piece }
            : { tool_calls: [{ index: 0, function: { arguments: piece } }] }
        )
    })
    if (!isWhole) {
      return
    }
    yield* delta({}, finish)
    if (request.stream_options?.include_usage === true) {
      yield* send([], { usage })
    }
    yield* exchange.write("data: [DONE]\n\n")
    yield* exchange.end
  })

  return yield* CloudServer.make({
    name: "openai",
    seed: options.seed,
    basePath: "/v1",
    refuse,
    handler: (exchange, meet) => {
      if (!/^Bearer .+/u.test(exchange.headers.authorization ?? "")) {
        return exchange.json(401, error("You did not provide an API key.", "invalid_request_error", "invalid_api_key"))
      }
      if (exchange.method === "GET" && exchange.path === "/v1/models") {
        return exchange.json(200, {
          object: "list",
          data: [{ id: model, object: "model", created: 1_700_000_000, owned_by: "holdfast-demo" }]
        })
      }
      if (exchange.method === "POST" && exchange.path === "/v1/chat/completions") {
        return Option.match(decodeRequest(exchange.body), {
          onNone: () =>
            exchange.json(400, error("The body is not a chat completion request.", "invalid_request_error", null)),
          onSome: (request) =>
            request.model === model
              ? meet(
                { stream: request.stream === true, afterTool: request.messages.at(-1)?.role === "tool" },
                (cut) => complete(exchange, request, cut)
              )
              : exchange.json(
                404,
                error(`The model \`${request.model}\` does not exist.`, "invalid_request_error", "model_not_found")
              )
        })
      }
      return exchange.json(
        404,
        error(`Unknown request URL: ${exchange.method} ${exchange.path}.`, "invalid_request_error", "unknown_url")
      )
    }
  })
})
