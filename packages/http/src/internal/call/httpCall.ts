/**
 * One attempt of a call as one effect. It fails for transport failures and for transient responses, so that one loop
 * with one counter sees both.
 *
 * Guarded by `test/call/committed.test.ts`, `test/call/attemptClock.test.ts`, `test/call/unsentTimeouts.test.ts` and
 * `test/call/telemetry.test.ts`.
 */
import * as Deadline from "@holdfast/core/Deadline"
import { AttemptTimeout, DeadlineExceeded } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import * as HttpPolicy from "../../HttpPolicy.ts"
import * as ServerHints from "../../ServerHints.ts"
import type { OriginPauses } from "../client/pauses.ts"
import { Shown } from "../secrets/shown.ts"
import { AttemptFailure } from "./attemptFailure.ts"
import { BodyResponse, contentLength, highWater } from "./bodyResponse.ts"
import { DeadlineResponse } from "./deadlineResponse.ts"
import type { Send } from "./policySpan.ts"
import { CurrentProgress, type Progress } from "./progress.ts"
import { StreamResponse } from "./streamResponse.ts"
import * as Telemetry from "./telemetry.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Request = HttpClientRequest.HttpClientRequest

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

/** One request of the caller, with all its attempts. */
export class HttpCall implements Progress {
  readonly request: Request
  /** Whether an attempt is safe to repeat, however it ended. */
  readonly isRepeatable: boolean
  /** Whether a single-use body has been read from. */
  bodySpent = false
  isTracked = false
  isWritten = false

  private readonly through: Send
  private readonly rules: Rules
  private readonly pauses: OriginPauses
  private readonly origin: string | undefined
  private readonly fiber: AnyFiber
  private readonly clock: Clock.Clock
  private readonly sent: Request
  private readonly shown: Shown | undefined
  private sends = 0
  private discarding: Fiber.Fiber<void> | undefined = undefined
  /** The responses to the legs of a hedge. All except the winner are cancelled. */
  private answers: Array<BodyResponse> | undefined

  constructor(
    through: Send,
    rules: Rules,
    pauses: OriginPauses,
    origin: string | undefined,
    fiber: AnyFiber,
    request: Request,
    shown: Shown | undefined
  ) {
    this.through = through
    this.rules = rules
    this.pauses = pauses
    this.origin = origin
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    this.request = request
    this.shown = shown
    const { parts } = rules
    const replayable = parts.streamBody === "replayable" || HttpPolicy.isReplayable(request.body)
    this.isRepeatable = replayable && HttpPolicy.refusal(request, parts) === undefined
    this.answers = rules.isHedged && this.isRepeatable ? [] : undefined
    this.sent = replayable ? request : this.watched(request)
  }

  /** One attempt: waits until the previous attempt's connection is released, and sends. */
  attempt(): Effect.Effect<BodyResponse, AttemptFailure> {
    return Effect.withFiber((fiber: AnyFiber) => {
      const now = this.now()
      const endsAt = this.rules.attempt === undefined ? Infinity : now + this.rules.attempt
      const before = this.discarding
      if (before === undefined) return this.send(fiber, now, endsAt)
      return Effect.flatMap(Fiber.await(before), () => {
        this.discarding = undefined
        return this.send(fiber, this.now(), endsAt)
      })
    })
  }

