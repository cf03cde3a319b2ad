/**
 * Random calls, each with a fault of its own in a callback, a service or a finalizer, and the policies that they run
 * under: some have one of their own, some share one that has room for all.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Deadline from "@holdfast/core/Deadline"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { type Dice, words } from "../Program.ts"
import { request, type World } from "./World.ts"

/** What goes wrong in a call, beside its attempts. */
const faults = [
  "while",
  "onRetry",
  "schedule",
  "isFailure",
  "ignore",
  "isOverload",
  "hedge while",
  "hedge budget",
  "observer",
  "logger",
  "retryAfter",
  "isRetryable",
  "message",
  "finalizer",
  "random",
  "onExit",
  "leaves by itself"
] as const

type Fault = typeof faults[number]

interface Step {
  readonly takes: number
  readonly outcome: "succeed" | "fail" | "hint" | "die" | "hang" | "deaf"
}

/** One call: when it comes, when it is interrupted, what its attempts do, and what goes wrong. */
export interface Call {
  readonly id: string
  readonly fault: Fault | undefined
  readonly comesAt: number
  readonly leavesAt: number | undefined
  readonly steps: ReadonlyArray<Step>
  readonly policy: "own" | "shared" | "parts"
  readonly options: Options
  readonly key: string | undefined
  /** Whether the caller does something after the call, which must have left nothing that could end it. */
  readonly goesOn: boolean
}

interface Options {
  readonly deadline: number | undefined
  readonly attemptTimeout: number | undefined
  readonly times: number
  readonly delay: number
  readonly scheduled: boolean
  readonly hedge: number | undefined
  readonly adaptive: boolean
}

export const drawOptions = (dice: Dice): Options => ({
  deadline: dice.pick(undefined, undefined, 15, 40, 90),
  attemptTimeout: dice.pick(undefined, 5, 12),
  times: dice.pick(0, 1, 2, 3),
  delay: dice.pick(0, 1, 7, 20),
  scheduled: dice.below(3) === 0,
  hedge: dice.pick(undefined, undefined, 0, 4),
  adaptive: dice.below(2) === 0
})

export const drawCall = (dice: Dice, id: string): Call => ({
  id,
  fault: dice.below(3) === 0 ? undefined : dice.pick(...faults),
  comesAt: dice.pick(0, 0, 1, 3, 10, 30),
  leavesAt: dice.pick(undefined, undefined, undefined, 1, 4, 9, 22, 45),
  steps: Array.from({ length: dice.below(5) }, () => ({
    takes: dice.pick(0, 0, 1, 3, 8, 30),
    outcome: dice.pick("succeed", "fail", "fail", "fail", "hint", "die", "hang", "deaf")
  })),
  policy: dice.pick("own", "shared", "parts"),
  options: drawOptions(dice),
  key: dice.pick(undefined, "blue"),
  goesOn: dice.below(3) > 0
})

class Down {
  readonly _tag = "Down"
  readonly fault: Fault | undefined
  private readonly hint: Duration.Duration | undefined
  constructor(fault: Fault | undefined, hint: Duration.Duration | undefined) {
    this.fault = fault
    this.hint = hint
  }
  get retryAfter() {
    this.maybeThrow("retryAfter")
    return this.hint
  }
  get isRetryable() {
    this.maybeThrow("isRetryable")
    return true
  }
  get message() {
    this.maybeThrow("message")
    return "down"
  }
  toString() {
    return "Down"
  }
  private maybeThrow(fault: Fault) {
    if (this.fault === fault) throw new Error(`thrown by ${fault}`)
  }
}

type Work = Effect.Effect<number, unknown>
type Protect = (self: Work) => Work

const build = <A>(effect: Effect.Effect<A>): A => Effect.runSync(Effect.provide(effect, Logger.layer([])))

/** Runs calls in a world, some of which have faults. */
export class Calls {
  readonly world: World
  /** What each call has done, with the instant and the request that it was seen in. */
  readonly lines = new Map<string, Array<string>>()
  readonly exits = new Map<string, string>()
  /** The calls whose callers were interrupted from outside. */
  readonly interrupted = new Set<string>()
  readonly reached = new Set<string>()
  private readonly faultOf = new Map<string, Fault | undefined>()
  private readonly cancels: boolean
  private readonly shared: ReadonlyArray<
    { readonly run: (call: Call) => Protect; readonly held: () => ReadonlyArray<string> }
  >

