/**
 * The protection of a call in a system: the options of a policy, or an effect that makes anything else.
 *
 * **When to use**
 *
 * Use {@link PolicyOptions} for a policy as production has it. Use a {@link Protector} for one that `Policy.make` does not
 * make, such as a pipeline of your own or that of another library.
 *
 * **Details**
 *
 * A protector runs once for each client, or once for all of them if the call is `shared`. Its `protect` gets the call of
 * the model, under a virtual `Clock` and a seeded `Random`.
 *
 * **Gotchas**
 *
 * The retries, hedges, rejections and opened breakers of an outcome are those that Holdfast's policies report. A protector
 * of another kind shows only in the attempts and in the outcome of the calls.
 *
 * **Example**
 *
 * See `System.make`.
 */
import type * as Policy from "@holdfast/core/Policy"
import type * as Effect from "effect/Effect"
import type { CallFailure } from "./CallFailure.ts"

/** Protects a call, as `policy.protect` does. */
export type Protect = (call: Effect.Effect<void, CallFailure>) => Effect.Effect<unknown, unknown>

/** An effect that makes what protects a call, once for each client: `Policy.make(options)` is one. */
export type Protector = Effect.Effect<{ readonly protect: Protect }>

/** The options of a policy that takes any call. */
export type PolicyOptions = Policy.Options<CallFailure>
