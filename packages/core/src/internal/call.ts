/**
 * Runs one call under the parts of a policy. The parts decide; this file carries out what they decide.
 *
 * A call is a {@link Frame} of the caller's fiber: it runs one effect after the other, attempts and waits, and what happens
 * between them is plain functions. The order is deadline, bulkhead, rate limit, retry, circuit breaker, hedge, attempt timeout.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { isBackoff } from "../Backoff.ts"
import type { CircuitBreaker } from "../CircuitBreaker.ts"
import {
  AttemptTimeout,
  type BulkheadFull,
  type CircuitOpen,
  DeadlineExceeded,
  isPolicyError,
  PolicyError,
  type RateLimited
} from "../PolicyError.ts"
import type { Observer, PolicyEvent, RetryScheduled } from "../PolicyEvent.ts"
import type { Decision, Retry } from "../Retry.ts"
import * as Alarm from "./alarm.ts"
import type { Breaker } from "./breaker.ts"
import type { Bulkhead, Waiter } from "./bulkhead.ts"
import { type Circuit, failure, ignored, type Outcome } from "./circuitBreaker.ts"
import { Deadline } from "./deadline.ts"
import { Frame } from "./frame.ts"
import type { Hedge } from "./hedge.ts"
import { hintOfExit } from "./hint.ts"
import * as Observers from "./observers.ts"
import type { Parts } from "./parts.ts"
import { reportRetry } from "./report.ts"
import { stopBudget, stopDeadline, stopSchedule, stopTimeout, stopTimes } from "./retry.ts"

/** What the parts may add to a call's errors. A part that is absent adds none: the callers' types say which are there. */
export type Added = PolicyError<AttemptTimeout | BulkheadFull | CircuitOpen | DeadlineExceeded | RateLimited>

/** Runs an effect once under `parts`. */
export const run = <A, E, R, SE, SR>(
  parts: Parts<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SE | Added, R | SR> =>
  Effect.withFiber((fiber) => new Call<A, E, R, SE, SR>(parts, key, self, fiber).call())

/** What is left of a call, from a point on. */
type Rest<A, E, R, SE, SR> = Effect.Effect<A, E | SE | Added, R | SR>

type Step<E, SE, SR> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], SE, unknown, SR>

class Call<A, E, R, SE, SR> extends Frame<A, E | SE | Added, R | SR> implements Waiter {
  readonly parts: Parts<E, SE, SR>
  readonly key: string | undefined
  readonly self: Effect.Effect<A, E, R>
  readonly observers: ReadonlyArray<Observer>
  clock: Clock.Clock | undefined = undefined
  readonly startedAt: number
  /** The instant by which the policy's own deadline ends the call. */
  readonly deadlineAt: number
  attempt = 0
  attemptStartedAt = 0
  /** The delay before the attempt in hand. */
  delay = 0
  step: Step<E, SE, SR> | undefined = undefined
  /** Goes on with a call that waits in the queue or sleeps. */
  resume: ((exit: Exit.Exit<void>) => void) | undefined = undefined
  woken = false
  asleep = false
  /** The bulkhead that has let the call in, or the one that it waits for. */
  permit: Bulkhead | undefined = undefined
  queue: Bulkhead | undefined = undefined
  before: Waiter | undefined = undefined
  after: Waiter | undefined = undefined
  /** The circuit that has let the attempt in hand through, and its ticket. */
  circuit: Circuit | undefined = undefined
  ticket = 0
  /** For how long the circuit rejects the attempt in hand, or -1 when it does not. */
  openFor = -1
  /** The circuit in a store has let the attempt in hand through. */
  admitted = false

  constructor(
    parts: Parts<E, SE, SR>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    super(fiber)
    this.parts = parts
    this.key = key
    const attempt = parts.hedge === undefined ? self : this.hedged(parts, parts.hedge, self)
    this.self = parts.storedBreaker === undefined ? attempt : stored(
      parts.storedBreaker,
      key,
      Effect.suspend(() => {
        this.admitted = true
        if (this.observers.length > 0) this.emit({ _tag: "AttemptStarted" })
        return attempt
      })
    )
    this.observers = parts.silent === true ? [] : Observers.of(fiber)
    this.startedAt = parts.timed || this.observers.length > 0 ? this.now() : 0
    this.deadlineAt = parts.deadline === undefined
      ? Infinity
      : Math.min(fiber.getRef(Deadline), this.startedAt + parts.deadline)
  }

  override start(): Rest<A, E, R, SE, SR> {
    if (this.parts.deadline === undefined) return this.enter()
    if (this.deadlineAt <= this.startedAt) return this.late("queue")
    this.inner = Context.add(this.fiber.context, Deadline, this.deadlineAt)
    return this.enter()
  }

