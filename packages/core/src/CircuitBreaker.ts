/**
 * Stops calling a failing dependency, and uses a few probe calls to detect its recovery.
 *
 * **When to use**
 *
 * A call to a dependency that is down holds fibers and sockets until it times out, and adds to the load that keeps the
 * dependency down. A breaker fails such a call at once instead (Michael T. Nygard, "Release It!", 2007). One breaker
 * keeps a circuit for each key, since dependencies fail independently: use an origin, a tenant or a model as the key.
 *
 * **Details**
 *
 * - Closed: calls run, and the {@link Trip} decides from their outcomes when to open the circuit.
 * - Open: calls fail with `CircuitOpen` without running, until the open time is over.
 * - HalfOpen: at most `probes` calls run, and the others fail with `CircuitOpen`. When `probes` calls have succeeded
 *   the circuit closes; the first that fails, or is slow, opens it again. An interrupted probe frees its slot.
 * - Isolated: held open by hand.
 *
 * In a `Policy`, an open circuit ends the retries of a call: the rejection is its error. If the policy has a deadline, and
 * the circuit may admit a probe before it, the retry waits for that instead.
 *
 * Failures and defects count as failures. Interruption, which the caller caused, and a call that an inner policy
 * rejected before it ran are ignored. So is a call that ends after the state has changed: only probes decide the
 * half-open state. Windows, minimum and slow calls are those of resilience4j
 * (resilience4j.readme.io/docs/circuitbreaker), and isolation is Polly's
 * (www.pollydocs.org/strategies/circuit-breaker). Unlike in resilience4j, all probes must succeed by default, and a
 * time window ages without calls, in tenths.
 *
 * Metrics: `holdfast.circuit_breaker.transitions` by `from` and `to`, and `holdfast.circuit_breaker.rejections`.
 *
 * **Gotchas**
 *
 * One circuit over parts that fail independently rejects calls that would have worked, and a window over few calls
 * means nothing. A probe that never ends keeps its slot: put a timeout inside the breaker. Put a retry around the
 * breaker, as `Policy` does, if each attempt should be counted and rejected on its own, and inside it if only the final
 * outcome should count.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { CircuitBreakerStore } from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Arguments from "./Arguments.ts"
import { positiveMillis as millisOf } from "./internal/arguments/argument.ts"
import { Breaker } from "./internal/breaker/breaker.ts"
import { breakerOptions, sharedOptions, snapshotOption } from "./internal/breaker/options.ts"
import type { CircuitBreaker, Options, SharedOptions, StoredBreaker } from "./internal/breaker/shape.ts"
import * as Shape from "./internal/breaker/shape.ts"
import type { State } from "./internal/breaker/state.ts"
import * as Shared from "./internal/breaker/stored.ts"
import { consecutiveOptions, rateOptions, type Trip } from "./internal/breaker/trip.ts"
import { protectAlone, protectBy } from "./internal/call/protect.ts"

export type { CircuitBreaker, Options, SharedOptions } from "./internal/breaker/shape.ts"
export type { SavedCircuit, Snapshot, State, StateTag, Stats, Transition } from "./internal/breaker/state.ts"
export type { Slow, Trip } from "./internal/breaker/trip.ts"

/**
 * Tells a `CircuitBreaker` from any other value.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * CircuitBreaker.isCircuitBreaker(Effect.runSync(CircuitBreaker.make())) // => true
 * CircuitBreaker.isCircuitBreaker({}) // => false
 * ```
 */
export const isCircuitBreaker: (u: unknown) => u is CircuitBreaker = Shape.isCircuitBreaker

/**
 * Opens after `failures` failures in a row, in the order in which calls end. Use it for dependencies with few calls.
 * With many, a run of failures sooner or later happens by chance; use {@link rate} there.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(2) })
 *   const call = Effect.fail("down").pipe(breaker.protect, Effect.flip)
 *   yield* call
 *   const before = yield* breaker.state()
 *   yield* call
 *   const after = yield* breaker.state()
 *   return [before._tag, after._tag]
 * })
 *
 * await Effect.runPromise(program) // => ["Closed", "Open"]
 * ```
 */
