/**
 * Decides what follows a provider's failure: retry the same provider, send the request to the next one, or fail.
 *
 * **When to use**
 *
 * Use it to see or test what a chain would do, without a network: it is one pure function.
 *
 * **Details**
 *
 * | failure | decision |
 * |---|---|
 * | transport, 408, 409, 425, 429 with a hint that fits, 5xx, overloaded, loading, cut before the first content | retry here, then the next provider |
 * | an invalid tool call or JSON of the model | retry here, then the next provider, without a cool-down |
 * | credentials, account, region, quota, unknown model, a hint that does not fit, an open breaker | the next provider, this one cools down |
 * | a tool, image or schema that the model cannot do, a field that this server does not take | the next provider |
 * | a 400, 404 or 422 that no signal explains, an unreadable answer, a failure of unknown kind | the next provider |
 * | context overflow | the next provider, if its context is larger |
 * | content policy | the next provider, only when asked for |
 * | an answer that does not follow its schema | the next provider, only if answers are repaired |
 * | invalid for every provider, local encoding, tool errors, anything after the first content | fail |
 *
 * **Gotchas**
 *
 * `AiError.isRetryable` is ignored. It is also true if the model called an undeclared tool or broke the schema: another attempt costs
 * tokens, so the caller decides on it.
 *
 * **Example**
 *
 * See {@link decide} and {@link choose}.
 */
import type * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import { hasProperty, isTagged } from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Consequence } from "./internal/protocol/refusal/kinds.ts"
import { kinds } from "./internal/protocol/refusal/kinds.ts"
import type { Capabilities, Feature } from "./Provider.ts"
import { missing } from "./Provider.ts"
import { detail } from "./ProviderFailure.ts"

/**
 * The decision, with its reason in words for events and logs.
 *
 * - `Retry`: the same provider again; `after` is the delay that it asked for, if any.
 * - `Fallback`: the candidate now; with `cooldown` the failed provider is skipped for a while.
 * - `Fail`: no provider.
 */
export const Decision = Schema.Union([
  Schema.TaggedStruct("Retry", { because: Schema.String, after: Schema.UndefinedOr(Schema.Duration) }),
  Schema.TaggedStruct("Fallback", { because: Schema.String, cooldown: Schema.Boolean }),
  Schema.TaggedStruct("Fail", { because: Schema.String })
])
export type Decision = typeof Decision.Type

/** A failure and its circumstances. */
export interface Failure {
  readonly reason: AiError.AiErrorReason
  /** Whether text, reasoning or tool parameters have reached the caller. */
  readonly committed: boolean
  /** Whether the provider has retries left. */
  readonly retriesLeft: boolean
  /** Time until the deadline; `undefined` without a deadline. */
  readonly remaining: Duration.Duration | undefined
  /** The longest delay that a provider may ask for. A longer one falls back to the next provider. */
  readonly maxRetryAfter: Duration.Duration
  /** The capabilities of the failed provider's model. */
  readonly current: Capabilities
  /** The capabilities of the next provider's model; `undefined` without a next provider. */
  readonly candidate: Capabilities | undefined
  /** The features that the request needs beyond text. */
  readonly features: ReadonlySet<Feature>
  /** Whether a request that one provider's content policy rejected is sent to another provider. Default: false. */
  readonly fallbackOnContentPolicy?: boolean | undefined
  /** Whether an answer that does not follow its schema, and could not be repaired, is asked of another provider. Default: false. */
  readonly fallbackOnSchemaMismatch?: boolean | undefined
}

/** What follows a failure in itself, whatever the circumstances. */
interface Meaning {
  readonly consequence: Consequence
  readonly because: string
}

const retryHere = (because: string): Meaning => ({ consequence: "retry", because })
const next = (because: string): Meaning => ({ consequence: "next", because })
const nextAndCool = (because: string): Meaning => ({ consequence: "nextAndCool", because })
const never = (because: string): Meaning => ({ consequence: "fail", because })

/** A transport with a breaker of its own reports it as the cause of its failure. */
const isOpenBreaker = (u: unknown, depth = 0): boolean =>
  isTagged(u, "CircuitOpen") ||
  (hasProperty(u, "reason") && isTagged(u.reason, "CircuitOpen")) ||
  // Causes of causes, but not for ever: a cause may be its own.
  (depth < 8 && hasProperty(u, "cause") && isOpenBreaker(u.cause, depth + 1))

