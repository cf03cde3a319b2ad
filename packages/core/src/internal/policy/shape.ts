/**
 * A policy, its options and its type: the shapes that `Policy` publishes.
 *
 * Guarded by `test/Policy.test.ts` and `test/breaker/inPolicy.test.ts`.
 */
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Arguments from "../../Arguments.ts"
import type * as Bulkhead from "../../Bulkhead.ts"
import type * as CircuitBreaker from "../../CircuitBreaker.ts"
import type * as Hedge from "../../Hedge.ts"
import type { FromReason, Reasons } from "../../PolicyError.ts"
import type { Asked, Configured, Has, Option, Protect } from "../../PolicyTypes.ts"
import type * as RateLimit from "../../RateLimit.ts"
import type * as Retry from "../../Retry.ts"
import type * as RetryBudget from "../../RetryBudget.ts"
import type { CompiledPolicy } from "./parts.ts"

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

/** Runs an effect, for callers that have already checked its types. */
export type Run<X, R> = <A, E1, R1>(
  self: Effect.Effect<A, E1, R1>,
  key: string | undefined
) => Effect.Effect<A, E1 | X, R | R1>
