/**
 * The race of a hedged call, and the latency that says when to hedge.
 *
 * Each leg runs in a fiber of its own, and all that happens between them is plain functions. The caller waits for the result,
 * and then for the legs that lost: as in `Effect.raceFirst` that second wait is a finalizer, which an interruption does not
 * end, and the result stays what it was beside it.
 *
 * Guarded by `test/Hedge.test.ts` and `test/peers/hedges.test.ts`.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Alarm from "../fiber/alarm.ts"
import { nowOf } from "../fiber/now.ts"
import { Keyed } from "../keyed.ts"
import { isRetryable } from "../retry/retry.ts"
import { retryAfterOfExit } from "../retryAfter.ts"
import { Latencies } from "./latencies.ts"
import type { Budget, HedgeOptions } from "./options.ts"

/** Why a hedge started: what runs is slow, or it has failed. */
type Because = "slow" | "failed"

/** Told of each hedge as it starts: 1 is the first. */
export type OnHedge = (hedge: number, because: Because) => void

/** The compiled options of a hedge, with its latencies by key and its numbers. */
export class Hedge<in E> {
  readonly max: number
  readonly budget: Budget | undefined
  readonly isRetryable: (error: E) => boolean
  calls = 0
  hedges = 0
  wins = 0
  private readonly fixed: number
  private readonly only: Latencies | undefined
  private readonly idleTimeToLive: number
  /** By key, if a quantile says when to hedge. */
  private readonly keyed: Keyed<Latencies> | undefined

  constructor({ after, budget, ...options }: Omit<HedgeOptions, "budget"> & { readonly budget: Budget | undefined }) {
    this.max = options.max
    this.budget = budget
    // Its type is that of the options that were checked.
    this.isRetryable = (options.while ?? isRetryable) as (error: E) => boolean
    this.idleTimeToLive = options.idleTimeToLive
    if (typeof after === "number") {
      this.fixed = after
      this.only = this.keyed = undefined
    } else {
      this.fixed = Infinity
      this.only = new Latencies(after)
      this.keyed = new Keyed(options.maxKeys, {
        create: () => new Latencies(after),
        lossOf: (latencies, now) => this.isStale(latencies, now) ? "nothing" : "little"
      })
    }
  }

  /** The delay before a hedge as it is now, in milliseconds. Asking leaves no trace. */
  peek(key: string | undefined): number {
    return (key === undefined ? this.only : this.keyed?.peek(key))?.quantile ?? this.fixed
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed?.size ?? 0
  }

  /** The latencies that a call goes by, if it goes by any. */
  latencies(key: string | undefined, now: number): Latencies | undefined {
    if (key === undefined || this.keyed === undefined) return this.only
    const latencies = this.keyed.get(key, now)
    if (this.isStale(latencies, now)) latencies.forget()
    latencies.usedAt = now
    return latencies
  }

  private isStale(latencies: Latencies, now: number): boolean {
    return now - latencies.usedAt >= this.idleTimeToLive
  }

  /** Runs an effect, and runs it again while it is slow or fails. */
  run<A, E1 extends E, R>(
    self: Effect.Effect<A, E1, R>,
    key: string | undefined,
    onHedge?: OnHedge
  ): Effect.Effect<A, E1, R> {
    return Effect.withFiber((fiber) => {
      const race = new Race<A, E1, R>(this, key, self, fiber, onHedge)
      return Effect.onExitPrimitive(Effect.callback<A, E1, R>((resume) => race.start(resume)), () => race.close())
    })
  }
}

class Race<A, E, R> extends Alarm.Alarm {
  readonly hedge: Hedge<E>
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  resume: ((result: Exit.Exit<A, E>) => void) | undefined
  readonly onHedge: OnHedge | undefined
  readonly context: Context.Context<R>
  readonly legs = new Set<Fiber.Fiber<A, E>>()
  readonly startedAt: number
  /** Where the time of the first leg is recorded, until it has been. */
  latencies: Latencies | undefined
  readonly delay: number
  started = 0
  /** Legs that are being started, which may let others end before they run themselves. */
  starting = 0
  /** No more legs are started: the budget is spent, or the dependency has asked for a pause. */
  held = false
  /** How the first leg failed. */
  first: Exit.Exit<A, E> | undefined = undefined
  /** What comes out. */
  result: Exit.Exit<A, E> | undefined = undefined
  /** Called when no leg runs any more. */
  closed: (() => void) | undefined = undefined

