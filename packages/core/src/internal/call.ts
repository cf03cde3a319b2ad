/**
 * Runs one call under the parts of a policy. The parts decide; this file carries out what they decide, in the order
 * deadline, retry, attempt timeout.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { isBackoff } from "../Backoff.ts"
import { Deadline } from "../Deadline.ts"
import { AttemptTimeout, DeadlineExceeded, PolicyError } from "../PolicyError.ts"
import { Observers, type PolicyEvent } from "../PolicyEvent.ts"
import type { Decision, Retry } from "../Retry.ts"
import { logRetry } from "./report.ts"
import { schedule as scheduleTimer } from "./timer.ts"

/** The compiled parts of a policy. Durations are in milliseconds; a part that is absent costs nothing. */
export interface Parts<in E, out SE, out SR> {
  readonly name: string
  readonly deadline?: number | undefined
  readonly retry?: Retry<E, SE, SR> | undefined
  readonly attemptTimeout?: number | undefined
}

/** What the parts may add to a call's errors. A part that is absent adds none: the callers' types say which are there. */
export type Added = PolicyError<AttemptTimeout | DeadlineExceeded>

/** Runs an effect once under `parts`. */
export const run = <A, E, R, SE, SR>(
  parts: Parts<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SE | Added, R | SR> =>
  Effect.withFiber((fiber) => new Call<A, E, R, SE, SR>(parts, key, self, fiber).start())

type Step<E, SE, SR> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], SE, unknown, SR>

class Call<A, E, R, SE, SR> {
  readonly parts: Parts<E, SE, SR>
  readonly key: string | undefined
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly clock: Clock.Clock
  readonly startedAt: number
  readonly deadlineAt: number
  readonly context: Context.Context<R>
  attempt = 0
  attemptStartedAt = 0
  delay = 0
  // The policy's own error of the attempt that just ended, to tell it from the same kind of error of a policy within.
  own: Added | undefined = undefined
  step: Step<E, SE, SR> | undefined = undefined

  constructor(
    parts: Parts<E, SE, SR>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    this.parts = parts
    this.key = key
    this.self = self
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    this.startedAt = this.clock.currentTimeMillisUnsafe()
    const outer = fiber.getRef(Deadline)
    const context = fiber.context as Context.Context<R>
    if (parts.deadline === undefined) {
      this.deadlineAt = outer
      this.context = context
    } else {
      this.deadlineAt = Math.min(outer, this.startedAt + parts.deadline)
      this.context = Context.add(context, Deadline, this.deadlineAt)
    }
  }

  start(): Effect.Effect<A, E | SE | Added, R | SR> {
    if (this.parts.deadline !== undefined && this.deadlineAt <= this.startedAt) {
      return Effect.fail(this.deadlineExceeded("queue"))
    }
    return this.next()
  }

  next(): Effect.Effect<A, E | SE | Added, R | SR> {
    const now = this.clock.currentTimeMillisUnsafe()
    this.attempt++
    this.attemptStartedAt = now
    this.own = undefined
    this.emit({ _tag: "AttemptStarted" })
    return Effect.matchCauseEffect(this.limited(now), {
      onSuccess: (value) => this.succeeded(value),
      onFailure: (cause) => this.failed(cause)
    })
  }

  /** The attempt, interrupted when its time is up. */
  limited(now: number): Effect.Effect<A, E | Added, R> {
    const { attemptTimeout = Infinity, deadline } = this.parts
    const left = deadline === undefined ? Infinity : this.deadlineAt - now
    const limit = Math.min(attemptTimeout, left)
    if (limit === Infinity) return this.self
    return Effect.callback<A, E | Added>((resume) => {
      const child = Effect.runForkWith(this.context)(this.self)
      const done = child.pollUnsafe()
      if (done !== undefined) return resume(done)
      let expired = false
      const cancel = scheduleTimer(this.context, limit, () => {
        expired = true
        child.interruptUnsafe(this.fiber.id)
      })
      child.addObserver((exit) => {
        cancel()
        resume(expired ? this.expired(exit, left <= attemptTimeout) : exit)
      })
      return Effect.suspend(() => {
        cancel()
        return Fiber.interrupt(child)
      })
    })
  }

  /**
   * What an attempt is worth that ended after its time was up. One that could not be interrupted and has an answer or a
   * failure of its own keeps it: to throw an answer away and ask again would be to do the work twice.
   */
  expired(exit: Exit.Exit<A, E>, byDeadline: boolean): Exit.Exit<A, E | Added> {
    if (Exit.isSuccess(exit) || !Cause.hasInterrupts(exit.cause)) return exit
    this.own = byDeadline ? this.deadlineExceeded("attempt") : new PolicyError({
      reason: new AttemptTimeout({ timeout: Duration.millis(this.parts.attemptTimeout ?? 0) })
    })
    return Exit.failCause(Cause.fromReasons<E | Added>([
      Cause.makeFailReason(this.own),
      ...exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
    ]))
  }

