/**
 * Tests often fake `Date` and leave the timers: then the clock stands still while timers ring. A call that waited in the queue of
 * a rate limit asked again and again, for its turn had not come by the clock, and `maxWait` never ended.
 */
import { it } from "@effect/vitest"
import { strictEqual } from "@effect/vitest/utils"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

const live = Context.get(Context.empty(), Clock.Clock)

const standing: Clock.Clock = {
  currentTimeMillisUnsafe: () => 1_000,
  currentTimeMillis: Effect.succeed(1_000),
  currentTimeNanosUnsafe: () => 1_000_000_000n,
  currentTimeNanos: Effect.succeed(1_000_000_000n),
  monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: live.monotonicTimeNanos,
  sleep: () => Effect.yieldNow
}

it.live.each(["fixed-window", "token-bucket"] as const)(
  "a %s ends the wait after maxWait by the timers",
  (algorithm) =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 1, window: "1 second", maxWait: "3 seconds", algorithm })
      yield* limit.protect(Effect.void)
      const rejected = yield* Effect.flip(limit.protect(Effect.void))
      strictEqual(rejected.reason._tag, "RateLimited")
    }).pipe(Effect.provideService(Clock.Clock, standing))
)
