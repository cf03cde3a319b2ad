/** Refusals of Groq, Mistral, DeepSeek, xAI, OpenRouter. */
import { vendor } from "./refusal.ts"

const e = (message: string, type: string | null, code: string | null = null) => ({ error: { message, type, code } })
const bad = (message: string, code: string | null = null) => e(message, "invalid_request_error", code)

const groqDocs = "https://console.groq.com/docs/errors"
export const groq = vendor("Groq", "groq", [
  [
    "rate limit",
    429,
    e(
      "Rate limit reached for model `m` in organization `org_x` on tokens per minute (TPM): Limit 6000, Used 5900, Requested 400. Please try again in 3.05s.",
      "tokens",
      "rate_limit_exceeded"
    ),
    "retries",
    "https://console.groq.com/docs/rate-limits",
    { "retry-after": "4" }
  ],
  [
    "tokens of a day",
    429,
    e(
      "Rate limit reached for model `m` on tokens per day (TPD): Limit 100000, Used 99900, Requested 400. Please try again in 6m0.5s.",
      "tokens",
      "rate_limit_exceeded"
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/10920"
  ],
  [
    "one request above the tokens a minute",
    413,
    e(
      "Request too large for model `m` in organization `org_x` service tier `on_demand` on tokens per minute (TPM): Limit 8000, Requested 12328, please reduce your message size and try again.",
      "tokens",
      "rate_limit_exceeded"
    ),
    "next",
    "https://github.com/continuedev/continue/issues/10218"
  ],
  [
    "restricted organization",
    400,
    bad(
      "Organization has been restricted. Please reach out to support if you believe this was in error.",
      "organization_restricted"
    ),
    "rests",
    "https://github.com/songquanpeng/one-api/issues/1764"
  ],
  ["spend limit", 400, bad("Organization has reached its spend limit", "blocked_api_access"), "rests", groqDocs],
  ["wrong key", 401, bad("Invalid API Key", "invalid_api_key"), "rests", groqDocs],
  [
    "retired model",
    400,
    bad("The model `m` has been decommissioned and is no longer supported.", "model_decommissioned"),
    "rests",
    "https://github.com/atiilla/sqlmap-ai/issues/3"
  ],
  [
    "unknown model",
    404,
    bad("The model `m` does not exist or you do not have access to it.", "model_not_found"),
    "rests",
    "https://github.com/continuedev/continue/issues/10832"
  ],
  [
    "model blocked by the project",
    403,
    e("The model `m` is blocked at the project level.", "permissions_error", "model_permission_blocked_project"),
    "rests",
    groqDocs
  ],
  [
    "terms to be accepted",
    400,
    bad("The model `m` requires terms acceptance.", "model_terms_required"),
    "rests",
    groqDocs
  ],
  [
    "a malformed tool call",
    400,
    {
      error: {
        message: "Failed to call a function. Please adjust your prompt.",
        type: "invalid_request_error",
        code: "tool_use_failed",
        failed_generation: "<function=f>"
      }
    },
    "again",
    "https://github.com/groq/groq-typescript/issues/28"
  ],
  [
    "invalid JSON",
    400,
    {
      error: {
        message: "Failed to generate JSON.",
        type: "invalid_request_error",
        code: "json_validate_failed",
        failed_generation: "model not found"
      }
    },
    "again",
    "https://github.com/thepersonalaicompany/amurex-backend/issues/38"
  ],
  [
    "no schema",
    400,
    bad("This model does not support response format `json_schema`."),
    "next",
    "https://console.groq.com/docs/structured-outputs"
  ],
  ["no images", 400, bad("messages[0].content must be a string"), "next", "https://console.groq.com/docs/vision"],
  [
    "too long",
    400,
    bad("Please reduce the length of the messages or completion.", "context_length_exceeded"),
    "larger",
    "https://github.com/ScrapeGraphAI/Scrapegraph-ai/issues/411"
  ],
  ["full flex tier", 498, bad("Flex tier capacity exceeded", "capacity_exceeded"), "retries", groqDocs],
  [
    "over capacity",
    503,
    e("m is currently over capacity. Please try again and back off exponentially.", "internal_server_error"),
    "retries",
    "https://github.com/infiniflow/ragflow/issues/9858"
  ],
  ["network", 403, { error: { message: "Access denied. Please check your network settings." } }, "rests", groqDocs]
])

const mistralDocs = "https://docs.mistral.ai/api"
const m = (message: unknown, type: string, code: string | null = null) => ({
  object: "error",
  message,
  type,
  param: null,
  code
})
export const mistral = vendor("Mistral", "openai", [
  [
    "rate limit",
    429,
    m("Rate limit exceeded", "rate_limited", "1300"),
    "retries",
    "https://github.com/cline/cline/issues/9085"
  ],
  [
    "rate limit, bare",
    429,
    { message: "Requests rate limit exceeded" },
    "retries",
    "https://github.com/pydantic/pydantic-ai/issues/1885"
  ],
  [
    "capacity of the tier",
    429,
    m("Service tier capacity exceeded for this model.", "invalid_request_error"),
    "retries",
    "https://github.com/continuedev/continue/issues/6185"
  ],
  [
    "wrong key",
    401,
    { message: "Unauthorized", request_id: "x" },
    "rests",
    "https://github.com/coolcline/CoolCline/issues/36"
  ],
  [
    "unknown model",
    400,
    m("Invalid model: m", "invalid_model", "1500"),
    "rests",
    "https://github.com/tmc/langchaingo/issues/1233"
  ],
  [
    "a field it does not know",
    422,
    {
      object: "error",
      message: {
        detail: [{
          type: "extra_forbidden",
          loc: ["body", "stream_options"],
          msg: "Extra inputs are not permitted",
          input: { include_usage: true }
        }]
      },
      type: "invalid_request_error",
      param: null,
      code: null
    },
    "next",
    "https://github.com/openai/openai-agents-python/issues/442"
  ],
  [
    "a field, FastAPI",
    422,
    { detail: [{ type: "extra_forbidden", loc: ["body", "seed"], msg: "Extra inputs are not permitted" }] },
    "next",
    mistralDocs
  ],
  [
    "roles",
    400,
    m(
      "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
      "invalid_request_message_order",
      "3230"
    ),
    "next",
    "https://github.com/QuantumNous/new-api/issues/2858"
  ],
  [
    "ids of calls",
    400,
    m("Tool call id was call_abc-1 but must be a-z, A-Z, 0-9, with a length of 9.", "invalid_function_call", "3280"),
    "next",
    "https://github.com/nearai/ironclaw/issues/1241"
  ],
  [
    "too long",
    400,
    m(
      "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
      "invalid_request_prompt",
      "3051"
    ),
    "larger",
    mistralDocs
  ],
  [
    "unavailable",
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: overflow",
    "retries",
    mistralDocs
  ]
])

const deepSeekDocs = "https://api-docs.deepseek.com/quick_start/error_codes"
export const deepSeek = vendor("DeepSeek", "openai", [
  [
    "balance",
    402,
    e("Insufficient Balance", "unknown_error", "invalid_request_error"),
    "rests",
    "https://github.com/Aider-AI/aider/issues/4851"
  ],
  [
    "wrong key",
    401,
    e("Authentication Fails, Your api key: ****abcd is invalid", "authentication_error", "invalid_request_error"),
    "rests",
    "https://github.com/droidrun/mobilerun/issues/28"
  ],
  [
    "unknown model",
    400,
    bad("Model Not Exist", "invalid_request_error"),
    "rests",
    "https://github.com/langbot-app/LangBot/issues/1643"
  ],
  [
    "risk",
    400,
    bad("Content Exists Risk", "invalid_request_error"),
    "policy",
    "https://github.com/666ghj/BettaFish/issues/691"
  ],
  [
    "too long",
    400,
    bad(
      "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens.",
      "invalid_request_error"
    ),
    "larger",
    deepSeekDocs
  ],
  [
    "no function calling",
    400,
    bad("deepseek-reasoner does not support Function Calling", "invalid_request_error"),
    "next",
    "https://github.com/spring-projects/spring-ai/pull/2643"
  ],
  [
    "two messages of one role",
    400,
    bad("deepseek-reasoner does not support successive user or assistant messages", "invalid_request_error"),
    "next",
    "https://github.com/deepseek-ai/DeepSeek-R1/issues/21"
  ],
  [
    "an invalid field",
    422,
    "Failed to deserialize the JSON body into the target type: messages[2]: invalid type: sequence, expected a string at line 1 column 2901",
    "next",
    "https://github.com/chatboxai/chatbox/issues/1740"
  ],
  [
    "an unreadable field, in JSON",
    400,
    bad(
      "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text` at line 1 column 99",
      "invalid_request_error"
    ),
    "next",
    "https://github.com/openkursar/hello-halo/issues/109"
  ],
  [
    "a thought that is not passed back",
    400,
    bad(
      "The `reasoning_content` in the thinking mode must be passed back to the API.",
      "invalid_request_error"
    ),
    "next",
    "https://github.com/JohnnyZ93/oai-compatible-copilot/issues/202"
  ],
  ["rate limit", 429, e("Rate limit reached", "rate_limit_error"), "retries", deepSeekDocs],
  [
    "overloaded",
    503,
    e(
      "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
      "service_unavailable_error"
    ),
    "retries",
    deepSeekDocs
  ]
])

const xDocs = "https://docs.x.ai/docs/key-information/debugging"
const denied = "The caller does not have permission to execute the specified operation"
export const xAi = vendor("xAI", "openai", [
  [
    "credits used",
    429,
    {
      code: "Some resource has been exhausted",
      error: "Your team 1 has either used all available credits or reached its monthly spending limit."
    },
    "rests",
    "https://github.com/continuedev/continue/issues/10373"
  ],
  [
    "no credits yet",
    403,
    {
      code: denied,
      error:
        "Your newly created teams doesn't have any credits yet. You can purchase credits on https://console.x.ai/team/1."
    },
    "rests",
    "https://github.com/griptape-ai/griptape-nodes-engine/issues/1079"
  ],
  [
    "run out of credits",
    403,
    { code: "personal-team-blocked:spending-limit", error: "You have run out of credits or need a Grok subscription." },
    "rests",
    "https://github.com/Wei-Shaw/sub2api/issues/4069"
  ],
  [
    "usage guidelines",
    403,
    { code: denied, error: "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X" },
    "policy",
    "https://github.com/UKGovernmentBEIS/inspect_ai/pull/2267"
  ],
  [
    "wrong key",
    400,
    {
      code: "Client specified an invalid argument",
      error: "Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai."
    },
    "rests",
    "https://github.com/continuedev/continue/issues/10778"
  ],
  [
    "unknown model",
    404,
    {
      code: "Some requested entity was not found",
      error: "The model grok-9 does not exist or your team 1 does not have access to it."
    },
    "rests",
    "https://github.com/yihong0618/bilingual_book_maker/issues/464"
  ],
  [
    "too long",
    400,
    {
      code: "Client specified an invalid argument",
      error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens."
    },
    "larger",
    "https://github.com/cline/cline/issues/3120"
  ],
  [
    "an argument it does not take",
    400,
    { code: "Client specified an invalid argument", error: "Argument not supported on this model: presencePenalty" },
    "next",
    "https://github.com/yym68686/uni-api/issues/105"
  ],
  [
    "rate limit",
    429,
    {
      code: "Some resource has been exhausted",
      error:
        "Too many tokens for team 1 and model grok-4. Your team's rate limit is — Tokens per Minute (actual/limit): 65605/16000."
    },
    "retries",
    "https://github.com/cline/cline/issues/4826"
  ],
  [
    "unavailable",
    503,
    {
      code: "The service is currently unavailable",
      error: "The model is currently at capacity due to high demand. Please try again in a few minutes."
    },
    "retries",
    xDocs
  ]
])
