/**
 * Limits how many calls start in a window of time: excess calls wait within a bound, or are rejected before they run.
 *
 * **When to use**
 *
 * If the server counts calls and answers the excess with 429, those calls are wasted work on both sides, and some
 * servers count them against the next window too. A client-side limit turns them into a short wait, or into a cheap
 * error that says when to retry.
 *
 * **Details**
 *
 * There is no debt: a rejected call is not counted, and a waiting call is counted when it is admitted. Waiting calls
 * are served first come, first served. In the "delay" mode of Effect's `RateLimiter`, a call that gives up keeps its
 * reservation, and later calls wait for a call that is never made. The algorithms and the stores are those of Effect's
 * `RateLimiter`.
 *
 * **Gotchas**
 *
 * A limit below the server's wastes capacity. It bounds calls a second, not calls in flight: for a dependency that
 * slows down, use a `Bulkhead`.
 *
 * **Example**
 *
 * See {@link make}.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Arguments from "./Arguments.ts"
import { protectAlone } from "./internal/call/protect.ts"
import { rateLimitOptions } from "./internal/rateLimit/options.ts"
import type { Options, RateLimit } from "./internal/rateLimit/shape.ts"
import * as Shape from "./internal/rateLimit/shape.ts"
import { compile, type RateLimits } from "./internal/rateLimit/stored.ts"

export type { Options, RateLimit, Stats } from "./internal/rateLimit/shape.ts"

/**
 * Makes a rate limit. Invalid options are a defect: one `RangeError` that lists every fault.
 *
 * With a `name`, the count is in Effect's `RateLimiter`, or its `RateLimiterStore`, if the context of `make` has one:
 * with a store in Redis, a fleet keeps the limit together. Otherwise the count is local to this process. The queue is
 * always local: it is in order within a process, and the store decides between processes.
 *
 * When the store fails or is slow, calls continue with the count of this process, which has followed the store until
 * then. A warning is logged once, and the store is tried again every five seconds.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* RateLimit.make({ limit: 2, window: "1 second", algorithm: "token-bucket" })
 *   const call = Effect.succeed("stock").pipe(
 *     limit.protect,
 *     Effect.catchReason("PolicyError", "RateLimited", (reason) => Effect.succeed(reason.message))
 *   )
 *   return yield* Effect.all([call, call, call])
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestClock.layer())))
 * // => ["stock", "stock", "The rate limit is reached for another 500ms; nothing of the call ran"]
 * ```
 */
export const make = (options: Options): Effect.Effect<RateLimit> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => fromMachine(compile(Arguments.check("RateLimit.make", rateLimitOptions, options), context)))
  )

/**
 * Changes the rules of a running rate limit: makes a limit with other options that takes over the counts and queues of
 * `previous`. Admitted calls still count, and waiting calls keep their places and their time. The two limits share
 * their counts from then on.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const limit = yield* RateLimit.make({ limit: 1, window: "1 hour" })
 *   yield* limit.protect(Effect.void)
 *   const next = yield* RateLimit.makeFrom(limit, { limit: 2, window: "1 hour" })
 *   yield* next.protect(Effect.void)
 *   return (yield* Effect.flip(next.protect(Effect.void))).reason._tag
 * })
 *
 * await Effect.runPromise(program) // => "RateLimited"
 * ```
 */
export const makeFrom = (previous: RateLimit, options: Options): Effect.Effect<RateLimit> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => {
      const machine = compile(Arguments.check("RateLimit.makeFrom", rateLimitOptions, options), context)
      machine.takeOver(previous.machine)
      return fromMachine(machine)
    })
  )

/**
 * Tells a `RateLimit` from any other value.
 *
 * ```ts import.meta.vitest
 * import { RateLimit } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * RateLimit.isRateLimit(Effect.runSync(RateLimit.make({ limit: 10, window: "1 second" }))) // => true
 * RateLimit.isRateLimit({ limit: 10 }) // => false
 * ```
 */
export const isRateLimit: (u: unknown) => u is RateLimit = Shape.isRateLimit

const fromMachine = (machine: RateLimits): RateLimit => ({
  [Shape.TypeId]: Shape.TypeId,
  name: machine.name,
  machine,
  protect: protectAlone({ rateLimit: machine }) as RateLimit["protect"],
  stats: (options) =>
    Effect.sync(() => ({ waiting: machine.peek(options?.key)?.waiting ?? 0, rejections: machine.rejections }))
})
