/**
 * Everything a call needs to survive an unreliable dependency, composed in one value: a policy.
 *
 * A policy is made once and protects many calls. Its parts apply in one order, outermost first: deadline, bulkhead,
 * rate limit, retry, circuit breaker, hedge, attempt timeout. A part that is not configured does nothing, costs nothing and adds nothing to the error type.
 *
 * Give each dependency its own policy, at the one place in the program that calls it. A policy hurts where calls are
 * not idempotent (a retry may do the work twice: refuse it with `while`) and where another policy already retries the
 * same call.
 *
 * As a service, a policy can be swapped by a layer without touching the program: see {@link Service}.
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schedule from "effect/Schedule"
import * as Arguments from "./Arguments.ts"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import type * as Hedge from "./Hedge.ts"
import { run } from "./internal/call/call.ts"
import { protectBy } from "./internal/call/protect.ts"
import { compilePolicy } from "./internal/policy/compile.ts"
import { type CompiledPolicy, isEmpty } from "./internal/policy/compiled.ts"
import * as Describe from "./internal/policy/describe.ts"
import { policyOptions } from "./internal/policy/options.ts"
import type {
  AttemptTimeout,
  BulkheadFull,
  CircuitOpen,
  DeadlineExceeded,
  FromReason,
  RateLimited
} from "./PolicyError.ts"
import type { Asked, CallOptions, Configured, Exact, Has, Option, Protect, Protected } from "./PolicyTypes.ts"
import type * as RateLimit from "./RateLimit.ts"
import type * as Retry from "./Retry.ts"
import type * as RetryBudget from "./RetryBudget.ts"

/**
 * Protects calls that may fail with `E`. `X` is the error that the policy adds and `R` its requirements: both are
 * `never` for parts that add and need nothing. `M` is a further requirement on the effect: a hedge accepts only effects
 * declared idempotent.
 */
export interface Policy<in E = unknown, out X = never, out R = never, in M = unknown> {
  /** Names the policy in events, logs and spans. */
  readonly name: string

  /**
   * Runs an effect under the policy. `{ key }` names one of several dependencies (an origin, a tenant).
   */
  readonly protect: Protect<E, X, R, M>

  /** @internal The compiled policies, outermost first. */
  readonly layers: ReadonlyArray<CompiledPolicy<unknown, unknown, unknown>>

  /** @internal `protect` for callers that have already checked the types. */
  readonly run: Run<X, R>
}

export type { CallOptions, Protect, Protected }
export type { Part } from "./internal/policy/describe.ts"

/**
 * The parts of a policy. Leave out the parts you do not need.
 */
export interface Options<in E = unknown, out SE = never, out SR = never, in A = unknown> {
  /** Names the policy in events, logs and spans. Default: `"policy"`. */
  readonly name?: string | undefined

  /**
   * How long the whole call may take, including waits, attempts and delays. Effects inside see it as {@link
   * Deadline.Deadline}. Default: no deadline.
   */
  readonly deadline?: Arguments.DurationInput | undefined

  /**
   * How many calls may run at the same time, and how many may wait: options for the policy's own bulkhead, or a shared
   * bulkhead. A permit is held for the whole call, delays included. Default: no limit.
   */
  readonly bulkhead?: Bulkhead.Options | Bulkhead.Bulkhead | undefined

  /**
   * How many calls may start in a window of time: options for the policy's own limit, or a shared limit. Options with a
   * `name` share their count through Effect's `RateLimiter` or its store, if the context in which the policy is made
   * has one. Retries are not counted. Default: no limit.
   */
  readonly rateLimit?: RateLimit.Options | RateLimit.RateLimit | undefined

  /** What to do after a failure. Default: no retry. */
  readonly retry?: Retry.Options<E, SE, SR, A> | undefined

  /**
   * When to stop calling: options for the policy's own breaker, or a shared breaker. It sees every attempt. A rejection
   * ends the call, unless the policy has a deadline and the circuit may admit a probe before it: then the retry waits
   * for that. Default: no breaker.
   */
  readonly circuitBreaker?: CircuitBreaker.Options<E> | CircuitBreaker.CircuitBreaker<E> | undefined

  /**
   * A second attempt beside a slow one. The policy then accepts only effects declared with `Hedge.idempotent`. Each
   * attempt is a race: the circuit breaker sees its outcome, and `attemptTimeout` applies to each leg. Default: no
   * hedge.
   */
  readonly hedge?: HedgeOptions<E> | undefined

  /**
   * How long one attempt may take before it is interrupted. Must not exceed `deadline`. Default: no limit.
   */
  readonly attemptTimeout?: Arguments.DurationInput | undefined
}

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

/** The hedge of a policy: the options of `Hedge`, with a budget that retries may share. */
export interface HedgeOptions<in E = unknown> extends Omit<Hedge.Options<E>, "budget"> {
  /**
   * Consulted before each hedge. A shared budget decides from what this process knows, without asking its store.
   * Default: no limit.
   */
  readonly budget?: RetryBudget.RetryBudget | Hedge.Budget | undefined
}

