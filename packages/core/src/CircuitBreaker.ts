/**
 * Stops calling a dependency that is failing, and finds out by a few probes when it is back.
 *
 * A call to a dependency that is down costs a timeout's worth of fibers, sockets and patience, and adds to the load that
 * keeps it down. A breaker turns that into an error at once. The pattern is from Michael T. Nygard, "Release It!", 2007.
 *
 * - Closed: calls run, and {@link Trip} decides by their outcomes when the circuit opens.
 * - Open: calls fail with `CircuitOpen` until the open time is over. Nothing of them runs.
 * - HalfOpen: at most `probes` calls run, and the others fail with `CircuitOpen`. When `probes` calls have succeeded the
 *   circuit closes; the first that fails, or is slow, opens it again. An interrupted probe frees its slot.
 * - Isolated: held open by hand.
 *
 * A success is a success, a failure or a defect is a failure. Ignored are interruption, which is the caller's doing, and
 * a call that another policy within turned away before any of it ran. A call that ends in a later state than it began in
 * changes nothing: half-open is decided by probes alone.
 *
 * One breaker keeps a circuit for each key, for the dependencies that it protects are up or down each on its own: give an
 * origin, a tenant or a model as the key. Circuits are bounded in number and forgotten when they are idle.
 *
 * A breaker hurts where one circuit covers parts that fail apart, since it then turns away what would have worked; where
 * there are so few calls that a window says nothing; and where a call may hang: a probe that never ends keeps its slot, so
 * put a timeout inside the breaker. A retry belongs around the breaker if each attempt should count and be turned away,
 * which is what {@link Policy} does, and within it if only the outcome of them all should.
 *
 * Windows, minimum and slow calls mean what they mean in resilience4j (resilience4j.readme.io/docs/circuitbreaker), and
 * isolation what it means in Polly (www.pollydocs.org/strategies/circuit-breaker). Unlike in resilience4j all probes
 * must succeed, and a time window ages without calls, by tenths.
 *
 * Metrics: `holdfast.circuit_breaker.transitions` by `from` and `to`, and `holdfast.circuit_breaker.rejections`.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CircuitBreakerStore } from "effect/persistence/CircuitBreaker"
import { hasProperty } from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Arguments from "./Arguments.ts"
import type { Backoff } from "./Backoff.ts"
import { positiveMillis as millisOf } from "./internal/argument.ts"
import { Breaker } from "./internal/breaker/breaker.ts"
import type { Rules, SavedCircuit } from "./internal/breaker/circuit.ts"
import { breakerOptions, sharedOptions, snapshotOption } from "./internal/breaker/options.ts"
import * as Shared from "./internal/breaker/stored.ts"
import { consecutiveOptions, rateOptions, type Slow, type Trip } from "./internal/breaker/trip.ts"
import type { CircuitOpen, PolicyError } from "./PolicyError.ts"
import type { CallOptions, Protect } from "./PolicyTypes.ts"

const TypeId = "~@holdfast/core/CircuitBreaker"

/**
 * Protects calls that may fail with `E`.
 */
export interface CircuitBreaker<in E = unknown> {
  readonly [TypeId]: typeof TypeId

  /** Names the breaker in metrics, and its circuits in a store. */
  readonly name: string

  /**
   * Runs an effect through a circuit: of the breaker itself, or with `{ key }` the one of that key.
   */
  readonly protect: Protect<E, PolicyError<CircuitOpen>, never>

  /** @internal `protect` that says when the end of a call has changed the state of its circuit. */
  readonly run: Run<E>

  /** @internal What the policies drive, if no store has to be asked. */
  readonly breaker: Breaker<E> | undefined

  /** @internal The rules of its circuits. */
  readonly rules: Rules

  /** The state of a circuit. One that was never used, or not for long, is closed. */
  readonly state: (options?: CallOptions) => Effect.Effect<State>

  /** What a circuit decides by, and how many calls it has rejected. Of a shared breaker: what this process knows. */
  readonly stats: (options?: CallOptions) => Effect.Effect<Stats>

  /** The stats of a circuit again and again. `every` defaults to `"1 second"`. */
  readonly watch: (
    options?: CallOptions & { readonly every?: Arguments.DurationInput | undefined }
  ) => Stream.Stream<Stats>

  /** All circuits as data for JSON, to keep over a restart. */
  readonly snapshot: Effect.Effect<Snapshot>

  /**
   * Continues from a snapshot, without publishing transitions. An open circuit stays open for no longer than it would by the
   * breaker's options; counts are kept if the trip is the same. Data that is no snapshot is a `RangeError`.
   */
  readonly restore: (snapshot: Snapshot) => Effect.Effect<void>

