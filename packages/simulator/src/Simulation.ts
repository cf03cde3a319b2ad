/**
 * Runs a system in virtual time.
 *
 * **When to use**
 *
 * Use {@link expect} in a test, {@link run} in a script, {@link runEffect} in a program that has other things to do
 * meanwhile, and {@link start} to look at a run before it is over.
 *
 * **Details**
 *
 * The same system and the same seed give the same outcome, byte for byte, on every machine. It runs wherever JavaScript
 * does, in a Web Worker too, and waits for nothing: an hour takes as long as its calls take to compute.
 *
 * When callers stop, the calls that they have begun may go on for another 15 minutes. Those that have not ended by then are
 * `unended`.
 *
 * **Gotchas**
 *
 * - {@link run} blocks the thread until it has ended.
 * - A policy or protector that reads `Date.now` or `Math.random` sees neither the virtual time nor the seed.
 * - A seed is one run: try several before you rely on a figure of few calls.
 *
 * **Example**
 *
 * See {@link run}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Bound from "./Bound.ts"
import { Engine } from "./internal/engine/engine.ts"
import { outcomeOf } from "./internal/measure/outcome.ts"
import { Recorder } from "./internal/measure/recorder.ts"
import { Moment, spanOf } from "./internal/model/disturb.ts"
import { build, type Network } from "./internal/model/network.ts"
import type { Run } from "./internal/model/run.ts"
import type { Outcome } from "./Outcome.ts"
import * as System from "./System.ts"

/** How to run a system. */
export interface Options {
  /** A whole number. Another seed is another run of the same system. Default: 1. */
  readonly seed?: number | undefined
  /** How long a slot of the series is. Default: the shortest of 1, 5, 15, 60 ... seconds that makes 1,000 slots or fewer. */
  readonly every?: Arguments.DurationInput | undefined
}

const optionsOf = Arguments.struct({
  seed: Arguments.optional(Arguments.integer(), 1),
  every: Arguments.optional(Arguments.duration({ above: 0 }))
})

/** How long calls may go on when callers have stopped. */
const afterwards = 15 * 60_000

const everyOf = (duration: number): number =>
  [1, 5, 15, 60, 300, 900, 3_600].map((seconds) => seconds * 1_000).find((every) => duration / every <= 1_000) ??
    3_600_000

/**
 * A run that is let go on step by step, such as in a page that shows it.
 *
 * ```ts import.meta.vitest
 * import { Simulation } from "@holdfast/simulator"
 *
 * const running = Simulation.start({
 *   duration: "1 minute",
 *   services: { stock: { latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 10, arrivals: "regular" } }
 * })
 * running.advance("30 seconds")
 *
 * running.now // => 30_000
 * running.outcome().figures.whole.calls // => 300
 * running.isOver // => false
 * ```
 */
export class Running {
  /** When callers stop, in milliseconds. */
  readonly duration: number
  private readonly seed: number
  private readonly run: Run
  private readonly network: Network
  private readonly recorder: Recorder
  private readonly trigger: { readonly from: number; readonly to: number } | undefined

  /** @internal */
  constructor(where: string, system: System.System, options: Options) {
    const { every, seed } = Arguments.check(where, optionsOf, options)
    const checked = System.check(where, system)
    const engine = new Engine()
    this.duration = checked.duration
    this.seed = seed
    this.run = { engine, until: checked.duration, every: every ?? everyOf(checked.duration), phase: 0, inFlight: 0 }
    this.network = build(checked, this.run, seed)
    this.recorder = new Recorder(this.network, this.run)
    const spans = checked.events.map(spanOf)
    this.trigger = spans.length === 0
      ? undefined
      : { from: Math.min(...spans.map(([from]) => from)), to: Math.max(...spans.map(([, to]) => to)) }
    if (this.trigger !== undefined) {
      const { from, to } = this.trigger
      if (from < checked.duration) engine.add(new Moment(() => this.recorder.turn(1)), from)
      if (to < checked.duration) engine.add(new Moment(() => this.recorder.turn(2)), to)
    }
  }

  /** The instant that has been reached, in milliseconds from the start. */
  get now(): number {
    return this.run.engine.now
  }

  /** Whether callers have stopped and all calls have ended, or those that have not were waited for long enough. */
  get isOver(): boolean {
    const { engine, until } = this.run
    return engine.now >= until && (engine.now >= until + afterwards || this.inFlight === 0)
  }

  /** Calls that have begun and not ended. */
  get inFlight(): number {
    return this.run.inFlight
  }

