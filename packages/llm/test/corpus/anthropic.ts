/** Refusals of Anthropic, Amazon Bedrock, Gemini and Vertex AI. */
import { vendor } from "./refusal.ts"

const docs = "https://docs.claude.com/en/api/errors"
const e = (type: string, message: string) => ({ type: "error", error: { type, message }, request_id: "req_1" })
const bad = (message: string) => e("invalid_request_error", message)

export const anthropic = vendor("Anthropic", "anthropic", [
  [
    "wrong key",
    401,
    e("authentication_error", "invalid x-api-key"),
    "rests",
    "https://github.com/emilsvennesson/opencode-websearch/issues/15"
  ],
  [
    "revoked token",
    403,
    e("permission_error", "OAuth token has been revoked. Please obtain a new token."),
    "rests",
    "https://github.com/anthropics/claude-code/issues/9635"
  ],
  [
    "region",
    403,
    { error: { type: "forbidden", message: "Request not allowed" } },
    "rests",
    "https://github.com/anthropics/claude-quickstarts/issues/32"
  ],
  [
    "no permission",
    403,
    e("permission_error", "Your API key does not have permission to use the specified resource."),
    "rests",
    docs
  ],
  ["billing", 402, e("billing_error", "Your account has a billing problem."), "rests", docs],
  [
    "credit",
    400,
    bad(
      "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."
    ),
    "rests",
    "https://github.com/anthropics/claude-code/issues/66314"
  ],
  [
    "limit of use",
    400,
    bad("You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."),
    "rests",
    "https://github.com/anthropics/claude-code/issues/38035"
  ],
  [
    "disabled organization",
    400,
    bad("This organization has been disabled."),
    "rests",
    "https://github.com/anthropics/claude-code/issues/54311"
  ],
  [
    "rate limit",
    429,
    e(
      "rate_limit_error",
      "This request would exceed your organization's rate limit of 30,000 input tokens per minute."
    ),
    "retries",
    "https://github.com/anthropics/claude-code/issues/55132",
    { "retry-after": "7", "x-should-retry": "true" }
  ],
  [
    "rate limit, far away",
    429,
    e("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    "rests",
    docs,
    { "retry-after": "5400" }
  ],
  [
    "spend limit",
    429,
    {
      type: "error",
      error: { type: "rate_limit_error", message: "limit", details: { error_code: "enforced_spend_limit_reached" } }
    },
    "rests",
    docs
  ],
  ["unknown model", 404, e("not_found_error", "model: claude-9"), "rests", docs],
  [
    "too long",
    400,
    bad("prompt is too long: 208310 tokens > 200000 maximum"),
    "larger",
    "https://github.com/anthropics/claude-code/issues/12186"
  ],
  [
    "too long with the answer",
    400,
    bad(
      "input length and `max_tokens` exceed context limit: 143653 + 64000 > 200000, decrease input length or `max_tokens` and try again"
    ),
    "larger",
    "https://github.com/continuedev/continue/issues/8454"
  ],
  ["too large", 413, e("request_too_large", "Request exceeds the maximum size"), "larger", docs],
  [
    "too much output",
    400,
    bad("max_tokens: 21333 > 4096, which is the maximum allowed number of output tokens for m"),
    "next",
    "https://github.com/anthropics/claude-code/issues/11302"
  ],
  ["a field it does not know", 400, bad("top_k: Extra inputs are not permitted"), "next", docs],
  [
    "prefill",
    400,
    bad("This model does not support assistant message prefill. The conversation must end with a user message."),
    "next",
    "https://github.com/agenticloops-ai/agentic-ai-engineering/issues/43"
  ],
  [
    "blocked output",
    400,
    bad("Output blocked by content filtering policy"),
    "policy",
    "https://github.com/anthropics/claude-code/issues/58367"
  ],
  [
    "a call without its result",
    400,
    bad("messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1."),
    "fails",
    "https://github.com/anthropics/claude-code/issues/6575"
  ],
  ["no messages", 400, bad("messages: at least one message is required"), "fails", docs],
  ["an invalid image", 400, bad("messages.0.content.1.image.source.base64: invalid base64 data"), "fails", docs],
  [
    "server error",
    500,
    e("api_error", "Internal server error"),
    "retries",
    "https://github.com/anthropics/claude-code/issues/35458"
  ],
  ["timeout", 504, e("timeout_error", "Request timed out"), "retries", docs],
  [
    "overloaded",
    529,
    e("overloaded_error", "Overloaded"),
    "retries",
    "https://github.com/anthropics/claude-code/issues/35792"
  ],
  [
    "Cloudflare before it",
    520,
    "error code: 520",
    "retries",
    "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/"
  ]
])

const aws = "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"
const type = (name: string) => ({ "x-amzn-errortype": `${name}:http://internal.amazon.com/coral/com.amazon.bedrock/` })
export const bedrock = vendor("Bedrock", "bedrock", [
  [
    "throttled",
    429,
    { message: "Too many requests, please wait before trying again." },
    "retries",
    aws,
    type("ThrottlingException")
  ],
  [
    "tokens of a day",
    429,
    { message: "Too many tokens per day, please wait before trying again." },
    "rests",
    aws,
    type("ThrottlingException")
  ],
  ["throttled, under 400", 400, { __type: "ThrottlingException", message: "Rate exceeded" }, "retries", aws],
  [
    "service quota",
    400,
    { message: "You have exceeded your quota" },
    "rests",
    aws,
    type("ServiceQuotaExceededException")
  ],
  [
    "no access to the model",
    403,
    { message: "You don't have access to the model with the specified model ID." },
    "rests",
    aws,
    type("AccessDeniedException")
  ],
  [
    "wrong token",
    403,
    { message: "The security token included in the request is invalid." },
    "rests",
    aws,
    type("UnrecognizedClientException")
  ],
  [
    "expired token",
    403,
    { message: "The security token included in the request is expired" },
    "rests",
    aws,
    type("ExpiredTokenException")
  ],
  [
    "unknown model",
    400,
    { message: "The provided model identifier is invalid." },
    "rests",
    aws,
    type("ValidationException")
  ],
  [
    "model without on-demand",
    400,
    {
      message:
        "Invocation of model ID m with on-demand throughput isn't supported. Retry your request with the ID or ARN of an inference profile that contains this model."
    },
    "rests",
    aws,
    type("ValidationException")
  ],
  [
    "end of life",
    404,
    { message: "This model version has reached the end of its life." },
    "rests",
    aws,
    type("ResourceNotFoundException")
  ],
  ["too long", 400, { message: "Input is too long for requested model." }, "larger", aws, type("ValidationException")],
  ["no tools", 400, { message: "This model doesn't support tool use." }, "next", aws, type("ValidationException")],
  [
    "some other field",
    400,
    {
      message:
        "Malformed input request: extraneous key [seed] is not permitted, please reformat your input and try again."
    },
    "next",
    aws,
    type("ValidationException")
  ],
  [
    "not ready",
    429,
    { message: "The model specified in the request is not ready to serve inference requests." },
    "retries",
    aws,
    type("ModelNotReadyException")
  ],
  [
    "timeout of the model",
    408,
    { message: "The request took too long to process." },
    "retries",
    aws,
    type("ModelTimeoutException")
  ],
  [
    "error of the model",
    424,
    { message: "The request failed due to an error while processing the model." },
    "retries",
    aws,
    type("ModelErrorException")
  ],
  [
    "unavailable",
    503,
    { message: "Bedrock is unable to process your request." },
    "retries",
    aws,
    type("ServiceUnavailableException")
  ],
  ["internal", 500, { message: "Internal server error" }, "retries", aws, type("InternalServerException")]
])

const trouble = "https://ai.google.dev/gemini-api/docs/troubleshooting"
const g = (code: number, status: string, message: string, details: ReadonlyArray<object> = []) => ({
  error: { code, message, status, details }
})
const info = (reason: string) => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason,
  domain: "googleapis.com"
})
const retry = (retryDelay: string) => ({ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay })
const quota = (quotaId: string) => ({
  "@type": "type.googleapis.com/google.rpc.QuotaFailure",
  violations: [{
    quotaMetric: "generativelanguage.googleapis.com/generate_content_free_tier_requests",
    quotaId,
    quotaValue: "10"
  }]
})
const quotaWords = "You exceeded your current quota, please check your plan and billing details."

