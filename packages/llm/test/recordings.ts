/**
 * One answer of each protocol as its server streams it: thoughts, text, two tool calls, usage. And how such a stream goes
 * wrong.
 */
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as BedrockProvider from "@holdfast/llm/BedrockProvider"
import * as GeminiProvider from "@holdfast/llm/GeminiProvider"
import * as OllamaProvider from "@holdfast/llm/OllamaProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as OpenAiResponsesProvider from "@holdfast/llm/OpenAiResponsesProvider"
import type * as Provider from "@holdfast/llm/Provider"
import type * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import { frame } from "./bedrock/BedrockServer.ts"

export interface Recording {
  readonly name: string
  readonly provider: (url: string) => Effect.Effect<Provider.Provider, never, HttpClient.HttpClient>
  readonly stream: string | Uint8Array<ArrayBuffer>
  /** What ends the proof that the stream is whole. */
  readonly terminator: string
  /** Whether the end of the body is part of the proof, so that nothing but that ends a stream. Default: `false`. */
  readonly endsWithBody?: boolean
  /** An error that the server puts into the stream, after whatever it was about to say. */
  readonly error: string | Uint8Array<ArrayBuffer>
  /** Likewise, data that the protocol does not allow. */
  readonly garbage: string
  /** The same answer in one piece. */
  readonly whole: string
}

