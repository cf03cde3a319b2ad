/**
 * A circuit breaker as a part of a call: its circuits, what counts as a failure, and what is seen of it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { State, Transition } from "../../CircuitBreaker.ts"
import { CircuitOpen, isPolicyError, PolicyError } from "../../PolicyError.ts"
import { nowOf } from "../call/now.ts"
import { retryAfterOfExit } from "../retryAfter.ts"
import * as Machine from "./circuit.ts"
import { type BreakerOptions, defaults } from "./options.ts"

/** Whether a policy within turned the call away before any of it ran, which says nothing of the dependency. */
const isRejection = (error: unknown): boolean => {
  if (!isPolicyError(error)) return false
  switch (error.reason._tag) {
    case "CircuitOpen":
    case "BulkheadFull":
    case "RateLimited":
      return true
    case "DeadlineExceeded":
      return error.reason.phase === "queue"
    default:
      return false
  }
}

/** The chance of a fiber, drawn when it is asked for. */
class FiberChance implements Machine.Chance {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  constructor(fiber: Fiber.Fiber<unknown, unknown>) {
    this.fiber = fiber
  }
  random(): number {
    return this.fiber.getRef(Random.Random).nextDoubleUnsafe()
  }
}

export class Breaker<in E> {
  readonly name: string
  readonly rules: Machine.Rules
  readonly circuits: Machine.Circuits
  readonly isFailure: ((error: E) => boolean) | undefined
  readonly context: Context.Context<never>
  readonly rejections: Metric.Counter<number>
  readonly subscribers = new Set<Queue.Enqueue<Transition>>()
  // While set, transitions are made but not shown.
  silent = false
  private rejection: Exit.Exit<never, PolicyError<CircuitOpen>> | undefined
  private rejectedFor = -1

  constructor(options: BreakerOptions, context: Context.Context<never>) {
    this.name = options.name ?? defaults.name
    // Its type is that of the options that were checked.
    this.isFailure = options.isFailure as ((error: E) => boolean) | undefined
    this.context = context
    this.rules = {
      ...rulesOf(options),
      onTransition: (circuit, from, to, now) => {
        if (!this.silent) {
          this.show({
            key: circuit.key,
            from,
            to,
            at: now,
            openFor: to === "Open" ? Duration.millis(circuit.openedFor) : undefined
          })
        }
      }
    }
    this.circuits = new Machine.Circuits(this.rules, options.maxKeys)
    this.rejections = Metric.counter("holdfast.circuit_breaker.rejections", {
      description: "Calls that an open circuit breaker rejected",
      attributes: { "holdfast.policy": this.name },
      incremental: true
    })
  }

  /** What the end of a call says of the dependency. */
  outcome(exit: Exit.Exit<unknown, E>): Machine.Outcome {
    if (Exit.isSuccess(exit)) return Machine.success
    let outcome: Machine.Outcome = Machine.ignored
    for (const reason of exit.cause.reasons) {
      if (Cause.isDieReason(reason)) return Machine.failure
      if (Cause.isFailReason(reason) && !isRejection(reason.error)) {
        if (this.isFailure === undefined || this.isFailure(reason.error)) return Machine.failure
        outcome = Machine.success
      }
    }
    return outcome
  }

  /** Settles a call by its exit. A predicate that throws counts as a failure, and what it threw comes out. */
  settle(
    circuit: Machine.Circuit,
    ticket: number,
    startedAt: number,
    exit: Exit.Exit<unknown, E>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): void {
    let outcome: Machine.Outcome = Machine.failure
    try {
      outcome = this.outcome(exit)
    } finally {
      const now = nowOf(fiber)
      circuit.settle(ticket, now, outcome, now - startedAt, retryAfterOfExit(exit), new FiberChance(fiber))
    }
  }

  /** Counts a rejection and makes its error. Calls that are told of the same wait are told so by the same error. */
  reject(retryAfter: number): Exit.Exit<never, PolicyError<CircuitOpen>> {
    this.rejections.updateUnsafe(1, this.context)
    const wait = Math.ceil(retryAfter)
    if (this.rejection === undefined || this.rejectedFor !== wait) {
      this.rejectedFor = wait
      this.rejection = Exit.fail(new PolicyError({ reason: new CircuitOpen({ retryAfter: Duration.millis(wait) }) }))
    }
    return this.rejection
  }

  /** Runs an effect through the circuit of a key. */
  run<A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined
  ): Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R> {
    return Effect.withFiber((fiber) => {
      const now = nowOf(fiber)
      const circuit = this.circuits.get(key, now)
      if (circuit.state === "Closed") return this.admit(self, key, fiber)
      const wait = circuit.retryAfter(now)
      if (wait > 0) return this.reject(wait)
      // Between the admission of a probe and the finalizer that frees its slot no interruption may come.
      return Effect.uninterruptibleMask((restore) => Effect.suspend(() => this.admit(restore(self), key, fiber)))
    })
  }

  private admit<A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R> {
    const now = nowOf(fiber)
    const circuit = this.circuits.get(key, now)
    const ticket = circuit.admit(now)
    if (ticket < 0) return this.reject(circuit.retryAfter(now))
    return Effect.onExit(self, (exit) => {
      this.settle(circuit, ticket, now, exit, fiber)
      return Effect.void
    })
  }

  show(transition: Transition): void {
    Metric.counter("holdfast.circuit_breaker.transitions", {
      description: "Changes of state of circuit breakers",
      attributes: { "holdfast.policy": this.name, from: transition.from, to: transition.to },
      incremental: true
    }).updateUnsafe(1, this.context)
    // A queue wakes its taker by way of the scheduler, so a subscriber does not run within the call.
    for (const subscriber of this.subscribers) Queue.offerUnsafe(subscriber, transition)
  }

  readonly changes: Stream.Stream<Transition> = Stream.callback<Transition>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => this.subscribers.add(queue)),
        () => Effect.sync(() => this.subscribers.delete(queue))
      ),
    { bufferSize: 128, strategy: "sliding" }
  )

  close(key: string | undefined, now: number): void {
    this.circuits.close(key, now)
  }

  /** Goes on from where another breaker is. It is no news, and nobody is told of it. */
  resume(previous: Breaker<E>, now: number): void {
    this.silent = true
    this.circuits.resume(previous.circuits, now)
    this.silent = false
  }

  state(key: string | undefined): Effect.Effect<State> {
    return Effect.map(Clock.currentTimeMillis, (now) => this.stateAt(key, now))
  }

  private stateAt(key: string | undefined, now: number): State {
    const circuit = this.circuits.peek(key)
    if (circuit === undefined || circuit.expired(now)) return closed
    switch (circuit.state) {
      case "Closed":
        return closed
      case "Open":
        return { _tag: "Open", retryAfter: Duration.millis(circuit.retryAfter(now)) }
      case "HalfOpen":
        return { _tag: "HalfOpen", probing: circuit.probing }
      case "Isolated":
        return { _tag: "Isolated" }
    }
  }
}

const closed: State = { _tag: "Closed" }

const rulesOf = (
  { idleTimeToLive, maxRetryAfter, openFor, probes, trip }: BreakerOptions
): Omit<Machine.Rules, "onTransition"> => ({
  trip,
  openFor,
  probes,
  maxRetryAfter,
  idleTimeToLive: idleTimeToLive ?? Math.max(defaults.idleTimeToLive, trip._tag === "TimeRate" ? trip.window : 0)
})
