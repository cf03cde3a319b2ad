/** Refusals of Together, Fireworks, Cerebras, Cloudflare Workers AI and of what stands before a server. */
import { vendor } from "./refusal.ts"

const e = (message: string, type: string | null, code: string | null = null) => ({ error: { message, type, code } })
const bad = (message: string, code: string | null = null) => e(message, "invalid_request_error", code)

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

const workersDocs = "https://developers.cloudflare.com/workers-ai/platform/errors/"
const w = (code: number, message: string) => ({ success: false, result: {}, messages: [], errors: [{ code, message }] })
export const workersAi = vendor("Cloudflare Workers AI", "openai", [
  [
    "free allocation of the day",
    429,
    w(4006, "you have used up your daily free allocation of 10,000 neurons"),
    "rests",
    workersDocs
  ],
  ["capacity", 429, w(3040, "Capacity temporarily exceeded, please try again."), "retries", workersDocs],
  ["unknown model", 400, w(5007, "No such model @cf/x/y or task"), "rests", workersDocs],
  [
    "too long",
    400,
    w(
      5021,
      "AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (8192)."
    ),
    "larger",
    workersDocs
  ],
  ["wrong token", 401, w(10000, "Authentication error"), "rests", workersDocs],
  ["timeout", 408, w(3046, "Request timeout"), "retries", workersDocs]
])
