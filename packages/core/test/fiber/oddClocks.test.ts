/**
 * Clocks that read or sleep oddly: every call ends after a bounded number of readings, whatever the clock says, and the
 * parts decide as ever once the clock is right again.
 */
import { describe, it } from "@effect/vitest"
import { assertTrue, deepStrictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Store from "effect/persistence/RateLimiter"
import * as TestClock from "effect/testing/TestClock"
import { show } from "../Script.ts"

const start = 1_700_000_000_000

/** What a clock reads, by how often it was read. */
const readings: ReadonlyArray<readonly [name: string, read: (nth: number) => number]> = [
  ["stands still", () => start],
  ["reads Infinity", () => Infinity],
  ["reads -Infinity", () => -Infinity],
  ["reads NaN", () => NaN],
  // A loop that reads the clock as often each time meets the NaN at the same place each time.
  ...[2, 3, 4, 5, 6].flatMap((period) =>
    Array.from({ length: period }, (_, phase) =>
      [
        `reads NaN at readings ${phase} of ${period}`,
        (nth: number) => nth % period === phase ? NaN : start + nth * 10_000
      ] as const)
  ),
  ["reads Infinity now and then", (nth) => nth % 3 === 1 ? Infinity : start + nth * 10_000],
  ["reads zero", () => 0],
  ["goes back", (nth) => start - nth * 1_000],
  ["jumps", (nth) => start + (nth % 2) * 86_400_000],
  ["reads more than a date may be", () => 2 ** 60],
  ["reads fractions", (nth) => start + nth / 1_024]
]

const sleeps: ReadonlyArray<readonly [name: string, sleep: Clock.Clock["sleep"]]> = [
  ["sleeps not at all", () => Effect.void],
  ["yields", () => Effect.yieldNow]
]

class Spinning extends Error {}

/** A clock whose reading throws after a thousand times, which ends a call that spins. */
const odd = (read: (nth: number) => number, sleep: Clock.Clock["sleep"]) => {
  let reads = 0
  const millis = () => {
    if (++reads > 1_000) throw new Spinning("read 1,000 times")
    return read(reads)
  }
  const nanos = () => {
    const now = millis() * 1e6
    return Number.isFinite(now) ? BigInt(Math.round(now)) : 0n
  }
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep
  }
  return clock
}

const second = { window: "1 second", limit: 1 } as const

/** Parts, each with a first call that takes what there is, and a second that waits. */
const parts = {
  "a retry": Effect.map(
    Policy.make({ retry: { times: 5, backoff: Backoff.constant({ delay: "1 hour" }) } }),
    (policy) => policy.protect(Effect.fail("down"))
  ),
  "a retry for a time": Effect.map(
    Policy.make({ retry: { times: 5, maxElapsed: "1 minute", backoff: Backoff.constant({ delay: "1 second" }) } }),
    (policy) => policy.protect(Effect.fail("down"))
  ),
  "a deadline": Effect.map(Policy.make({ deadline: "1 hour" }), (policy) => policy.protect(Effect.never)),
  "an attempt's timeout": Effect.map(
    Policy.make({ attemptTimeout: "1 minute", deadline: "1 hour", retry: { times: 3 } }),
    (policy) => policy.protect(Effect.never)
  ),
  "a hedge": Effect.map(
    Policy.make({ hedge: { after: "1 second", max: 3 }, deadline: "1 hour" }),
    (policy) => policy.protect(Hedge.idempotent(Effect.never))
  ),
  "a bulkhead": Effect.map(
    Bulkhead.make({ limit: 1, queue: 3, maxWait: "1 hour" }),
    (bulkhead) =>
      Effect.flatMap(
        Effect.forkChild(bulkhead.protect(Effect.never), { startImmediately: true }),
        (running) => Effect.ensuring(bulkhead.protect(Effect.void), Fiber.interrupt(running))
      )
  ),
  "a fixed window": Effect.map(
    RateLimit.make({ ...second, maxWait: "1 hour" }),
    (limit) => Effect.andThen(limit.protect(Effect.void), limit.protect(Effect.void))
  ),
  "a bucket of tokens": Effect.map(
    RateLimit.make({ ...second, algorithm: "token-bucket", maxWait: "1 hour" }),
    (limit) => Effect.andThen(limit.protect(Effect.void), limit.protect(Effect.void))
  ),
  "a limit whose store has no room": Effect.map(
    Effect.provideService(RateLimit.make({ ...second, name: "stock", maxWait: "1 hour" }), Store.RateLimiterStore, {
      fixedWindow: () => Effect.succeed([2, 600_000] as const),
      tokenBucket: () => Effect.succeed([-1, 0] as const),
      adaptiveConsume: () => Effect.die("not asked"),
      adaptiveFeedback: () => Effect.die("not asked")
    }),
    (limit) => limit.protect(Effect.void)
  ),
  "a queue of a rate limit": Effect.map(
    RateLimit.make({ ...second, maxWait: "1 hour" }),
    (limit) => Effect.all(Array.from({ length: 5 }, () => limit.protect(Effect.void)), { concurrency: "unbounded" })
  ),
  "an open circuit": Effect.map(
    CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), openFor: "1 minute" }),
    (breaker) =>
      Effect.andThen(Effect.exit(breaker.protect(Effect.fail("down"))), breaker.protect(Effect.succeed("up")))
  ),
  "a retry around an open circuit": Effect.map(
    Policy.make({
      retry: { times: 5, backoff: Backoff.constant({ delay: "1 second" }) },
      circuitBreaker: { trip: CircuitBreaker.rate({ threshold: 0.5, window: "1 minute", minimumCalls: 1 }) }
    }),
    (policy) => policy.protect(Effect.fail("down"))
  )
}

