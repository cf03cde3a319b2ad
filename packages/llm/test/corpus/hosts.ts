/** Refusals of Groq, Mistral, DeepSeek, xAI, OpenRouter, Together, Fireworks, Cerebras and of what stands before a server. */
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
    "https://console.groq.com/docs/rate-limits"
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
    "https://github.com/BerriAI/litellm/issues/14144"
  ],
  ["spend limit", 400, bad("Organization has reached its spend limit", "blocked_api_access"), "rests", groqDocs],
  ["wrong key", 401, bad("Invalid API Key", "invalid_api_key"), "rests", groqDocs],
  [
    "retired model",
    400,
    bad("The model `m` has been decommissioned and is no longer supported.", "model_decommissioned"),
    "rests",
    "https://console.groq.com/docs/deprecations"
  ],
  [
    "unknown model",
    404,
    bad("The model `m` does not exist or you do not have access to it.", "model_not_found"),
    "rests",
    groqDocs
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
    "a call that is none",
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
    "https://console.groq.com/docs/tool-use"
  ],
  [
    "JSON that is none",
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
    "https://console.groq.com/docs/structured-outputs"
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
    groqDocs
  ],
  ["full flex tier", 498, bad("Flex tier capacity exceeded", "capacity_exceeded"), "retries", groqDocs],
  [
    "over capacity",
    503,
    e("m is currently over capacity. Please try again and back off exponentially.", "internal_server_error"),
    "retries",
    groqDocs
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
  ["wrong key", 401, { message: "Unauthorized", request_id: "x" }, "rests", mistralDocs],
  [
    "unknown model",
    400,
    m("Invalid model: m", "invalid_model", "1500"),
    "rests",
    "https://github.com/mistralai/mistral-vibe/issues/617"
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
    mistralDocs
  ],
  [
    "ids of calls",
    400,
    m("Tool call id was call_abc-1 but must be a-z, A-Z, 0-9, with a length of 9.", "invalid_function_call", "3280"),
    "next",
    mistralDocs
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
  ["balance", 402, e("Insufficient Balance", "unknown_error", "invalid_request_error"), "rests", deepSeekDocs],
  [
    "wrong key",
    401,
    e("Authentication Fails, Your api key: ****abcd is invalid", "authentication_error", "invalid_request_error"),
    "rests",
    deepSeekDocs
  ],
  ["unknown model", 400, bad("Model Not Exist", "invalid_request_error"), "rests", deepSeekDocs],
  ["risk", 400, bad("Content Exists Risk", "invalid_request_error"), "policy", deepSeekDocs],
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
    deepSeekDocs
  ],
  [
    "two messages of one role",
    400,
    bad("deepseek-reasoner does not support successive user or assistant messages", "invalid_request_error"),
    "next",
    deepSeekDocs
  ],
  [
    "a field that cannot be read",
    422,
    "Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text` at line 1 column 99",
    "next",
    deepSeekDocs
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
    xDocs
  ],
  [
    "wrong key",
    400,
    {
      code: "Client specified an invalid argument",
      error: "Incorrect API key provided: xa***yz. You can obtain an API key from https://console.x.ai."
    },
    "rests",
    xDocs
  ],
  [
    "unknown model",
    404,
    {
      code: "Some requested entity was not found",
      error: "The model grok-9 does not exist or your team 1 does not have access to it."
    },
    "rests",
    xDocs
  ],
  [
    "too long",
    400,
    {
      code: "Client specified an invalid argument",
      error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens."
    },
    "larger",
    xDocs
  ],
  [
    "an argument it does not take",
    400,
    { code: "Client specified an invalid argument", error: "Argument not supported on this model: presencePenalty" },
    "next",
    xDocs
  ],
  [
    "rate limit",
    429,
    { code: "Some resource has been exhausted", error: "Too many requests for team 1 and model grok-4." },
    "retries",
    xDocs
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

const orDocs = "https://openrouter.ai/docs/api/reference/errors-and-debugging"
const o = (code: number, message: string, metadata?: object) => ({
  error: { code, message, ...(metadata && { metadata }) }
})
export const openRouter = vendor("OpenRouter", "openrouter", [
  [
    "no credits",
    402,
    o(
      402,
      "Insufficient credits. This account never purchased credits. Make sure your key is on the correct account or org"
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/12649"
  ],
  [
    "too few credits",
    402,
    o(
      402,
      "This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 222."
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/11154"
  ],
  [
    "limit of the key",
    403,
    o(403, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys"),
    "rests",
    orDocs
  ],
  [
    "moderation",
    403,
    o(403, "m requires moderation on OpenRouter. Your input was flagged for \"harassment\".", {
      reasons: ["harassment"],
      flagged_input: "...",
      provider_name: "OpenAI"
    }),
    "policy",
    orDocs
  ],
  ["wrong key", 401, o(401, "No auth credentials found"), "rests", orDocs],
  [
    "unknown model",
    400,
    o(400, "m is not a valid model ID"),
    "rests",
    "https://github.com/OpenRouterTeam/openrouter-examples/issues/74"
  ],
  ["no endpoints", 404, o(404, "No endpoints found for m."), "rests", orDocs],
  [
    "no endpoints with tools",
    404,
    o(
      404,
      "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing"
    ),
    "next",
    orDocs
  ],
  ["no endpoints with images", 404, o(404, "No endpoints found that support image input"), "next", orDocs],
  [
    "data policy",
    404,
    o(
      404,
      "No endpoints found matching your data policy (Free model training). Configure: https://openrouter.ai/settings/privacy"
    ),
    "rests",
    "https://github.com/cline/cline/issues/5246"
  ],
  [
    "too long",
    400,
    o(400, "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens."),
    "larger",
    orDocs
  ],
  [
    "a host's refusal in raw",
    400,
    o(400, "Provider returned error", {
      raw: "{\"error\":{\"message\":\"Unsupported value: 'temperature' does not support 0.2 with this model.\"}}",
      provider_name: "OpenAI"
    }),
    "next",
    "https://github.com/microsoft/autogen/issues/3597"
  ],
  [
    "a host's overflow in raw",
    400,
    o(400, "Provider returned error", {
      raw:
        "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}",
      provider_name: "Anthropic"
    }),
    "larger",
    orDocs
  ],
  [
    "upstream's limit",
    429,
    o(429, "Provider returned error", {
      raw:
        "m:free is temporarily rate-limited upstream. Please retry shortly, or add your own key to accumulate your rate limits",
      provider_name: "Chutes"
    }),
    "retries",
    orDocs
  ],
  [
    "free models of a day",
    429,
    o(429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day", {
      headers: { "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "86400000000000" }
    }),
    "rests",
    "https://openrouter.ai/docs/api/reference/limits"
  ],
  [
    "a host that failed",
    502,
    o(502, "Provider returned error", { raw: "error", provider_name: "X" }),
    "retries",
    orDocs
  ],
  ["timeout", 408, o(408, "Request timed out"), "retries", orDocs]
])

const togetherDocs = "https://docs.together.ai/docs/error-codes"
export const together = vendor("Together", "openai", [
  [
    "wrong key",
    401,
    bad(
      "Invalid API key provided. You can find your API key at https://api.together.xyz/settings/api-keys.",
      "invalid_api_key"
    ),
    "rests",
    togetherDocs
  ],
  [
    "unknown model",
    404,
    bad(
      "Unable to access model m. Please visit https://api.together.ai/models to view the list of supported models.",
      "model_not_available"
    ),
    "rests",
    togetherDocs
  ],
  [
    "credit",
    402,
    e(
      "Credit limit exceeded, please navigate to https://api.together.ai/settings/billing to adjust your limits.",
      "credit_limit"
    ),
    "rests",
    togetherDocs
  ],
  [
    "too long",
    422,
    bad(
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens and 512 `max_new_tokens`"
    ),
    "larger",
    togetherDocs
  ],
  [
    "rate limit",
    429,
    e(
      "You have reached the rate limit specific to this model m. The maximum rate limit for this model is 9.0 queries per minute.",
      "rate_limit"
    ),
    "retries",
    "https://github.com/xtekky/gpt4free/issues/3032"
  ],
  ["overloaded", 503, e("The server is overloaded", "server_error"), "retries", togetherDocs]
])

const fireworksDocs = "https://docs.fireworks.ai/guides/inference-error-codes"
export const fireworks = vendor("Fireworks", "openai", [
  [
    "suspended account",
    412,
    {
      error: {
        message:
          "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.",
        param: null,
        code: "PRECONDITION_FAILED",
        type: "error"
      },
      request_id: "r"
    },
    "rests",
    "https://github.com/pollinations/pollinations/issues/12136"
  ],
  [
    "unknown model",
    404,
    {
      error: {
        object: "error",
        type: "invalid_request_error",
        code: "NOT_FOUND",
        message: "Model not found, inaccessible, and/or not deployed"
      }
    },
    "rests",
    fireworksDocs
  ],
  [
    "wrong key",
    401,
    { error: { object: "error", type: "unauthorized", message: "The API key you provided is invalid." } },
    "rests",
    fireworksDocs
  ],
  [
    "too long",
    400,
    {
      error: {
        object: "error",
        type: "invalid_request_error",
        code: "invalid_request_error",
        message: "The prompt is too long: 140000, model maximum context length: 131071"
      }
    },
    "larger",
    fireworksDocs
  ],
  [
    "scaling up",
    503,
    { error: { code: "DEPLOYMENT_SCALING_UP", message: "Deployment is currently scaled to zero and is scaling up." } },
    "retries",
    fireworksDocs
  ]
])

const cerebrasDocs = "https://inference-docs.cerebras.ai/support/error"
const c = (message: string, type: string, code: string, param: string | null = null) => ({ message, type, param, code })
export const cerebras = vendor("Cerebras", "openai", [
  [
    "requests a minute",
    429,
    c(
      "Requests per minute limit exceeded - too many requests sent.",
      "too_many_requests_error",
      "request_quota_exceeded",
      "quota"
    ),
    "retries",
    "https://github.com/nminaya/grammar-nazi-bot/issues/958"
  ],
  [
    "tokens a minute",
    429,
    c(
      "Tokens per minute limit exceeded - too many tokens processed.",
      "too_many_tokens_error",
      "token_quota_exceeded",
      "quota"
    ),
    "retries",
    "https://github.com/continuedev/continue/issues/9800"
  ],
  [
    "tokens a day",
    429,
    c(
      "Tokens per day limit exceeded - too many tokens processed.",
      "too_many_tokens_error",
      "token_quota_exceeded",
      "quota"
    ),
    "rests",
    cerebrasDocs
  ],
  [
    "high traffic",
    429,
    c(
      "We're experiencing high traffic right now! Please try again soon.",
      "too_many_requests_error",
      "queue_exceeded",
      "queue"
    ),
    "retries",
    cerebrasDocs
  ],
  ["wrong key", 401, c("Wrong API Key", "invalid_request_error", "wrong_api_key", "api_key"), "rests", cerebrasDocs],
  [
    "unknown model",
    404,
    c("Model m does not exist or you do not have access to it.", "not_found_error", "model_not_found", "model"),
    "rests",
    cerebrasDocs
  ],
  [
    "too long",
    400,
    c(
      "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
      "invalid_request_error",
      "context_length_exceeded",
      "messages"
    ),
    "larger",
    cerebrasDocs
  ],
  [
    "unknown format",
    422,
    c(
      "body.seed: property 'body.seed' is unsupported",
      "invalid_request_error",
      "wrong_api_format",
      "validation_error"
    ),
    "next",
    cerebrasDocs
  ]
])

const cf = "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/"
export const proxies = vendor("Cloudflare and nginx", "openai", [
  [
    "bad gateway",
    502,
    "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx/1.25</center></body></html>",
    "retries",
    cf
  ],
  ["web server is down", 521, "error code: 521", "retries", cf],
  [
    "timeout of the origin",
    524,
    "<!DOCTYPE html><html><head><title>api.example.com | 524: A timeout occurred</title></head><body>Error code 524</body></html>",
    "retries",
    cf
  ],
  ["origin unreachable", 530, "error code: 1033", "retries", cf],
  ["rate limited", 429, "error code: 1015", "retries", cf],
  [
    "blocked",
    403,
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>",
    "rests",
    cf
  ],
  [
    "challenge",
    403,
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>",
    "rests",
    "https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/",
    { "cf-mitigated": "challenge" }
  ],
  [
    "body too large",
    413,
    "<html><head><title>413 Request Entity Too Large</title></head><body><center><h1>413 Request Entity Too Large</h1></center></body></html>",
    "larger",
    "https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size"
  ],
  ["gateway timeout", 504, "<html><head><title>504 Gateway Time-out</title></head><body></body></html>", "retries", cf],
  [
    "a page that is not there",
    404,
    "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr><center>nginx</center></body></html>",
    "next",
    cf
  ],
  ["nothing said", 400, "", "next", cf],
  ["a proxy that wants a password", 407, "", "rests", "https://www.rfc-editor.org/rfc/rfc9110#section-15"]
])
