/**
 * What comes between the attempts of a call: whether there is another and when, what is asked before it, and the wait.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { isBackoff } from "../../Backoff.ts"
import {
  type AttemptTimeout,
  type BulkheadFull,
  type CircuitOpen,
  DeadlineExceeded,
  isPolicyError,
  PolicyError,
  type RateLimited
} from "../../PolicyError.ts"
import type { Observer, PolicyEvent, RetryScheduled } from "../../PolicyEvent.ts"
import type { Decision, Retry } from "../../Retry.ts"
import type { Parts } from "../compile.ts"
import * as Alarm from "../fiber/alarm.ts"
import { Frame } from "../fiber/frame.ts"
import { stopBudget, stopDeadline, stopSchedule, stopTimeout, stopTimes } from "../retry.ts"
import { Deadline } from "./deadline.ts"
import * as Observers from "./observers.ts"
import { reportRetry } from "./retryLog.ts"

/** What the parts may add to a call's errors. A part that is absent adds none: the callers' types say which are there. */
export type Added = PolicyError<AttemptTimeout | BulkheadFull | CircuitOpen | DeadlineExceeded | RateLimited>

type Step<E, SE, SR> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], SE, unknown, SR>

/** What is left of a call, from a point on. */
export type Rest<A, E, R, SE, SR> = Effect.Effect<A, E | SE | Added, R | SR>

export abstract class Retrying<A, E, R, SE, SR> extends Frame<A, E | SE | Added, R | SR> {
  declare readonly parts: Parts<E, SE, SR>
  declare readonly key: string | undefined
  declare readonly observers: ReadonlyArray<Observer>
  declare readonly startedAt: number
  /** The instant by which the policy's own deadline ends the call. */
  declare readonly deadlineAt: number
  declare attempt: number
  declare attemptStartedAt: number
  /** The circuit in a store has let the attempt in hand through. */
  declare admitted: boolean
  /** The delay before the attempt in hand. */
  declare private delay: number
  declare private step: Step<E, SE, SR> | undefined
  /** Goes on with a call that waits in the queue or sleeps. */
  declare private resume: ((effect: Effect.Effect<void>) => void) | undefined
  declare private woken: boolean
  declare protected asleep: boolean
  declare private clock: Clock.Clock | undefined

  constructor(parts: Parts<E, SE, SR>, key: string | undefined, fiber: Fiber.Fiber<unknown, unknown>) {
    super(fiber)
    this.parts = parts
    this.key = key
    this.attempt = 0
    this.attemptStartedAt = 0
    this.admitted = false
    this.delay = 0
    this.step = undefined
    this.resume = undefined
    this.woken = false
    this.asleep = false
    this.clock = undefined
    this.observers = parts.silent === true ? [] : Observers.of(fiber)
    this.startedAt = parts.timed || this.observers.length > 0 ? this.now() : 0
    this.deadlineAt = parts.deadline === undefined
      ? Infinity
      : Math.min(fiber.getRef(Deadline), this.startedAt + parts.deadline)
  }

  /** The next attempt, and what comes after it. */
  protected abstract next(now: number): Rest<A, E, R, SE, SR>

