/**
 * M11 and M12 as laws over every protocol: a random answer, written in the words of a protocol, is read as what it means, whole
 * and as a stream; and its author gets it back as it was.
 */
import { assert, describe } from "@effect/vitest"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Schema from "effect/Schema"
import { law } from "../../../../vitest.law.ts"
import { mark, project } from "../../src/internal/authorship/projection.ts"
import { toWhole } from "../../src/internal/protocol/answer/writer.ts"
import { collect, generate } from "../providerOptions.ts"

const Weather = Tool.make("weather", { parameters: Schema.Struct({ city: Schema.String }), success: Schema.String })

const Words = Schema.Array(Schema.Literals(["a", " ", "Grüße", "🌍", "\n", "{", "<b>", "\"", "4"]))
const Random = {
  thoughts: Words,
  words: Words,
  calls: Schema.Array(
    Schema.Struct({ city: Schema.Literals(["Oslo", "Rome", "\"", "🌍"]), signed: Schema.Boolean })
  ),
  cuts: Schema.Array(Schema.Literals([1, 2, 3, 5, 8, 13])),
  whole: Schema.Boolean
}
type Said = { readonly [K in keyof typeof Random]: (typeof Random)[K]["Type"] }

/** A text in pieces. */
const pieces = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const characters = Array.from(text)
  const out: Array<string> = []
  for (let at = 0, i = 0; at < characters.length; i++) {
    const size = cuts[i % Math.max(1, cuts.length)] ?? 4
    out.push(characters.slice(at, at + size).join(""))
    at += size
  }
  return out
}

const event = (data: unknown, name?: string) =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

interface Dialect {
  readonly name: string
  readonly provider: Effect.Effect<OllamaOr, never, HttpClient.HttpClient>
  readonly write: (said: Said) => string
  /** The assistant's message as the author must get it back. */
  readonly back: (said: Said) => unknown
}
type OllamaOr = Effect.Success<ReturnType<typeof OpenAiProvider.make>>

const thought = ({ thoughts }: Said) => thoughts.join("")
const spoken = ({ words }: Said) => words.join("")

/** The dialects of chat completions that differ in where reasoning is. */
const openai = (name: string, reasoning: (text: string) => object, back = reasoning): Dialect => ({
  name,
  provider: OpenAiProvider.make({ baseUrl: "http://pieces", model: "m" }),
  write: (said) => {
    const calls = said.calls.map(({ city, signed }, index) => ({
      index,
      id: `call_${index}`,
      type: "function",
      function: { name: "weather", arguments: JSON.stringify({ city }) },
      extra_content: signed ? { google: { thought_signature: `s${index}` } } : undefined
    }))
    const finish_reason = calls.length > 0 ? "tool_calls" : "stop"
    if (said.whole) {
      const message = {
        content: spoken(said),
        ...(thought(said) === "" ? {} : reasoning(thought(said))),
        ...(calls.length === 0 ? {} : { tool_calls: calls })
      }
      return JSON.stringify({ id: "c", choices: [{ index: 0, message, finish_reason }] })
    }
    const chunk = (delta: object, reason: string | null = null) =>
      event({ id: "c", choices: [{ index: 0, delta, finish_reason: reason }] })
    return [
      ...pieces(thought(said), said.cuts).map((piece) => chunk(reasoning(piece))),
      ...pieces(spoken(said), said.cuts).map((content) => chunk({ content })),
      ...calls.map(({ extra_content, function: { arguments: args, name }, id, index, type }) =>
        [
          chunk({ tool_calls: [{ index, id, type, extra_content, function: { name, arguments: "" } }] }),
          ...pieces(args, said.cuts).map((piece) => chunk({ tool_calls: [{ index, function: { arguments: piece } }] }))
        ].join("")
      ),
      chunk({}, finish_reason),
      event("[DONE]")
    ].join("")
  },
  back: (said) => ({
    role: "assistant",
    content: said.calls.length > 0 && spoken(said) === "" ? null : spoken(said),
    ...(thought(said) === "" ? {} : back(thought(said))),
    ...(said.calls.length === 0 ? {} : {
      tool_calls: said.calls.map(({ city, signed }, index) => ({
        id: `call_${index}`,
        type: "function",
        function: { name: "weather", arguments: JSON.stringify({ city }) },
        ...(signed ? { extra_content: { google: { thought_signature: `s${index}` } } } : {})
      }))
    })
  })
})

