/**
 * One attempt of a call: it sends the request, and fails for transport failures and for transient responses alike, so
 * that one loop with one counter sees both.
 *
 * Guarded by `test/call/committed.test.ts`, `test/call/attemptClock.test.ts` and `test/call/telemetry.test.ts`.
 */
import { Frame } from "@holdfast/core/Frame"
import { AttemptTimeout, DeadlineExceeded } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpPolicy from "../../HttpPolicy.ts"
import * as ServerHints from "../../ServerHints.ts"
import type { OriginPauses } from "../client/pauses.ts"
import { Shown } from "../secrets/shown.ts"
import type { Send } from "../telemetry/policySpan.ts"
import * as RequestDuration from "../telemetry/requestDuration.ts"
import { AttemptFailure, type Call as FailedCall } from "./attemptFailure.ts"
import { BodyResponse, contentLength, highWater } from "./bodyResponse.ts"
import { DeadlineResponse } from "./deadlineResponse.ts"
import type { Progress } from "./progress.ts"
import { StreamResponse } from "./streamResponse.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** The settings of a policy for each call. Times are in milliseconds. */
export interface Rules {
  readonly parts: HttpPolicy.Parts
  readonly total: number | undefined
  readonly attempt: number | undefined
  /** The longest pause that a server can impose; 0 if nothing is retried. */
  readonly longestPause: number
  /** The time in which calls return after a pause: its first length as a share of the pause, and its bound. */
  readonly spread: { readonly share: (failure: AttemptFailure) => number; readonly max: number }
  /** Whether attempts of a request that is safe to repeat are hedged. */
  readonly isHedged: boolean
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
  /** The path template of the endpoint. */
  readonly template: string | undefined
}

/** What an attempt needs of its call. */
export interface Call extends FailedCall, Progress {
  readonly rules: Rules
  readonly through: Send
  readonly pauses: OriginPauses
  readonly origin: string | undefined
  /** The request, as each attempt sends it. */
  readonly sent: Request
  readonly shown: Shown | undefined
  /** How many attempts have sent it. */
  sends: number
  now(): number
  /** The deadline in force for an attempt in `fiber`, in milliseconds since the epoch. */
  deadline(fiber: AnyFiber): number
  /** Takes a response that the attempt ends with, transient or not. */
  answered(answer: BodyResponse): BodyResponse
}

// Frames are made for each request: their fields are declared, and set by the constructor, as those of the core are.
export class Attempt extends Frame<BodyResponse, AttemptFailure, never> {
  declare private readonly call: Call
  declare private readonly startedAt: number
  /** When it must have ended, its body included, in milliseconds since the epoch. */
  declare private readonly endsAt: number
  declare private request: Request

  constructor(call: Call, fiber: AnyFiber, startedAt: number, endsAt: number) {
    super(fiber)
    this.call = call
    this.startedAt = startedAt
    this.endsAt = endsAt
    this.request = call.sent
  }

  protected get recovers(): boolean {
    return true
  }

  protected begin(): Effect.Effect<BodyResponse, AttemptFailure> {
    const { call } = this
    const resends = call.sends++
    call.isTracked = call.isWritten = false
    this.headed(resends)
    const told = { shown: call.shown, resends, template: call.rules.template }
    return this.enter((fiber) => call.through(fiber, this.request, told), ended)
  }

  protected leave(exit: Exit.Exit<BodyResponse, AttemptFailure>): undefined {
    if (Exit.isSuccess(exit) || Cause.hasFails(exit.cause) || !RequestDuration.endedFirst(exit.cause)) return
    this.record(this.endedBy(exit.cause))
  }

  /** Takes the response of the transport. */
  received(response: Response): Effect.Effect<BodyResponse, AttemptFailure> {
    const { call } = this
    if (!(response instanceof BodyResponse && response.recordedBy !== undefined)) this.record(response.status)
    const own = this.shown(response)
    const answer = this.bounded(own)
    const { parts } = call.rules
    if (HttpPolicy.isTransient(own, parts)) return this.refused(answer)
    return own.isComplete || parts.commit === "head"
      ? Effect.succeed(call.answered(answer))
      : this.committed(own, answer)
  }

  /** Takes a failure of the transport. */
  lost(error: Failure): Effect.Effect<never, AttemptFailure> {
    const failure = AttemptFailure.lost(this.call, error)
    if (!RequestDuration.isRecorded(error)) this.record(failure.reason._tag)
    return Effect.fail(failure)
  }

