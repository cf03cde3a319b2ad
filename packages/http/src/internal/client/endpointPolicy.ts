/**
 * The compiled policy of a client or of one of its endpoints: two core policies over the same parts, one for requests
 * that are safe to repeat and one for the others.
 *
 * Guarded by `test/client/reloading.test.ts` and `test/client/endpoints.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Frame from "@holdfast/core/Frame"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import type { PolicyError } from "@holdfast/core/PolicyError"
import type { RetryScheduled } from "@holdfast/core/PolicyEvent"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpFailure from "../../HttpFailure.ts"
import * as HttpPolicy from "../../HttpPolicy.ts"
import type { Rules } from "../call/attempt.ts"
import { AttemptFailure } from "../call/attemptFailure.ts"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { afterTimeout } from "../call/progress.ts"
import type { KeptParts } from "../live/keptParts.ts"
import { templateOf } from "../telemetry/requestDuration.ts"
import { timer } from "../timer.ts"
import { ByOrigin, OriginBudgets } from "./budgets.ts"
import { limited, type OriginPauses } from "./pauses.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Attempted = Effect.Effect<BodyResponse, AttemptFailure | PolicyError>
type Breaker = CircuitBreaker.CircuitBreaker<HttpFailure.HttpFailure>

/** The parts with state; `undefined` for a part that is not configured. */
interface Stateful {
  readonly bulkhead: Bulkhead.Bulkhead | undefined
  readonly rateLimit: RateLimit.RateLimit | undefined
  readonly circuitBreaker: Breaker | undefined
  readonly budget: RetryBudget.RetryBudget | OriginBudgets | undefined
}

/** A call, as far as its attempts go. */
interface Attempts {
  /** Whether an attempt is safe to repeat, however it ended. */
  readonly isRepeatable: boolean
  /** Whether its attempts run nothing of the program. */
  readonly isOwn: boolean
  attempt(fiber: AnyFiber, running: Frame.Running): Effect.Effect<BodyResponse, AttemptFailure>
  tracked<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
}

/** The two policies of one origin. */
interface Pair {
  readonly repeatable: Policy.Policy<AttemptFailure, PolicyError, never, Hedge.Idempotent<unknown, unknown, unknown>>
  readonly careful: Policy.Policy<AttemptFailure, PolicyError>
}

type Make = (budget: RetryBudget.RetryBudget | undefined) => Effect.Effect<Pair>

export class EndpointPolicy {
  readonly parts: HttpPolicy.Parts
  readonly rules: Rules
  readonly stateful: Stateful
  readonly retries: boolean
  private readonly make: Make
  private readonly only: Pair
  private readonly pairs: ByOrigin<Pair> | undefined

  constructor(parts: HttpPolicy.Parts, rules: Rules, stateful: Stateful, make: Make, only: Pair) {
    this.parts = parts
    this.rules = rules
    this.stateful = stateful
    this.retries = parts.retry !== false && parts.retry?.times !== 0
    this.make = make
    this.only = only
    this.pairs = stateful.budget instanceof OriginBudgets ? new ByOrigin() : undefined
  }

  /** Runs the attempts of a call, as a step of its fiber. */
  run(call: Attempts, origin: string | undefined, fiber: AnyFiber): Attempted {
    if (this.pairs === undefined) return protect(fiber, this.only, call, origin)
    const pair = this.pairs.get(origin)
    return pair === undefined
      ? Effect.flatMap(this.pairOf(origin), (pair) => Effect.withFiber((fiber) => protect(fiber, pair, call, origin)))
      : protect(fiber, pair, call, origin)
  }

  private pairOf(origin: string | undefined): Effect.Effect<Pair> {
    const { budget } = this.stateful
    const made = budget instanceof OriginBudgets ? Effect.flatMap(budget.get(origin), this.make) : this.make(budget)
    return Effect.map(made, (pair) => this.pairs?.set(origin, pair) ?? pair)
  }
}

const protect = (
  fiber: AnyFiber,
  { careful, repeatable }: Pair,
  call: Attempts,
  key: string | undefined
): Attempted => {
  const attempt = (fiber: AnyFiber, running: Frame.Running) => Hedge.idempotent(call.attempt(fiber, running))
  return call.isRepeatable
    ? Frame.begin(fiber, repeatable, key, attempt, call.isOwn)
    : call.tracked(Effect.withFiber((fiber) => Frame.begin(fiber, careful, key, attempt, call.isOwn)))
}

/** Settings and state that the client shares with its endpoints. */
export interface Common {
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
  readonly kept: KeptParts
  readonly pauses: OriginPauses
}

/**
 * Compiles options that have been checked. `client` is the policy from which an endpoint inherits the parts that it
 * leaves out.
 */
