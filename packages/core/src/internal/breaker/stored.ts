/**
 * A breaker whose circuits live in Effect's `CircuitBreakerStore`, with the local circuits following them, so that they
 * are of use when the store is not.
 *
 * Guarded by `test/breaker/stored.test.ts` and `test/issues/stored-circuit-that-rejects-tells-of-an-attempt.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Store from "effect/persistence/CircuitBreaker"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { CircuitOpen, PolicyError } from "../../PolicyError.ts"
import { nowOf } from "../fiber/now.ts"
import { retryAfterOfExit } from "../retryAfter.ts"
import type { Breaker } from "./breaker.ts"
import * as Machine from "./circuit.ts"
import type { OnChange, State } from "./state.ts"
import type { Trip } from "./trip.ts"

/** What came of asking the store. */
type Answer<A> =
  | { readonly _tag: "Answered"; readonly value: A }
  | { readonly _tag: "Rejected"; readonly retryAfter: number }
  | { readonly _tag: "Failed" }

const failed: Answer<never> = { _tag: "Failed" }

const noChance: Machine.Chance = { random: () => 0 }

/** The trip as the store counts it, or `undefined` when it cannot. */
const countedByStore = (trip: Trip): Store.TripPolicy | undefined => {
  if (trip._tag === "Consecutive") return trip
  return trip._tag === "CountRate" && trip.slow === undefined
    ? { _tag: "Rate", threshold: trip.threshold, minimumCalls: trip.minimumCalls, size: trip.size }
    : undefined
}

// Opens a circuit of the store at once, after a decision that was made here.
const atOnce: Store.TripPolicy = { _tag: "Consecutive", failures: 1 }

const outcomes = { [Machine.success]: "Success", [Machine.failure]: "Failure", [Machine.ignored]: "Ignored" } as const

