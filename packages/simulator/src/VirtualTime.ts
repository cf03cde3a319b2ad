/**
 * Runs any effect in virtual time: an hour of sleeps takes no longer than what happens between them.
 *
 * **When to use**
 *
 * Use it for a program of your own whose time is simulated, such as many clients with a policy and a store. To test one
 * program step by step, use Effect's `TestClock`.
 *
 * **Details**
 *
 * Time begins at 0 and moves on to the next timer as soon as no fiber can run. `Random` is seeded, so that a run repeats.
 *
 * **Gotchas**
 *
 * Only `Clock` is virtual. {@link run} throws if the effect waits for anything else, such as a promise or a socket.
 *
 * **Example**
 *
 * See {@link run}.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { Engine } from "./internal/engine/engine.ts"

/** How to run an effect. */
export interface Options {
  /** The seed of `Random`. Default: 1. */
  readonly seed?: number | string | undefined
}

/**
 * Runs an effect to its end, at once, from the instant 0. Throws if it waits for something else than time.
 *
 * ```ts import.meta.vitest
 * import { Policy } from "@holdfast/core"
 * import { VirtualTime } from "@holdfast/simulator"
 * import { Clock, Effect, Exit } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ deadline: "1 hour", retry: { times: 1_000 } })
 *   yield* Effect.ignore(policy.protect(Effect.fail("down")))
 *   return yield* Clock.currentTimeMillis
 * })
 *
 * const exit = VirtualTime.run(program)
 * Exit.isSuccess(exit) && exit.value > 3_500_000 // => true
 * ```
 */
export const run = <A, E>(effect: Effect.Effect<A, E>, options: Options = {}): Exit.Exit<A, E> => {
  const engine = new Engine()
  const random = Effect.runSync(Random.withSeed(Random.Random, options.seed ?? 1))
  const fiber = Effect.runForkWith(engine.contextWith(random))(effect)
  engine.advance(Infinity, () => fiber.pollUnsafe() !== undefined)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return exit
  fiber.interruptUnsafe()
  engine.drain()
  throw new Error("VirtualTime.run: the effect waits for something other than time, such as a promise")
}
