/**
 * Ends that only look like one, of every dialect: blank answers, calls without a name, filters without a terminator, errors
 * that are not events. The source of each shows the shape, or the vendor's reference of the field.
 */
import type { Answer, Meaning } from "./forms.ts"
import {
  at,
  block,
  call,
  calls,
  chunks,
  completion,
  done,
  ended,
  event,
  line,
  of,
  oslo,
  said,
  say,
  start,
  stop,
  weather
} from "./forms.ts"

const openai = of("OpenAI", "openai", "https://platform.openai.com/docs/api-reference/chat/object")
const azure = of("Azure", "openai", "https://github.com/experientiallabs/experiential/pull/962")
const annotated = of("Azure", "openai", "https://github.com/microsoft/autogen/issues/6465")
const deepseek = of("DeepSeek", "openai", "https://api-docs.deepseek.com/quick_start/rate_limit")
const vllm = of("vLLM", "openai", "https://docs.vllm.ai/en/latest/features/reasoning_outputs.html", "vllm")
const anthropic = of("Anthropic", "anthropic", "https://docs.claude.com/en/api/handling-stop-reasons")
const gemini = of("Gemini", "gemini", "https://ai.google.dev/api/generate-content#FinishReason")
const repeated = of("Gemini", "gemini", "https://github.com/Chevey339/kelivo/issues/1003")
const blocked = of("Gemini", "gemini", "https://github.com/NousResearch/hermes-agent/pull/85031")
const responses = of("OpenAI", "responses", "https://platform.openai.com/docs/api-reference/responses-streaming")
const overloaded = of("OpenAI", "responses", "https://github.com/XiaomiMiMo/MiMo-Code/issues/2083")
const planLimit = of("OpenAI", "responses", "https://github.com/earendil-works/pi/issues/4172")
const bedrock = of(
  "Bedrock",
  "bedrock",
  "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"
)
const unable = of("Bedrock", "bedrock", "https://github.com/aws-samples/foundation-model-benchmarking-tool/issues/247")
const ollama = of("Ollama", "ollama", "https://github.com/ollama/ollama/blob/main/docs/api.md")

const required = { required: true }
const nothing = { fails: "InvalidResponseError" } as const
const filtered = { fails: "ContentPolicyError" } as const
const cut = { fails: "NetworkError" } as const
const failed = { fails: "InternalProviderError" } as const
const limited = { fails: "RateLimitError" } as const
const short: Meaning = { text: "Hi", finish: "stop" }
const thought: Meaning = { reasoning: "Hm.", finish: "stop" }
const toOslo: Meaning = { calls: [weather], finish: "tool-calls" }

const whole = (rest: object, reason = "tool_calls") => completion({ content: null, ...rest }, reason)
const asking = (args: unknown) =>
  whole({ tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: args } }] })

const text = block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi" })
const hello: Meaning = { text: "Hi", input: 12, output: 2 }
const message = (content: ReadonlyArray<object>, stop_reason: string) =>
  JSON.stringify({
    id: "m",
    type: "message",
    role: "assistant",
    content,
    stop_reason,
    usage: { input_tokens: 12, output_tokens: 2 }
  })

const candidate = (candidate: object, rest: object = {}) => ({ candidates: [{ index: 0, ...candidate }], ...rest })
const words = (text: string) => ({ content: { role: "model", parts: [{ text }] } })

const told = (type: string, rest: object) => event({ type, ...rest }, type)
const toldText = told("response.output_text.delta", { output_index: 0, content_index: 0, delta: "Hi" })
const ending = (status: string, rest: object = {}) =>
  told(`response.${status}`, { response: { id: "r", status, output: [], ...rest } })

const opened = ["messageStart", { role: "assistant" }] as const
const spoken = ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hi" } }] as const
const closed = ["contentBlockStop", { contentBlockIndex: 0 }] as const
const stopped = (stopReason: string) => ["messageStop", { stopReason }] as const
const cost = ["metadata", { usage: { inputTokens: 5, outputTokens: 1 } }] as const
const converse = (content: ReadonlyArray<object>, stopReason: string) =>
  JSON.stringify({
    output: { message: { role: "assistant", content } },
    stopReason,
    usage: { inputTokens: 5, outputTokens: 1 }
  })