/** Options for any error type, from which {@link make} and {@link Service} infer. */
export type AnyOptions = Options<never, unknown, unknown, never>

/** The reason that each part can fail with. */
interface Reasons {
  readonly deadline: DeadlineExceeded
  readonly bulkhead: BulkheadFull
  readonly rateLimit: RateLimited
  readonly circuitBreaker: CircuitOpen
  readonly attemptTimeout: AttemptTimeout
}

/** The reasons that a policy with the options `O` can fail with. */
export type ReasonOf<O> = Configured<O, Reasons>

type RetryOf<O> = Option<O, "retry", {}>
type ScheduleOf<O> = Option<RetryOf<O>, "backoff", Schedule.Schedule<unknown>>
type JudgedOf<O> = Option<O, "circuitBreaker", {}> extends CircuitBreaker.CircuitBreaker<infer E> ? E
  : Asked<Option<O, "circuitBreaker", {}>, "isFailure">

/** What the predicates of a retry answer with. */
type AnswerOf<O, K extends "while" | "whileResult"> = Option<RetryOf<O>, K, never> extends
  (...args: never) => infer Answer ? Answer : never
type AnswersOf<O> = AnswerOf<O, "while"> | AnswerOf<O, "whileResult">
type ErrorOf<Answer> = Answer extends Effect.Effect<unknown, infer E, unknown> ? E : never
type NeedsOf<Answer> = Answer extends Effect.Effect<unknown, unknown, infer R> ? R : never

/** What an effect must be: idempotent for a hedge, and with a result that `whileResult` and the schedule accept. */
type AcceptedBy<O> =
  & (Has<O, "hedge"> extends true ? Hedge.Idempotent<unknown, unknown, unknown> : unknown)
  & (Has<RetryOf<O>, "whileResult"> extends true
    ? Succeeding<Asked<RetryOf<O>, "whileResult"> & Schedule.Input<ScheduleOf<O>>>
    : unknown)
type Succeeding<A> = unknown extends A ? unknown : Effect.Effect<A, unknown, unknown>

/** The policy that the options `O` describe: the errors it accepts, the errors it adds, and its requirements. */
export type Of<O> = Policy<
  Asked<RetryOf<O>, "while"> & JudgedOf<O> & Asked<Option<O, "hedge", {}>, "while"> & Schedule.Input<ScheduleOf<O>>,
  FromReason<ReasonOf<O>> | Schedule.Error<ScheduleOf<O>> | ErrorOf<AnswersOf<O>>,
  Schedule.Env<ScheduleOf<O>> | NeedsOf<AnswersOf<O>>,
  AcceptedBy<O>
>

type Run<X, R> = <A, E1, R1>(
  self: Effect.Effect<A, E1, R1>,
  key: string | undefined
) => Effect.Effect<A, E1 | X, R | R1>

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

/** What a policy will do, in words and numbers. */
export interface Description {
  readonly name: string
  /** Every part, outermost first. */
  readonly parts: ReadonlyArray<Describe.Part>
  /** How many times a call may be executed at most. */
  readonly attempts: number
  /** How long a call may take at most; `Duration.infinity` if nothing bounds it. */
  readonly duration: Duration.Duration
  /** The whole description in a few lines. */
  readonly text: string
}

/**
 * Describes what a policy will do, for people and for tests: its parts in order, and the worst case of a call.
 * Uninterruptible attempts may exceed it.
 *
 * ```ts import.meta.vitest
 * import { Backoff, Policy } from "@holdfast/core"
 * import { Duration, Effect } from "effect"
 *
 * const policy = Effect.runSync(Policy.make({
 *   name: "stock",
 *   deadline: "30 seconds",
 *   retry: { times: 2, backoff: Backoff.constant({ delay: "1 second" }), retryAfter: { max: "1 second" } },
 *   attemptTimeout: "3 seconds"
 * }))
 *
 * const description = Policy.describe(policy)
 * description.attempts // => 3
 * description.duration // => Duration.millis(11_200)
 * description.parts.map(({ part }) => part) // => ["deadline", "retry", "attemptTimeout"]
 * description.text.split("\n")[0] // => "stock: at most 3 attempts, in at most 11s 200ms"
 * ```
 */
export const describe = <E, X, R, M>(policy: Policy<E, X, R, M>): Description => {
  const parts = policy.layers.flatMap(Describe.words)
  const { attempts, duration } = policy.layers.toReversed().reduce(
    (within, layer) => Describe.worst(layer, within),
    { attempts: 1, duration: Infinity }
  )
  const most = duration === Infinity
    ? "with no bound on time"
    : `in at most ${Duration.format(Duration.millis(Math.round(duration)))}`
  const head = `${policy.name}: at most ${attempts} ${attempts === 1 ? "attempt" : "attempts"}, ${most}`
  const text = [head, ...parts.map(({ part, text }) => `- ${part}: ${text}`)].join("\n")
  return { name: policy.name, parts, attempts, duration: Duration.millis(duration), text }
}

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
