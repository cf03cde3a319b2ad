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
import type * as Fiber from "effect/Fiber"
import { Timeout } from "../fiber/timeout.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { admit, exceeded } from "./admission.ts"
import { attempt, attemptOf } from "./attempt.ts"
import { Deadline, inForce, type Term, termOf, within } from "./deadline.ts"
import { type Added, type Bound, Call, type Rest } from "./record.ts"

/** Runs an effect once under a policy. */
export const run = <A, E, R, SE, SR>(
  policy: CompiledPolicy<E, SE, SR>,
  key: string | undefined,
  self: Effect.Effect<A, E, R>
): Rest<A, E, R, SE, SR> =>
  Effect.withFiber((fiber) => {
    const call = new Call<A, E, R, SE, SR>(policy, key, self, fiber, first)
    call.self = attemptOf(call, self)
    return policy.deadline === undefined ? call.start(fiber) : runWithin(call, fiber, policy.deadline)
  })

const first = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>): Rest<A, E, R, SE, SR> => admit(call, attempt)

const runWithin = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  fiber: Fiber.Fiber<unknown, unknown>,
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

  constructor(call: Call<A, E, R, SE, SR>, fiber: Fiber.Fiber<unknown, unknown>, deadline: number) {
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
  }

  run(fiber: Fiber.Fiber<unknown, unknown>): Rest<A, E, R, SE, SR> {
    const inner: Context.Context<never> = within(fiber.context, this)
    return this.start(fiber, Effect.withFiber((fiber) => this.call.start(fiber)), inner)
  }

  // Most calls end with their first attempt, whose own timer is enough while it runs.
  protected override isCovered(): boolean {
    const { attemptStartedAt, limit } = this.call
    return limit !== undefined && limit.isSet && attemptStartedAt + limit.timeout < this.at
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
