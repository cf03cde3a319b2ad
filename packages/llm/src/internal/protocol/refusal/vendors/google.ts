/**
 * Gemini's API and Vertex AI, natively and on their OpenAI-compatible endpoints.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const trouble = "https://ai.google.dev/gemini-api/docs/troubleshooting"
const limits = "https://ai.google.dev/gemini-api/docs/rate-limits"

export const google: ReadonlyArray<Signal> = [
  {
    server: "Gemini",
    kind: "quotaSpent",
    code: /PerDay/,
    phrase: /quota/i,
    source: "https://github.com/google-gemini/gemini-cli/issues/8437"
  },
  {
    server: "Gemini",
    kind: "quotaSpent",
    code: "RESOURCE_EXHAUSTED",
    phrase: /\blimit: 0\b/i,
    source: "https://github.com/continuedev/continue/issues/10062"
  },
  {
    server: "Gemini",
    kind: "rateLimited",
    code: /PerMinute/,
    phrase: /quota/i,
    source: "https://github.com/google-gemini/gemini-cli/issues/8437"
  },
  {
    server: "Gemini",
    kind: "quotaSpent",
    code: "RESOURCE_EXHAUSTED",
    phrase: /prepayment credits are depleted|spending cap|per day/i,
    source: "https://ai.google.dev/gemini-api/docs/billing"
  },
  { server: "Gemini", kind: "rateLimited", code: "RESOURCE_EXHAUSTED", phrase: /retry in|try again/i, source: limits },
  {
    server: "Gemini",
    kind: "rateLimited",
    code: "RATE_LIMIT_EXCEEDED",
    source: "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429"
  },
  {
    server: "Gemini",
    kind: "keyRejected",
    code: /^(API_KEY_INVALID|API_KEY_EXPIRED|ACCESS_TOKEN_EXPIRED|CREDENTIALS_MISSING|ACCESS_TOKEN_TYPE_UNSUPPORTED)$/,
    source: "https://github.com/continuedev/continue/issues/10290"
  },
  {
    server: "Gemini",
    kind: "keyRejected",
    phrase:
      /api key (not valid|expired|not found)|please pass a valid api key|missing or invalid authorization header/i,
    source: "https://github.com/continuedev/continue/issues/10290"
  },
  {
    server: "Gemini",
    kind: "accountDisabled",
    code: /^(SERVICE_DISABLED|CONSUMER_SUSPENDED|CONSUMER_INVALID|BILLING_DISABLED)$/,
    source: "https://github.com/google-gemini/gemini-cli/issues/1343"
  },
  {
    server: "Gemini",
    kind: "accountDisabled",
    phrase: /consumer .*has been suspended|reported as leaked/i,
    source: "https://github.com/continuedev/continue/issues/10513"
  },
  {
    server: "Gemini",
    kind: "permissionDenied",
    code:
      /^(API_KEY_SERVICE_BLOCKED|API_KEY_HTTP_REFERRER_BLOCKED|API_KEY_IP_ADDRESS_BLOCKED|API_KEY_ANDROID_APP_BLOCKED|IAM_PERMISSION_DENIED|ACCESS_TOKEN_SCOPE_INSUFFICIENT)$/,
    source: "https://github.com/continuedev/continue/issues/12781"
  },
  {
    server: "Gemini",
    kind: "regionUnsupported",
    phrase: /user location is not supported/i,
    source: "https://github.com/gemini-api-php/client/issues/32"
  },
  { server: "Gemini", kind: "quotaSpent", phrase: /free tier is not available in your country/i, source: trouble },
  {
    server: "Gemini",
    kind: "unknownModel",
    phrase:
      /models\/[^ ]+ is not found|is not found for api version|publisher model .* (was )?not found|is no longer available to new users/i,
    source: "https://github.com/wwardaww/gnome-gemini-ai/issues/21"
  },
  {
    server: "Gemini",
    kind: "unknownModel",
    phrase: /unexpected model name format/i,
    source: "https://ai.google.dev/gemini-api/docs/troubleshooting"
  },
  {
    server: "Gemini",
    kind: "contextOverflow",
    phrase: /input token count .*exceeds the maximum|exceeds the maximum number of tokens allowed/i,
    source: "https://github.com/google-gemini/gemini-cli/issues/6678"
  },
  {
    server: "Gemini",
    kind: "contextOverflow",
    phrase: /request payload size exceeds the limit/i,
    source: "https://github.com/MaKTaiL/gemini-srt-translator/issues/63"
  },
  {
    server: "Gemini",
    kind: "unsupported",
    phrase:
      /function calling is not enabled|does not support (function calling|the requested response modalities)|json mode is not enabled|developer instruction is not enabled/i,
    source: "https://github.com/agno-agi/agno/issues/3505"
  },
  {
    server: "Gemini",
    kind: "contentPolicy",
    code: "PROHIBITED_CONTENT",
    source: "https://github.com/NousResearch/hermes-agent/pull/85031"
  },
  {
    server: "Gemini",
    kind: "contentPolicy",
    phrase: /blocked (due to|by) (the )?(prohibited_content|safety|recitation|content polic)/i,
    source: "https://ai.google.dev/gemini-api/docs/safety-settings"
  },
  {
    server: "Gemini",
    kind: "incompatible",
    phrase: /missing a `?thought_signature/i,
    source: "https://github.com/niki914/zafiro/issues/100"
  },
  {
    server: "Gemini",
    kind: "incompatible",
    code: "MISSING_THOUGHT_SIGNATURE",
    source: "https://ai.google.dev/api/generate-content#FinishReason"
  },
  {
    server: "Gemini",
    kind: "failedGeneration",
    code:
      /^(MALFORMED_FUNCTION_CALL|MALFORMED_RESPONSE|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS|NO_IMAGE|IMAGE_OTHER)$/,
    source: "https://ai.google.dev/api/generate-content#FinishReason"
  },
  {
    server: "Gemini",
    kind: "incompatible",
    code: "INVALID_ARGUMENT",
    phrase: /function call turn comes immediately after/i,
    source: "https://github.com/continuedev/continue/issues/11164"
  },
  {
    server: "Gemini",
    kind: "invalidRequest",
    phrase: /contents is not specified|contents must not be empty|unable to process input image/i,
    source: "https://ai.google.dev/gemini-api/docs/troubleshooting"
  },
  {
    server: "Gemini",
    kind: "rateLimited",
    category: "RESOURCE_EXHAUSTED",
    source: "https://github.com/google-gemini/gemini-cli/issues/1509"
  },
  {
    server: "Gemini",
    kind: "overloaded",
    category: "UNAVAILABLE",
    source: "https://github.com/google-gemini/cookbook/issues/425"
  },
  {
    server: "Gemini",
    kind: "transient",
    category: /^(DEADLINE_EXCEEDED|ABORTED|CANCELLED)$/,
    source: "https://github.com/letta-ai/letta/pull/2861"
  },
  {
    server: "Gemini",
    kind: "serverError",
    category: "INTERNAL",
    source: "https://github.com/PublicAffairs/openai-gemini/issues/15"
  },
  {
    server: "Gemini",
    kind: "keyRejected",
    category: "UNAUTHENTICATED",
    source: "https://github.com/pydantic/pydantic-ai/issues/1186"
  },
  {
    server: "Gemini",
    kind: "permissionDenied",
    category: "PERMISSION_DENIED",
    source: "https://github.com/google-gemini/gemini-cli/issues/14519"
  },
  { server: "Gemini", kind: "quotaSpent", category: "FAILED_PRECONDITION", phrase: /billing/i, source: trouble },
  {
    server: "Gemini",
    kind: "overloaded",
    code: "MODEL_CAPACITY_EXHAUSTED",
    source: "https://github.com/google-gemini/gemini-cli/issues/26633"
  },
  {
    server: "Gemini",
    kind: "quotaSpent",
    phrase: /exhausted your capacity on this model/i,
    source: "https://github.com/Wei-Shaw/claude-relay-service/issues/746"
  },
  {
    server: "Vertex AI",
    kind: "keyRejected",
    phrase: /invalid_grant|invalid_rapt/i,
    source: "https://github.com/cline/cline/issues/4080"
  }
]
