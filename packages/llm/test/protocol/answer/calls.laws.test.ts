/**
 * An answer says what the vendor's own SDK reads in the same bytes, however the arguments of its calls are cut, how its events
 * are dressed, and how the network cuts them.
 */
import { assert, describe } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import { law } from "../../../../../vitest.law.ts"
import * as PiecesClient from "../../PiecesClient.ts"
import { collect, textOf } from "../../providerOptions.ts"
import type { Read, Turn } from "./wire.ts"
import { wires } from "./wire.ts"

const Weather = Tool.make("weather", { parameters: Schema.Record(Schema.String, Schema.Json) })

const providers = {
  openai: OpenAiProvider.make({ baseUrl: "http://pieces", model: "m" }),
  anthropic: AnthropicProvider.make({ baseUrl: "http://pieces", model: "m" }),
  responses: OpenAiResponsesProvider.make({ baseUrl: "http://pieces", model: "m" }),
  gemini: GeminiProvider.make({ baseUrl: "http://pieces", model: "m" }),
  ollama: OllamaProvider.make({ host: "http://pieces", model: "m" }),
  bedrock: BedrockProvider.make({ baseUrl: "http://pieces", model: "m" })
}

const readOf = (parts: ReadonlyArray<Response.StreamPartEncoded>): Read => {
  const calls = parts.flatMap((part) => part.type === "tool-call" ? [part] : [])
  // A result finds its call by its id, and what was shown of a call is the whole of it.
  assert.strictEqual(new Set(calls.map(({ id }) => id)).size, calls.length)
  for (const { id, params } of calls) {
    const shown = parts.flatMap((part) => part.type === "tool-params-delta" && part.id === id ? [part.delta] : [])
    assert.deepStrictEqual(JSON.parse(shown.join("")), params)
    const kinds = parts.flatMap((part) => "id" in part && part.id === id ? [part.type] : [])
    assert.deepStrictEqual(kinds.filter((kind) => kind !== "tool-params-delta"), [
      "tool-params-start",
      "tool-params-end",
      "tool-call"
    ])
  }
  return {
    thoughts: textOf(parts, "reasoning-delta"),
    text: textOf(parts, "text-delta"),
    calls: calls.map(({ name, params }) => [name, params] as const)
  }
}

/** How proxies rewrite a stream of events: all of it means the same (WHATWG HTML, 9.2.6). */
const dresses = {
  plain: (body: string) => body,
  crlf: (body: string) => body.replaceAll("\n", "\r\n"),
  cr: (body: string) => body.replaceAll("\n", "\r"),
  mark: (body: string) => `\uFEFF${body}`,
  comments: (body: string) => body.replaceAll("\n\n", "\n\n: keep-alive\n\n:\n"),
  fields: (body: string) => body.replaceAll("\n\n", "\nid: 7\nretry: 10\nwhat: ever\n\n"),
  lines: (body: string) => body.replaceAll(/^data: \{"/gm, "data: {\ndata: \""),
  tight: (body: string) => body.replaceAll("data: ", "data:").replaceAll("event: ", "event:")
}

// Words that no reader takes for anything else, characters of two and four bytes among them.
const words = Schema.Literals(["Grüße, Welt 🌍", "Hm. ", "a\nb", "{", "\"", "42", "日本"])
const params = Schema.Record(
  Schema.Literals(["city", "n", "ö", "__x"]),
  Schema.Union([words, Schema.Int, Schema.Null, Schema.Array(words)])
)

const inputs = {
  said: Schema.Struct({
    thoughts: Schema.Union([Schema.Literal(""), words]),
    text: Schema.Union([Schema.Literal(""), words]),
    calls: Schema.Union([Schema.Tuple([params, params]), Schema.Array(params).check(Schema.isMaxLength(3))])
  }),
  at: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60 }))).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(4)
  ),
  interleaved: Schema.Boolean,
  dress: Schema.Literals(["plain", "crlf", "cr", "mark", "comments", "fields", "lines", "tight"]),
  size: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
}

const bytesOf = (body: string | Uint8Array): Uint8Array<ArrayBuffer> =>
  typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body)

describe("an answer says what the vendor's own SDK reads", () => {
  for (const protocol of ["openai", "anthropic", "responses", "gemini", "ollama", "bedrock"] as const) {
    const { framing, oracle, thinks, write } = wires[protocol]
    law(protocol, inputs, ({ at, dress, interleaved, said, size }, reach) =>
      Effect.gen(function*() {
        const isEmpty = said.text === "" && said.calls.length === 0
        const turn: Turn = {
          // JSON has no -0.
          calls: JSON.parse(JSON.stringify(said.calls)) as Turn["calls"],
          text: isEmpty ? "Hi" : said.text,
          thoughts: thinks ? said.thoughts : ""
        }
        if (turn.calls.length > 0) reach("calls")
        if (turn.calls.length > 1 && interleaved && at.length > 0) reach("calls at once")
        const plain = write(turn, { at, interleaved })
        const body = bytesOf(typeof plain === "string" && framing === "events" ? dresses[dress](plain) : plain)
        const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
          body.slice(i * size, (i + 1) * size))
        const provider = yield* Effect.provideService(
          providers[protocol],
          HttpClient.HttpClient,
          PiecesClient.make(() =>
            pieces
          )
        )
        const got = readOf(yield* collect(provider, { tools: [Weather] }))
        assert.deepStrictEqual(got, {
          thoughts: turn.thoughts,
          text: turn.text,
          calls: turn.calls.map((call) => ["weather", call] as const)
        })
        // The SDKs differ in which dresses they can read; in plain bytes they are the judge.
        assert.deepStrictEqual(got, yield* oracle(bytesOf(plain)))
      }), { cases: 40, reaches: ["calls", "calls at once"] })
  }
})
