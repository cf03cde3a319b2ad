/**
 * OpenRouter, LiteLLM's proxy, and what stands before a server: Cloudflare, nginx, other proxies.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const openRouter = "https://openrouter.ai/docs/api/reference/errors-and-debugging"
const liteLlm = "https://docs.litellm.ai/docs/exception_mapping"

export const routers: ReadonlyArray<Signal> = [
  // OpenRouter
  { server: "OpenRouter", kind: "contentPolicy", field: "flagged_input", source: openRouter },
  {
    server: "OpenRouter",
    kind: "contentPolicy",
    phrase: /requires moderation on|your input was flagged/i,
    source: openRouter
  },
  {
    server: "OpenRouter",
    kind: "unsupported",
    phrase: /no endpoints found that support|no endpoints found that can handle|no allowed providers .*support/i,
    source: "https://github.com/evalstate/fast-agent/issues/122"
  },
  {
    server: "OpenRouter",
    kind: "permissionDenied",
    phrase: /no endpoints found matching your data policy|no endpoints available matching your guardrail/i,
    source: "https://openrouter.ai/docs/api/reference/errors-and-debugging"
  },
  {
    server: "OpenRouter",
    kind: "unknownModel",
    phrase: /no endpoints found for|is not a valid model id|no allowed providers are available/i,
    source: "https://github.com/maxnowack/anthropic-proxy/issues/4"
  },
  {
    server: "OpenRouter",
    kind: "quotaSpent",
    phrase: /insufficient credits|requires more credits|never purchased credits|key limit exceeded/i,
    source: "https://github.com/Gitlawb/openclaude/issues/43"
  },
  {
    server: "OpenRouter",
    kind: "quotaSpent",
    phrase: /rate limit exceeded: free-models-per-day/i,
    source: "https://github.com/Gitlawb/openclaude/issues/936"
  },
  {
    server: "OpenRouter",
    kind: "rateLimited",
    phrase: /rate limit exceeded: free-models-per-min|is temporarily rate-limited upstream/i,
    source: "https://github.com/HacxGPT-Official/HacxGPT-CLI/issues/31"
  },
  {
    server: "OpenRouter",
    kind: "keyRejected",
    phrase: /user not found|no auth credentials found|no cookie auth credentials/i,
    status: 401,
    source: "https://github.com/musistudio/claude-code-router/issues/227"
  },
  {
    server: "OpenRouter",
    kind: "overloaded",
    phrase: /no instances available|no healthy (upstream|endpoints?)/i,
    source: openRouter
  },

  // LiteLLM
  {
    server: "LiteLLM",
    kind: "quotaSpent",
    code: "budget_exceeded",
    source: "https://github.com/BerriAI/litellm/pull/37000"
  },
  {
    server: "LiteLLM",
    kind: "quotaSpent",
    phrase: /budget has been exceeded|exceededbudget|over budget/i,
    source: "https://github.com/BerriAI/litellm/issues/14144"
  },
  {
    server: "LiteLLM",
    kind: "unknownModel",
    phrase: /invalid model name passed in|there are no healthy deployments for this model|no model .*found in router/i,
    source: "https://github.com/BerriAI/litellm/issues/9663"
  },
  {
    server: "LiteLLM",
    kind: "unknownModel",
    phrase: /llm provider not provided/i,
    source: "https://docs.litellm.ai/docs/providers"
  },
  {
    server: "LiteLLM",
    kind: "modelNotAllowed",
    code: /^(key|team|user|org|project)_model_access_denied$/,
    source: "https://github.com/BerriAI/litellm/pull/39660"
  },
  {
    server: "LiteLLM",
    kind: "modelNotAllowed",
    phrase: /(key|team|user) not allowed to access model|can only access models=/i,
    source: "https://github.com/BerriAI/litellm/pull/39660"
  },
  {
    server: "LiteLLM",
    kind: "keyRejected",
    code: /^(token_not_found_in_db|expired_key)$/,
    source: "https://github.com/BerriAI/litellm/issues/11639"
  },
  {
    server: "LiteLLM",
    kind: "keyRejected",
    phrase:
      /authentication error, (invalid proxy server token|no api key|expired key|malformed api key|llm virtual key)/i,
    source: "https://github.com/BerriAI/litellm/issues/11639"
  },
  { server: "LiteLLM", kind: "contextOverflow", phrase: /contextwindowexceedederror/i, source: liteLlm },
  {
    server: "LiteLLM",
    kind: "contentPolicy",
    phrase: /contentpolicyviolationerror|violated guardrail policy|violated moderation policy/i,
    source: liteLlm
  },
  {
    server: "LiteLLM",
    kind: "incompatible",
    phrase: /unsupportedparamserror|does not support parameters/i,
    source: "https://github.com/BerriAI/litellm/issues/36407"
  },
  {
    server: "LiteLLM",
    kind: "rateLimited",
    phrase:
      /max parallel request limit reached|crossed (tpm|rpm) ?\/ ?(rpm|tpm)|no deployments available for selected model/i,
    source: "https://docs.litellm.ai/docs/proxy/users"
  },
  { server: "LiteLLM", kind: "quotaSpent", phrase: /insufficientquotaerror/i, source: liteLlm },
  {
    server: "LiteLLM",
    kind: "serverError",
    category: /^litellm\.(InternalServerError|APIConnectionError)$/,
    status: [500, 503],
    source: liteLlm
  },
  { server: "LiteLLM", kind: "rateLimited", category: "litellm.RateLimitError", source: liteLlm },
  { server: "LiteLLM", kind: "keyRejected", category: "litellm.AuthenticationError", source: liteLlm },
  { server: "LiteLLM", kind: "unknownModel", category: "litellm.NotFoundError", source: liteLlm },

  // Cloudflare's Workers AI
  {
    server: "Cloudflare",
    kind: "quotaSpent",
    code: /^(3036|4006)$/,
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "Cloudflare",
    kind: "overloaded",
    code: "3040",
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "Cloudflare",
    kind: "unknownModel",
    code: "5007",
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "Cloudflare",
    kind: "modelNotAllowed",
    code: /^(3041|5018)$/,
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },

  // Cloudflare, nginx and other proxies
  {
    server: "Cloudflare",
    kind: "rateLimited",
    phrase: /error (code:? )?1015|you are being rate limited/i,
    source:
      "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/error-1015/"
  },
  {
    server: "Cloudflare",
    kind: "regionUnsupported",
    phrase: /error (code:? )?1009\b/i,
    source:
      "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/error-1009/"
  },
  {
    server: "Cloudflare",
    kind: "permissionDenied",
    phrase: /error (code:? )?(1006|1007|1008|1010|1012|1020)\b|sorry, you have been blocked/i,
    source: "https://github.com/run-llama/llama_index/issues/16796"
  },
  {
    server: "Cloudflare",
    kind: "permissionDenied",
    header: ["cf-mitigated", /challenge/],
    source: "https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/"
  },
  { server: "Cloudflare", kind: "quotaSpent", code: "2021", source: "https://developers.cloudflare.com/ai-gateway/" },
  {
    server: "nginx",
    kind: "contextOverflow",
    phrase: /413 request entity too large/i,
    status: 413,
    source: "https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size"
  },
  {
    server: "Cloudflare",
    kind: "contentPolicy",
    phrase: /(prompt|response) blocked due to security configurations/i,
    compared: true,
    source: "https://developers.cloudflare.com/ai-gateway/guardrails/set-up-guardrail/"
  },
  {
    server: "Cloudflare",
    kind: "modelNotAllowed",
    code: "5016",
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "Cloudflare",
    kind: "accountDisabled",
    code: "3023",
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "Cloudflare",
    kind: "unknownModel",
    code: "3042",
    compared: true,
    source: "https://developers.cloudflare.com/workers-ai/platform/errors/"
  },
  {
    server: "one-api",
    kind: "contentPolicy",
    phrase: /BlockedReason(ProhibitedContent|Safety|Blocklist|Other)/,
    source: "https://github.com/immersive-translate/immersive-translate/issues/2505"
  }
]
