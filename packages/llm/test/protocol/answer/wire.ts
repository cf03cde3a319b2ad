/**
 * An answer as each vendor's own server would stream it, dressed as proxies dress streams, and read by the vendor's own SDK: an
 * oracle for the readers of all protocols.
 */
import Anthropic from "@anthropic-ai/sdk"
import { BedrockRuntimeClient, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime"
import { GoogleGenAI } from "@google/genai"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Readable } from "node:stream"
import { Ollama } from "ollama"
import OpenAI from "openai"
import { frame } from "../../bedrock/BedrockServer.ts"
import { line } from "../../corpus/answers/forms.ts"
import * as LoopbackServer from "../../LoopbackServer.ts"

type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [key: string]: Json }
type Params = Readonly<Record<string, Json>>

/** What a model says in one answer. */
export interface Turn {
  readonly thoughts: string
  readonly text: string
  readonly calls: ReadonlyArray<Params>
}

/** What a reader made of it. */
export interface Read {
  readonly thoughts: string
  readonly text: string
  readonly calls: ReadonlyArray<readonly [name: string, params: unknown]>
}

/** How the arguments of calls are cut, and whether the pieces of two calls alternate. */
interface Cuts {
  readonly at: ReadonlyArray<number>
  readonly interleaved: boolean
}

type Pieces = ReadonlyArray<readonly [call: number, piece: string]>

const name = "weather"

const piecesOf = ({ calls }: Turn, { at, interleaved }: Cuts): Pieces => {
  const each = calls.map((params, call) => {
    const text = JSON.stringify(params)
    const places = [0, ...at.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length]
    return places.slice(1).map((end, i) => [call, text.slice(places[i], end)] as const)
  })
  if (!interleaved) return each.flat()
  return Array.from({ length: at.length + 1 }, (_, i) => each.flatMap((pieces) => pieces.slice(i, i + 1))).flat()
}

const event = (data: object, type?: string): string =>
  `${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(data)}\n\n`
const said = (data: { readonly type: string; readonly [key: string]: unknown }): string => event(data, data.type)

const chat = (turn: Turn, cuts: Cuts): string => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    event({
      id: "c",
      object: "chat.completion.chunk",
      created: 1_764_000_000,
      model: "m",
      choices: [{ index: 0, delta, finish_reason }]
    })
  return [
    chunk({ role: "assistant", content: null }),
    ...turn.thoughts === "" ? [] : [chunk({ reasoning_content: turn.thoughts })],
    ...Array.from(turn.text, (content) => chunk({ content })),
    ...turn.calls.map((_, index) =>
      chunk({ tool_calls: [{ index, id: `call_${index}`, type: "function", function: { name, arguments: "" } }] })
    ),
    ...piecesOf(turn, cuts).map(([index, args]) => chunk({ tool_calls: [{ index, function: { arguments: args } }] })),
    chunk({}, turn.calls.length > 0 ? "tool_calls" : "stop"),
    event({ id: "c", object: "chat.completion.chunk", choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }),
    "data: [DONE]\n\n"
  ].join("")
}

const messages = (turn: Turn, cuts: Cuts): string => {
  const block = (index: number, content_block: object, deltas: ReadonlyArray<object>) =>
    said({ type: "content_block_start", index, content_block }) +
    deltas.map((delta) => said({ type: "content_block_delta", index, delta })).join("") +
    said({ type: "content_block_stop", index })
  const before = [
    ...turn.thoughts === "" ? [] : [
      [{ type: "thinking", thinking: "", signature: "" }, [
        { type: "thinking_delta", thinking: turn.thoughts },
        { type: "signature_delta", signature: "c2ln" }
      ]] as const
    ],
    ...turn.text === ""
      ? []
      : [[{ type: "text", text: "" }, Array.from(turn.text, (text) => ({ type: "text_delta", text }))] as const]
  ]
  const first = before.length
  return [
    said({
      type: "message_start",
      message: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        stop_reason: null,
        usage: { input_tokens: 9, output_tokens: 1 }
      }
    }),
    ...before.map(([start, deltas], index) => block(index, start, deltas)),
    ...turn.calls.map((_, call) =>
      said({
        type: "content_block_start",
        index: first + call,
        content_block: { type: "tool_use", id: `toolu_${call}`, name, input: {} }
      })
    ),
    ...piecesOf(turn, cuts).map(([call, partial_json]) =>
      said({ type: "content_block_delta", index: first + call, delta: { type: "input_json_delta", partial_json } })
    ),
    ...turn.calls.map((_, call) => said({ type: "content_block_stop", index: first + call })),
    said({
      type: "message_delta",
      delta: { stop_reason: turn.calls.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: 4 }
    }),
    said({ type: "message_stop" })
  ].join("")
}

