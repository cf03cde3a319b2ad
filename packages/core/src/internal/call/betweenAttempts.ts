/**
 * What comes after an attempt that has failed, or whose result may be tried again, question by question: is it worth
 * another attempt? When is it made? Is there budget for it? Then the call waits. Each answer may end the call, with the
 * end of the attempt.
 *
 * Guarded by `test/Retry.test.ts`, `test/retry/whileResult.test.ts`, `test/retry/effectfulWhile.test.ts` and
 * `test/composition/transparency.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { isBackoff } from "../../Backoff.ts"
import { isPolicyError } from "../../PolicyError.ts"
import { firstFailure } from "../cause.ts"
import { liveClock } from "../fiber/alarm.ts"
import type { Answer, Retry, Stop } from "../retry/decision.ts"
import { plainAnswer, stopBudget, stopDeadline, stopElapsed, stopSchedule, stopTimeout } from "../retry/retry.ts"
import type { RetryScheduled } from "./event.ts"
import type { Added, Call, Rest } from "./record.ts"
import { isReported, reportRetry } from "./retryLog.ts"

type Next = <A, E, R, SE, SR>(call: Call<A, E, R, SE, SR>, now: number) => Rest<A, E, R, SE, SR>

type Rejected = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  rejection: Exit.Exit<never, Added>,
  retryAfter: number,
  now: number
) => Rest<A, E, R, SE, SR>

/** An attempt that may be followed by another. */
interface Ended<A, E> {
  /** The end of the call, unless another attempt is made. */
  readonly exit: Exit.Exit<A, E | Added>
  /** Its error, or its result. */
  readonly value: unknown
  readonly isResult: boolean
}

/** Goes on after an attempt that has failed: with the next one, or with the end of the call. */
export const betweenAttempts = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  cause: Cause.Cause<E | Added>,
  ownTimeout: boolean,
  next: Next,
  rejected: Rejected
): Rest<A, E, R, SE, SR> => {
  const failure = firstFailure(cause)
  // Defects and interruption are never retried.
  if (failure === undefined) return call.end(Exit.failCause(cause))
  const now = call.now()
  const { error } = failure
  if (!call.admitted && isPolicyError(error) && error.reason._tag === "CircuitOpen") {
    return rejected(call, Exit.fail(error as Added), Duration.toMillis(error.reason.retryAfter), now)
  }
  if (call.observers.length > 0) call.emit({ _tag: "AttemptFailed", duration: now - call.attemptStartedAt, error })
  const { ownTimeouts, retry } = call.policy
  if (retry === undefined) return call.end(Exit.failCause(cause))
  const ended: Ended<A, E> = { exit: Exit.failCause(cause), value: error, isResult: false }
  const timedOut = ownTimeout || (ownTimeouts !== undefined && isPolicyError(error) && ownTimeouts.has(error))
  if (timedOut && afterTimeout(retry) === "stop") return stop(call, stopTimeout, ended)
  // Only the policy's own timeouts are not errors of the caller, and `while` is not asked about them.
  const answer = timedOut || retry.ask(error as E)
  return answered(call, retry, ended, answer, now, next)
}

/** Goes on after an attempt that has succeeded, if the policy tries results again. */
export const afterResult = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  askResult: (result: A) => Answer<SE, SR>,
  value: A,
  next: Next
): Rest<A, E, R, SE, SR> =>
  answered(call, retry, { exit: Exit.succeed(value), value, isResult: true }, askResult(value), call.now(), next)

/** Is it worth another attempt? A predicate may answer with an effect, whose failure is the end of the call. */
const answered = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  ended: Ended<A, E>,
  said: Answer<SE, SR>,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  if (typeof said !== "boolean" && Effect.isEffect(said)) {
    return call.run(
      said,
      (call, exit) =>
        Exit.isFailure(exit)
          ? call.end(Exit.failCause(exit.cause))
          : answered(call, retry, ended, exit.value, call.now(), next)
    )
  }
  const answer = typeof said === "boolean" ? said : plainAnswer(said)
  if (answer === false && ended.isResult) return call.end(ended.exit)
  const stopped = retry.judge(answer, call.attempt)
  return stopped === undefined ? when(call, retry, ended, now, next) : stop(call, stopped, ended)
}

const afterTimeout = ({ onTimeout }: Pick<Retry, "onTimeout">): "retry" | "stop" =>
  typeof onTimeout === "function" ? onTimeout() : onTimeout

/** When is it made? */
const when = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  ended: Ended<A, E>,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  const { backoff } = retry
  if (!isBackoff(backoff)) return whenScheduled(call, retry, backoff, ended, next)
  const delay = backoff.delay(call.attempt, call.delay, call.random())
  return timed(call, retry, ended, delay, now, now, next)
}

