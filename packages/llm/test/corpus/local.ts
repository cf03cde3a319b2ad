/** Refusals of vLLM, SGLang, TGI, LM Studio, llama.cpp and Ollama. */
import { vendor } from "./refusal.ts"

const v = (message: string, type = "BadRequestError", code = 400) => ({
  object: "error",
  message,
  type,
  param: null,
  code
})
const vllmDocs = "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
export const vllm = vendor("vLLM", "vllm", [
  [
    "too long",
    400,
    v("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion)."),
    "larger",
    "https://github.com/ruipeterpan/specreason/issues/4"
  ],
  [
    "too long, newer words",
    400,
    v("The decoder prompt (length 10127) is longer than the maximum model length of 8192."),
    "larger",
    "https://github.com/Gabesarch/grounded-rl/issues/16"
  ],
  [
    "nothing left for the answer",
    400,
    v("max_tokens must be at least 1, got -186."),
    "larger",
    "https://github.com/vllm-project/vllm/issues/4667"
  ],
  [
    "roles",
    400,
    v("Conversation roles must alternate user/assistant/user/assistant/..."),
    "next",
    "https://github.com/vllm-project/vllm/issues/6862"
  ],
  [
    "no images",
    400,
    v("m is not a multimodal model None"),
    "next",
    "https://github.com/studio-dots-ai/dots.ocr/issues/26"
  ],
  [
    "no tools",
    400,
    v("\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"),
    "next",
    "https://github.com/ogx-ai/ogx/issues/1185"
  ],
  [
    "unknown model",
    404,
    v("The model `m` does not exist.", "NotFoundError", 404),
    "rests",
    "https://github.com/vllm-project/vllm/issues/3485"
  ],
  ["no key", 401, { error: "Unauthorized" }, "rests", vllmDocs],
  ["wrong path", 404, { detail: "Not Found" }, "next", vllmDocs],
  [
    "a field it cannot read",
    422,
    { detail: [{ type: "missing", loc: ["body", "messages", 0, "role"], msg: "Field required", input: {} }] },
    "next",
    vllmDocs
  ],
  [
    "dead engine",
    500,
    {
      error: {
        message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        type: "Internal Server Error",
        param: null,
        code: 500
      }
    },
    "retries",
    "https://github.com/vllm-project/vllm/issues/24495"
  ],
  ["unavailable", 503, "", "waits", vllmDocs]
])

const sg = "https://docs.sglang.ai/"
export const sgLang = vendor("SGLang", "openai", [
  [
    "too long",
    400,
    v("The input (61709 tokens) is longer than the model's context length (40960 tokens)."),
    "larger",
    "https://github.com/QwenLM/Qwen3/issues/1321"
  ],
  [
    "too long with the answer",
    400,
    v("Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of 40000 tokens"),
    "larger",
    sg
  ],
  ["full queue", 503, v("The request queue is full.", "ServiceUnavailableError", 503), "retries", sg],
  ["internal", 500, v("Internal server error", "InternalServerError", 500), "retries", sg]
])

const tgiDocs = "https://huggingface.co/docs/text-generation-inference"
export const tgi = vendor("TGI", "openai", [
  [
    "overloaded",
    429,
    { error: "Model is overloaded", error_type: "overloaded" },
    "retries",
    "https://github.com/huggingface/text-generation-inference/issues/439"
  ],
  [
    "too long",
    422,
    {
      error: "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
      error_type: "validation"
    },
    "larger",
    tgiDocs
  ],
  [
    "too long with the answer",
    422,
    {
      error:
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2000 `inputs` tokens and 512 `max_new_tokens`",
      error_type: "validation"
    },
    "larger",
    tgiDocs
  ],
  [
    "template",
    422,
    { error: "Template error: unknown method: string has no method named strip", error_type: "template_error" },
    "next",
    tgiDocs
  ],
  [
    "another value",
    422,
    { error: "Input validation error: `temperature` must be strictly positive", error_type: "validation" },
    "next",
    tgiDocs
  ],
  [
    "generation",
    424,
    { error: "Request failed during generation: Server error: CUDA error", error_type: "generation" },
    "retries",
    tgiDocs
  ]
])

const lms = "https://lmstudio.ai/docs/app/api"
export const lmStudio = vendor("LM Studio", "lmstudio", [
  [
    "cannot be loaded",
    400,
    {
      error: {
        message: "Failed to load model \"m\". Error: Model loading was stopped due to insufficient system resources.",
        type: "invalid_request_error",
        param: "model",
        code: null
      }
    },
    "rests",
    "https://github.com/continuedev/continue/issues/9528"
  ],
  [
    "no model",
    404,
    {
      error: {
        message: "No models loaded. Please load a model in the developer page or use the `lms load` command.",
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found"
      }
    },
    "rests",
    lms
  ],
  [
    "wrong path",
    400,
    { error: "Unexpected endpoint or method. (POST /chat/completions)" },
    "rests",
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618"
  ],
  [
    "too long",
    400,
    {
      error:
        "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input"
    },
    "larger",
    "https://github.com/Gitlawb/openclaude/issues/353"
  ],
  [
    "too long, newer words",
    400,
    { error: "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)" },
    "larger",
    "https://github.com/anomalyco/opencode/issues/11141"
  ],
  ["crashed", 400, { error: "The model has crashed without additional information. (Exit code: 6)" }, "retries", lms],
  [
    "template",
    400,
    { error: "Error rendering prompt with jinja template: \"Conversation roles must alternate\"." },
    "next",
    "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/842"
  ],
  [
    "tool choice",
    400,
    { error: "Invalid tool_choice type: 'object'. Supported string values: none, auto, required" },
    "next",
    lms
  ]
])

