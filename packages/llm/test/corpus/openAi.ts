/** Refusals of OpenAI, Azure OpenAI, GitHub Models and LiteLLM's proxy. */
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
    docs
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
    docs
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
    docs
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
    docs
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
    docs
  ],
  [
    "hard limit of billing",
    400,
    e("Billing hard limit has been reached", "invalid_request_error", "billing_hard_limit_reached"),
    "rests",
    docs
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
    docs
  ],
  [
    "no key",
    401,
    e(
      "You didn't provide an API key. You need to provide your API key in an Authorization header.",
      "invalid_request_error"
    ),
    "rests",
    docs
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
    403,
    e("You have insufficient permissions for this operation. Missing scopes: model.request.", "invalid_request_error"),
    "rests",
    docs
  ],
  [
    "deactivated account",
    401,
    e(
      "Your OpenAI account has been deactivated, please check your email for more information.",
      "invalid_request_error",
      "account_deactivated"
    ),
    "rests",
    docs
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
    docs
  ],
  [
    "unknown model",
    404,
    e("The model `gpt-9` does not exist or you do not have access to it.", "invalid_request_error", "model_not_found"),
    "rests",
    docs
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
    "https://platform.openai.com/docs/deprecations"
  ],
  [
    "model of another project",
    403,
    e("Project `proj_x` does not have access to model `gpt-5`", "invalid_request_error", "model_not_found"),
    "rests",
    docs
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
    "https://help.openai.com/en/articles/10910291-api-organization-verification"
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
    docs
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
    docs
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
    "unsupported parameter",
    400,
    e(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "invalid_request_error",
      "unsupported_parameter",
      "max_tokens"
    ),
    "next",
    "https://platform.openai.com/docs/guides/reasoning"
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
    docs
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
    "https://platform.openai.com/docs/guides/structured-outputs"
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
    "https://platform.openai.com/docs/guides/structured-outputs"
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
    docs
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
    docs
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
    docs
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
    docs
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

const azureDocs = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/quota"
export const azure = vendor("Azure", "openai", [
  [
    "tokens, back in seconds",
    429,
    {
      error: {
        code: "429",
        message:
          "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2023-03-15-preview have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 9 seconds."
      }
    },
    "retries",
    "https://github.com/microsoft/sample-app-aoai-chatGPT/issues/406"
  ],
  [
    "tokens, back in a day",
    429,
    {
      error: {
        code: "429",
        message:
          "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-05-01-preview have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds."
      }
    },
    "rests",
    "https://github.com/alex-wolf-ps/dbchatprov2/issues/2"
  ],
  [
    "back after a minute",
    429,
    {
      error: {
        code: "RateLimitReached",
        message:
          "Your requests to gpt-5.1 for gpt-5.1 in East US 2 have exceeded the token rate limit for your current AIServices S0 pricing tier. Please retry after 60 seconds."
      }
    },
    "retries",
    "https://github.com/dyad-sh/dyad/issues/1849"
  ],
  [
    "high demand",
    429,
    {
      error: {
        code: "429",
        message:
          "The system is currently experiencing high demand and cannot process your request. Please retry after 20 seconds."
      }
    },
    "retries",
    "https://github.com/pollinations/pollinations/issues/6260"
  ],
  [
    "no such deployment",
    404,
    {
      error: {
        code: "DeploymentNotFound",
        message:
          "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."
      }
    },
    "rests",
    azureDocs
  ],
  ["no such resource", 404, { error: { code: "404", message: "Resource not found" } }, "rests", azureDocs],
  [
    "wrong key",
    401,
    { error: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." } },
    "rests",
    azureDocs
  ],
  [
    "firewall",
    403,
    { error: { code: "AccessDenied", message: "Access denied due to Virtual Network/Firewall rules." } },
    "rests",
    azureDocs
  ],
  [
    "no role",
    401,
    {
      error: {
        code: "PermissionDenied",
        message:
          "The principal `x` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST`."
      }
    },
    "rests",
    "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity"
  ],
  [
    "out of call volume",
    403,
    { statusCode: 403, message: "Out of call volume quota. Quota will be replenished in 10:12:13." },
    "rests",
    azureDocs
  ],
  [
    "content filter",
    400,
    {
      error: {
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        type: null,
        param: "prompt",
        code: "content_filter",
        status: 400,
        innererror: {
          code: "ResponsibleAIPolicyViolation",
          content_filter_result: { hate: { filtered: true, severity: "high" } }
        }
      }
    },
    "policy",
    "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter"
  ],
  [
    "operation not supported",
    400,
    {
      error: {
        code: "OperationNotSupported",
        message: "The chatCompletion operation does not work with the specified model, gpt-5-codex."
      }
    },
    "next",
    azureDocs
  ],
  ["timeout", 408, { error: { code: "Timeout", message: "The operation was timeout." } }, "retries", azureDocs],
  [
    "too long",
    400,
    e(
      "This model's maximum context length is 16385 tokens, however you requested 17000 tokens.",
      "invalid_request_error",
      "context_length_exceeded",
      "messages"
    ),
    "larger",
    azureDocs
  ],
  [
    "capacity",
    503,
    {
      error: {
        code: "InternalServerError",
        message: "Backend returned unexpected response. Please contact Microsoft for help."
      }
    },
    "retries",
    azureDocs
  ]
])

export const gitHub = vendor("GitHub Models", "openai", [
  [
    "unknown model",
    400,
    { error: { code: "unknown_model", message: "Unknown model: gpt-9", details: "Unknown model: gpt-9" } },
    "rests",
    "https://docs.github.com/en/github-models"
  ],
  [
    "model not supported",
    400,
    e("The requested model is not supported.", "invalid_request_error", "model_not_supported", "model"),
    "rests",
    "https://docs.github.com/en/copilot"
  ],
  [
    "too long",
    413,
    {
      error: {
        code: "tokens_limit_reached",
        message: "Request body too large for gpt-4o model. Max size: 8000 tokens.",
        details: "Request body too large"
      }
    },
    "larger",
    "https://docs.github.com/en/github-models"
  ],
  [
    "requests of a day",
    429,
    {
      error: {
        code: "RateLimitReached",
        message: "Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 43000 seconds before retrying."
      }
    },
    "rests",
    "https://docs.github.com/en/github-models",
    { "retry-after": "43000" }
  ]
])

const lite = "https://docs.litellm.ai/docs/exception_mapping"
export const liteLlm = vendor("LiteLLM", "openai", [
  [
    "budget of a key",
    400,
    {
      error: {
        message: "Budget has been exceeded! Current cost: 26.1, Max budget: 0.25",
        type: "budget_exceeded",
        param: null,
        code: "400"
      }
    },
    "rests",
    "https://docs.litellm.ai/docs/proxy/users"
  ],
  [
    "budget under 429",
    429,
    {
      error: {
        message: "Budget has been exceeded! Current cost: 26.1, Max budget: 0.25",
        type: "budget_exceeded",
        param: null,
        code: "429"
      }
    },
    "rests",
    "https://docs.litellm.ai/docs/proxy/users"
  ],
  [
    "unknown model",
    400,
    {
      error: {
        message:
          "/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view available models for your key.",
        type: "invalid_request_error",
        param: "model",
        code: "400"
      }
    },
    "rests",
    lite
  ],
  [
    "unknown model, a Python dict in a string",
    400,
    {
      error: {
        message: "{'error': '/chat/completions: Invalid model name passed in model=m'}",
        type: "None",
        param: "None",
        code: "400"
      }
    },
    "rests",
    lite
  ],
  [
    "Azure's limit inside a message",
    429,
    {
      error: {
        message:
          "litellm.RateLimitError: AzureException RateLimitError - Error code: 429 - {'error': {'code': '429', 'message': 'Requests have exceeded token rate limit of your current AIServices S0 pricing tier. Please retry after 86400 seconds.'}}\nReceived Model Group=m\nAvailable Model Group Fallbacks=None",
        type: "throttling_error",
        param: null,
        code: "429"
      }
    },
    "rests",
    "https://github.com/jasonacox/TinyLLM/issues/17"
  ],
  [
    "Anthropic's limit of output inside a message",
    400,
    {
      error: {
        message:
          "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"max_tokens: 21333 > 4096, which is the maximum allowed number of output tokens for m\"}}. Received Model Group=m",
        type: "None",
        param: "None",
        code: "400"
      }
    },
    "next",
    "https://github.com/anthropics/claude-code/issues/11302"
  ],
  [
    "unknown key",
    401,
    {
      error: {
        message: "Authentication Error, Invalid proxy server token passed. Received API Key = sk-...abcd",
        type: "token_not_found_in_db",
        param: "key",
        code: "401"
      }
    },
    "rests",
    "https://docs.litellm.ai/docs/proxy/virtual_keys"
  ],
  [
    "model of another team",
    401,
    {
      error: {
        message: "key not allowed to access model. This key can only access models=['a']. Tried to access m",
        type: "key_model_access_denied",
        param: "model",
        code: "401"
      }
    },
    "rests",
    "https://docs.litellm.ai/docs/proxy/virtual_keys"
  ],
  [
    "too long",
    400,
    {
      error: {
        message:
          "litellm.ContextWindowExceededError: litellm.BadRequestError: this model's maximum context length is 4097 tokens",
        type: null,
        param: null,
        code: "400"
      }
    },
    "larger",
    lite
  ],
  [
    "policy",
    400,
    {
      error: {
        message: "litellm.BadRequestError: litellm.ContentPolicyViolationError: Your request was rejected",
        type: null,
        param: null,
        code: "400"
      }
    },
    "policy",
    lite
  ],
  [
    "parameter",
    400,
    {
      error: {
        message: "litellm.UnsupportedParamsError: m does not support parameters: ['reasoning_effort'], for model=m.",
        type: "None",
        param: null,
        code: "400"
      }
    },
    "next",
    "https://docs.litellm.ai/docs/completion/drop_params"
  ],
  [
    "connection to the upstream",
    500,
    {
      error: {
        message: "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error.",
        type: null,
        param: null,
        code: "500"
      }
    },
    "retries",
    lite
  ]
])