const anthropic: Dialect = {
  name: "the Messages API",
  provider: AnthropicProvider.make({ baseUrl: "http://pieces", model: "m" }),
  write: (said) => {
    const blocks: Array<{ readonly type: string; readonly [key: string]: unknown }> = [
      ...(thought(said) === "" ? [] : [{ type: "thinking", thinking: thought(said), signature: "sig" }]),
      ...(spoken(said) === "" ? [] : [{ type: "text", text: spoken(said) }]),
      ...said.calls.map(({ city }, index) => ({ type: "tool_use", id: `t_${index}`, name: "weather", input: { city } }))
    ]
    const stop_reason = said.calls.length > 0 ? "tool_use" : "end_turn"
    if (said.whole) {
      return JSON.stringify({ type: "message", id: "m", content: blocks, stop_reason, usage: {} })
    }
    const say = (data: { readonly type: string; readonly [key: string]: unknown }) => event(data, data.type)
    return [
      say({ type: "message_start", message: { id: "m", model: "m", usage: {} } }),
      ...blocks.map((block, index) => {
        const delta = (delta: object) => say({ type: "content_block_delta", index, delta })
        const start = block.type === "tool_use"
          ? { type: block.type, id: block["id"], name: block["name"], input: {} }
          : { type: block.type }
        const deltas = block.type === "thinking"
          ? [
            ...pieces(thought(said), said.cuts).map((thinking) => delta({ type: "thinking_delta", thinking })),
            delta({ type: "signature_delta", signature: "sig" })
          ]
          : block.type === "text"
          ? pieces(spoken(said), said.cuts).map((text) => delta({ type: "text_delta", text }))
          : pieces(JSON.stringify(block["input"]), said.cuts).map((partial_json) =>
            delta({ type: "input_json_delta", partial_json })
          )
        return [
          say({ type: "content_block_start", index, content_block: start }),
          ...deltas,
          say({ type: "content_block_stop", index })
        ].join("")
      }),
      say({ type: "message_delta", delta: { stop_reason }, usage: {} }),
      say({ type: "message_stop" })
    ].join("")
  },
  back: (said) => ({
    role: "assistant",
    content: [
      ...(thought(said) === "" ? [] : [{ type: "thinking", thinking: thought(said), signature: "sig" }]),
      // The API refuses a text of space alone.
      ...(spoken(said).trim() === "" ? [] : [{ type: "text", text: spoken(said) }]),
      ...said.calls.map(({ city }, index) => ({ type: "tool_use", id: `t_${index}`, name: "weather", input: { city } }))
    ]
  })
}

const responses: Dialect = {
  name: "the Responses API",
  provider: OpenAiResponsesProvider.make({ baseUrl: "http://pieces/v1", model: "m" }),
  write: (said) => {
    const output = [
      ...(thought(said) === ""
        ? []
        : [{
          type: "reasoning",
          id: "rs",
          summary: [{ type: "summary_text", text: thought(said) }],
          encrypted_content: "signature"
        }]),
      ...(spoken(said) === ""
        ? []
        : [{ type: "message", id: "msg", role: "assistant", content: [{ type: "output_text", text: spoken(said) }] }]),
      ...said.calls.map(({ city }, index) => ({
        type: "function_call",
        id: `fc_${index}`,
        call_id: `c_${index}`,
        name: "weather",
        arguments: JSON.stringify({ city })
      }))
    ]
    const response = { object: "response", id: "r", status: "completed", output }
    if (said.whole) return JSON.stringify(response)
    const deltas = (type: string, output_index: number, text: string) =>
      pieces(text, said.cuts).map((delta) => ({ type: `response.${type}.delta`, output_index, delta }))
    const events: Array<object> = [{ type: "response.created", response: { ...response, output: [] } }]
    for (const [output_index, item] of output.entries()) {
      events.push({
        type: "response.output_item.added",
        output_index,
        item: { ...item, summary: [], content: [], arguments: "" }
      })
      if (item.type === "reasoning") events.push(...deltas("reasoning_summary_text", output_index, thought(said)))
      else if (item.type === "message") events.push(...deltas("output_text", output_index, spoken(said)))
      else if ("arguments" in item) events.push(...deltas("function_call_arguments", output_index, item.arguments))
      events.push({ type: "response.output_item.done", output_index, item })
    }
    events.push({ type: "response.completed", response })
    return events.map((item) => event(item)).join("")
  },
  back: (said) => [
    ...(thought(said) === ""
      ? []
      : [{
        type: "reasoning",
        id: "rs",
        summary: [{ type: "summary_text", text: thought(said) }],
        encrypted_content: "signature"
      }]),
    ...(spoken(said) === ""
      ? []
      : [{
        type: "message",
        id: "msg",
        role: "assistant",
        content: [{ type: "output_text", text: spoken(said), annotations: [] }]
      }]),
    ...said.calls.map(({ city }, index) => ({
      type: "function_call",
      id: `fc_${index}`,
      call_id: `c_${index}`,
      name: "weather",
      arguments: JSON.stringify({ city })
    }))
  ]
}

