/**
 * One attempt of a call as one effect: it fails for a transport failure and for a response to try again after alike, so
 * that one loop with one counter sees both.
 */
import * as Deadline from "@holdfast/core/Deadline"
import type { RetryScheduled } from "@holdfast/core/PolicyEvent"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as HttpFailure from "../HttpFailure.ts"
import * as HttpPolicy from "../HttpPolicy.ts"
import { type BodyResponse, contentLength, highWater } from "./bodyResponse.ts"
import { Resends } from "./clientSpan.ts"
import { DeadlineResponse } from "./deadlineResponse.ts"
import type { OriginPauses } from "./originPauses.ts"
import { shouldRetry } from "./retryHints.ts"
import { StreamResponse } from "./streamResponse.ts"

type Failure = HttpClientError.HttpClientError
type Request = HttpClientRequest.HttpClientRequest

/** What an attempt ended with, if that was no success: what the caller gets when it was the last. */
type Outcome =
  | { readonly _tag: "Response"; readonly response: BodyResponse }
  | { readonly _tag: "Error"; readonly error: Failure }

type Facts = Pick<HttpFailure.HttpFailure, "reason" | "phase" | "requestWritten" | "cause">

/** The failure of an attempt, as the policy and its observers see it. */
export class AttemptFailure extends HttpFailure.HttpFailure {
  declare readonly outcome: Outcome
  declare readonly attempt: HttpPolicy.Attempt
  declare readonly call: Call

  static make(facts: Facts, call: Call, outcome: Outcome): AttemptFailure {
    const { cause, phase, reason, requestWritten } = facts
    const self = withoutStack(() =>
      new AttemptFailure({ reason, phase, requestWritten, ...(cause === undefined ? undefined : { cause }) })
    )
    const response = outcome._tag === "Response" ? outcome.response : undefined
    const attempt: HttpPolicy.Attempt = {
      request: call.request,
      failure: self,
      transientResponse: response !== undefined,
      invited: response !== undefined && shouldRetry(response.headers) === true,
      bodySpent: call.bodySpent
    }
    // Not enumerable: what is logged of the failure must not hold the request and the response.
    Object.defineProperties(self, { outcome: { value: outcome }, attempt: { value: attempt }, call: { value: call } })
    return self
  }

  /** What the server has asked of this call, or the rest of what it has asked of another in the meantime. */
  override get retryAfter(): Duration.Duration | undefined {
    const own = super.retryAfter
    const { pause } = this.call
    return pause === 0 ? own : Duration.max(own ?? Duration.zero, Duration.millis(pause))
  }
}

/** Frees the connection of an attempt as soon as it is certain that another follows. */
export const freeOnRetry = ({ error }: RetryScheduled): void => {
  if (!(error instanceof AttemptFailure)) return
  const { call, outcome } = error
  if (outcome._tag === "Response") call.discard(outcome.response)
}

/** What a policy says of every call that it takes. Times are in milliseconds. */
export interface Rules {
  readonly parts: HttpPolicy.Parts
  readonly total: number | undefined
  readonly attempt: number | undefined
  /** The longest pause that is believed when a server asks for one; 0 where nothing is retried. */
  readonly longestPause: number
  /** Whether attempts of a request that may be repeated are races. */
  readonly isHedged: boolean
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
}

/** One request of the caller, with all its attempts. */
export class Call {
  readonly request: Request
  /** Whether every attempt may be repeated, whatever became of it. */
  readonly isRepeatable: boolean
  /** Whether something of a body that can be read once was read. */
  bodySpent = false

  private readonly inner: HttpClient.HttpClient
  private readonly rules: Rules
  private readonly pauses: OriginPauses
  private readonly origin: string | undefined
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly sent: Request
  /** When the call began, if its time is bounded. */
  private readonly startedAt: number
  private sends = 0
  private discarding: Fiber.Fiber<void> | undefined = undefined
  /** What the legs of a race were answered. All but the response that comes out are given up. */
  private answers: Array<BodyResponse> | undefined

  constructor(
    inner: HttpClient.HttpClient,
    rules: Rules,
    pauses: OriginPauses,
    origin: string | undefined,
    fiber: Fiber.Fiber<unknown, unknown>,
    request: Request
  ) {
    this.inner = inner
    this.rules = rules
    this.pauses = pauses
    this.origin = origin
    this.fiber = fiber
    this.startedAt = rules.total === undefined ? 0 : fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    this.request = request
    const { parts } = rules
    const replayable = parts.streamBody === "replayable" || HttpPolicy.isReplayable(request.body)
    this.isRepeatable = replayable && HttpPolicy.refusal(request, parts) === undefined
    this.answers = rules.isHedged && this.isRepeatable ? [] : undefined
    this.sent = replayable ? request : this.watched(request)
  }

  /** One attempt: waits until the connection of the one before is free, and sends. */
  attempt(): Effect.Effect<BodyResponse, AttemptFailure> {
    return Effect.suspend(() => {
      const before = this.discarding
      if (before === undefined) return this.send()
      return Effect.flatMap(Fiber.await(before), () => {
        this.discarding = undefined
        return this.send()
      })
    })
  }