const lcDocs = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
const l = (code: number, message: string, type: string) => ({ error: { code, message, type } })
export const llamaCpp = vendor("llama.cpp", "llamacpp", [
  [
    "loading",
    503,
    l(503, "Loading model", "unavailable_error"),
    "waits",
    "https://github.com/mostlygeek/llama-swap/issues/146"
  ],
  [
    "too long",
    400,
    {
      error: {
        code: 400,
        message: "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 4390,
        n_ctx: 4096
      }
    },
    "larger",
    "https://github.com/ggml-org/llama.cpp/issues/19774"
  ],
  [
    "too long, under 500",
    500,
    l(500, "Context size has been exceeded.", "server_error"),
    "larger",
    "https://github.com/ggml-org/llama.cpp/issues/19774"
  ],
  [
    "too long at gpustack's",
    400,
    {
      error: {
        code: 400,
        message: "Illegal param: prefill 744 tokens exceed n_ctx_per_seq, try increasing total context size",
        type: "invalid_request_error"
      },
      detail: "Illegal param"
    },
    "larger",
    "https://github.com/gpustack/gpustack/issues/1845"
  ],
  [
    "no images",
    500,
    l(500, "image input is not supported by this server", "server_error"),
    "next",
    "https://github.com/ggml-org/llama.cpp/issues/13566"
  ],
  ["no tools", 500, l(500, "tools param requires --jinja flag", "server_error"), "next", lcDocs],
  [
    "not supported",
    501,
    l(501, "This server does not support completions. Start it with `--reranking`", "not_supported_error"),
    "next",
    lcDocs
  ],
  [
    "template",
    500,
    l(500, "Conversation roles must alternate user/assistant/user/assistant/... at row 12", "server_error"),
    "next",
    lcDocs
  ],
  ["wrong key", 401, l(401, "Invalid API Key", "authentication_error"), "rests", lcDocs],
  ["wrong path", 404, l(404, "File Not Found", "not_found_error"), "rests", lcDocs]
])

const routes = "https://github.com/ollama/ollama/blob/main/server/routes.go"
const error = (error: string) => ({ error })
export const ollama = vendor("Ollama", "ollama", [
  ["unknown model", 404, error("model 'llama9' not found"), "rests", routes],
  [
    "unknown model, old words",
    404,
    error("model \"llama9\" not found, try pulling it first"),
    "rests",
    "https://github.com/netease-youdao/QAnything/issues/555"
  ],
  ["wrong path", 404, "404 page not found", "rests", routes],
  [
    "no tools",
    400,
    error("registry.ollama.ai/library/gemma:2b does not support tools"),
    "next",
    "https://github.com/ollama/ollama/issues/14795"
  ],
  [
    "no thinking",
    400,
    error("\"gemma3:270m\" does not support thinking"),
    "next",
    "https://github.com/agentscope-ai/agentscope/issues/1099"
  ],
  ["no chat", 400, error("\"nomic-embed-text\" does not support chat"), "next", routes],
  [
    "no images, JSON in a string",
    400,
    error(
      JSON.stringify({
        error: {
          code: 400,
          message: "Multimodal data provided, but model does not support multimodal requests.",
          type: "invalid_request_error"
        }
      })
    ),
    "next",
    routes
  ],
  ["too long", 400, error("input length exceeds the context length"), "larger", routes],
  [
    "too long, from the runner",
    400,
    error(
      JSON.stringify({
        error: {
          code: 400,
          message: "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
          type: "exceed_context_size_error"
        }
      })
    ),
    "larger",
    routes
  ],
  [
    "memory",
    500,
    error("model requires more system memory (7.3 GiB) than is available (6.0 GiB)"),
    "rests",
    "https://github.com/home-assistant/core/issues/139085"
  ],
  [
    "memory of the GPU",
    500,
    error("llama runner process has terminated: cudaMalloc failed: out of memory"),
    "rests",
    "https://github.com/ollama/ollama/issues/9782"
  ],
  ["cannot be loaded", 500, error("unable to load model: /root/.ollama/models/blobs/sha256-1"), "rests", routes],
  ["runner died", 500, error("llama runner process has terminated: exit status 2"), "retries", routes],
  [
    "runner stopped",
    500,
    error("model runner has unexpectedly stopped, this may be due to resource limitations or an internal error"),
    "retries",
    "https://github.com/ollama/ollama/issues/14093"
  ],
  ["loads too long", 500, error("timed out waiting for llama runner to start - progress 0.00 - "), "rests", routes],
  [
    "busy",
    503,
    error("server busy, please try again.  maximum pending requests exceeded"),
    "waits",
    "https://github.com/ollama/ollama/issues/4159"
  ],
  ["cancelled", 499, error("request canceled"), "retries", routes],
  [
    "a malformed tool call",
    500,
    error("error parsing tool call: raw='{\"city\": Oslo}', err=invalid character 'O' looking for beginning of value"),
    "again",
    "https://github.com/ollama/ollama/issues/17638"
  ],
  [
    "a spent cloud",
    429,
    error("you (x) have reached your weekly usage limit, upgrade for higher limits: https://ollama.com/upgrade"),
    "rests",
    "https://github.com/diegosouzapw/OmniRoute/issues/3709"
  ],
  ["not signed in", 401, error("unauthorized"), "rests", "https://docs.ollama.com/cloud"],
  ["an invalid image", 400, error("illegal base64 data at input byte 4"), "fails", routes]
])
