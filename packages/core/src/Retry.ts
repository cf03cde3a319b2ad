/**
 * What to do after a failure: try again after a delay, or stop and say why.
 *
 * The decision is one pure function, {@link Retry.decide}, and the loop that carries it out counts in one place, so a call is
 * never executed more than `1 + times` times whatever mixture of errors it meets. What comes out after the last attempt
 * is the last error itself, its cause untouched.
 *
 * Retrying hurts when the failure is not transient, when the call is not idempotent, and when the dependency is down
 * because of load: there each retry adds to it. Retry at one level of a program only: three retries at each of three
 * levels are 64 attempts.
 */
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as LogLevel from "effect/LogLevel"
import type * as Schedule from "effect/Schedule"
import type { DurationInput } from "./Arguments.ts"
import { run } from "./internal/call/call.ts"
import { History } from "./internal/call/history.ts"
import * as Observers from "./internal/call/observers.ts"
import { describe } from "./internal/call/retryLog.ts"
import { defaultMaxRetryAfter as maxRetryAfter, make as compileOptions } from "./internal/retry.ts"
import type { RetryScheduled, StopReason } from "./PolicyEvent.ts"
import type * as RetryBudget from "./RetryBudget.ts"

/**
 * The longest `retryAfter` hint that a call waits for by default: 60 seconds.
 *
 * It is the window of most quotas (requests a minute), so nearly every honest hint fits, and the bound that OpenAI's SDK
 * has too. A longer wait outlasts most callers: put such a call in a queue or a schedule.
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
 * How to retry.
 */
export interface Options<in E = unknown, out SE = never, out SR = never> {
  /**
   * How many retries there may be after the first attempt: a whole number, or `Infinity` beside a `maxElapsed` or a
   * deadline. Defaults to 3.
   */
  readonly times?: number | undefined

  /**
   * The delays between attempts: a {@link Backoff.Backoff} or any other `Schedule`, which is stepped with the error and
   * may end the retries itself. Defaults to `Backoff.exponential()`.
   */
  readonly backoff?: Schedule.Schedule<unknown, E, SE, SR> | undefined

  /**
   * Whether an error is worth another attempt; {@link refuse} says no and why. It is asked about the call's own errors;
   * `onTimeout` answers for the policy's timeouts. Defaults to `error.isRetryable !== false`.
   */
  readonly while?: ((error: E) => boolean | Refusal) | undefined

  /**
   * Whether an attempt that the policy's own `attemptTimeout` ended is worth another: `stop` where the other side may
   * have carried it out and must not do so twice. Defaults to `"retry"`.
   */
  readonly onTimeout?: "retry" | "stop" | undefined

  /**
   * Told when it is certain that another attempt follows, before the delay: the moment to free what the failed attempt
   * still holds. What it throws is a defect of the call. Default: nothing.
   */
  readonly onRetry?: ((event: RetryScheduled) => void) | undefined

  /** The severity of the log line of each retry, or `"None"` for no line. Default: `"Warn"`. */
  readonly logLevel?: LogLevel.Severity | "None" | undefined

  /**
   * No attempt starts later than this after the first one did. Defaults to no limit.
   */
  readonly maxElapsed?: DurationInput | undefined

  /**
   * What to do when the error carries a `retryAfter` duration, as Effect's `AiError` and errors made from a
   * `Retry-After` header do. The next attempt then waits for the longer of the hint and the backoff, plus up to a tenth
   * of the hint by chance, because all who were told the same second would otherwise return in it.
   *
   * - `clamp`: a hint above `max` counts as `max`.
   * - `giveUp`: a hint above `max` ends the retries.
   * - `wait`: `max` is ignored.
   *
   * Default: `{ mode: "clamp", max: Retry.defaultMaxRetryAfter }`.
   */
  readonly retryAfter?: {
    readonly mode?: "clamp" | "giveUp" | "wait" | undefined
    readonly max?: DurationInput | undefined
  } | undefined

  /**
   * Bounds the retries of all calls together: options for a budget of this retry's own, or a budget that others share. A
   * spent budget ends the retries with the last error. Defaults to no budget.
   */
  readonly budget?: RetryBudget.Options | RetryBudget.RetryBudget | undefined
}