  /**
   * The transitions of all circuits from the subscription on. A subscriber that falls behind by more than 128 misses the
   * oldest; no call ever waits for one.
   */
  readonly changes: Stream.Stream<Transition>

  /** Holds a circuit open until {@link CircuitBreaker.close}, for as long as the breaker lives. */
  readonly isolate: (options?: CallOptions) => Effect.Effect<void>

  /** Closes a circuit and forgets all that it has seen. Calls under way no longer count. */
  readonly close: (options?: CallOptions) => Effect.Effect<void>
}

/**
 * How to break. All parts are optional.
 */
export interface Options<in E = unknown> {
  /** Names the breaker in metrics. Defaults to `"circuit breaker"`. */
  readonly name?: string | undefined

  /** When a closed circuit opens: {@link consecutive} or {@link rate}. Defaults to `rate()`. */
  readonly trip?: Trip | undefined

  /**
   * How long an open circuit stays open. With a {@link Backoff}, the n-th opening in a row lasts its n-th delay, and the
   * count starts again when the circuit has stayed closed for as long as it was last open. Mind that the default jitter
   * of a backoff is full, and may make an opening last next to nothing. Defaults to `"30 seconds"`.
   */
  readonly openFor?: Arguments.DurationInput | Backoff | undefined

  /**
   * How many probes may run at once in a half-open circuit, and how many must succeed to close it. Defaults to 1.
   */
  readonly probes?: number | undefined

  /**
   * The share of failed probes that opens a half-open circuit again, decided when `probes` calls have ended: above 0, at most
   * 1. Default: the first probe that fails opens it.
   */
  readonly probeThreshold?: number | undefined

  /**
   * The longest that a circuit is half-open. When it has not been decided by then, the circuit opens again for as long as
   * it was open before. Default: no limit.
   */
  readonly halfOpenFor?: Arguments.DurationInput | undefined

  /**
   * `"observe"` decides, counts and publishes as usual, and rejects nothing: to see what a breaker would do.
   * `"disabled"` does nothing at all. Default: `"enabled"`.
   */
  readonly mode?: "enabled" | "observe" | "disabled" | undefined

  /**
   * Errors that count as neither success nor failure, such as the caller's own mistakes. Asked before `isFailure`.
   * Default: none.
   */
  readonly ignore?: ((error: E) => boolean) | undefined

  /**
   * Whether an error counts as a failure. One that does not counts as a success: a dependency that answers "not found" is
   * up. Defaults to every error.
   */
  readonly isFailure?: ((error: E) => boolean) | undefined

  /**
   * The failure that opens a circuit lengthens the open time to its `retryAfter` duration if it has one, as `AiError` and
   * errors made from a `Retry-After` header do, but to no more than this. Defaults to `"5 minutes"`, Envoy's limit for an
   * ejection.
   */
  readonly maxRetryAfter?: Arguments.DurationInput | undefined

  /**
   * How many circuits are kept by key. A new key beyond looks at eight in turn and gives up the one that was used least
   * recently, rather a closed one than one that still rejects. Those isolated by hand are kept beside them. Defaults to
   * 1,000.
   */
  readonly maxKeys?: number | undefined

  /**
   * A circuit that nobody has used for so long, its open time not counted, starts again as a new one. Not shorter than
   * the window of `trip`. Defaults to `"10 minutes"`, or to the window if that is longer.
   */
  readonly idleTimeToLive?: Arguments.DurationInput | undefined
}

export type { Slow, Trip }

/** The state of a circuit, in a word. */
export type StateTag = State["_tag"]

/**
 * The state of a circuit. One whose open time is over is open, with no time left, until the next call.
 */
export type State =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Open"; readonly retryAfter: Duration.Duration }
  | { readonly _tag: "HalfOpen"; readonly probing: number }
  | { readonly _tag: "Isolated" }

/** What a circuit decides by. */
export interface Stats {
  readonly state: StateTag
  /** Calls in the window, or failures in a row for a `consecutive` trip. */
  readonly calls: number
  readonly failures: number
  readonly slow: number
  /** Between 0 and 1, or `undefined` without calls. */
  readonly failureRate: number | undefined
  readonly slowRate: number | undefined
  /** Calls that were rejected so far, or would have been with `mode: "observe"`. */
  readonly rejections: number
}

/** The circuits of a breaker as data for JSON. */
export interface Snapshot {
  /** When it was taken, in milliseconds since the epoch. */
  readonly at: number
  readonly circuits: ReadonlyArray<SavedCircuit>
}

export type { SavedCircuit }

/** A change of state. */
export interface Transition {
  /** `undefined` is the circuit for calls without a key. */
  readonly key: string | undefined
  readonly from: StateTag
  readonly to: StateTag
  /** Milliseconds since the epoch, by the `Clock` in force. */
  readonly at: number
  /** How long the circuit will stay open, if it opened by itself. */
  readonly openFor: Duration.Duration | undefined
}

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
export const isCircuitBreaker = (u: unknown): u is CircuitBreaker => hasProperty(u, TypeId)

