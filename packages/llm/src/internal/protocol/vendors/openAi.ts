/** OpenAI. */
import type { Signal } from "./signal.ts"

const errorCodes = "https://platform.openai.com/docs/guides/error-codes"
const models = "https://platform.openai.com/docs/deprecations"
const tools = "https://platform.openai.com/docs/guides/function-calling"

export const openAi: ReadonlyArray<Signal> = [
  // Quota
  { server: "OpenAI", kind: "quotaSpent", code: "insufficient_quota", source: errorCodes },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    code: /^(billing_hard_limit_reached|billing_not_active|credit_balance_exhausted|quota_exceeded)$/,
    source: errorCodes
  },
  { server: "OpenAI", kind: "quotaSpent", code: /_(spend|usage)_limit_(exceeded|reached)$/, source: errorCodes },
  { server: "OpenAI", kind: "quotaSpent", phrase: /exceeded your current quota/i, source: errorCodes },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    phrase: /account is not active, please check your billing/i,
    source: errorCodes
  },
  { server: "OpenAI", kind: "quotaSpent", phrase: /billing hard limit/i, source: errorCodes },
  // Rate
  {
    server: "OpenAI",
    kind: "beyondRateLimit",
    code: /^(rate_limit_exceeded|tokens)$/,
    phrase: /request too large for .*(tokens per|TPM)|requested \d+.*(input or output tokens must be reduced)/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "overloaded",
    phrase: /model is currently overloaded|engine is currently overloaded/i,
    source: errorCodes
  },
  { server: "OpenAI", kind: "overloaded", code: "slow_down", source: errorCodes },
  // Key and account
  { server: "OpenAI", kind: "keyRejected", code: "invalid_api_key", source: errorCodes },
  {
    server: "OpenAI",
    kind: "keyRejected",
    phrase: /incorrect api key provided|didn't provide an api key/i,
    source: errorCodes
  },
  {
    server: "OpenAI",
    kind: "accountDisabled",
    code: /^(account_deactivated|organization_deactivated|access_terminated)$/,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "accountDisabled",
    phrase:
      /(organization|account|access) (was|has been|is|had been) (terminated|deactivated|disabled|suspended|restricted|blocked|banned)/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "permissionDenied",
    code: /^(invalid_organization|mismatched_organization|mismatched_project|invalid_project|ip_not_authorized)$/,
    source: errorCodes
  },
  {
    server: "OpenAI",
    kind: "permissionDenied",
    phrase: /insufficient permissions for this operation|missing scopes/i,
    source: errorCodes
  },
  { server: "OpenAI", kind: "regionUnsupported", code: "unsupported_country_region_territory", source: errorCodes },
  // Model
  { server: "OpenAI", kind: "unknownModel", code: "model_not_found", source: models },
  {
    server: "OpenAI",
    kind: "unknownModel",
    phrase: /the model [`'"]?[^ ]+[`'"]? (does not exist|has been deprecated)/i,
    source: models
  },
  {
    server: "OpenAI",
    kind: "modelNotAllowed",
    phrase: /organization must be (qualified|verified) to use/i,
    source: "https://help.openai.com/en/articles/10910291-api-organization-verification"
  },
  {
    server: "OpenAI",
    kind: "modelNotAllowed",
    phrase: /project `?[^ ]+`? does not have access to model/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "incompatible",
    phrase: /this is not a chat model|only supported in v1\/(responses|completions)/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "wrongAddress",
    code: "unknown_url",
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "wrongAddress",
    phrase: /^invalid url \(\w+ /i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  // Size
  { server: "OpenAI", kind: "contextOverflow", code: "context_length_exceeded", source: errorCodes },
  {
    server: "OpenAI",
    kind: "contextOverflow",
    code: "string_above_max_length",
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "contextOverflow",
    phrase: /maximum context length|input exceeds the context window/i,
    source: errorCodes
  },
  // Features and fields
  {
    server: "OpenAI",
    kind: "unsupported",
    phrase: /invalid content type\. image_url is only supported by certain models/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "unsupported",
    phrase:
      /(response_format|json_schema|structured outputs?)\b.*(not supported|does not support|isn't supported|is not available)/i,
    source: "https://platform.openai.com/docs/guides/structured-outputs"
  },
  {
    server: "OpenAI",
    kind: "unsupported",
    code: /^unsupported_(parameter|value)$/,
    phrase: /['"`]?(tools?|tool_choice|functions?|function_call|response_format)\b/i,
    source: tools
  },
  {
    server: "OpenAI",
    kind: "incompatible",
    code: /^(unsupported_parameter|unsupported_value|unknown_parameter|unsupported_model)$/,
    source: "https://platform.openai.com/docs/guides/reasoning"
  },
  {
    server: "OpenAI",
    kind: "incompatible",
    phrase: /unrecognized request argument/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  // Policy
  {
    server: "OpenAI",
    kind: "contentPolicy",
    code: /^(content_filter|content_policy_violation|moderation_blocked)$/,
    source: "https://platform.openai.com/docs/guides/safety-best-practices"
  },
  {
    server: "OpenAI",
    kind: "contentPolicy",
    code: "invalid_prompt",
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "contentPolicy",
    phrase:
      /flagged as potentially violating|violat(es|ing|ed) our usage polic|rejected as a result of our safety system/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "contentPolicy",
    code: "cyber_policy_violation",
    source: "https://platform.openai.com/docs/guides/safety-checks"
  },
  // The caller's own
  {
    server: "OpenAI",
    kind: "invalidRequest",
    phrase:
      /must be followed by tool messages responding to each|messages with role 'tool' must be a response to a prece+ding message/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "invalidRequest",
    code: "empty_array",
    phrase: /messages/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "invalidRequest",
    phrase: /\[\] is too short - 'messages'/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "invalidRequest",
    code: /^(invalid_base64|invalid_image_format|image_parse_error|invalid_image)$/,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "invalidRequest",
    phrase: /could not parse the json body of your request/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  // Classes
  {
    server: "OpenAI",
    kind: "rateLimited",
    category: /^(rate_limit_exceeded|rate_limit_error|requests|tokens)$/,
    source: errorCodes
  },
  { server: "OpenAI", kind: "serverError", category: "server_error", source: errorCodes }
]
