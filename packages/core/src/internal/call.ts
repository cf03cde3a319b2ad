/**
 * Runs one call under the parts of a policy. The parts decide; this file carries out what they decide.
 *
 * A call is one suspension of the caller's fiber, however many attempts, waits and delays it takes: each attempt runs in a
 * fiber of its own, so that a timeout can interrupt it and nothing else, and all that happens between attempts is plain
 * functions. The order is deadline, bulkhead, rate limit, retry, circuit breaker, hedge, attempt timeout.
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
import type { CircuitBreaker } from "../CircuitBreaker.ts"
import { Deadline } from "../Deadline.ts"
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
import type { Bulkhead, Bulkheads, Waiter } from "./bulkhead.ts"
import { type Circuit, failure, ignored, type Outcome } from "./circuitBreaker.ts"
import type { Hedge } from "./hedge.ts"
import { hintOfExit } from "./hint.ts"
import * as Observers from "./observers.ts"
import type { RateLimits } from "./rateLimit.ts"
import { logRetry } from "./report.ts"
import { stopBudget, stopDeadline, stopSchedule, stopTimeout, stopTimes } from "./retry.ts"

/** The compiled parts of a policy. Durations are in milliseconds; a part that is absent costs nothing. */
export interface Parts<in E, out SE, out SR> {
  readonly name: string
  readonly deadline?: number | undefined
  readonly bulkhead?: Bulkheads | undefined
  readonly rateLimit?: RateLimits | undefined
  readonly retry?: Retry<E, SE, SR> | undefined
  readonly breaker?: Breaker<E> | undefined
  /** A breaker that asks a store before and after each attempt, which only an effect can. */
  readonly storedBreaker?: CircuitBreaker<E> | undefined
  readonly hedge?: Hedge<E> | undefined
  readonly attemptTimeout?: number | undefined
  /** The timeouts of the legs of a hedge, which are the policy's own errors too. */
  readonly ownTimeouts?: WeakSet<PolicyError> | undefined
  /** Whether observers are told nothing, because the call is a leg of another. */
  readonly silent?: boolean | undefined
  /** Whether a part needs to know when the call started. */
  readonly timed: boolean
}

/** Whether there is nothing to do. */
export const isEmpty = <E, SE, SR>(parts: Parts<E, SE, SR>): boolean =>
  (parts.attemptTimeout ?? parts.breaker ?? parts.bulkhead ?? parts.deadline ?? parts.hedge ?? parts.rateLimit ??
    parts.retry ??
    parts.storedBreaker) === undefined

/** What the parts may add to a call's errors. A part that is absent adds none: the callers' types say which are there. */
export type Added = PolicyError<AttemptTimeout | BulkheadFull | CircuitOpen | DeadlineExceeded | RateLimited>

/** Runs an effect once under `parts`. */
export const run = <A, E, R, SE, SR>(
  parts: Parts<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SE | Added, R | SR> =>
  Effect.callback((resume) => {
    // A callback is registered by the fiber that runs it.
    const fiber = Fiber.getCurrent() as Fiber.Fiber<unknown, unknown>
    return new Call<A, E, R, SE, SR>(parts, key, self, fiber, resume).start()
  })

type Step<E, SE, SR> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], SE, unknown, SR>

class Call<A, E, R, SE, SR> extends Alarm.Alarm implements Waiter {
  readonly parts: Parts<E, SE, SR>
  readonly key: string | undefined
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly resume: (effect: Effect.Effect<A, E | SE | Added, R | SR>) => void
  readonly context: Context.Context<R | SR>
  readonly observers: ReadonlyArray<Observer>
  clock: Clock.Clock | undefined = undefined
  readonly startedAt: number
  /** The instant by which the policy's own deadline ends the call. */
  readonly deadlineAt: number
  attempt = 0
  attemptStartedAt = 0
  /** The delay before the attempt in hand. */
  delay = 0
  /** What runs for the call: an attempt, or a step of a schedule. */
  child: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** The time of the attempt in hand is up. */
  expired = false
  /** The call has its result, or nobody waits for it. */
  ended = false
  /** A child is being started, and is not known yet. */
  starting = false
  step: Step<E, SE, SR> | undefined = undefined
  /** The bulkhead that has let the call in, or the one that it waits for. */
  permit: Bulkhead | undefined = undefined
  queue: Bulkhead | undefined = undefined
  before: Waiter | undefined = undefined
  after: Waiter | undefined = undefined
  /** The circuit that has let the attempt in hand through, and its ticket. */
  circuit: Circuit | undefined = undefined
  ticket = 0
  /** The circuit in a store has let the attempt in hand through. */
  admitted = false

