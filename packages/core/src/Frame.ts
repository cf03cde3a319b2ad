/**
 * Steps of a fiber, for the author of a client that has a policy in it.
 *
 * **When to use**
 *
 * Use it where a client does something of its own around a call and around each attempt, for each of many calls, and the
 * operators for that (`Effect.matchEffect`, `Effect.onExit`, a context for each attempt) would cost more than the policy.
 * `@holdfast/http` does. Anywhere else, use `Policy.protect`.
 *
 * **Details**
 *
 * A {@link Frame} runs one effect after the other in the fiber of its caller, and sees how each ends. {@link begin} runs
 * the attempts of a client under a policy, as a step of the fiber.
 *
 * **Gotchas**
 *
 * Frames are made of what Effect does not export. Where a version of Effect lacks it, they run by exported means, with the
 * same result.
 *
 * **Example**
 *
 * See {@link Frame} and {@link begin}.
 */
import * as Effect from "effect/Effect"
import { runIn } from "./internal/call/call.ts"
import { deadlineOf, type Running } from "./internal/call/deadline.ts"
import type { AnyFiber } from "./internal/fiber/unexported.ts"
import type { Policy } from "./internal/policy/shape.ts"

export type { Running } from "./internal/call/deadline.ts"
export { Frame } from "./internal/fiber/frame.ts"

/**
 * Runs the attempts of a client under a policy, as a step of `fiber`: what `attempt` returns is run as one attempt, and
 * `attempt` is called again for the next.
 *
 * - `key` names one of several dependencies, as for `protect`.
 * - `isOwn` is whether the attempts are code of the client alone, which does not read `Deadline` or
 *   `Schedule.CurrentMetadata` in its context and ends at once when it is interrupted. They then run in the context of
 *   the caller, the deadline is asked of the call, and a retry without a delay does not yield. Say no if an attempt may
 *   run code of the program.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Frame, Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({ retry: { times: 2, backoff: Backoff.constant({ delay: 0 }) } })
 *   let attempts = 0
 *   const attempt = () => ++attempts < 3 ? Effect.fail("busy" as const) : Effect.succeed(attempts)
 *   return yield* Effect.withFiber((fiber) => Frame.begin(fiber, policy, undefined, attempt, true))
 * })
 *
 * await Effect.runPromise(program) // => 3
 * ```
 */
export const begin = <A, E1 extends E, R1, E, X, R, M>(
  fiber: AnyFiber,
  policy: Policy<E, X, R, M>,
  key: string | undefined,
  attempt: (fiber: AnyFiber, running: Running) => Effect.Effect<A, E1, R1> & M,
  isOwn: boolean
): Effect.Effect<A, E1 | X, R1 | R> => {
  const [own, ...others] = policy.layers
  if (own === undefined || others.length > 0) {
    return policy.run(Effect.withFiber((fiber) => attempt(fiber, { deadline: () => deadlineOf(fiber) })), key)
  }
  // The type of the policy says what its parts add.
  return runIn(fiber, own, key, attempt, isOwn) as Effect.Effect<A, E1 | X, R1 | R>
}