const responses = (turn: Turn, cuts: Cuts): string => {
  let sequence_number = 0
  const tell = (type: string, rest: object) => said({ type, sequence_number: sequence_number++, ...rest })
  const message = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: turn.text, annotations: [] }]
  }
  const call = (i: number, args: string) => ({
    id: `fc_${i}`,
    type: "function_call",
    call_id: `call_${i}`,
    name,
    arguments: args,
    status: "completed"
  })
  const hasText = turn.text !== ""
  const first = hasText ? 1 : 0
  const output = [
    ...hasText ? [message] : [],
    ...turn.calls.map((params, i) => call(i, JSON.stringify(params)))
  ]
  const response = { id: "resp_1", object: "response", created_at: 1_764_000_000, model: "m", output: [] }
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 }
  return [
    tell("response.created", { response: { ...response, status: "in_progress" } }),
    ...hasText
      ? [
        tell("response.output_item.added", {
          output_index: 0,
          item: { ...message, status: "in_progress", content: [] }
        }),
        tell("response.content_part.added", { ...place, part: { type: "output_text", text: "", annotations: [] } }),
        ...Array.from(turn.text, (delta) => tell("response.output_text.delta", { ...place, delta })),
        tell("response.output_item.done", { output_index: 0, item: message })
      ]
      : [],
    ...turn.calls.map((_, i) =>
      tell("response.output_item.added", { output_index: first + i, item: { ...call(i, ""), status: "in_progress" } })
    ),
    ...piecesOf(turn, cuts).map(([i, delta]) =>
      tell("response.function_call_arguments.delta", { item_id: `fc_${i}`, output_index: first + i, delta })
    ),
    ...turn.calls.map((params, i) =>
      tell("response.output_item.done", { output_index: first + i, item: call(i, JSON.stringify(params)) })
    ),
    tell("response.completed", { response: { ...response, status: "completed", output, usage: null } })
  ].join("")
}

const contents = (turn: Turn): string => {
  const chunk = (parts: ReadonlyArray<object>, rest: object = {}) =>
    event({ candidates: [{ content: { role: "model", parts }, index: 0, ...rest }], modelVersion: "m" })
  return [
    ...turn.thoughts === "" ? [] : [chunk([{ text: turn.thoughts, thought: true }])],
    ...Array.from(turn.text, (text) => chunk([{ text }])),
    ...turn.calls.map((args) => chunk([{ functionCall: { name, args } }])),
    chunk([{ text: "" }], { finishReason: "STOP" })
  ].join("")
}

const lines = (turn: Turn): string => {
  return [
    ...turn.thoughts === "" ? [] : [line({ thinking: turn.thoughts })],
    ...Array.from(turn.text, (content) => line({ content })),
    ...turn.calls.map((args) => line({ tool_calls: [{ function: { name, arguments: args } }] })),
    line({}, { done: true, done_reason: "stop", prompt_eval_count: 9, eval_count: 4 })
  ].join("")
}

const frames = (turn: Turn, cuts: Cuts): Uint8Array => {
  const first = (turn.thoughts === "" ? 0 : 1) + (turn.text === "" ? 0 : 1)
  const thinking = { reasoningContent: { text: turn.thoughts } }
  return new Uint8Array(Buffer.concat([
    frame("messageStart", { role: "assistant" }),
    ...turn.thoughts === "" ? [] : [
      frame("contentBlockDelta", { contentBlockIndex: 0, delta: thinking }),
      frame("contentBlockStop", { contentBlockIndex: 0 })
    ],
    ...Array.from(turn.text, (text) => frame("contentBlockDelta", { contentBlockIndex: first - 1, delta: { text } })),
    ...turn.text === "" ? [] : [frame("contentBlockStop", { contentBlockIndex: first - 1 })],
    ...turn.calls.map((_, i) =>
      frame("contentBlockStart", { contentBlockIndex: first + i, start: { toolUse: { toolUseId: `t_${i}`, name } } })
    ),
    ...piecesOf(turn, cuts).map(([i, input]) =>
      frame("contentBlockDelta", { contentBlockIndex: first + i, delta: { toolUse: { input } } })
    ),
    ...turn.calls.map((_, i) => frame("contentBlockStop", { contentBlockIndex: first + i })),
    frame("messageStop", { stopReason: turn.calls.length > 0 ? "tool_use" : "end_turn" }),
    frame("metadata", { usage: { inputTokens: 9, outputTokens: 4 } })
  ]))
}

// -----------------------------------------------------------------------------
// Oracles
// -----------------------------------------------------------------------------

const fetching = (body: Uint8Array<ArrayBuffer>) => () =>
  Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }))

const ask = [{ role: "user" as const, content: "hello" }]
const common = { apiKey: "k", baseURL: "http://oracle.test", maxRetries: 0 }

type Oracle = (body: Uint8Array<ArrayBuffer>) => Effect.Effect<Read, never, Scope.Scope>
const asked = (read: (body: Uint8Array<ArrayBuffer>) => Promise<Read>): Oracle => (body) =>
  Effect.promise(() => read(body))

