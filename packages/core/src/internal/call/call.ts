/**
 * Runs one call under the parts of a policy. The parts decide; the files of this folder carry out what they decide.
 *
 * A call is a frame of the caller's fiber: it runs one effect after the other, attempts and waits, and what happens
 * between them is plain functions. The order is deadline, bulkhead, rate limit, retry, circuit breaker, hedge, attempt
 * timeout.
 *
 * Guarded by `test/composition/crowd.test.ts`, `test/composition/interruption.test.ts` and
 * `test/composition/order.test.ts`.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { runsInside, Timeout } from "../fiber/timeout.ts"
import { type AnyFiber, isInner } from "../fiber/unexported.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { admit, exceeded } from "./admission.ts"
import { attempt, attemptOf } from "./attempt.ts"
import { type Bound, Deadline, inForce, type Running, type Term, termOf, within } from "./deadline.ts"
import { type Added, Call, type Rest } from "./record.ts"

/** Runs an effect once under a policy. */
export const run = <A, E, R, SE, SR>(
  policy: CompiledPolicy<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Rest<A, E, R, SE, SR> =>
  Effect.withFiber((fiber) => start(new Call<A, E, R, SE, SR>(policy, key, self, fiber, first), fiber))

/**
 * Runs the attempts of a client once under a policy, as a step of `fiber`.
 *
 * `isOwn` says that the attempts are code of the client alone, which reads neither the deadline nor the number of the
 * attempt in its context, and ends at once when it is interrupted. The call then starts in the context of its caller,
 * because these additions, and every look-up behind them, cost as much as the rest of it. They are made before anything
 * else of the program can run: before a wait, and when the first attempt has failed. An attempt that read them would find
 * those of the call around, and one that took time to end could pass the deadline.
 */
export const runIn = <A, E, R, SE, SR>(
  fiber: AnyFiber,
  policy: CompiledPolicy<E, SE, SR>,
  key: string | undefined,
  attempt: (fiber: AnyFiber, running: Running) => Effect.Effect<A, E, R>,
  isOwn: boolean
): Rest<A, E, R, SE, SR> => {
  const self: Effect.Effect<A, E, R> = Effect.withFiber((fiber) => attempt(fiber, call))
  const call = new Call<A, E, R, SE, SR>(policy, key, self, fiber, first)
  call.mayFork = !isOwn
  // Observers read the context in which they are told, a leg has one of its own, and a store may take time.
  call.isOwn = isOwn && call.observers.length === 0 && policy.hedge === undefined && policy.storedBreaker === undefined
  return start(call, fiber)
}

const start = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, fiber: AnyFiber): Rest<A, E, R, SE, SR> => {
  const { deadline } = call.policy
  call.self = attemptOf(call, call.self)
  return deadline === undefined ? call.start(fiber) : runWithin(call, fiber, deadline)
}

const first = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>): Rest<A, E, R, SE, SR> => admit(call, attempt)

const runWithin = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  fiber: AnyFiber,
  deadline: number
): Rest<A, E, R, SE, SR> => {
  const limit = new CallLimit(call, fiber, deadline)
  call.bound = limit
  if (limit.at <= call.startedAt) return Exit.fail(exceeded(call, "queue"))
  return limit.run(fiber)
}

/** The time of a whole call. */
class CallLimit<A, E, R, SE, SR> extends Timeout<A, E | SE | Added, R | SR> implements Bound, Term {
  declare private readonly call: Call<A, E, R, SE, SR>
  declare private readonly ownAt: number
  declare readonly outerAt: number
  declare readonly outer: Term | undefined
  declare at: number
  declare isOver: boolean
  /** Whether it is a frame of the fiber yet. */
  declare private isBegun: boolean

  constructor(call: Call<A, E, R, SE, SR>, fiber: AnyFiber, deadline: number) {
    const ownAt = call.startedAt + deadline
    const outerAt = fiber.getRef(Deadline)
    // Without a deadline, there is no term that could have set it.
    const outer = outerAt === Infinity ? undefined : termOf(fiber)
    const at = Math.min(ownAt, inForce(outerAt, outer))
    super(fiber, at - call.startedAt, call.time)
    this.call = call
    this.ownAt = ownAt
    this.outerAt = outerAt
    this.outer = outer
    this.at = at
    this.isOver = false
    this.isBegun = false
  }

  run(fiber: AnyFiber): Rest<A, E, R, SE, SR> {
    const { call } = this
    if (!runsInside(fiber)) call.isOwn = false
    // A first attempt that ends by itself before the time is up needs no bound: there may be nothing after it.
    this.isBegun = !call.isOwn || !this.covers(call.startedAt, call.policy.attemptTimeout)
    if (!this.isBegun) return call.start(fiber)
    return this.start(
      fiber,
      Effect.withFiber((fiber) => call.start(fiber)),
      call.isOwn ? undefined : this.within(fiber)
    )
  }

  show(): void {
    const { fiber } = this.call
    const inner = this.within(fiber)
    if (this.isBegun) this.enter(inner)
    else if (isInner(fiber)) this.boundRest(fiber, inner)
    this.isBegun = true
  }

  private within(fiber: AnyFiber): Context.Context<never> {
    return within(fiber.context, this)
  }

  /** Whether an attempt has ended by then. */
  private covers(attemptStartedAt: number, timeout: number | undefined): boolean {
    return timeout !== undefined && attemptStartedAt + timeout < this.at
  }

  // Most calls end with their first attempt, whose own timer is enough while it runs.
  protected override isCovered(): boolean {
    const { attemptStartedAt, limit } = this.call
    return limit !== undefined && limit.isSet && this.covers(attemptStartedAt, limit.timeout)
  }

  protected override left(): number {
    return Math.min(super.left(), Math.max(0, this.at - this.call.now()))
  }

  // The call around this one may have ended, which lifts its deadline.
  protected override more(): number {
    const before = this.at
    this.at = Math.min(this.ownAt, inForce(this.outerAt, this.outer))
    return this.at - before
  }

  protected override late(): Exit.Exit<A, E | SE | Added> {
    const { call } = this
    const { running } = call
    let end: Exit.Exit<never, Added> = Exit.interrupt()
    try {
      const error = exceeded(call, call.attempt === 0 ? "queue" : "attempt")
      end = Exit.fail(error)
      call.blame()
      if (running && call.observers.length > 0) {
        call.emit({ _tag: "AttemptFailed", duration: call.now() - call.attemptStartedAt, error })
      }
    } finally {
      call.giveBack(end)
    }
    return end
  }

  protected override lost(cause: Cause.Cause<never>): Exit.Exit<A, E | SE | Added> {
    const end = Exit.failCause(cause)
    this.call.giveBack(end)
    return end
  }

  protected override over(abandoned: boolean): void {
    this.isOver = true
    if (abandoned) this.call.giveBack(Exit.interrupt())
  }
}