export const make = <E>(
  local: Breaker<E>,
  store: Store.CircuitBreakerStore["Service"],
  storeTimeout: number
) => {
  const { rules } = local
  const counted = countedByStore(rules.trip)
  const nameOf = (key: string | undefined) => key === undefined ? local.name : `${local.name}:${key}`

  // The store is a dependency like any other: after a failure it is skipped for a while.
  const health = new Machine.Circuit({
    trip: { _tag: "Consecutive", failures: 1 },
    openFor: 5_000,
    probes: 1,
    maxRetryAfter: 0,
    idleTimeToLive: Infinity,
    mode: "enabled",
    probeThreshold: undefined,
    halfOpenFor: Infinity,
    onTransition: () => {}
  }, undefined)

  // A store that throws has failed as one that dies.
  const ask = Effect.fnUntraced(function*<A>(question: () => Effect.Effect<A, Store.CircuitBreakerError>) {
    const ticket = health.admit(yield* Clock.currentTimeMillis)
    if (ticket < 0) return failed
    // An interrupted caller tells nothing about the store, but must not keep its only probe.
    const exit = yield* Effect.exit(Effect.timeoutOption(Effect.suspend(question), storeTimeout)).pipe(
      Effect.onInterrupt(() =>
        Effect.map(Clock.currentTimeMillis, (now) => health.settle(ticket, now, Machine.ignored, 0, 0, noChance))
      )
    )
    const answer = answerOf(exit)
    const wasClosed = health.state === "Closed"
    const outcome = answer._tag === "Failed" ? Machine.failure : Machine.success
    health.settle(ticket, yield* Clock.currentTimeMillis, outcome, 0, 0, noChance)
    if (wasClosed && health.state === "Open") {
      const why = Exit.isFailure(exit)
        ? "failed"
        : `did not answer in ${Duration.format(Duration.millis(storeTimeout))}`
      yield* Effect.logWarning(
        `${local.name}: the circuit breaker's store ${why}; calls go on with this process's own state`
      )
    }
    return answer
  })

  /** Moves local circuits along with the store's, whose transitions are the ones to show. */
  const quietly = <A>(move: () => A): A => {
    local.silent = true
    try {
      return move()
    } finally {
      local.silent = false
    }
  }

  const show = (
    transition: Store.Transition | undefined,
    key: string | undefined,
    at: number,
    onChange?: OnChange
  ): void => {
    if (transition === undefined) return
    const { from, to } = transition
    onChange?.(from, to)
    local.show({ key, from, to, at, openFor: transition.to === "Open" ? transition.retryAfter : undefined })
  }

  const openFor = (openings: number, hint: number, chance: Machine.Chance): Duration.Duration => {
    let delay = 0
    if (typeof rules.openFor === "number") {
      delay = rules.openFor
    } else {
      // The store counts openings but does not keep their delays, from which a backoff may go on.
      for (let opening = 1; opening <= openings; opening++) {
        delay = rules.openFor.delay(opening, delay, chance.random())
      }
    }
    return Duration.millis(Math.max(delay, Math.min(hint, rules.maxRetryAfter)))
  }

  /** Runs a call by the circuits of this process, while the store does not answer. */
  const runHere = <A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    onChange: OnChange | undefined
  ): Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R> =>
    Effect.withFiber<A, E1 | PolicyError<CircuitOpen>, R>((fiber) => {
      const startedAt = nowOf(fiber)
      const circuit = local.circuits.get(key, startedAt)
      const ticket = circuit.admit(startedAt)
      if (ticket < 0) return local.reject(circuit.retryAfter(startedAt))
      const chance = { random: () => fiber.getRef(Random.Random).nextDoubleUnsafe() }
      return Effect.onExit(self, (exit) =>
        Effect.sync(() => {
          const from = circuit.state
          let outcome: Machine.Outcome = Machine.failure
          try {
            outcome = local.outcome(exit)
          } finally {
            const now = nowOf(fiber)
            circuit.settle(ticket, now, outcome, now - startedAt, retryAfterOfExit(exit), chance)
          }
          if (circuit.state !== from) onChange?.(from, circuit.state)
        }))
    })

  const attempt = Effect.fnUntraced(function*<A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    scope: Scope.Scope,
    onChange: OnChange | undefined
  ): Effect.fn.Return<A, E1 | PolicyError<CircuitOpen>, R> {
    const isObserved = rules.mode === "observe"
    if (local.circuits.peek(key)?.state === "Isolated" && !isObserved) return yield* local.reject(Infinity)
    const name = nameOf(key)
    const answer = yield* ask(() => Scope.provide(store.admit(name), scope))
    if (answer._tag === "Failed") return yield* runHere(self, key, onChange)

    const startedAt = yield* Clock.currentTimeMillis
    const circuit = quietly(() => local.circuits.get(key, startedAt))
    const isolated = circuit.state === "Isolated"
    if (answer._tag === "Rejected") {
      if (!isolated) quietly(() => circuit.holdOpen(startedAt, answer.retryAfter))
      return yield* isObserved ? self : local.reject(answer.retryAfter)
    }
    const admission = answer.value
    show(admission.transition, key, startedAt)
    const random = yield* Random.Random
    const chance = { random: () => random.nextDoubleUnsafe() }
    const record = (outcome: Machine.Outcome, hint: number) =>
      Effect.flatMap(
        Effect.suspend(() => {
          // Outside of the question: what a call's `Random` throws is not a failure of the store.
          const open = openFor(admission.consecutiveOpenings + 1, hint, chance)
          return ask(() =>
            store.record({
              key: name,
              generation: admission.generation,
              outcome: outcomes[outcome],
              tripPolicy: counted ?? atOnce,
              openFor: open
            })
          )
        }),
        (recorded) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            if (recorded._tag === "Answered") show(recorded.value, key, now, onChange)
          })
      )
    if (isolated) {
      // By hand, while the store was asked.
      if (admission.probe) yield* record(Machine.ignored, 0)
      return yield* isObserved ? self : local.reject(Infinity)
    }
    const ticket = quietly(() => {
      if (admission.probe) circuit.holdOpen(startedAt, 0)
      else if (circuit.state !== "Closed") circuit.close(startedAt)
      return circuit.admit(startedAt)
    })

    const exit = yield* Effect.exit(self)
    const ended = yield* Clock.currentTimeMillis
    const judged = yield* Effect.exit(Effect.sync(() => local.outcome(exit)))
    let outcome: Machine.Outcome = Exit.isSuccess(judged) ? judged.value : Machine.failure
    const hint = retryAfterOfExit(exit)
    const wasClosed = circuit.state === "Closed"
    quietly(() => circuit.settle(ticket, ended, outcome, ended - startedAt, hint, chance))
    const tripped = wasClosed && circuit.state === "Open"
    if (admission.probe) {
      if (outcome === Machine.success && ended - startedAt > circuit.slowAfter) outcome = Machine.failure
      yield* record(outcome, hint)
    } else if (counted === undefined) {
      if (tripped) yield* record(Machine.failure, hint)
    } else if (outcome !== Machine.ignored) {
      yield* record(outcome, hint)
    }
    if (Exit.isFailure(judged)) return yield* Effect.failCause(judged.cause)
    return yield* exit
  })

  return {
    rules,

    run: <A, E1 extends E, R>(
      self: Effect.Effect<A, E1, R>,
      key: string | undefined,
      onChange?: OnChange
    ): Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R> =>
      rules.mode === "disabled" ?
        self :
        Effect.uninterruptibleMask((restore) =>
          Effect.scopedWith((scope) => attempt(restore(self), key, scope, onChange))
        ),

    state: Effect.fnUntraced(function*(key: string | undefined) {
      if (local.circuits.peek(key)?.state === "Isolated") return isolatedState
      const answer = yield* ask(() => store.state(nameOf(key)))
      return answer._tag === "Answered" ? stateOf(answer.value) : yield* local.state(key)
    }),

    close: (key: string | undefined, now: number): void => {
      if (local.circuits.peek(key)?.state === "Isolated") local.close(key, now)
      else quietly(() => local.close(key, now))
    }
  }
}

const isolatedState: State = { _tag: "Isolated" }

const stateOf = (state: Store.State): State => {
  switch (state._tag) {
    case "Closed":
      return { _tag: "Closed" }
    case "Open":
      return { _tag: "Open", retryAfter: state.retryAfter }
    case "HalfOpen":
      return { _tag: "HalfOpen", probing: state.probing ? 1 : 0 }
  }
}

const answerOf = <A>(exit: Exit.Exit<Option.Option<A>, Store.CircuitBreakerError>): Answer<A> => {
  if (Exit.isSuccess(exit)) {
    return Option.isSome(exit.value) ? { _tag: "Answered", value: exit.value.value } : failed
  }
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return failed
  switch (error.value.reason._tag) {
    case "CircuitOpen":
      return { _tag: "Rejected", retryAfter: Duration.toMillis(error.value.reason.retryAfter) }
    case "CircuitHalfOpen":
      return { _tag: "Rejected", retryAfter: 0 }
    default:
      return failed
  }
}
