/**
 * What to do after a failure: try again after a delay, or stop and say why.
 *
 * **When to use**
 *
 * Retry what fails for a moment and may be done twice. Retry at one level of a program only: three retries at each of
 * three levels are 64 attempts.
 *
 * **Details**
 *
 * The decision is one pure function, {@link Retry.decide}, and the loop that carries it out counts in one place, so a
 * call is never executed more than `1 + times` times, whatever errors it meets. After the last attempt the call fails
 * with the last error itself, its cause unchanged.
 *
 * **Gotchas**
 *
 * Retrying hurts when the failure is not transient, when the call is not idempotent, and when the dependency is down
 * because of load, since each retry adds to it: give it a budget.
 *
 * **Example**
 *
 * See {@link retry}.
 */
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as LogLevel from "effect/LogLevel"
import type * as Schedule from "effect/Schedule"
import type { DurationInput } from "./Arguments.ts"
import { plural } from "./internal/arguments/plural.ts"
import { run } from "./internal/call/call.ts"
import type { RetryScheduled } from "./internal/call/event.ts"
import { type Attempt, History } from "./internal/call/history.ts"
import * as Observers from "./internal/call/observers.ts"
import { describe } from "./internal/call/retryLog.ts"
import { type Answer, type Decision, type Failure, Refusal, type Retry, type Stop } from "./internal/retry/decision.ts"
import { defaultMaxRetryAfter as maxRetryAfter, make as compileOptions } from "./internal/retry/retry.ts"
import type * as RetryBudget from "./RetryBudget.ts"

/**
 * The longest `retryAfter` hint that a call waits for by default: 60 seconds.
 *
 * Most quotas are per minute, so nearly every honest hint fits, and OpenAI's SDK has the same bound. A longer wait
 * outlasts most callers: put such a call in a queue or a schedule.
 *
 * ```ts import.meta.vitest
 * import { Retry } from "@holdfast/core"
 * import { Duration } from "effect"
 *
 * Retry.defaultMaxRetryAfter // => Duration.seconds(60)
 * ```
 */
export const defaultMaxRetryAfter: Duration.Duration = maxRetryAfter

/**
 * The options of a retry.
 */
export interface Options<in E = unknown, out SE = never, out SR = never, in A = unknown> {
  /**
   * How many retries may follow the first attempt: a whole number, or `Infinity` together with `maxElapsed` or a
   * deadline. Default: 3.
   */
  readonly times?: number | undefined

  /**
   * The delays between attempts: a {@link Backoff.Backoff} or any other `Schedule`, which is stepped with the error and
   * may end the retries; after a result that is tried again, it is stepped with that. Default: `Backoff.exponential()`.
   */
  readonly backoff?: Schedule.Schedule<unknown, E, SE, SR> | undefined

  /**
   * Whether to retry after an error. Return {@link refuse} to say no and why, or an effect with the answer: if it fails,
   * the call fails with its error. It sees only the call's own errors; `onTimeout` decides for the policy's timeouts.
   * Default: `error.isRetryable !== false`.
   */
  readonly while?: ((error: E) => Answer<SE, SR>) | undefined

  /**
   * Whether to try again after a success, by its result: a job that is still queued, a page that is not there yet. The
   * same limits, delays and budget apply as after an error, and when they end it, the call succeeds with the last result.
   * A circuit breaker counts the attempt as a success. Default: no result is tried again.
   *
   * ```ts import.meta.vitest
   * import { Backoff, Retry } from "@holdfast/core"
   * import { Effect } from "effect"
   *
   * const states = ["queued", "running", "done"]
   * const jobState = Effect.sync(() => states.shift())
   * const backoff = Backoff.constant({ delay: "1 millis" })
   *
   * const finished = jobState.pipe(Retry.retry({ backoff, whileResult: (state) => state !== "done" }))
   *
   * await Effect.runPromise(finished) // => "done"
   * ```
   */
  readonly whileResult?: ((result: A) => boolean | Effect.Effect<boolean, SE, SR>) | undefined

