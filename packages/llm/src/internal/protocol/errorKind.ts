/** What a provider's error means: by its code, its type, its status and, where these leave it open, its words. */
import type { Kind } from "../../ProviderFailure.ts"
import type { ProviderError } from "./errorBody.ts"

const quotaCode =
  /^(insufficient_quota|credit_balance_exhausted|billing_error|billing_hard_limit_reached|quota_exceeded|.*_spend_limit_(exceeded|reached)|.*_usage_limit_exceeded)$/
const quotaMessage =
  /exceeded your current quota|credit balance is too low|insufficient (credits|balance|funds)|reached your specified (workspace )?API usage limits/i
const overflowCode = /^(context_length_exceeded|exceed_context_size_error|request_too_large|string_above_max_length)$/
const overflowMessage =
  /maximum context length|context (length|size|window|limit)|prompt is too long|exceeds? the (available )?context|too many tokens/i
const modelCode = /^(model_not_found|unknown_model|invalid_model)$/
const failedGeneration = /^tool_use_failed$/
const modelMessage =
  /model .*(not found|does not exist|is not available)|no such model|try pulling it|pull model manifest: file does not exist/i
const policyCode = /^(content_filter|content_policy_violation|responsible_ai_policy_violation|moderation.*)$/
const unsupportedMessage =
  /tools? (choice|param) requires --|(does not|doesn't|not) support(ed)?\b.*(tool|function|image|vision|think|schema|response_format|format)|(tool|function|image|vision|schema|response_format).*(does not|is not|are not|isn't|not) support/i

/** What kind of failure it is; `undefined` for one that `AiErrorReason` tells apart. */
export const kindOf = (error: ProviderError, status: number | undefined): Kind | undefined => {
  const code = error.code ?? ""
  const type = error.type ?? ""
  const message = error.message ?? ""
  const isRequestError = status === undefined || status === 400 || status === 413 || status === 422 || status === 500
  if (overflowCode.test(code) || overflowCode.test(type) || status === 413) return "contextOverflow"
  if (isRequestError && overflowMessage.test(message)) return "contextOverflow"
  if (isFailedGeneration(error)) return "transient"
  if (modelCode.test(code) || status === 404) return "unknownModel"
  if ((status === undefined || status === 400) && modelMessage.test(message)) return "unknownModel"
  if ((isRequestError || status === 501) && unsupportedMessage.test(message)) return "unsupported"
  if (status === 498 || status === 503 || status === 529 || type === "overloaded_error") return "overloaded"
  if (status === 408 || status === 409 || status === 425 || status === 499) return "transient"
  return undefined
}

/** Whether there is no money, rather than too many requests. */
export const isQuota = (error: ProviderError, status: number | undefined): boolean =>
  status === 402 || quotaCode.test(error.code ?? "") || quotaCode.test(error.type ?? "") ||
  ((status === undefined || status === 429 || status === 403 || status === 400) &&
    quotaMessage.test(error.message ?? ""))

/** What is wrong with the key, under 401 or 403. */
export const authenticationKind = (
  error: ProviderError,
  status: number
): "InvalidKey" | "ExpiredKey" | "MissingKey" | "InsufficientPermissions" => {
  if (status === 403) return "InsufficientPermissions"
  const message = error.message ?? ""
  if (/expired/i.test(message)) return "ExpiredKey"
  return /didn't provide|no api key|missing/i.test(message) ? "MissingKey" : "InvalidKey"
}

/** Whether it is the content policy that refuses. */
export const isPolicy = (error: ProviderError): boolean =>
  policyCode.test(error.code ?? "") || policyCode.test(error.type ?? "")

/** Whether the model wrote a call of a tool which is none (Groq): it may write a better one. */
export const isFailedGeneration = (error: ProviderError): boolean => failedGeneration.test(error.code ?? "")
