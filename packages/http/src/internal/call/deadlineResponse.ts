/**
 * A response whose body must have been read by an instant. Reading past it fails with the policy's own error and gives
 * the connection up.
 */
import { DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"
import { BodyResponse, transportError } from "./bodyResponse.ts"

type Failure = HttpClientError.HttpClientError

export class DeadlineResponse extends BodyResponse {
  private readonly inner: BodyResponse
  private readonly total: number
  private readonly at: number

  constructor(inner: BodyResponse, total: number, at: number) {
    super(inner.request, inner.status)
    this.inner = inner
    this.total = total
    this.at = at
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
    const deadline = Duration.millis(this.total)
    return transportError(
      this.request,
      new PolicyError({ reason: new DeadlineExceeded({ deadline, phase: "attempt" }) })
    )
  }
}