  constructor(world: World, options: { readonly room: boolean; readonly cancels: boolean; readonly parts: Options }) {
    this.world = world
    this.cancels = options.cancels
    this.shared = [this.policy(options.parts, options.room), this.parts(options.parts, options.room)]
  }

  /** What the shared parts still hold, in words. */
  get held(): ReadonlyArray<string> {
    return this.shared.flatMap(({ held }) => held())
  }

  start(call: Call): void {
    this.faultOf.set(call.id, call.fault)
    this.world.plan(call.comesAt, () => request.run(call.id, () => this.run(call)))
  }

  private note(id: string, text: string): void {
    const lines = this.lines.get(id) ?? []
    this.lines.set(id, lines)
    lines.push(`${this.world.now} ${text} ${request.getStore()}`)
  }

  /** Throws in the callback of a call whose fault it is. */
  private maybeThrow(fault: Fault): void {
    if (this.faultOf.get(request.getStore() ?? "") !== fault) return
    this.reached.add("a callback that throws")
    throw new Error(`thrown by ${fault}`)
  }

  private run(call: Call): void {
    let attempts = 0
    const attempt = Effect.suspend((): Work => {
      const step = call.steps[attempts++]
      this.note(call.id, `attempt ${attempts}`)
      return Effect.onExit(outcome(step, attempts, call.fault), (exit) => {
        this.note(call.id, `attempt ends ${exit._tag}`)
        return call.fault === "finalizer" ? Effect.die("thrown by finalizer") : Effect.void
      })
    })
    const protect = call.policy === "own"
      ? this.policy(call.options, true).run(call)
      : call.policy === "shared"
      ? this.shared[0]?.run(call)
      : this.shared[1]?.run(call)
    if (protect === undefined) return
    const random: typeof Random.Random.Service = {
      nextIntUnsafe: () => 0,
      nextDoubleUnsafe: () => {
        this.maybeThrow("random")
        return 0.5
      }
    }
    const logger = Logger.make(({ message }) => {
      this.note(call.id, `log ${String(message)}`)
      this.maybeThrow("logger")
    })
    const self = protect(attempt).pipe(
      Effect.provide(Logger.layer([logger])),
      PolicyEvent.observe((event) => {
        this.note(call.id, `event ${event._tag}`)
        if (event._tag === "Queued") this.reached.add("a wait for another call")
        this.maybeThrow("observer")
        if (call.fault === "leaves by itself" && event._tag === "AttemptFailed") leave()
      }),
      Effect.provideService(Random.Random, random)
    )
    const goingOn = Effect.gen({ self: this }, function*() {
      const exit = yield* Effect.exit(self)
      this.note(call.id, `call: ${words(exit)}`)
      yield* Effect.sleep(40)
      this.note(call.id, "later")
    })
    const fiber = Effect.runFork<unknown, unknown>(call.goesOn ? goingOn : self, { scheduler: this.world.scheduler })
    const leave = () => {
      if (fiber.pollUnsafe() === undefined) this.interrupted.add(call.id)
      fiber.interruptUnsafe()
    }
    fiber.addObserver((exit) => this.ended(call, exit))
    if (call.leavesAt !== undefined) {
      this.world.plan(this.world.now + call.leavesAt, () => {
        if (fiber.pollUnsafe() === undefined) this.reached.add("an interruption")
        leave()
      })
    }
  }

  private ended(call: Call, exit: Exit.Exit<unknown, unknown>): void {
    this.note(call.id, "end")
    this.exits.set(call.id, words(exit))
    if (this.cancels) this.world.cancelTimersOf(call.id)
    if (call.fault === "onExit" && !this.world.isFaked) {
      this.reached.add("a caller that throws")
      throw new Error("thrown by onExit")
    }
  }

  private retryOptions({ delay, scheduled, times }: Options) {
    const maybeThrow = this.maybeThrow.bind(this)
    const schedule = Schedule.spaced(delay).pipe(
      Schedule.modifyDelay(({ duration }) => {
        maybeThrow("schedule")
        return Effect.succeed(duration)
      })
    )
    return {
      times,
      backoff: scheduled ? schedule : Backoff.constant({ delay }),
      while: (error: unknown) => {
        maybeThrow("while")
        return !(error instanceof Down) || error.isRetryable
      },
      retryAfter: { max: 9 },
      onRetry: () => maybeThrow("onRetry")
    }
  }

  private readonly hedgeOptions = (after: number) => ({
    after,
    max: 2,
    while: () => {
      this.maybeThrow("hedge while")
      return true
    },
    budget: {
      tryWithdraw: () => {
        this.maybeThrow("hedge budget")
        return true
      }
    }
  })

