/**
 * What follows a provider's failure: try the same provider again, hand the request to the next one, or fail.
 *
 * One pure function, so that the whole table can be read and tested without a network. It does not ask
 * `AiError.isRetryable`, which is true for a model that called an undeclared tool or answered outside the schema: another
 * attempt there costs tokens and is the caller's to decide.
 *
 * | failure | decision |
 * |---|---|
 * | transport, 408, 409, 425, 429 with a hint that fits, 5xx, overloaded, cut before the first content | retry here, then the next provider |
 * | 401, 402, 403, unknown model, spent quota, a hint that does not fit, an open breaker | the next provider, this one cools down |
 * | an answer that cannot be read, a failure of unknown kind | the next provider |
 * | context overflow | the next provider, if its context is larger |
 * | a tool, image or schema that the model cannot do | the next provider, if it can |
 * | content policy | the next provider, only when asked for |
 * | any other 400 or 422, local encoding, tool errors, anything after the first content | fail |
 */
import type * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import { hasProperty, isTagged } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Capabilities, Feature } from "./Provider.ts"
import { missing } from "./Provider.ts"
import { detail } from "./ProviderFailure.ts"

/**
 * What to do, and why in words for events and logs.
 *
 * - `Retry`: the same provider again; `after` is its own hint, if it gave one.
 * - `Fallback`: the candidate now; with `cooldown` the failed provider is left alone for a while.
 * - `Fail`: no provider.
 */
export const Decision = Schema.Union([
  Schema.TaggedStruct("Retry", { because: Schema.String, after: Schema.UndefinedOr(Schema.Duration) }),
  Schema.TaggedStruct("Fallback", { because: Schema.String, cooldown: Schema.Boolean }),
  Schema.TaggedStruct("Fail", { because: Schema.String })
])
export type Decision = typeof Decision.Type

/** A failure in its circumstances. */
export interface Failure {
  readonly reason: AiError.AiErrorReason
  /** Whether text, reasoning or tool parameters have reached the caller. */
  readonly committed: boolean
  /** Whether the provider may be tried again at all. */
  readonly retriesLeft: boolean
  /** Time until the deadline; `undefined` when there is none. */
  readonly remaining: Duration.Duration | undefined
  /** The longest hint that is worth waiting for. */
  readonly maxRetryAfter: Duration.Duration
  /** What the failed provider's model can do. */
  readonly current: Capabilities
  /** What the next provider's model can do; `undefined` when there is no next provider. */
  readonly candidate: Capabilities | undefined
  /** What the request asks for beyond text. */
  readonly features: ReadonlySet<Feature>
  /** Whether another provider may be asked what one refused for its content policy. Defaults to `false`. */
  readonly fallbackOnContentPolicy?: boolean | undefined
}

type Verdict =
  | { readonly _tag: "Here"; readonly because: string }
  | { readonly _tag: "Next"; readonly because: string; readonly cooldown: boolean }
  | { readonly _tag: "NextIfLarger"; readonly because: string }
  | { readonly _tag: "NextIfAble"; readonly because: string }
  | { readonly _tag: "Nobody"; readonly because: string }

const here = (because: string): Verdict => ({ _tag: "Here", because })
const next = (because: string): Verdict => ({ _tag: "Next", because, cooldown: false })
const nextAndCool = (because: string): Verdict => ({ _tag: "Next", because, cooldown: true })
const nextIfLarger = (because: string): Verdict => ({ _tag: "NextIfLarger", because })
const nextIfAble = (because: string): Verdict => ({ _tag: "NextIfAble", because })
const nobody = (because: string): Verdict => ({ _tag: "Nobody", because })

/** A transport with a breaker of its own reports it as the cause of its failure. */
const isOpenBreaker = (u: unknown, depth = 0): boolean =>
  isTagged(u, "CircuitOpen") ||
  (hasProperty(u, "reason") && isTagged(u.reason, "CircuitOpen")) ||
  // Causes of causes, but not for ever: a cause may be its own.
  (depth < 8 && hasProperty(u, "cause") && isOpenBreaker(u.cause, depth + 1))

const byStatus = (status: number | undefined): Verdict => {
  if (status === undefined) return next("the failure is of unknown kind")
  if (status === 401 || status === 402 || status === 403 || status === 404) {
    return nextAndCool(`the provider answered ${status}`)
  }
  if (status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) {
    return here(`the provider answered ${status}`)
  }
  if (status === 413) return nextIfLarger("the request is too large for the model")
  if (status === 400 || status === 422) return nobody("the request is invalid")
  return next(`the provider answered ${status}`)
}

