/**
 * Refusals whose status, codes and words were compared with what their source shows (2026-11-27): a report that quotes the
 * answer, or the vendor's own list of codes.
 */
import { anthropicCodes } from "./anthropicCodes.ts"
import { comparedClouds } from "./comparedClouds.ts"
import { vendor } from "./refusal.ts"

const e = (message: string, type: string | null = "invalid_request_error", code: string | null = null) => ({
  error: { message, type, param: null, code }
})
const issue = (path: string): string => {
  const [repository, number] = path.split("#")
  return `https://github.com/${repository}/issues/${number}`
}
const pull = (path: string): string => issue(path).replace("/issues/", "/pull/")

const bedrock = vendor("Bedrock, as reported", "anthropic", [
  [
    "answer too long",
    400,
    { message: "The maximum tokens you requested exceeds the model limit of 32768" },
    "next",
    issue("charmbracelet/crush#946")
  ],
  [
    "too long, in Claude's words",
    400,
    { message: "The model returned the following errors: prompt is too long: 227255 tokens > 200000 maximum" },
    "larger",
    pull("aaif-goose/goose#7504")
  ],
  [
    "too long for the stream",
    400,
    { message: "The model returned the following errors: Input is too long for requested model." },
    "larger",
    issue("continuedev/continue#9592")
  ],
  [
    "too many letters",
    400,
    {
      message:
        "Malformed input request: expected maxLength: 42000, actual: 46735, please reformat your input and try again."
    },
    "larger",
    issue("ryanadoty/Amazon-Bedrock-Amazon-RDS-POC#9")
  ],
  [
    "too many bytes",
    400,
    {
      message:
        "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length less than or equal to 25000000"
    },
    "larger",
    issue("langchain-ai/langchain-aws#419")
  ],
  ["account", 400, { message: "Operation not allowed" }, "rests", issue("langgenius/dify#7488")],
  [
    "account without the API",
    400,
    { message: "Your account is not authorized to invoke this API operation." },
    "rests",
    issue("aws-samples/amazon-bedrock-audio-summarizer#3")
  ],
  [
    "legacy model",
    404,
    {
      message:
        "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days. Please upgrade to an active model on Amazon Bedrock"
    },
    "rests",
    issue("aws-samples/amazon-bedrock-workshop#386")
  ],
  [
    "model at its end",
    404,
    {
      message:
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
    },
    "rests",
    issue("gsd-build/gsd-2#5425")
  ],
  [
    "model without access",
    403,
    { message: "You don't have access to the model with the specified model ID." },
    "rests",
    issue("aws-samples/bedrock-chat#471")
  ]
])