export const consecutive = (failures: number): Trip => ({
  _tag: "Consecutive",
  failures: Arguments.check("CircuitBreaker.consecutive", consecutiveOptions, failures)
})

/**
 * Opens when the share of failures among the last calls reaches `threshold`, or the share of slow calls reaches that of
 * `slow`. It is evaluated after every counted call, successes included.
 *
 * - `threshold`: above 0, at most 1. Default: 0.5.
 * - `window`: how long a call counts. Ages in tenths. Default: `"30 seconds"`, unless there is a `size`.
 * - `size`: how many of the last calls count, however old. Not together with `window`. Default: no limit.
 * - `minimumCalls`: with fewer calls in the window the circuit stays closed. Must not exceed `size`. Default: 20, or to
 *   `size` if that is smaller.
 * - `slow.longerThan`: a call that takes longer is slow, whether it fails or not. Default: no call is slow.
 * - `slow.threshold`: above 0, at most 1. Default: 1, all calls.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 *
 * CircuitBreaker.rate({ size: 10 })
 * // => { _tag: "CountRate", threshold: 0.5, minimumCalls: 10, slow: undefined, size: 10 }
 *
 * const trip = CircuitBreaker.rate({ window: "1 minute", slow: { longerThan: "2 seconds", threshold: 0.8 } })
 * trip._tag === "TimeRate" && trip.window // => 60_000
 * ```
 */
export const rate = (options?: {
  readonly threshold?: number | undefined
  readonly window?: Arguments.DurationInput | undefined
  readonly size?: number | undefined
  readonly minimumCalls?: number | undefined
  readonly slow?: {
    readonly longerThan: Arguments.DurationInput
    readonly threshold?: number | undefined
  } | undefined
}): Trip => Arguments.check("CircuitBreaker.rate", rateOptions, options ?? {})

/**
 * Makes a breaker whose circuits live in this process. It needs no scope: nothing runs between calls. Invalid options
 * are a defect: one `RangeError` that lists every fault.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1), openFor: "1 minute" })
 *   yield* Effect.fail("down").pipe(breaker.protect({ key: "eu" }), Effect.ignore)
 *
 *   const eu = yield* Effect.succeed("stock").pipe(breaker.protect({ key: "eu" }), Effect.flip)
 *   const us = yield* Effect.succeed("stock").pipe(breaker.protect({ key: "us" }))
 *   return [eu.reason._tag, us]
 * })
 *
 * await Effect.runPromise(program) // => ["CircuitOpen", "stock"]
 * ```
 */
export const make = <E = unknown>(options?: Options<E>): Effect.Effect<CircuitBreaker<E>> =>
  Effect.map(create<E>("CircuitBreaker.make", options), ofProcess)

/**
 * Makes a breaker with other options from the state of `previous`, for options that change while a program runs.
 *
 * Open circuits stay open for no longer than the new options allow, and isolated circuits stay isolated. Closed
 * circuits start counting again, and calls under way count for the previous breaker.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: CircuitBreaker.consecutive(1) })
 *   yield* Effect.fail("down").pipe(breaker.protect, Effect.ignore)
 *   const next = yield* CircuitBreaker.makeFrom(breaker, { trip: CircuitBreaker.consecutive(5) })
 *   return (yield* next.state())._tag
 * })
 *
 * await Effect.runPromise(program) // => "Open"
 * ```
 */
export const makeFrom = <E = unknown>(
  previous: CircuitBreaker<E>,
  options?: Options<E>
): Effect.Effect<CircuitBreaker<E>> =>
  Effect.flatMap(
    create<E>("CircuitBreaker.makeFrom", options),
    (breaker) =>
      Effect.flatMap(previous.snapshot, ({ circuits }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          // Calls under way still count for the previous breaker, so closed circuits start counting again.
          breaker.restore(circuits.map((circuit) => ({ ...circuit, counts: [] })), now)
          return ofProcess(breaker)
        }))
  )

