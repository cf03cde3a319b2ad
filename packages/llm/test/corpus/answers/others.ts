/** Answers in the words of the Messages API and of Ollama, as documents and public reports show them, written down here. */
import type { Answer, Meaning } from "./forms.ts"
import { block, ended, event, line, of, said, start, stop } from "./forms.ts"

const anthropic = of("Anthropic", "anthropic", "https://docs.claude.com/en/docs/build-with-claude/streaming")
const ends = of("Anthropic", "anthropic", "https://docs.claude.com/en/docs/build-with-claude/handling-stop-reasons")
const bedrock = of("Bedrock", "anthropic", "https://docs.claude.com/en/api/claude-on-amazon-bedrock")
const gateway = of("a gateway", "anthropic", "https://github.com/vercel/ai/issues")
const ollama = of("Ollama", "ollama", "https://github.com/ollama/ollama/blob/main/docs/api.md")
const reports = of("Ollama", "ollama", "https://github.com/ollama/ollama/issues/13519")

const hi: Meaning = { text: "Hi there", finish: "stop", input: 12, output: 3 }
const text = block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi " }, {
  type: "text_delta",
  text: "there"
})
const weather = ["weather", { city: "Oslo" }] as const
const message = (content: ReadonlyArray<object>, stop_reason: string, rest: object = {}) =>
  JSON.stringify({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude",
    content,
    stop_reason,
    usage: { input_tokens: 12, output_tokens: 3 },
    ...rest
  })