const hosts = vendor("Hosts, as reported", "openai", [
  [
    "Together: too long",
    422,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 65537. Given: 79993 `inputs` tokens and 1024 `max_new_tokens`",
    "larger",
    issue("bytedance/UI-TARS-desktop#626")
  ],
  [
    "Fireworks: rate limit",
    429,
    {
      error: "Too Many Requests",
      message:
        "You have exceeded your usage limits. Please try again later or contact Fireworks to explore dedicated capacity."
    },
    "retries",
    issue("GordeyZuev/LEAP#6")
  ],
  [
    "Fireworks: unknown model",
    404,
    { message: "Model not found, inaccessible, and/or not deployed", param: "model", code: "NOT_FOUND", type: "error" },
    "rests",
    issue("warpdotdev/warp#15107")
  ],
  [
    "Cerebras: requests a minute",
    429,
    {
      message: "Requests per minute limit exceeded - too many requests sent.",
      type: "too_many_requests_error",
      param: "quota",
      code: "request_quota_exceeded"
    },
    "retries",
    issue("nminaya/grammar-nazi-bot#958")
  ],
  [
    "Cerebras: tokens a minute",
    429,
    "Tokens per minute limit exceeded - too many tokens processed.",
    "retries",
    issue("continuedev/continue#9800")
  ],
  [
    "Workers AI: spent day",
    429,
    {
      errors: [{
        message:
          "AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's Workers Paid plan",
        code: 4006
      }],
      success: false,
      result: {},
      messages: []
    },
    "rests",
    issue("diegosouzapw/OmniRoute#6980")
  ],
  [
    "OpenAI: at capacity",
    503,
    e("Selected model is at capacity. Please try a different model.", "server_error"),
    "retries",
    issue("openai/codex#46142")
  ],
  [
    "OpenAI: too long",
    400,
    e(
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens. Please reduce the length of the messages.",
      "invalid_request_error",
      "context_length_exceeded"
    ),
    "larger",
    issue("crewAIInc/crewAI-examples#121")
  ],
  [
    "OpenRouter: credit for fewer tokens",
    402,
    {
      error: {
        message:
          "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 222. To increase, visit https://openrouter.ai/settings/credits and upgrade to a paid account",
        code: 402
      }
    },
    "rests",
    issue("continuedev/continue#11154")
  ],
  [
    "Gemini: JSON in the message",
    429,
    {
      error: {
        message:
          "{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"Resource has been exhausted (e.g. check quota).\",\n    \"status\": \"RESOURCE_EXHAUSTED\"\n  }\n}\n",
        code: 429,
        status: "Too Many Requests"
      }
    },
    "retries",
    issue("continuedev/continue#10560")
  ],
  [
    "Vertex AI: shared capacity",
    429,
    [{
      error: {
        code: 429,
        message:
          "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
        errors: [{ message: "Resource exhausted.", domain: "global", reason: "rateLimitExceeded" }],
        status: "RESOURCE_EXHAUSTED"
      }
    }],
    "retries",
    issue("google-gemini/gemini-cli#10717")
  ],
  [
    "Gemini: too long",
    400,
    {
      error: {
        code: 400,
        message: "The input token count exceeds the maximum number of tokens allowed 1048576.",
        status: "INVALID_ARGUMENT"
      }
    },
    "larger",
    issue("google-gemini/gemini-cli#15184")
  ],
  [
    "Gemini: results and calls differ in number",
    400,
    [{
      error: {
        code: 400,
        message:
          "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
        errors: [{
          message: "Please ensure that the number of parts is equal.",
          domain: "global",
          reason: "badRequest"
        }],
        status: "INVALID_ARGUMENT"
      }
    }],
    "next",
    issue("google-gemini/gemini-cli#2321")
  ],
  [
    "Mistral: capacity",
    429,
    {
      object: "error",
      message: "Service tier capacity exceeded for this model.",
      type: "invalid_request_error",
      param: null,
      code: null
    },
    "retries",
    issue("continuedev/continue#6185")
  ],
  [
    "Mistral: rate limit",
    429,
    {
      object: "error",
      message: "Rate limit exceeded",
      type: "rate_limited",
      param: null,
      code: "1300",
      raw_status_code: 429
    },
    "retries",
    issue("raycast/extensions#31107")
  ],
  [
    "Mistral: unknown field, in the message",
    422,
    {
      object: "error",
      message: {
        detail: [{
          type: "extra_forbidden",
          loc: ["body", "max_completion_tokens"],
          msg: "Extra inputs are not permitted",
          input: 32_000
        }]
      },
      type: "invalid_request_error",
      param: null,
      code: null
    },
    "next",
    issue("editor-code-assistant/eca#231")
  ],
  [
    "Mistral: unknown field, twice",
    422,
    {
      object: "Error",
      detail: [{ type: "extra_forbidden", loc: ["body", "tools"], msg: "Extra inputs are not permitted", input: [] }],
      message: [{ type: "extra_forbidden", loc: ["body", "tools"], msg: "Extra inputs are not permitted", input: [] }],
      type: "invalid_request_error",
      code: 3001
    },
    "next",
    issue("partITech/php-mistral#76")
  ],
  [
    "DeepSeek: a thought is missing",
    400,
    e(
      "Missing `reasoning_content` field in the assistant message at message index 2. For more information, please refer to https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"
    ),
    "next",
    issue("abhigyanpatwari/GitNexus#43")
  ],
  [
    "DeepSeek: a thought is missing, by code",
    400,
    e(
      "The reasoning_content in the thinking mode must be passed back to the API.",
      "invalid_request_error",
      "invalid_request_error"
    ),
    "next",
    issue("JohnnyZ93/oai-compatible-copilot#215")
  ],
  [
    "LiteLLM: a call that llama.cpp cannot parse",
    500,
    {
      error: {
        message:
          "litellm.InternalServerError: InternalServerError: Custom_openaiException - Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error at line 1, column 131. Received Model Group=qwen3.6-35b\nAvailable Model Group Fallbacks=None",
        type: null,
        param: null,
        code: "500"
      }
    },
    "again",
    issue("vxcontrol/pentagi#313")
  ]
])