const create = <E>(where: string, options: Options<E> | undefined): Effect.Effect<Breaker<E>> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => new Breaker<E>(Arguments.check(where, breakerOptions, options ?? {}), context))
  )

const ofProcess = <E>(breaker: Breaker<E>): CircuitBreaker<E> =>
  fromBreaker(breaker, undefined, breaker, protectAlone({ breaker }))

/**
 * Makes a breaker whose circuits live in Effect's `CircuitBreakerStore`: with a store in Redis, a fleet trips as one.
 *
 * It is a separate constructor because it needs a store and a name, and makes a network request before and after each
 * call. {@link make} never uses a store, even if the context has one.
 *
 * With `consecutive` and with `rate` by `size`, the store counts the calls of all processes together. With `rate` by
 * `window` or with `slow`, each process counts its own calls, and the circuit that it opens is open for all. The store
 * admits one probe at a time, and evicts idle circuits by its own settings. `isolate` and `close` affect only this
 * process: the store has no such operations, so `close` does not close a circuit that is open in the store. `changes`
 * has only the transitions that this process made.
 *
 * When the store fails or is slow, calls continue with the state of this process, which has followed the store until
 * then. A warning is logged once, and the store is tried again every five seconds.
 *
 * ```ts import.meta.vitest
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 * import { CircuitBreaker as Store } from "effect/persistence"
 *
 * const program = Effect.gen(function*() {
 *   const one = yield* CircuitBreaker.makeShared({ name: "stock", trip: CircuitBreaker.consecutive(2) })
 *   const other = yield* CircuitBreaker.makeShared({ name: "stock", trip: CircuitBreaker.consecutive(2) })
 *   yield* Effect.fail("down").pipe(one.protect, Effect.ignore)
 *   yield* Effect.fail("down").pipe(other.protect, Effect.ignore)
 *   const state = yield* one.state()
 *   return state._tag
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Store.layerStoreMemory()))) // => "Open"
 * ```
 */
export const makeShared = <E = unknown>(
  options: SharedOptions<E>
): Effect.Effect<CircuitBreaker<E>, never, CircuitBreakerStore> =>
  Effect.contextWith((context: Context.Context<CircuitBreakerStore>) => {
    const { storeTimeout, ...checked } = Arguments.check("CircuitBreaker.makeShared", sharedOptions, options)
    const breaker = new Breaker<E>({ ...checked, probes: 1, probeThreshold: undefined, halfOpenFor: Infinity }, context)
    const shared = Shared.make(breaker, Context.get(context, CircuitBreakerStore), storeTimeout)
    return Effect.succeed(fromBreaker(breaker, shared, shared, protectBy((self, key) => shared.run(self, key))))
  })

const fromBreaker = <E>(
  breaker: Breaker<E>,
  stored: StoredBreaker<E> | undefined,
  by: {
    readonly state: (key: string | undefined) => Effect.Effect<State>
    readonly close: (key: string | undefined, now: number) => void
  },
  protect: unknown
): CircuitBreaker<E> => {
  return {
    [Shape.TypeId]: Shape.TypeId,
    name: breaker.name,
    protect: protect as CircuitBreaker<E>["protect"],
    breaker,
    stored,
    state: (options) => by.state(options?.key),
    stats: (options) => breaker.stats(options?.key),
    watch: (options) => {
      const every = millisOf("CircuitBreaker.watch", "every", options?.every ?? "1 second")
      return Stream.fromEffectSchedule(breaker.stats(options?.key), Schedule.spaced(every))
    },
    snapshot: Effect.map(Clock.currentTimeMillis, (at) => ({ at, circuits: breaker.circuits.save() })),
    restore: (snapshot) =>
      Effect.map(
        Clock.currentTimeMillis,
        (now) => breaker.restore(Arguments.check("CircuitBreaker.restore", snapshotOption, snapshot).circuits, now)
      ),
    changes: breaker.changes,
    isolate: (options) => Effect.map(Clock.currentTimeMillis, (now) => breaker.circuits.isolate(options?.key, now)),
    close: (options) => Effect.map(Clock.currentTimeMillis, (now) => by.close(options?.key, now))
  }
}