  private bulkhead(adaptive: boolean, room: boolean) {
    if (!adaptive) return build(Bulkhead.make(room ? { limit: 1_000 } : { limit: 1, queue: 2, maxWait: 25 }))
    const isOverload = () => {
      this.maybeThrow("isOverload")
      return true
    }
    return build(
      Bulkhead.adaptive(
        room
          ? { initial: 1_000, min: 1_000, max: 1_000, isOverload }
          : { initial: 1, max: 1, queue: 2, maxWait: 25, isOverload }
      )
    )
  }

  private breaker(room: boolean) {
    return build(CircuitBreaker.make({
      trip: CircuitBreaker.consecutive(room ? 1_000_000 : 2),
      openFor: 10,
      isFailure: () => {
        this.maybeThrow("isFailure")
        return true
      },
      ignore: () => {
        this.maybeThrow("ignore")
        return false
      }
    }))
  }

  private readonly rateLimit = (room: boolean) =>
    build(RateLimit.make(room ? { limit: 1_000_000, window: 10 } : { limit: 2, window: 10, maxWait: 30 }))

  /** A policy of all parts. */
  private policy(options: Options, room: boolean) {
    const { adaptive, attemptTimeout, deadline, hedge } = options
    const parts = {
      bulkhead: this.bulkhead(adaptive, room),
      circuitBreaker: this.breaker(room),
      rateLimit: this.rateLimit(room)
    }
    const budget = build(RetryBudget.make({ minPerSecond: 1_000_000 }))
    const common = { ...parts, attemptTimeout, deadline, retry: { ...this.retryOptions(options), budget } }
    const policy = hedge === undefined
      ? build(Policy.make(common))
      : build(Policy.make({ ...common, hedge: this.hedgeOptions(hedge) }))
    return {
      run: ({ key }: Call): Protect => (self) => policy.protect({ key })(Hedge.idempotent(self)),
      held: () => held(parts)
    }
  }

  /** The same parts, each on its own. */
  private parts(options: Options, room: boolean) {
    const { adaptive, attemptTimeout, deadline, hedge } = options
    const parts = {
      bulkhead: this.bulkhead(adaptive, room),
      circuitBreaker: this.breaker(room),
      rateLimit: this.rateLimit(room)
    }
    const hedging = hedge === undefined ? undefined : build(Hedge.make(this.hedgeOptions(hedge)))
    return {
      run: ({ key }: Call): Protect => (self) => {
        const timed = attemptTimeout === undefined ? self : Effect.timeout(self, attemptTimeout)
        const hedged = hedging === undefined ? timed : hedging.protect({ key })(Hedge.idempotent(timed))
        const retried = Retry.retry(parts.circuitBreaker.protect({ key })(hedged), this.retryOptions(options))
        const admitted = parts.bulkhead.protect({ key })(parts.rateLimit.protect({ key })(retried))
        return deadline === undefined ? admitted : Deadline.within(admitted, deadline)
      },
      held: () => held(parts)
    }
  }
}

/** What parts still hold, in words. */
const held = ({ bulkhead, circuitBreaker, rateLimit }: {
  readonly bulkhead: Bulkhead.Bulkhead
  readonly circuitBreaker: CircuitBreaker.CircuitBreaker
  readonly rateLimit: RateLimit.RateLimit
}): ReadonlyArray<string> =>
  [undefined, "blue"].flatMap((key) => {
    const { running, waiting } = build(bulkhead.stats({ key }))
    const limited = build(rateLimit.stats({ key })).waiting
    const state = build(circuitBreaker.state({ key }))
    const probing = state._tag === "HalfOpen" ? state.probing : 0
    const all = [[running, "permits"], [waiting, "places of the bulkhead"], [limited, "places of the rate limit"], [
      probing,
      "probes"
    ]] as const
    return all.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
  })

const outcome = (step: Step | undefined, attempt: number, fault: Fault | undefined): Work => {
  const effect = Effect.suspend((): Work => {
    switch (step?.outcome) {
      case "fail":
        return Effect.fail(new Down(fault, undefined))
      case "hint":
        return Effect.fail(new Down(fault, Duration.millis(6)))
      case "die":
        return Effect.die(`defect ${attempt}`)
      case "hang":
        return Effect.never
      case "deaf":
        return Effect.uninterruptible(Effect.delay(Effect.succeed(attempt), 11))
      default:
        return Effect.succeed(attempt)
    }
  })
  return step === undefined || step.takes === 0 ? effect : Effect.delay(effect, step.takes)
}
