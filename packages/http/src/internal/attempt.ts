/**
 * One attempt of a call as one effect: it fails for a transport failure and for a response to try again after alike, so
 * that one loop with one counter sees both.
 */
import * as Deadline from "@holdfast/core/Deadline"
import type { RetryScheduled } from "@holdfast/core/PolicyEvent"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
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

/** One request of the caller, with all its attempts. */
export class Call {
  readonly request: Request
  /** Whether every attempt may be repeated, whatever became of it. */
  readonly isRepeatable: boolean
  /** Whether something of a body that can be read once was read. */
  bodySpent = false

  private readonly inner: HttpClient.HttpClient
  private readonly options: HttpPolicy.Options
  private readonly pauses: OriginPauses | undefined
  private readonly origin: string | undefined
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly sent: Request
  /** How long the call may take, its body included, and since when. */
  private readonly total: number | undefined
  private readonly startedAt: number
  private sends = 0
  private discarding: Fiber.Fiber<void> | undefined = undefined

  constructor(
    inner: HttpClient.HttpClient,
    options: HttpPolicy.Options,
    total: number | undefined,
    pauses: OriginPauses | undefined,
    origin: string | undefined,
    fiber: Fiber.Fiber<unknown, unknown>,
    request: Request
  ) {
    this.inner = inner
    this.options = options
    this.pauses = pauses
    this.origin = origin
    this.fiber = fiber
    this.total = total
    this.startedAt = total === undefined ? 0 : fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    this.request = request
    const replayable = options.streamBody === "replayable" || HttpPolicy.isReplayable(request.body)
    this.isRepeatable = replayable && HttpPolicy.refusal(request, options) === undefined
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
    return this.pauses?.isEmpty === false
      ? this.pauses.left(this.origin, this.fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
      : 0
  }

  /** Ends what is left to do when the call is over. */
  abandon(): Effect.Effect<void> | undefined {
    return this.discarding === undefined ? undefined : Fiber.interrupt(this.discarding)
  }

  /** A response whose body is held to the deadline of the call. */
  bounded(response: BodyResponse): BodyResponse {
    const { total } = this
    return total === undefined || response.isComplete
      ? response
      : new DeadlineResponse(response, total, Math.min(this.startedAt + total, this.fiber.getRef(Deadline.Deadline)))
  }

  discard(response: BodyResponse): void {
    if (!response.isComplete) this.discarding = Effect.runForkWith(this.fiber.context)(response.discard)
  }

  private send(): Effect.Effect<BodyResponse, AttemptFailure> {
    const resends = this.sends++
    const sending = this.inner.execute(this.sent)
    return Effect.matchEffect(resends === 0 ? sending : Effect.provideService(sending, Resends, resends), {
      onSuccess: (inner) => {
        const response = StreamResponse.wrap(inner)
        if (HttpPolicy.isTransient(response, this.options)) return this.transient(response)
        return response.isComplete || this.options.commit === "head"
          ? Effect.succeed(this.bounded(response))
          : this.committed(response)
      },
      onFailure: (error) => this.failed(error)
    })
  }

  /** Waits until a failure of the body would be the caller's to see. */
  private committed(response: BodyResponse): Effect.Effect<BodyResponse, AttemptFailure> {
    const length = contentLength(response.headers)
    const wanted = length !== undefined && length <= highWater ? highWater : 1
    return Effect.matchEffect(response.buffered(wanted), {
      onSuccess: () => Effect.succeed(this.bounded(response)),
      onFailure: (error) => this.failed(error)
    })
  }

  private transient(response: BodyResponse): Effect.Effect<never, AttemptFailure> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const retryAfter = HttpPolicy.retryAfter(response.headers, now)
      if (retryAfter !== undefined) this.pauses?.ask(this.origin, now, Duration.toMillis(retryAfter))
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