export const answers: ReadonlyArray<Answer> = [
  // Blank answers
  openai("blanks alone", "stream", chunks(at, say({ content: " " }), say({ content: "\n" }), say({}, "stop")), nothing),
  openai("blanks alone", "whole", completion({ content: " \n " }, "stop"), nothing),
  openai(
    "blanks before words",
    "stream",
    chunks(at, say({ content: "\n\n" }), say({ content: " Hi" }), say({}, "stop")),
    {
      text: "\n\n Hi",
      finish: "stop"
    }
  ),
  openai(
    "blanks beside a call",
    "whole",
    completion({ content: "\n", tool_calls: [call(0, "c1", "weather", oslo)] }, "tool_calls"),
    toOslo
  ),
  anthropic("blanks alone", "whole", message([{ type: "text", text: " \n" }], "end_turn"), nothing),
  ollama("blanks alone", "whole", line({ content: " \n" }, ended), nothing),
  bedrock("blanks alone", "whole", converse([{ text: "\n" }], "end_turn"), nothing),
  gemini("blanks alone", "whole", JSON.stringify(candidate({ ...words("\n"), finishReason: "STOP" })), nothing),
  vllm(
    "thoughts in tags alone",
    "stream",
    chunks(at, say({ content: "<think>Hm.</think>" }), say({}, "stop")),
    thought
  ),
  vllm("thoughts whose tag does not end", "stream", chunks(at, say({ content: "<think>Hm." }), say({}, "length")), {
    ...thought,
    finish: "length"
  }),
  vllm("no thought in tags", "whole", completion({ content: "<think>\n\n</think>\n\nHi" }, "stop"), short),
  openai("thoughts alone", "stream", chunks(at, say({ reasoning_content: "Hm." }), say({}, "stop")), thought),
  openai("the longest length and no word", "stream", chunks(at, say({}, "length")), nothing),
  openai("a refusal", "stream", chunks(at, say({ refusal: "I cannot" }), say({}, "stop")), {
    text: "I cannot",
    finish: "stop"
  }),
  openai("a refusal", "whole", completion({ content: null, refusal: "I cannot" }, "stop"), {
    text: "I cannot",
    finish: "stop"
  }),
  // Calls
  openai(
    "a call of the first API",
    "stream",
    chunks(
      at,
      say({ function_call: { name: "weather", arguments: "" } }),
      say({ function_call: { arguments: "{\"city\":" } }),
      say({ function_call: { arguments: "\"Oslo\"}" } }),
      say({}, "function_call")
    ),
    toOslo
  ),
  openai("arguments as an object", "whole", asking({ city: "Oslo" }), toOslo),
  openai("arguments as JSON in JSON", "whole", asking(JSON.stringify(oslo)), toOslo),
  openai("blanks after the arguments", "whole", asking(`${oslo}\n\n`), toOslo),
  openai("no arguments", "whole", asking(""), { calls: [["weather", {}]], finish: "tool-calls" }),
  openai("null for arguments", "whole", asking(null), { calls: [["weather", {}]], finish: "tool-calls" }),
  openai("the text null for arguments", "whole", asking("null"), { calls: [["weather", {}]], finish: "tool-calls" }),
  openai(
    "an empty object before the arguments",
    "stream",
    chunks(
      at,
      calls(call(0, "c1", "weather", "{}")),
      calls(call(0, undefined, undefined, oslo)),
      say({}, "tool_calls")
    ),
    toOslo
  ),
  openai(
    "a call without a name",
    "stream",
    chunks(at, calls(call(0, "c1", undefined, "{}")), say({}, "tool_calls")),
    nothing
  ),
  openai("no call of the required tool", "whole", completion({ content: "No." }, "stop"), nothing, required),
  anthropic("no call of the required tool", "stream", start() + text + stop("end_turn", 2), nothing, required),
  gemini(
    "no call of the required tool",
    "whole",
    JSON.stringify(candidate({ ...words("No."), finishReason: "STOP" })),
    nothing,
    required
  ),
  bedrock("no call of the required tool", "whole", converse([{ text: "No." }], "end_turn"), nothing, required),
  ollama("no call of the required tool", "whole", line({ content: "No." }, ended), nothing, required),
  responses("no call of the required tool", "stream", toldText + ending("completed"), nothing, required),
  // Ends without a terminator, and choices
  azure(
    "a filter, and no [DONE], before words",
    "stream",
    chunks(at, say({}, "content_filter")).replace(done, ""),
    filtered
  ),
  azure(
    "a filter, and no [DONE], after words",
    "stream",
    chunks(at, say({ content: "Hi" }), say({}, "content_filter")).replace(done, ""),
    {
      text: "Hi",
      finish: "content-filter"
    }
  ),
  annotated(
    "annotations without a delta",
    "stream",
    chunks(
      at,
      say({ content: "Hi" }),
      {
        choices: [{
          index: 0,
          finish_reason: null,
          content_filter_results: {},
          content_filter_offsets: { check_offset: 44 }
        }]
      },
      say({}, "stop")
    ),
    short
  ),
  openai(
    "a choice that counts from one",
    "stream",
    chunks(
      at,
      { choices: [{ index: 1, delta: { content: "Hi" }, finish_reason: null }] },
      { choices: [{ index: 1, delta: {}, finish_reason: "stop" }] }
    ),
    short
  ),
  openai(
    "empty reasons before the last",
    "stream",
    chunks(at, say({ content: "H" }, ""), say({ content: "i" }, ""), say({}, "stop")),
    short
  ),
  openai(
    "a named event without data",
    "stream",
    `event: ping\n\n${chunks(at, say({ content: "Hi" }), say({}, "stop"))}`,
    short
  ),
  openai(
    "a named event with an empty object",
    "stream",
    `event: keepalive\ndata: {}\n\n${chunks(at, say({ content: "Hi" }), say({}, "stop"))}`,
    short
  ),
  deepseek("empty lines before an answer", "whole", `\n\n\n${completion({ content: "Hi" }, "stop")}`, short),
  deepseek(
    "comments before a stream",
    "stream",
    `: keep-alive\n\n\n\n${chunks(at, say({ content: "Hi" }), say({}, "stop"))}`,
    short
  ),
  openai("a failure that says so under 200", "whole", JSON.stringify({ success: false, message: "boom" }), failed),
  openai("a detail under 200", "whole", JSON.stringify({ detail: "boom" }), failed),
  // The Messages API
  anthropic("a pause", "stream", start() + text + stop("pause_turn", 2), { ...hello, finish: "pause" }),
  anthropic(
    "the end of the context, after words",
    "stream",
    start() + text + stop("model_context_window_exceeded", 2),
    { ...hello, finish: "length" }
  ),
  anthropic(
    "the end of the context, before words",
    "stream",
    start() + stop("model_context_window_exceeded", 2),
    nothing
  ),
  anthropic("[DONE] after the end", "stream", start() + text + stop("end_turn", 2) + done, {
    ...hello,
    finish: "stop"
  }),
  anthropic(
    "an input that stays empty",
    "stream",
    start() +
      block(0, { type: "tool_use", id: "t", name: "weather", input: {} }, {
        type: "input_json_delta",
        partial_json: ""
      }) + stop("tool_use", 2),
    {
      calls: [["weather", {}]],
      finish: "tool-calls",
      input: 12,
      output: 2
    }
  ),
  anthropic(
    "details that are null in an error",
    "stream",
    start() +
      said({
        type: "error",
        error: { details: null, type: "overloaded_error", message: "Overloaded" },
        request_id: "r"
      }),
    failed
  ),
  // Gemini
  gemini("no candidate", "whole", JSON.stringify({ candidates: [], usageMetadata: { promptTokenCount: 3 } }), nothing),
  gemini(
    "a candidate without content",
    "whole",
    JSON.stringify(candidate({ content: { role: "model" }, finishReason: "STOP" })),
    nothing
  ),
  repeated(
    "a reason before the words",
    "stream",
    [
      candidate({ content: { role: "model", parts: [] }, finishReason: "STOP" }),
      candidate(words("Hi")),
      candidate({ content: { role: "model", parts: [] }, finishReason: "STOP" })
    ].map((data) => event(data)).join(""),
    short
  ),
  blocked(
    "a blocked prompt",
    "stream",
    event({ promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata: {} }),
    filtered
  ),
  blocked("a blocked prompt", "whole", JSON.stringify({ promptFeedback: { blockReason: "SPII" } }), filtered),
  gemini(
    "RECITATION after words",
    "stream",
    event(candidate(words("Hi"))) + event(candidate({ finishReason: "RECITATION" })),
    {
      text: "Hi",
      finish: "content-filter"
    }
  ),
  gemini(
    "MALFORMED_FUNCTION_CALL",
    "stream",
    event(
      candidate({
        content: {},
        finishReason: "MALFORMED_FUNCTION_CALL",
        finishMessage: "Malformed function call: print(x)"
      })
    ),
    failed
  ),
  gemini("OTHER, with nothing said", "whole", JSON.stringify(candidate({ finishReason: "OTHER" })), nothing),
  gemini(
    "thoughts ate the length",
    "whole",
    JSON.stringify(candidate({ content: { role: "model" }, finishReason: "MAX_TOKENS" })),
    nothing
  ),
  gemini("no reason", "stream", event(candidate(words("Hi"))), cut),
  gemini("[DONE] after the end", "stream", event(candidate({ ...words("Hi"), finishReason: "STOP" })) + done, short),
  gemini(
    "an error that is not an event, over several lines",
    "stream",
    `${event(candidate(words("Hi")))}${
      JSON.stringify({ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } }, null, 2)
    }\n`,
    failed
  ),
  gemini(
    "an error that is not an event, in a list",
    "stream",
    `${event(candidate(words("Hi")))}${
      JSON.stringify([{ error: { code: 429, message: "Slow down", status: "RESOURCE_EXHAUSTED" } }], null, 2)
    }`,
    limited
  ),
  gemini(
    "a list in place of events",
    "stream",
    JSON.stringify([candidate(words("H")), candidate({ ...words("i"), finishReason: "STOP" })]),
    short
  ),
  // The Responses API
  responses("failed", "stream", ending("failed", { error: { code: "server_error", message: "boom" } }), failed),
  responses(
    "failed for a limit",
    "stream",
    ending("failed", { error: { code: "rate_limit_exceeded", message: "Rate limit reached" } }),
    limited
  ),
  responses(
    "the longest length after words",
    "stream",
    toldText + ending("incomplete", { incomplete_details: { reason: "max_output_tokens" } }),
    { text: "Hi", finish: "length" }
  ),
  responses(
    "a filter before words",
    "stream",
    ending("incomplete", { incomplete_details: { reason: "content_filter" } }),
    filtered
  ),
  responses(
    "cancelled",
    "whole",
    JSON.stringify({ object: "response", id: "r", status: "cancelled", output: [] }),
    failed
  ),
  responses(
    "an error event",
    "stream",
    told("error", { code: "server_error", message: "boom", param: null, sequence_number: 3 }),
    failed
  ),
  overloaded(
    "an error inside an error event",
    "stream",
    event({
      type: "error",
      error: {
        type: "service_unavailable_error",
        code: "server_is_overloaded",
        message: "Our servers are currently overloaded. Please try again later."
      }
    }),
    failed
  ),
  planLimit(
    "the limit of a plan",
    "stream",
    event({
      type: "error",
      error: {
        type: "usage_limit_reached",
        message: "The usage limit has been reached",
        plan_type: "plus",
        resets_in_seconds: 13_872
      },
      status_code: 429
    }),
    { fails: "QuotaExhaustedError" }
  ),
  responses("completed with nothing", "stream", ending("completed"), nothing),
  responses("no end", "stream", toldText, cut),
  // Bedrock
  bedrock("a guardrail's words", "stream", [opened, spoken, closed, stopped("guardrail_intervened"), cost], {
    text: "Hi",
    finish: "content-filter",
    input: 5,
    output: 1
  }),
  bedrock("a guardrail, and no word", "stream", [opened, stopped("guardrail_intervened"), cost], filtered),
  bedrock("an invalid answer of the model", "stream", [opened, stopped("malformed_model_output"), cost], failed),
  unable("an exception before words", "stream", [opened, ["serviceUnavailableException", {
    message: "Bedrock is unable to process your request."
  }, "exception"]], failed),
  bedrock("a limit in the middle", "stream", [opened, spoken, ["throttlingException", {
    message: "Too many tokens, please wait before trying again."
  }, "exception"]], limited),
  bedrock("an error of the model in the middle", "stream", [opened, spoken, ["modelStreamErrorException", {
    message: "boom",
    originalStatusCode: 500
  }, "exception"]], failed),
  bedrock("no usage", "stream", [opened, spoken, closed, stopped("end_turn")], cut),
  // Ollama
  ollama(
    "an error on the last line",
    "stream",
    line({ content: "Hi" }) + JSON.stringify({ error: "boom", done: true }),
    failed
  ),
  ollama(
    "a status before the words",
    "stream",
    `${JSON.stringify({ status: "loading" })}\n${line({ content: "Hi" })}${line({}, ended)}`,
    { text: "Hi", finish: "stop", input: 10, output: 3 }
  ),
  ollama("only unloaded", "whole", line({}, { done: true, done_reason: "unload" }), nothing),
  ollama("the longest length and no word", "whole", line({}, { done: true, done_reason: "length" }), nothing)
]