  constructor(
    parts: Parts<E, SE, SR>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    resume: (effect: Effect.Effect<A, E | SE | Added, R | SR>) => void
  ) {
    super()
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
    this.fiber = fiber
    this.resume = resume
    this.observers = parts.silent === true ? [] : Observers.of(fiber)
    this.startedAt = parts.timed || this.observers.length > 0 ? this.now() : 0
    // The caller's fiber has what the effect needs: the types of `run` say so.
    const context = fiber.context as Context.Context<R | SR>
    if (parts.deadline === undefined) {
      this.deadlineAt = Infinity
      this.context = context
    } else {
      this.deadlineAt = Math.min(fiber.getRef(Deadline), this.startedAt + parts.deadline)
      this.context = Context.add(context, Deadline, this.deadlineAt)
    }
  }

  /** Begins the call and returns what interrupts it, unless it has ended already. */
  start(): Effect.Effect<void> | undefined {
    if (this.parts.deadline !== undefined && this.deadlineAt <= this.startedAt) {
      this.end(Exit.fail(this.deadlineExceeded("queue")))
    } else if (this.parts.bulkhead === undefined) {
      this.begin(this.startedAt)
    } else {
      this.enter(this.parts.bulkhead)
    }
    return this.ended ? undefined : Effect.suspend(() => this.interrupt())
  }

  /** Takes a permit of the bulkhead or a place in its queue. */
  enter(bulkhead: Bulkheads): void {
    const now = this.startedAt
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
  }

  /** Called by the bulkhead, when it is the call's turn. */
  grant(): void {
    Alarm.clear(this)
    this.permit = this.queue
    this.queue = undefined
    this.begin(this.now())
  }

