/**
 * What is decided after a failure, as data: the shapes that `Retry` publishes.
 *
 * Guarded by `test/Retry.test.ts` and `test/retry/effectfulWhile.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
import type * as Schedule from "effect/Schedule"
import type { Account } from "../budget/account.ts"
import type { RetryScheduled, StopReason } from "../call/event.ts"

/** What to do after a failure. */
export type Decision = { readonly _tag: "Retry"; readonly delay: number } | Stop

/** No further attempt, and why. */
export interface Stop {
  readonly _tag: "Stop"
  readonly reason: StopReason
  readonly because: string | undefined
}

/** A refusal of another attempt, and why. Made by `Retry.refuse`. */
export class Refusal {
  readonly because: string
  constructor(because: string) {
    this.because = because
  }
}

/** What a predicate answers: whether to try again, at once or by an effect. */
export type Answer<SE = never, SR = never> = boolean | Refusal | Effect.Effect<boolean | Refusal, SE, SR>

/** A failed attempt, the input of {@link Retry.decide}. Times are in milliseconds. */
export interface Failure<out E> {
  readonly error: E
  /** The attempt that failed: 1 is the first. */
  readonly attempt: number
  /** Time since the first attempt started. */
  readonly elapsed: number
  /** Time until the deadline; `Infinity` without a deadline. */
  readonly remaining: number
  /** The delay from the backoff. */
  readonly delay: number
  /** Drawn from `[0, 1)`. */
  readonly random: number
}

/**
 * A compiled retry, whose decisions are pure functions: time and chance are arguments.
 */
export interface Retry<in E = unknown, out SE = never, out SR = never> {
  readonly times: number
  readonly backoff: Schedule.Schedule<unknown, E, SE, SR>

  /**
   * The longest accepted hint, in milliseconds, what happens to a longer one, and the longest random part, as a share of
   * the hint.
   */
  readonly retryAfter: {
    readonly mode: "clamp" | "giveUp" | "wait"
    readonly max: number
    readonly spread: number | ((error: E) => number)
  }

  readonly onTimeout: "retry" | "stop" | (() => "retry" | "stop")
  readonly logLevel: LogLevel.Severity | "None"
  readonly onRetry: ((event: RetryScheduled) => void) | undefined

  /** @internal Consulted last, if everything else allows another attempt. */
  readonly budget: Account | undefined

  /** What to do after a failure: {@link Retry.verdict}, then {@link Retry.timing} if that allows another attempt. */
  readonly decide: (failure: Failure<E>) => Decision

  /** No attempt starts later than this after the first one did, in milliseconds. */
  readonly maxElapsed: number

  /**
   * Whether another attempt is allowed at all, before a delay is known: `undefined` means yes. Throws a `TypeError` if
   * `while` answers with an effect, which only a call can run.
   */
  readonly verdict: (error: E, attempt: number) => Stop | undefined

  /** @internal `while`, as a call asks it. */
  readonly ask: (error: E) => Answer<SE, SR>

  /** @internal `whileResult`, as a call asks it; `undefined` if no result is tried again. */
  readonly askResult: ((result: unknown) => Answer<SE, SR>) | undefined

  /** @internal What an answer means after an attempt. */
  readonly judge: (answer: boolean | Refusal, attempt: number) => Stop | undefined

  /** When the next attempt starts, if time is left for it. */
  readonly timing: (failure: Failure<unknown>) => Decision
}
