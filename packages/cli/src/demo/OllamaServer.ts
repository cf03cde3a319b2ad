/**
 * A simulated Ollama that speaks its native API over real sockets and never fails: the local machine that still answers when
 * the cloud does not.
 *
 * **When to use**
 *
 * Use it as the last provider of a chain whose cloud providers fail.
 *
 * **Details**
 *
 * It is `SimulatedOllama` of `@holdfast/llm`, with the answers of the demo.
 *
 * **Gotchas**
 *
 * It has one model and knows only the questions of {@link Question}.
 *
 * **Example**
 *
 * See {@link make}: the server listens until its scope closes, and `url` is its address.
 */
import * as SimulatedOllama from "@holdfast/llm/testing/SimulatedOllama"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as LoopbackServer from "./LoopbackServer.ts"
import * as Question from "./Question.ts"

/** The model that the simulated Ollama has pulled. */
export const model = "llama3.2:3b"

/** The demo's answers, and for other tools and formats those of the simulation. */
const answer = ({ format, messages = [], tools = [] }: SimulatedOllama.Chat): SimulatedOllama.Answer | undefined => {
  const offersTool = tools.some((tool) => tool.function.name === "reserve")
  if (format !== undefined || (tools.length > 0 && !offersTool)) return undefined
  const last = messages.at(-1)
  const reply = Question.reply("ollama", {
    text: messages.findLast(({ role }) => role === "user")?.content ?? "",
    offersTool,
    toolSaid: last?.role === "tool" ? last.content ?? "" : undefined
  })
  return reply._tag === "Say"
    ? { _tag: "Say", pieces: Question.pieces(reply.text) }
    : { _tag: "Call", tool: "reserve", params: reply.params }
}

/** Opens the server. `pace` is the pause after each word of a stream, in milliseconds. Defaults to 12. */
export const make = Effect.fnUntraced(function*(options?: {
  readonly pace?: number
}): Effect.fn.Return<LoopbackServer.LoopbackServer, never, Scope.Scope> {
  const pace = options?.pace ?? 12
  const { respond } = yield* SimulatedOllama.make({
    model,
    capabilities: ["completion", "tools"],
    contextLength: 131_072,
    answer
  })

  return yield* LoopbackServer.make(Effect.fnUntraced(function*(exchange) {
    const reply = yield* respond(exchange)
    if (reply._tag === "Json") return yield* exchange.json(reply.status, reply.body)
    const isText = reply._tag === "Text"
    yield* exchange.start(isText ? reply.status : 200, {
      "content-type": isText ? "text/plain" : "application/x-ndjson"
    })
    if (isText) yield* exchange.write(reply.body)
    else {
      for (const line of reply.lines) {
        yield* exchange.write(`${JSON.stringify(line)}\n`)
        yield* Effect.sleep(pace)
      }
    }
    yield* exchange.end
  }))
})
