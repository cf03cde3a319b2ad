/**
 * The instant by which the whole call must end, known to everything below it.
 *
 * **When to use**
 *
 * Timeouts set by each layer add up: three layers of 30 seconds may wait for 90. A deadline is one instant that every
 * layer sees.
 *
 * **Details**
 *
 * A policy neither queues nor sleeps before a retry past the deadline in force, and a client can tell its server how
 * long an answer is still useful (gRPC calls this deadline propagation).
 *
 * **Gotchas**
 *
 * A deadline ends with the call that set it. The reference {@link Deadline} is a plain number that stays in the context
 * of a fiber that outlives the call: ask {@link remaining} or {@link inForce}, which know.
 *
 * **Example**
 *
 * See {@link within}.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type { DurationInput } from "./Arguments.ts"
import { positiveMillis } from "./internal/arguments/argument.ts"
import { run } from "./internal/call/call.ts"
import * as internal from "./internal/call/deadline.ts"
import type { DeadlineExceeded, PolicyError } from "./PolicyError.ts"

/**
 * The deadline in force, in milliseconds since the epoch by the `Clock` in force. Default: `Infinity`, no deadline.
 *
 * Providing it by hand only informs the effects inside and interrupts nothing. {@link within} and a policy's `deadline`
 * do both.
 *
 * A fiber that outlives its call is no longer bound by the deadline of that call: {@link remaining} and policies know
 * that the call has ended. The reference itself is a plain number and stays in the context of such a fiber.
 */
export const Deadline: Context.Reference<number> = internal.Deadline

/**
 * The deadline in force for a fiber, in milliseconds since the epoch by its `Clock`: `Infinity` without one. For code that
 * has a fiber and no effect to run; {@link remaining} is the same as an effect. Unlike the reference alone, it knows when
 * the call that set the deadline has ended.
 *
 * ```ts import.meta.vitest
 * import { Deadline } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const inForce = Effect.withFiber((fiber) => Effect.succeed(Deadline.inForce(fiber)))
 *
 * await Effect.runPromise(inForce) // => Infinity
 * ```
 */
export const inForce: (fiber: Fiber.Fiber<unknown, unknown>) => number = internal.deadlineOf

/**
 * How much time is left: `None` without a deadline, zero after it has passed.
 *
 * ```ts import.meta.vitest
 * import { Deadline } from "@holdfast/core"
 * import { Duration, Effect, Option } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   yield* TestClock.adjust("1 second")
 *   return yield* Deadline.remaining
 * }).pipe(Deadline.within("10 seconds"))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer()))) // => Option.some(Duration.seconds(9))
 * await Effect.runPromise(Deadline.remaining) // => Option.none()
 * ```
 */
export const remaining: Effect.Effect<Option.Option<Duration.Duration>> = Effect.gen(function*() {
  const deadline = yield* Effect.withFiber((fiber) => Effect.succeed(internal.deadlineOf(fiber)))
  if (deadline === Infinity) return Option.none()
  const now = yield* Clock.currentTimeMillis
  return Option.some(Duration.millis(Math.max(0, deadline - now)))
})

/**
 * Gives an effect a deadline `duration` from its start, or keeps the one in force if that is earlier. When it passes,
 * the effect is interrupted and fails with `PolicyError` and the reason `DeadlineExceeded`.
 *
 * ```ts import.meta.vitest
 * import { Deadline } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.never.pipe(Deadline.within("5 millis"), Effect.flip)
 *
 * const error = await Effect.runPromise(program)
 * error.reason._tag // => "DeadlineExceeded"
 * ```
 */
export const within: {
  (duration: DurationInput): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PolicyError<DeadlineExceeded>, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    duration: DurationInput
  ): Effect.Effect<A, E | PolicyError<DeadlineExceeded>, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: DurationInput) => {
    const deadline = positiveMillis("Deadline.within", "duration", duration)
    // A call with only this part adds only this reason.
    return run({ name: "deadline", deadline, silent: true, timed: true }, undefined, self) as Effect.Effect<
      A,
      E | PolicyError<DeadlineExceeded>,
      R
    >
  }
)