export const answers: ReadonlyArray<Answer> = [
  anthropic("words, with a ping", "stream", start() + said({ type: "ping" }) + text + stop("end_turn", 3), hi),
  anthropic("words", "whole", message([{ type: "text", text: "Hi there" }], "end_turn"), hi),
  anthropic(
    "thoughts with a signature",
    "stream",
    start() +
      block(0, { type: "thinking", thinking: "" }, { type: "thinking_delta", thinking: "Hm. " }, {
        type: "signature_delta",
        signature: "s"
      }) +
      block(1, { type: "text", text: "" }, { type: "text_delta", text: "42" }) + stop("end_turn", 9),
    { reasoning: "Hm. ", text: "42", finish: "stop", input: 12, output: 9 }
  ),
  anthropic(
    "redacted thoughts",
    "whole",
    message([{ type: "redacted_thinking", data: "x" }, { type: "text", text: "42" }], "end_turn"),
    { text: "42", finish: "stop", input: 12, output: 3 }
  ),
  anthropic(
    "a call after some words",
    "stream",
    start() + text +
      block(
        1,
        { type: "tool_use", id: "toolu_1", name: "weather", input: {} },
        { type: "input_json_delta", partial_json: "" },
        { type: "input_json_delta", partial_json: "{\"city\": " },
        { type: "input_json_delta", partial_json: "\"Oslo\"}" }
      ) + stop("tool_use", 30),
    { text: "Hi there", calls: [weather], finish: "tool-calls", input: 12, output: 30 }
  ),
  anthropic(
    "a call",
    "whole",
    message([{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } }], "tool_use"),
    { calls: [weather], finish: "tool-calls", input: 12, output: 3 }
  ),
  anthropic(
    "an error after some words",
    "stream",
    start() + text + said({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    { fails: "InternalProviderError" }
  ),
  anthropic(
    "an event of unknown type",
    "stream",
    start() + said({ type: "vendor_note", note: 1 }) + text + stop("end_turn", 3),
    hi
  ),
  anthropic(
    "a search that ran there",
    "stream",
    start() +
      block(0, { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }, {
        type: "input_json_delta",
        partial_json: "{}"
      }) + block(1, { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [] }) +
      block(2, { type: "text", text: "" }, { type: "text_delta", text: "Hi there" }) + stop("end_turn", 3),
    hi
  ),
  anthropic(
    "input from a cache",
    "whole",
    message([{ type: "text", text: "Hi" }], "end_turn", {
      usage: { input_tokens: 2, cache_read_input_tokens: 8, cache_creation_input_tokens: 5, output_tokens: 1 }
    }),
    { text: "Hi", finish: "stop", input: 15, output: 1 }
  ),
  ends("an end at the longest length", "whole", message([{ type: "text", text: "Once" }], "max_tokens"), {
    text: "Once",
    finish: "length",
    input: 12,
    output: 3
  }),
  ends("an end at the context's length", "stream", start() + text + stop("model_context_window_exceeded", 3), {
    ...hi,
    finish: "length"
  }),
  ends("a stop sequence", "stream", start() + text + stop("stop_sequence", 3), hi),
  ends("a pause", "whole", message([{ type: "text", text: "Let me" }], "pause_turn"), {
    text: "Let me",
    finish: "pause",
    input: 12,
    output: 3
  }),
  ends("a refusal without a word", "stream", start() + stop("refusal", 0), { fails: "ContentPolicyError" }),
  ends("an empty end", "whole", message([], "end_turn"), { fails: "InvalidResponseError" }),
  bedrock("words", "whole", message([{ type: "text", text: "Hi there" }], "end_turn", { id: "msg_bdrk_1" }), hi),
  gateway("the same beginning twice", "stream", start() + start() + text + stop("end_turn", 3), hi),
  gateway("another beginning", "stream", start() + text + start("msg_2"), { fails: "InternalProviderError" }),
  gateway(
    "no beginning of a block",
    "stream",
    start() + said({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi there" } }) +
      said({ type: "content_block_stop", index: 0 }) + stop("end_turn", 3),
    hi
  ),
  gateway(
    "one piece to a request for a stream",
    "stream",
    message([{ type: "text", text: "Hi there" }], "end_turn"),
    hi
  ),
  gateway("events to a request for one piece", "whole", start() + text + stop("end_turn", 3), hi),
  gateway(
    "an error as JSON to a request for a stream",
    "stream",
    JSON.stringify({ type: "error", error: { type: "api_error", message: "boom" } }),
    { fails: "InternalProviderError" }
  ),

  ollama("words", "stream", line({ content: "Hi " }) + line({ content: "there" }) + line({}, ended), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("words", "whole", line({ content: "Hi there" }, ended), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("thoughts", "stream", line({ thinking: "Hm. " }) + line({ content: "42" }) + line({}, ended), {
    reasoning: "Hm. ",
    text: "42",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama(
    "a call",
    "stream",
    line({ tool_calls: [{ function: { name: "weather", arguments: { city: "Oslo" } } }] }) + line({}, ended),
    { calls: [weather], finish: "tool-calls", input: 10, output: 3 }
  ),
  ollama(
    "a call with an id",
    "whole",
    line(
      { tool_calls: [{ id: "call_1", function: { index: 0, name: "weather", arguments: { city: "Oslo" } } }] },
      ended
    ),
    { calls: [weather], finish: "tool-calls", input: 10, output: 3 }
  ),
  ollama("an end at the longest length", "whole", line({ content: "Once" }, { ...ended, done_reason: "length" }), {
    text: "Once",
    finish: "length",
    input: 10,
    output: 3
  }),
  ollama("a model that was only loaded", "whole", line({}, { done: true, done_reason: "load" }), {
    fails: "InvalidResponseError"
  }),
  ollama("a model that was only unloaded", "stream", line({}, { done: true, done_reason: "unload" }), {
    fails: "InvalidResponseError"
  }),
  ollama(
    "an error after some words",
    "stream",
    line({ content: "Hi" }) + `${JSON.stringify({ error: "model runner has unexpectedly stopped" })}\n`,
    { fails: "InternalProviderError" }
  ),
  ollama("a loop in one piece", "whole", line({ content: "1" + "0".repeat(30) }), { fails: "InvalidResponseError" }),
  ollama("a loop in a stream", "stream", line({ content: "0" }).repeat(31), { fails: "InvalidResponseError" }),
  ollama(
    "thoughts between tags",
    "stream",
    line({ content: "<think>" }) + line({ content: "\nHm.\n" }) + line({ content: "</think>" }) +
      line({ content: "\n\n42" }) + line({}, ended),
    { reasoning: "Hm.", text: "42", finish: "stop", input: 10, output: 3 }
  ),
  ollama(
    "lines to a request for one piece",
    "whole",
    line({ content: "Hi " }) + line({ content: "there" }) + line({}, ended),
    { text: "Hi there", finish: "stop", input: 10, output: 3 }
  ),
  ollama("events of a proxy", "stream", event(JSON.parse(line({ content: "Hi there" }, ended)) as object), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  reports(
    "a call as text",
    "stream",
    line({ content: "{\"name\": \"wea" }) + line({ content: "ther\", \"parameters\": {\"city\": \"Oslo\"}}" }) +
      line({}, ended),
    { calls: [weather], finish: "tool-calls", input: 10, output: 3 }
  ),
  reports("JSON that is not a call", "whole", line({ content: "{\"name\": \"Ada\", \"born\": 1815}" }, ended), {
    text: "{\"name\": \"Ada\", \"born\": 1815}",
    finish: "stop",
    input: 10,
    output: 3
  })
]