  turnedAway(machine: Bulkhead): void {
    if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "bulkhead", retryAfter: undefined })
    this.end(machine.reject())
  }

  /** The bulkhead has let the call in: it asks the rate limit, and its attempts begin. */
  begin(now: number): void {
    const { rateLimit } = this.parts
    if (rateLimit === undefined || rateLimit.tryAdmit(this.key, now)) return this.first(now)
    this.fork(rateLimit.admit(this.key), (exit) => {
      if (Exit.isSuccess(exit)) return this.first(this.now())
      if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "rateLimit", retryAfter: hintOfExit(exit) })
      this.end(Exit.failCause(exit.cause))
    })
  }

  first(now: number): void {
    // The permit or the permission may have come as the deadline passed.
    if (now >= this.deadlineAt) return this.end(Exit.fail(this.deadlineExceeded("queue")))
    this.parts.retry?.budget?.deposit(now)
    this.next(now)
  }

  next(now: number): void {
    this.attempt++
    this.attemptStartedAt = now
    this.expired = false
    const { breaker } = this.parts
    if (breaker !== undefined) {
      const circuit = breaker.circuits.get(this.key, now)
      this.ticket = circuit.admit(now)
      if (this.ticket < 0) return this.broken(breaker, circuit.retryAfter(now), now)
      this.circuit = circuit
    }
    this.admitted = this.parts.storedBreaker === undefined
    if (this.admitted && this.observers.length > 0) this.emit({ _tag: "AttemptStarted" })
    // An observer may have interrupted the caller.
    if (this.ended) return this.settle(Exit.interrupt(this.fiber.id))
    const child = this.run(this.self)
    const exit = child.pollUnsafe()
    if (exit !== undefined) return this.settle(exit)
    this.child = child
    const limit = this.limit(now)
    if (this.ended) child.interruptUnsafe(this.fiber.id)
    else if (limit < Infinity) this.alarm(limit)
    child.addObserver((exit) => this.settle(exit))
  }

  run<B, E2>(effect: Effect.Effect<B, E2, R | SR>): Fiber.Fiber<B, E2> {
    this.starting = true
    const child = Effect.runForkWith(this.context)(effect)
    this.starting = false
    return child
  }

  /** The circuit is open, or half-open with all its probes under way. */
  broken(breaker: Breaker<E>, retryAfter: number, now: number): void {
    if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "circuitBreaker", retryAfter })
    this.afterRejection(breaker.reject(retryAfter), retryAfter, now)
  }

  /** Ends the call, unless it has a deadline and the circuit may let a probe through before it. */
  afterRejection(rejection: Exit.Exit<never, Added>, retryAfter: number, now: number): void {
    const { deadline, retry } = this.parts
    if (retry === undefined || deadline === undefined || this.attempt > retry.times || Exit.isSuccess(rejection)) {
      return this.end(rejection)
    }
    // With all probes under way nobody knows for how long: the backoff says when to look again.
    const backoff = isBackoff(retry.backoff) ? retry.backoff.delay(this.attempt, this.delay, this.random()) : 0
    const delay = Math.ceil(Math.max(1, retryAfter, backoff))
    if (now + delay >= this.deadlineAt) return this.end(rejection)
    this.follow({ _tag: "Retry", delay }, rejection.cause, onlyFailure(rejection.cause)?.error)
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

  /** The wait in the queue took too long, the delay is over, or the time of the attempt is up. */
  override ring(): void {
    if (this.queue !== undefined) {
      const machine = this.queue
      this.queue = undefined
      machine.cancel(this)
      if (this.now() >= this.deadlineAt) this.end(Exit.fail(this.deadlineExceeded("queue")))
      else this.turnedAway(machine)
    } else if (this.child === undefined) {
      this.next(this.now())
    } else {
      this.expired = true
      this.child.interruptUnsafe(this.fiber.id)
    }
  }

  /** Takes the end of an attempt. What a predicate of the options throws is a defect of the call. */
  settle(exit: Exit.Exit<A, E>): void {
    try {
      this.take(exit)
    } catch (defect) {
      if (!this.ended) this.end(Exit.die(defect))
    }
  }

  take(exit: Exit.Exit<A, E>): void {
    if (this.child !== undefined) {
      Alarm.clear(this)
      this.child = undefined
    }
    // An attempt that ended by itself in spite of the interruption keeps its end. (Effect fails a fiber that leaves an
    // uninterruptible region after it was interrupted, so a late answer from there is lost all the same.)
    if (this.expired && Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) return this.timedOut(exit.cause)
    if (this.circuit !== undefined) this.tell(this.circuit, exit)
    if (this.ended) return
    if (Exit.isFailure(exit)) return this.failed(exit.cause, undefined)
    if (this.observers.length > 0) {
      this.emit({ _tag: "AttemptSucceeded", duration: this.now() - this.attemptStartedAt })
    }
    this.end(exit)
  }

  /** Takes the end of an attempt that was interrupted because its time was up. */
  timedOut(interrupted: Cause.Cause<E>): void {
    const own = this.timeout()
    if (this.circuit !== undefined) this.tell(this.circuit, undefined)
    if (this.ended) return
    this.failed(
      Cause.fromReasons<E | Added>([
        Cause.makeFailReason(own),
        ...interrupted.reasons.filter((reason) => !Cause.isInterruptReason(reason))
      ]),
      own
    )
  }

  /** Tells the circuit how the attempt ended: `undefined` is a timeout. */
  tell(circuit: Circuit, exit: Exit.Exit<A, E> | undefined): void {
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

  /** The error of an attempt that was interrupted because its time was up. */
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
  failed(cause: Cause.Cause<E | Added>, own: Added | undefined): void {
    const failure = onlyFailure(cause)
    if (failure === undefined) return this.end(Exit.failCause(cause))
    const now = this.now()
    const { error } = failure
    if (!this.admitted && isPolicyError(error) && error.reason._tag === "CircuitOpen") {
      const retryAfter = Duration.toMillis(error.reason.retryAfter)
      if (this.observers.length > 0) this.emit({ _tag: "Rejected", by: "circuitBreaker", retryAfter })
      return this.afterRejection(Exit.failCause(Cause.fail(error as Added)), retryAfter, now)
    }
    if (this.observers.length > 0) this.emit({ _tag: "AttemptFailed", duration: now - this.attemptStartedAt, error })
    if (this.ended) return
    const { retry } = this.parts
    if (retry === undefined || own?.reason._tag === "DeadlineExceeded") return this.end(Exit.failCause(cause))
    // `while` is asked about the caller's errors alone.
    const isOwn = own !== undefined || (isPolicyError(error) && this.parts.ownTimeouts?.has(error) === true)
    const verdict = isOwn ? this.afterTimeout(retry) : retry.verdict(error as E, this.attempt)
    if (verdict !== undefined) return this.follow(verdict, cause, error)
    if (isBackoff(retry.backoff)) {
      const delay = retry.backoff.delay(this.attempt, this.delay, this.random())
      this.follow(this.timing(retry, error, delay, now), cause, error)
    } else {
      this.backoff(retry, retry.backoff, cause, error as E, now)
    }
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
  ): void {
    const { step } = this
    if (step === undefined) {
      return this.fork(Schedule.toStep(schedule), (exit) => {
        if (Exit.isFailure(exit)) return this.end(Exit.failCause(exit.cause))
        this.step = exit.value
        this.backoff(retry, schedule, cause, error, now)
      })
    }
    const delay = Pull.matchEffect(Effect.suspend(() => step(now, error)), {
      onSuccess: ([, delay]) => Effect.succeed<number | undefined>(Duration.toMillis(delay)),
      onFailure: Effect.failCause,
      onDone: () => Effect.undefined
    })
    this.fork(delay, (exit) => {
      if (Exit.isFailure(exit)) return this.end(Exit.failCause(exit.cause))
      this.follow(
        exit.value === undefined ? stopSchedule : this.timing(retry, error, exit.value, this.now()),
        cause,
        error
      )
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

  follow(decision: Decision, cause: Cause.Cause<E | Added>, error: unknown): void {
    if (decision._tag === "Stop") {
      const { because, reason } = decision
      if (this.observers.length > 0) this.emit({ _tag: "RetryStopped", reason, because, error })
      return this.end(Exit.failCause(cause))
    }
    const allowed = this.parts.retry?.budget?.tryWithdraw(this.now()) ?? true
    if (allowed === true) {
      this.wait(decision.delay, error)
    } else if (allowed === false) {
      this.follow(stopBudget, cause, error)
    } else {
      this.fork(allowed, (exit) => {
        if (Exit.isFailure(exit) || !exit.value) this.follow(stopBudget, cause, error)
        // The answer took time.
        else if (this.now() + decision.delay >= this.deadline()) this.follow(stopDeadline, cause, error)
        else this.wait(decision.delay, error)
      })
    }
  }

  /** Sleeps before the next attempt. */
  wait(delay: number, error: unknown): void {
    if (this.ended) return
    const { retry } = this.parts
    this.delay = delay
    const event = { _tag: "RetryScheduled", ...this.origin(), delay, of: (retry?.times ?? 0) + 1, error } as const
    Observers.tell(this.observers, event)
    if (retry?.onRetry !== undefined) Observers.tell<RetryScheduled>([retry.onRetry], event)
    if (this.ended) return
    this.fork(logRetry(event), () => this.alarm(delay))
  }

  /** Runs an effect of the policy's own before or between attempts, within the deadline. */
  fork<B, E2>(effect: Effect.Effect<B, E2, R | SR>, then: (exit: Exit.Exit<B, E2>) => void): void {
    const child = this.run(effect)
    const exit = child.pollUnsafe()
    if (this.ended) return child.interruptUnsafe(this.fiber.id)
    if (exit !== undefined) return then(exit)
    this.child = child
    this.expired = false
    if (this.deadlineAt < Infinity) this.alarm(Math.max(0, this.deadlineAt - this.now()))
    child.addObserver((exit) => {
      Alarm.clear(this)
      this.child = undefined
      if (this.ended) return
      if (this.expired && Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) {
        this.end(Exit.fail(this.deadlineExceeded(this.attempt === 0 ? "queue" : "attempt")))
      } else {
        then(exit)
      }
    })
  }

  end(exit: Exit.Exit<A, E | SE | Added>): void {
    if (this.ended) return
    this.ended = true
    if (this.permit !== undefined) this.leave(this.permit, exit)
    this.resume(exit)
  }

  /** Gives the permit back. */
  leave(permit: Bulkhead, exit: Exit.Exit<A, E | SE | Added> | undefined): void {
    this.permit = undefined
    if (permit.adapts && exit !== undefined) {
      const error = Exit.isSuccess(exit) ? undefined : onlyFailure(exit.cause)?.error
      const dropped = error !== undefined && this.parts.bulkhead?.isOverload(error) === true
      const now = this.now()
      // The limit follows the latency of the dependency, so the delays between attempts do not count.
      if (dropped || Exit.isSuccess(exit)) permit.settle(now, now - this.attemptStartedAt, dropped)
    }
    permit.release()
  }

  /** Ends a call whose caller was interrupted: when this is done, nothing of it is left. */
  interrupt(): Effect.Effect<void> {
    if (this.ended) return Effect.void
    this.ended = true
    Alarm.clear(this)
    this.queue?.cancel(this)
    // What interrupts the caller may be a child that is being started.
    return this.starting ? Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.stop())) : this.stop()
  }

  stop(): Effect.Effect<void> {
    const { child, permit } = this
    if (permit === undefined) return child === undefined ? Effect.void : Fiber.interrupt(child)
    const leave = Effect.sync(() => this.leave(permit, undefined))
    return child === undefined ? leave : Effect.andThen(Fiber.interrupt(child), leave)
  }

  now(): number {
    return (this.clock ??= this.fiber.getRef(Clock.Clock)).currentTimeMillisUnsafe()
  }

  alarm(millis: number): void {
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
    Observers.tell(this.observers, { ...this.origin(), ...event })
  }
}

type Event = PolicyEvent extends infer E ? E extends PolicyEvent ? Omit<E, "policy" | "key" | "at" | "attempt"> : never
  : never

/** An attempt through a circuit in a store. {@link Call.failed} knows the rejection again by its type. */
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