  /** Lets the transport note how far a request has come, if a timeout may end its attempt. */
  tracked<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.rules.attempt === undefined ? self : Effect.provideService(self, CurrentProgress, this)
  }

  /** How long the origin has asked not to be called, in milliseconds from now. */
  get pause(): number {
    return this.pauses.isEmpty ? 0 : this.pauses.left(this.origin, this.now(), this.rules.longestPause)
  }

  /** In how much time calls return that wait for `wait` after a failure, both in milliseconds. */
  spread(failure: AttemptFailure, wait: number): number {
    const { longestPause, spread: { max, share } } = this.rules
    this.pauses.joined(this.origin)
    return Math.min(max, Math.max(wait * share(failure), this.pauses.spread(this.origin, longestPause)))
  }

  /** What a failed attempt shows of itself. */
  get shownFailure(): Shown {
    return this.shown ?? Shown.always(this.fiber, this.request)
  }

  /** Cleans up after the call: stops discarding, and cancels the losing responses. */
  close(exit: Exit.Exit<BodyResponse, unknown>): Effect.Effect<void> | undefined {
    const { answers, discarding } = this
    const stop = discarding === undefined ? undefined : Fiber.interrupt(discarding)
    const lost = answers?.filter((answer) => !answer.isComplete && answer !== responseOf(exit)) ?? []
    if (lost.length === 0) return stop
    const cancel = Effect.forEach(lost, (answer) => answer.cancel, { concurrency: "unbounded", discard: true })
    return stop === undefined ? cancel : Effect.andThen(stop, cancel)
  }

  /** Frees the connections of what failed before another attempt begins. */
  discard(response: BodyResponse): void {
    const { answers } = this
    if (answers !== undefined && answers.length > 1) {
      this.answers = []
      const discard = Effect.forEach(answers, (answer) => answer.discard, { concurrency: "unbounded", discard: true })
      this.discarding = Effect.runForkWith(this.fiber.context)(discard)
    } else if (!response.isComplete) {
      this.discarding = Effect.runForkWith(this.fiber.context)(response.discard)
    }
  }

  /** `endsAt` is when the attempt must have ended, its body included, in milliseconds since the epoch. */
  private send(fiber: AnyFiber, startedAt: number, endsAt: number): Effect.Effect<BodyResponse, AttemptFailure> {
    const resends = this.sends++
    this.isTracked = this.isWritten = false
    const request = this.headed(fiber, resends)
    const sending = this.through(fiber, request, { shown: this.shown, resends, template: this.rules.template })
    const told = Effect.onExitPrimitive(sending, (exit) => {
      if (Exit.isFailure(exit) && !Cause.hasFails(exit.cause)) this.record(this.endedBy(exit.cause, endsAt), startedAt)
      return undefined
    })
    return Effect.matchEffect(told, {
      onSuccess: (response) => {
        if (!(response instanceof BodyResponse && response.isRecorded)) this.record(response.status, startedAt)
        return this.received(fiber, this.answer(fiber, response, request), endsAt)
      },
      onFailure: (error) => {
        const failure = AttemptFailure.lost(this, error)
        if (!Telemetry.isRecorded(error)) this.record(failure.reason._tag, startedAt)
        return Effect.fail(failure)
      }
    })
  }

  /** A response as it is shown. A client below may have added a secret to the request that it is for. */
  private answer(fiber: AnyFiber, response: HttpClientResponse.HttpClientResponse, sent: Request): BodyResponse {
    const shown = this.shown ?? (response.request === sent ? undefined : Shown.of(fiber, response.request))
    return shown?.response(response) ?? StreamResponse.wrap(response)
  }

  private record(outcome: number | string, startedAt: number): void {
    Telemetry.record(this.fiber, this.request, this.origin, this.rules.template, outcome, this.now() - startedAt)
  }

  /** What ended an attempt that has neither a response nor a failure. */
  private endedBy(cause: Cause.Cause<unknown>, endsAt: number): string {
    if (Cause.hasDies(cause)) return "Defect"
    const now = this.now() + timerSlack
    if (now >= endsAt) return "AttemptTimeout"
    return now >= this.fiber.getRef(Deadline.Deadline) ? "DeadlineExceeded" : "Interrupted"
  }

  /** The request, with the headers of this attempt. */
  private headed(fiber: AnyFiber, resends: number): Request {
    const { attempt, attemptHeader, deadlineHeader } = this.rules
    let request = this.sent
    if (deadlineHeader !== undefined) {
      const left = Math.min(Deadline.inForce(fiber) - this.now(), attempt ?? Infinity)
      const millis = Math.floor(Math.max(0, left))
      if (millis < Infinity) request = HttpClientRequest.setHeader(request, deadlineHeader, String(millis))
    }
    return attemptHeader === undefined || resends === 0
      ? request
      : HttpClientRequest.setHeader(request, attemptHeader, String(resends))
  }

  private received(
    fiber: AnyFiber,
    response: BodyResponse,
    endsAt: number
  ): Effect.Effect<BodyResponse, AttemptFailure> {
    const { parts } = this.rules
    const answer = this.bounded(fiber, response, endsAt)
    if (HttpPolicy.isTransient(response, parts)) return this.refused(answer)
    return response.isComplete || parts.commit === "head"
      ? Effect.succeed(this.answered(answer))
      : this.committed(response, answer)
  }

  private refused(answer: BodyResponse): Effect.Effect<never, AttemptFailure> {
    const now = this.now()
    const hint = ServerHints.retryAfter(answer.headers, now)
    const failure = AttemptFailure.answered(this, this.answered(answer), hint)
    const { max, share } = this.rules.spread
    if (hint !== undefined) this.pauses.ask(this.origin, now, Duration.toMillis(hint), { share: share(failure), max })
    return Effect.fail(failure)
  }

  /** Waits for the commit point: after it, a failure of the body goes to the caller. */
  private committed(response: BodyResponse, answer: BodyResponse): Effect.Effect<BodyResponse, AttemptFailure> {
    const length = contentLength(response.headers)
    const wanted = length !== undefined && length <= highWater ? highWater : 1
    return Effect.mapBoth(response.buffered(wanted), {
      onSuccess: () => this.answered(answer),
      onFailure: (error) => AttemptFailure.lost(this, error, "body")
    })
  }

  /** Bounds the rest of the body by the attempt's timeout and by the call's deadline. */
  private bounded(fiber: AnyFiber, response: BodyResponse, endsAt: number): BodyResponse {
    const { attempt, total } = this.rules
    if (response.isComplete) return response
    const deadline = total === undefined ? Infinity : Deadline.inForce(fiber)
    if (total !== undefined && deadline <= endsAt) {
      const exceeded = () => new DeadlineExceeded({ deadline: Duration.millis(total), phase: "attempt" })
      return new DeadlineResponse(response, deadline, exceeded)
    }
    if (attempt === undefined) return response
    return new DeadlineResponse(response, endsAt, () => new AttemptTimeout({ timeout: Duration.millis(attempt) }))
  }

  private answered(answer: BodyResponse): BodyResponse {
    this.answers?.push(answer)
    return answer
  }

  private now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** The request, with a body that sets `bodySpent` when it is read. */
  private watched(request: Request): Request {
    const { body } = request
    if (body._tag !== "Stream") {
      // Only the transport knows how a raw body is read, so it counts as read once it is handed over.
      this.bodySpent = true
      return request
    }
    const stream = Stream.suspend(() => {
      this.bodySpent = true
      return body.stream
    })
    return HttpClientRequest.makeWith(
      request.method,
      request.url,
      request.urlParams,
      request.hash,
      request.headers,
      HttpBody.stream(stream, body.contentType, body.contentLength)
    )
  }
}

/** The policy's own timer starts some instructions before the attempt knows when it must end. */
const timerSlack = 10

/** The response in an exit: the successful one, or the transient one of the last attempt. */
const responseOf = (exit: Exit.Exit<BodyResponse, unknown>): BodyResponse | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  return error instanceof AttemptFailure ? error.response : undefined
}
