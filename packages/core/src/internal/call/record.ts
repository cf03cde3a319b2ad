/**
 * The record of one call: what it holds, what it waits for and how it reports itself. What it does is in the files
 * beside this one, in the order in which it happens: `call`, `admission`, `attempt`, `betweenAttempts`.
 *
 * Guarded by `test/composition/crowd.test.ts`, `test/composition/interruption.test.ts`, `test/bulkhead/adaptive.test.ts` and
 * `test/issues/admitted-before-it-waits-skips-its-delay.test.ts`.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import type { AttemptTimeout, PolicyError } from "../../PolicyError.ts"
import { isYes } from "../answer.ts"
import { type Circuit, failure, ignored } from "../breaker/circuit.ts"
import type { Bulkhead, Waiter } from "../bulkhead/queue.ts"
import { firstFailure } from "../cause.ts"
import * as Alarm from "../fiber/alarm.ts"
import { Frame } from "../fiber/frame.ts"
import { handOver } from "../fiber/handOver.ts"
import { read } from "../fiber/now.ts"
import type { Timeout } from "../fiber/timeout.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { type AttemptBound, type Bound, deadlineOf, type Running } from "./deadline.ts"
import type { Observer, PolicyEvent } from "./event.ts"
import * as Observers from "./observers.ts"

/** What the parts may add to a call's errors. A part that is absent adds none: the callers' types say which are there. */
export type Added = PolicyError

/** What is left of a call, from a point on. */
export type Rest<A, E, R, SE, SR> = Effect.Effect<A, E | SE | Added, R | SR>

/** A step of a schedule that only an effect can take. */
type Step<E, SE, SR> = (now: number, error: E) => Pull.Pull<[unknown, Duration.Duration], SE, unknown, SR>

export class Call<A, E, R, SE, SR> extends Frame<A, E | SE | Added, R | SR> implements Waiter, Running, Alarm.Target {
  declare readonly policy: CompiledPolicy<E, SE, SR>
  declare readonly key: string | undefined
  /** What an attempt runs. */
  declare self: Effect.Effect<A, E, R>
  /** Whether `runIn` of `call.ts` runs it, and its context is still that of its caller. */
  declare isOwn: boolean
  /** Whether an attempt may fork something that has to start before the next one. */
  declare mayFork: boolean
  declare readonly observers: ReadonlyArray<Observer>
  declare readonly startedAt: number
  declare bound: Bound | undefined
  declare timer: Alarm.Target["timer"]
  declare sleeper: Alarm.Target["sleeper"]
  declare cleared: number
  /** What {@link begin} does. */
  declare private readonly first: (call: Call<A, E, R, SE, SR>) => Rest<A, E, R, SE, SR>
  /** The bulkhead that has let the call in, or the one that it waits for. */
  declare permit: Bulkhead | undefined
  declare queue: Bulkhead | undefined
  declare before: Waiter | undefined
  declare after: Waiter | undefined
  /** The current attempt: 1 is the first. */
  declare attempt: number
  declare firstAttemptAt: number
  declare attemptStartedAt: number
  /** Whether an attempt runs, and whether the circuit has let it through if that is in a store. */
  declare running: boolean
  declare admitted: boolean
  /** The circuit that admitted the current attempt, and its ticket. */
  declare circuit: Circuit | undefined
  declare ticket: number
  /** The timeout of the attempt that runs. */
  declare limit: AttemptBound | undefined
  /** The error that the policy's own timeout made of the current attempt. */
  declare timedOut: PolicyError<AttemptTimeout> | undefined
  /** Why another attempt is made: the error or the result of the last, when that was judged, and the delay. */
  declare input: unknown
  declare judgedAt: number
  declare delay: number
  /** The metadata that the current attempt sees. */
  declare metadata: Schedule.Metadata | undefined
  /** The steps of a schedule, and what it has put out last. */
  declare step: Step<E, SE, SR> | undefined
  declare output: unknown
  /** Goes on with a call that waits in the queue or sleeps. */
  declare private resume: ((effect: Effect.Effect<void>) => void) | undefined
  /** Lets a call that waits in the queue go on, from within another. */
  declare private goOn: (() => void) | undefined
  /** What it goes on with, if it was woken before it waited. */
  declare private wokenBy: Effect.Effect<void> | undefined
  declare private clock: Clock.Clock | undefined

  constructor(
    policy: CompiledPolicy<E, SE, SR>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    first: (call: Call<A, E, R, SE, SR>) => Rest<A, E, R, SE, SR>
  ) {
    super(fiber)
    this.policy = policy
    this.key = key
    this.self = self
    this.isOwn = false
    this.mayFork = true
    this.first = first
    this.bound = this.timer = this.sleeper = undefined
    this.cleared = 0
    this.permit =
      this.queue =
      this.before =
      this.after =
        undefined
    this.attempt = this.firstAttemptAt = this.attemptStartedAt = 0
    this.running = this.admitted = false
    this.circuit = undefined
    this.ticket = 0
    this.limit = this.timedOut = this.input = undefined
    this.judgedAt = this.delay = 0
    this.metadata = this.step = this.output = undefined
    this.resume = this.goOn = undefined
    this.wokenBy = this.clock = undefined
    this.observers = policy.silent === true ? [] : Observers.of(fiber)
    this.startedAt = policy.timed || this.observers.length > 0 ? this.now() : 0
  }

  protected override begin(): Rest<A, E, R, SE, SR> {
    return this.first(this)
  }

  protected override get recovers(): boolean {
    return this.policy.retry !== undefined
  }

  /** From now on, code of the program may run. */
  show(): void {
    if (!this.isOwn) return
    this.isOwn = false
    this.bound?.show()
  }

