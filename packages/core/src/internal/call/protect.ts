/**
 * `protect`, as policies and their parts have it: of an effect, or of options that give a function of an effect.
 *
 * Guarded by `test/bulkhead/bulkhead.test.ts` and `test/composition/transparency.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { CallOptions } from "../../PolicyTypes.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { run } from "./call.ts"

type Run = (self: Effect.Effect<unknown>, key: string | undefined) => Effect.Effect<unknown, unknown, unknown>

/** `protect` by a function that runs an effect for a key. Each caller states its type. */
export const protectBy = (run: Run) => (self: Effect.Effect<unknown> | CallOptions): unknown =>
  Effect.isEffect(self) ? run(self, undefined) : (effect: Effect.Effect<unknown>) => run(effect, self.key)

/** `protect` of a part alone: a call under a policy of only that part, which publishes no events. */
export const protectAlone = (part: Partial<CompiledPolicy<never, never, never>>) => {
  const policy = { name: "", silent: true, timed: true, ...part }
  return protectBy((self, key) => run(policy, key, self))
}
