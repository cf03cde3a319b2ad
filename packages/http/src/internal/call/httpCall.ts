/**
 * One request of the caller, with all its attempts: what they share, and what is cleaned up behind them.
 *
 * Guarded by `test/call/committed.test.ts`, `test/call/attemptClock.test.ts`, `test/call/unsentTimeouts.test.ts` and
 * `test/call/telemetry.test.ts`.
 */
import * as Deadline from "@holdfast/core/Deadline"
import { Frame, type Running } from "@holdfast/core/Frame"
import type { PolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import * as HttpPolicy from "../../HttpPolicy.ts"
import type { OriginPauses } from "../client/pauses.ts"
import { Shown } from "../secrets/shown.ts"
import type { Send, Through } from "../telemetry/policySpan.ts"
import * as RequestDuration from "../telemetry/requestDuration.ts"
import { Attempt, type Call, recoverable, type Rules } from "./attempt.ts"
import { AttemptFailure } from "./attemptFailure.ts"
import type { BodyResponse, Recorder } from "./bodyResponse.ts"
import { CurrentProgress } from "./progress.ts"
import { handedOver } from "./redirects.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** The policy of a call: it runs the attempts. */
export interface Policy {
  readonly rules: Rules
  run(
    call: HttpCall<unknown>,
    origin: string | undefined,
    fiber: AnyFiber
  ): Effect.Effect<BodyResponse, AttemptFailure | PolicyError>
}

/** A client, as its calls know it. */
export interface Client {
  readonly through: Through
  readonly pauses: OriginPauses
  readonly recorder: Recorder
  /** The names of its secret headers. */
  readonly secretHeaders: ReadonlyArray<string>
}

export class HttpCall<E> extends Frame<Response, E | Failure, never> implements Call {
  declare readonly request: Request
  declare readonly origin: string | undefined
  declare readonly rules: Rules
  declare readonly through: Send
  declare readonly pauses: OriginPauses
  declare readonly recorder: Recorder
  declare readonly sent: Request
  declare readonly shown: Shown | undefined
  /** Whether an attempt is safe to repeat, however it ended. */
  declare readonly isRepeatable: boolean
  /** Whether its attempts run nothing of the program: neither a client of its own, nor the stream of a body. */
  declare readonly isOwn: boolean
  /** Whether a single-use body has been read from. */
  declare bodySpent: boolean
  declare isTracked: boolean
  declare isWritten: boolean
  declare sends: number

  declare private readonly policy: Policy
  /** What the caller sees of an error of the policy itself. */
  declare private readonly own: (error: PolicyError, request: Request) => E
  declare private readonly clock: Clock.Clock
  declare private running: Running | undefined
  declare private discarding: Fiber.Fiber<void> | undefined
  /** The responses to the legs of a hedge. All except the winner are cancelled. */
  declare private answers: Array<BodyResponse> | undefined

  constructor(
    { pauses, recorder, secretHeaders, through }: Client,
    policy: Policy,
    origin: string | undefined,
    fiber: AnyFiber,
    request: Request,
    own: (error: PolicyError, request: Request) => E
  ) {
    super(fiber)
    const { rules } = policy
    const { body } = request
    const isReplayable = rules.parts.streamBody === "replayable" || HttpPolicy.isReplayable(body)
    this.request = request
    this.origin = origin
    this.rules = rules
    this.through = through.send
    this.pauses = pauses
    this.recorder = recorder
    this.shown = Shown.of(fiber, request, secretHeaders)
    this.isRepeatable = isReplayable && HttpPolicy.refusal(request, rules.parts) === undefined
    this.isOwn = through.isOwn && body._tag !== "Stream"
    this.bodySpent = false
    this.isTracked = false
    this.isWritten = false
    this.sends = 0
    this.policy = policy
    this.own = own
    this.clock = fiber.getRef(Clock.Clock)
    this.running = undefined
    this.discarding = undefined
    this.answers = rules.isHedged && this.isRepeatable ? [] : undefined
    this.sent = isReplayable ? request : this.watched(request)
  }

  protected get recovers(): boolean {
    return true
  }

  protected begin(): Effect.Effect<Response, E | Failure> {
    return this.enter((fiber) => this.policy.run(this, this.origin, fiber), ended)
  }

  protected leave(): Effect.Effect<void> | undefined {
    return this.close(undefined)
  }

  /** One attempt: waits until the previous attempt's connection is released, and sends. */
  attempt(fiber: AnyFiber, running: Running): Effect.Effect<BodyResponse, AttemptFailure> {
    const now = this.now()
    const endsAt = this.rules.attempt === undefined ? Infinity : now + this.rules.attempt
    const before = this.discarding
    this.running = running
    if (before === undefined) return new Attempt(this, fiber, now, endsAt).start(fiber)
    return Effect.flatMap(Fiber.await(before), () => {
      this.discarding = undefined
      return new Attempt(this, fiber, this.now(), endsAt).start(fiber)
    })
  }

  /** The response for the caller. */
  given(response: BodyResponse): Effect.Effect<Response, Failure> {
    response.recordedBy = this.recorder
    return handedOver(response)
  }

  /** The failure for the caller; the last response, if that was transient. */
  failed(failure: AttemptFailure | PolicyError): Effect.Effect<Response, E | Failure> {
    return failure instanceof AttemptFailure
      ? Effect.flatMap(failure.outcome, (response) => this.given(response))
      : Effect.fail(
        RequestDuration.recordedFailure(this.own(failure, this.shown?.request ?? this.request), this.recorder)
      )
  }

  /** Lets the transport note how far a request has come, if a timeout may end its attempt. */
  tracked<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.rules.attempt === undefined ? self : Effect.provideService(self, CurrentProgress, this)
  }

  now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  deadline(fiber: AnyFiber): number {
    return this.running?.deadline() ?? Deadline.inForce(fiber)
  }

  answered(answer: BodyResponse): BodyResponse {
    this.answers?.push(answer)
    return answer
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

  /** Cleans up after the call: stops discarding, and cancels the responses that the caller does not get. */
  close(given: BodyResponse | undefined): Effect.Effect<void> | undefined {
    const { answers, discarding } = this
    const stop = discarding === undefined ? undefined : Fiber.interrupt(discarding)
    const lost = answers?.filter((answer) => !answer.isComplete && answer !== given) ?? []
    if (lost.length === 0) return stop
    const cancel = Effect.forEach(lost, (answer) => answer.cancel, { concurrency: "unbounded", discard: true })
    return stop === undefined ? cancel : Effect.andThen(stop, cancel)
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

const ended = <E>(
  call: HttpCall<E>,
  exit: Exit.Exit<BodyResponse, AttemptFailure | PolicyError>
): Effect.Effect<Response, E | Failure> => {
  if (Exit.isSuccess(exit)) return afterwards(call.close(exit.value), call.given(exit.value))
  const failed = recoverable(exit.cause)
  if (Cause.isCause(failed)) return call.end(Exit.failCause(failed))
  const last = failed instanceof AttemptFailure ? failed.response : undefined
  return afterwards(call.close(last), call.failed(failed))
}

const afterwards = <A, E>(close: Effect.Effect<void> | undefined, then: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  close === undefined ? then : Effect.andThen(Effect.uninterruptible(close), then)
