/** Refusals of Azure OpenAI, GitHub Models and LiteLLM's proxy. */
import { vendor } from "./refusal.ts"

const e = (message: string, type: string | null, code: string | null = null, param: string | null = null) => ({
  error: { message, type, param, code }
})

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
    "https://github.com/OpenBMB/AgentVerse/issues/140"
  ],
  ["no such resource", 404, { error: { code: "404", message: "Resource not found" } }, "rests", azureDocs],
  [
    "wrong key",
    401,
    { error: { code: "401", message: "Access denied due to invalid subscription key or wrong API endpoint." } },
    "rests",
    "https://github.com/SciSharp/BotSharp/issues/386"
  ],
  [
    "firewall",
    403,
    { error: { code: "403", message: "Access denied due to Virtual Network/Firewall rules." } },
    "rests",
    "https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3"
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
    "https://github.com/davrous/AzureAgentToM365/issues/3"
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
    "https://github.com/compl-ai/compl-ai/issues/20"
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
    "https://github.com/run-llama/llama_index/issues/16503"
  ],
  [
    "timeout",
    408,
    { error: { code: "Timeout", message: "The operation was timeout." } },
    "retries",
    "https://github.com/Ironclad/rivet/pull/344"
  ],
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
    "https://github.com/cline/cline/issues/2115"
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
    "https://github.com/BerriAI/litellm/issues/14144"
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
    "https://github.com/BerriAI/litellm/pull/37000"
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
    "https://github.com/BerriAI/litellm/issues/9663"
  ],
  [
    "unknown model, a Python dict in a string",
    400,
    {
      error: {
        message: "400: {'error': 'Invalid model name passed in model=m'}",
        type: "None",
        param: "None",
        code: 400
      }
    },
    "rests",
    "https://github.com/BerriAI/litellm/pull/3142"
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
    "https://github.com/BerriAI/litellm/issues/11639"
  ],
  [
    "model of another team",
    403,
    {
      error: {
        message: "key not allowed to access model. This key can only access models=['a']. Tried to access m",
        type: "key_model_access_denied",
        param: "model",
        code: "403"
      }
    },
    "rests",
    "https://github.com/BerriAI/litellm/pull/39660"
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
    "https://github.com/BerriAI/litellm/issues/36407"
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
