/**
 * The `AiErrorReason` of a refusal whose kind is known, or is not.
 *
 * Guarded by `test/corpus/refusals.test.ts`, `test/corpus/streams.test.ts` and `test/ProviderFailure.test.ts`.
 */
import * as AiError from "effect/ai/AiError"
import type * as Duration from "effect/Duration"
import type { ProviderError } from "./errorBody.ts"
import type { Kind } from "./kinds.ts"

interface Facts {
  readonly kind: Kind | undefined
  readonly status: number | undefined
  readonly retryAfter: Duration.Duration | undefined
}

interface Common {
  readonly metadata: { readonly holdfast: Record<string, string | number | boolean> }
  readonly http: { readonly body: string }
  readonly description: string
}

/** The reason of a refusal of this kind; for one of unknown kind the status decides. */
export const reasonOf = (
  { kind, retryAfter, status }: Facts,
  common: Common,
  error: ProviderError
): AiError.AiErrorReason => {
  const { description: _, ...undescribed } = common
  const invalid = (parameter: string | undefined) =>
    new AiError.InvalidRequestError({ ...common, ...(parameter === undefined ? {} : { parameter }) })
  switch (kind) {
    case "rateLimited":
    case "beyondRateLimit":
      return new AiError.RateLimitError({ ...undescribed, ...(retryAfter === undefined ? {} : { retryAfter }) })
    case "quotaSpent":
      return new AiError.QuotaExhaustedError(undescribed)
    case "keyRejected":
      return new AiError.AuthenticationError({ ...common, kind: keyKind(error) })
    case "permissionDenied":
    case "accountDisabled":
    case "regionUnsupported":
    case "modelNotAllowed":
      return new AiError.AuthenticationError({ ...common, kind: "InsufficientPermissions" })
    case "unknownModel":
      return invalid("model")
    case "contextOverflow":
      return invalid("messages")
    case "wrongAddress":
    case "unsupported":
    case "incompatible":
    case "invalidRequest":
      return invalid(error.param)
    case "contentPolicy":
      return new AiError.ContentPolicyError(common)
    case "failedGeneration":
    case "overloaded":
    case "loading":
    case "outOfMemory":
    case "transient":
    case "serverError":
      return new AiError.InternalProviderError(common)
    case undefined:
      if (status === 400 || status === 404 || status === 422) return invalid(error.param)
      // An error inside a stream that names no class of its own is the provider's, not the caller's.
      return status === undefined || status >= 500
        ? new AiError.InternalProviderError(common)
        : new AiError.UnknownError(common)
  }
}

const keyKind = ({ message = "" }: ProviderError): "InvalidKey" | "ExpiredKey" | "MissingKey" => {
  if (/expired/i.test(message)) return "ExpiredKey"
  return /didn't provide|no api key|missing|not provided/i.test(message) ? "MissingKey" : "InvalidKey"
}
