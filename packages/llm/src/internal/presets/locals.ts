/**
 * The servers of chat completions that run on your own machines, in the order in which they are asked.
 *
 * Guarded by `test/config/faults.test.ts` and `test/config/selection.test.ts`.
 */
import type { Preset } from "./preset.ts"
import { local } from "./preset.ts"

export const locals = {
  /** LiteLLM's proxy: the names of its models are those of its configuration, and errors wrap those of its upstreams. */
  litellm: {
    ...local,
    name: "litellm",
    baseUrl: "http://127.0.0.1:4000/v1",
    variables: "LITELLM",
    // "Prompt Caching": it hands Anthropic's marks on.
    cacheMarks: true,
    start: "Start it with `litellm --config <config.yaml>`",
    source: "https://docs.litellm.ai/docs/proxy/user_keys"
  },
  /** vLLM: `{ object: "error" }` or `{ error }` by its age, tools only where the server was started for them. */
  vllm: {
    ...local,
    name: "vllm",
    baseUrl: "http://127.0.0.1:8000/v1",
    variables: "VLLM",
    models: "all",
    start: "Start it with `vllm serve <model>`",
    source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
  },
  /** SGLang: tools and reasoning apart only where the server was started with a parser for them; `abort` as a finish reason. */
  sglang: {
    ...local,
    name: "sglang",
    baseUrl: "http://127.0.0.1:30000/v1",
    variables: "SGLANG",
    models: "all",
    start: "Start it with `python -m sglang.launch_server --model-path <model>`",
    source: "https://docs.sglang.ai/basic_usage/openai_api_completions.html"
  },
  /** LM Studio: a failing stream is a 200 and `event: error`; `tool_choice` is a word. */
  lmstudio: {
    ...local,
    name: "lmstudio",
    baseUrl: "http://127.0.0.1:1234/v1",
    variables: "LMSTUDIO",
    models: "all",
    toolChoice: "required",
    // "Image input": base64 alone.
    fetches: { images: false, files: false },
    start: "Start it with `lms server start`",
    source: "https://lmstudio.ai/docs/developer/openai-compat"
  },
  /**
   * llama.cpp's server: 503 while the model loads, `exceed_context_size_error` under 400 or 500. It serves one model, whatever
   * its name, and reads words alone as `tool_choice` (common/chat.cpp).
   */
  llamacpp: {
    ...local,
    name: "llamacpp",
    baseUrl: "http://127.0.0.1:8080/v1",
    variables: "LLAMACPP",
    model: "default",
    embeddingModel: "default",
    toolChoice: "required",
    enforcesPatterns: true,
    start: "Start it with `llama-server -m <model.gguf> --jinja`",
    source: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
  }
} as const satisfies Readonly<Record<string, Preset>>
