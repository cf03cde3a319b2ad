/**
 * The failures of one call, in order: each run of its effect, and the errors of its policies for runs that they
 * interrupted.
 *
 * Guarded by `test/call/history.test.ts`.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { PolicyEvent } from "./event.ts"
import * as Observers from "./observers.ts"

/** One failure of a call. */
export interface Attempt<out E> {
  readonly error: E
  /** Whether the effect ran: a rejection by a policy (an open circuit, a full bulkhead) is a failure without a run. */
  readonly ran: boolean
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly startedAt: number
  readonly duration: Duration.Duration
}

/** A run that has not succeeded. An interrupted run has no error until a policy reports why it was interrupted. */
interface Run {
  readonly startedAt: number
  endedAt: number
  error: unknown
  failed: boolean
}

export class History {
  private readonly runs: Array<Run> = []

  /** The effect, with each of its runs recorded. */
  record<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.clockWith((clock) => {
      const startedAt = clock.currentTimeMillisUnsafe()
      const run: Run = { startedAt, endedAt: startedAt, error: undefined, failed: false }
      this.runs.push(run)
      return Effect.onExitPrimitive(Observers.hide(self, this.observe), (exit) => {
        run.endedAt = clock.currentTimeMillisUnsafe()
        this.settle(run, exit)
        return undefined
      })
    })
  }

  /** Records a policy's error for an attempt that it interrupted, unless the last run already has an error. */
  readonly observe = (event: PolicyEvent): void => {
    if (event._tag !== "AttemptFailed") return
    const run = this.runs.at(-1)
    if (run === undefined || run.failed) return
    run.failed = true
    run.error = event.error
  }

  /** All failures, including the one that the call ended with. */
  end<E>(error: E, now: number): Arr.NonEmptyReadonlyArray<Attempt<E>> {
    const last = this.runs.at(-1)
    const runs = this.runs.filter((run) => run.failed)
    // The final error is a failure of its own, such as a rejection, unless it is that of the last run.
    const ran = last !== undefined && (!last.failed || last.error === error)
    const final = ran ? last : { startedAt: now, endedAt: now }
    const before = ran && last.failed ? runs.slice(0, -1) : runs
    return Arr.append(before.map((run) => attempt(run, run.error as E, true)), attempt(final, error, ran))
  }

  private settle(run: Run, exit: Exit.Exit<unknown, unknown>): void {
    const failure = exit._tag === "Failure" ? exit.cause.reasons.find(Cause.isFailReason) : undefined
    if (failure === undefined) return
    run.failed = true
    run.error = failure.error
  }
}

const attempt = <E>(run: Pick<Run, "startedAt" | "endedAt">, error: E, ran: boolean): Attempt<E> => ({
  error,
  ran,
  startedAt: run.startedAt,
  duration: Duration.millis(run.endedAt - run.startedAt)
})