export const compile = (
  name: string,
  own: HttpPolicy.Parts & Pick<HttpPolicy.Endpoint, "path">,
  common: Common,
  client?: EndpointPolicy
): Effect.Effect<EndpointPolicy> =>
  Effect.gen(function*() {
    const parts = client === undefined ? own : inherit(client.parts, own)
    const total = millisOf(parts.timeouts?.total)
    const attempt = millisOf(parts.timeouts?.attempt)
    const retry = parts.retry === false ? { times: 0 } : parts.retry ?? {}
    const hedge = parts.hedge === false ? undefined : parts.hedge
    const stateful = yield* statefulOf(name, own, common.kept, client)
    const { max, mode, spread } = Retry.make({ retryAfter: retry.retryAfter }).retryAfter
    const longestPause = retry.times === 0 ? 0 : mode === "wait" ? Infinity : max
    const rules: Rules = {
      parts,
      total,
      attempt,
      longestPause,
      spread: { share: typeof spread === "number" ? () => spread : spread, max },
      isHedged: hedge !== undefined,
      attemptHeader: common.attemptHeader,
      deadlineHeader: common.deadlineHeader,
      template: templateOf(own.path)
    }
    const rateLimit = longestPause === 0
      ? stateful.rateLimit
      : yield* limited(stateful.rateLimit, common.pauses, longestPause, total)
    const decide = (failure: AttemptFailure) => HttpPolicy.decide(failure.attempt, parts)
    const make: Make = (budget) => {
      const options = {
        name,
        deadline: total,
        bulkhead: stateful.bulkhead,
        rateLimit,
        circuitBreaker: stateful.circuitBreaker,
        attemptTimeout: attempt,
        retry: {
          ...retry,
          budget,
          while: decide,
          retryAfter: { ...retry.retryAfter, spread: (failure: AttemptFailure) => failure.spreadShare(longestPause) },
          onRetry: (event: RetryScheduled) => {
            // Release the connection as soon as another attempt is certain.
            if (event.error instanceof AttemptFailure) event.error.discard()
            retry.onRetry?.(event)
          }
        }
      }
      return Effect.all({
        repeatable: Policy.make({
          ...options,
          hedge: hedge && {
            ...hedge,
            budget: hedge.budget ?? budget,
            while: hedge.while ?? ((failure: AttemptFailure) => decide(failure) === true)
          }
        }),
        careful: Policy.make({
          ...options,
          retry: { ...options.retry, onTimeout: retry.onTimeout === "stop" ? "stop" : afterTimeout }
        })
      })
    }
    // Build one pair now, so that invalid options fail here and not at the first request.
    const { budget } = stateful
    const only = yield* Effect.flatMap(
      budget instanceof OriginBudgets ? budget.get(undefined) : Effect.succeed(budget),
      make
    )
    return new EndpointPolicy(parts, rules, stateful, make, only)
  })

const millisOf = (input: Arguments.DurationInput | false | undefined): number | undefined =>
  input === undefined || input === false ? undefined : timer(input, new Arguments.Place())

/** Overlays an endpoint's options on the client's. */
const inherit = (client: HttpPolicy.Parts, own: HttpPolicy.Parts): HttpPolicy.Parts => ({
  ...client,
  ...said(own),
  retry: own.retry === undefined ? client.retry : own.retry && { ...client.retry, ...said(own.retry) },
  timeouts: { ...client.timeouts, ...said(own.timeouts ?? {}) }
})

const said = <A extends object>(options: A): Partial<A> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<A>

const statefulOf = (
  name: string,
  own: HttpPolicy.Parts,
  kept: KeptParts,
  client: EndpointPolicy | undefined
): Effect.Effect<Stateful> => {
  const { bulkhead, circuitBreaker, rateLimit, retry } = own
  const inherited = client?.stateful
  const part = <S extends object, O>(
    key: keyof Stateful,
    said: O | S | false | undefined,
    inherited: S | undefined,
    isReady: (u: unknown) => u is S,
    make: (options: O, previous?: S) => Effect.Effect<S>
  ): Effect.Effect<S | undefined> => {
    if (said === undefined) return Effect.succeed(inherited)
    if (said === false) return Effect.undefined
    return isReady(said) ? Effect.succeed(said) : kept.get(`${name}/${key}`, said, make)
  }
  const budget = retry === false ? false : retry?.budget
  return Effect.all({
    bulkhead: part<Bulkhead.Bulkhead, Bulkhead.Options>(
      "bulkhead",
      bulkhead,
      inherited?.bulkhead,
      Bulkhead.isBulkhead,
      (options) => Bulkhead.make({ name, ...options })
    ),
    rateLimit: part<RateLimit.RateLimit, RateLimit.Options>(
      "rateLimit",
      rateLimit,
      inherited?.rateLimit,
      RateLimit.isRateLimit,
      (options) => RateLimit.make(options)
    ),
    circuitBreaker: part<Breaker, CircuitBreaker.Options<HttpFailure.HttpFailure>>(
      "circuitBreaker",
      circuitBreaker,
      inherited?.circuitBreaker,
      CircuitBreaker.isCircuitBreaker,
      (options, previous) => {
        const given = { name, isFailure, ...options }
        return previous === undefined ? CircuitBreaker.make(given) : CircuitBreaker.makeFrom(previous, given)
      }
    ),
    budget: part<RetryBudget.RetryBudget | OriginBudgets, RetryBudget.Options>(
      "budget",
      budget,
      inherited?.budget,
      RetryBudget.isRetryBudget,
      (options, previous) => OriginBudgets.make(options, previous instanceof OriginBudgets ? previous : undefined)
    )
  })
}

/** An invalid request that was never sent says nothing about the server. */
const isFailure = ({ reason, requestWritten }: HttpFailure.HttpFailure): boolean =>
  requestWritten || reason._tag !== "ProtocolError"
