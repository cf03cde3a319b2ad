/**
 * A simulated cloud that speaks OpenAI's chat completions over real sockets, and fails as the act in play says.
 *
 * `POST /v1/chat/completions` (JSON, or server-sent events with the usage chunk of `stream_options.include_usage` and
 * `[DONE]`) and `GET /v1/models`. Only completions meet faults; a cloud that is gone refuses every connection.
 * Wire format: OpenAI's API reference, "Chat completions" and "Streaming events".
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Act from "./Act.ts"
import * as LoopbackServer from "./LoopbackServer.ts"
import * as Question from "./Question.ts"

/** The model that the simulated cloud offers. */
export const model = "cloud-large"

export interface CloudServer extends LoopbackServer.LoopbackServer {
  /** The `baseUrl` of an OpenAI client. */
  readonly baseUrl: string
  /** Starts an act: from now on its faults are drawn, from the beginning. */
  readonly play: (act: Act.Act) => Effect.Effect<void>
}

const CompletionRequest = Schema.fromJsonString(Schema.Struct({
  model: Schema.String,
  stream: Schema.optional(Schema.NullOr(Schema.Boolean)),
  stream_options: Schema.optional(Schema.NullOr(Schema.Struct({ include_usage: Schema.optional(Schema.Boolean) }))),
  messages: Schema.NonEmptyArray(Schema.Struct({
    role: Schema.String,
    content: Schema.optional(Schema.NullOr(Schema.Union([
      Schema.String,
      Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optional(Schema.String) }))
    ])))
  }))
}))
type CompletionRequest = typeof CompletionRequest.Type
const decodeRequest = Schema.decodeUnknownOption(CompletionRequest)

const textOf = (message: CompletionRequest["messages"][number] | undefined): string => {
  const content = message?.content ?? ""
  return typeof content === "string" ? content : content.map((part) => part.text ?? "").join("")
}

const error = (message: string, type: string, code: string | null) => ({ error: { message, type, param: null, code } })

/**
 * Opens the server. The same `seed` draws the same faults. `pace` is the pause after each word of a stream, in
 * milliseconds. Defaults to 8.
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly seed: string | number
  readonly pace?: number
}): Effect.fn.Return<CloudServer, never, Scope.Scope> {
  const pace = options.pace ?? 8
  let nextFault = yield* Act.draw(Act.all[0]!, options.seed)
  let answered = 0

  const complete = Effect.fnUntraced(function*(exchange: LoopbackServer.Exchange, request: CompletionRequest) {
    const stream = request.stream === true
    const fault = nextFault({ stream })
    switch (fault._tag) {
      case "Unavailable":
        return yield* exchange.json(503, error("The server is overloaded.", "server_error", "overloaded"), {
          "retry-after": String(fault.retryAfterSeconds)
        })
      case "QuotaSpent":
        return yield* exchange.json(
          429,
          error(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota"
          )
        )
      case "Reset":
        return yield* exchange.reset
      case "Slow":
        yield* Effect.sleep(fault.delay)
    }
    const words = Question.pieces(Question.answerTo(textOf(request.messages.at(-1)), "cloud"))
    const id = `chatcmpl-${++answered}`
    const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    const promptTokens = request.messages.reduce((sum, message) => sum + Question.pieces(textOf(message)).length, 0)
    const usage = {
      prompt_tokens: promptTokens,
      completion_tokens: words.length,
      total_tokens: promptTokens + words.length
    }
    if (!stream) {
      return yield* exchange.json(200, {
        id,
        object: "chat.completion",
        created,
        model: request.model,
        choices: [{
          index: 0,
          message: { role: "assistant", content: words.join(""), refusal: null },
          logprobs: null,
          finish_reason: "stop"
        }],
        usage
      }, { "x-request-id": `req-${answered}` })
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
      "x-request-id": `req-${answered}`
    })
    yield* delta({ role: "assistant", content: "" })
    // Cut after at least one word and before the last: a sentence that broke off.
    const last = fault._tag === "Cut"
      ? Math.min(words.length - 1, Math.max(1, Math.round(words.length * fault.share)))
      : words.length
    for (const word of words.slice(0, last)) {
      yield* delta({ content: word })
      yield* Effect.sleep(pace)
    }
    if (fault._tag === "Cut") {
      // A moment of silence first: what was said has been read when the connection breaks, on a busy machine too.
      yield* Effect.sleep(50)
      return yield* fault.how === "reset" ? exchange.reset : exchange.end
    }
    yield* delta({}, "stop")
    if (request.stream_options?.include_usage === true) {
      yield* send([], { usage })
    }
    yield* exchange.write("data: [DONE]\n\n")
    yield* exchange.end
  })

  const server = yield* LoopbackServer.make((exchange) => {
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
      const request = decodeRequest(exchange.body)
      return Option.isSome(request)
        ? complete(exchange, request.value)
        : exchange.json(400, error("The body is no chat completion request.", "invalid_request_error", null))
    }
    return exchange.json(
      404,
      error(`Unknown request URL: ${exchange.method} ${exchange.path}.`, "invalid_request_error", "unknown_url")
    )
  })

  return {
    ...server,
    baseUrl: `${server.url}/v1`,
    play: Effect.fnUntraced(function*(act) {
      nextFault = yield* Act.draw(act, options.seed)
      yield* act.listening ? server.open : server.close
    })
  }
})