const byOpenAi = asked(async (body) => {
  const client = new OpenAI({ ...common, fetch: fetching(body) })
  const { choices } = await client.chat.completions.stream({ model: "m", messages: ask }).finalChatCompletion()
  const message = choices[0]?.message
  const calls = (message?.tool_calls ?? []).flatMap((call) => call.type === "function" ? [call.function] : [])
  return {
    // The SDK joins only the fields that it knows as text.
    thoughts: (message as { readonly reasoning_content?: string } | undefined)?.reasoning_content ?? "",
    text: message?.content ?? "",
    calls: calls.map((call) => [call.name, JSON.parse(call.arguments) as unknown] as const)
  }
})

const byAnthropic = asked(async (body) => {
  const client = new Anthropic({ ...common, fetch: fetching(body) })
  const { content } = await client.messages.stream({ model: "m", max_tokens: 9, messages: ask }).finalMessage()
  return {
    thoughts: content.flatMap((block) => block.type === "thinking" ? [block.thinking] : []).join(""),
    text: content.flatMap((block) => block.type === "text" ? [block.text] : []).join(""),
    calls: content.flatMap((block) => block.type === "tool_use" ? [[block.name, block.input] as const] : [])
  }
})

const byResponses = asked(async (body) => {
  const client = new OpenAI({ ...common, fetch: fetching(body) })
  const { output } = await client.responses.stream({ model: "m", input: "hello" }).finalResponse()
  return {
    thoughts: "",
    text: output.flatMap((item) =>
      item.type === "message" ? item.content.map((part) => part.type === "output_text" ? part.text : "") : []
    ).join(""),
    calls: output.flatMap((item) =>
      item.type === "function_call" ? [[item.name, JSON.parse(item.arguments) as unknown] as const] : []
    )
  }
})

const byGemini: Oracle = (body) =>
  Effect.gen(function*() {
    const server = yield* LoopbackServer.always({ pieces: [body] })
    const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url } })
    return yield* Effect.promise(async () => {
      const read = { thoughts: "", text: "", calls: new Array<readonly [string, unknown]>() }
      for await (const { candidates } of await client.models.generateContentStream({ model: "m", contents: "hello" })) {
        for (const { functionCall, text = "", thought } of candidates?.[0]?.content?.parts ?? []) {
          if (functionCall !== undefined) read.calls.push([functionCall.name ?? "", functionCall.args])
          else if (thought === true) read.thoughts += text
          else read.text += text
        }
      }
      return read
    })
  })

const byOllama = asked(async (body) => {
  const client = new Ollama({ host: "http://oracle.test", fetch: fetching(body) })
  const read = { thoughts: "", text: "", calls: new Array<readonly [string, unknown]>() }
  for await (const { message } of await client.chat({ model: "m", messages: ask, stream: true })) {
    read.thoughts += message.thinking ?? ""
    read.text += message.content
    for (const call of message.tool_calls ?? []) read.calls.push([call.function.name, call.function.arguments])
  }
  return read
})

const byBedrock = asked(async (body) => {
  const client = new BedrockRuntimeClient({
    region: "eu-central-1",
    endpoint: "http://oracle.test",
    credentials: { accessKeyId: "k", secretAccessKey: "s" },
    maxAttempts: 1,
    requestHandler: {
      handle: () => {
        const headers = { "content-type": "application/vnd.amazon.eventstream" }
        return Promise.resolve({ response: { statusCode: 200, headers, body: Readable.from([Buffer.from(body)]) } })
      }
    }
  })
  const read = { thoughts: "", text: "" }
  const calls = new Map<number, [name: string, input: string]>()
  const messages = [{ role: "user" as const, content: [{ text: "hello" }] }]
  const { stream } = await client.send(new ConverseStreamCommand({ modelId: "m", messages }))
  for await (const { contentBlockDelta, contentBlockStart } of stream ?? []) {
    const name = contentBlockStart?.start?.toolUse?.name
    if (name !== undefined) calls.set(contentBlockStart?.contentBlockIndex ?? 0, [name, ""])
    read.thoughts += contentBlockDelta?.delta?.reasoningContent?.text ?? ""
    read.text += contentBlockDelta?.delta?.text ?? ""
    const call = calls.get(contentBlockDelta?.contentBlockIndex ?? 0)
    if (call !== undefined) call[1] += contentBlockDelta?.delta?.toolUse?.input ?? ""
  }
  return {
    ...read,
    calls: Array.from(calls.values(), ([name, input]) => [name, JSON.parse(input) as unknown] as const)
  }
})

export const wires = {
  openai: { write: chat, oracle: byOpenAi, framing: "events", thinks: true },
  anthropic: { write: messages, oracle: byAnthropic, framing: "events", thinks: true },
  responses: { write: responses, oracle: byResponses, framing: "events", thinks: false },
  gemini: { write: contents, oracle: byGemini, framing: "events", thinks: true },
  ollama: { write: lines, oracle: byOllama, framing: "lines", thinks: true },
  bedrock: { write: frames, oracle: byBedrock, framing: "frames", thinks: true }
} as const
