/** What an answer of a vendor looks like on the wire, and what it means. */
import type * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"

/** The meaning of an answer. A missing field is empty, or not reported. */
export interface Meaning {
  readonly text?: string
  readonly reasoning?: string
  readonly calls?: ReadonlyArray<readonly [name: string, params: unknown]>
  readonly finish?: string
  readonly input?: number
  readonly output?: number
  readonly thought?: number
  /** The tag of the failure, if the answer is a failure. */
  readonly fails?: string
}

/** An answer as it was seen. */
export interface Answer {
  readonly vendor: string
  readonly what: string
  /** Where the vendor, or a user of it, shows it. */
  readonly source: string
  readonly protocol: "openai" | "anthropic" | "ollama" | "gemini" | "responses" | "bedrock"
  readonly preset?: keyof typeof OpenAiProvider.presets
  /** How the request was made. The body may be of the other form. */
  readonly asked: "stream" | "whole"
  readonly body: string | ReadonlyArray<Frame>
  readonly means: Meaning
  /** Whether the request requires the call of a tool. Default: it does not. */
  readonly required?: boolean
}

/** An answer as a source shows it. `preset` is of the provider that is asked. */
export const of = (vendor: string, protocol: Answer["protocol"], source: string, preset?: Answer["preset"]) =>
(
  what: string,
  asked: Answer["asked"],
  body: Answer["body"],
  means: Meaning,
  asks: Pick<Answer, "required"> = {}
): Answer => ({
  vendor,
  what,
  source,
  protocol,
  ...(preset === undefined ? {} : { preset }),
  asked,
  body,
  means,
  ...asks
})

/** A frame of Amazon's event streams. */
type Frame = readonly [type: string, payload: object, kind?: "event" | "exception"]

export const event = (data: unknown, name?: string): string =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

export const done = event("[DONE]")

/** Chunks of one chat completion, then `[DONE]`. */
export const chunks = (envelope: object, ...pieces: ReadonlyArray<object>): string =>
  pieces.map((piece) =>
    event({
      ...envelope,
      object: "chat.completion.chunk",
      ...("choices" in piece || "usage" in piece || "error" in piece
        ? { choices: [], ...piece }
        : { choices: [{ index: 0, ...piece }] })
    })
  ).join("") + done

export const say = (delta: object, finish_reason: string | null = null, rest: object = {}): object => ({
  delta,
  finish_reason,
  ...rest
})

/** A whole chat completion. */
export const completion = (message: object, finish_reason: string, rest: object = {}): string =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_764_000_000,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }],
    ...rest
  })

export const usage = (prompt_tokens: number, completion_tokens: number, rest: object = {}): object => ({
  prompt_tokens,
  completion_tokens,
  total_tokens: prompt_tokens + completion_tokens,
  ...rest
})

/** One event of the Messages API. */
export const said = (data: { readonly type: string; readonly [key: string]: unknown }): string => event(data, data.type)

export const block = (index: number, content_block: object, ...deltas: ReadonlyArray<object>): string =>
  said({ type: "content_block_start", index, content_block }) +
  deltas.map((delta) => said({ type: "content_block_delta", index, delta })).join("") +
  said({ type: "content_block_stop", index })

export const start = (id = "msg_1", tokens = 12): string =>
  said({
    type: "message_start",
    message: {
      id,
      type: "message",
      role: "assistant",
      model: "claude",
      content: [],
      stop_reason: null,
      usage: { input_tokens: tokens, output_tokens: 1 }
    }
  })

export const stop = (stop_reason: string, output_tokens: number): string =>
  said({ type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens } }) +
  said({ type: "message_stop" })

/** A line of Ollama's. */
export const line = (message: object, rest: object = { done: false }): string =>
  `${
    JSON.stringify({
      model: "m",
      created_at: "2026-11-26T12:00:00Z",
      message: { role: "assistant", content: "", ...message },
      ...rest
    })
  }\n`

export const ended = { done: true, done_reason: "stop", total_duration: 9, prompt_eval_count: 10, eval_count: 3 }

/** The envelope of a chunk. */
export const at = { id: "chatcmpl-1", created: 1_764_000_000, model: "m" }
export const call = (
  index: number,
  id: string | undefined,
  name: string | undefined,
  args: string | object | undefined,
  rest = {}
) => ({
  index,
  ...(id === undefined ? {} : { id }),
  type: "function",
  function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) },
  ...rest
})
export const calls = (...tool_calls: ReadonlyArray<object>) => say({ tool_calls })
export const weather = ["weather", { city: "Oslo" }] as const
export const twice = [weather, ["weather", { city: "Rome" }]] as const
export const oslo = "{\"city\":\"Oslo\"}"
export const rome = "{\"city\":\"Rome\"}"

export const hi: Meaning = { text: "Hi there", finish: "stop", input: 9, output: 2 }
export const spoken = chunks(
  at,
  say({ role: "assistant", content: "" }),
  say({ content: "Hi " }),
  say({ content: "there" }),
  say({}, "stop"),
  {
    usage: usage(9, 2)
  }
)
