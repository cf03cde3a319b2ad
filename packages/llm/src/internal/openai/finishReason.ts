/**
 * How an answer of chat completions ended, in the words of every server that is known to have some of its own.
 *
 * Guarded by `test/openai/presets.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import type * as Response from "effect/ai/Response"

/** What the ends of an answer mean, in lower case. An end of unknown kind is `other`. */
const finishReasons: Readonly<Record<string, Response.FinishReason>> = {
  stop: "stop",
  end_turn: "stop",
  eos: "stop",
  eos_token: "stop",
  stop_sequence: "stop",
  complete: "stop",
  normal: "stop",
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
  blocklist: "content-filter",
  spii: "content-filter",
  image_safety: "content-filter",
  image_prohibited_content: "content-filter",
  image_recitation: "content-filter",
  model_armor: "content-filter",
  jailbreak: "content-filter",
  content_filtered: "content-filter",
  guardrail_intervened: "content-filter",
  refusal: "content-filter",
  sensitive: "content-filter",
  error_toxic: "content-filter"
}

/**
 * Ends of an answer that was given up: by the server (vLLM and SGLang `abort`, DeepSeek `insufficient_system_resource`, Zhipu
 * `network_error`), or because the model wrote an invalid call or answer (Gemini and Bedrock `malformed_...`).
 */
const abandoned: ReadonlySet<string> = new Set([
  "error",
  "abort",
  "aborted",
  "cancel",
  "canceled",
  "cancelled",
  "user_cancel",
  "timeout",
  "insufficient_system_resource",
  "network_error",
  "repetition",
  "loop",
  "language",
  "image_other",
  "no_image",
  "malformed_function_call",
  "malformed_response",
  "malformed_model_output",
  "malformed_tool_use",
  "unexpected_tool_call",
  "too_many_tool_calls",
  "missing_thought_signature"
])

/** Gemini writes `content_filter: RECITATION` and `function_call_filter: MALFORMED_FUNCTION_CALL` where it speaks this API. */
const wordOf = (reason: string): string => reason.toLowerCase().replace(/^function_call_filter: */, "")

export const toFinishReason = (reason: string): Response.FinishReason => {
  const word = wordOf(reason)
  return finishReasons[word] ?? (word.startsWith("content_filter") ? "content-filter" : "other")
}

/** Whether an end means that the answer was given up, whatever it has said so far. */
export const isGivenUp = (reason: string): boolean => abandoned.has(wordOf(reason))
