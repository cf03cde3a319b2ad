/**
 * Together, Fireworks, Cerebras, SambaNova, Hugging Face, MiniMax, Perplexity, Moonshot, Zhipu, Alibaba and NVIDIA.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import type { Signal } from "./signal.ts"

const together = "https://docs.together.ai/docs/error-codes"
const fireworks = "https://docs.fireworks.ai/guides/inference-error-codes"
const miniMax = "https://platform.minimax.io/docs/api-reference/errorcode"
const cerebras = "https://inference-docs.cerebras.ai/support/error"

export const hosts: ReadonlyArray<Signal> = [
  {
    server: "Together",
    kind: "unknownModel",
    code: "model_not_available",
    source: "https://github.com/HeyPuter/puter/issues/3168"
  },
  {
    server: "Together",
    kind: "unknownModel",
    phrase: /unable to access (non-serverless )?model|unable to access model/i,
    source: "https://github.com/earendil-works/pi/pull/5505"
  },
  {
    server: "Together",
    kind: "quotaSpent",
    phrase: /credit limit exceeded|reached (your|the) (monthly )?(spending|spend|payment|credit) limit/i,
    source: together
  },
  {
    server: "Together",
    kind: "contextOverflow",
    phrase:
      /`?inputs`? tokens \+ `?max_new_tokens`? must be|input_tokens \+ max_new_tokens must be|exceeds? (the )?context length/i,
    source: "https://github.com/bytedance/UI-TARS-desktop/issues/626"
  },
  {
    server: "Together",
    kind: "unsupported",
    phrase: /model .* (is not|isn't) supported for (tools|function calling|json mode)/i,
    source: together
  },

  {
    server: "Fireworks",
    kind: "accountDisabled",
    phrase: /account .* is suspended/i,
    source: "https://github.com/pollinations/pollinations/issues/12136"
  },
  {
    server: "Fireworks",
    kind: "quotaSpent",
    phrase: /suspended.*(spending limit|failure to pay|billing)|exceeded the (monthly )?spending limit/i,
    source: "https://github.com/FerroxLabs/wayland/issues/545"
  },
  {
    server: "Fireworks",
    kind: "unknownModel",
    phrase: /model not found, inaccessible, and\/or not deployed/i,
    source: "https://github.com/warpdotdev/warp/issues/15107"
  },
  { server: "Fireworks", kind: "contextOverflow", phrase: /prompt is too long: \d+/i, source: fireworks },
  {
    server: "Fireworks",
    kind: "overloaded",
    phrase: /deployment (is )?(currently )?(scaling up|scaled to zero|overloaded)|deployment_scaling_up/i,
    source: "https://docs.fireworks.ai/deployments/autoscaling"
  },
  {
    server: "Fireworks",
    kind: "overloaded",
    code: "DEPLOYMENT_SCALING_UP",
    source: "https://docs.fireworks.ai/deployments/autoscaling"
  },

  { server: "Cerebras", kind: "keyRejected", code: "wrong_api_key", source: cerebras },
  {
    server: "Cerebras",
    kind: "rateLimited",
    code: /^(request_quota_exceeded|token_quota_exceeded|too_many_requests_error)$/,
    source: "https://github.com/nminaya/grammar-nazi-bot/issues/958"
  },
  {
    server: "Cerebras",
    kind: "quotaSpent",
    code: /^(request_quota_exceeded|token_quota_exceeded)$/,
    phrase: /per day|daily/i,
    source: cerebras
  },
  { server: "Cerebras", kind: "overloaded", code: "queue_exceeded", source: cerebras },
  { server: "Cerebras", kind: "overloaded", phrase: /experiencing high traffic/i, source: cerebras },
  {
    server: "Cerebras",
    kind: "contextOverflow",
    phrase: /current length is \d+ while limit is \d+/i,
    source: "https://github.com/cline/cline/issues/5140"
  },
  { server: "Cerebras", kind: "incompatible", code: "wrong_api_format", source: cerebras },

  {
    server: "SambaNova",
    kind: "overloaded",
    phrase: /model is (currently )?at capacity/i,
    source: "https://docs.sambanova.ai/docs/en/get-started/troubleshooting"
  },

  {
    server: "Hugging Face",
    kind: "quotaSpent",
    phrase: /exceeded your monthly included credits|depleted your monthly included credits/i,
    source: "https://github.com/huggingface/agents-course/issues/386"
  },
  {
    server: "Hugging Face",
    kind: "loading",
    phrase: /model .* is currently loading/i,
    source: "https://huggingface.co/docs/inference-providers/index"
  },
  {
    server: "Hugging Face",
    kind: "loading",
    field: "estimated_time",
    source: "https://huggingface.co/docs/inference-providers/index"
  },
  {
    server: "Hugging Face",
    kind: "permissionDenied",
    phrase: /does not have sufficient permissions to call inference providers/i,
    source: "https://huggingface.co/docs/inference-providers/index"
  },
  {
    server: "Hugging Face",
    kind: "unknownModel",
    phrase: /is not supported by any provider you have enabled|requested model .* is not supported/i,
    source: "https://huggingface.co/docs/inference-providers/index"
  },

  // Under 200, in `base_resp`.
  { server: "MiniMax", kind: "transient", code: "1001", field: "base_resp", source: miniMax },
  { server: "MiniMax", kind: "rateLimited", code: /^(1002|1039|2045)$/, field: "base_resp", source: miniMax },
  { server: "MiniMax", kind: "keyRejected", code: /^(1004|2049)$/, field: "base_resp", source: miniMax },
  { server: "MiniMax", kind: "quotaSpent", code: /^(1008|2056)$/, field: "base_resp", source: miniMax },
  { server: "MiniMax", kind: "serverError", code: /^(1000|1013|1024|1033)$/, field: "base_resp", source: miniMax },
  { server: "MiniMax", kind: "contentPolicy", code: /^(1026|1027)$/, field: "base_resp", source: miniMax },

  // Perplexity
  {
    server: "Perplexity",
    kind: "unknownModel",
    phrase: /^invalid model '/i,
    source: "https://github.com/perplexityai/api-discussion/issues/262"
  },
  {
    server: "Perplexity",
    kind: "incompatible",
    phrase: /user or tool message\(s\) should alternate|last message must have role/i,
    source: "https://github.com/perplexityai/api-discussion/issues/265"
  },
  {
    server: "Together",
    kind: "unknownModel",
    code: "dedicated_endpoint_not_running",
    source: "https://github.com/HeyPuter/puter/issues/3168"
  },
  {
    server: "Moonshot",
    kind: "contextOverflow",
    phrase: /exceeded model token limit/i,
    compared: true,
    source: "https://github.com/badlogic/pi-mono/blob/main/packages/ai/src/utils/overflow.ts"
  },
  {
    server: "Moonshot",
    kind: "unknownModel",
    code: "resource_not_found_error",
    source: "https://platform.moonshot.ai/docs/api/chat#error"
  },
  {
    server: "Moonshot",
    kind: "quotaSpent",
    code: "exceeded_current_quota_error",
    source: "https://platform.moonshot.ai/docs/api/chat#error"
  },
  {
    server: "Zhipu",
    kind: "quotaSpent",
    code: "1113",
    source: "https://github.com/anthropics/claude-code/issues/9201"
  },
  {
    server: "Zhipu",
    kind: "quotaSpent",
    phrase: /余额不足|欠费/,
    source: "https://github.com/continuedev/continue/issues/11823"
  },
  {
    server: "Zhipu",
    kind: "quotaSpent",
    code: "1308",
    source: "https://docs.z.ai/api-reference/api-code"
  },
  {
    server: "Zhipu",
    kind: "rateLimited",
    code: "1302",
    source: "https://github.com/yilewang/llm-for-zotero/issues/17"
  },
  {
    server: "Zhipu",
    kind: "contentPolicy",
    code: "1301",
    source: "https://docs.z.ai/api-reference/api-code"
  },
  {
    server: "Alibaba",
    kind: "quotaSpent",
    code: "Arrearage",
    source: "https://github.com/hsliuping/TradingAgents-CN/issues/170"
  },
  {
    server: "NVIDIA",
    kind: "overloaded",
    phrase: /degraded function cannot be invoked/i,
    source: "https://github.com/tashfeenahmed/freellmapi/issues/522"
  },
  {
    server: "NVIDIA",
    kind: "unknownModel",
    phrase: /function '[^']+': not found for account/i,
    source: "https://github.com/Alishahryar1/free-claude-code/issues/1021"
  }
]
