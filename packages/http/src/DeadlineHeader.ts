/**
 * Tells a server how long the client will wait, so that the server can stop once the client has given up.
 *
 * **When to use**
 *
 * When a client gives up, the server and the servers behind it go on working on an answer that is thrown away; under
 * load that is most of their work. A deadline that travels with the request ends the work everywhere at once (gRPC
 * calls this deadline propagation).
 *
 * **Details**
 *
 * `ResilientHttpClient` writes the header with `deadlineHeader`; {@link within} reads it on the server. Clocks differ
 * between machines, so the header carries the time left and not an instant. No standard names such a header. Envoy's
 * `x-envoy-expected-rq-timeout-ms` holds whole milliseconds too, so with that name either end may be Envoy.
 *
 * **Gotchas**
 *
 * At the edge of your system, a stranger can ask for an answer within 0 ms, and gets an error.
 *
 * **Example**
 *
 * See {@link within}.
 */
import * as Deadline from "@holdfast/core/Deadline"
import { DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Headers from "effect/http/Headers"

/** The name of the header, unless you give another. */
export const defaultName = "deadline-remaining-ms"

/** How to read the header. */
export interface Options {
  /** The name of the header. Default: {@link defaultName}. */
  readonly name?: string | undefined
}

/**
 * How long the client will still wait: `undefined` if the header is missing or is not a number of whole milliseconds.
 *
 * ```ts import.meta.vitest
 * import { DeadlineHeader } from "@holdfast/http"
 * import { Duration } from "effect"
 * import { Headers } from "effect/http"
 *
 * DeadlineHeader.remaining(Headers.fromInput({ "deadline-remaining-ms": "1500" })) // => Duration.millis(1500)
 * DeadlineHeader.remaining(Headers.fromInput({ "deadline-remaining-ms": "soon" })) // => undefined
 * ```
 */
export const remaining = (headers: Headers.Headers, options?: Options): Duration.Duration | undefined => {
  const value = headers[options?.name?.toLowerCase() ?? defaultName]
  return value !== undefined && /^\d{1,15}$/.test(value) ? Duration.millis(Number(value)) : undefined
}

/**
 * Runs the work of a request within the time that the header leaves, as `Deadline.within` does. Without the header, the
 * work is not bounded. Policies and clients inside the work see the deadline. When it passes, the work is interrupted
 * and fails with the reason `DeadlineExceeded`; if no time is left, the work does not start.
 *
 * ```ts import.meta.vitest
 * import { Deadline } from "@holdfast/core"
 * import { DeadlineHeader } from "@holdfast/http"
 * import { Duration, Effect, Option } from "effect"
 * import { Headers } from "effect/http"
 * import { TestClock } from "effect/testing"
 *
 * const headers = Headers.fromInput({ "deadline-remaining-ms": "1500" })
 * const handler = Deadline.remaining.pipe(DeadlineHeader.within(headers))
 *
 * await Effect.runPromise(handler.pipe(Effect.provide(TestClock.layer()))) // => Option.some(Duration.millis(1500))
 * ```
 */
export const within: {
  (
    headers: Headers.Headers,
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | PolicyError<DeadlineExceeded>, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    headers: Headers.Headers,
    options?: Options
  ): Effect.Effect<A, E | PolicyError<DeadlineExceeded>, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    headers: Headers.Headers,
    options?: Options
  ): Effect.Effect<A, E | PolicyError<DeadlineExceeded>, R> => {
    const left = remaining(headers, options)
    if (left === undefined) return self
    return Duration.isZero(left)
      ? Effect.fail(new PolicyError({ reason: new DeadlineExceeded({ deadline: left, phase: "queue" }) }))
      : Deadline.within(self, left)
  }
)
