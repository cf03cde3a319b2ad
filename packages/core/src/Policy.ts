/**
 * Everything a call needs to survive an unreliable dependency, composed in one value: a policy.
 *
 * **When to use**
 *
 * Give each dependency its own policy, at the one place in the program that calls it. As a service, a policy can be
 * swapped by a layer without touching the program: see {@link Service}.
 *
 * **Details**
 *
 * A policy is made once and protects many calls. Its parts apply in one order, outermost first: deadline, bulkhead,
 * rate limit, retry, circuit breaker, hedge, attempt timeout. A part that is not configured does nothing, costs nothing
 * and adds nothing to the error type.
 *
 * **Gotchas**
 *
 * A retry may do the work of a call twice: refuse it with `while` where calls are not idempotent. Do not retry a call
 * that another policy already retries: three retries around three retries are 16 attempts.
 *
 * **Example**
 *
 * See {@link make} for a policy as a value and {@link Service} for one as a service.
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Arguments from "./Arguments.ts"
import { run } from "./internal/call/call.ts"
import { protectBy } from "./internal/call/protect.ts"
import { type CompiledPolicy, compilePolicy, isEmpty, policyOptions } from "./internal/policy/parts.ts"
import type { AnyOptions, Of, Options, Policy, Run } from "./internal/policy/shape.ts"
import type { Exact, Protect } from "./PolicyTypes.ts"

export { describe, type Description, type Part } from "./internal/policy/describe.ts"
export type { AnyOptions, HedgeOptions, Of, Options, Policy, ReasonOf } from "./internal/policy/shape.ts"
export type { CallOptions, Protect, Protected } from "./PolicyTypes.ts"

const fromRun = <E, X, R, M>(
  name: string,
  layers: ReadonlyArray<CompiledPolicy<unknown, unknown, unknown>>,
  run: Run<X, R>
): Policy<E, X, R, M> => ({ name, layers, run, protect: protectBy(run) as Policy<E, X, R, M>["protect"] })

/**
 * Makes a policy. Invalid options are a defect: one `RangeError` that lists every fault.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * let attempts = 0
 * const fetchStock = Effect.suspend(() => ++attempts < 3 ? Effect.fail("connection reset") : Effect.succeed(12))
 *
 * const program = Effect.gen(function*() {
 *   const policy = yield* Policy.make({
 *     deadline: "30 seconds",
 *     retry: { times: 3, backoff: Backoff.exponential({ initial: "1 millis" }) },
 *     attemptTimeout: "10 seconds"
 *   })
 *   return yield* fetchStock.pipe(policy.protect)
 * })
 *
 * await Effect.runPromise(program) // => 12
 * attempts // => 3
 * ```
 */
export const make = <const O extends AnyOptions>(options: O & Exact<O, Options>): Effect.Effect<Of<O>> =>
  // Only the types of the options say which errors the parts accept and add, and what they need.
  Effect.map(untyped(options), (policy) => policy as Of<O>)

const untyped = (options: AnyOptions): Effect.Effect<Policy<never, unknown, unknown, never>> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const policy = compilePolicy(options, context)
    if (isEmpty(policy)) return noop
    return fromRun(policy.name, [policy], (self, key) => run(policy, key, self))
  })

/**
 * The check of {@link Options}, for a constructor that takes the options of a policy beside its own.
 *
 * ```ts import.meta.vitest
 * import { Arguments, Policy } from "@holdfast/core"
 *
 * Arguments.faults(Policy.optionsCheck, { retry: { times: -1 } }).map(Arguments.format)
 * // => ["retry.times must be a whole number of 0 or more, got -1"]
 * ```
 */
export const optionsCheck: Arguments.Check<unknown> = policyOptions

/**
 * The policy that does nothing: `protect` returns the effect itself.
 *
 * ```ts import.meta.vitest
 * import { Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const effect = Effect.succeed(1)
 * Policy.noop.protect(effect) === effect // => true
 * ```
 */
export const noop: Policy = fromRun("noop", [], (self) => self)

