/**
 * One attempt of a call: the circuit breaker admits it, it runs, and it is settled.
 *
 * Guarded by `test/breaker/inPolicy.test.ts`, `test/composition/order.test.ts` and
 * `test/composition/transparency.test.ts`.
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { AttemptTimeout, PolicyError } from "../../PolicyError.ts"
import { type Circuit, failure, ignored, type Outcome } from "../breaker/circuit.ts"
import { Timeout } from "../fiber/timeout.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { retryAfterOfExit } from "../retryAfter.ts"
import { afterRejection, afterResult, betweenAttempts } from "./betweenAttempts.ts"
import type { AttemptBound, Bound } from "./deadline.ts"
import type { Added, Call, Rest } from "./record.ts"

/** Makes the next attempt, and continues with the steps after it. */
export const attempt = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number): Rest<A, E, R, SE, SR> => {
  const { attemptTimeout, breaker, hedge, storedBreaker } = call.policy
  if (++call.attempt === 1) call.firstAttemptAt = now
  else call.metadata = metadataOf(call)
  call.attemptStartedAt = now
  call.timedOut = undefined
  if (breaker !== undefined) {
    const circuit = breaker.circuits.get(call.key, now)
    call.ticket = circuit.admit(now)
    if (call.ticket < 0) {
      const retryAfter = circuit.retryAfter(now)
      return rejected(call, breaker.reject(retryAfter), retryAfter, now)
    }
    call.circuit = circuit
  }
  call.running = true
  call.admitted = storedBreaker === undefined
  if (call.admitted && call.observers.length > 0) call.emit({ _tag: "AttemptStarted" })
  const limit = attemptTimeout === undefined || hedge !== undefined || storedBreaker !== undefined
    ? undefined
    : new AttemptLimit<A, E, R>(call.fiber, attemptTimeout, call)
  call.limit = limit
  // `timedOut` identifies the error that a timeout adds.
  return call.run(call.self, settle, limit, contextOf(call))
}

const rejected = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  rejection: Exit.Exit<never, Added>,
  retryAfter: number,
  now: number
): Rest<A, E, R, SE, SR> => {
  if (call.observers.length > 0) call.emit({ _tag: "Rejected", by: "circuitBreaker", retryAfter })
  return afterRejection(call, rejection, retryAfter, now, attempt)
}

/** The attempt knows its number, as under `Effect.retry`: the first one if a retry around the call says otherwise. */
const contextOf = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>): Context.Context<never> | undefined => {
  if (call.policy.retry === undefined || call.isOwn) return undefined
  const metadata = call.metadata ?? firstMetadata
  const { context } = call.fiber
  return Context.get(context, Schedule.CurrentMetadata) === metadata
    ? undefined
    : Context.add(context, Schedule.CurrentMetadata, metadata)
}

/** What `Schedule.CurrentMetadata` tells a retry. It is made after the delay, so that a call is small while it sleeps. */
const metadataOf = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>): Schedule.Metadata => {
  const { input, judgedAt: now, metadata: before } = call
  const start = before?.start ?? now
  const duration = Duration.millis(call.delay)
  return {
    input,
    // A `Backoff` puts out its delays.
    output: call.step === undefined ? duration : call.output,
    duration,
    attempt: call.attempt - 1,
    start,
    now,
    elapsed: now - start,
    elapsedSincePrevious: now - (before?.now ?? now)
  }
}

const firstMetadata = Context.get(Context.empty(), Schedule.CurrentMetadata)

/** Settles an attempt. */
const settle = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  exit: Exit.Exit<A, E | Added>
): Rest<A, E, R, SE, SR> => {
  call.running = false
  call.limit = undefined
  const { retry } = call.policy
  if (Exit.isFailure(exit) || retry?.askResult !== undefined) {
    // The call may go on, and its time with it.
    call.bound?.arm()
    call.show()
  }
  const timedOut = isOwnTimeout(call, exit)
  if (call.circuit !== undefined) {
    if (timedOut) call.blame()
    // At this point the error is not that of the call's own timeout.
    else report(call, call.circuit, exit as Exit.Exit<A, E>)
  }
  if (Exit.isFailure(exit)) return betweenAttempts(call, exit.cause, timedOut, attempt, rejected)
  if (call.observers.length > 0) {
    call.emit({ _tag: "AttemptSucceeded", duration: call.now() - call.attemptStartedAt })
  }
  return retry?.askResult === undefined
    ? call.end(exit)
    : afterResult(call, retry, retry.askResult, exit.value, attempt)
}

