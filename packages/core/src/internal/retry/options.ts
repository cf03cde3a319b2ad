/**
 * The options of a retry: their checks and defaults.
 *
 * Guarded by `test/Retry.test.ts`, `test/retry/effectfulWhile.test.ts` and `test/composition/order.test.ts`.
 */
import * as Schedule from "effect/Schedule"
import * as Arguments from "../../Arguments.ts"
import * as Backoff from "../../Backoff.ts"
import * as RetryBudget from "../../RetryBudget.ts"
import { budgetOptions } from "../budget/options.ts"

/** The defaults of a retry. Durations are in milliseconds. */
export const defaults = {
  times: 3,
  onTimeout: "retry",
  mode: "clamp",
  logLevel: "Warn",
  maxRetryAfter: 60_000,
  spread: 0.1
} as const

const { callback, duration, optional, struct } = Arguments

const isSchedule = (value: unknown): value is Schedule.Schedule<unknown, unknown, unknown, unknown> =>
  Schedule.isSchedule(value)

const spread = Arguments.number({ min: 0 })

/** What to do with a hint, by how durations are given. */
const hintFields = (duration: typeof Arguments.duration) => ({
  mode: optional(Arguments.oneOf("clamp", "giveUp", "wait"), defaults.mode),
  max: optional(duration({ min: 0 }), defaults.maxRetryAfter),
  spread: optional(spread, defaults.spread)
})

/** The options of a retry that are data, by how durations are given. */
export const retryFields = (duration: typeof Arguments.duration) => ({
  times: optional(Arguments.integer({ min: 0, infinite: true }), defaults.times),
  onTimeout: optional(Arguments.oneOf("retry", "stop"), defaults.onTimeout),
  logLevel: optional(Arguments.oneOf("Fatal", "Error", "Warn", "Info", "Debug", "Trace", "None"), defaults.logLevel),
  maxElapsed: optional(duration({ min: 0 }), Infinity),
  retryAfter: optional(struct(hintFields(duration)))
})

const isFunction = (value: unknown): value is () => "retry" | "stop" => typeof value === "function"
const isShare = (value: unknown): value is (error: never) => number => typeof value === "function"

export const retryOptions = struct({
  ...retryFields(duration),
  backoff: optional(Arguments.instance(isSchedule, "a Backoff or another Schedule (data: PolicyData.toOptions)")),
  while: optional(callback<(error: never) => unknown>()),
  whileResult: optional(callback<(result: never) => unknown>()),
  onRetry: optional(callback()),
  retryAfter: optional(
    struct({ ...hintFields(duration), spread: optional(Arguments.or(isShare, spread), defaults.spread) })
  ),
  onTimeout: optional(Arguments.or(isFunction, Arguments.oneOf("retry", "stop")), defaults.onTimeout),
  budget: optional(Arguments.or(RetryBudget.isRetryBudget, budgetOptions))
})

export type RetryOptions = ReturnType<typeof retryOptions>

/** Whether nothing ends the retries: a rule of whatever else may end them, such as a deadline. */
export const isEndless = (
  { backoff, maxElapsed, times }: Pick<RetryOptions, "backoff" | "maxElapsed" | "times">
): boolean => times === Infinity && maxElapsed === Infinity && (backoff === undefined || Backoff.isBackoff(backoff))

export const endless = "must be finite unless maxElapsed, a deadline or the schedule ends the retries, got Infinity"
