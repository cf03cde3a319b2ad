/** Failures in streams as public threads quote them (2026-11-27). */
import type { Row } from "./frames.ts"
import { a, data, line, named } from "./frames.ts"
import { thread } from "./thread.ts"

const done = "data: [DONE]\n\n"
const overloaded = "Our servers are currently overloaded. Please try again later."

export const reportedRows: ReadonlyArray<Row> = [
  [
    "OpenAI",
    "openai",
    "overloaded, as reported",
    data({
      type: "error",
      error: { type: "service_unavailable_error", code: "server_is_overloaded", message: overloaded }
    }),
    "retries",
    thread("XiaomiMiMo/MiMo-Code#2083")
  ],
  [
    "OpenAI",
    "openai",
    "the limit of a plan",
    data({
      type: "error",
      error: {
        type: "usage_limit_reached",
        message: "The usage limit has been reached",
        plan_type: "plus",
        resets_at: 1_777_936_568,
        resets_in_seconds: 13_872
      },
      status_code: 429,
      headers: { "X-Codex-Active-Limit": "premium" }
    }),
    "rests",
    thread("earendil-works/pi#4172")
  ],
  [
    "OpenRouter",
    "openrouter",
    "a host that failed, as reported",
    data({
      id: "g",
      object: "chat.completion.chunk",
      error: { code: 502, message: "Upstream error", metadata: { error_type: "provider_disconnected" } },
      choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }]
    }),
    "retries",
    thread("damianvtran/local-operator/pull/223")
  ],
  [
    "OpenRouter",
    "openrouter",
    "an end in error without a word",
    data({ id: "g", choices: [{ index: 0, delta: { content: "" }, finish_reason: "error" }] }) + done,
    "retries",
    thread("gethouston/houston/pull/1211")
  ],
  [
    "a router",
    "openrouter",
    "an end in network_error without a word",
    data({ id: "g", choices: [{ index: 0, delta: { content: "" }, finish_reason: "network_error" }] }) + done,
    "retries",
    thread("gethouston/houston/pull/1211")
  ],
  [
    "Anthropic",
    "anthropic",
    "overloaded, with details that are null",
    named({
      type: "error",
      error: { details: null, type: "overloaded_error", message: "Overloaded" },
      request_id: "req_1"
    }),
    "retries",
    thread("karthink/gptel/pull/1512")
  ],
  [
    "Anthropic",
    "anthropic",
    "internal server error, as reported",
    a("api_error", "Internal server error"),
    "retries",
    thread("BerriAI/litellm/pull/24005")
  ],
  [
    "vLLM",
    "vllm",
    "a bad parameter",
    "event: error\n" +
    data({ code: 400, details: "Requested sample logprobs of 21, which is greater than max allowed: 20" }) +
    done,
    "next",
    thread("foundation-model-stack/fms-guardrails-orchestrator/pull/436")
  ],
  [
    "vLLM",
    "vllm",
    "an image for a model without eyes",
    data({
      error: {
        object: "error",
        message: "The model is not multimodal. Please remove image inputs.",
        type: "BadRequestError",
        param: null,
        code: 400
      }
    }) + done,
    "next",
    thread("BerriAI/litellm/pull/32237")
  ],
  [
    "vLLM",
    "vllm",
    "engine died, as reported",
    data({
      error: {
        message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        type: "InternalServerError",
        param: null,
        code: 500
      }
    }),
    "retries",
    thread("vllm-project/vllm#42363")
  ],
  [
    "LM Studio",
    "lmstudio",
    "compute error",
    data({ error: { message: "Compute error." }, message: "Compute error." }),
    "retries",
    thread("zendev-sh/goai/pull/110")
  ],
  [
    "LM Studio",
    "lmstudio",
    "crashed, as reported",
    named({
      error: {
        message: "The model has crashed without additional information. (Exit code: 18446744072635812000)"
      }
    }),
    "retries",
    thread("lmstudio-ai/lmstudio-bug-tracker#1347")
  ],
  [
    "llama.cpp",
    "llamacpp",
    "no context shift",
    data({ error: { code: 500, message: "context shift is disabled", type: "server_error" } }),
    "retries",
    thread("ggml-org/llama.cpp/pull/13577")
  ],
  [
    "Ollama",
    "ollama",
    "an error of the runner, as reported",
    line({ error: "an error was encountered while running the model: unexpected EOF" }),
    "retries",
    thread("chatboxai/chatbox#2114")
  ],
  [
    "Ollama",
    "ollama",
    "a runner that broke off",
    line({ error: "POST predict: Post \"http://127.0.0.1:63330/completion\": EOF" }),
    "retries",
    thread("chatboxai/chatbox#2114")
  ],
  [
    "Ollama",
    "ollama",
    "its cloud broke off",
    line({ error: "Post \"https://ollama.com:443/v1/chat/completions?ts=1775218167\": unexpected EOF" }),
    "retries",
    thread("ollama/ollama-js#285")
  ]
]