const isOwnTimeout = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, exit: Exit.Exit<A, E | Added>): boolean => {
  if (call.timedOut === undefined || Exit.isSuccess(exit)) return false
  const [reason] = exit.cause.reasons
  return reason !== undefined && reason._tag === "Fail" && reason.error === call.timedOut
}

/**
 * Reports the outcome of the attempt to the circuit. If a predicate throws, the outcome is a failure and the call dies
 * with that defect.
 */
const report = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, circuit: Circuit, exit: Exit.Exit<A, E>): void => {
  const now = call.now()
  let outcome: Outcome = failure
  call.circuit = undefined
  try {
    outcome = call.policy.breaker?.outcome(exit) ?? ignored
  } finally {
    call.settle(circuit, now, outcome, outcome === failure ? retryAfterOfExit(exit) : 0)
  }
}

/** What an attempt runs: a race of legs, or what a circuit in a store lets through, each with the time of an attempt. */
export const attemptOf = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { attemptTimeout, hedge, storedBreaker } = call.policy
  if (hedge === undefined && storedBreaker === undefined) return self
  const leg = attemptTimeout === undefined ? self : Effect.withFiber<A, E, R>((fiber) =>
    (hedge === undefined
      ? new AttemptLimit<A, E, R>(fiber, attemptTimeout, call)
      : new LegLimit<A, E, R>(fiber, attemptTimeout, call.policy)).start(fiber, self)
  )
  const race = hedge === undefined ? leg : hedge.run(leg, call.key, (hedge, because) => {
    if (call.observers.length > 0) call.emit({ _tag: "Hedged", hedge, because })
  })
  if (storedBreaker === undefined) return race
  // A rejection is identified by its type.
  return storedBreaker.run(
    Effect.suspend(() => {
      call.admitted = true
      if (call.observers.length > 0) call.emit({ _tag: "AttemptStarted" })
      return race
    }),
    call.key,
    (from, to) => {
      if (call.observers.length > 0) call.emit({ _tag: "CircuitChanged", from, to })
    }
  ) as Effect.Effect<A, E, R>
}

const timeoutError = (millis: number): PolicyError<AttemptTimeout> =>
  new PolicyError({ reason: new AttemptTimeout({ timeout: Duration.millis(millis) }) })

/** An attempt whose type does not have what its timeout adds: the type of `protect` does. */
const failWith = <A, E>(error: PolicyError<AttemptTimeout>): Exit.Exit<A, E> =>
  Exit.fail(error) as Exit.Exit<never, never>

/** What the time of an attempt needs of its call. */
interface Timed {
  readonly time: Clock.Clock
  timedOut: PolicyError<AttemptTimeout> | undefined
  readonly bound: Bound | undefined
}

/** The time of an attempt. Its error is of the call, which knows it again. */
class AttemptLimit<A, E, R> extends Timeout<A, E, R> implements AttemptBound {
  declare readonly timeout: number
  declare private readonly call: Timed

  constructor(fiber: Fiber.Fiber<unknown, unknown>, timeout: number, call: Timed) {
    super(fiber, timeout, call.time)
    this.timeout = timeout
    this.call = call
  }

  override ring(): void {
    this.call.bound?.arm()
    super.ring()
  }

  override clockFailed(cause: Cause.Cause<never>): void {
    this.call.bound?.arm()
    super.clockFailed(cause)
  }

  protected override late(): Exit.Exit<A, E> {
    const error = timeoutError(this.timeout)
    this.call.timedOut = error
    return failWith(error)
  }

  protected override over(): void {}
}

/** The time of a leg. The hedge and the retry find its error among those of the policy. */
class LegLimit<A, E, R> extends Timeout<A, E, R> {
  declare private readonly timeout: number
  declare private readonly own: CompiledPolicy<never, unknown, unknown>["ownTimeouts"]

  constructor(
    fiber: Fiber.Fiber<unknown, unknown>,
    timeout: number,
    policy: Pick<CompiledPolicy<never, unknown, unknown>, "ownTimeouts">
  ) {
    super(fiber, timeout)
    this.timeout = timeout
    this.own = policy.ownTimeouts
  }

  protected override late(): Exit.Exit<A, E> {
    const error = timeoutError(this.timeout)
    this.own?.add(error)
    return failWith(error)
  }

  protected override over(): void {}
}
