/**
 * The failures of a chain: `AiError`s that hold every attempt.
 *
 * **When to use**
 *
 * Use {@link isNoAnswer} to show why no provider answered, and {@link isStreamInterrupted} to decide what becomes of a part of an answer
 * that was already seen.
 *
 * **Details**
 *
 * `Effect.catchTag("AiError")` and `Effect.catchReason("AiError", "RateLimitError", ...)` keep working, because a chain fails as every
 * `LanguageModel` does. The `reason` is that of the last attempt. If a provider refused the request for a reason that no signal
 * explains, the first such refusal leads instead: it is closest to what the caller asked for.
 *
 * **Gotchas**
 *
 * Do not retry them: the chain has retried already, so `isRetryable` is false.
 *
 * **Example**
 *
 * See {@link isNoAnswer} and {@link isStreamInterrupted}.
 */
import { plural } from "@holdfast/core/Arguments"
import * as AiError from "effect/ai/AiError"
import * as Response from "effect/ai/Response"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { Decision } from "./FallbackDecision.ts"
import { detail } from "./ProviderFailure.ts"

/** One attempt that failed. */
export const Attempt = Schema.Struct({
  provider: Schema.String,
  model: Schema.String,
  location: Schema.Literals(["cloud", "local"]),
  /** Which attempt at this provider: 1 is the first, 0 when it was not asked. */
  attempt: Schema.Int,
  reason: AiError.AiErrorReason,
  /** What followed. */
  decision: Decision,
  duration: Schema.Duration,
  /** What the provider reported before it failed. */
  usage: Schema.UndefinedOr(Response.Usage)
})
export type Attempt = typeof Attempt.Type

/** A reason in one line: several lines (a schema's path, an advice after it) become one. */
const line = (reason: AiError.AiErrorReason): string => {
  const message = reason.message.replaceAll(/\s+/g, " ").trim()
  const { said } = detail(reason)
  // Some reasons have no field for the provider's own words.
  return said === undefined || message.includes(said) ? message : `${message} (${said.replaceAll(/\s+/g, " ")})`
}

const describe = (attempt: Attempt): string =>
  `${attempt.provider}/${attempt.model} #${attempt.attempt} after ${Duration.format(attempt.duration)}: ` +
  `${line(attempt.reason)} -> ${attempt.decision._tag}, ${attempt.decision.because}`

/**
 * No provider gave an answer, and nothing of one has been seen. Also when there was no use in asking the others: the last
 * attempt's decision says why it ended there.
 */
export class NoAnswer extends AiError.AiError.extend<NoAnswer>("@holdfast/llm/NoAnswer")({
  /** Every attempt, in order. */
  attempts: Schema.NonEmptyArray(Attempt)
}) {
  override get isRetryable(): boolean {
    return false
  }

  override get message(): string {
    const providers = new Set(this.attempts.map((attempt) => attempt.provider)).size
    const count = plural(this.attempts.length, "attempt")
    const story = this.attempts.map((attempt) => `\n- ${describe(attempt)}`).join("")
    return `No answer from ${plural(providers, "provider")} in ${count}: ` +
      `${line(this.reason)}${story}`
  }
}

/**
 * Nothing was sent, or sent again, because a budget has nothing left for the request. Its reason is a `QuotaExhaustedError`, with
 * `resetAt` when there is room again at the soonest.
 */
export class BudgetSpent extends NoAnswer.extend<BudgetSpent>("@holdfast/llm/BudgetSpent")({
  budget: Schema.Struct({
    name: Schema.String,
    /** The tag that the budget is by, and its value in the request; missing in a budget over all requests. */
    by: Schema.optionalKey(Schema.String),
    value: Schema.optionalKey(Schema.String),
    unit: Schema.Literals(["cost", "tokens"]),
    limit: Schema.Finite,
    /** What is spent, attempts in flight included. */
    sum: Schema.Finite
  }),
  /** Why the request was not let in. */
  because: Schema.String
}) {
  override get message(): string {
    const resetAt = this.reason._tag === "QuotaExhaustedError" ? this.reason.resetAt : undefined
    const room = resetAt === undefined ? "" : `. There is room again at ${DateTime.formatIso(resetAt)} at the soonest`
    return `Not sent: ${this.because}${room}`
  }
}