const own = vendor("Servers of one's own, as reported", "vllm", [
  [
    "SGLang: too long",
    400,
    {
      object: "error",
      message: "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
      type: "BadRequestError",
      param: null,
      code: 400
    },
    "larger",
    issue("QwenLM/Qwen3#1321")
  ],
  [
    "vLLM: too long",
    400,
    {
      object: "error",
      message:
        "This model's maximum context length is 2048 tokens. However, you requested 6751 tokens (6719 in the messages, 32 in the completion). Please reduce the length of the messages or completion.",
      type: "BadRequestError",
      param: null,
      code: 400
    },
    "larger",
    issue("open-compass/opencompass#1824")
  ],
  [
    "TGI: overloaded",
    429,
    { error: "Model is overloaded", error_type: "overloaded" },
    "waits",
    issue("huggingface/text-generation-inference#439")
  ],
  [
    "TGI: too long",
    422,
    {
      error: "Input validation error: `inputs` must have less than 4096 tokens. Given: 4545",
      error_type: "validation"
    },
    "larger",
    issue("meta-llama/llama#1103")
  ],
  [
    "TGI: answer too long",
    422,
    { error: "Input validation error: `max_new_tokens` must be <= 192. Given: 200" },
    "next",
    issue("huggingface/transformers#28523")
  ]
])

const llamaCpp = vendor("llama.cpp, as reported", "llamacpp", [
  [
    "call in tags that it cannot parse",
    500,
    { error: { code: 500, message: "Failed to parse input at pos 12: </tool_call>", type: "server_error" } },
    "again",
    issue("ggml-org/llama.cpp#20761")
  ],
  [
    "arguments that were cut",
    500,
    {
      error: {
        code: 500,
        message:
          "Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error at line 1, column 18144: syntax error while parsing value - invalid string: missing closing quote"
      }
    },
    "again",
    issue("nibor1896/Crow#203")
  ]
])

const upgrade = "upgrade for higher limits: https://ollama.com/upgrade"
const ollama = vendor("Ollama, as reported", "ollama", [
  [
    "subscription",
    403,
    { error: "this model requires a subscription, upgrade for access: https://ollama.com/upgrade" },
    "rests",
    issue("ollama/ollama#15990")
  ],
  [
    "session",
    429,
    { error: `you (x) have reached your session usage limit, ${upgrade}` },
    "rests",
    issue("continuedev/continue#11444")
  ],
  [
    "week",
    429,
    {
      error: `you (x) have reached your weekly usage limit, ${upgrade} or add extra usage: https://ollama.com/settings`
    },
    "rests",
    pull("NousResearch/hermes-agent#68832")
  ],
  [
    "hour",
    429,
    { error: "you've reached your hourly usage limit, please wait or upgrade to continue" },
    "rests",
    issue("continuedev/continue#9233")
  ],
  ["key", 401, { error: "unauthorized" }, "rests", issue("diegosouzapw/OmniRoute#276")],
  [
    "template of another version",
    500,
    { error: "template: :3: function \"currentDate\" not defined" },
    "next",
    issue("open-webui/open-webui#16311")
  ]
])

export const compared = [anthropicCodes, bedrock, hosts, own, llamaCpp, ollama, comparedClouds]