export const gemini = vendor("Gemini", "gemini", [
  [
    "wrong key, in an array",
    400,
    [g(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [info("API_KEY_INVALID")])],
    "rests",
    "https://github.com/continuedev/continue/issues/10290"
  ],
  [
    "expired key",
    400,
    g(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", [info("API_KEY_INVALID")]),
    "rests",
    trouble
  ],
  [
    "leaked key",
    403,
    g(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use another API key."),
    "rests",
    "https://github.com/continuedev/continue/issues/10513"
  ],
  [
    "no key",
    401,
    g(401, "UNAUTHENTICATED", "Request is missing required authentication credential."),
    "rests",
    trouble
  ],
  [
    "region",
    400,
    [g(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")],
    "rests",
    "https://github.com/gemini-api-php/client/issues/32"
  ],
  [
    "API not enabled",
    403,
    g(403, "PERMISSION_DENIED", "Generative Language API has not been used in project 1 before or it is disabled.", [
      info("SERVICE_DISABLED")
    ]),
    "rests",
    trouble
  ],
  [
    "suspended",
    403,
    g(403, "PERMISSION_DENIED", "Permission denied: Consumer 'api_key:x' has been suspended.", [
      info("CONSUMER_SUSPENDED")
    ]),
    "rests",
    "https://github.com/coaidev/coai/issues/67"
  ],
  [
    "requests a minute",
    429,
    [g(429, "RESOURCE_EXHAUSTED", `${quotaWords} Please retry in 7.2s.`, [
      quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
      retry("7s")
    ])],
    "retries",
    "https://github.com/vercel/ai/issues/18627"
  ],
  [
    "requests a day",
    429,
    g(429, "RESOURCE_EXHAUSTED", `${quotaWords} Please retry in 12.5s.`, [
      quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
      retry("12s")
    ]),
    "rests",
    "https://github.com/google-gemini/gemini-cli/issues/8437"
  ],
  [
    "limit of zero",
    429,
    g(
      429,
      "RESOURCE_EXHAUSTED",
      `${quotaWords} * Quota exceeded for metric: generate_content_free_tier_requests, limit: 0`
    ),
    "rests",
    "https://github.com/continuedev/continue/issues/10062"
  ],
  [
    "exhausted, no more said",
    429,
    g(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "retries",
    "https://github.com/google-gemini/gemini-cli/issues/1509"
  ],
  [
    "exhausted, JSON in a string",
    429,
    {
      error: {
        message: JSON.stringify(g(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")),
        code: 429,
        status: "Too Many Requests"
      }
    },
    "retries",
    "https://github.com/google-gemini/gemini-cli/issues/1509"
  ],
  [
    "unknown model",
    404,
    g(
      404,
      "NOT_FOUND",
      "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent."
    ),
    "rests",
    "https://github.com/wwardaww/gnome-gemini-ai/issues/21"
  ],
  [
    "too long",
    400,
    [g(
      400,
      "INVALID_ARGUMENT",
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    )],
    "larger",
    "https://github.com/google-gemini/gemini-cli/issues/6678"
  ],
  [
    "payload too large",
    400,
    g(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    "larger",
    trouble
  ],
  [
    "no tools",
    400,
    g(400, "INVALID_ARGUMENT", "Function calling is not enabled for models/gemma-3"),
    "next",
    "https://github.com/agno-agi/agno/issues/3505"
  ],
  [
    "a signature of another",
    400,
    [g(400, "INVALID_ARGUMENT", "Function call is missing a thought_signature in functionCall parts.")],
    "next",
    "https://github.com/niki914/zafiro/issues/100"
  ],
  [
    "an unknown field",
    400,
    [g(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unknown name \"seed\": Cannot find field.")],
    "next",
    "https://github.com/Vali-98/ChatterUI/issues/227"
  ],
  [
    "internal",
    500,
    [g(
      500,
      "INTERNAL",
      "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"
    )],
    "retries",
    trouble
  ],
  [
    "overloaded",
    503,
    [g(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")],
    "retries",
    "https://github.com/google-gemini/cookbook/issues/425"
  ],
  ["deadline", 504, g(504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."), "retries", trouble]
])