/**
 * Opens after `failures` failures in a row, in the order in which calls end. For dependencies with few calls; where
 * there are many, a row of failures is sooner or later bad luck, and {@link rate} says more.
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
 * `slow`. It is asked after every call that counts, a success included.
 *
 * - `threshold`: above 0, at most 1. Defaults to 0.5.
 * - `window`: the calls of so long count. Ages by tenths. Defaults to `"30 seconds"`, unless there is a `size`.
 * - `size`: so many calls count, however old. Not beside a `window`. Defaults to no limit.
 * - `minimumCalls`: with fewer calls in the window it stays closed. Not above `size`. Defaults to 20, or to `size` if that
 *   is smaller.
 * - `slow.longerThan`: a call that takes longer is slow, whether it fails or not. Defaults to no call being slow.
 * - `slow.threshold`: above 0, at most 1. Defaults to 1, which is all calls.
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
 * Makes a breaker whose circuits live in this process. It needs no scope: nothing runs while no call does. Options that
 * cannot be right are a `RangeError` that names the option.
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
 * Makes a breaker with other options that continues from where `previous` is, for options that change while a program runs.
 *
 * Circuits that are open stay open, for no longer than they would by the new options, and isolated ones isolated. Closed
 * circuits count anew, and calls under way count for the previous breaker.
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
          // Calls under way still count for the previous breaker, so closed circuits count anew.
          breaker.restore(circuits.map((circuit) => ({ ...circuit, counts: [] })), now)
          return ofProcess(breaker)
        }))
  )

const create = <E>(where: string, options: Options<E> | undefined): Effect.Effect<Breaker<E>> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.sync(() => new Breaker<E>(Arguments.check(where, breakerOptions, options ?? {}), context))
  )

const ofProcess = <E>(breaker: Breaker<E>): CircuitBreaker<E> =>
  fromBreaker(breaker, (self, key, onChange) => breaker.run(self, key, onChange), breaker, breaker)

/**
 * What {@link makeShared} takes: the options of a breaker of its own, but for `probes`, which is 1 in a store.
 */
export interface SharedOptions<in E = unknown>
  extends Omit<Options<E>, "name" | "probes" | "probeThreshold" | "halfOpenFor">
{
  /** Names the breaker in metrics, and its circuits in the store: breakers of the same name share them. */
  readonly name: string

  /**
   * How long a call waits for the store before it goes on without it. Defaults to `"1 second"`.
   */
  readonly storeTimeout?: Arguments.DurationInput | undefined
}

/**
 * Makes a breaker whose circuits live in Effect's `CircuitBreakerStore`: with a store in Redis, a fleet trips as one.
 *
 * It is a constructor of its own, because it needs a store, names its circuits, and asks over the network before
 * and after each call; {@link make} does neither, also where a store happens to be in the context.
 *
 * What the store can it decides: `consecutive` and `rate` by `size` count the calls of all processes together. What it
 * cannot, each process decides by its own calls, and the circuit then opens for all: `rate` by `window` or with `slow`.
 * The store admits one probe at a time, and forgets an idle circuit by its own settings. `isolate` and `close`
 * are of this process alone: the store has no word for them, so `close` does not close a circuit that is open in the store.
 * `changes` has the transitions that this process made.
 *
 * When the store fails or is slow, calls go on with the state of this process, which has followed the store's until then.
 * A warning says so once, and the store is asked again every five seconds.
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
    return Effect.succeed(fromBreaker(breaker, shared.run, shared, undefined))
  })

type Run<E> = <A, E1 extends E, R>(
  self: Effect.Effect<A, E1, R>,
  key: string | undefined,
  onChange?: (from: StateTag, to: StateTag) => void
) => Effect.Effect<A, E1 | PolicyError<CircuitOpen>, R>

const fromBreaker = <E>(
  breaker: Breaker<E>,
  run: Run<E>,
  by: {
    readonly state: (key: string | undefined) => Effect.Effect<State>
    readonly close: (key: string | undefined, now: number) => void
  },
  driven: Breaker<E> | undefined
): CircuitBreaker<E> => {
  const protect = (self: Effect.Effect<unknown, E, unknown> | CallOptions) =>
    Effect.isEffect(self)
      ? run(self, undefined)
      : <A, E1 extends E, R>(effect: Effect.Effect<A, E1, R>) => run(effect, self.key)
  return {
    [TypeId]: TypeId,
    name: breaker.name,
    protect: protect as CircuitBreaker<E>["protect"],
    breaker: driven,
    rules: breaker.rules,
    run,
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
