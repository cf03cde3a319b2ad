/** Refusals of OpenAI. */
import { vendor } from "./refusal.ts"

const docs = "https://platform.openai.com/docs/guides/error-codes"
const e = (message: string, type: string | null, code: string | null = null, param: string | null = null) => ({
  error: { message, type, param, code }
})

export const openAi = vendor("OpenAI", "openai", [
  [
    "rate limit of requests",
    429,
    e(
      "Rate limit reached for gpt-5-mini in organization org-x on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.",
      "requests",
      "rate_limit_exceeded"
    ),
    "retries",
    "https://github.com/OpenBMB/ChatDev/issues/26"
  ],
  [
    "rate limit of tokens",
    429,
    e(
      "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000, Requested 1500. Please try again in 1.2s.",
      "tokens",
      "rate_limit_exceeded"
    ),
    "retries",
    "https://github.com/semanser/codel/issues/72"
  ],
  [
    "one request above the tokens a minute",
    429,
    e(
      "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 30601. The input or output tokens must be reduced in order to run successfully.",
      "tokens",
      "rate_limit_exceeded"
    ),
    "next",
    "https://github.com/vanderschaarlab/climb/issues/1"
  ],
  [
    "limit of a day, far away",
    429,
    e(
      "Rate limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.",
      "requests",
      "rate_limit_exceeded"
    ),
    "rests",
    "https://github.com/openai/openai-agents-js/issues/1022"
  ],
  [
    "spent quota",
    429,
    e(
      "You exceeded your current quota, please check your plan and billing details.",
      "insufficient_quota",
      "insufficient_quota"
    ),
    "rests",
    "https://github.com/Pythagora-io/gpt-pilot/issues/340"
  ],
  [
    "inactive billing",
    429,
    e(
      "Your account is not active, please check your billing details on our website.",
      "billing_not_active",
      "billing_not_active"
    ),
    "rests",
    "https://github.com/lifan0127/ai-research-assistant/issues/174"
  ],
  [
    "hard limit of billing",
    400,
    e("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
    "rests",
    "https://github.com/dfinke/PowerShellAI/issues/127"
  ],
  [
    "spend limit of a project",
    429,
    e("The project has reached its spend limit.", "insufficient_quota", "project_spend_limit_exceeded"),
    "rests",
    docs
  ],
  [
    "wrong key",
    401,
    e(
      "Incorrect API key provided: sk-abc***. You can find your API key at https://platform.openai.com/account/api-keys.",
      "invalid_request_error",
      "invalid_api_key"
    ),
    "rests",
    "https://github.com/chatanywhere/GPT_API_free/issues/62"
  ],
  [
    "no key",
    401,
    e(
      "You didn't provide an API key. You need to provide your API key in an Authorization header.",
      "invalid_request_error"
    ),
    "rests",
    "https://github.com/openai/openai-node/issues/73"
  ],
  [
    "not a member of the organization",
    401,
    e("You must be a member of an organization to use the API.", "invalid_request_error", "invalid_organization"),
    "rests",
    docs
  ],
  [
    "missing scopes",
    401,
    e("You have insufficient permissions for this operation. Missing scopes: model.request.", "invalid_request_error"),
    "rests",
    "https://github.com/microsoft/PowerToys/issues/32989"
  ],
  [
    "deactivated account",
    401,
    e(
      "The OpenAI account associated with this API key has been deactivated.",
      "invalid_request_error",
      "account_deactivated"
    ),
    "rests",
    "https://github.com/ChatGPTNextWeb/NextChat/issues/4175"
  ],
  [
    "deactivated organization under 400",
    400,
    e("Your organization has been disabled.", "invalid_request_error"),
    "rests",
    docs
  ],
  [
    "country",
    403,
    e("Country, region, or territory not supported", "request_forbidden", "unsupported_country_region_territory"),
    "rests",
    "https://github.com/nalgeon/pokitoki/issues/42"
  ],
  [
    "unknown model",
    404,
    e("The model `gpt-9` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    "rests",
    "https://github.com/Chainlit/cookbook/issues/82"
  ],
  [
    "retired model",
    404,
    e(
      "The model `text-davinci-003` has been deprecated, learn more here: https://platform.openai.com/docs/deprecations",
      "invalid_request_error",
      "model_not_found"
    ),
    "rests",
    "https://github.com/langflow-ai/langflow/issues/1337"
  ],
  [
    "model of another project",
    403,
    e("Project `proj_x` does not have access to model `gpt-5`", "invalid_request_error", "model_not_found"),
    "rests",
    "https://github.com/cursor/cursor/issues/2953"
  ],
  [
    "organization to be verified",
    400,
    e(
      "Your organization must be verified to generate reasoning summaries.",
      "invalid_request_error",
      "unsupported_value",
      "reasoning.summary"
    ),
    "next",
    "https://github.com/OpenHands/OpenHands/issues/11527"
  ],
  ["wrong path", 404, e("Invalid URL (POST /chat/completions)", "invalid_request_error"), "rests", docs],
  [
    "too long",
    400,
    e(
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.",
      "invalid_request_error",
      "context_length_exceeded",
      "messages"
    ),
    "larger",
    "https://github.com/AsyncFuncAI/deepwiki-open/issues/144"
  ],
  [
    "too long, new words",
    400,
    e(
      "Your input exceeds the context window of this model. Please adjust your input and try again.",
      "invalid_request_error",
      "context_length_exceeded",
      "input"
    ),
    "larger",
    "https://github.com/the-open-agent/openagent/issues/2344"
  ],
  [
    "string too long",
    400,
    e(
      "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760.",
      "invalid_request_error",
      "string_above_max_length",
      "messages[0].content"
    ),
    "larger",
    docs
  ],
  [
    "id of a call too long",
    400,
    e(
      "Invalid 'input[149].call_id': string too long. Expected a string with maximum length 64, but got a string with length 86 instead.",
      "invalid_request_error",
      "string_above_max_length",
      "input[149].call_id"
    ),
    "next",
    "https://github.com/orchidfiles/ungate/issues/26"
  ],
  [
    "unsupported parameter",
    400,
    e(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "invalid_request_error",
      "unsupported_parameter",
      "max_tokens"
    ),
    "next",
    "https://github.com/sipeed/picoclaw/issues/16"
  ],
  [
    "unsupported value",
    400,
    e(
      "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
      "invalid_request_error",
      "unsupported_value",
      "temperature"
    ),
    "next",
    "https://github.com/microsoft/autogen/issues/3597"
  ],
  [
    "unknown argument",
    400,
    e("Unrecognized request argument supplied: stream_options", "invalid_request_error"),
    "next",
    "https://github.com/openai/openai-agents-python/issues/442"
  ],
  [
    "no vision",
    400,
    e(
      "Invalid content type. image_url is only supported by certain models.",
      "invalid_request_error",
      null,
      "messages.[0].content.[1].type"
    ),
    "next",
    "https://github.com/vllm-project/vllm/issues/11629"
  ],
  [
    "no tools",
    400,
    e(
      "Unsupported parameter: 'tools' is not supported with this model.",
      "invalid_request_error",
      "unsupported_parameter",
      "tools"
    ),
    "next",
    docs
  ],
  [
    "no schema",
    400,
    e(
      "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
      "invalid_request_error",
      null,
      "response_format"
    ),
    "next",
    "https://github.com/web-infra-dev/midscene/issues/259"
  ],
  [
    "schema of a tool",
    400,
    e(
      "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be false.",
      "invalid_request_error",
      "invalid_function_parameters",
      "tools[0].function.parameters"
    ),
    "next",
    "https://github.com/xemantic/xemantic-ai-tool-schema/issues/37"
  ],
  [
    "not a chat model",
    404,
    e(
      "This is not a chat model and thus not supported in the v1/chat/completions endpoint.",
      "invalid_request_error",
      null,
      "model"
    ),
    "next",
    "https://github.com/langbot-app/LangBot/issues/400"
  ],
  [
    "flagged prompt",
    400,
    e(
      "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
      "invalid_request_error",
      "invalid_prompt"
    ),
    "policy",
    "https://github.com/alan-turing-institute/t0-1/issues/69"
  ],
  [
    "content policy",
    400,
    e(
      "Your request was rejected as a result of our safety system.",
      "image_generation_user_error",
      "moderation_blocked"
    ),
    "policy",
    docs
  ],
  [
    "a call without its result",
    400,
    e(
      "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: call_1",
      "invalid_request_error",
      null,
      "messages"
    ),
    "fails",
    "https://github.com/minoism/freecc/issues/2"
  ],
  [
    "a result without its call",
    400,
    e(
      "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
      "invalid_request_error",
      null,
      "messages.[1].role"
    ),
    "fails",
    docs
  ],
  ["no messages", 400, e("[] is too short - 'messages'", "invalid_request_error"), "fails", docs],
  [
    "server error",
    500,
    e("The server had an error while processing your request. Sorry about that!", "server_error"),
    "retries",
    "https://github.com/LlmKira/Openaibot/issues/177"
  ],
  ["overloaded", 503, e("That model is currently overloaded with other requests.", "server_error"), "retries", docs],
  ["slow down", 503, e("Slow down", "server_error", "slow_down"), "retries", docs],
  [
    "bad gateway in HTML",
    502,
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>",
    "retries",
    docs
  ],
  ["a hint in milliseconds", 429, e("Rate limit reached", "requests", "rate_limit_exceeded"), "retries", docs, {
    "retry-after-ms": "1500"
  }],
  ["a refusal to be retried", 500, e("The server had an error", "server_error"), "rests", docs, {
    "x-should-retry": "false"
  }]
])
