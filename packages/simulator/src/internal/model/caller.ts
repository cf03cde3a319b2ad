/**
 * Where calls come from: at a rate, or from users who wait for one before they make the next.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import { Histogram } from "../../Histogram.ts"
import type { Edge } from "../edge/edge.ts"
import type { Engine } from "../engine/engine.ts"
import { Timer } from "../engine/timers.ts"
import type { CheckedCaller } from "./check.ts"
import type { Plan } from "./plan.ts"
import type { Run } from "./run.ts"

/** A call that has begun. */
interface Begun {
  readonly at: number
  readonly slot: number
  readonly counts: CallCounts
  readonly client: number
  /** 0, or how often a person has tried before. */
  readonly attempt: number
  readonly ended: (() => void) | undefined
}

type Fork = (effect: Effect.Effect<unknown, unknown>) => Fiber.Fiber<unknown, unknown>

/** What came of calls. */
class CallCounts {
  calls = 0
  successes = 0
  failures = 0
  /** How long they took. */
  readonly latency = new Histogram()

  get inFlight(): number {
    return this.calls - this.successes - this.failures
  }
}

export class Caller {
  readonly name: string
  readonly options: CheckedCaller
  readonly edge: Edge
  /** Calls by the slot in which they began, and those of them that succeeded. */
  readonly started: Float64Array
  readonly succeeded: Float64Array
  /** Calls by the phase in which they began. */
  readonly counts = [new CallCounts(), new CallCounts(), new CallCounts()] as const
  /** Calls by people who tried again. */
  again = 0
  /** How long the calls took that ended in the slot that is running. */
  readonly recent = new Histogram()
  /** Milliseconds that all calls took that have ended. */
  took = 0
  private readonly run: Run
  private readonly random: Random.Random
  private readonly fork: Fork
  private readonly plans: ReadonlyArray<Plan>
  private surges: ReadonlyArray<number> = []
  /** By how much they multiply the rate together. */
  private surged = 1
  private arrivals: Arrivals | undefined

  constructor(
    name: string,
    options: CheckedCaller,
    edge: Edge,
    run: Run,
    random: Random.Random,
    fork: Fork,
    plans: ReadonlyArray<Plan>
  ) {
    const slots = Math.ceil(run.until / run.every)
    this.name = name
    this.options = options
    this.edge = edge
    this.run = run
    this.random = random
    this.fork = fork
    this.plans = plans
    this.started = new Float64Array(slots)
    this.succeeded = new Float64Array(slots)
  }

  get inFlight(): number {
    return this.counts.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  chance(): number {
    return this.random.nextDoubleUnsafe()
  }

  start(): void {
    const { rate, think, users = 0 } = this.options
    const { engine } = this.run
    if (rate !== undefined) {
      this.arrivals = new Arrivals(this, engine, rate)
      return this.arrivals.next()
    }
    // Users do not begin all at once.
    for (let i = 0; i < users; i++) engine.add(new User(this, i), think(this.chance()) * this.chance())
  }

  /** Multiplies the rate, or takes a surge back. */
  surge(times: number, begins: boolean): void {
    const at = this.surges.indexOf(times)
    this.surges = begins ? [...this.surges, times] : this.surges.filter((_, i) => i !== at)
    this.surged = this.surges.reduce((product, times) => product * times, 1)
    this.arrivals?.again()
  }

  /** By how much the rate is multiplied at most, until a surge begins or ends. */
  get most(): number {
    const { bursts, daily } = this.options
    return this.surged * Math.max(1, daily?.peak ?? 1) * Math.max(1, bursts?.times ?? 1)
  }

  /** By how much the rate is multiplied at an instant. */
  factorAt(now: number): number {
    const { bursts, daily } = this.options
    let factor = this.surged
    if (daily !== undefined) {
      // From the rate itself to the peak and back: the day begins at its quietest.
      factor *= 1 + (daily.peak - 1) * (1 - Math.cos(2 * Math.PI * now / daily.period)) / 2
    }
    if (bursts !== undefined && now % bursts.every >= bursts.every - bursts.for) factor *= bursts.times
    return factor
  }

  /** A client, at random. */
  client(): number {
    const { length } = this.plans
    return length === 1 ? 0 : Math.floor(this.chance() * length)
  }

  /** Makes a call, and says when it has ended. */
  call(client: number, attempt: number, ended?: () => void): void {
    const { run } = this
    const { engine: { now }, every, phase } = run
    const slot = Math.min(this.started.length - 1, Math.floor(now / every))
    run.inFlight++
    this.counts[phase].calls++
    this.started[slot]!++
    if (attempt > 0) this.again++
    const call: Begun = { at: now, slot, counts: this.counts[phase], client, attempt, ended }
    const { effect, only } = this.plans[client]!
    if (only !== undefined) only.calls++
    const fiber = this.fork(effect)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.addObserver((exit) => this.ended(exit, call))
    else this.ended(exit, call)
  }

  private ended(exit: Exit.Exit<unknown, unknown>, call: Begun): void {
    const { options: { again, within }, run } = this
    const { attempt, client, counts, ended } = call
    const took = run.engine.now - call.at
    run.inFlight--
    this.took += took
    counts.latency.add(took)
    this.recent.add(took)
    if (Exit.isSuccess(exit) && took <= within) {
      counts.successes++
      this.succeeded[call.slot]!++
    } else {
      counts.failures++
      if (Exit.isFailure(exit)) this.check(exit)
      if (again !== undefined && attempt < again.times && this.chance() < again.share) {
        const { engine } = run
        return engine.add(new Again(this, client, attempt + 1, ended), engine.now + again.after(this.chance()))
      }
    }
    ended?.()
  }

  /** A defect is a fault of a policy or of the model, and no outcome of a call. */
  private check(exit: Exit.Failure<unknown, unknown>): void {
    for (const reason of exit.cause.reasons) {
      if (reason._tag === "Die") throw new Error(`a call of ${this.name} died`, { cause: reason.defect })
    }
  }

  /** When callers stop. */
  get until(): number {
    return this.run.until
  }

  /** Whether callers still call. */
  get isOpen(): boolean {
    return this.run.engine.now < this.run.until
  }
}

/** Calls at a rate. A rate that changes is thinned out from the greatest, after Lewis and Shedler (1979). */
class Arrivals extends Timer {
  private readonly caller: Caller
  private readonly engine: Engine
  private readonly rate: number
  private thinned = 1
  private readonly changes: boolean
  /** How many calls are to come, where their number is given. */
  private left: number