  override run<B, E2>(
    effect: Effect.Effect<B, E2, R | SR>,
    onEnd: (call: this, exit: Exit.Exit<B, E2>) => Rest<A, E, R, SE, SR>,
    limit?: Timeout<B, E2, R | SR>,
    inner?: Context.Context<never>
  ): Rest<A, E, R, SE, SR> {
    if (this.isOwn && (effect as unknown) !== this.self) this.show()
    return super.run(effect, onEnd, limit, inner)
  }

  // Waiting.

  /** Waits until it is woken, if it has not been already. */
  pause(then: (call: this) => Rest<A, E, R, SE, SR>): Rest<A, E, R, SE, SR> {
    return this.run(
      Effect.callback<void>((resume) => {
        if (this.wokenBy !== undefined) {
          resume(this.wokenBy)
        } else {
          this.resume = resume
          if (this.queue !== undefined) this.goOn = handOver(this.fiber, (by) => this.wake(by))
        }
        this.wokenBy = undefined
      }),
      (call, exit) => Exit.isFailure(exit) ? call.end(Exit.failCause(exit.cause)) : then(call)
    )
  }

  private wake(by: Effect.Effect<void>): void {
    const { resume } = this
    this.resume = undefined
    if (resume === undefined) this.wokenBy = by
    else resume(by)
  }

  /** Called by the bulkhead, when it is the call's turn. */
  grant(): void {
    Alarm.clear(this)
    this.permit = this.queue
    this.queue = undefined
    if (this.goOn === undefined) this.wokenBy = Exit.void
    else this.goOn()
  }

  setAlarm(millis: number): void {
    Alarm.set(this, this.fiber, millis, this.time)
  }

  /** The wait in the queue took too long, or the delay is over. */
  ring(): void {
    this.leaveQueue()
    this.wake(Exit.void)
  }

  clockFailed(cause: Cause.Cause<never>): void {
    this.leaveQueue()
    this.wake(Exit.failCause(cause))
  }

  private leaveQueue(): void {
    const { queue } = this
    this.queue = undefined
    queue?.cancel(this)
  }

  // The end.

  /** Gives back all that the call holds. A call whose time was up is given back by its bound, which knows its end. */
  protected override leave(exit: Exit.Exit<A, E | SE | Added>): undefined {
    if (this.bound?.expired !== true) this.giveBack(exit)
  }

  /** Gives back the permit, or the place in the queue, and what the circuit has let through. */
  giveBack(exit: Exit.Exit<A, E | SE | Added>): void {
    const { circuit, permit } = this
    Alarm.clear(this)
    this.leaveQueue()
    this.circuit = this.permit = undefined
    try {
      // A circuit is still set only if the call was interrupted. Settle it as ignored, which frees a probe's slot.
      circuit?.settle(this.ticket, this.now(), ignored, 0, 0, this)
    } finally {
      try {
        if (permit?.adapts === true) this.measure(permit, exit)
      } finally {
        permit?.release()
      }
    }
  }

  /** Tells an adaptive bulkhead how the call ended. Its limit follows the dependency, so delays between attempts do not count. */
  private measure(permit: Bulkhead, exit: Exit.Exit<A, E | SE | Added>): void {
    const error = Exit.isSuccess(exit) ? undefined : firstFailure(exit.cause)?.error
    const dropped = error !== undefined && isYes(this.policy.bulkhead?.isOverload(error))
    const now = this.now()
    if (dropped || Exit.isSuccess(exit)) permit.settle(now, now - this.attemptStartedAt, dropped)
  }

  /** Tells the circuit that an attempt has timed out. */
  blame(): void {
    const { circuit } = this
    const now = this.now()
    this.circuit = undefined
    if (circuit !== undefined) this.settle(circuit, now, failure, 0)
  }

  /** Tells the circuit how an attempt ended. */
  settle(circuit: Circuit, now: number, outcome: 0 | 1 | 2, hint: number): void {
    const from = circuit.state
    circuit.settle(this.ticket, now, outcome, now - this.attemptStartedAt, hint, this)
    const to = circuit.state
    if (from !== to && this.observers.length > 0) this.emit({ _tag: "CircuitChanged", from, to })
  }

  /** The deadline in force. One from outside ends the call by itself, but no delay is slept that passes it. */
  deadline(): number {
    return this.bound === undefined ? deadlineOf(this.fiber) : this.bound.at
  }

  // Time and chance.

  /** The clock of the call: looked up once, since each lookup walks the context. */
  get time(): Clock.Clock {
    return this.clock ??= this.fiber.getRef(Clock.Clock)
  }

  now(): number {
    return read(this.time)
  }

  random(): number {
    return this.fiber.getRef(Random.Random).nextDoubleUnsafe()
  }

  // Events.

  origin() {
    return { policy: this.policy.name, key: this.key, at: this.now(), attempt: this.attempt }
  }

  emit(event: Event): void {
    // One spread, and first: it is a copy. A second one would add key by key, for two events an attempt.
    this.tell({ ...event, policy: this.policy.name, key: this.key, at: this.now(), attempt: this.attempt })
  }

  tell(event: PolicyEvent): void {
    this.tellOf(this.observers, event)
  }

  tellOf<Event extends PolicyEvent>(observers: ReadonlyArray<(event: Event) => void>, event: Event): void {
    // An observer may have interrupted the caller: then there is nothing more to tell.
    if (!this.isInterrupted) Observers.tell(observers, event)
  }
}

type Event = PolicyEvent extends infer E ? E extends PolicyEvent ? Omit<E, "policy" | "key" | "at" | "attempt"> : never
  : never