/**
 * Runs `inner` within `outer`, for an order of parts other than the usual one. Associative, with {@link noop} as its
 * identity.
 *
 * ```ts import.meta.vitest
 * import { Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   // One timeout around all attempts together, and a deadline around the rest of the program's work.
 *   const retrying = yield* Policy.make({ retry: { times: 2 } })
 *   const bounded = yield* Policy.make({ attemptTimeout: "1 second" })
 *   return yield* Policy.wrap(bounded, retrying).protect(Effect.succeed("done"))
 * })
 *
 * await Effect.runPromise(program) // => "done"
 * ```
 */
export const wrap = <EO, XO, RO, MO, EI, XI extends EO, RI, MI>(
  outer: Policy<EO, XO, RO, MO>,
  inner: Policy<EI, XI, RI, MI>
): Policy<EO & EI, XO | XI, RO | RI, MO & MI> =>
  fromRun(
    `${outer.name}(${inner.name})`,
    [...outer.layers, ...inner.layers],
    (self, key) => outer.run(inner.run(self, key), key)
  )

/**
 * A policy as a service: the program says which policy protects a call, a layer says what that policy is.
 */
export interface ServiceClass<Self, Id extends string, O> extends Context.ServiceClass<Self, Id, Of<O>> {
  /** `protect` of the policy in the context. */
  readonly protect: Of<O> extends Policy<infer E, infer X, infer R, infer M> ? Protect<E, X, R | Self, M> : never

  /** The policy that the class declares. */
  readonly layer: Layer.Layer<Self>

  /** A policy of the same type that does nothing, for tests and for calls that must not be retried. */
  readonly layerNoop: Layer.Layer<Self>

  /**
   * The policy with other options. They must not add a part that the class does not declare, since the program does not
   * handle its errors.
   */
  readonly layerWith: <const O2 extends AnyOptions>(
    options: O2 & Exact<O2, Options> & ([Of<O2>] extends [Of<O>] ? unknown : never)
  ) => Layer.Layer<Self>

  /** The policy with options from `Config`. Invalid values fail with a `ConfigError`. */
  readonly layerConfig: <const O2 extends AnyOptions>(
    config: Config.Config<O2> & ([Of<O2>] extends [Of<O>] ? unknown : never)
  ) => Layer.Layer<Self, Config.ConfigError>
}

/**
 * Declares a policy as a service. The policy's `name` is the identifier, unless the options set one.
 *
 * ```ts import.meta.vitest
 * import { Policy } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * class InventoryPolicy extends Policy.Service<InventoryPolicy>()("app/InventoryPolicy", {
 *   retry: { times: 3 },
 *   attemptTimeout: "10 seconds"
 * }) {}
 *
 * let attempts = 0
 * const fetchStock = Effect.suspend(() => Effect.fail(`down ${++attempts}`))
 * const program = Effect.flip(fetchStock.pipe(InventoryPolicy.protect))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(InventoryPolicy.layerNoop))) // => "down 1"
 * await Effect.runPromise(program.pipe(Effect.provide(InventoryPolicy.layerWith({ retry: { times: 1 } })))) // => "down 3"
 * ```
 */
export const Service = <Self>() =>
<const Id extends string, const O extends AnyOptions>(
  id: Id,
  options: O & Exact<O, Options>
): ServiceClass<Self, Id, O> => {
  const Tag = Context.Service<Self, Of<O>>()(id)
  // The types of `layerWith` and `layerConfig` ensure that these options make a policy of the declared type.
  const declared = (options: AnyOptions): Effect.Effect<Of<O>> =>
    Effect.map(untyped({ name: id, ...options }), (policy) => policy as Of<O>)
  const { protect } = fromRun(
    id,
    [],
    (self, key) => Effect.flatMap(Tag, (policy: Policy<never, unknown, unknown, never>) => policy.run(self, key))
  )
  return Object.assign(Tag, {
    protect: protect as ServiceClass<Self, Id, O>["protect"],
    layer: Layer.effect(Tag, declared(options)),
    layerNoop: Layer.succeed(Tag, noop),
    layerWith: (options: AnyOptions) => Layer.effect(Tag, declared(options)),
    layerConfig: (config: Config.Config<AnyOptions>) =>
      Layer.effect(Tag, Effect.flatMap(config, (options) => Arguments.orConfigError(declared(options))))
  })
}
