/** Answers in the words of chat completions of other clouds, as their documents and reports show them: written down here. */
import type { Answer } from "./forms.ts"
import { at, call, calls, chunks, completion, event, hi, oslo, say, spoken, usage, weather } from "./forms.ts"
import {
  bedrock,
  cerebras,
  cloudflare,
  deepseek,
  fireworks,
  mistral,
  moonshot,
  openrouter,
  together,
  xai
} from "./seen.ts"

export const answers: ReadonlyArray<Answer> = [
  // Mistral
  mistral(
    "content as a list",
    "whole",
    completion({
      content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm. " }] }, { type: "text", text: "42" }]
    }, "stop"),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  mistral(
    "content as lists, then as text",
    "stream",
    chunks(
      at,
      say({ content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm" }] }] }),
      say({ content: [{ type: "thinking", thinking: [{ type: "text", text: ". " }] }] }),
      say({ content: "4" }),
      say({ content: "2" }, "stop", {})
    ),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  mistral(
    "references in a list",
    "whole",
    completion({ content: [{ type: "text", text: "42" }, { type: "reference", reference_ids: [1] }] }, "stop"),
    {
      text: "42",
      finish: "stop"
    }
  ),
  mistral(
    "a call with the id \"null\" in later deltas",
    "stream",
    chunks(
      at,
      calls(call(0, "D681PevKs", "weather", "{\"city\":")),
      calls(call(0, "null", "", "\"Oslo\"}")),
      say({}, "tool_calls")
    ),
    {
      calls: [weather],
      finish: "tool-calls"
    }
  ),
  mistral("an end at the model's length", "whole", completion({ content: "Once" }, "model_length"), {
    text: "Once",
    finish: "length"
  }),
  mistral("an end in error", "whole", completion({ content: "Once" }, "error"), { fails: "InternalProviderError" }),
  // DeepSeek
  deepseek(
    "reasoning, then words",
    "stream",
    chunks(
      at,
      say({ content: null, reasoning_content: "Hm. " }),
      say({ content: "42", reasoning_content: null }),
      say({ content: "" }, "stop", {}),
      {
        usage: usage(9, 6, {
          prompt_cache_hit_tokens: 4,
          prompt_cache_miss_tokens: 5,
          completion_tokens_details: { reasoning_tokens: 4 }
        })
      }
    ),
    { reasoning: "Hm. ", text: "42", finish: "stop", input: 9, output: 6, thought: 4 }
  ),
  deepseek("keep-alive comments", "stream", `: keep-alive\n\n: keep-alive\n\n${spoken}`, hi),
  deepseek(
    "keep-alive lines before a whole answer",
    "whole",
    `\n\n\n${completion({ content: "Hi there" }, "stop", { usage: usage(9, 2) })}`,
    hi
  ),
  deepseek(
    "an end without resources",
    "stream",
    chunks(at, say({ content: "" }), say({}, "insufficient_system_resource")),
    {
      fails: "InternalProviderError"
    }
  ),
  // xAI
  xai(
    "reasoning beside the completion",
    "whole",
    completion({ content: "Hi", reasoning_content: "Hm. " }, "stop", {
      usage: {
        prompt_tokens: 12,
        completion_tokens: 1,
        total_tokens: 303,
        completion_tokens_details: { reasoning_tokens: 290 }
      }
    }),
    { reasoning: "Hm. ", text: "Hi", finish: "stop", input: 12, output: 291, thought: 290 }
  ),
  xai(
    "more from the cache than in the prompt",
    "whole",
    completion({ content: "Hi" }, "stop", { usage: usage(10, 1, { prompt_tokens_details: { cached_tokens: 90 } }) }),
    {
      text: "Hi",
      finish: "stop",
      input: 100,
      output: 1
    }
  ),
  xai(
    "usage on every chunk, and citations",
    "stream",
    chunks(at, { choices: [{ index: 0, delta: { content: "Hi" } }], usage: usage(9, 1) }, {
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      usage: usage(9, 2),
      citations: []
    }),
    {
      text: "Hi",
      finish: "stop",
      input: 9,
      output: 2
    }
  ),
  xai("a call in one chunk", "stream", chunks(at, calls(call(0, "call_1", "weather", oslo)), say({}, "tool_calls")), {
    calls: [weather],
    finish: "tool-calls"
  }),
  // OpenRouter
  openrouter(
    "comments while it looks for a host",
    "stream",
    `: OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n${spoken}`,
    hi
  ),
  openrouter(
    "reasoning details",
    "stream",
    chunks(
      at,
      say({
        content: "",
        reasoning: "Hm",
        reasoning_details: [{ type: "reasoning.text", text: "Hm", index: 0, format: "anthropic-claude-v1" }]
      }),
      say({
        content: "",
        reasoning: ". ",
        reasoning_details: [{ type: "reasoning.text", text: ". ", index: 0, format: "anthropic-claude-v1" }]
      }),
      say({
        content: "",
        reasoning: null,
        reasoning_details: [{ type: "reasoning.text", signature: "sig", index: 0 }]
      }),
      say({ content: "42" }),
      say({ content: "" }, "stop", { native_finish_reason: "end_turn" })
    ),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  openrouter(
    "an error after some words",
    "stream",
    chunks(at, say({ content: "Hi" }), {
      error: { code: 502, message: "Provider disconnected" },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
    }),
    {
      fails: "InternalProviderError"
    }
  ),
  openrouter(
    "an image",
    "whole",
    completion(
      { content: "", images: [{ type: "image_url", image_url: { url: "data:image/png;base64,AQID" } }] },
      "stop"
    ),
    {
      finish: "stop"
    }
  ),
  // Others in the cloud
  together(
    "an end of its own",
    "stream",
    chunks(at, say({ content: "Hi" }), {
      choices: [{ index: 0, text: "", delta: { content: "" }, finish_reason: "eos" }],
      usage: usage(9, 2)
    }),
    {
      text: "Hi",
      finish: "stop",
      input: 9,
      output: 2
    }
  ),
  together(
    "a call",
    "stream",
    chunks(
      at,
      calls(call(0, "call_1", "weather", "")),
      calls(call(0, undefined, undefined, oslo)),
      say({}, "tool_calls")
    ),
    {
      calls: [weather],
      finish: "tool-calls"
    }
  ),
  fireworks(
    "reasoning",
    "stream",
    chunks(at, say({ reasoning_content: "Hm. " }), say({ content: "42" }), say({}, "stop")),
    { reasoning: "Hm. ", text: "42", finish: "stop" }
  ),
  fireworks(
    "usage on the last chunk",
    "stream",
    chunks(at, say({ content: "Hi" }), {
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      usage: usage(9, 2)
    }),
    { text: "Hi", finish: "stop", input: 9, output: 2 }
  ),
  cerebras("reasoning", "whole", completion({ reasoning: "Hm. ", content: "42" }, "stop", { time_info: {} }), {
    reasoning: "Hm. ",
    text: "42",
    finish: "stop"
  }),
  cerebras(
    "an error under 200",
    "stream",
    event({ error: { message: "Encountered a server error", type: "server_error", status_code: 500 } }, "error"),
    { fails: "InternalProviderError" }
  ),
  cloudflare(
    "words",
    "stream",
    chunks(at, say({ role: "assistant", content: "Hi" }), say({}, "stop"), { usage: usage(9, 2) }),
    { text: "Hi", finish: "stop", input: 9, output: 2 }
  ),
  cloudflare(
    "arguments as an object",
    "whole",
    completion({ content: null, tool_calls: [call(0, "t1", "weather", { city: "Oslo" })] }, "tool_calls"),
    { calls: [weather], finish: "tool-calls" }
  ),
  bedrock("words", "stream", spoken, hi),
  bedrock("an end at the longest length", "whole", completion({ content: "Once" }, "length", { usage: usage(9, 2) }), {
    text: "Once",
    finish: "length",
    input: 9,
    output: 2
  }),
  moonshot(
    "usage on the choice",
    "stream",
    chunks(at, say({ content: "Hi" }), {
      choices: [{ index: 0, delta: {}, finish_reason: "stop", usage: usage(9, 2) }]
    }),
    { text: "Hi", finish: "stop", input: 9, output: 2 }
  )
]
