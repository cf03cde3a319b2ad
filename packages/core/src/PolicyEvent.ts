/**
 * Every decision of a policy, as data.
 *
 * **When to use**
 *
 * Use it for telemetry and tests: {@link observe} for one effect, {@link layer} for a program, {@link layerMetrics} for
 * metrics and {@link subscribe} for a stream.
 *
 * **Details**
 *
 * All of a policy's telemetry derives from these events: the line that each retry logs, the events on the current span,
 * and the output of observers. Without an observer, no event is built.
 *
 * **Gotchas**
 *
 * Observers are plain synchronous functions, called during the call. An observer that throws is a defect of its call.
 *
 * **Example**
 *
 * See {@link observe}.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { integer } from "./internal/arguments/argument.ts"
import type { Observer, PolicyEvent } from "./internal/call/event.ts"
import { observer as metricsOf } from "./internal/call/metrics.ts"
import * as observers from "./internal/call/observers.ts"

export type {
  AttemptFailed,
  AttemptStarted,
  AttemptSucceeded,
  CircuitChanged,
  DeadlinePassed,
  Hedged,
  Observer,
  Origin,
  PolicyEvent,
  Queued,
  Rejected,
  RetryScheduled,
  RetryStopped,
  StopReason
} from "./internal/call/event.ts"

/**
 * Passes every event of the policies that run inside an effect to `observer`.
 *
 * ```ts import.meta.vitest
 * import { Policy, PolicyEvent } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ retry: { times: 1 } })
 *   return yield* policy.protect(Effect.succeed("answer"))
 * }).pipe(PolicyEvent.observe((event) => seen.push(event._tag)))
 *
 * await Effect.runPromise(program) // => "answer"
 * seen // => ["AttemptStarted", "AttemptSucceeded"]
 * ```
 */
export const observe: {
  (observer: Observer): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, observer: Observer) => observers.add(self, observer))

/**
 * Passes every event of the policies in the program that the layer is provided to, to `observer`.
 *
 * ```ts import.meta.vitest
 * import { Policy, PolicyEvent } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const seen: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ attemptTimeout: "1 second" })
 *   return yield* policy.protect(Effect.succeed("answer"))
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(PolicyEvent.layer((event) => seen.push(event._tag))))) // => "answer"
 * seen // => ["AttemptStarted", "AttemptSucceeded"]
 * ```
 */
export const layer = (observer: Observer): Layer.Layer<never> => observers.layer(Effect.succeed(observer))

/**
 * Records metrics of the policies in the program that the layer is provided to, by `holdfast.policy`:
 *
 * - `holdfast.policy.attempts` by `outcome`, and the histogram `holdfast.policy.attempt.duration` in seconds
 * - `holdfast.policy.retries`, `holdfast.policy.hedges` and `holdfast.policy.deadlines`
 * - `holdfast.policy.rejections` by the part, as `by`; `holdfast.policy.stops` by `reason`
 *
 * ```ts import.meta.vitest
 * import { Backoff, Policy, PolicyEvent } from "@holdfast/core"
 * import { Effect, Metric } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ retry: { times: 2, backoff: Backoff.constant({ delay: 0 }) } })
 *   yield* Effect.fail("down").pipe(policy.protect, Effect.ignore)
 *   const series = yield* Metric.snapshot
 *   return series.flatMap(({ id, state }) => "count" in state && "incremental" in state ? [[id, state.count]] : [])
 * }).pipe(Effect.provide(PolicyEvent.layerMetrics), Effect.provideService(Metric.MetricRegistry, new Map()))
 *
 * await Effect.runPromise(program)
 * // => [["holdfast.policy.attempts", 3], ["holdfast.policy.retries", 2], ["holdfast.policy.stops", 1]]
 * ```
 */
export const layerMetrics: Layer.Layer<never> = observers.layer(Effect.map(Effect.context<never>(), metricsOf))

/**
 * An observer, and a stream of the events that it receives. A reader more than `capacity` events behind misses the
 * oldest; calls never wait for readers. The stream ends with the scope.
 *
 * - `capacity`: a whole number of at least 1. Default: 256.
 *
 * ```ts import.meta.vitest
 * import { Policy, PolicyEvent } from "@holdfast/core"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const { events, observer } = yield* PolicyEvent.subscribe()
 *   const policy = yield* Policy.make({ retry: { times: 1 } })
 *   yield* Effect.succeed("answer").pipe(policy.protect, PolicyEvent.observe(observer))
 *   return yield* events.pipe(Stream.take(2), Stream.map((event) => event._tag), Stream.runCollect)
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => ["AttemptStarted", "AttemptSucceeded"]
 * ```
 */
export const subscribe = (options?: {
  readonly capacity?: number | undefined
}): Effect.Effect<
  { readonly observer: Observer; readonly events: Stream.Stream<PolicyEvent> },
  never,
  Scope.Scope
> => {
  const capacity = integer("PolicyEvent.subscribe", "capacity", options?.capacity ?? 256, 1)
  return Effect.map(
    Effect.acquireRelease(Queue.sliding<PolicyEvent, Cause.Done>(capacity), (queue) => Queue.end(queue)),
    (queue) => ({
      observer: (event) => {
        // A queue wakes its taker through the scheduler, so a subscriber does not run during the call.
        Queue.offerUnsafe(queue, event)
      },
      events: Stream.fromQueue(queue)
    })
  )
}
