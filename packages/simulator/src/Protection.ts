/** What a call of a system can be protected with. */
import type * as Policy from "@holdfast/core/Policy"
import type * as Effect from "effect/Effect"
import type { CallFailure } from "./CallFailure.ts"

/** Protects a call, as `policy.protect` does. */
export type Protect = (call: Effect.Effect<void, CallFailure>) => Effect.Effect<unknown, unknown>

/** An effect that makes what protects a call, once for each client: `Policy.make(options)` is one. */
export type Protector = Effect.Effect<{ readonly protect: Protect }>

/** The options of a policy that takes any call. */
export type PolicyOptions = Policy.Options<CallFailure>