  /** Decides what comes after a failed attempt. `own` is the policy's own error, if the failure is that. */
  failed(cause: Cause.Cause<E | Added>, own: Added | undefined): Rest<A, E, R, SE, SR> {
    const failure = onlyFailure(cause)
    if (failure === undefined) return this.end(Exit.failCause(cause))
    const now = this.now()
    const { error } = failure
    if (!this.admitted && isPolicyError(error) && error.reason._tag === "CircuitOpen") {
      const retryAfter = Duration.toMillis(error.reason.retryAfter)
      if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "circuitBreaker", retryAfter })
      return this.afterRejection(Exit.fail(error as Added), retryAfter, now)
    }
    if (this.observers.length > 0) this.emit({ _tag: "AttemptFailed", duration: now - this.attemptStartedAt, error })
    const { retry } = this.parts
    if (retry === undefined || own?.reason._tag === "DeadlineExceeded") return this.end(Exit.failCause(cause))
    // `while` is asked about the caller's errors alone.
    const isOwn = own !== undefined || (isPolicyError(error) && this.parts.ownTimeouts?.has(error) === true)
    const verdict = isOwn ? this.afterTimeout(retry) : retry.verdict(error as E, this.attempt)
    if (verdict !== undefined) return this.follow(verdict, cause, error)
    if (!isBackoff(retry.backoff)) return this.backoff(retry, retry.backoff, cause, error as E, now)
    const delay = retry.backoff.delay(this.attempt, this.delay, this.random())
    return this.follow(this.timing(retry, error, delay, now), cause, error)
  }

  afterTimeout(retry: Retry<E, SE, SR>): Decision | undefined {
    if (retry.onTimeout === "stop") return stopTimeout
    return this.attempt > retry.times ? stopTimes : undefined
  }

  /** Asks a schedule that only an effect can step. */
  backoff(
    retry: Retry<E, SE, SR>,
    schedule: Schedule.Schedule<unknown, E, SE, SR>,
    cause: Cause.Cause<E | Added>,
    error: E,
    now: number
  ): Rest<A, E, R, SE, SR> {
    const { step } = this
    if (step === undefined) {
      return this.within(Schedule.toStep(schedule), (exit) => {
        if (Exit.isFailure(exit)) return this.end(Exit.failCause(exit.cause))
        this.step = exit.value
        return this.backoff(retry, schedule, cause, error, now)
      })
    }
    const delay = Pull.matchEffect(Effect.suspend(() => step(now, error)), {
      onSuccess: ([, delay]) => Effect.succeed<number | undefined>(Duration.toMillis(delay)),
      onFailure: Effect.failCause,
      onDone: () => Effect.undefined
    })
    return this.within(delay, (exit) => {
      if (Exit.isFailure(exit)) return this.end(Exit.failCause(exit.cause))
      const decision = exit.value === undefined ? stopSchedule : this.timing(retry, error, exit.value, this.now())
      return this.follow(decision, cause, error)
    })
  }

  /** The deadline in force. One from outside ends the call by itself, but no delay is slept that passes it. */
  deadline(): number {
    return this.parts.deadline === undefined ? this.fiber.getRef(Deadline) : this.deadlineAt
  }

  timing(retry: Retry<E, SE, SR>, error: unknown, delay: number, now: number): Decision {
    return retry.timing({
      error,
      attempt: this.attempt,
      elapsed: now - this.startedAt,
      remaining: this.deadline() - now,
      delay,
      random: this.random()
    })
  }

  follow(decision: Decision, cause: Cause.Cause<E | Added>, error: unknown): Rest<A, E, R, SE, SR> {
    if (decision._tag === "Stop") {
      const { because, reason } = decision
      if (this.observers.length > 0) this.emit({ _tag: "RetryStopped", reason, because, error })
      return this.end(Exit.failCause(cause))
    }
    const allowed = this.parts.retry?.budget?.tryWithdraw(this.now()) ?? true
    if (allowed === true) return this.wait(decision.delay, error)
    if (allowed === false) return this.follow(stopBudget, cause, error)
    return this.within(allowed, (exit) => {
      if (Exit.isFailure(exit) || !exit.value) return this.follow(stopBudget, cause, error)
      // The answer took time.
      if (this.now() + decision.delay >= this.deadline()) return this.follow(stopDeadline, cause, error)
      return this.wait(decision.delay, error)
    })
  }

  /** Sleeps before the next attempt. */
  wait(delay: number, error: unknown): Rest<A, E, R, SE, SR> {
    const { retry } = this.parts
    this.delay = delay
    const event = { _tag: "RetryScheduled", ...this.origin(), delay, of: (retry?.times ?? 0) + 1, error } as const
    this.tell(event)
    if (retry?.onRetry !== undefined && !this.isInterrupted) Observers.tell<RetryScheduled>([retry.onRetry], event)
    const log = reportRetry(this.fiber, event)
    return log === undefined ? this.sleep(delay) : this.within(log, () => this.sleep(delay))
  }

  sleep(delay: number): Rest<A, E, R, SE, SR> {
    if (delay <= 0) return this.next(this.now())
    this.asleep = true
    this.woken = false
    this.alarm(delay)
    return this.pause(() => {
      this.asleep = false
      return this.next(this.now())
    })
  }

  /** Runs an effect of the policy's own before or between attempts, within the deadline. */
  within<B, E2>(
    effect: Effect.Effect<B, E2, R | SR>,
    then: (exit: Exit.Exit<B, E2>) => Rest<A, E, R, SE, SR>
  ): Rest<A, E, R, SE, SR> {
    // An answer that is there at once is taken, even if the deadline has just passed.
    const left = this.deadlineAt === Infinity ? Infinity : Math.max(1, this.deadlineAt - this.now())
    return this.guard(effect, left, (exit: Exit.Exit<B, E2>) =>
      Exit.isFailure(exit) && this.hasExpired(exit.cause)
        ? this.late(this.attempt === 0 ? "queue" : "attempt")
        : then(exit))
  }

  /** Ends the call, unless it has a deadline and the circuit may let a probe through before it. */
  afterRejection(rejection: Exit.Exit<never, Added>, retryAfter: number, now: number): Rest<A, E, R, SE, SR> {
    const { deadline, retry } = this.parts
    if (retry === undefined || deadline === undefined || this.attempt > retry.times || Exit.isSuccess(rejection)) {
      return this.end(rejection)
    }
    // With all probes under way nobody knows for how long: the backoff says when to look again.
    const backoff = isBackoff(retry.backoff) ? retry.backoff.delay(this.attempt, this.delay, this.random()) : 0
    const delay = Math.ceil(Math.max(1, retryAfter, backoff))
    if (now + delay >= this.deadlineAt) return this.end(rejection)
    return this.follow({ _tag: "Retry", delay }, rejection.cause, onlyFailure(rejection.cause)?.error)
  }

  late(phase: "queue" | "attempt"): Rest<A, E, R, SE, SR> {
    return this.end(Exit.fail(this.deadlineExceeded(phase)))
  }

  deadlineExceeded(phase: "queue" | "attempt"): PolicyError<DeadlineExceeded> {
    if (this.observers.length > 0) this.emit({ _tag: "DeadlinePassed" })
    const deadline = Duration.millis(Math.max(0, this.deadlineAt - this.startedAt))
    return new PolicyError({ reason: new DeadlineExceeded({ deadline, phase }) })
  }

  /** Waits until it is woken, if it has not been already. */
  pause(then: () => Rest<A, E, R, SE, SR>): Rest<A, E, R, SE, SR> {
    return this.run(
      Effect.callback<void>((resume) => {
        if (this.woken) resume(Exit.void)
        else this.resume = resume
      }),
      then
    )
  }

  wake(by: Effect.Effect<void> = Exit.void): void {
    const { resume } = this
    this.resume = undefined
    if (resume === undefined) this.woken = true
    else resume(by)
  }

  now(): number {
    return (this.clock ??= this.fiber.getRef(Clock.Clock)).currentTimeMillisUnsafe()
  }

  override alarm(millis: number): void {
    this.clock ??= this.fiber.getRef(Clock.Clock)
    Alarm.set(this, this.fiber, millis, this.clock)
  }

  random(): number {
    return this.fiber.getRef(Random.Random).nextDoubleUnsafe()
  }

  origin() {
    return {
      policy: this.parts.name,
      key: this.key,
      at: this.now(),
      attempt: this.attempt
    }
  }

  emit(event: Event): void {
    this.tell({ ...this.origin(), ...event })
  }

  tell(event: PolicyEvent): void {
    // An observer may have interrupted the caller: then there is nothing more to tell.
    if (!this.isInterrupted) Observers.tell(this.observers, event)
  }
}

type Event = PolicyEvent extends infer E ? E extends PolicyEvent ? Omit<E, "policy" | "key" | "at" | "attempt"> : never
  : never

/** The failure of a cause that holds neither defects nor interruption, which are never retried. */
export const onlyFailure = <E>(cause: Cause.Cause<E>): Cause.Fail<E> | undefined => {
  let first: Cause.Fail<E> | undefined
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) return undefined
    first ??= reason
  }
  return first
}
