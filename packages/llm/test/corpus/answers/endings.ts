/**
 * Ends and frames of every shape, in the words of each protocol: what ends an answer, what only looks like an end, and what
 * comes in the middle of one. The source of each vendor is where it shows the shape.
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
  hi,
  line,
  of,
  oslo,
  said,
  say,
  spoken,
  start,
  stop,
  usage,
  weather
} from "./forms.ts"

const openai = of("OpenAI", "openai", "https://platform.openai.com/docs/api-reference/chat-streaming")
const azure = of("Azure", "openai", "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter")
const gemini = of("Gemini", "openai", "https://ai.google.dev/gemini-api/docs/openai")
const router = of("OpenRouter", "openai", "https://openrouter.ai/docs/api/reference/streaming", "openrouter")
const proxy = of("a proxy", "openai", "https://www.rfc-editor.org/rfc/rfc9112#section-8")
const sse = of("any server", "openai", "https://html.spec.whatwg.org/multipage/server-sent-events.html")
const qwen = of("Alibaba", "openai", "https://help.aliyun.com/zh/model-studio/error-code")
const zhipu = of("Zhipu", "openai", "https://docs.bigmodel.cn/cn/api/api-code")
const minimax = of("MiniMax", "openai", "https://platform.minimax.io/docs/api-reference/text-post")
const mistral = of("Mistral", "openai", "https://docs.mistral.ai/api")
const llamacpp = of(
  "llama.cpp",
  "openai",
  "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
  "llamacpp"
)
const vllm = of("vLLM", "openai", "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html", "vllm")
const anthropic = of("Anthropic", "anthropic", "https://docs.claude.com/en/docs/build-with-claude/streaming")
const ollama = of("Ollama", "ollama", "https://github.com/ollama/ollama/blob/main/docs/api.md")

const word = event({ ...at, choices: [{ index: 0, delta: { content: "Hi there" }, finish_reason: null }] })
const stopped = event({ ...at, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
const cost = event({ ...at, choices: [], usage: usage(9, 2) })
const short: Meaning = { text: "Hi there", finish: "stop" }
/** Ended before its terminator. */
const cut = { fails: "NetworkError" } as const
/** An error of the server's, or an end that gives the answer up. */
const failed = { fails: "InternalProviderError" } as const
const unreadable = { fails: "InvalidResponseError" } as const
const text = block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi there" })
const use = { type: "tool_use", id: "toolu_1", name: "weather", input: {} }
const hello: Meaning = { text: "Hi there", finish: "stop", input: 12, output: 3 }
const html = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\n"