  constructor(caller: Caller, engine: Engine, rate: number) {
    super()
    this.caller = caller
    this.engine = engine
    this.rate = rate / 1_000
    this.left = Math.round(this.rate * caller.until)
    this.changes = caller.options.bursts !== undefined || caller.options.daily !== undefined
  }

  next(): void {
    const { caller, engine } = this
    if (caller.options.arrivals === "counted") return this.nextOf()
    this.thinned = caller.options.arrivals === "regular" ? caller.factorAt(engine.now) : caller.most
    const rate = this.rate * this.thinned
    if (rate === 0) return
    const gap = caller.options.arrivals === "regular" ? 1 / rate : -Math.log1p(-caller.chance()) / rate
    engine.add(this, engine.now + gap)
  }

  /** The first of the instants that are left, all of them evenly distributed over the time that is left. */
  private nextOf(): void {
    const { caller, engine } = this
    if (this.left === 0) return
    const share = -Math.expm1(Math.log1p(-caller.chance()) / this.left--)
    // Rounding up to the grid must not take the last one past the end.
    engine.add(this, Math.min(engine.now + share * (caller.until - engine.now), caller.until - 1 / 1024))
  }

  /** The rate has changed. Gaps of a Poisson process have no memory, so the next one may begin now. */
  again(): void {
    if (this.caller.options.arrivals === "counted") return
    this.engine.timers.remove(this)
    this.next()
  }

  override ring(): void {
    const { caller } = this
    if (!caller.isOpen) return
    const happens = !this.changes || caller.options.arrivals !== "poisson" ||
      caller.chance() * this.thinned < caller.factorAt(this.engine.now)
    this.next()
    if (happens) caller.call(caller.client(), 0)
  }
}

/** One user of a closed caller. Users share the clients evenly. */
class User extends Timer {
  private readonly caller: Caller
  private readonly client: number

  constructor(caller: Caller, index: number) {
    super()
    this.caller = caller
    this.client = index % caller.options.clients
  }

  override ring(): void {
    const { caller } = this
    if (!caller.isOpen) return
    const { edge: { engine }, options: { think } } = caller
    caller.call(this.client, 0, () => engine.add(this, engine.now + think(caller.chance())))
  }
}

/** A person who tries again. */
class Again extends Timer {
  private readonly caller: Caller
  private readonly client: number
  private readonly attempt: number
  private readonly ended: Begun["ended"]

  constructor(caller: Caller, client: number, attempt: number, ended: (() => void) | undefined) {
    super()
    this.caller = caller
    this.client = client
    this.attempt = attempt
    this.ended = ended
  }

  override ring(): void {
    if (this.caller.isOpen) this.caller.call(this.client, this.attempt, this.ended)
  }
}
