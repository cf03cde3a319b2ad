/**
 * OpenAI.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const errorCodes = "https://platform.openai.com/docs/guides/error-codes"
const tools = "https://platform.openai.com/docs/guides/function-calling"

export const openAi: ReadonlyArray<Signal> = [
  // Quota
  {
    server: "OpenAI",
    kind: "quotaSpent",
    code: "insufficient_quota",
    source: "https://github.com/Pythagora-io/gpt-pilot/issues/340"
  },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    code: /^(billing_hard_limit_reached|billing_not_active|credit_balance_exhausted|quota_exceeded)$/,
    source: "https://github.com/dfinke/PowerShellAI/issues/127"
  },
  { server: "OpenAI", kind: "quotaSpent", code: /(^|_)(spend|usage)_limit_(exceeded|reached)$/, source: errorCodes },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    phrase: /exceeded your current quota/i,
    source: "https://github.com/Pythagora-io/gpt-pilot/issues/340"
  },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    phrase: /account is not active, please check your billing/i,
    source: "https://github.com/lifan0127/ai-research-assistant/issues/174"
  },
  {
    server: "OpenAI",
    kind: "quotaSpent",
    phrase: /billing hard limit/i,
    source: "https://github.com/dfinke/PowerShellAI/issues/127"
  },
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
  {
    server: "OpenAI",
    kind: "keyRejected",
    code: "invalid_api_key",
    source: "https://github.com/chatanywhere/GPT_API_free/issues/62"
  },
  {
    server: "OpenAI",
    kind: "keyRejected",
    phrase: /incorrect api key provided|didn't provide an api key/i,
    source: "https://github.com/chatanywhere/GPT_API_free/issues/62"
  },
  {
    server: "OpenAI",
    kind: "accountDisabled",
    code: /^(account_deactivated|organization_deactivated|access_terminated)$/,
    source: "https://github.com/ChatGPTNextWeb/NextChat/issues/4175"
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
    code:
      /^(no_organization|invalid_organization|mismatched_organization|mismatched_project|invalid_project|ip_not_authorized)$/,
    source: "https://github.com/AIDotNet/OpenDeepWiki/issues/5"
  },
  {
    server: "OpenAI",
    kind: "permissionDenied",
    phrase: /insufficient permissions for this operation|missing scopes/i,
    source: "https://github.com/microsoft/PowerToys/issues/32989"
  },
  {
    server: "OpenAI",
    kind: "regionUnsupported",
    code: "unsupported_country_region_territory",
    source: "https://github.com/nalgeon/pokitoki/issues/42"
  },
  // Model
  {
    server: "OpenAI",
    kind: "unknownModel",
    code: "model_not_found",
    source: "https://github.com/Chainlit/cookbook/issues/82"
  },
  {
    server: "OpenAI",
    kind: "unknownModel",
    phrase: /the model [`'"]?[^ ]+[`'"]? (does not exist|has been deprecated)/i,
    source: "https://github.com/langflow-ai/langflow/issues/1337"
  },
  {
    server: "OpenAI",
    kind: "modelNotAllowed",
    phrase: /organization must be (qualified|verified) to (use|stream)/i,
    source: "https://github.com/openai/openai-go/issues/565"
  },
  {
    server: "OpenAI",
    kind: "modelNotAllowed",
    phrase: /project `?[^ ]+`? does not have access to model/i,
    source: "https://github.com/cursor/cursor/issues/2953"
  },
  {
    server: "OpenAI",
    kind: "incompatible",
    phrase: /this is not a chat model|only supported in v1\/(responses|completions)/i,
    source: "https://github.com/langbot-app/LangBot/issues/400"
  },
  {
    server: "OpenAI",
    kind: "wrongAddress",
    code: "unknown_url",
    source: "https://github.com/TAGonSoft/groq-dart/issues/15"
  },
  {
    server: "OpenAI",
    kind: "wrongAddress",
    phrase: /^invalid url \(\w+ /i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  // Size
  {
    server: "OpenAI",
    kind: "contextOverflow",
    code: "context_length_exceeded",
    source: "https://github.com/AsyncFuncAI/deepwiki-open/issues/144"
  },
  {
    server: "OpenAI",
    kind: "contextOverflow",
    code: "string_above_max_length",
    // Fields with a small limit, such as ids and names, fail under the same code.
    phrase: /maximum length \d{5,}/i,
    source: "https://github.com/orchidfiles/ungate/issues/26"
  },
  {
    server: "OpenAI",
    kind: "contextOverflow",
    phrase: /maximum context length|input exceeds the context window/i,
    source: "https://github.com/the-open-agent/openagent/issues/2344"
  },
  // Features and fields
  {
    server: "OpenAI",
    kind: "unsupported",
    phrase: /invalid content type\. image_url is only supported by certain models/i,
    source: "https://github.com/vllm-project/vllm/issues/11629"
  },
  {
    server: "OpenAI",
    kind: "unsupported",
    phrase:
      /(response_format|json_schema|structured outputs?)\b.*(not supported|does not support|isn't supported|is not available)/i,
    source: "https://github.com/web-infra-dev/midscene/issues/259"
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
    source: "https://github.com/sipeed/picoclaw/issues/16"
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
    source: "https://github.com/alan-turing-institute/t0-1/issues/69"
  },
  {
    server: "OpenAI",
    kind: "contentPolicy",
    phrase:
      /flagged as potentially violating|violat(e|es|ing|ed) our usage polic|rejected as a result of our safety system/i,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    kind: "contentPolicy",
    code: /^(bio|cyber)_policy(_violation)?$/,
    source: "https://platform.openai.com/docs/guides/safety-checks"
  },
  // The caller's own
  {
    server: "OpenAI",
    kind: "invalidRequest",
    phrase:
      /must be followed by tool messages responding to each|messages with role 'tool' must be a response to a prece+ding message|no tool output found for function call/i,
    source: "https://github.com/minoism/freecc/issues/2"
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
    code: /^(invalid_base64|image_parse_error|invalid_image)$/,
    source: "https://platform.openai.com/docs/guides/error-codes"
  },
  {
    server: "OpenAI",
    // Others take more formats.
    kind: "incompatible",
    code: "invalid_image_format",
    source: "https://platform.openai.com/docs/guides/images-vision"
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
  {
    server: "OpenAI",
    kind: "serverError",
    category: "server_error",
    source: "https://github.com/LlmKira/Openaibot/issues/177"
  },
  {
    server: "OpenAI",
    kind: "permissionDenied",
    phrase: /no such organization/i,
    source: "https://github.com/tom-doerr/zsh_codex/issues/5"
  },
  {
    server: "OpenAI",
    kind: "overloaded",
    code: "server_is_overloaded",
    source: "https://github.com/XiaomiMiMo/MiMo-Code/issues/2083"
  }
]