  /** Adds the headers of this attempt to its request. */
  private headed(resends: number): void {
    const { call } = this
    const { attempt, attemptHeader, deadlineHeader } = call.rules
    if (deadlineHeader !== undefined) {
      const left = Math.min(call.deadline(this.fiber) - call.now(), attempt ?? Infinity)
      const millis = Math.floor(Math.max(0, left))
      if (millis < Infinity) this.request = HttpClientRequest.setHeader(this.request, deadlineHeader, String(millis))
    }
    if (attemptHeader !== undefined && resends > 0) {
      this.request = HttpClientRequest.setHeader(this.request, attemptHeader, String(resends))
    }
  }

  /** A response as it is shown. A client below may have added a secret to the request that it is for. */
  private shown(response: Response): BodyResponse {
    const { call, fiber, request } = this
    const shown = call.shown ?? (response.request === request ? undefined : Shown.of(fiber, response.request))
    return shown?.response(response) ?? StreamResponse.wrap(response)
  }

  private refused(answer: BodyResponse): Effect.Effect<never, AttemptFailure> {
    const { call } = this
    const now = call.now()
    const hint = ServerHints.retryAfter(answer.headers, now)
    const failure = AttemptFailure.answered(call, call.answered(answer), hint)
    const { max, share } = call.rules.spread
    if (hint !== undefined) call.pauses.ask(call.origin, now, Duration.toMillis(hint), { share: share(failure), max })
    return Effect.fail(failure)
  }

  /** Waits for the commit point: after it, a failure of the body goes to the caller. */
  private committed(response: BodyResponse, answer: BodyResponse): Effect.Effect<BodyResponse, AttemptFailure> {
    const { call } = this
    const length = contentLength(response.headers)
    const wanted = length !== undefined && length <= highWater ? highWater : 1
    return Effect.mapBoth(response.buffered(wanted), {
      onSuccess: () => call.answered(answer),
      onFailure: (error) => AttemptFailure.lost(call, error, "body")
    })
  }

  /** Bounds the rest of the body by the attempt's timeout and by the call's deadline. */
  private bounded(response: BodyResponse): BodyResponse {
    const { call, endsAt } = this
    const { attempt, total } = call.rules
    if (response.isComplete) return response
    const deadline = total === undefined ? Infinity : call.deadline(this.fiber)
    if (total !== undefined && deadline <= endsAt) {
      const exceeded = () => new DeadlineExceeded({ deadline: Duration.millis(total), phase: "attempt" })
      return new DeadlineResponse(response, deadline, exceeded)
    }
    if (attempt === undefined) return response
    return new DeadlineResponse(response, endsAt, () => new AttemptTimeout({ timeout: Duration.millis(attempt) }))
  }

  private record(outcome: number | string): void {
    const { call, fiber, startedAt } = this
    RequestDuration.record(fiber, call.request, call.origin, call.rules.template, outcome, call.now() - startedAt)
  }

  /** What ended an attempt that has neither a response nor a failure. */
  private endedBy(cause: Cause.Cause<unknown>): string {
    if (Cause.hasDies(cause)) return "Defect"
    const now = this.call.now() + timerSlack
    if (now >= this.endsAt) return "AttemptTimeout"
    return now >= this.call.deadline(this.fiber) ? "DeadlineExceeded" : "Interrupted"
  }
}

const ended = (attempt: Attempt, exit: Exit.Exit<Response, Failure>): Effect.Effect<BodyResponse, AttemptFailure> => {
  if (Exit.isSuccess(exit)) return attempt.received(exit.value)
  const failed = recoverable(exit.cause)
  return failed instanceof HttpClientError.HttpClientError ? attempt.lost(failed) : attempt.end(Exit.failCause(failed))
}

/** What `Effect.catch` finds in a cause: its first failure, or the cause without any, if it holds a defect. */
export const recoverable = <E>(cause: Cause.Cause<E>): E | Cause.Cause<never> => {
  const failure = Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)
  return failure === undefined
    ? Cause.fromReasons(cause.reasons.filter((reason) => !Cause.isFailReason(reason)))
    : failure.error
}

/** The policy's own timer starts some instructions before the attempt knows when it must end. */
const timerSlack = 10