/**
 * The answer broke off after a part of it was seen. Another provider's answer is not glued to it: whether to show the
 * part, to discard it or to ask again is the caller's choice.
 */
export class StreamInterrupted extends AiError.AiError.extend<StreamInterrupted>("@holdfast/llm/StreamInterrupted")({
  /** The provider whose answer it was. */
  provider: Schema.String,
  model: Schema.String,
  /** What of the answer was seen. */
  partial: Schema.Struct({ text: Schema.String, reasoning: Schema.String }),
  /** What the provider reported before it failed. */
  usage: Schema.UndefinedOr(Response.Usage),
  /** Every attempt, in order; the last one is the one that broke off. */
  attempts: Schema.NonEmptyArray(Attempt)
}) {
  override get isRetryable(): boolean {
    return false
  }

  override get message(): string {
    return `The answer of ${this.provider}/${this.model} broke off after ${
      plural(this.partial.text.length, "character")
    }: ` +
      line(this.reason)
  }
}

/**
 * Tells a chain's failure before any output from every other error.
 *
 * ```ts import.meta.vitest
 * import { ChainError, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 *
 * const badKey = TestProvider.failure(new AiError.AuthenticationError({ kind: "InvalidKey" }))
 * const providers = [TestProvider.script("cloud", [badKey]), TestProvider.script("spare", [badKey])] as const
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.map((response) => response.text),
 *   Effect.catchIf(ChainError.isNoAnswer, (error) =>
 *     Effect.succeed(error.attempts.map((attempt) => attempt.provider).join(" and ") + " are down")),
 *   Effect.provide(ProviderChain.layer({ providers }))
 * )
 *
 * await Effect.runPromise(program) // => "cloud and spare are down"
 * ```
 */
export const isNoAnswer = (u: unknown): u is NoAnswer => u instanceof NoAnswer

/**
 * Tells a request that a budget has not let in from every other error. It is a {@link NoAnswer} too.
 *
 * ```ts import.meta.vitest
 * import { Budgets, ChainError, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.map((response) => response.text),
 *   Effect.catchIf(ChainError.isBudgetSpent, (error) => Effect.succeed(error.because)),
 *   Effect.provide([
 *     ProviderChain.layer({ providers: [TestProvider.script("cloud", [])] }),
 *     Budgets.layer({ budgets: [{ limit: { tokens: 100 }, window: "1 hour" }] })
 *   ])
 * )
 *
 * await Effect.runPromise(program) // => "the budget \"all\" (100 tokens in 1h) is less than the 502 that the request may take: raise the limit, or set maxOutputTokens"
 * ```
 */
export const isBudgetSpent = (u: unknown): u is BudgetSpent => u instanceof BudgetSpent

/**
 * Tells an answer that broke off from every other error.
 *
 * ```ts import.meta.vitest
 * import { ChainError, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Stream } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const broken = TestProvider.script("cloud", [TestProvider.cut(TestProvider.text("Once upon a time"), 3)])
 * const program = LanguageModel.streamText({ prompt: "Tell me a story" }).pipe(
 *   Stream.runDrain,
 *   Effect.as("the end"),
 *   Effect.catchIf(ChainError.isStreamInterrupted, (error) => Effect.succeed(`${error.partial.text}...`)),
 *   Effect.provide(ProviderChain.layer({ providers: [broken] }))
 * )
 *
 * await Effect.runPromise(program) // => "Once upon ..."
 * ```
 */
export const isStreamInterrupted = (u: unknown): u is StreamInterrupted => u instanceof StreamInterrupted
