/** Answers in the words of chat completions of OpenAI, Azure, Gemini and Groq, as their documents and reports show them: written down here. */
import type { Answer } from "./forms.ts"
import {
  at,
  call,
  calls,
  chunks,
  completion,
  event,
  hi,
  oslo,
  rome,
  say,
  spoken,
  twice,
  usage,
  weather
} from "./forms.ts"
import { azure, gemini, groq, openai } from "./seen.ts"

export const answers: ReadonlyArray<Answer> = [
  // OpenAI
  openai("words", "stream", spoken, hi),
  openai("words", "whole", completion({ content: "Hi there", refusal: null }, "stop", { usage: usage(9, 2) }), hi),
  openai(
    "hidden reasoning",
    "whole",
    completion({ content: "42" }, "stop", {
      usage: usage(9, 70, { completion_tokens_details: { reasoning_tokens: 64 } })
    }),
    { text: "42", finish: "stop", input: 9, output: 70, thought: 64 }
  ),
  openai(
    "parallel calls",
    "stream",
    chunks(
      at,
      calls(call(0, "call_a", "weather", "")),
      calls(call(0, undefined, undefined, "{\"city\":")),
      calls(call(0, undefined, undefined, "\"Oslo\"}")),
      calls(call(1, "call_b", "weather", "")),
      calls(call(1, undefined, undefined, rome)),
      say({}, "tool_calls")
    ),
    { calls: twice, finish: "tool-calls" }
  ),
  openai(
    "a call",
    "whole",
    completion({ content: null, tool_calls: [call(0, "call_a", "weather", oslo)] }, "tool_calls"),
    { calls: [weather], finish: "tool-calls" }
  ),
  openai(
    "an old function_call",
    "whole",
    completion({ content: null, function_call: { name: "weather", arguments: oslo } }, "function_call"),
    {
      calls: [weather],
      finish: "tool-calls"
    }
  ),
  openai(
    "a refusal in words",
    "stream",
    chunks(at, say({ refusal: "I can't " }), say({ refusal: "help" }), say({}, "stop")),
    {
      text: "I can't help",
      finish: "stop"
    }
  ),
  openai("an end at the longest length", "stream", chunks(at, say({ content: "Once" }), say({}, "length")), {
    text: "Once",
    finish: "length"
  }),
  openai(
    "an empty end at the longest length",
    "whole",
    completion({ content: "" }, "length", { usage: usage(9, 64) }),
    {
      fails: "InvalidResponseError"
    }
  ),
  openai("nothing at all", "stream", chunks(at, say({ role: "assistant", content: "" }), say({}, "stop")), {
    fails: "InvalidResponseError"
  }),
  openai("a filter that left nothing", "whole", completion({ content: null }, "content_filter"), {
    fails: "ContentPolicyError"
  }),
  openai(
    "audio with a transcript",
    "whole",
    completion({ content: null, audio: { id: "a", transcript: "Hello" } }, "stop"),
    {
      text: "Hello",
      finish: "stop"
    }
  ),
  openai(
    "another choice among the first",
    "stream",
    chunks(
      at,
      say({ content: "Hi " }),
      { choices: [{ index: 1, delta: { content: "no" }, finish_reason: "length" }] },
      say({ content: "there" }),
      say({}, "stop")
    ),
    {
      text: "Hi there",
      finish: "stop"
    }
  ),
  openai(
    "obfuscation beside each delta",
    "stream",
    chunks(at, say({ content: "Hi" }, null, { obfuscation: "xYz" }), say({}, "stop")),
    {
      text: "Hi",
      finish: "stop"
    }
  ),
  // Azure
  azure(
    "filters in a chunk of its own before all others",
    "stream",
    event({ id: "", created: 0, model: "", object: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] }) +
      spoken,
    hi
  ),
  azure(
    "filter results beside deltas",
    "stream",
    chunks(
      at,
      say({ content: "Hi" }, null, { content_filter_results: { hate: { filtered: false } } }),
      say({}, "stop", { content_filter_offsets: {} })
    ),
    { text: "Hi", finish: "stop" }
  ),
  azure("a filter after some words", "stream", chunks(at, say({ content: "How to" }), say({}, "content_filter")), {
    text: "How to",
    finish: "content-filter"
  }),
  azure("a filter before any word", "stream", chunks(at, say({ role: "assistant" }), say({}, "content_filter")), {
    fails: "ContentPolicyError"
  }),
  // Gemini
  gemini(
    "words, with thoughts counted in the total alone",
    "whole",
    completion({ content: "42" }, "stop", { usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 100 } }),
    {
      text: "42",
      finish: "stop",
      input: 10,
      output: 90,
      thought: 85
    }
  ),
  gemini(
    "a signed call in one piece",
    "stream",
    chunks(
      at,
      calls(call(0, "function-call-1", "weather", oslo, { extra_content: { google: { thought_signature: "c2ln" } } })),
      say({}, "stop")
    ),
    { calls: [weather], finish: "tool-calls" }
  ),
  gemini(
    "parallel calls, all on index 0",
    "stream",
    chunks(at, calls(call(0, "a", "weather", oslo), call(0, "b", "weather", rome)), say({}, "stop")),
    {
      calls: twice,
      finish: "tool-calls"
    }
  ),
  gemini(
    "calls without ids, all on index 0",
    "stream",
    chunks(at, calls(call(0, "", "weather", oslo)), calls(call(0, "", "weather", rome)), say({}, "stop")),
    {
      calls: twice,
      finish: "tool-calls"
    }
  ),
  gemini(
    "a malformed tool call",
    "stream",
    chunks(at, say({ role: "assistant" }, "function_call_filter: MALFORMED_FUNCTION_CALL")),
    {
      fails: "InternalProviderError"
    }
  ),
  gemini("a filter by name", "whole", completion({}, "content_filter: PROHIBITED_CONTENT"), {
    fails: "ContentPolicyError"
  }),
  // Groq
  groq(
    "reasoning and usage of its own",
    "stream",
    chunks(at, say({ reasoning: "Hm. " }), say({ content: "42" }), say({}, "stop"), {
      choices: [],
      x_groq: { id: "req_1", usage: usage(9, 2) }
    }),
    { reasoning: "Hm. ", text: "42", finish: "stop", input: 9, output: 2 }
  ),
  groq("raw thoughts", "whole", completion({ content: "<think>\nHm.\n</think>\n\n42" }, "stop"), {
    reasoning: "Hm.",
    text: "42",
    finish: "stop"
  }),
  groq("a call in one delta", "stream", chunks(at, calls(call(0, "fc_1", "weather", oslo)), say({}, "tool_calls")), {
    calls: [weather],
    finish: "tool-calls"
  })
]