/** One line a reason. A reason that Effect adds is a compile error here. */
const verdicts: {
  readonly [Tag in AiError.AiErrorReason["_tag"]]: (
    reason: Extract<AiError.AiErrorReason, { readonly _tag: Tag }>,
    failure: Failure
  ) => Verdict
} = {
  NetworkError: (reason) =>
    reason.reason !== "TransportError"
      ? nobody("the request could not be built")
      : isOpenBreaker(reason)
      ? nextAndCool("the circuit breaker is open")
      : here("the connection failed"),
  RateLimitError: () => here("the provider limits the rate"),
  InternalProviderError: (reason) =>
    detail(reason).shouldRetry === false
      ? nextAndCool("the provider asked not to be retried")
      : here(detail(reason).kind === "overloaded" ? "the provider is overloaded" : "the provider failed"),
  QuotaExhaustedError: () => nextAndCool("the quota is spent"),
  AuthenticationError: () => nextAndCool("the credentials were refused"),
  ContentPolicyError: (_, failure) =>
    failure.fallbackOnContentPolicy === true
      ? next("the content policy refused")
      : nobody("the content policy refused"),
  InvalidRequestError: (reason) => {
    switch (detail(reason).kind) {
      case "contextOverflow":
        return nextIfLarger("the request is too large for the model")
      case "unknownModel":
        return nextAndCool("the model does not exist there")
      case "unsupported":
        return nextIfAble("the model cannot do what was asked")
      default:
        return nobody("the request is invalid")
    }
  },
  UnsupportedSchemaError: () => nobody("the schema cannot be written for a model"),
  InvalidResponseError: () => next("the answer could not be read"),
  UnknownError: (reason) => byStatus(detail(reason).status),
  InvalidOutputError: () => nobody("the model's output is invalid"),
  StructuredOutputError: () => nobody("the model's output does not follow the schema"),
  ToolNotFoundError: () => nobody("the model called an undeclared tool"),
  ToolParameterValidationError: () => nobody("the model called a tool with invalid parameters"),
  InvalidToolResultError: () => nobody("a tool failed"),
  ToolResultEncodingError: () => nobody("a tool failed"),
  ToolConfigurationError: () => nobody("a tool is misconfigured"),
  ToolkitRequiredError: () => nobody("a toolkit is missing"),
  InvalidUserInputError: () => nobody("the request could not be built")
}

const verdictOf = <Tag extends AiError.AiErrorReason["_tag"]>(
  reason: Extract<AiError.AiErrorReason, { readonly _tag: Tag }>,
  failure: Failure
): Verdict => verdicts[reason._tag as Tag](reason, failure)

const fail = (because: string): Decision => ({ _tag: "Fail", because })

const fallback = (failure: Failure, because: string, cooldown: boolean): Decision => {
  if (failure.candidate === undefined) return fail(`${because}, and no provider is left`)
  const lacks = missing(failure.candidate, failure.features)
  return lacks.length > 0
    ? fail(`${because}, and no provider is left that can do ${lacks.join(" and ")}`)
    : { _tag: "Fallback", because, cooldown }
}

const retry = (failure: Failure, because: string): Decision => {
  const after = detail(failure.reason).retryAfter
  if (after !== undefined && Duration.isGreaterThan(after, failure.maxRetryAfter)) {
    return fallback(failure, `${because}, and asks for a pause of ${Duration.format(after)}`, true)
  }
  if (failure.remaining !== undefined && Duration.isLessThanOrEqualTo(failure.remaining, after ?? Duration.zero)) {
    return fallback(failure, `${because}, and a retry would pass the deadline`, true)
  }
  return failure.retriesLeft
    ? { _tag: "Retry", because, after }
    : fallback(failure, `${because}, and its retries are used up`, true)
}

/**
 * Decides what follows a failure.
 *
 * ```ts import.meta.vitest
 * import { FallbackDecision, Provider } from "@holdfast/llm"
 * import { Duration } from "effect"
 * import { AiError } from "effect/ai"
 *
 * const circumstances = {
 *   committed: false,
 *   retriesLeft: true,
 *   remaining: undefined,
 *   maxRetryAfter: Duration.seconds(60),
 *   current: Provider.defaultCapabilities,
 *   candidate: Provider.defaultCapabilities,
 *   features: new Set<Provider.Feature>()
 * }
 * const overloaded = new AiError.InternalProviderError({ description: "overloaded" })
 * const badKey = new AiError.AuthenticationError({ kind: "InvalidKey" })
 *
 * FallbackDecision.decide({ ...circumstances, reason: overloaded })._tag // => "Retry"
 * FallbackDecision.decide({ ...circumstances, reason: overloaded, retriesLeft: false })._tag // => "Fallback"
 * FallbackDecision.decide({ ...circumstances, reason: badKey })._tag // => "Fallback"
 * FallbackDecision.decide({ ...circumstances, reason: badKey, candidate: undefined })._tag // => "Fail"
 * FallbackDecision.decide({ ...circumstances, reason: overloaded, committed: true })._tag // => "Fail"
 * ```
 */
export const decide = (failure: Failure): Decision => {
  if (failure.committed) return fail("a part of the answer was already seen")
  const verdict = verdictOf(failure.reason, failure)
  switch (verdict._tag) {
    case "Here":
      return retry(failure, verdict.because)
    case "Next":
      return fallback(failure, verdict.because, verdict.cooldown)
    case "NextIfLarger": {
      const size = failure.candidate?.contextWindow
      return size !== undefined && size > (failure.current.contextWindow ?? 0)
        ? fallback(failure, verdict.because, false)
        : fail(`${verdict.because}, and no provider is left with a larger context`)
    }
    case "NextIfAble":
      return fallback(failure, verdict.because, false)
    case "Nobody":
      return fail(verdict.because)
  }
}