  deadlineExceeded(phase: "queue" | "attempt"): PolicyError<DeadlineExceeded> {
    this.emit({ _tag: "DeadlinePassed" })
    return new PolicyError({
      reason: new DeadlineExceeded({ deadline: Duration.millis(this.deadlineAt - this.startedAt), phase })
    })
  }

  succeeded(value: A): Effect.Effect<A> {
    this.emit({ _tag: "AttemptSucceeded", duration: this.clock.currentTimeMillisUnsafe() - this.attemptStartedAt })
    return Effect.succeed(value)
  }

  failed(cause: Cause.Cause<E | Added>): Effect.Effect<A, E | SE | Added, R | SR> {
    const failure = onlyFailure(cause)
    if (failure === undefined) return Effect.failCause(cause)
    const { error } = failure
    const now = this.clock.currentTimeMillisUnsafe()
    this.emit({ _tag: "AttemptFailed", duration: now - this.attemptStartedAt, error })
    const retry = this.parts.retry
    if (retry === undefined || this.own?.reason._tag === "DeadlineExceeded") return Effect.failCause(cause)
    // The policy's own timeout is always worth another attempt, so `while` is asked about the caller's errors alone.
    const verdict = this.own === error
      ? this.attempt > retry.times ? stopTimes : undefined
      : retry.verdict(error as E, this.attempt)
    if (verdict !== undefined) return this.follow(verdict, cause, error)
    if (isBackoff(retry.backoff)) {
      const delay = retry.backoff.delay(this.attempt, this.delay, this.random())
      return this.follow(this.timing(retry, error, delay, now), cause, error)
    }
    return this.backoff(retry.backoff, retry, cause, error as E, now)
  }

  /** Asks a schedule that only an effect can step. */
  backoff(
    schedule: Schedule.Schedule<unknown, E, SE, SR>,
    retry: Retry<E, SE, SR>,
    cause: Cause.Cause<E | Added>,
    error: E,
    now: number
  ): Effect.Effect<A, E | SE | Added, R | SR> {
    if (this.step === undefined) {
      return Effect.flatMap(Schedule.toStep(schedule), (step) => {
        this.step = step
        return this.backoff(schedule, retry, cause, error, now)
      })
    }
    return Pull.matchEffect(this.step(now, error), {
      onSuccess: ([, delay]) => this.follow(this.timing(retry, error, Duration.toMillis(delay), now), cause, error),
      onFailure: (cause) => Effect.failCause(cause),
      onDone: () => this.follow(stopSchedule, cause, error)
    })
  }

  timing(retry: Retry<E, SE, SR>, error: unknown, delay: number, now: number): Decision {
    return retry.timing({
      error,
      attempt: this.attempt,
      elapsed: now - this.startedAt,
      remaining: this.deadlineAt - now,
      delay,
      random: this.random()
    })
  }

  follow(
    decision: Decision,
    cause: Cause.Cause<E | Added>,
    error: unknown
  ): Effect.Effect<A, E | SE | Added, R | SR> {
    if (decision._tag === "Stop") {
      this.emit({ _tag: "RetryStopped", reason: decision.reason, because: decision.because, error })
      return Effect.failCause(cause)
    }
    this.delay = decision.delay
    const event = { _tag: "RetryScheduled", delay: decision.delay, of: (this.parts.retry?.times ?? 0) + 1, error } as const
    this.emit(event)
    return logRetry({ ...this.origin(), ...event }).pipe(
      Effect.andThen(this.clock.sleep(Duration.millis(decision.delay))),
      Effect.andThen(Effect.suspend(() => this.next()))
    )
  }

  random(): number {
    return this.fiber.getRef(Random.Random).nextDoubleUnsafe()
  }

  origin() {
    return {
      policy: this.parts.name,
      key: this.key,
      at: this.clock.currentTimeMillisUnsafe(),
      attempt: this.attempt
    }
  }

  emit(event: Event): void {
    const observers = this.fiber.getRef(Observers)
    if (observers.length === 0) return
    const whole = { ...this.origin(), ...event }
    for (const observer of observers) {
      // An observer must not be able to break the call that it watches.
      try {
        observer(whole)
      } catch {}
    }
  }
}

type Event = PolicyEvent extends infer E ? E extends PolicyEvent ? Omit<E, "policy" | "key" | "at" | "attempt"> : never
  : never

const stopTimes: Decision = { _tag: "Stop", reason: "times", because: undefined }
const stopSchedule: Decision = { _tag: "Stop", reason: "schedule", because: undefined }

/** The failure of a cause that holds neither defects nor interruption, which are never retried. */
const onlyFailure = <E>(cause: Cause.Cause<E>): Cause.Fail<E> | undefined => {
  let first: Cause.Fail<E> | undefined
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) return undefined
    first ??= reason
  }
  return first
}
