/**
 * vLLM, SGLang, TGI, LM Studio and llama.cpp's server.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const llamaCpp = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"

export const local: ReadonlyArray<Signal> = [
  // vLLM
  {
    server: "vLLM",
    kind: "contextOverflow",
    phrase: /max_tokens must be at least 1, got -/i,
    source: "https://github.com/vllm-project/vllm/issues/4667"
  },
  {
    server: "vLLM",
    kind: "contextOverflow",
    phrase:
      /(longer|greater) than the maximum model length|decoder prompt .* (is )?longer than|maximum model length of \d+/i,
    source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
  },
  {
    server: "vLLM",
    kind: "contextOverflow",
    phrase: /exceeds the model's maximum context length|'?max_(completion_)?tokens'? .*is too large.*maximum context/i,
    source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
  },
  {
    server: "vLLM",
    kind: "unsupported",
    phrase: /is not a multimodal model|at most 0 \w+\(s\) may be provided/i,
    source: "https://github.com/studio-dots-ai/dots.ocr/issues/26"
  },
  {
    server: "vLLM",
    kind: "unsupported",
    phrase: /tools? choice requires --|requires --(enable-auto-tool-choice|tool-call-parser|jinja)/i,
    source: "https://github.com/ogx-ai/ogx/issues/1185"
  },
  {
    server: "vLLM",
    kind: "unsupported",
    phrase:
      /does not support (chat completions api|chat|generation|pooling)|default chat template is no longer allowed/i,
    source: "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"
  },
  {
    server: "vLLM",
    kind: "incompatible",
    phrase:
      /roles must alternate|only user and assistant roles are supported|only user, assistant and tool roles|system role not supported|system message must be at the beginning|must start with a user/i,
    source: "https://github.com/vllm-project/vllm/issues/6862"
  },
  {
    server: "vLLM",
    kind: "unknownModel",
    category: "NotFoundError",
    phrase: /the model .* does not exist/i,
    source: "https://github.com/vllm-project/vllm/issues/3485"
  },
  {
    server: "vLLM",
    kind: "serverError",
    phrase: /background loop has errored|enginedeaderror|enginecore encountered an issue/i,
    source: "https://github.com/vllm-project/vllm/issues/24495"
  },

  // SGLang
  {
    server: "SGLang",
    kind: "contextOverflow",
    phrase:
      /requested token count exceeds the model's maximum context length|input .*is longer than the model's context length|input length \(\d+ tokens\) exceeds/i,
    source: "https://docs.sglang.ai/"
  },
  {
    server: "SGLang",
    kind: "overloaded",
    phrase: /the request queue is full|no available workers|request is aborted/i,
    source: "https://docs.sglang.ai/"
  },

  // TGI
  {
    server: "TGI",
    kind: "overloaded",
    code: "overloaded",
    source: "https://github.com/huggingface/text-generation-inference/blob/main/router/src/server.rs"
  },
  {
    server: "TGI",
    kind: "overloaded",
    phrase: /model is overloaded/i,
    source: "https://github.com/huggingface/text-generation-inference/issues/439"
  },
  {
    server: "TGI",
    kind: "contextOverflow",
    phrase: /`?inputs`? must have less than \d+ tokens|`?inputs`? tokens \+ `?max_new_tokens`? must be <=/i,
    source: "https://github.com/meta-llama/llama/issues/1103"
  },
  {
    server: "TGI",
    kind: "incompatible",
    code: "template_error",
    source: "https://huggingface.co/docs/text-generation-inference"
  },
  {
    server: "TGI",
    kind: "incompatible",
    phrase: /^template error/i,
    source: "https://huggingface.co/docs/text-generation-inference"
  },
  {
    server: "TGI",
    kind: "serverError",
    category: /^(generation|incomplete_generation|request_failed)$/,
    source: "https://huggingface.co/docs/text-generation-inference"
  },
  {
    server: "TGI",
    kind: "failedGeneration",
    code: "tool_error",
    source: "https://huggingface.co/docs/text-generation-inference"
  },

  // LM Studio
  {
    server: "LM Studio",
    kind: "outOfMemory",
    phrase: /failed to load model|insufficient system resources/i,
    source: "https://lmstudio.ai/docs/app/api"
  },
  {
    server: "LM Studio",
    kind: "contextOverflow",
    phrase:
      /tokens to keep from the initial prompt|cannot truncate prompt with n_keep|trying to keep the first \d+ tokens when context the overflows|reached context length of \d+|context length of only \d+ tokens/i,
    source: "https://github.com/Gitlawb/openclaude/issues/353"
  },
  {
    server: "LM Studio",
    kind: "unknownModel",
    phrase: /no models? (is |are )?(currently )?loaded|please load a model|model_not_found|multiple models are loaded/i,
    source: "https://lmstudio.ai/docs/app/api"
  },
  {
    server: "LM Studio",
    kind: "unknownModel",
    phrase: /model unloaded|model was unloaded while/i,
    source: "https://lmstudio.ai/docs/app/api"
  },
  {
    server: "LM Studio",
    kind: "wrongAddress",
    phrase: /unexpected endpoint or method/i,
    source: "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/618"
  },
  {
    server: "LM Studio",
    kind: "serverError",
    phrase: /the model has crashed|^channel error$/i,
    source: "https://lmstudio.ai/docs/app/api"
  },
  {
    server: "LM Studio",
    kind: "incompatible",
    phrase: /error rendering prompt with jinja template/i,
    source: "https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/842"
  },
  {
    server: "LM Studio",
    kind: "unsupported",
    phrase: /model does not support images|'?response_format\.type'? must be/i,
    source: "https://lmstudio.ai/docs/app/api"
  },

  // llama.cpp
  {
    server: "llama.cpp",
    kind: "loading",
    phrase: /^loading model$/i,
    source: "https://github.com/mostlygeek/llama-swap/issues/146"
  },
  {
    server: "llama.cpp",
    kind: "contextOverflow",
    code: "exceed_context_size_error",
    source: "https://github.com/ggml-org/llama.cpp/issues/19774"
  },
  {
    server: "llama.cpp",
    kind: "contextOverflow",
    phrase: /exceeds the available context size|context size has been exceeded|input is too large to process/i,
    source: "https://github.com/ggml-org/llama.cpp/issues/19774"
  },
  {
    server: "llama.cpp",
    kind: "unsupported",
    phrase:
      /image input is not supported|audio input is not supported|provide the mmproj|tools param requires --jinja/i,
    source: "https://github.com/ggml-org/llama.cpp/issues/13566"
  },
  { server: "llama.cpp", kind: "unsupported", code: "not_supported_error", source: llamaCpp },
  {
    server: "llama.cpp",
    kind: "unsupported",
    phrase: /failed to (parse|initialize) (grammar|samplers)|json schema conversion failed/i,
    source: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
  },
  {
    server: "llama.cpp",
    kind: "incompatible",
    phrase:
      /cannot have 2 or more assistant messages|assistant response prefill is incompatible|raise_exception|jinja exception|unable to generate parser for this template/i,
    source: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
  },
  {
    server: "llama.cpp",
    kind: "failedGeneration",
    phrase: /failed to parse (input|tool call)|invalid diff/i,
    source: "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
  },
  {
    server: "llama.cpp",
    kind: "serverError",
    phrase: /context shift is disabled/i,
    source: "https://github.com/ggml-org/llama.cpp/pull/13577"
  },
  { server: "llama.cpp", kind: "overloaded", category: "unavailable_error", source: llamaCpp }
]
