/**
 * Runs one call under the parts of a policy. The parts decide; this file carries out what they decide.
 *
 * A call is a frame of the caller's fiber: it runs one effect after the other, attempts and waits, and what happens
 * between them is plain functions. Here is what lets a call and its attempts in and how an attempt ends; what comes after a failed
 * one is in {@link Retrying}. The order is deadline, bulkhead, rate limit, retry, circuit breaker, hedge, attempt timeout.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { CircuitBreaker } from "../../CircuitBreaker.ts"
import { AttemptTimeout, PolicyError } from "../../PolicyError.ts"
import type { Breaker } from "../breaker/breaker.ts"
import { type Circuit, failure, ignored, type Outcome } from "../breaker/circuit.ts"
import type { Bulkhead, Waiter } from "../bulkhead/queue.ts"
import type { Parts } from "../compile.ts"
import * as Alarm from "../fiber/alarm.ts"
import type { Hedge } from "../hedge/race.ts"
import { hintOfExit } from "../retryAfter.ts"
import { Deadline } from "./deadline.ts"
import { type Added, onlyFailure, type Rest, Retrying } from "./retrying.ts"

/** Runs an effect once under `parts`. */
export const run = <A, E, R, SE, SR>(
  parts: Parts<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SE | Added, R | SR> =>
  Effect.withFiber((fiber) => new Call<A, E, R, SE, SR>(parts, key, self, fiber).call())

class Call<A, E, R, SE, SR> extends Retrying<A, E, R, SE, SR> implements Waiter {
  declare readonly self: Effect.Effect<A, E, R>
  /** The bulkhead that has let the call in, or the one that it waits for. */
  declare permit: Bulkhead | undefined
  declare queue: Bulkhead | undefined
  declare before: Waiter | undefined
  declare after: Waiter | undefined
  /** The circuit that has let the attempt in hand through, and its ticket. */
  declare circuit: Circuit | undefined
  declare ticket: number

  constructor(
    parts: Parts<E, SE, SR>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    super(parts, key, fiber)
    this.permit = undefined
    this.queue = undefined
    this.before = undefined
    this.after = undefined
    this.circuit = undefined
    this.ticket = 0
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
    // A fiber goes on within `resume`: without the yield this one would run within the call that gave the permit back.
    this.wake(Effect.yieldNow)
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

  protected override next(now: number): Rest<A, E, R, SE, SR> {
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
      machine.cancel(this)
      this.wake()
    } else if (this.asleep) {
      this.wake()
    } else {
      this.expire()
    }
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
    try {
      if (permit.adapts) this.measure(permit, exit)
    } finally {
      permit.release()
    }
  }

  /** Tells an adaptive bulkhead how the call ended. Its limit follows the dependency, so delays between attempts do not count. */
  measure(permit: Bulkhead, exit: Exit.Exit<A, E | SE | Added>): void {
    const error = Exit.isSuccess(exit) ? undefined : onlyFailure(exit.cause)?.error
    const dropped = error !== undefined && this.parts.bulkhead?.isOverload(error) === true
    const now = this.now()
    if (dropped || Exit.isSuccess(exit)) permit.settle(now, now - this.attemptStartedAt, dropped)
  }
}

/** An attempt through a circuit in a store. {@link Retrying.failed} knows the rejection again by its type. */
const stored = <A, E, R>(
  breaker: CircuitBreaker<E>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => breaker.protect({ key })(self) as Effect.Effect<A, E, R>
