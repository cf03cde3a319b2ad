/**
 * A response whose body must have been read by an instant, at which its attempt or its call ends. Reading past it fails
 * with the policy's own error and gives the connection up.
 */
import { type AttemptTimeout, type DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"
import { BodyResponse, transportError } from "./bodyResponse.ts"

type Failure = HttpClientError.HttpClientError

export class DeadlineResponse extends BodyResponse {
  private readonly inner: BodyResponse
  private readonly at: number
  private readonly reason: () => AttemptTimeout | DeadlineExceeded

  /** `at` is in milliseconds since the epoch. */
  constructor(inner: BodyResponse, at: number, reason: () => AttemptTimeout | DeadlineExceeded) {
    super(inner.request, inner.status)
    this.inner = inner
    this.at = at
    this.reason = reason
  }

  get url() {
    return this.inner.url
  }

  get headers() {
    return this.inner.headers
  }

  get setCookie() {
    return this.inner.setCookie
  }

  override get statusText() {
    return this.inner.statusText
  }

  override get trailers() {
    return this.inner.trailers
  }

  override get web() {
    return this.inner.web
  }

  // The clock covers a body that is handed over too.
  protected override readsBody(): boolean {
    return true
  }

  override get cookies() {
    return this.inner.cookies
  }

  override get remoteAddress() {
    return this.inner.remoteAddress
  }

  get isComplete(): boolean {
    return this.inner.isComplete
  }

  get cancel(): Effect.Effect<void> {
    return this.inner.cancel
  }

  get bytes(): Effect.Effect<Uint8Array, Failure> {
    return this.within(this.inner.bytes)
  }

  buffered(bytes: number): Effect.Effect<void, Failure> {
    return this.within(this.inner.buffered(bytes))
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.transformPull(this.inner.stream, (pull) => Effect.succeed(this.within(pull)))
  }

  private within<A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E | Failure> {
    return Effect.suspend(() => {
      // A body that is here already takes no time to read.
      if (this.inner.isComplete) return read
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.timeoutOrElse(read, {
          duration: Math.max(0, this.at - now),
          orElse: () => Effect.andThen(this.inner.cancel, Effect.fail(this.exceeded()))
        }))
    })
  }

  private exceeded(): Failure {
    return transportError(this.request, new PolicyError({ reason: this.reason() }))
  }
}