const gemini: Dialect = {
  name: "Gemini",
  provider: GeminiProvider.make({ baseUrl: "http://pieces/v1", model: "m" }),
  write: (said) => {
    const signature = said.cuts.length % 2 === 1 ? { thoughtSignature: "text" } : {}
    const calls = said.calls.map(({ city, signed }, index) => ({
      functionCall: { id: `c_${index}`, name: "weather", args: { city } },
      ...(signed ? { thoughtSignature: `s${index}` } : {})
    }))
    const answer = (parts: ReadonlyArray<object>, rest: object = {}) => ({
      responseId: "r",
      candidates: [{ index: 0, content: { role: "model", parts }, ...rest }]
    })
    if (said.whole) {
      const thoughts = thought(said) === "" ? [] : [{ text: thought(said), thought: true }]
      const texts = spoken(said) === "" ? [] : [{ text: spoken(said), ...signature }]
      return JSON.stringify(answer([...thoughts, ...texts, ...calls], { finishReason: "STOP" }))
    }
    const texts = pieces(spoken(said), said.cuts)
    return [
      ...pieces(thought(said), said.cuts).map((text) => answer([{ text, thought: true }])),
      // A signature comes with the last words, or after them on an empty part.
      ...texts.map((text, i) =>
        answer([{ text, ...(i === texts.length - 1 && said.cuts.length > 2 ? signature : {}) }])
      ),
      ...(texts.length > 0 && said.cuts.length <= 2 ? [answer([{ text: "", ...signature }])] : []),
      ...calls.map((call) => answer([call])),
      answer([], { finishReason: "STOP" })
    ].map((item) => event(item)).join("")
  },
  back: (said) => ({
    role: "model",
    parts: [
      ...(thought(said) === "" ? [] : [{ text: thought(said), thought: true }]),
      ...(spoken(said) === ""
        ? []
        : [{ text: spoken(said), ...(said.cuts.length % 2 === 1 ? { thoughtSignature: "text" } : {}) }]),
      ...said.calls.map(({ city, signed }, index) => ({
        functionCall: { id: `c_${index}`, name: "weather", args: { city } },
        ...(signed ? { thoughtSignature: `s${index}` } : {})
      }))
    ]
  })
}

const ollama: Dialect = {
  name: "Ollama",
  provider: OllamaProvider.make({ host: "http://pieces", model: "m" }),
  write: (said) => {
    const line = (message: object, done = false) =>
      `${JSON.stringify({ model: "m", message: { role: "assistant", content: "", ...message }, done })}\n`
    const tool_calls = said.calls.map(({ city }) => ({ function: { name: "weather", arguments: { city } } }))
    if (said.whole) {
      return line({
        content: spoken(said),
        ...(thought(said) === "" ? {} : { thinking: thought(said) }),
        ...(tool_calls.length === 0 ? {} : { tool_calls })
      }, true)
    }
    return [
      ...pieces(thought(said), said.cuts).map((thinking) => line({ thinking })),
      ...pieces(spoken(said), said.cuts).map((content) => line({ content })),
      ...tool_calls.map((call) => line({ tool_calls: [call] })),
      line({}, true)
    ].join("")
  },
  back: (said) => ({
    role: "assistant",
    content: spoken(said),
    ...(thought(said) === "" ? {} : { thinking: thought(said) }),
    ...(said.calls.length === 0
      ? {}
      : { tool_calls: said.calls.map(({ city }) => ({ function: { name: "weather", arguments: { city } } })) })
  })
}

