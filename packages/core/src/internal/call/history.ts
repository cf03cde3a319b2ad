/**
 * The failures of one call, as they come: each run of its effect, and what its policies say of runs that they ended
 * themselves.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { PolicyEvent } from "../../PolicyEvent.ts"
import type { Attempt } from "../../Retry.ts"
import * as Observers from "./observers.ts"

/** A run that has not succeeded. It has no error while nobody has said why it was interrupted. */
interface Run {
  readonly startedAt: number
  endedAt: number
  error: unknown
  failed: boolean
}

export class History {
  private readonly runs: Array<Run> = []

  /** The effect, with each of its runs on record. */
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

  /** What a policy says of an attempt that it ended: of the runs that nobody has said anything of, the last. */
  readonly observe = (event: PolicyEvent): void => {
    if (event._tag !== "AttemptFailed") return
    const run = this.runs.at(-1)
    if (run === undefined || run.failed) return
    run.failed = true
    run.error = event.error
  }

  /** All failures, up to the one that the call ended with. */
  end<E>(error: E, now: number): Arr.NonEmptyReadonlyArray<Attempt<E>> {
    const last = this.runs.at(-1)
    const runs = this.runs.filter((run) => run.failed)
    // What ended the call is a failure of its own, unless it is that of the last run: a rejection, say, in place of one.
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
