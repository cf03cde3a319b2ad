/** Errors in streams of Anthropic and of local servers. */
import type { Row } from "./frames.ts"
import { a, data, line, named } from "./frames.ts"

const anthropic = "https://docs.claude.com/en/docs/build-with-claude/streaming"
const vllm = "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
const llamaCpp = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
const lmStudio = "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618"
const ollama = "https://github.com/ollama/ollama/blob/main/docs/api.md"

export const localRows: ReadonlyArray<Row> = [
  [
    "vLLM",
    "vllm",
    "engine died",
    data({
      error: {
        object: "error",
        message: "EngineCore encountered an issue.",
        type: "InternalServerError",
        param: null,
        code: 500
      }
    }),
    "retries",
    vllm
  ],
  [
    "vLLM",
    "vllm",
    "old form",
    data({ object: "error", message: "Internal server error", type: "InternalServerError", param: null, code: 500 }),
    "retries",
    vllm
  ],
  [
    "vLLM",
    "vllm",
    "too long",
    data({
      object: "error",
      message: "This model's maximum context length is 4096 tokens",
      type: "BadRequestError",
      param: null,
      code: 400
    }),
    "larger",
    vllm
  ],
  [
    "SGLang",
    "openai",
    "aborted",
    data({ error: { object: "error", message: "Internal server error", type: "InternalServerError", code: 500 } }),
    "retries",
    "https://docs.sglang.ai/"
  ],
  [
    "TGI",
    "openai",
    "generation",
    data({ error: "Request failed during generation: Server error", error_type: "generation" }),
    "retries",
    "https://huggingface.co/docs/text-generation-inference"
  ],
  [
    "TGI",
    "openai",
    "overloaded",
    data({ error: "Model is overloaded", error_type: "overloaded" }),
    "retries",
    "https://huggingface.co/docs/text-generation-inference"
  ],
  [
    "LM Studio",
    "lmstudio",
    "crashed",
    named({ error: { message: "The model has crashed without additional information." } }),
    "retries",
    lmStudio
  ],
  [
    "LM Studio",
    "lmstudio",
    "too long",
    named({
      error: {
        message:
          "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"
      }
    }),
    "larger",
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/546"
  ],
  [
    "LM Studio",
    "lmstudio",
    "cannot be loaded",
    named({ error: { message: "Failed to load model \"m\"." } }),
    "rests",
    lmStudio
  ],
  [
    "LM Studio",
    "lmstudio",
    "template",
    named({ error: { message: "Error rendering prompt with jinja template." } }),
    "next",
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/842"
  ],
  [
    "llama.cpp",
    "llamacpp",
    "a line of its own",
    `error: ${JSON.stringify({ code: 500, message: "the runner failed", type: "server_error" })}\n\n`,
    "retries",
    llamaCpp
  ],
  [
    "llama.cpp",
    "llamacpp",
    "context shift",
    data({ error: { code: 500, message: "Context size has been exceeded.", type: "server_error" } }),
    "larger",
    llamaCpp
  ],
  [
    "llama.cpp",
    "llamacpp",
    "failed to decode",
    data({ error: { code: 500, message: "Compute error.", type: "server_error" } }),
    "retries",
    llamaCpp
  ],
  ["Anthropic", "anthropic", "overloaded", a("overloaded_error", "Overloaded"), "retries", anthropic],
  ["Anthropic", "anthropic", "api error", a("api_error", "Internal server error"), "retries", anthropic],
  [
    "Anthropic",
    "anthropic",
    "rate limit",
    a("rate_limit_error", "This request would exceed your account's rate limit."),
    "retries",
    anthropic
  ],
  ["Anthropic", "anthropic", "timeout", a("timeout_error", "Request timed out"), "retries", anthropic],
  [
    "Anthropic",
    "anthropic",
    "blocked output",
    a("invalid_request_error", "Output blocked by content filtering policy"),
    "policy",
    "https://github.com/anthropics/claude-code/issues/58367"
  ],
  [
    "Anthropic",
    "anthropic",
    "credit",
    a("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "rests",
    anthropic
  ],
  [
    "Anthropic",
    "anthropic",
    "no name behind a proxy",
    data({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    "retries",
    anthropic
  ],
  [
    "Bedrock",
    "anthropic",
    "throttled",
    a("rate_limit_error", "Too many tokens, please wait before trying again."),
    "retries",
    anthropic
  ],
  [
    "Ollama",
    "ollama",
    "runner stopped",
    line({
      error: "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error"
    }),
    "retries",
    ollama
  ],
  [
    "Ollama",
    "ollama",
    "an error of the runner",
    line({ error: "an error was encountered while running the model: unexpected EOF" }),
    "retries",
    ollama
  ],
  [
    "Ollama",
    "ollama",
    "memory",
    line({ error: "model requires more system memory (7.3 GiB) than is available (6.0 GiB)" }),
    "rests",
    ollama
  ],
  [
    "Ollama",
    "ollama",
    "a malformed tool call",
    line({ error: "error parsing tool call: raw='{', err=unexpected end of JSON input" }),
    "again",
    "https://github.com/ollama/ollama/issues/17638"
  ],
  [
    "Ollama",
    "ollama",
    "too long",
    line({ error: "prompt too long; exceeded max context length by 5 tokens" }),
    "larger",
    ollama
  ],
  ["Ollama", "ollama", "unknown model", line({ error: "model 'm' not found" }), "rests", ollama]
]
