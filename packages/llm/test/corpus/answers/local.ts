/** Answers in the words of chat completions of proxies and servers on one's own machine, and in every framing, as their documents and reports show them: written down here. */
import type { Answer } from "./forms.ts"
import { at, call, calls, chunks, completion, done, event, hi, oslo, say, spoken, usage, weather } from "./forms.ts"
import { litellm, llamacpp, lmstudio, openai, sglang, tgi, vllm } from "./seen.ts"

export const answers: ReadonlyArray<Answer> = [
  // LiteLLM
  litellm(
    "thinking blocks of Anthropic",
    "whole",
    completion({
      content: "42",
      reasoning_content: "Hm. ",
      thinking_blocks: [{ type: "thinking", thinking: "Hm. ", signature: "s" }]
    }, "stop"),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  litellm(
    "an error in the stream",
    "stream",
    event({ id: "c", choices: [{ index: 0, delta: { content: "Hi" } }] }) +
      event({ error: { message: "litellm.APIConnectionError: Ollama", type: null, code: "500" } }),
    { fails: "InternalProviderError" }
  ),
  litellm(
    "a signature beside a call",
    "whole",
    completion({
      content: null,
      tool_calls: [call(0, "c1", "weather", oslo, { provider_specific_fields: { thought_signature: "s" } })]
    }, "tool_calls"),
    { calls: [weather], finish: "tool-calls" }
  ),
  // Servers on one's own machine
  vllm(
    "reasoning under both names",
    "stream",
    chunks(
      at,
      say({ reasoning: "Hm. ", reasoning_content: "Hm. " }),
      say({ content: "42" }),
      say({}, "stop", { stop_reason: null })
    ),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  vllm("an engine that gave up", "stream", chunks(at, say({ content: "" }), say({}, "abort")), {
    fails: "InternalProviderError"
  }),
  vllm(
    "thoughts without a parser",
    "stream",
    chunks(
      at,
      say({ content: "<th" }),
      say({ content: "ink>\nHm." }),
      say({ content: "\n</think>\n\n4" }),
      say({ content: "2" }),
      say({}, "stop")
    ),
    { reasoning: "Hm.", text: "42", finish: "stop" }
  ),
  vllm(
    "a fresh id with each delta",
    "stream",
    chunks(
      at,
      calls(call(0, "tool-1", "weather", "")),
      calls(call(0, "tool-2", undefined, "{\"city\":")),
      calls(call(0, "tool-3", undefined, "\"Oslo\"}")),
      say({}, "tool_calls")
    ),
    { calls: [weather], finish: "tool-calls" }
  ),
  vllm(
    "a call as Hermes text",
    "stream",
    chunks(
      at,
      say({ content: "<tool_call>\n{\"name\": \"weather\"," }),
      say({ content: " \"arguments\": {\"city\": \"Oslo\"}}\n</tool_call>" }),
      say({}, "stop")
    ),
    { calls: [weather], finish: "tool-calls" }
  ),
  sglang(
    "reasoning",
    "whole",
    completion({ reasoning_content: "Hm. ", content: "42", tool_calls: null }, "stop", {
      usage: { ...usage(9, 6), reasoning_tokens: 4 }
    }),
    { reasoning: "Hm. ", text: "42", finish: "stop", input: 9, output: 6, thought: 4 }
  ),
  sglang(
    "a name with each delta",
    "stream",
    chunks(
      at,
      calls(call(0, "c1", "weather", "{\"city\":")),
      calls(call(0, "c1", "weather", "\"Oslo\"}")),
      say({}, "tool_calls")
    ),
    { calls: [weather], finish: "tool-calls" }
  ),
  tgi(
    "an end of its own",
    "stream",
    chunks(at, say({ content: "Hi" }), say({ content: "" }, "eos_token", { logprobs: null })),
    { text: "Hi", finish: "stop" }
  ),
  tgi(
    "an error in the stream",
    "stream",
    event({ id: "c", choices: [{ index: 0, delta: { content: "Hi" } }] }) +
      event({ error: "Request failed during generation", error_type: "generation" }),
    { fails: "InternalProviderError" }
  ),
  lmstudio(
    "a failing stream under 200",
    "stream",
    "event: error\ndata: {\"error\":{\"message\":\"Model crashed\"}}\n\n",
    { fails: "InternalProviderError" }
  ),
  lmstudio("words, and CR LF", "stream", spoken.replaceAll("\n", "\r\n"), hi),
  lmstudio(
    "a structured answer in a fence, where no structure was asked for",
    "whole",
    completion({ content: "```json\n{\"a\":1}\n```" }, "stop"),
    { text: "```json\n{\"a\":1}\n```", finish: "stop" }
  ),
  llamacpp(
    "timings in place of usage",
    "stream",
    chunks(at, say({ content: "Hi" }), {
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      timings: { prompt_n: 9, predicted_n: 2 }
    }),
    { text: "Hi", finish: "stop", input: 9, output: 2 }
  ),
  llamacpp(
    "an error line",
    "stream",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nerror: {\"code\":500,\"message\":\"slot crashed\",\"type\":\"server_error\"}\n\n",
    { fails: "InternalProviderError" }
  ),
  llamacpp(
    "a call as Mistral's text",
    "whole",
    completion({ content: "[TOOL_CALLS][{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}]" }, "stop"),
    { calls: [weather], finish: "tool-calls" }
  ),
  // Framing
  openai("events to a request for one piece", "whole", spoken, hi),
  openai(
    "one piece to a request for a stream",
    "stream",
    completion({ content: "Hi there" }, "stop", { usage: usage(9, 2) }),
    hi
  ),
  openai(
    "one piece over several lines, to a request for a stream",
    "stream",
    JSON.stringify(JSON.parse(completion({ content: "Hi there" }, "stop", { usage: usage(9, 2) })), null, 2),
    hi
  ),
  openai("a byte order mark", "stream", `\uFEFF${spoken}`, hi),
  openai("no space after the colon", "stream", spoken.replaceAll("data: ", "data:"), hi),
  openai(
    "a bare JSON error among events",
    "stream",
    `${
      event({ id: "c", choices: [{ index: 0, delta: { content: "Hi" } }] })
    }{"error":{"message":"boom","type":"server_error"}}\n\n${done}`,
    { fails: "InternalProviderError" }
  )
]
