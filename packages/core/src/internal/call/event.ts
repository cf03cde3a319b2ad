/**
 * The events of a policy, as data: the shapes that `PolicyEvent` publishes.
 *
 * Guarded by `test/PolicyEvent.test.ts` and `test/composition/everything.test.ts`.
 */
import type { Reasons } from "../../PolicyError.ts"
import type { StateTag } from "../breaker/state.ts"

/** The fields of every event. */
export interface Origin {
  /** The policy's `name`. */
  readonly policy: string
  /** The key that the call was made with, if any. */
  readonly key: string | undefined
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly at: number
  /** The current attempt: 1 is the first, 0 before any has started. */
  readonly attempt: number
}

/** The call waits in the queue of the bulkhead, with `ahead` others before it. */
export interface Queued extends Origin {
  readonly _tag: "Queued"
  readonly ahead: number
}

/** The call was rejected and did not run. `retryAfter` is how many milliseconds to wait, if that is known. */
export interface Rejected extends Origin {
  readonly _tag: "Rejected"
  readonly by: Exclude<keyof Reasons, "deadline" | "attemptTimeout">
  readonly retryAfter: number | undefined
}

/** Another attempt was started beside the running ones. `hedge` is its number: 1 is the first. */
export interface Hedged extends Origin {
  readonly _tag: "Hedged"
  readonly hedge: number
  /** Whether the running attempt is slow or has failed. */
  readonly because: "slow" | "failed"
}

/** The end of an attempt changed the state of its circuit. */
export interface CircuitChanged extends Origin {
  readonly _tag: "CircuitChanged"
  readonly from: StateTag
  readonly to: StateTag
}

/** An attempt began. */
export interface AttemptStarted extends Origin {
  readonly _tag: "AttemptStarted"
}

/** An attempt succeeded after `duration` milliseconds. */
export interface AttemptSucceeded extends Origin {
  readonly _tag: "AttemptSucceeded"
  readonly duration: number
}

/** An attempt failed after `duration` milliseconds. */
export interface AttemptFailed extends Origin {
  readonly _tag: "AttemptFailed"
  readonly duration: number
  readonly error: unknown
}

/** The call will be tried again, `delay` milliseconds from now. */
export interface RetryScheduled extends Origin {
  readonly _tag: "RetryScheduled"
  readonly delay: number
  /** How many attempts the call may take in all. */
  readonly of: number
  /** The error of the attempt, or `undefined` if a result is tried again. */
  readonly error: unknown
  /** The result that is tried again. Absent after a failure. */
  readonly result?: unknown
}

/**
 * Why a call is not tried again.
 *
 * - `times`: all retries are used up.
 * - `notRetryable`: the policy's `while` refused, the error says that it is not retryable, or the attempt timed out and
 *   `onTimeout` is `"stop"`.
 * - `elapsed`: the next attempt would start after `maxElapsed`.
 * - `deadline`: the delay would pass the deadline.
 * - `retryAfter`: the other side asked for a longer pause than the policy allows.
 * - `schedule`: the backoff schedule ended.
 * - `budget`: the retry budget is spent.
 */
export type StopReason = "times" | "notRetryable" | "elapsed" | "deadline" | "retryAfter" | "schedule" | "budget"

/** The call failed, or has a result that is worth another attempt, and will not be tried again. */
export interface RetryStopped extends Origin {
  readonly _tag: "RetryStopped"
  readonly reason: StopReason
  /**
   * The reason in words: from `Retry.refuse`, or why a timeout or a `retryAfter` ends the retries; otherwise
   * `undefined`.
   */
  readonly because: string | undefined
  /** The error of the call, or `undefined` if it ends with a result that would have been tried again. */
  readonly error: unknown
  /** The result that would have been tried again. Absent after a failure. */
  readonly result?: unknown
}

/** The call passed its deadline and was interrupted. */
export interface DeadlinePassed extends Origin {
  readonly _tag: "DeadlinePassed"
}

/** An event of a policy. Durations are in milliseconds. */
export type PolicyEvent =
  | Queued
  | Rejected
  | CircuitChanged
  | Hedged
  | AttemptStarted
  | AttemptSucceeded
  | AttemptFailed
  | RetryScheduled
  | RetryStopped
  | DeadlinePassed

/** A function that receives events. */
export type Observer = (event: PolicyEvent) => void