/** Asks a schedule that only an effect can step. */
const whenScheduled = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  schedule: Schedule.Schedule<unknown, E, SE, SR>,
  ended: Ended<A, E>,
  next: Next
): Rest<A, E, R, SE, SR> => {
  const { step } = call
  if (step === undefined) {
    return call.run(Schedule.toStep(schedule), (call, exit) => {
      if (Exit.isFailure(exit)) return call.end(Exit.failCause(exit.cause))
      call.step = exit.value
      return whenScheduled(call, retry, schedule, ended, next)
    })
  }
  const now = call.now()
  const stepped = Pull.matchEffect(Effect.suspend(() => step(now, ended.value as E)), {
    onSuccess: (answer) => Effect.succeed<readonly [unknown, Duration.Duration] | undefined>(answer),
    onFailure: Effect.failCause,
    onDone: () => Effect.undefined
  })
  return call.run(stepped, (call, exit) => {
    if (Exit.isFailure(exit)) return call.end(Exit.failCause(exit.cause))
    if (exit.value === undefined) return stop(call, stopSchedule, ended)
    const [output, delay] = exit.value
    call.output = output
    return timed(call, retry, ended, Duration.toMillis(delay), now, call.now(), next)
  })
}

/** With what the error asks for, and what time there is. */
const timed = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  ended: Ended<A, E>,
  delay: number,
  steppedAt: number,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  const decision = retry.timing({
    error: ended.value,
    attempt: call.attempt,
    elapsed: now - call.firstAttemptAt,
    remaining: call.deadline() - now,
    delay,
    random: call.random()
  })
  return decision._tag === "Stop"
    ? stop(call, decision, ended)
    : funded(call, retry, ended, decision.delay, steppedAt, now, next)
}

/** Is there budget for it? */
const funded = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  ended: Ended<A, E>,
  delay: number,
  steppedAt: number,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  const allowed = retry.budget?.tryWithdraw(now) ?? true
  if (allowed === true) return wait(call, retry, ended, delay, steppedAt, now, next)
  if (allowed === false) return stop(call, stopBudget, ended)
  return call.run(allowed, (call, exit) => {
    if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) return call.end(Exit.failCause(exit.cause))
    if (Exit.isFailure(exit) || !exit.value) return stop(call, stopBudget, ended)
    // The answer took time.
    const now = call.now()
    if (now + delay >= call.deadline()) return stop(call, stopDeadline, ended)
    if (now + delay - call.firstAttemptAt > retry.maxElapsed) return stop(call, stopElapsed, ended)
    return wait(call, retry, ended, delay, steppedAt, now, next)
  })
}

/** Reports the retry, waits, and makes the next attempt. */
const wait = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  retry: Retry<E, SE, SR>,
  { isResult, value }: Ended<A, E>,
  delay: number,
  steppedAt: number,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  call.delay = delay
  call.input = value
  call.judgedAt = steppedAt
  if (call.observers.length === 0 && retry.onRetry === undefined && !isReported(call.fiber, retry.logLevel)) {
    return sleep(call, delay, now, next)
  }
  const event = {
    _tag: "RetryScheduled",
    ...call.origin(),
    delay,
    of: retry.times + 1,
    ...told(value, isResult)
  } as const
  call.tell(event)
  if (retry.onRetry !== undefined) call.tellOf<RetryScheduled>([retry.onRetry], event)
  const log = reportRetry(call.fiber, event, isResult, retry.logLevel)
  return log === undefined ?
    sleep(call, delay, now, next) :
    call.run(
      log,
      (call, exit) => Exit.isFailure(exit) ? call.end(Exit.failCause(exit.cause)) : sleep(call, delay, call.now(), next)
    )
}

const sleep = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  delay: number,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  // Without a delay the live clock yields once, as under `Effect.retry`: what an attempt forked starts before the next one.
  if (delay <= 0 && (!call.mayFork || call.time !== liveClock)) return next(call, now)
  if (delay <= 0) {
    return call.run(
      Effect.yieldNow,
      (call, exit) => Exit.isFailure(exit) ? call.end(Exit.failCause(exit.cause)) : next(call, call.now())
    )
  }
  call.setAlarm(delay)
  return call.pause((call) => next(call, call.now()))
}

const stop = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  { because, reason }: Stop,
  { exit, isResult, value }: Ended<A, E>
): Rest<A, E, R, SE, SR> => {
  if (call.observers.length > 0) call.emit({ _tag: "RetryStopped", reason, because, ...told(value, isResult) })
  return call.end(exit)
}

const told = (value: unknown, isResult: boolean): { readonly error: unknown; readonly result?: unknown } =>
  isResult ? { error: undefined, result: value } : { error: value }

/**
 * Goes on after a rejection by the circuit breaker: ends the call, unless there is a deadline and the circuit may let a
 * probe through before it.
 */
export const afterRejection = <A, E, R, SE, SR>(
  call: Call<A, E, R, SE, SR>,
  rejection: Exit.Exit<never, Added>,
  retryAfter: number,
  now: number,
  next: Next
): Rest<A, E, R, SE, SR> => {
  const { retry } = call.policy
  const deadline = call.deadline()
  if (retry === undefined || deadline === Infinity || call.attempt > retry.times || Exit.isSuccess(rejection)) {
    return call.end(rejection)
  }
  // With all probes under way it is not known for how long: the backoff says when to look again.
  const backoff = isBackoff(retry.backoff) ? retry.backoff.delay(call.attempt, call.delay, call.random()) : 0
  const delay = Math.ceil(Math.max(1, retryAfter, backoff))
  if (now + delay >= deadline || now + delay - call.firstAttemptAt > retry.maxElapsed) return call.end(rejection)
  const value = firstFailure(rejection.cause)?.error
  return funded(call, retry, { exit: rejection, value, isResult: false }, delay, now, now, next)
}