/** What comes after a failure. */
export type Decision = { readonly _tag: "Retry"; readonly delay: number } | Stop

/** No other attempt, and why. */
export interface Stop {
  readonly _tag: "Stop"
  readonly reason: StopReason
  readonly because: string | undefined
}

/** A no to another attempt, and why. See {@link refuse}. */
export class Refusal {
  readonly because: string
  constructor(because: string) {
    this.because = because
  }
}

/**
 * Says no to another attempt, and why, in words that the `RetryStopped` event carries.
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

/** A failed attempt, as {@link Retry.decide} wants to know it. Times are in milliseconds. */
export interface Failure<out E> {
  readonly error: E
  /** The attempt that failed: 1 is the first. */
  readonly attempt: number
  /** Since the first attempt started. */
  readonly elapsed: number
  /** Until the deadline; `Infinity` when there is none. */
  readonly remaining: number
  /** What the backoff says. */
  readonly delay: number
  /** Drawn from `[0, 1)`. */
  readonly random: number
}

/**
 * A retry that can be asked for its decisions. Pure: time and chance come in as arguments.
 */
export interface Retry<in E = unknown, out SE = never, out SR = never> {
  readonly times: number
  readonly backoff: Schedule.Schedule<unknown, E, SE, SR>

  /** How long a hint may be, in milliseconds, and what happens to a longer one. */
  readonly retryAfter: { readonly mode: "clamp" | "giveUp" | "wait"; readonly max: number }

  readonly onTimeout: "retry" | "stop"
  readonly logLevel: LogLevel.Severity | "None"
  readonly onRetry: ((event: RetryScheduled) => void) | undefined

  /** @internal Asked last, when all else allows another attempt. */
  readonly budget: RetryBudget.Account | undefined

  /** What comes after a failure: {@link Retry.verdict}, and when that allows another attempt, {@link Retry.timing}. */
  readonly decide: (failure: Failure<E>) => Decision

  /** No attempt starts later than this after the first one did, in milliseconds. */
  readonly maxElapsed: number

  /** Whether another attempt may be made at all, before there is a delay: `undefined` says yes. */
  readonly verdict: (error: E, attempt: number) => Stop | undefined

  /** When another attempt is made, if there is time for it. */
  readonly timing: (failure: Failure<unknown>) => Decision
}

/**
 * Checks the options and compiles them into a {@link Retry}. Throws a `RangeError` that names the option at fault.
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
export const make = <E = unknown, SE = never, SR = never>(options?: Options<E, SE, SR>): Retry<E, SE, SR> =>
  compileOptions("Retry.make", options)

/**
 * Retries an effect while its failures are worth it. Defects and interruption are never retried. See {@link Options} for
 * the defaults.
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
  <E, SE = never, SR = never>(
    options: Options<E, SE, SR>
  ): <A, E1 extends E, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E1 | SE, R | SR>
  <A, E, R, SE = never, SR = never>(
    self: Effect.Effect<A, E, R>,
    options: Options<E, SE, SR>
  ): Effect.Effect<A, E | SE, R | SR>
} = dual(
  2,
  <A, E, R, SE, SR>(self: Effect.Effect<A, E, R>, options: Options<E, SE, SR>): Effect.Effect<A, E | SE, R | SR> =>
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

/** One failure of a call. */
export interface Attempt<out E> {
  readonly error: E
  /** Whether anything ran: a rejection by a policy (an open circuit, a full bulkhead) is a failure in place of a run. */
  readonly ran: boolean
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly startedAt: number
  readonly duration: Duration.Duration
}

/** A call has failed for good: every failure on the way, the last of which it would have failed with. */
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
    return `Gave up after ${length} ${length === 1 ? "failure" : "failures"}: ${describe(this.cause)}`
  }
}

/**
 * Turns the failure of a call into {@link RetriesExhausted} with every failure on the way, for those who want the whole story.
 * `protect` is what retries: {@link retry} with its options, or `protect` of a policy. Defects and interruption come out as
 * they are, and of a hedge that lost nothing is told.
 *
 * With `protect` of a policy give the effect first: `pipe` loses its types.
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