export const answers: ReadonlyArray<Answer> = [
  // What ends an answer
  openai("a null reason, then [DONE]", "stream", word + done, cut),
  openai("a reason, and no [DONE]", "stream", word + stopped, cut),
  openai("[DONE] alone", "stream", done, cut),
  openai("no byte", "stream", "", cut),
  openai("no byte", "whole", "", unreadable),
  openai("usage before the reason", "stream", word + cost + stopped + done, hi),
  openai("usage after the reason", "stream", word + stopped + cost + done, hi),
  openai("the reason twice", "stream", word + stopped + stopped + done, short),
  openai(
    "two different reasons",
    "stream",
    word + stopped + event({ ...at, choices: [{ index: 0, delta: {}, finish_reason: "length" }] }) + done,
    {
      text: "Hi there",
      finish: "length"
    }
  ),
  openai(
    "the reason with the last word",
    "stream",
    event({ ...at, choices: [{ index: 0, delta: { content: "Hi there" }, finish_reason: "stop" }] }) + done,
    short
  ),
  openai(
    "words after the reason",
    "stream",
    event({ ...at, choices: [{ index: 0, delta: { content: "Hi " }, finish_reason: "stop" }] }) +
      event({ ...at, choices: [{ index: 0, delta: { content: "there" }, finish_reason: null }] }) + done,
    short
  ),
  openai("[DONE] without a line after it", "stream", (word + stopped + done).trimEnd(), short),
  openai("[DONE] after a space less", "stream", `${word}${stopped}data:[DONE]\n\n`, short),
  openai("[DONE] twice", "stream", word + stopped + done + done, short),
  openai("an error after [DONE]", "stream", word + stopped + done + event({ error: { message: "late" } }), short),
  openai(
    "a call cut by the longest length",
    "stream",
    chunks(at, calls(call(0, "c1", "weather", "{\"city\":")), say({}, "length")),
    { fails: "InvalidResponseError" }
  ),
  openai(
    "a call cut by a filter",
    "whole",
    completion({ content: null, tool_calls: [call(0, "c1", "weather", "{\"city\":")] }, "content_filter"),
    {
      fails: "ContentPolicyError"
    }
  ),
  openai(
    "arguments that are not JSON",
    "stream",
    chunks(at, calls(call(0, "c1", "weather", "{\"city\": Oslo}")), say({}, "tool_calls")),
    {
      calls: [["weather", "{\"city\": Oslo}"]],
      finish: "tool-calls"
    }
  ),
  openai("a call under the reason stop", "stream", chunks(at, calls(call(0, "c1", "weather", oslo)), say({}, "stop")), {
    calls: [weather],
    finish: "tool-calls"
  }),
  openai("calls without a call", "stream", chunks(at, say({}, "tool_calls")), unreadable),
  openai(
    "an empty list of calls",
    "stream",
    chunks(at, say({ content: "Hi there", tool_calls: [] }), say({}, "stop")),
    short
  ),
  openai(
    "a null delta",
    "stream",
    `${word}${event({ ...at, choices: [{ index: 0, delta: null, finish_reason: "stop" }] })}${done}`,
    short
  ),
  openai("no choices", "whole", JSON.stringify({ id: "c", choices: [] }), unreadable),
  openai("null for choices", "stream", event({ ...at, choices: null, usage: null }) + word + stopped + done, short),
  // What comes in the middle
  openai("an error as an event", "stream", `${word}event: error\ndata: {"message":"boom"}\n\n`, failed),
  openai("an error as data", "stream", word + event({ error: { message: "boom", type: "server_error" } }), failed),
  openai("an error as a text", "stream", word + event({ error: "boom" }), failed),
  openai("an error as a bare line", "stream", `${word}{"error":{"message":"boom"}}\n\n`, failed),
  openai("an error and [DONE]", "stream", word + event({ error: { message: "boom" } }) + done, failed),
  openai(
    "an error that is null",
    "stream",
    event({ ...at, error: null, choices: [{ index: 0, delta: { content: "Hi there" } }] }) + stopped + done,
    short
  ),
  openai("an error under 200", "whole", JSON.stringify({ error: { message: "boom", type: "server_error" } }), failed),
  openai("an error as a list under 200", "whole", JSON.stringify([{ error: { message: "boom", code: 500 } }]), failed),
  openai(
    "an error with a status of its own under 200",
    "stream",
    event({ error: { message: "Slow down", code: 429 } }),
    { fails: "RateLimitError" }
  ),
  openai(
    "an invalid key under 200",
    "whole",
    JSON.stringify({ error: { message: "Incorrect API key provided", code: "invalid_api_key" } }),
    {
      fails: "AuthenticationError"
    }
  ),
  proxy("a page in the middle", "stream", word + html, cut),
  proxy("a page in place of an answer", "whole", html, unreadable),
  proxy("a page in place of a stream", "stream", html, cut),
  proxy("JSON that was cut", "whole", completion({ content: "Hi there" }, "stop").slice(0, -20), unreadable),
  proxy("JSON that was cut in an event", "stream", `${word}data: {"choices":[{"index":0,"delta":{"content":"mo`, cut),
  // Frames
  sse("comments and empty lines", "stream", `: ok\n\n${word}: still here\n\n\n\n${stopped}:\n\n${done}`, short),
  sse("CR LF", "stream", (word + stopped + done).replaceAll("\n", "\r\n"), short),
  sse("CR", "stream", (word + stopped + done).replaceAll("\n", "\r"), short),
  sse("a byte order mark and a comment", "stream", `\uFEFF: hello\n\n${spoken}`, hi),
  sse("ids, names and retries", "stream", `id: 1\nevent: message\nretry: 3000\n${spoken}`, hi),
  sse(
    "data over several lines",
    "stream",
    `data: {"id":"c","choices":\ndata: [{"index":0,"delta":{"content":"Hi there"}}]}\n\n${stopped}${done}`,
    short
  ),
  sse("fields that are unknown", "stream", `foo: bar\n${word}${stopped}${done}`, short),
  sse("a line that is not a field", "stream", `PROCESSING\n\n${word}${stopped}${done}`, short),
  // Filters and ends of vendors
  azure(
    "a filter at the prompt, under 200",
    "stream",
    event({
      error: {
        code: "content_filter",
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
      }
    }),
    {
      fails: "ContentPolicyError"
    }
  ),
  gemini("SAFETY", "whole", completion({ content: null }, "SAFETY"), { fails: "ContentPolicyError" }),
  gemini(
    "RECITATION after words",
    "stream",
    chunks(at, say({ content: "Once" }), say({}, "content_filter: RECITATION")),
    {
      text: "Once",
      finish: "content-filter"
    }
  ),
  gemini("PROHIBITED_CONTENT", "stream", chunks(at, say({}, "PROHIBITED_CONTENT")), { fails: "ContentPolicyError" }),
  gemini("BLOCKLIST", "stream", chunks(at, say({}, "BLOCKLIST")), { fails: "ContentPolicyError" }),
  gemini("SPII", "whole", completion({ content: "" }, "SPII"), { fails: "ContentPolicyError" }),
  gemini("IMAGE_SAFETY", "whole", completion({ content: "" }, "IMAGE_SAFETY"), { fails: "ContentPolicyError" }),
  gemini("MALFORMED_FUNCTION_CALL", "stream", chunks(at, say({}, "MALFORMED_FUNCTION_CALL")), failed),
  gemini("UNEXPECTED_TOOL_CALL", "whole", completion({ content: null }, "UNEXPECTED_TOOL_CALL"), failed),
  gemini("TOO_MANY_TOOL_CALLS", "whole", completion({ content: null }, "TOO_MANY_TOOL_CALLS"), failed),
  gemini("MISSING_THOUGHT_SIGNATURE", "whole", completion({ content: null }, "MISSING_THOUGHT_SIGNATURE"), failed),
  gemini("MAX_TOKENS", "stream", chunks(at, say({ content: "Once" }), say({}, "MAX_TOKENS")), {
    text: "Once",
    finish: "length"
  }),
  gemini("LANGUAGE", "whole", completion({ content: null }, "LANGUAGE"), failed),
  gemini("OTHER, with nothing said", "whole", completion({ content: null }, "OTHER"), unreadable),
  router(
    "an error beside the end",
    "stream",
    word +
      event({
        ...at,
        error: { code: 502, message: "Upstream error" },
        choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
      }),
    failed
  ),
  router(
    "an error in the choice",
    "whole",
    JSON.stringify({
      id: "g",
      choices: [{
        index: 0,
        error: { code: 429, message: "Slow down" },
        message: { role: "assistant", content: "" },
        finish_reason: "error"
      }]
    }),
    {
      fails: "RateLimitError"
    }
  ),
  router("an end in error after words", "stream", chunks(at, say({ content: "Once" }), say({}, "error")), failed),
  qwen(
    "a filter as an error",
    "whole",
    JSON.stringify({
      error: {
        code: "data_inspection_failed",
        message: "Output data may contain inappropriate content.",
        type: "data_inspection_failed"
      }
    }),
    {
      fails: "ContentPolicyError"
    }
  ),
  zhipu("sensitive", "stream", chunks(at, say({}, "sensitive")), { fails: "ContentPolicyError" }),
  zhipu("network_error", "stream", chunks(at, say({ content: "Once" }), say({}, "network_error")), failed),
  minimax(
    "a status in base_resp",
    "whole",
    JSON.stringify({ id: "m", choices: null, base_resp: { status_code: 1002, status_msg: "rate limit" } }),
    {
      fails: "RateLimitError"
    }
  ),
  mistral("a reason error", "stream", chunks(at, say({}, "error")), failed),
  llamacpp(
    "an error line in the stream",
    "stream",
    `${word}error: {"code":500,"message":"context shift is disabled","type":"server_error"}\n\n`,
    failed
  ),
  llamacpp(
    "progress before words",
    "stream",
    event({
      ...at,
      choices: [{ index: 0, delta: { role: "assistant", content: null } }],
      prompt_progress: { total: 9, processed: 3 }
    }) + word + stopped + done,
    short
  ),
  llamacpp(
    "timings that count the cache beside the prompt",
    "stream",
    word + event({
      ...at,
      choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
      timings: { cache_n: 3, prompt_n: 6, predicted_n: 2 }
    }) + done,
    hi
  ),
  vllm("abort after words", "stream", chunks(at, say({ content: "Once" }), say({}, "abort")), failed),
  vllm(
    "stop_reason beside the reason",
    "stream",
    chunks(at, say({ content: "Hi there" }), { delta: {}, finish_reason: "stop", stop_reason: 151_645 }),
    short
  ),
  // The Messages API
  anthropic(
    "no message_stop",
    "stream",
    start() + text + said({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } }),
    cut
  ),
  anthropic("message_stop without a reason", "stream", start() + text + said({ type: "message_stop" }), cut),
  anthropic(
    "an error in the middle",
    "stream",
    start() + text + said({ type: "error", error: { type: "api_error", message: "Internal server error" } }),
    failed
  ),
  anthropic(
    "overloaded in the middle",
    "stream",
    start() + said({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    failed
  ),
  anthropic(
    "a rate limit in the middle",
    "stream",
    start() + said({ type: "error", error: { type: "rate_limit_error", message: "Slow down" } }),
    { fails: "RateLimitError" }
  ),
  anthropic(
    "an error without its event",
    "stream",
    start() + event({ type: "error", error: { type: "api_error", message: "boom" } }),
    failed
  ),
  anthropic("an unknown event", "stream", start() + said({ type: "glitter" }) + text + stop("end_turn", 3), hello),
  anthropic(
    "an unknown delta",
    "stream",
    start() +
      block(0, { type: "text", text: "" }, { type: "glitter_delta", glitter: 1 }, {
        type: "text_delta",
        text: "Hi there"
      }) + stop("end_turn", 3),
    hello
  ),
  anthropic(
    "an unknown block",
    "stream",
    start() + block(0, { type: "glitter" }) +
      block(1, { type: "text", text: "" }, { type: "text_delta", text: "Hi there" }) + stop("end_turn", 3),
    hello
  ),
  anthropic("an unknown end", "stream", start() + text + stop("glitter", 3), { ...hello, finish: "other" }),
  anthropic(
    "a call cut by the longest length",
    "stream",
    start() + block(0, use, { type: "input_json_delta", partial_json: "{\"city\":" }) + stop("max_tokens", 3),
    { fails: "InvalidResponseError" }
  ),
  anthropic("a refusal after words", "stream", start() + text + stop("refusal", 3), {
    ...hello,
    finish: "content-filter"
  }),
  anthropic("a refusal before words", "stream", start() + stop("refusal", 0), { fails: "ContentPolicyError" }),
  anthropic(
    "an empty turn",
    "whole",
    JSON.stringify({
      id: "m",
      type: "message",
      role: "assistant",
      content: [],
      stop_reason: "end_turn",
      usage: { input_tokens: 3, output_tokens: 2 }
    }),
    unreadable
  ),
  anthropic(
    "an error under 200",
    "whole",
    JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    failed
  ),
  anthropic("a page in the middle", "stream", start() + html, cut),
  anthropic(
    "CR LF and a comment",
    "stream",
    `: hello\r\n\r\n${(start() + text + stop("end_turn", 3)).replaceAll("\n", "\r\n")}`,
    hello
  ),
  // Ollama
  ollama(
    "an error on a line",
    "stream",
    line({ content: "Hi" }) + "{\"error\":\"an error was encountered while running the model: unexpected EOF\"}\n",
    failed
  ),
  ollama("an error under 200", "whole", "{\"error\":\"boom\"}", failed),
  ollama(
    "a call that it cannot parse",
    "stream",
    line({ thinking: "Hm." }) +
      "{\"error\":\"error parsing tool call: raw='{\\\"city\\\": Oslo', err=invalid character 'O' looking for beginning of value\"}\n",
    failed
  ),
  ollama(
    "a reason without done",
    "stream",
    line({ content: "Hi there" }) + line({}, { done: false, done_reason: "stop" }),
    cut
  ),
  ollama(
    "done without a reason",
    "stream",
    line({ content: "Hi there" }) + line({}, { done: true, prompt_eval_count: 10, eval_count: 3 }),
    { text: "Hi there", finish: "stop", input: 10, output: 3 }
  ),
  ollama("done with the words", "stream", line({ content: "Hi there" }, ended), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("lines after done", "stream", line({ content: "Hi there" }, ended) + line({ content: "no" }), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("no line break at the end", "stream", line({ content: "Hi there" }, ended).trimEnd(), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("CR LF", "stream", (line({ content: "Hi there" }) + line({}, ended)).replaceAll("\n", "\r\n"), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("a byte order mark", "stream", `\uFEFF${line({ content: "Hi there" }, ended)}`, {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("events in place of lines", "stream", event(line({ content: "Hi there" }, ended).trimEnd()), {
    text: "Hi there",
    finish: "stop",
    input: 10,
    output: 3
  }),
  ollama("an empty end", "stream", line({}, ended), unreadable),
  ollama("a page in the middle", "stream", line({ content: "Hi" }) + html, unreadable),
  ollama("no byte", "stream", "", cut)
]
