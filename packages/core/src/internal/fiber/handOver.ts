/**
 * How a call that ends lets another go on that waits for it: with its permit, or with its place in a queue.
 *
 * A fiber goes on within `resume`. Called directly, the waiting call would run inside the one that ends, and what its caller
 * throws would be a defect of that one. In Cloudflare's workerd its timers would also belong to the request that ends, and
 * be cancelled with it. So it goes on in a task of its own, after a promise that was made while it began to wait: workerd
 * runs what follows a promise within the request that made it.
 *
 * Other clocks than the live one have no requests, and code that drives a clock or a synchronous scheduler waits for no
 * promise.
 *
 * Guarded by `test/fiber/frame.test.ts` and `test/fiber/clock.test.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { liveClock } from "./alarm.ts"

/** Called by the waiting call: gives what the other call has to call, once. */
export const handOver = (
  fiber: Fiber.Fiber<unknown, unknown>,
  resume: (effect: Effect.Effect<void>) => void
): () => void => {
  const goOn = () => resume(Effect.yieldNow)
  if (fiber.getRef(Clock.Clock) !== liveClock || fiber.cache.scheduler.executionMode === "sync") return goOn
  let give = goOn
  void new Promise<void>((resolve) => {
    give = resolve
  }).then(goOn)
  return give
}
