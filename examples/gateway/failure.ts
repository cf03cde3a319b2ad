/** Failures of a chain as OpenAI's API has them: a status, a body, and whether its clients try again. */
import { ChainError } from "@holdfast/llm"
import { DateTime, Duration } from "effect"
import type { AiError } from "effect/ai"
import { HttpServerResponse } from "effect/http"

/** A refusal in the words of the API. */
export const refusal = (
  status: number,
  error: { readonly message: string; readonly type: string; readonly code?: string; readonly param?: string },
  headers: Readonly<Record<string, string>> = {}
) =>
  HttpServerResponse.jsonUnsafe({ error: { code: null, param: null, ...error } }, {
    status,
    // The chain has tried again already, at every provider. A client that did so too would multiply the load.
    headers: { "x-should-retry": "false", ...headers }
  })

const wait = (duration: Duration.Duration): Readonly<Record<string, string>> => ({
  "retry-after": `${Math.max(1, Math.ceil(Duration.toSeconds(duration)))}`
})

/** Says no more than what the caller can act on: keys, addresses and models of the providers stay here. */
export const failure = (error: AiError.AiError, now: DateTime.Utc) => {
  const { reason } = error
  if (ChainError.isBudgetSpent(error)) {
    const { by = "all", limit, name, sum, unit } = error.budget
    const resetAt = reason._tag === "QuotaExhaustedError" ? reason.resetAt : undefined
    return refusal(429, {
      message: `The budget "${name}" by ${by} is spent: ${sum} of ${limit} ${unit}.`,
      type: "insufficient_quota",
      code: "insufficient_quota"
    }, resetAt === undefined ? {} : wait(DateTime.distance(now, resetAt)))
  }
  switch (reason._tag) {
    case "InvalidRequestError":
    case "InvalidUserInputError":
    case "UnsupportedSchemaError":
      return refusal(400, { message: reason.message, type: "invalid_request_error" })
    case "ContentPolicyError":
      return refusal(400, {
        message: "The content policy of the provider refused the request.",
        type: "invalid_request_error",
        code: "content_filter"
      })
    case "RateLimitError":
      return refusal(
        429,
        { message: "Every provider is at its rate limit.", type: "rate_limit_error", code: "rate_limit_exceeded" },
        reason.retryAfter === undefined ? {} : wait(reason.retryAfter)
      )
    default:
      return refusal(503, { message: "No provider gave an answer. Ask again later.", type: "server_error" })
  }
}

/** What a stream ends with when its answer broke off: OpenAI's clients raise it. */
export const cut = {
  error: { message: "The answer broke off.", type: "server_error", code: "stream_interrupted", param: null }
}
