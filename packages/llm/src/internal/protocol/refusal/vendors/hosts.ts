/** Together, Fireworks, Cerebras, SambaNova, Hugging Face, MiniMax and Perplexity. */
import type { Signal } from "./signal.ts"

const together = "https://docs.together.ai/docs/error-codes"
const fireworks = "https://docs.fireworks.ai/guides/inference-error-codes"
const miniMax = "https://platform.minimax.io/docs/api-reference/errorcode"
const cerebras = "https://inference-docs.cerebras.ai/support/error"

export const hosts: ReadonlyArray<Signal> = [
  { server: "Together", kind: "unknownModel", code: "model_not_available", source: together },
  {
    server: "Together",
    kind: "unknownModel",
    phrase: /unable to access (non-serverless )?model|unable to access model/i,
    source: together
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
    source: together
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
    source: "https://docs.fireworks.ai/guides/inference-error-codes"
  },
  {
    server: "Fireworks",
    kind: "quotaSpent",
    phrase: /suspended.*(spending limit|failure to pay|billing)|exceeded the (monthly )?spending limit/i,
    source: fireworks
  },
  {
    server: "Fireworks",
    kind: "unknownModel",
    phrase: /model not found, inaccessible, and\/or not deployed/i,
    source: fireworks
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
    source: cerebras
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
    source: cerebras
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
    source: "https://huggingface.co/docs/inference-providers/pricing"
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
    source: "https://docs.perplexity.ai/getting-started/models"
  },
  {
    server: "Perplexity",
    kind: "incompatible",
    phrase: /user or tool message\(s\) should alternate|last message must have role/i,
    source: "https://docs.perplexity.ai"
  }
]
