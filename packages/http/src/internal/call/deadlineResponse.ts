/**
 * A response whose body must have been read by an instant, at which its attempt or its call ends. Reading past it fails
 * with the policy's own error and gives the connection up.
 *
 * Guarded by `test/call/attemptClock.test.ts` and `test/call/secrets.laws.test.ts`.
 */
import { type AttemptTimeout, type DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"
import { type BodyResponse, transportError } from "./bodyResponse.ts"
import { ForwardedResponse } from "./forwardedResponse.ts"

type Failure = HttpClientError.HttpClientError

export class DeadlineResponse extends ForwardedResponse {
  private readonly at: number
  private readonly reason: () => AttemptTimeout | DeadlineExceeded

  /** `at` is in milliseconds since the epoch. */
  constructor(inner: BodyResponse, at: number, reason: () => AttemptTimeout | DeadlineExceeded) {
    super(inner)
    this.at = at
    this.reason = reason
  }

  // The clock covers a body that is handed over too.
  protected override readsBody(): boolean {
    return true
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.transformPull(this.inner.stream, (pull) => Effect.succeed(this.within(pull)))
  }

  protected override reading<A>(read: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> {
    return this.within(read)
  }

  private within<A, E>(read: Effect.Effect<A, E>): Effect.Effect<A, E | Failure> {
    return Effect.suspend(() => {
      // A body that is here already takes no time to read.
      if (this.inner.isComplete) return read
      return Effect.flatMap(Clock.currentTimeMillis, (now) =>
        // A caller that reads slowly finds bytes at each look, however late it is.
        now > this.at
          ? this.exceeded
          : Effect.timeoutOrElse(read, { duration: this.at - now, orElse: () => this.exceeded }))
    })
  }

  private get exceeded(): Effect.Effect<never, Failure> {
    return Effect.andThen(
      this.inner.cancel,
      Effect.suspend(() => Effect.fail(transportError(this.request, new PolicyError({ reason: this.reason() }))))
    )
  }
}
