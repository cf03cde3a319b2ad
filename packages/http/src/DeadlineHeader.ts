/**
 * Tells a server for how long an answer is still of use, and lets it stop when nobody waits any more.
 *
 * A client that has given up leaves a server at work for nobody, and the servers behind it too: under load that is most
 * of what they do. A deadline that travels with the request ends the work everywhere at once (gRPC calls it deadline
 * propagation). As clocks differ, what travels is the time that is left, and not an instant.
 *
 * `ResilientHttpClient` writes the header with `deadlineHeader`; {@link within} reads it where the request arrives. No
 * standard names such a header: Envoy's `x-envoy-expected-rq-timeout-ms` holds whole milliseconds too, so either end may
 * be one of these with that name.
 *
 * It hurts at the border of the system: a stranger may ask for an answer in no time, and gets the error for it.
 */
import * as Deadline from "@holdfast/core/Deadline"
import { DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Headers from "effect/http/Headers"

/** The header that is written and read unless another is named. */
export const defaultName = "deadline-remaining-ms"

/** How to read the header. */
export interface Options {
  /** The name of the header. Defaults to {@link defaultName}. */
  readonly name?: string | undefined
}

/**
 * How much time a request leaves for its answer: `undefined` when it doesn't say, or not in whole milliseconds.
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
 * Runs the work of a request within the time that it leaves, as `Deadline.within` does, or with no bound of its own if it
 * doesn't say. Policies and clients below see the deadline; when it passes, the work is interrupted and fails with the
 * reason `DeadlineExceeded`. Work for which no time is left does not begin.
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
