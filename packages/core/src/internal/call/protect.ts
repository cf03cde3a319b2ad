/**
 * `protect`, as policies and their parts have it: of an effect, or of options that give a function of an effect.
 *
 * Guarded by `test/bulkhead/bulkhead.test.ts` and `test/composition/transparency.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Arguments from "../../Arguments.ts"
import type { CallOptions } from "../../PolicyTypes.ts"
import type { CompiledPolicy } from "../policy/parts.ts"
import { run } from "./call.ts"

type Run = (self: Effect.Effect<unknown>, key: string | undefined) => Effect.Effect<unknown, unknown, unknown>

const options = Arguments.struct({ key: Arguments.optional(Arguments.string) })

/** A promise, or a function that makes one, is the mistake to expect: it is said what makes an effect of it. */
const callOptions: typeof options = (value, place) => {
  if (typeof value === "object" && value !== null && !(value instanceof Promise)) return options(value, place)
  const got = value instanceof Promise ? "a Promise" : Arguments.show(value)
  place.fault(`needs an Effect or { key }, got ${got}: Effect.tryPromise(() => ...) makes one from promises`)
  return { key: undefined }
}

// Most keys are right, and pass without a check.
const keyOf = (options: CallOptions): string | undefined =>
  typeof options?.key === "string" ? options.key : Arguments.check("protect", callOptions, options).key

/** `protect` by a function that runs an effect for a key. Each caller states its type. */
export const protectBy = (run: Run) => (self: Effect.Effect<unknown> | CallOptions): unknown => {
  if (Effect.isEffect(self)) return run(self, undefined)
  const key = keyOf(self)
  return (effect: Effect.Effect<unknown>) => run(effect, key)
}

/** `protect` of a part alone: a call under a policy of only that part, which publishes no events. */
export const protectAlone = (part: Partial<CompiledPolicy<never, never, never>>) => {
  const policy = { name: "", silent: true, timed: true, ...part }
  return protectBy((self, key) => run(policy, key, self))
}