  /**
   * Whether to retry after the policy's own `attemptTimeout`: choose `"stop"` if the dependency may have done the work
   * and must not do it twice. A function decides at each timeout, in the fiber of the call: for an attempt that may
   * have ended before anything was sent. Default: `"retry"`.
   */
  readonly onTimeout?: "retry" | "stop" | (() => "retry" | "stop") | undefined

  /**
   * Called before the delay, once another attempt is certain: release here the resources that the failed attempt still
   * holds. If it throws, the call dies with that exception as a defect. Default: does nothing.
   */
  readonly onRetry?: ((event: RetryScheduled) => void) | undefined

  /** The severity of the log line of each retry, or `"None"` for no line. Default: `"Warn"`. */
  readonly logLevel?: LogLevel.Severity | "None" | undefined

  /**
   * No attempt starts later than this after the first one did. Default: no limit.
   */
  readonly maxElapsed?: DurationInput | undefined

  /**
   * What to do when the error carries a `retryAfter` duration, as Effect's `AiError` and errors made from a
   * `Retry-After` header do. The next attempt waits for the longer of the hint and the backoff. A random part of up to
   * `spread` times the hint is added, because all clients given the same second would otherwise retry in it; a function
   * gives that share for each error.
   *
   * - `clamp`: a hint above `max` counts as `max`.
   * - `giveUp`: a hint above `max` ends the retries.
   * - `wait`: `max` is ignored.
   *
   * Default: `{ mode: "clamp", max: Retry.defaultMaxRetryAfter, spread: 0.1 }`.
   */
  readonly retryAfter?: {
    readonly mode?: "clamp" | "giveUp" | "wait" | undefined
    readonly max?: DurationInput | undefined
    readonly spread?: number | ((error: E) => number) | undefined
  } | undefined

  /**
   * Bounds the retries of all calls together: options for this retry's own budget, or a shared budget. A spent budget
   * ends the retries with the last error. Default: no budget.
   */
  readonly budget?: RetryBudget.Options | RetryBudget.RetryBudget | undefined
}

export { type Answer, type Attempt, type Decision, type Failure, Refusal, type Retry, type Stop }

/**
 * Refuses another attempt. The `RetryStopped` event carries the reason.
 *
 * ```ts import.meta.vitest
 * import { Retry } from "@holdfast/core"
 *
 * const retry = Retry.make({ while: () => Retry.refuse("a payment is never sent twice") })
 * const decision = retry.decide({ error: "timeout", attempt: 1, elapsed: 0, remaining: Infinity, delay: 100, random: 0 })
 * decision // => { _tag: "Stop", reason: "notRetryable", because: "a payment is never sent twice" }
 * ```
 */
export const refuse = (because: string): Refusal => new Refusal(because)

/**
 * Checks the options and compiles them into a {@link Retry}. Throws a `RangeError` that lists every invalid option.
 *
 * ```ts import.meta.vitest
 * import { Retry } from "@holdfast/core"
 *
 * const retry = Retry.make({ times: 3 })
 * const failure = { error: new Error("reset"), elapsed: 0, remaining: Infinity, delay: 200, random: 0 }
 *
 * retry.decide({ ...failure, attempt: 1 }) // => { _tag: "Retry", delay: 200 }
 * retry.decide({ ...failure, attempt: 4 }) // => { _tag: "Stop", reason: "times", because: undefined }
 * retry.decide({ ...failure, attempt: 1, remaining: 150 }) // => { _tag: "Stop", reason: "deadline", because: undefined }
 * ```
 */
export const make = <E = unknown, SE = never, SR = never>(options?: DecisionOptions<E, SE, SR>): Retry<E, SE, SR> =>
  compileOptions("Retry.make", options)

/** The options of {@link make}: those of a retry whose decision is a pure function of the error. */
export interface DecisionOptions<in E = unknown, out SE = never, out SR = never>
  extends Omit<Options<E, SE, SR>, "while" | "whileResult">
{
  /** Whether to retry after an error. Default: `error.isRetryable !== false`. */
  readonly while?: ((error: E) => boolean | Refusal) | undefined
}

