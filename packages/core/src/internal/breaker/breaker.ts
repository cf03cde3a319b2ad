/**
 * A circuit breaker as a part of a call: its circuits, what counts as a failure, and what is seen of it.
 *
 * Guarded by `test/peers/breakers.test.ts` and `test/breaker/keys.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { CircuitOpen, isPolicyError, PolicyError } from "../../PolicyError.ts"
import { isYes } from "../answer.ts"
import * as Machine from "./circuit.ts"
import { Circuits } from "./circuits.ts"
import { type BreakerOptions, defaults } from "./options.ts"
import type { SavedCircuit, State, Stats, Transition } from "./state.ts"

/** Whether an inner policy rejected the call before any of it ran. That tells nothing about the dependency. */
const isRejection = (error: unknown): boolean => isPolicyError(error) && error.isRejection

export class Breaker<in E> {
  readonly name: string
  readonly rules: Machine.Rules
  readonly circuits: Circuits
  readonly isFailure: ((error: E) => boolean) | undefined
  readonly ignore: ((error: E) => boolean) | undefined
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
    this.ignore = options.ignore as ((error: E) => boolean) | undefined
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
    this.circuits = new Circuits(this.rules, options.maxKeys)
    this.rejections = Metric.counter("holdfast.circuit_breaker.rejections", {
      description: "Calls that an open circuit breaker rejected",
      attributes: { "holdfast.policy": this.name, unit: "{call}" },
      incremental: true
    })
  }

  /** What the end of a call says of the dependency. */
  outcome(exit: Exit.Exit<unknown, E>): Machine.Outcome {
    if (Exit.isSuccess(exit)) return Machine.success
    let outcome: Machine.Outcome = Machine.ignored
    for (const reason of exit.cause.reasons) {
      if (Cause.isDieReason(reason)) return Machine.failure
      if (Cause.isFailReason(reason) && !isRejection(reason.error) && !isYes(this.ignore?.(reason.error))) {
        if (this.isFailure === undefined || isYes(this.isFailure(reason.error))) return Machine.failure
        outcome = Machine.success
      }
    }
    return outcome
  }

  /** Counts a rejection and makes its error. Calls with the same wait share one error instance. */
  reject(retryAfter: number): Exit.Exit<never, PolicyError<CircuitOpen>> {
    this.rejections.updateUnsafe(1, this.context)
    const wait = Math.ceil(retryAfter)
    if (this.rejection === undefined || this.rejectedFor !== wait) {
      this.rejectedFor = wait
      this.rejection = Exit.fail(new PolicyError({ reason: new CircuitOpen({ retryAfter: Duration.millis(wait) }) }))
    }
    return this.rejection
  }

  show(transition: Transition): void {
    Metric.counter("holdfast.circuit_breaker.transitions", {
      description: "Changes of state of circuit breakers",
      attributes: { "holdfast.policy": this.name, unit: "{transition}", from: transition.from, to: transition.to },
      incremental: true
    }).updateUnsafe(1, this.context)
    this.log(transition)
    // A queue wakes its taker by way of the scheduler, so a subscriber does not run within the call.
    for (const subscriber of this.subscribers) Queue.offerUnsafe(subscriber, transition)
  }

  /** One line a transition: a warning for a circuit that opens or is isolated, else for information. */
  private log({ key, openFor, to }: Transition): void {
    const rejects = to === "Open" || to === "Isolated"
    const level = rejects ? "Warn" : "Info"
    const of = key === undefined ? "" : ` for ${key}`
    const words = {
      Open: `is open${openFor === undefined ? "" : ` for ${Duration.format(openFor)}`}`,
      HalfOpen: "is half-open: probes decide whether it closes",
      Closed: "is closed",
      Isolated: "is isolated until it is closed by hand"
    }
    const mode = this.rules.mode === "observe" ? " (observed only, nothing is rejected)" : ""
    // In a fiber of its own, so that a logger that fails or waits does not affect the call.
    Effect.runForkWith(this.context)(Effect.logWithLevel(level)(`${this.name}: the circuit${of} ${words[to]}${mode}`))
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

  /** Continues from saved circuits without publishing transitions. */
  restore(saved: ReadonlyArray<SavedCircuit>, now: number): void {
    this.silent = true
    this.circuits.restore(saved, now)
    this.silent = false
  }

  /** What a circuit decides by, and what it has decided. */
  stats(key: string | undefined): Effect.Effect<Stats> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      const circuit = this.circuits.peek(key)
      const { calls, failures, slow } = circuit?.memory.count(now) ?? { calls: 0, failures: 0, slow: 0 }
      return {
        state: this.stateAt(key, now)._tag,
        calls,
        failures,
        slow,
        failureRate: calls === 0 ? undefined : failures / calls,
        slowRate: calls === 0 ? undefined : slow / calls,
        rejections: circuit?.rejections ?? 0
      }
    })
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
  { halfOpenFor, idleTimeToLive, maxRetryAfter, mode, openFor, probes, probeThreshold, trip }: BreakerOptions
): Omit<Machine.Rules, "onTransition"> => ({
  mode,
  probeThreshold,
  halfOpenFor,
  trip,
  openFor,
  probes,
  maxRetryAfter,
  idleTimeToLive: idleTimeToLive ?? Math.max(defaults.idleTimeToLive, trip._tag === "TimeRate" ? trip.window : 0)
})
