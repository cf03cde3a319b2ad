/** What vendors really answer means what it says, in one piece, byte by byte, and cut at places of every kind. */
import { assert, describe, it } from "@effect/vitest"
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
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { frame } from "../../bedrock/BedrockServer.ts"
import * as PiecesClient from "../../PiecesClient.ts"
import { collect, generate } from "../../providerOptions.ts"
import { recordedAnswers } from "../recorded/recorded.ts"
import { answers as clouds } from "./clouds.ts"
import { answers as endings } from "./endings.ts"
import type { Answer, Meaning } from "./forms.ts"
import { answers as local } from "./local.ts"
import { answers as oddEnds } from "./oddEnds.ts"
import { answers as openai } from "./openai.ts"
import { answers as others } from "./others.ts"
import { answers as seldom } from "./seldom.ts"
import { answers as toolCalls } from "./toolCalls.ts"

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })

const providerOf = ({ preset, protocol }: Answer) => {
  switch (protocol) {
    case "openai":
      return OpenAiProvider.make({ preset: preset ?? "openai", baseUrl: "http://pieces", model: "m" })
    case "anthropic":
      return AnthropicProvider.make({ baseUrl: "http://pieces", model: "m" })
    case "ollama":
      return OllamaProvider.make({ host: "http://pieces", model: "m" })
    case "gemini":
      return GeminiProvider.make({ baseUrl: "http://pieces", model: "m" })
    case "responses":
      return OpenAiResponsesProvider.make({ baseUrl: "http://pieces", model: "m" })
    case "bedrock":
      return BedrockProvider.make({ baseUrl: "http://pieces", model: "m" })
  }
}

type Part = Response.StreamPartEncoded | Response.PartEncoded

const meaningOf = (parts: ReadonlyArray<Part>): Meaning => {
  const join = (types: ReadonlyArray<string>) =>
    parts.flatMap((part) =>
      types.includes(part.type) ? ["delta" in part ? part.delta : "text" in part ? part.text : ""] : []
    ).join("")
  // A result finds its call by its id.
  const ids = parts.flatMap((part) => part.type === "tool-call" ? [part.id] : [])
  assert.strictEqual(new Set(ids).size, ids.length)
  assert.notInclude(ids, "null")
  const finish = parts.find((part) => part.type === "finish")
  return {
    text: join(["text", "text-delta"]),
    reasoning: join(["reasoning", "reasoning-delta"]),
    calls: parts.flatMap((part) => part.type === "tool-call" ? [[part.name, part.params] as const] : []),
    ...(finish === undefined ? {} : {
      finish: finish.reason,
      input: finish.usage.inputTokens.total,
      output: finish.usage.outputTokens.total,
      thought: finish.usage.outputTokens.reasoning
    }) as Meaning
  }
}

const full = (means: Meaning): Meaning =>
  means.fails === undefined
    ? {
      text: "",
      reasoning: "",
      calls: [],
      input: undefined,
      output: undefined,
      thought: undefined,
      ...means
    } as Meaning
    : means

/** In one piece, byte by byte, in thirds, and by every seventh byte. */
const chunkings = (body: Answer["body"]): ReadonlyArray<ReadonlyArray<Uint8Array<ArrayBuffer>>> => {
  const bytes = typeof body === "string"
    ? new TextEncoder().encode(body)
    : new Uint8Array(Buffer.concat(body.map((each) => frame(...each))))
  const by = (size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))
  return [[bytes], by(1), by(7), by(Math.ceil(bytes.length / 3))]
}

const corpus = [
  ...openai,
  ...clouds,
  ...local,
  ...others,
  ...endings,
  ...oddEnds,
  ...seldom,
  ...toolCalls,
  ...recordedAnswers
]

describe(`answers of ${new Set(corpus.map(({ vendor }) => vendor)).size} vendors (${corpus.length} answers)`, () => {
  it.effect.each(corpus.map((answer) => [`${answer.vendor}: ${answer.what} (${answer.asked})`, answer] as const))(
    "%s",
    ([, answer]) =>
      Effect.gen(function*() {
        const options = {
          tools: [Weather],
          toolChoice: answer.required === true ? "required" as const : "auto" as const
        }
        for (const pieces of chunkings(answer.body)) {
          const provider = yield* Effect.provideService(
            providerOf(answer),
            HttpClient.HttpClient,
            PiecesClient.make(() => pieces)
          )
          const ask: Effect.Effect<ReadonlyArray<Part>, { readonly reason: { readonly _tag: string } }> =
            answer.asked === "stream"
              ? collect(provider, options)
              : generate(provider, options)
          const result = yield* Effect.result(ask)
          const got: Meaning = Result.isFailure(result)
            ? { fails: result.failure.reason._tag }
            : meaningOf(result.success)
          assert.deepStrictEqual(got, full(answer.means), `in ${pieces.length} pieces`)
        }
      })
  )

  it("is large enough to mean something", () => {
    assert.isAtLeast(corpus.length, 80)
    assert.isAtLeast(new Set(corpus.map(({ vendor }) => vendor)).size, 20)
  })
})