  /** Takes a permit of the bulkhead or a place in its queue. */
  enter(): Rest<A, E, R, SE, SR> {
    const { bulkhead } = this.parts
    const now = this.startedAt
    if (bulkhead === undefined) return this.begin(now)
    const machine = bulkhead.get(this.key, now)
    if (machine.tryAcquire()) {
      this.permit = machine
      return this.begin(now)
    }
    if (bulkhead.maxWait <= 0 || !machine.enqueue(this)) return this.turnedAway(machine)
    this.queue = machine
    const wait = Math.min(bulkhead.maxWait, this.deadlineAt - now)
    if (wait < Infinity) this.alarm(wait)
    if (this.observers.length > 0) this.emit({ _tag: "Queued", ahead: machine.waiting - 1 })
    return this.pause(() => this.queued(machine))
  }

  /** Called by the bulkhead, when it is the call's turn. */
  grant(): void {
    const machine = this.queue as Bulkhead
    Alarm.clear(this)
    this.queue = undefined
    this.permit = machine
    this.wake()
  }

  /** The wait in the queue is over. */
  queued(machine: Bulkhead): Rest<A, E, R, SE, SR> {
    const now = this.now()
    if (this.permit !== undefined) return this.begin(now)
    return now >= this.deadlineAt ? this.late("queue") : this.turnedAway(machine)
  }