/**
 * Retries an effect while `while`, `whileResult` and the limits allow it. Defects and interruption are never retried. See
 * {@link Options} for the defaults.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Retry } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const flaky = Effect.suspend(() => ++attempts < 3 ? Effect.fail("down") : Effect.succeed(attempts))
 *
 * await Effect.runPromise(flaky.pipe(Retry.retry({ backoff: Backoff.constant({ delay: "1 millis" }) }))) // => 3
 * ```
 */
export const retry: {
  <E, SE = never, SR = never, A = unknown>(
    options: Options<E, SE, SR, A>
  ): <A1 extends A, E1 extends E, R>(self: Effect.Effect<A1, E1, R>) => Effect.Effect<A1, E1 | SE, R | SR>
  <A, E, R, SE = never, SR = never>(
    self: Effect.Effect<A, E, R>,
    options: Options<E, SE, SR, A>
  ): Effect.Effect<A, E | SE, R | SR>
} = dual(
  2,
  <A, E, R, SE, SR>(self: Effect.Effect<A, E, R>, options: Options<E, SE, SR, A>): Effect.Effect<A, E | SE, R | SR> =>
    // Without a deadline and a timeout nothing is added to the errors.
    run(
      { name: "retry", retry: compileOptions("Retry.retry", options), timed: true },
      undefined,
      self
    ) as Effect.Effect<
      A,
      E | SE,
      R | SR
    >
)

/**
 * A call has failed for good. Holds every failure of the call; the last is the error that it would otherwise have
 * failed with.
 */
export class RetriesExhausted<out E = unknown> extends Data.TaggedError("RetriesExhausted")<{
  readonly attempts: Arr.NonEmptyReadonlyArray<Attempt<unknown>>
  readonly cause?: unknown
}> {
  declare readonly attempts: Arr.NonEmptyReadonlyArray<Attempt<E>>

  constructor(options: { readonly attempts: Arr.NonEmptyReadonlyArray<Attempt<E>> }) {
    super({ attempts: options.attempts, cause: Arr.lastNonEmpty(options.attempts).error })
  }

  override get message(): string {
    const { length } = this.attempts
    return `Gave up after ${plural(length, "failure")}: ${describe(this.cause)}`
  }
}

/**
 * Turns the failure of a call into {@link RetriesExhausted}, which holds every failure of the call. Pass the retry as
 * `protect`: {@link retry} with its options, or `protect` of a policy. Defects and interruption pass unchanged, and
 * hedges that lost are not listed.
 *
 * With `protect` of a policy, pass the effect first: in a `pipe` it loses its types.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Retry } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const fetchStock = Effect.suspend(() => Effect.fail(`down ${++attempts}`))
 *
 * const program = fetchStock.pipe(
 *   Retry.withHistory(Retry.retry({ times: 2, backoff: Backoff.constant({ delay: "1 millis" }) })),
 *   Effect.flip
 * )
 *
 * const exhausted = await Effect.runPromise(program)
 * exhausted.attempts.map(({ error }) => error) // => ["down 1", "down 2", "down 3"]
 * exhausted.message // => "Gave up after 3 failures: down 3"
 * ```
 */
export const withHistory: {
  <A, E, R, B, E2, R2>(
    protect: (self: Effect.Effect<A, E, R>) => Effect.Effect<B, E2, R2>
  ): (self: Effect.Effect<A, E, R>) => Effect.Effect<B, RetriesExhausted<E2>, R2>
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    protect: (self: Effect.Effect<A, E, R>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, RetriesExhausted<E2>, R2>
} = dual(
  2,
  <A, E, R, B, E2, R2>(
    self: Effect.Effect<A, E, R>,
    protect: (self: Effect.Effect<A, E, R>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, RetriesExhausted<E2>, R2> =>
    Effect.suspend(() => {
      const history = new History()
      return Effect.catch(
        Observers.add(protect(history.record(self)), history.observe),
        (error) =>
          Effect.clockWith((clock) =>
            Effect.fail(new RetriesExhausted({ attempts: history.end(error, clock.currentTimeMillisUnsafe()) }))
          )
      )
    })
)
