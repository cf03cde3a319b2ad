/**
 * A retry as a part of a call: its checked options, compiled to the decision after an attempt.
 *
 * Guarded by `test/Retry.test.ts` and `test/retry/effectfulWhile.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import * as Arguments from "../../Arguments.ts"
import * as Backoff from "../../Backoff.ts"
import * as RetryBudget from "../../RetryBudget.ts"
import { isYes } from "../answer.ts"
import type { StopReason } from "../call/event.ts"
import { retryAfterOf } from "../retryAfter.ts"
import { type Decision, type Failure, Refusal, type Retry, type Stop } from "./decision.ts"
import { defaults, endless, isEndless, type RetryOptions, retryOptions } from "./options.ts"

/** The value of `Retry.defaultMaxRetryAfter`, which says why. */
export const defaultMaxRetryAfter = Duration.millis(defaults.maxRetryAfter)

const stop = (reason: StopReason, because?: string): Stop => ({ _tag: "Stop", reason, because })
const stopTimes = stop("times")
export const stopTimeout = stop("notRetryable", "the attempt timed out and may have been carried out")
const stopNotRetryable = stop("notRetryable")
export const stopElapsed = stop("elapsed")
const stopForever = stop("retryAfter", "asked never to be called again")
export const stopDeadline = stop("deadline")
export const stopSchedule = stop("schedule")
export const stopBudget = stop("budget")

/** Whether an error does not say that another attempt is in vain. */
export const isRetryable = (error: unknown): boolean => {
  try {
    return !hasProperty(error, "isRetryable") || error.isRetryable !== false
  } catch {
    // Errors are foreign, and a getter that throws says nothing.
    return true
  }
}

/** Reads an answer of `while` or `whileResult` that is not an effect. */
export const plainAnswer = (answer: unknown): boolean | Refusal => answer instanceof Refusal ? answer : isYes(answer)

/** A share as a program says it, which may be none: the hint still counts. */
const boundedSpread = <E>(spread: (error: E) => number) => (error: E): number => {
  const share = spread(error)
  return share > 0 && share < Infinity ? share : 0
}

/** Checks and compiles the options of a retry that nothing outside bounds. */
export const make = <E, SE, SR>(where: string, options: unknown): Retry<E, SE, SR> =>
  compile(Arguments.check(where, alone, options ?? {}))

const alone = Arguments.refine(retryOptions, (options, place) => {
  if (isEndless(options)) place.at("times").fault(endless)
})

/** Compiles options that have been checked. */
export const compile = <E, SE, SR>(options: RetryOptions): Retry<E, SE, SR> => {
  const { maxElapsed, times } = options
  // The types are those of the options that were checked.
  const backoff = (options.backoff ?? Backoff.exponential()) as Schedule.Schedule<unknown, E, SE, SR>
  const { max: maxHint, mode, spread } = options.retryAfter ??
    { max: defaults.maxRetryAfter, mode: defaults.mode, spread: defaults.spread }
  const spreadOf = typeof spread === "number" ? spread : boundedSpread(spread as (error: E) => number)
  const ask = (options.while ?? isRetryable) as Retry<E, SE, SR>["ask"]

  const judge = (answer: boolean | Refusal, attempt: number): Stop | undefined => {
    if (answer === true) return attempt > times ? stopTimes : undefined
    return answer === false ? stopNotRetryable : stop("notRetryable", answer.because)
  }

  const verdict = (error: E, attempt: number): Stop | undefined => {
    const answer = ask(error)
    if (Effect.isEffect(answer)) throw new TypeError("`while` answers with an effect, which only a call can run")
    return judge(plainAnswer(answer), attempt)
  }

  const timing = ({ delay, elapsed, error, random, remaining }: Failure<unknown>): Decision => {
    const hint = retryAfterOf(error)
    // Whole milliseconds, as timers have: never above the backoff's maximum, never below the hint.
    let wait = Math.floor(delay)
    // An infinite hint means "never again", in every mode.
    if (hint === Infinity) return stopForever
    if (hint > 0) {
      if (hint > maxHint && mode === "giveUp") {
        return stop("retryAfter", `asked to wait ${Duration.format(Duration.millis(hint))}`)
      }
      const asked = mode === "clamp" ? Math.min(hint, maxHint) : hint
      const share = typeof spreadOf === "number" ? spreadOf : spreadOf(error as E)
      wait = Math.max(wait, Math.ceil(asked * (1 + random * share)))
    }
    if (elapsed + wait > maxElapsed) return stopElapsed
    if (wait >= remaining) return stopDeadline
    return { _tag: "Retry", delay: wait }
  }

  const { budget } = options
  return {
    times,
    backoff,
    retryAfter: { mode, max: maxHint, spread: spreadOf },
    onTimeout: options.onTimeout,
    logLevel: options.logLevel,
    maxElapsed,
    onRetry: options.onRetry as Retry["onRetry"],
    budget: budget === undefined
      ? undefined
      : RetryBudget.isRetryBudget(budget)
      ? budget.account
      : RetryBudget.compile(budget),
    ask,
    askResult: options.whileResult as Retry<E, SE, SR>["askResult"],
    judge,
    verdict,
    timing,
    decide: (failure) => verdict(failure.error, failure.attempt) ?? timing(failure)
  }
}