/** One line a reason, for those without a kind. A reason that Effect adds is a compile error here. */
const meanings: {
  readonly [Tag in AiError.AiErrorReason["_tag"]]: (
    reason: Extract<AiError.AiErrorReason, { readonly _tag: Tag }>
  ) => Meaning
} = {
  NetworkError: (reason) =>
    reason.reason !== "TransportError"
      ? never("the request could not be built")
      : isOpenBreaker(reason)
      ? nextAndCool("the circuit breaker is open")
      : retryHere("the connection failed"),
  RateLimitError: () => kinds.rateLimited,
  InternalProviderError: () => kinds.serverError,
  QuotaExhaustedError: () => kinds.quotaSpent,
  AuthenticationError: () => kinds.keyRejected,
  ContentPolicyError: () => kinds.contentPolicy,
  InvalidRequestError: () => next("the provider rejected the request"),
  UnsupportedSchemaError: () => never("the schema cannot be written for a model"),
  InvalidResponseError: () => next("the answer could not be read"),
  UnknownError: (reason) => {
    const { status } = detail(reason)
    return next(status === undefined ? "the failure is of unknown kind" : `the provider answered ${status}`)
  },
  InvalidOutputError: () => never("the model's output is invalid"),
  StructuredOutputError: () => ({ consequence: "schema", because: "the model's output does not follow the schema" }),
  ToolNotFoundError: () => never("the model called an undeclared tool"),
  ToolParameterValidationError: () => never("the model called a tool with invalid parameters"),
  InvalidToolResultError: () => never("a tool failed"),
  ToolResultEncodingError: () => never("a tool failed"),
  ToolConfigurationError: () => never("a tool is misconfigured"),
  ToolkitRequiredError: () => never("a toolkit is missing"),
  InvalidUserInputError: () => never("the request could not be built")
}

const meaningOf = <Tag extends AiError.AiErrorReason["_tag"]>(
  reason: Extract<AiError.AiErrorReason, { readonly _tag: Tag }>
): Meaning => {
  const { kind, shouldRetry } = detail(reason)
  const meaning: Meaning = kind === undefined ? meanings[reason._tag as Tag](reason) : kinds[kind]
  const isRetried = meaning.consequence === "retry" || meaning.consequence === "retryOnly"
  if (shouldRetry === false && isRetried) return nextAndCool(`${meaning.because}, and asked not to be retried`)
  if (shouldRetry === true && kind === undefined && meaning.consequence === "next") return retryHere(meaning.because)
  return meaning
}

const fail = (because: string): Decision => ({ _tag: "Fail", because })

const fallback = (failure: Failure, because: string, cooldown: boolean): Decision => {
  if (failure.candidate === undefined) return fail(`${because}, and no provider is left`)
  const lacks = missing(failure.candidate, failure.features)
  return lacks.length > 0
    ? fail(`${because}, and no provider is left that can do ${lacks.join(" and ")}`)
    : { _tag: "Fallback", because, cooldown }
}

const retry = (failure: Failure, because: string, cooldown: boolean): Decision => {
  const after = detail(failure.reason).retryAfter
  if (after !== undefined && Duration.isGreaterThan(after, failure.maxRetryAfter)) {
    return fallback(failure, `${because}, and asks for a pause of ${Duration.format(after)}`, true)
  }
  if (failure.remaining !== undefined && Duration.isLessThanOrEqualTo(failure.remaining, after ?? Duration.zero)) {
    return fallback(failure, `${because}, and a retry would pass the deadline`, true)
  }
  return failure.retriesLeft
    ? { _tag: "Retry", because, after }
    : fallback(failure, `${because}, and its retries are used up`, cooldown)
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
  const { because, consequence } = meaningOf(failure.reason)
  switch (consequence) {
    case "retry":
      return retry(failure, because, true)
    case "retryOnly":
      return retry(failure, because, false)
    case "next":
      return fallback(failure, because, false)
    case "nextAndCool":
      return fallback(failure, because, true)
    case "larger": {
      const size = failure.candidate?.contextWindow
      return size !== undefined && size > (failure.current.contextWindow ?? 0)
        ? fallback(failure, because, false)
        : fail(`${because}, and no provider is left with a larger context`)
    }
    case "policy":
      return failure.fallbackOnContentPolicy === true ? fallback(failure, because, false) : fail(because)
    case "schema":
      return failure.fallbackOnSchemaMismatch === true ? fallback(failure, because, false) : fail(because)
    case "fail":
      return fail(because)
  }
}

/** A decision among several providers. */
export interface Choice {
  readonly decision: Decision
  /** The index of the provider to ask next: the first that qualifies. `undefined` unless the decision is `Fallback`. */
  readonly next: number | undefined
}

/**
 * Decides what follows a failure if several providers are left: the first of them that qualifies is asked next. Never a retry.
 *
 * ```ts import.meta.vitest
 * import { FallbackDecision, Provider, ProviderFailure } from "@holdfast/llm"
 * import { Duration } from "effect"
 *
 * const sized = (contextWindow: number) => ({ ...Provider.defaultCapabilities, contextWindow })
 * const failure = {
 *   reason: ProviderFailure.toReason({ status: 400, body: { error: { code: "context_length_exceeded" } }, now: 0 }),
 *   committed: false,
 *   remaining: undefined,
 *   maxRetryAfter: Duration.seconds(60),
 *   current: sized(8_000),
 *   features: new Set<Provider.Feature>()
 * }
 *
 * FallbackDecision.choose(failure, [sized(4_000), sized(32_000)]).next // => 1
 * ```
 */
export const choose = (
  failure: Omit<Failure, "candidate" | "retriesLeft">,
  candidates: ReadonlyArray<Capabilities>
): Choice => {
  for (const [next, candidate] of candidates.entries()) {
    const decision = decide({ ...failure, candidate, retriesLeft: false })
    if (decision._tag === "Fallback") return { decision, next }
  }
  const { because } = decide({ ...failure, candidate: candidates[0], retriesLeft: false })
  return { decision: fail(because), next: undefined }
}