/** A clock that is right: sleeping moves it. */
const right = () => {
  let now = start + 30_000
  const sleep = (duration: Duration.Duration) => Effect.sync(() => void (now += Duration.toMillis(duration)))
  return odd(() => now, sleep)
}

describe.each(Object.entries(parts))("%s", (_, part) => {
  describe.each(readings)("under a clock that %s", (_, read) => {
    it.live.each(sleeps)("and %s ends", ([, sleep]) =>
      Effect.gen(function*() {
        const call: Effect.Effect<unknown, unknown> = yield* part
        const exit = yield* Effect.exit(Effect.provideService(call, Clock.Clock, odd(read, sleep)))
        assertTrue(!show(exit).includes("Die"), show(exit))
      }))
  })
})

describe.each(readings)("after a clock that %s", (_, read) => {
  const within = <A, E>(effect: Effect.Effect<A, E>, clock: Clock.Clock) =>
    Effect.provideService(effect, Clock.Clock, clock)
  const times = (calls: number) => Array.from({ length: calls })

  it.live.each(["fixed-window", "token-bucket"] as const)("a %s counts as ever", (algorithm) =>
    Effect.gen(function*() {
      const limit = yield* RateLimit.make({ limit: 2, window: "1 second", algorithm, maxWait: "1 hour" })
      const call = limit.protect(Clock.currentTimeMillis)
      yield* within(Effect.forEach(times(4), () => Effect.exit(call)), odd(read, () => Effect.void))
      const clock = right()
      // The first call may find a clock that was set back. A window later nothing of before counts.
      const [from = 0, ...at] = yield* within(
        Effect.exit(call).pipe(
          Effect.andThen(Effect.sleep("1 second")),
          Effect.andThen(Effect.forEach(times(7), () => call))
        ),
        clock
      )
      const rest = algorithm === "fixed-window"
        ? [0, 1_000, 1_000, 2_000, 2_000, 3_000]
        : [0, 500, 1_000, 1_500, 2_000, 2_500]
      deepStrictEqual(at.map((time) => time - from), rest)
    }))

  const trips = {
    "a row": CircuitBreaker.consecutive(2),
    "a count": CircuitBreaker.rate({ threshold: 0.5, size: 4, minimumCalls: 2 }),
    "a time": CircuitBreaker.rate({ threshold: 0.5, window: "10 seconds", minimumCalls: 2 })
  }
  it.live.each(Object.entries(trips))("a circuit by %s decides as ever", ([, trip]) =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip, openFor: "5 seconds" })
      const down = Effect.exit(breaker.protect(Effect.fail("down")))
      const up = Effect.as(breaker.protect(Effect.void), "up").pipe(
        Effect.catchTag("PolicyError", ({ reason }) => Effect.succeed(reason._tag))
      )
      yield* within(Effect.forEach(times(4), () => down), odd(read, () => Effect.void))
      const seen = Effect.gen(function*() {
        // The first call may find a clock that was set back.
        yield* up
        yield* Effect.sleep("5 seconds")
        const closed = yield* up
        yield* Effect.sleep("1 minute")
        yield* down
        yield* down
        const opened = yield* up
        yield* Effect.sleep("4900 millis")
        const still = yield* up
        yield* Effect.sleep("100 millis")
        return [closed, opened, still, yield* up]
      })
      deepStrictEqual(yield* within(seen, right()), ["up", "CircuitOpen", "CircuitOpen", "up"])
    }))
})

it.effect("a call that comes after the clock was set back waits as one before does", () =>
  Effect.gen(function*() {
    const limit = yield* RateLimit.make({ limit: 1, window: "1 second", maxWait: "10 seconds" })
    const call = Effect.forkChild(Effect.exit(limit.protect(Effect.void)), { startImmediately: true })
    yield* TestClock.setTime(86_400_000)
    yield* call
    yield* call
    yield* TestClock.setTime(0)
    const late = yield* call
    deepStrictEqual([late.pollUnsafe(), (yield* limit.stats()).waiting], [undefined, 2])
  }))