  /** How long the origin has asked not to be called, in milliseconds from now. */
  get pause(): number {
    if (this.pauses.isEmpty) return 0
    return this.pauses.left(
      this.origin,
      this.fiber.getRef(Clock.Clock).currentTimeMillisUnsafe(),
      this.rules.longestPause
    )
  }

  /** Ends what is left to do when the call is over. */
  close(exit: Exit.Exit<BodyResponse, unknown>): Effect.Effect<void> | undefined {
    const { answers, discarding } = this
    const stop = discarding === undefined ? undefined : Fiber.interrupt(discarding)
    const lost = answers?.filter((answer) => !answer.isComplete && answer !== responseOf(exit)) ?? []
    if (lost.length === 0) return stop
    const cancel = Effect.forEach(lost, (answer) => answer.cancel, { concurrency: "unbounded", discard: true })
    return stop === undefined ? cancel : Effect.andThen(stop, cancel)
  }

  /** A response whose body is held to the deadline of the call. */
  bounded(response: BodyResponse): BodyResponse {
    const { total } = this.rules
    return total === undefined || response.isComplete
      ? response
      : new DeadlineResponse(response, total, Math.min(this.startedAt + total, this.fiber.getRef(Deadline.Deadline)))
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

  private send(): Effect.Effect<BodyResponse, AttemptFailure> {
    const resends = this.sends++
    const { attemptHeader, deadlineHeader, parts } = this.rules
    const sending = deadlineHeader !== undefined
      ? Effect.withFiber<HttpClientResponse.HttpClientResponse, Failure>((fiber) =>
        this.inner.execute(counted(this.timed(fiber, deadlineHeader), attemptHeader, resends))
      )
      : this.inner.execute(counted(this.sent, attemptHeader, resends))
    return Effect.matchEffect(resends === 0 ? sending : Effect.provideService(sending, Resends, resends), {
      onSuccess: (inner) => {
        const response = StreamResponse.wrap(inner)
        if (HttpPolicy.isTransient(response, parts)) return this.transient(response)
        return response.isComplete || parts.commit === "head"
          ? Effect.succeed(this.answered(response))
          : this.committed(response)
      },
      onFailure: (error) => this.failed(error)
    })
  }

  /** The request, with how long an answer to it is of use: `fiber` is the attempt's, which sees the policy's deadline. */
  private timed(fiber: Fiber.Fiber<unknown, unknown>, header: string): Request {
    const left = fiber.getRef(Deadline.Deadline) - fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    const millis = Math.floor(Math.max(0, Math.min(left, this.rules.attempt ?? Infinity)))
    return millis === Infinity ? this.sent : HttpClientRequest.setHeader(this.sent, header, String(millis))
  }

  private answered(response: BodyResponse): BodyResponse {
    const answer = this.bounded(response)
    this.answers?.push(answer)
    return answer
  }

  /** Waits until a failure of the body would be the caller's to see. */
  private committed(response: BodyResponse): Effect.Effect<BodyResponse, AttemptFailure> {
    const length = contentLength(response.headers)
    const wanted = length !== undefined && length <= highWater ? highWater : 1
    return Effect.matchEffect(response.buffered(wanted), {
      onSuccess: () => Effect.succeed(this.answered(response)),
      onFailure: (error) => this.failed(error)
    })
  }

  private transient(response: BodyResponse): Effect.Effect<never, AttemptFailure> {
    this.answers?.push(response)
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const retryAfter = HttpPolicy.retryAfter(response.headers, now)
      if (retryAfter !== undefined) this.pauses.ask(this.origin, now, Duration.toMillis(retryAfter))
      const { status } = response
      const reason = withoutStack(() => new HttpFailure.StatusFailure({ status, retryAfter, excerpt: undefined }))
      const facts = { reason, phase: "headers", requestWritten: true, cause: undefined } as const
      return Effect.fail(AttemptFailure.make(facts, this, { _tag: "Response", response }))
    })
  }

  private failed(error: Failure): Effect.Effect<never, AttemptFailure> {
    const facts = Option.getOrElse(HttpFailure.fromClientError(error), (): Facts => ({
      // The request could not be built: the same request never can.
      reason: new HttpFailure.ProtocolError({ code: error.reason._tag }),
      phase: "headers",
      requestWritten: false,
      cause: error
    }))
    return Effect.fail(AttemptFailure.make(facts, this, { _tag: "Error", error }))
  }

  /** The request, with a body that tells when something is read from it. */
  private watched(request: Request): Request {
    const { body } = request
    if (body._tag !== "Stream") {
      // What a raw body is made of only the transport knows: once handed over it counts as read.
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

/** The response that an exit stands for: the answer, or the one that was not worth another attempt. */
const responseOf = (exit: Exit.Exit<BodyResponse, unknown>): BodyResponse | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  return error instanceof AttemptFailure && error.outcome._tag === "Response" ? error.outcome.response : undefined
}

/** The request, with how many attempts went before it. */
const counted = (request: Request, header: string | undefined, resends: number): Request =>
  header === undefined || resends === 0 ? request : HttpClientRequest.setHeader(request, header, String(resends))

/** Makes an error that decides and is not thrown: where it was made says nothing, and tracing that takes long. */
const withoutStack = <E extends Error>(make: () => E): E => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