  turnedAway(machine: Bulkhead): Rest<A, E, R, SE, SR> {
    if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "bulkhead", retryAfter: undefined })
    return this.end(machine.reject())
  }

  late(phase: "queue" | "attempt"): Rest<A, E, R, SE, SR> {
    return this.end(Exit.fail(this.deadlineExceeded(phase)))
  }

  /** The bulkhead has let the call in: it asks the rate limit, and its attempts begin. */
  begin(now: number): Rest<A, E, R, SE, SR> {
    const { rateLimit } = this.parts
    if (rateLimit === undefined || rateLimit.tryAdmit(this.key, now)) return this.first(now)
    return this.within(rateLimit.admit(this.key), (exit) => {
      if (Exit.isSuccess(exit)) return this.first(this.now())
      if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "rateLimit", retryAfter: hintOfExit(exit) })
      return this.end(Exit.failCause(exit.cause))
    })
  }

  first(now: number): Rest<A, E, R, SE, SR> {
    // The permit or the permission may have come as the deadline passed.
    if (now >= this.deadlineAt) return this.late("queue")
    this.parts.retry?.budget?.deposit(now)
    return this.next(now)
  }

  next(now: number): Rest<A, E, R, SE, SR> {
    this.attempt++
    this.attemptStartedAt = now
    const { breaker } = this.parts
    if (breaker !== undefined) {
      const circuit = breaker.circuits.get(this.key, now)
      this.ticket = circuit.admit(now)
      if (this.ticket < 0) return this.broken(breaker, circuit.retryAfter(now), now)
      this.circuit = circuit
    }
    this.admitted = this.parts.storedBreaker === undefined
    if (this.admitted && this.observers.length > 0) this.emit({ _tag: "AttemptStarted" })
    return this.guard(this.self, this.limit(now))
  }

  /** The circuit is open, or half-open with all its probes under way. */
  broken(breaker: Breaker<E>, retryAfter: number, now: number): Rest<A, E, R, SE, SR> {
    if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "circuitBreaker", retryAfter })
    return this.afterRejection(breaker.reject(retryAfter), retryAfter, now)
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

  /** An attempt that is a race: the time of an attempt is then that of each of its legs. */
  hedged(parts: Parts<E, SE, SR>, hedge: Hedge<E>, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { attemptTimeout, name, ownTimeouts } = parts
    const leg = attemptTimeout === undefined
      ? self
      // What a leg adds to the errors is found again in `ownTimeouts`.
      : run({ name, attemptTimeout, ownTimeouts, silent: true, timed: false }, this.key, self) as Effect.Effect<A, E, R>
    return hedge.run(leg, this.key, (hedge, because) => {
      if (this.observers.length > 0) this.emit({ _tag: "Hedged", hedge, because })
    })
  }

  /** How long the attempt in hand may take. */
  limit(now: number): number {
    const { deadline, hedge } = this.parts
    const attemptTimeout = hedge === undefined ? this.parts.attemptTimeout : undefined
    const left = deadline === undefined ? Infinity : Math.max(0, this.deadlineAt - now)
    return attemptTimeout === undefined || left < attemptTimeout ? left : attemptTimeout
  }

  /** The wait in the queue took too long, the delay is over, or the time of what runs is up. */
  override ring(): void {
    if (this.queue !== undefined) {
      const machine = this.queue
      this.queue = undefined
      this.expired = true
      machine.cancel(this)
      this.wake()
    } else if (this.asleep) {
      this.wake()
    } else {
      this.expire()
    }
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

  wake(): void {
    const { resume } = this
    this.resume = undefined
    if (resume === undefined) this.woken = true
    else resume(Exit.void)
  }

  /** Takes the end of an attempt. What a predicate of the options throws is a defect of the call. */
  override settle(exit: Exit.Exit<A, E>): Rest<A, E, R, SE, SR> {
    if (Exit.isFailure(exit) && this.hasExpired(exit.cause)) return this.timedOut(exit.cause)
    if (this.circuit !== undefined) this.report(this.circuit, exit)
    if (Exit.isFailure(exit)) return this.failed(exit.cause, undefined)
    if (this.observers.length > 0) {
      this.emit({ _tag: "AttemptSucceeded", duration: this.now() - this.attemptStartedAt })
    }
    return this.end(exit)
  }

  /** Takes the end of an attempt that was ended because its time was up. */
  timedOut(interrupted: Cause.Cause<E>): Rest<A, E, R, SE, SR> {
    const own = this.timeout()
    if (this.circuit !== undefined) this.report(this.circuit, undefined)
    return this.failed(
      Cause.fromReasons<E | Added>([
        Cause.makeFailReason(own),
        ...interrupted.reasons.filter((reason) => !Cause.isInterruptReason(reason))
      ]),
      own
    )
  }

  /** Tells the circuit how the attempt ended: `undefined` is a timeout. */
  report(circuit: Circuit, exit: Exit.Exit<A, E> | undefined): void {
    const from = circuit.state
    const now = this.now()
    let outcome: Outcome = failure
    this.circuit = undefined
    try {
      if (exit !== undefined) outcome = this.parts.breaker?.outcome(exit) ?? ignored
    } finally {
      const hint = exit === undefined || outcome !== failure ? 0 : hintOfExit(exit)
      circuit.settle(this.ticket, now, outcome, now - this.attemptStartedAt, hint, this)
    }
    const to = circuit.state
    if (from !== to && this.observers.length > 0) this.emit({ _tag: "CircuitChanged", from, to })
  }

  /** The error of an attempt whose time was up. */
  timeout(): Added {
    const { attemptTimeout, ownTimeouts } = this.parts
    if (attemptTimeout === undefined || this.limit(this.attemptStartedAt) < attemptTimeout) {
      return this.deadlineExceeded("attempt")
    }
    const error = new PolicyError({ reason: new AttemptTimeout({ timeout: Duration.millis(attemptTimeout) }) })
    ownTimeouts?.add(error)
    return error
  }

  deadlineExceeded(phase: "queue" | "attempt"): PolicyError<DeadlineExceeded> {
    if (this.observers.length > 0) this.emit({ _tag: "DeadlinePassed" })
    const deadline = Duration.millis(Math.max(0, this.deadlineAt - this.startedAt))
    return new PolicyError({ reason: new DeadlineExceeded({ deadline, phase }) })
  }

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

  /** Gives back the permit, or the place in the queue, and what the circuit has let through. */
  override leave(exit: Exit.Exit<A, E | SE | Added>): void {
    const { circuit, permit, queue } = this
    Alarm.clear(this)
    // Only what was interrupted has a circuit still, which its end says nothing to.
    if (circuit !== undefined) circuit.settle(this.ticket, this.now(), ignored, 0, 0, this)
    if (queue !== undefined) queue.cancel(this)
    this.circuit = this.queue = undefined
    if (permit === undefined) return
    this.permit = undefined
    if (permit.adapts) {
      const error = Exit.isSuccess(exit) ? undefined : onlyFailure(exit.cause)?.error
      const dropped = error !== undefined && this.parts.bulkhead?.isOverload(error) === true
      const now = this.now()
      // The limit follows the latency of the dependency, so the delays between attempts do not count.
      if (dropped || Exit.isSuccess(exit)) permit.settle(now, now - this.attemptStartedAt, dropped)
    }
    permit.release()
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

/** An attempt through a circuit in a store. {@link Call.afterFailure} knows the rejection again by its type. */
const stored = <A, E, R>(
  breaker: CircuitBreaker<E>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => breaker.protect({ key })(self) as Effect.Effect<A, E, R>

/** The failure of a cause that holds neither defects nor interruption, which are never retried. */
const onlyFailure = <E>(cause: Cause.Cause<E>): Cause.Fail<E> | undefined => {
  let first: Cause.Fail<E> | undefined
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason)) return undefined
    first ??= reason
  }
  return first
}
