/**
 * What a call passes before its first attempt: the bulkhead, and then the rate limit.
 *
 * Guarded by `test/bulkhead/bulkhead.test.ts`, `test/rateLimit/rateLimit.test.ts` and
 * `test/composition/order.test.ts`.
 */
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { DeadlineExceeded, PolicyError } from "../../PolicyError.ts"
import type { Bulkhead } from "../bulkhead/queue.ts"
import { firstFailure } from "../cause.ts"
import { retryAfterOfExit } from "../retryAfter.ts"
import { deadlineOf } from "./deadline.ts"
import type { Call, Rest } from "./record.ts"

type Next = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number) => Rest<A, E, R, SE, SR>

/** Takes a permit of the bulkhead or a place in its queue, then a permission of the rate limit, and then goes on. */
export const admit = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, next: Next): Rest<A, E, R, SE, SR> => {
  const { bulkhead } = call.policy
  const now = call.startedAt
  if (bulkhead === undefined) return limit(call, now, next)
  const machine = bulkhead.get(call.key, now)
  if (machine.tryAcquire()) {
    call.permit = machine
    return limit(call, now, next)
  }
  const wait = Math.min(bulkhead.maxWait, longestWait(call, now))
  if (wait <= 0 || !machine.enqueue(call)) return turnAway(call, machine)
  call.queue = machine
  call.setAlarm(wait)
  if (call.observers.length > 0) call.emit({ _tag: "Queued", ahead: machine.waiting - 1 })
  return call.pause((call) => call.permit === undefined ? turnAway(call, machine) : limit(call, call.now(), next))
}

/** The policy's own deadline ends a wait by itself. One that is in force around it may have been provided by hand. */
const longestWait = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number): number =>
  call.bound === undefined ? deadlineOf(call.fiber) - now : Infinity

const turnAway = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, machine: Bulkhead): Rest<A, E, R, SE, SR> => {
  if (call.observers.length > 0) call.emit({ _tag: "Rejected", by: "bulkhead", retryAfter: undefined })
  return call.end(machine.reject())
}

/** Asks the rate limit. */
const limit = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number, next: Next): Rest<A, E, R, SE, SR> => {
  const { rateLimit } = call.policy
  if (rateLimit === undefined || rateLimit.tryAdmit(call.key, now)) return go(call, now, next)
  return call.run(rateLimit.admit(call.key), (call, exit) => {
    if (Exit.isSuccess(exit)) return go(call, call.now(), next)
    if (call.observers.length > 0 && firstFailure(exit.cause) !== undefined) {
      call.emit({ _tag: "Rejected", by: "rateLimit", retryAfter: retryAfterOfExit(exit) })
    }
    return call.end(Exit.failCause(exit.cause))
  })
}

const go = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number, next: Next): Rest<A, E, R, SE, SR> => {
  // The permit or the permission may have come as the deadline passed.
  if (call.bound !== undefined && now >= call.bound.at) return call.end(Exit.fail(exceeded(call, "queue")))
  call.policy.retry?.budget?.deposit(now)
  return next(call, now)
}

/** The error of a call whose deadline has passed. */
export const exceeded = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  phase: "queue" | "attempt"
): PolicyError<DeadlineExceeded> => {
  if (call.observers.length > 0) call.emit({ _tag: "DeadlinePassed" })
  const deadline = Duration.millis(Math.max(0, (call.bound?.at ?? 0) - call.startedAt))
  return new PolicyError({ reason: new DeadlineExceeded({ deadline, phase }) })
}