  constructor(
    hedge: Hedge<E>,
    key: string | undefined,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    onHedge: OnHedge | undefined
  ) {
    super()
    this.hedge = hedge
    this.self = self
    this.fiber = fiber
    this.resume = undefined
    this.onHedge = onHedge
    // The caller's fiber has what the effect needs: the types of `run` say so.
    this.context = fiber.context as Context.Context<R>
    this.startedAt = this.now()
    this.latencies = hedge.latencies(key, this.startedAt)
    this.delay = this.latencies?.quantile ?? hedge.peek(undefined)
  }

  /** Begins the race. */
  start(resume: (result: Exit.Exit<A, E>) => void): void {
    this.resume = resume
    this.hedge.calls++
    this.launch()
  }

  /** Starts a leg, and the next one when it has failed at once or when nothing is waited for between them. */
  launch(): void {
    for (;;) {
      const leg = this.started++
      this.starting++
      const child = Effect.runForkWith(this.context)(this.self)
      this.starting--
      const exit = child.pollUnsafe()
      if (exit !== undefined) {
        if (this.settle(leg, exit)) continue
        return
      }
      this.legs.add(child)
      child.addObserver((exit) => {
        this.legs.delete(child)
        if (this.settle(leg, exit)) this.launch()
      })
      // What this leg did as it started may have let another one answer.
      if (this.result !== undefined) return child.interruptUnsafe(this.fiber.id)
      if (this.delay > 0) break
      if (!this.mayHedge("slow")) return
    }
    Alarm.clear(this)
    if (this.started <= this.hedge.max && !this.held && this.delay < Infinity) Alarm.set(this, this.fiber, this.delay)
  }

  /** What runs is slow. */
  override ring(): void {
    if (this.mayHedge("slow")) this.launch()
  }

  override clockFailed(cause: Cause.Cause<never>): void {
    this.held = true
    this.decide(Exit.failCause(cause))
  }

  /** Asks for one more leg, and pays for it. */
  mayHedge(because: Because): boolean {
    const { budget, max } = this.hedge
    if (this.held || this.started > max) return false
    try {
      if (budget !== undefined && !budget.tryWithdraw(this.now())) {
        this.held = true
        return false
      }
      this.hedge.hedges++
      this.onHedge?.(this.started, because)
    } catch (defect) {
      this.held = true
      this.decide(Exit.die(defect))
    }
    // The callbacks may have thrown, or have interrupted the caller.
    return this.result === undefined
  }

  /** Takes the end of a leg, and says whether another is to start at once. */
  settle(leg: number, exit: Exit.Exit<A, E>): boolean {
    if (leg === 0) this.measure(Exit.isSuccess(exit))
    if (this.result === undefined) {
      const final = this.finalOf(exit)
      if (final !== undefined) {
        if (leg > 0 && Exit.isSuccess(exit)) this.hedge.wins++
        this.decide(final)
      } else {
        if (leg === 0) this.first = exit
        if (retryAfterOfExit(exit) > 0) this.held = true
        if (this.mayHedge("failed")) return true
        // With no leg left the first has ended too.
        if (!this.runs) this.decide(this.first ?? exit)
      }
    }
    if (!this.runs) this.closed?.()
    return false
  }

  /** The result of the race, if the end of a leg decides it: all but a failure that another leg may better. */
  finalOf(exit: Exit.Exit<A, E>): Exit.Exit<A, E> | undefined {
    if (Exit.isSuccess(exit)) return exit
    for (const reason of exit.cause.reasons) {
      if (!Cause.isFailReason(reason)) return exit
      try {
        if (!this.hedge.isRetryable(reason.error)) return exit
      } catch (defect) {
        return Exit.die(defect)
      }
    }
    return undefined
  }

  /** Fixes the result and gives it to the caller, who closes the race. */
  decide(result: Exit.Exit<A, E>): void {
    if (this.result !== undefined) return
    this.result = result
    Alarm.clear(this)
    this.measure(false)
    this.resume?.(result)
  }

  /** Whether a leg runs. */
  get runs(): boolean {
    return this.legs.size + this.starting > 0
  }

  /** Records the time of the first leg when it succeeds, and when it has exceeded the delay, however it ends. */
  measure(succeeded: boolean): void {
    if (this.latencies === undefined) return
    const now = this.now()
    const took = now - this.startedAt
    if (succeeded) this.latencies.record(now, took)
    else this.latencies.lost(now, took, this.delay)
    this.latencies = undefined
  }

  /** Interrupts the legs that still run, and waits for them. Without a result the caller was interrupted. */
  close(): Effect.Effect<void> | undefined {
    this.resume = undefined
    this.decide(Exit.interrupt(this.fiber.id))
    for (const leg of this.legs) leg.interruptUnsafe(this.fiber.id)
    if (!this.runs) return undefined
    return Effect.callback((resume) => {
      this.closed = () => resume(Effect.void)
    })
  }

  now(): number {
    return nowOf(this.fiber)
  }
}