const event = (data: unknown, name?: string): string =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`
const line = (data: unknown): string => `${JSON.stringify(data)}\n`

const chunk = (delta: object, rest?: object): string =>
  event({
    id: "chat-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "m",
    choices: [{ index: 0, delta, ...rest }]
  })
const call = (index: number, rest: object): string => chunk({ tool_calls: [{ index, ...rest }] })

const openAi: Recording = {
  name: "openai",
  provider: (url) => OpenAiProvider.make({ baseUrl: url }),
  stream: [
    ": OPENROUTER PROCESSING\n\n",
    chunk({ role: "assistant", content: "" }),
    chunk({ reasoning: "Hm. " }),
    chunk({ content: "Grüße, " }),
    chunk({ content: "Welt 🌍" }),
    call(1, { id: "call_a", type: "function", function: { name: "weather", arguments: "" } }),
    call(1, { id: "", function: { arguments: "{\"city\":" } }),
    call(2, { id: "call_b", function: { name: "weather", arguments: "{\"city\"" } }),
    call(1, { function: { arguments: "\"Oslo\"}" } }),
    call(2, { function: { arguments: ":\"Rome\"}" } }),
    chunk({}, { finish_reason: "tool_calls" }),
    event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }),
    event("[DONE]")
  ].join(""),
  terminator: "[DONE]",
  error: `\n\n${event({ error: { message: "The server had an error", type: "server_error" } })}`,
  garbage: "\n\ndata: {oops\n\n",
  whole: JSON.stringify({
    id: "chat-1",
    choices: [{
      message: {
        reasoning: "Hm. ",
        content: "Grüße, Welt 🌍",
        tool_calls: [
          { id: "call_a", function: { name: "weather", arguments: "{\"city\":\"Oslo\"}" } },
          { id: "call_b", function: { name: "weather", arguments: "{\"city\":\"Rome\"}" } }
        ]
      },
      finish_reason: "tool_calls"
    }],
    usage: { prompt_tokens: 9, completion_tokens: 4 }
  })
}

const said = (data: { readonly type: string; readonly [key: string]: unknown }): string => event(data, data.type)
const block = (index: number, content_block: object, ...deltas: ReadonlyArray<object>): string =>
  said({ type: "content_block_start", index, content_block }) +
  deltas.map((delta) => said({ type: "content_block_delta", index, delta })).join("") +
  said({ type: "content_block_stop", index })

const anthropic: Recording = {
  name: "anthropic",
  provider: (url) => AnthropicProvider.make({ baseUrl: url, model: "m" }),
  stream: [
    said({ type: "message_start", message: { id: "msg_1", model: "m", usage: { input_tokens: 9, output_tokens: 1 } } }),
    said({ type: "ping" }),
    block(
      0,
      { type: "thinking", thinking: "" },
      { type: "thinking_delta", thinking: "Hm. " },
      { type: "signature_delta", signature: "s1" }
    ),
    block(
      1,
      { type: "text", text: "" },
      { type: "text_delta", text: "Grüße, " },
      { type: "text_delta", text: "Welt 🌍" }
    ),
    block(
      2,
      { type: "tool_use", id: "toolu_a", name: "weather", input: {} },
      { type: "input_json_delta", partial_json: "{\"city\":" },
      { type: "input_json_delta", partial_json: "\"Oslo\"}" }
    ),
    block(
      3,
      { type: "tool_use", id: "toolu_b", name: "weather", input: {} },
      { type: "input_json_delta", partial_json: "{\"city\":\"Rome\"}" }
    ),
    said({ type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 4 } }),
    said({ type: "message_stop" })
  ].join(""),
  terminator: "{\"type\":\"message_stop\"}",
  error: `\n\n${said({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } })}`,
  garbage: "\n\ndata: {oops\n\n",
  whole: JSON.stringify({
    type: "message",
    id: "msg_1",
    model: "m",
    content: [
      { type: "thinking", thinking: "Hm. ", signature: "s1" },
      { type: "text", text: "Grüße, Welt 🌍" },
      { type: "tool_use", id: "toolu_a", name: "weather", input: { city: "Oslo" } },
      { type: "tool_use", id: "toolu_b", name: "weather", input: { city: "Rome" } }
    ],
    stop_reason: "tool_use",
    usage: { input_tokens: 9, output_tokens: 4 }
  })
}

const says = (message: object): string =>
  line({
    model: "m:latest",
    created_at: "2026-11-24T12:00:00Z",
    message: { role: "assistant", ...message },
    done: false
  })
const calls = [
  { id: "call_a", function: { name: "weather", arguments: { city: "Oslo" } } },
  { id: "call_b", function: { name: "weather", arguments: { city: "Rome" } } }
]
const end = { model: "m:latest", done: true, done_reason: "stop", prompt_eval_count: 9, eval_count: 4 }

const ollama: Recording = {
  name: "ollama",
  provider: (url) => OllamaProvider.make({ host: url, model: "m" }),
  stream: [
    says({ content: "", thinking: "Hm. " }),
    says({ content: "Grüße, " }),
    says({ content: "Welt 🌍" }),
    ...calls.map((call) => says({ content: "", tool_calls: [call] })),
    line({ message: { role: "assistant", content: "" }, ...end })
  ].join(""),
  terminator: "\"eval_count\":4}",
  error: `\n${line({ error: "model runner has unexpectedly stopped" })}`,
  garbage: "\n{oops\n",
  whole: JSON.stringify({
    message: { role: "assistant", thinking: "Hm. ", content: "Grüße, Welt 🌍", tool_calls: calls },
    ...end
  })
}

const step = (type: string, rest: object): string => event({ type, ...rest }, type)
const outputs = [
  {
    type: "reasoning",
    id: "rs_1",
    summary: [{ type: "summary_text", text: "Hm. " }],
    encrypted_content: "e1"
  },
  { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "Grüße, Welt 🌍" }] },
  { type: "function_call", id: "fc_1", call_id: "call_a", name: "weather", arguments: "{\"city\":\"Oslo\"}" },
  { type: "function_call", id: "fc_2", call_id: "call_b", name: "weather", arguments: "{\"city\":\"Rome\"}" }
]
const answered = {
  object: "response",
  id: "resp_1",
  model: "m",
  created_at: 1_700_000_000,
  status: "completed",
  error: null,
  output: outputs,
  usage: { input_tokens: 9, output_tokens: 4 }
}
const added = (output_index: number, item: object): string => step("response.output_item.added", { output_index, item })
const ended = (output_index: number): string =>
  step("response.output_item.done", { output_index, item: outputs[output_index] })
const more = (type: string, output_index: number, delta: string): string =>
  step(`response.${type}.delta`, { output_index, delta })

const responses: Recording = {
  name: "openai-responses",
  provider: (url) => OpenAiResponsesProvider.make({ baseUrl: url, model: "m" }),
  stream: [
    step("response.created", { response: { id: "resp_1", model: "m", created_at: 1_700_000_000, output: [] } }),
    more("reasoning_summary_text", 0, "Hm. "),
    ended(0),
    more("output_text", 1, "Grüße, "),
    more("output_text", 1, "Welt 🌍"),
    ended(1),
    added(2, { type: "function_call", call_id: "call_a", name: "weather" }),
    more("function_call_arguments", 2, "{\"city\":"),
    more("function_call_arguments", 2, "\"Oslo\"}"),
    ended(2),
    ended(3),
    step("response.completed", { response: { ...answered, output: [] } })
  ].join(""),
  terminator: "\"output_tokens\":4}}}",
  error: `\n\n${step("error", { code: "server_error", message: "The server had an error", param: null })}`,
  garbage: "\n\ndata: {oops\n\n",
  whole: JSON.stringify(answered)
}

const response = (parts: ReadonlyArray<object>, rest?: object): string =>
  event({
    candidates: [{ content: { role: "model", parts }, index: 0, ...rest }],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 3, thoughtsTokenCount: 1, totalTokenCount: 13 },
    modelVersion: "m",
    responseId: "resp_1"
  })
const functionCall = (city: string) => ({ functionCall: { id: `call_${city}`, name: "weather", args: { city } } })

const gemini: Recording = {
  name: "gemini",
  provider: (url) => GeminiProvider.make({ baseUrl: url, model: "m" }),
  stream: [
    response([{ text: "Hm. ", thought: true }]),
    response([{ text: "Grüße, " }]),
    response([{ text: "Welt 🌍" }]),
    response([{ ...functionCall("Oslo"), thoughtSignature: "s1" }]),
    response([functionCall("Rome")]),
    response([{ text: "" }], { finishReason: "STOP" })
  ].join(""),
  terminator: "\"responseId\":\"resp_1\"}",
  endsWithBody: true,
  error: `\n\n${event({ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } })}`,
  garbage: "\n\ndata: {oops\n\n",
  whole: JSON.stringify({
    candidates: [{
      content: {
        role: "model",
        parts: [
          { text: "Hm. ", thought: true },
          { text: "Grüße, Welt 🌍" },
          { ...functionCall("Oslo"), thoughtSignature: "s1" },
          functionCall("Rome")
        ]
      },
      finishReason: "STOP"
    }],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4 }
  })
}

const encoded = (...frames: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat(frames))
const piece = (contentBlockIndex: number, delta: object) => frame("contentBlockDelta", { contentBlockIndex, delta })
const stop = (contentBlockIndex: number) => frame("contentBlockStop", { contentBlockIndex })
const begin = (contentBlockIndex: number, toolUseId: string) =>
  frame("contentBlockStart", { contentBlockIndex, start: { toolUse: { toolUseId, name: "weather" } } })

const bedrock: Recording = {
  name: "bedrock",
  provider: (url) => BedrockProvider.make({ baseUrl: url, model: "m" }),
  stream: encoded(
    frame("messageStart", { role: "assistant" }),
    piece(0, { reasoningContent: { text: "Hm. " } }),
    piece(0, { reasoningContent: { signature: "s1" } }),
    stop(0),
    piece(1, { text: "Grüße, " }),
    piece(1, { text: "Welt 🌍" }),
    stop(1),
    begin(2, "call_a"),
    piece(2, { toolUse: { input: "{\"city\":" } }),
    piece(2, { toolUse: { input: "\"Oslo\"}" } }),
    stop(2),
    begin(3, "call_b"),
    piece(3, { toolUse: { input: "{\"city\":\"Rome\"}" } }),
    stop(3),
    frame("messageStop", { stopReason: "tool_use" }),
    frame("metadata", { usage: { inputTokens: 9, outputTokens: 4 } })
  ),
  // The last frame ends with its checksum.
  terminator: "",
  error: encoded(frame("throttlingException", { message: "Too many requests" }, "exception")),
  garbage: "\n\n{oops\n\n",
  whole: JSON.stringify({
    output: {
      message: {
        role: "assistant",
        content: [
          { reasoningContent: { reasoningText: { text: "Hm. ", signature: "s1" } } },
          { text: "Grüße, Welt 🌍" },
          { toolUse: { toolUseId: "call_a", name: "weather", input: { city: "Oslo" } } },
          { toolUse: { toolUseId: "call_b", name: "weather", input: { city: "Rome" } } }
        ]
      }
    },
    stopReason: "tool_use",
    usage: { inputTokens: 9, outputTokens: 4 }
  })
}

export const recordings: ReadonlyArray<Recording> = [openAi, responses, anthropic, gemini, bedrock, ollama]
