/** How an answer of chat completions ended, in the words of every server that is known to have some of its own. */
import type * as Response from "effect/ai/Response"

/** What the ends of an answer mean, in lower case. An end of unknown kind is `other`. */
const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  complete: "stop",
  length: "length",
  max_tokens: "length",
  model_length: "length",
  max_output_tokens: "length",
  model_context_window_exceeded: "length",
  tool_calls: "tool-calls",
  tool_call: "tool-calls",
  tool_use: "tool-calls",
  tool: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
  safety: "content-filter",
  recitation: "content-filter",
  prohibited_content: "content-filter",
  refusal: "content-filter",
  sensitive: "content-filter",
  error_toxic: "content-filter"
}

/**
 * Ends of an answer that was given up: by the server (vLLM and SGLang `abort`, DeepSeek `insufficient_system_resource`, Zhipu
 * `network_error`), or because the model wrote an invalid call (Gemini `malformed_function_call`).
 */
const abandoned =
  /^(error|abort(ed)?|cancel(l?ed)?|user_cancel|timeout|insufficient_system_resource|network_error|repetition|loop|(function_call_filter: *)?malformed_function_call|unexpected_tool_call)$/

/** Gemini's filters: `content_filter: RECITATION`. */
export const toFinishReason = (reason: string): Response.FinishReason => {
  const word = reason.toLowerCase()
  return finishReasons[word] ?? (word.startsWith("content_filter") ? "content-filter" : "other")
}

/** Whether an end means that the answer was given up, whatever it has said so far. */
export const isGivenUp = (reason: string): boolean => abandoned.test(reason.toLowerCase())