  /** Lets time pass. */
  advance(duration: Arguments.DurationInput): void {
    const millis = Arguments.check("Running.advance", Arguments.duration({ min: 0 }), duration)
    this.advanceTo(this.now + millis)
  }

  /** Lets time pass until the simulation is over, or until an instant in milliseconds from the start. */
  advanceTo(instant: number): void {
    const { engine, until } = this.run
    engine.advance(Math.min(instant, until))
    engine.advance(Math.min(instant, until + afterwards), () => this.isOver)
  }

  /** What came of it so far. */
  outcome(): Outcome {
    const { network, recorder, run, seed, trigger } = this
    return outcomeOf({ network, recorder, run, seed, trigger })
  }
}

/** Builds a system and stops at its first instant. Throws a `RangeError` that lists every fault of the system. */
export const start = (system: System.System, options: Options = {}): Running =>
  new Running("Simulation.start", system, options)

/**
 * Runs a system to its end, at once. Throws a `RangeError` that lists every fault of the system.
 *
 * ```ts import.meta.vitest
 * import { Simulation } from "@holdfast/simulator"
 *
 * const outcome = Simulation.run({
 *   duration: "1 minute",
 *   services: { stock: { workers: 10, latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 20, policy: { retry: { times: 2 } } } },
 *   events: [{ type: "outage", service: "stock", at: "20 seconds", for: "10 seconds" }]
 * })
 *
 * outcome.figures.before?.success // => 1
 * outcome.figures.during!.amplification > 2.9 // => true
 * outcome.recovery // => 0
 * ```
 */
export const run = (system: System.System, options: Options = {}): Outcome => {
  const running = new Running("Simulation.run", system, options)
  running.advanceTo(Infinity)
  return running.outcome()
}

/** How much of a run is done. */
export interface Progress {
  /** Milliseconds from the start, and in all. */
  readonly now: number
  readonly of: number
}

/**
 * Runs a system to its end and lets other fibers run meanwhile: several times a second `onProgress` is called. Invalid systems
 * are a defect. Interruption stops it.
 *
 * ```ts import.meta.vitest
 * import { Simulation } from "@holdfast/simulator"
 * import { Effect } from "effect"
 *
 * const seen: Array<number> = []
 * const program = Simulation.runEffect({
 *   duration: "1 minute",
 *   services: { stock: { latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 10 } }
 * }, { onProgress: ({ now, of }) => seen.push(now / of) })
 *
 * const outcome = await Effect.runPromise(program)
 * outcome.figures.whole.success // => 1
 * seen.at(-1) // => 1
 * ```
 */
export const runEffect = (
  system: System.System,
  options: Options & { readonly onProgress?: ((progress: Progress) => void) | undefined } = {}
): Effect.Effect<Outcome> =>
  Effect.gen(function*() {
    const { onProgress = () => {}, ...rest } = options
    const running = new Running("Simulation.runEffect", system, rest)
    const of = running.duration
    // So long that its steps take about 50 ms. It begins short: a second may have millions of calls.
    let slice = 1
    while (!running.isOver) {
      const before = yield* Clock.currentTimeMillis
      running.advanceTo(running.now + slice)
      const took = (yield* Clock.currentTimeMillis) - before
      slice *= took < 25 ? 2 : took > 100 ? 0.5 : 1
      onProgress({ now: Math.min(of, running.now), of })
      yield* Effect.yieldNow
    }
    return running.outcome()
  })

/**
 * Runs a system and throws a `BoundBroken` that lists every bound if one is broken: for a test.
 *
 * ```ts import.meta.vitest
 * import { Simulation } from "@holdfast/simulator"
 *
 * const system = (times: number) => ({
 *   duration: "30 seconds",
 *   services: { stock: { workers: 10, latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 20, policy: { retry: { times } } } },
 *   events: [{ type: "outage", service: "stock", at: "10 seconds", for: "10 seconds" }]
 * } as const)
 *
 * Simulation.expect(system(0), ["amplification <= 1", "recovery <= 1s"])
 *
 * let message = ""
 * try {
 *   Simulation.expect(system(3), ["amplification <= 1.3"])
 * } catch (error) {
 *   message = String(error)
 * }
 * message.includes("BROKEN  amplification <= 1.3: 3.") // => true
 * ```
 */
export const expect = (
  system: System.System,
  bounds: ReadonlyArray<Bound.Text>,
  options: Options = {}
): Outcome => {
  const outcome = run(system, options)
  const verdicts = Bound.check(outcome, bounds)
  if (verdicts.some(({ holds }) => !holds)) throw new Bound.BoundBroken({ verdicts })
  return outcome
}
