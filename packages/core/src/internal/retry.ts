import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import * as Backoff from "../Backoff.ts"
import type { StopReason } from "../PolicyEvent.ts"
import type { Decision, Failure, Options, Refusal, Retry } from "../Retry.ts"
import * as RetryBudget from "../RetryBudget.ts"
import { integer, millis } from "./argument.ts"
import { hintOf } from "./retryAfter.ts"

/** The value of `Retry.defaultMaxRetryAfter`, which says why. */
export const defaultMaxRetryAfter = Duration.seconds(60)

const stop = (reason: StopReason, because?: string): Decision => ({ _tag: "Stop", reason, because })
export const stopTimes = stop("times")
export const stopTimeout = stop("notRetryable", "the attempt timed out and may have been carried out")
const stopNotRetryable = stop("notRetryable")
const stopElapsed = stop("elapsed")
export const stopDeadline = stop("deadline")
export const stopSchedule = stop("schedule")
export const stopBudget = stop("budget")

/** Whether an error does not say that another attempt is in vain. */
export const isRetryable = (error: unknown): boolean =>
  !hasProperty(error, "isRetryable") || error.isRetryable !== false

/** `bounded` says that something outside the retry ends it: a deadline. */
export const compile = <E, SE, SR>(
  where: string,
  options: Options<E, SE, SR> | undefined,
  bounded: boolean
): Retry<E, SE, SR> => {
  const times = options?.times ?? 3
  const backoff = options?.backoff ?? Backoff.exponential()
  const maxElapsed = options?.maxElapsed === undefined ? Infinity : millis(where, "maxElapsed", options.maxElapsed)
  if (times !== Infinity) {
    integer(where, "times", times, 0)
  } else if (maxElapsed === Infinity && !bounded && Backoff.isBackoff(backoff)) {
    throw new RangeError(
      `${where}: times must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity`
    )
  }
  const mode = options?.retryAfter?.mode ?? "clamp"
  const maxHint = millis(where, "retryAfter.max", options?.retryAfter?.max ?? defaultMaxRetryAfter)
  const ask: (error: E) => boolean | Refusal = options?.while ?? isRetryable

  const verdict = (error: E, attempt: number): Decision | undefined => {
    const answer = ask(error)
    if (answer === true) return attempt > times ? stopTimes : undefined
    return answer === false ? stopNotRetryable : stop("notRetryable", answer.because)
  }

  const timing = ({ delay, elapsed, error, random, remaining }: Failure<unknown>): Decision => {
    const hint = hintOf(error)
    // Whole milliseconds, as timers have: never above the backoff's maximum, never below the hint.
    let wait = Math.floor(delay)
    if (hint > 0) {
      if (hint > maxHint && mode === "giveUp") {
        return stop("retryAfter", `asked to wait ${Duration.format(Duration.millis(hint))}`)
      }
      wait = Math.max(wait, Math.ceil((mode === "clamp" ? Math.min(hint, maxHint) : hint) * (1 + random / 10)))
    }
    if (elapsed + wait > maxElapsed) return stopElapsed
    if (wait >= remaining) return stopDeadline
    return { _tag: "Retry", delay: wait }
  }

  const { budget } = options ?? {}
  return {
    times,
    backoff,
    retryAfter: { mode, max: maxHint },
    onTimeout: options?.onTimeout ?? "retry",
    onRetry: options?.onRetry,
    budget: budget === undefined
      ? undefined
      : RetryBudget.isRetryBudget(budget)
      ? budget.account
      : RetryBudget.compile(`${where}: budget`, budget),
    verdict,
    timing,
    decide: (failure) => verdict(failure.error, failure.attempt) ?? timing(failure)
  }
}