const dialects: ReadonlyArray<Dialect> = [
  openai("reasoning_content", (text) => ({ reasoning_content: text })),
  openai("reasoning", (text) => ({ reasoning: text })),
  openai(
    "reasoning_details",
    (text) => ({ reasoning: text, reasoning_details: [{ type: "reasoning.text", text, index: 0 }] })
  ),
  responses,
  anthropic,
  gemini,
  ollama
]

/** A transport that answers with `body`, and keeps what it was sent. */
const serving = (body: string) => {
  const sent: Array<string> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.body._tag === "Uint8Array") sent.push(new TextDecoder().decode(request.body.body))
      return HttpClientResponse.fromWeb(request, new globalThis.Response(body))
    })
  )
  return { client, sent }
}

const author = { name: "author", model: "m" }

const partsOf = (parts: ReadonlyArray<Response.PartEncoded>): ReadonlyArray<Prompt.AssistantMessagePartEncoded> =>
  parts.map((part) => mark(part, author)).flatMap((part): ReadonlyArray<Prompt.AssistantMessagePartEncoded> => {
    const options = "metadata" in part && part.metadata !== undefined ? { options: part.metadata } : {}
    switch (part.type) {
      case "text":
      case "reasoning":
        return [{ type: part.type, text: part.text, ...options }]
      case "tool-call":
        return [{ type: "tool-call", id: part.id, name: part.name, params: part.params, ...options }]
      default:
        return []
    }
  })

const runs = 1_000

describe.each(dialects.map((dialect) => [dialect.name, dialect] as const))("%s", (_, dialect) => {
  law(
    `M11, M12: a random answer is read as what it means, and goes back as it was, to its author alone`,
    Random,
    (random) =>
      Effect.gen(function*() {
        // Blank text is not a word: alone it is not an answer, and beside thoughts or calls it is left out.
        const isBlank = spoken(random).trim() === ""
        const isEmpty = isBlank && thought(random) === "" && random.calls.length === 0
        const said = isBlank && !isEmpty ? { ...random, words: [] } : random
        const { client, sent } = serving(dialect.write(said))
        const provider = yield* Effect.provideService(dialect.provider, HttpClient.HttpClient, client)
        const read = said.whole
          ? generate(provider, { tools: [Weather] })
          : Effect.map(collect(provider, { tools: [Weather] }), toWhole)
        if (isEmpty) {
          assert.strictEqual((yield* Effect.flip(read)).reason._tag, "InvalidResponseError")
          return
        }
        const parts = yield* read
        const join = (type: "text" | "reasoning") =>
          parts.flatMap((part) => part.type === type ? [part.text] : []).join("")
        assert.strictEqual(join("text"), spoken(said))
        assert.strictEqual(join("reasoning"), thought(said))
        assert.deepStrictEqual(
          parts.flatMap((part) => part.type === "tool-call" ? [part.params] : []),
          said.calls.map(({ city }) => ({ city }))
        )
        const prompt = Prompt.make([
          { role: "user", content: "Hi" },
          { role: "assistant", content: partsOf(parts) },
          { role: "user", content: "And?" }
        ])
        type Conversation = {
          readonly [K in "messages" | "contents" | "input"]?: ReadonlyArray<{ readonly role: string }>
        }
        const assistantOf = (body: string | undefined): unknown => {
          const { contents = [], input, messages = contents } = JSON.parse(body ?? "{}") as Conversation
          // Items of the Responses API have no message around them.
          if (input !== undefined) return input.filter(({ role }) => role !== "user")
          return messages.find(({ role }) => role === "assistant" || role === "model")
        }
        yield* Effect.exit(generate(provider, { prompt: project(prompt, author).prompt }))
        assert.deepStrictEqual(assistantOf(sent.at(-1)), dialect.back(said))
        yield* Effect.exit(generate(provider, { prompt: project(prompt, { name: "other", model: "m" }).prompt }))
        const foreign = JSON.stringify(assistantOf(sent.at(-1)) ?? {})
        for (const secret of ["thinking", "reasoning", "thought", "ignature"]) {
          assert.notInclude(foreign, secret)
        }
      }),
    { cases: runs }
  )
})
