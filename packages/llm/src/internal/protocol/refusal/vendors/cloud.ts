/**
 * Groq, Mistral, Cohere, DeepSeek and xAI.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const groq = "https://console.groq.com/docs/errors"
const mistral = "https://docs.mistral.ai/api"
const deepSeek = "https://api-docs.deepseek.com/quick_start/error_codes"
const xAi = "https://docs.x.ai/docs/key-information/debugging"

export const cloud: ReadonlyArray<Signal> = [
  // Groq
  {
    server: "Groq",
    kind: "unknownModel",
    code: /^(model_decommissioned|model_not_found)$/,
    source: "https://github.com/atiilla/sqlmap-ai/issues/3"
  },
  {
    server: "Groq",
    kind: "modelNotAllowed",
    code: /^(model_permission_blocked_(org|project)|model_terms_required)$/,
    source: groq
  },
  {
    server: "Groq",
    kind: "accountDisabled",
    code: "organization_restricted",
    source: "https://github.com/songquanpeng/one-api/issues/1764"
  },
  {
    server: "Groq",
    kind: "quotaSpent",
    code: "blocked_api_access",
    source: "https://console.groq.com/docs/spend-limits"
  },
  {
    server: "Groq",
    kind: "failedGeneration",
    code: /^(tool_use_failed|json_validate_failed|output_parse_failed)$/,
    source: "https://github.com/groq/groq-typescript/issues/28"
  },
  {
    server: "Groq",
    kind: "beyondRateLimit",
    code: "rate_limit_exceeded",
    status: 413,
    source: "https://github.com/continuedev/continue/issues/10218"
  },
  {
    server: "Groq",
    kind: "beyondRateLimit",
    phrase: /request too large for model .* tokens per (minute|day)/i,
    source: "https://github.com/continuedev/continue/issues/10218"
  },
  { server: "Groq", kind: "overloaded", code: "capacity_exceeded", source: groq },
  {
    server: "Groq",
    kind: "overloaded",
    phrase: /is currently over capacity/i,
    source: "https://github.com/infiniflow/ragflow/issues/9858"
  },
  {
    server: "Groq",
    kind: "contextOverflow",
    phrase: /please reduce the length of the messages or completion/i,
    source: "https://github.com/ScrapeGraphAI/Scrapegraph-ai/issues/411"
  },
  {
    server: "Groq",
    kind: "permissionDenied",
    phrase: /access denied\. please check your network settings/i,
    source: "https://console.groq.com/docs/errors"
  },
  {
    server: "Groq",
    kind: "unsupported",
    phrase: /messages\[\d+\]\.content must be a string|does not support (image|reasoning_format|response format)/i,
    source: "https://github.com/OpenHands/OpenHands/issues/4643"
  },
  {
    server: "Groq",
    kind: "wrongAddress",
    phrase: /unknown request url/i,
    source: "https://github.com/ChatGPTNextWeb/NextChat/issues/4599"
  },

  // Mistral
  {
    server: "Mistral",
    kind: "unknownModel",
    code: "invalid_model",
    source: "https://github.com/tmc/langchaingo/issues/1233"
  },
  {
    server: "Mistral",
    kind: "rateLimited",
    phrase: /requests rate limit exceeded|service tier capacity exceeded/i,
    source: "https://docs.mistral.ai/api"
  },
  { server: "Mistral", kind: "rateLimited", code: "1300", source: "https://docs.mistral.ai/api" },
  {
    server: "Mistral",
    kind: "overloaded",
    code: "service_tier_capacity_exceeded",
    source: "https://docs.mistral.ai/api"
  },
  {
    server: "Mistral",
    kind: "contextOverflow",
    phrase: /too large for model with \d+ maximum context length|prompt contains \d+ tokens/i,
    source: mistral
  },
  {
    server: "Mistral",
    kind: "incompatible",
    phrase:
      /expected last role|unexpected role|invalid (request|role) .*order|conversation must (start|end) with|not the same number of function calls and responses/i,
    source: "https://github.com/QuantumNous/new-api/issues/2858"
  },
  {
    server: "Mistral",
    kind: "incompatible",
    code: "extra_forbidden",
    source: "https://github.com/openai/openai-agents-python/issues/442"
  },
  {
    server: "Mistral",
    kind: "incompatible",
    phrase: /tool call id (was|has to|must)|name should match|extra inputs are not permitted/i,
    source: "https://github.com/nearai/ironclaw/issues/1241"
  },
  {
    server: "Mistral",
    kind: "unsupported",
    phrase: /(image|tool|function).*(not enabled|not supported) for (this )?model/i,
    source: mistral
  },
  {
    server: "Mistral",
    kind: "keyRejected",
    phrase: /^unauthorized$/i,
    status: 401,
    source: "https://github.com/coolcline/CoolCline/issues/36"
  },
  {
    server: "Mistral",
    kind: "quotaSpent",
    phrase: /inactive subscription|usage limit exceeded/i,
    source: "https://docs.mistral.ai/api"
  },

  // Cohere
  {
    server: "Cohere",
    kind: "contentPolicy",
    phrase: /^blocked (input|output)\b/i,
    compared: true,
    source: "https://docs.cohere.com/errors-reference"
  },
  {
    server: "Cohere",
    kind: "keyRejected",
    phrase: /^invalid api token|no api key supplied/i,
    source: "https://github.com/cohere-ai/notebooks/issues/6"
  },
  {
    server: "Cohere",
    kind: "quotaSpent",
    phrase: /trial key.*limited to \d+ api calls \/ month|reached the billing limit/i,
    source: "https://docs.cohere.com/reference/errors"
  },
  {
    server: "Cohere",
    kind: "rateLimited",
    phrase: /trial key.*limited to \d+ api calls \/ minute/i,
    compared: true,
    source: "https://docs.cohere.com/errors-reference"
  },
  {
    server: "Cohere",
    kind: "contextOverflow",
    phrase: /too many tokens: total number of tokens/i,
    source: "https://github.com/cohere-ai/sandbox-topically/issues/4"
  },
  {
    server: "Cohere",
    kind: "unknownModel",
    phrase: /model '[^']+' (not found|was removed)/i,
    source: "https://github.com/MaartenGr/BERTopic/issues/1864"
  },

  // DeepSeek
  {
    server: "DeepSeek",
    kind: "quotaSpent",
    phrase: /insufficient balance/i,
    source: "https://github.com/Aider-AI/aider/issues/4851"
  },
  {
    server: "DeepSeek",
    kind: "unknownModel",
    phrase: /^model not exist/i,
    source: "https://github.com/langbot-app/LangBot/issues/1643"
  },
  {
    server: "DeepSeek",
    kind: "contentPolicy",
    phrase: /content exists risk/i,
    source: "https://github.com/666ghj/BettaFish/issues/691"
  },
  {
    server: "DeepSeek",
    kind: "unsupported",
    phrase:
      /does not support (function calling|json output|this tool_choice|tool choice)|response_format type is unavailable/i,
    source: "https://github.com/spring-projects/spring-ai/pull/2643"
  },
  {
    server: "DeepSeek",
    kind: "incompatible",
    phrase:
      /does not support successive user or assistant messages|reasoning_content.*(must be passed back|is missing|not allowed)/i,
    source: "https://github.com/deepseek-ai/DeepSeek-R1/issues/21"
  },
  {
    server: "DeepSeek",
    kind: "incompatible",
    phrase: /invalid max_tokens value|must contain the word 'json'/i,
    source: deepSeek
  },
  {
    server: "DeepSeek",
    kind: "keyRejected",
    phrase: /authentication fails/i,
    source: "https://github.com/droidrun/mobilerun/issues/28"
  },

  // xAI
  {
    server: "xAI",
    kind: "quotaSpent",
    phrase:
      /used all available credits|reached its monthly spending limit|run out of credits|doesn't have any credits|does not have any credits/i,
    source: "https://github.com/continuedev/continue/issues/10373"
  },
  {
    server: "xAI",
    kind: "contentPolicy",
    phrase: /violates usage guidelines|failed check: safety_check/i,
    source: "https://github.com/UKGovernmentBEIS/inspect_ai/pull/2267"
  },
  {
    server: "xAI",
    kind: "keyRejected",
    phrase: /incorrect api key/i,
    source: "https://github.com/continuedev/continue/issues/10778"
  },
  {
    server: "xAI",
    kind: "unknownModel",
    phrase: /the model .* does not exist or your team .* does not have access/i,
    source: "https://github.com/yihong0618/bilingual_book_maker/issues/464"
  },
  {
    server: "xAI",
    kind: "accountDisabled",
    phrase: /(team|api key|user) .*(is|has been) (currently )?(blocked|disabled|suspended)/i,
    source: xAi
  },
  {
    server: "xAI",
    kind: "permissionDenied",
    phrase: /(team|api key) .*(does not have permission|acls?\b|is not allowed)/i,
    source: xAi
  },
  { server: "xAI", kind: "regionUnsupported", phrase: /not available in your (region|country)/i, source: xAi },
  {
    server: "xAI",
    kind: "contextOverflow",
    phrase: /maximum prompt length is \d+ but the request contains \d+/i,
    source: "https://github.com/cline/cline/issues/3120"
  },
  {
    server: "xAI",
    kind: "incompatible",
    phrase: /argument not supported (on|with) this model|does not support parameter/i,
    source: "https://github.com/yym68686/uni-api/issues/105"
  },

  {
    server: "xAI",
    // Without its parameter the model answers.
    kind: "incompatible",
    phrase: /live search is deprecated/i,
    source: "https://github.com/superagent-ai/grok-cli/issues/142"
  }
]
