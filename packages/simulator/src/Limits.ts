/**
 * Searches over the load of a system: how much of it a bound stands, and at which it does not recover.
 *
 * **When to use**
 *
 * Use {@link find} to learn how far a system is from breaking a bound, and {@link metastable} to learn whether it comes
 * back by itself from an outage at the load that it has.
 *
 * **Details**
 *
 * Loads are multiples of the system's own. A search runs the simulation at both ends, then halves the range on a scale of
 * factors. All runs have the same seed.
 *
 * **Gotchas**
 *
 * - Each step is a whole simulation. Try it with a coarse `precision` first.
 * - The number of users is rounded to a whole one, of 1 or more: start from many if the load has to be exact.
 * - One seed is one run. Search with others before you rely on a load close to the limit.
 *
 * **Example**
 *
 * See {@link find}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as Bound from "./Bound.ts"
import type { Outcome } from "./Outcome.ts"
import * as Simulation from "./Simulation.ts"
import * as System from "./System.ts"

/** A system whose callers call `times` as often, or have `times` as many users. */
export const withLoad = (system: System.System, times: number): System.System => ({
  ...system,
  callers: Object.fromEntries(
    Object.entries(system.callers).map(([name, caller]) => [name, {
      ...caller,
      rate: caller.rate === undefined ? undefined : caller.rate * times,
      users: caller.users === undefined ? undefined : Math.max(1, Math.round(caller.users * times))
    }])
  )
})

/** Where to search, and how exactly. */
export interface Options extends Simulation.Options {
  /** The least and the most load, as a multiple of the system's own. Default: from 0.1 to 10. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  /** The search ends when it knows the load to this share. Default: 0.02. */
  readonly precision?: number | undefined
  /** Told of each run. */
  readonly onRun?: ((run: Run) => void) | undefined
}

/** One run of a search. */
export interface Run {
  /** The load, as a multiple of the system's own. */
  readonly load: number
  readonly outcome: Outcome
  readonly verdicts: ReadonlyArray<Bound.Verdict>
  readonly holds: boolean
}

/** What a search has found. */
export interface Limit {
  /** The most load, as a multiple of the system's own, of which it is known that all bounds hold; 0 if none is known. */
  readonly holdsAt: number
  /** The least load of which it is known that a bound breaks; `Infinity` if all bounds hold at the most load. */
  readonly breaksAt: number
  /** The run at `breaksAt`. */
  readonly broken: Run | undefined
  readonly runs: ReadonlyArray<Run>
}

const optionsOf = Arguments.refine(
  Arguments.struct({
    seed: Arguments.optional((value: unknown) => value as number),
    every: Arguments.optional((value: unknown) => value as Arguments.DurationInput),
    from: Arguments.optional(Arguments.number({ above: 0 }), 0.1),
    to: Arguments.optional(Arguments.number({ above: 0 }), 10),
    precision: Arguments.optional(Arguments.number({ above: 0, max: 1 }), 0.02),
    onRun: Arguments.optional(Arguments.callback<(run: Run) => void>(), () => {})
  }),
  ({ from, to }, place) => {
    if (!(from < to)) place.at("to").fault(`must be more than from (${from}), got ${to}`)
  }
)

/**
 * Searches the load at which a bound breaks, by halving. It is only as right as it is true that more load makes the
 * figures worse.
 *
 * ```ts import.meta.vitest
 * import { Limits } from "@holdfast/simulator"
 * import { Effect } from "effect"
 *
 * // One worker of 50 ms serves 20 requests a second.
 * const limit = await Effect.runPromise(Limits.find({
 *   duration: "1 minute",
 *   services: { stock: { workers: 1, latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 10, arrivals: "regular" } }
 * }, ["p99 <= 1s"], { from: 1, to: 3, precision: 0.1 }))
 *
 * limit.holdsAt > 1.8 && limit.breaksAt < 2.3 // => true
 * ```
 */
export const find = (
  system: System.System,
  bounds: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<Limit> =>
  Effect.gen(function*() {
    const { every, from, onRun, precision, seed, to } = Arguments.check("Limits.find", optionsOf, options)
    System.check("Limits.find", system)
    const parsed = bounds.map(Bound.parse)
    const runs: Array<Run> = []
    const at = Effect.fnUntraced(function*(load: number) {
      const outcome = yield* Simulation.runEffect(withLoad(system, load), { seed, every })
      const verdicts = Bound.check(outcome, parsed)
      const run = { load, outcome, verdicts, holds: verdicts.every(({ holds }) => holds) }
      runs.push(run)
      onRun(run)
      return run
    })
    const least = yield* at(from)
    if (!least.holds) return { holdsAt: 0, breaksAt: from, broken: least, runs }
    const most = yield* at(to)
    if (most.holds) return { holdsAt: to, breaksAt: Infinity, broken: undefined, runs }
    let holdsAt = from
    let broken: Run = most
    while (broken.load / holdsAt > 1 + precision) {
      // Halved on a scale of factors: the range spans powers of ten.
      const run: Run = yield* at(Math.sqrt(holdsAt * broken.load))
      if (run.holds) holdsAt = run.load
      else broken = run
    }
    return { holdsAt, breaksAt: broken.load, broken, runs }
  })

/** The loads at which a system that was disturbed does not recover, though it would be fine if it had not been. */
export interface Region {
  /**
   * Below this load it recovers; from here on it stays down after its events are over. `Infinity` if it recovers at
   * every load at which it is stable.
   */
  readonly from: number
  /** From this load on it is overloaded without any event. */
  readonly to: number
}

/**
 * Searches the region of metastable failure (Bronson et al., HotOS 2021): the loads that the system serves well as long
 * as nothing happens, and of which it cannot be rid once its events have pushed it over. A load is served well if at least 95 %
 * of the calls succeed. In the region, a system runs on luck.
 */
export const metastable = (system: System.System, options: Options = {}): Effect.Effect<Region> =>
  Effect.gen(function*() {
    const calm = yield* find({ ...system, events: [] }, ["success >= 95%"], options)
    const disturbed = yield* find(system, ["recovery < 1000d"], { ...options, to: Math.max(calm.holdsAt, 0.2) })
    return { from: disturbed.breaksAt, to: calm.breaksAt }
  })
