/**
 * Random programs and the log of what they did, for the laws that compare a policy with plain operators.
 */
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { AsyncLocalStorage } from "node:async_hooks"

/** A source of chance that starts from a seed: mulberry32. */
export class Dice {
  private state: number
  constructor(seed: number) {
    this.state = seed | 0
  }
  below(sides: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % sides
  }
  pick<A>(...choices: ReadonlyArray<A>): A {
    return choices[this.below(choices.length)] as A
  }
}

export const Tenant: Context.Reference<string> = Context.Reference<string>("test/Tenant", {
  defaultValue: () => "none"
})

export const request = new AsyncLocalStorage<string>()

/** What a program did, in order, with the instant of each step. */
export class Log {
  readonly lines: Array<string> = []
  /** What has happened at all: the cases that a law is about. */
  readonly reached = new Set<string>()
  /** Whether calls run as frames, or by exported means. */
  readonly frames: boolean

  constructor(frames: boolean) {
    this.frames = frames
  }

  note(text: string): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const at = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
      const span = fiber.cache.span
      const state = [
        fiber.getRef(Tenant),
        request.getStore(),
        (fiber as unknown as { readonly interruptible: boolean }).interruptible ? "" : "uninterruptible",
        attemptOf(fiber.getRef(Schedule.CurrentMetadata)),
        span?._tag === "Span" ? span.name : ""
      ]
      this.lines.push(`${at} ${text} ${state.join("/")}`)
      return Effect.void
    })
  }
}

/** The metadata that an attempt sees. A result that is tried again is a failure by hand. */
const attemptOf = ({ attempt, duration, elapsed, elapsedSincePrevious, input }: Schedule.Metadata): string =>
  attempt === 0 ?
    "0" :
    `${attempt} after ${Duration.toMillis(duration)} in ${elapsed} and ${elapsedSincePrevious} for ${
      (isPolicyError(input) ? input.reason._tag : String(input)).replace("again ", "")
    }`

export type Program = Effect.Effect<number, string, Scope.Scope>

// Every choice is made before a program runs, so that it is the same however often and in whatever order its parts run.

const onInterrupt = (self: Program, finalizer: Effect.Effect<void>): Program =>
  Effect.onInterrupt(self, () => finalizer)

const masked = (restored: Program, rest: Program): Program =>
  Effect.uninterruptibleMask((restore) => Effect.andThen(restore(restored), rest))

const acquired = (acquire: Effect.Effect<void>, release: Effect.Effect<void>, use: Program, here: boolean): Program => {
  const self = Effect.andThen(Effect.acquireRelease(acquire, () => release), use)
  return here ? Effect.scoped(self) : self
}

const after = <A>(fork: Effect.Effect<A, never, Scope.Scope>, next: Program): Program => Effect.andThen(fork, next)

const joined = (self: Program, startImmediately: boolean): Program =>
  Effect.flatMap(Effect.forkChild(self, { startImmediately }), Fiber.join)

const both = (one: Program, other: Program): Program =>
  Effect.map(Effect.all([one, other], { concurrency: 2 }), ([one, other]) => one + other)

/** Waits for a callback from another async context, which may never come, and notes when it is no longer waited for. */
const called = (log: Log, id: string, after: number): Program =>
  Effect.andThen(
    Effect.contextWith((context: Context.Context<never>) =>
      Effect.callback<void>((resume) => {
        const call = Effect.andThen(Effect.sleep(after), Effect.sync(() => resume(Effect.void)))
        if (after < Infinity) request.run(`callback ${id}`, () => Effect.runForkWith(context)(call))
        return log.note(`gave up ${id}`)
      })
    ),
    Effect.as(log.note(`called ${id}`), Number(id))
  )

/** A program of up to `size` steps in depth. */
export const program = (dice: Dice, log: Log, size: number, sync = false): Program => {
  const id = `${dice.below(1_000)}`
  const again = () => program(dice, log, size - 1, sync)
  const reach = <A>(what: string, value: A): A => {
    log.reached.add(what)
    return value
  }
  const sleep = (millis: number) => sync ? Effect.void : Effect.sleep(millis)
  const finalizer = (): Effect.Effect<void> => {
    switch (dice.below(3)) {
      case 0:
        return log.note(`finalizer ${id}`)
      case 1:
        return reach(
          "a finalizer that dies",
          Effect.andThen(log.note(`finalizer ${id} dies`), Effect.die(`died ${id}`))
        )
      default: {
        const takes = dice.pick(1, 3, 10)
        return reach(
          "a finalizer that sleeps",
          Effect.andThen(sleep(takes), log.note(`finalizer ${id} after ${takes}`))
        )
      }
    }
  }
  const child = () =>
    Effect.onExit(
      Effect.andThen(sleep(dice.pick(1, 5, 12, 40)), log.note(`child ${id}`)),
      (exit) => Effect.andThen(sleep(dice.pick(0, 0, 4)), log.note(`child ${id} ends in ${exit._tag}`))
    )
  if (size <= 0 || dice.below(6) === 0) {
    switch (dice.below(sync ? 6 : 11)) {
      case 0:
        return Effect.as(log.note(`value ${id}`), Number(id))
      case 1:
      case 2:
        return Effect.andThen(log.note(`fails ${id}`), Effect.fail(`failed ${id}`))
      case 3:
        return reach("a defect", Effect.andThen(log.note(`dies ${id}`), Effect.die(`died ${id}`)))
      case 4:
        return reach("an interruption of its own", Effect.interrupt)
      case 5:
        return Effect.as(Effect.yieldNow, 0).pipe((self) => sync ? Effect.succeed(0) : self)
      case 6:
        return Effect.as(sleep(150), 0)
      case 7:
      case 8:
        return reach("a callback", called(log, id, dice.pick(0, 1, 4, Infinity)))
      default:
        return Effect.as(sleep(dice.pick(1, 5, 10, 20, 30)), Number(id))
    }
  }
  switch (sync ? dice.pick(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13) : dice.below(20)) {
    case 0:
    case 1:
      return Effect.andThen(again(), again())
    case 2:
      return Effect.ensuring(again(), finalizer())
    case 3:
      return onInterrupt(again(), finalizer())
    case 4:
      return reach("an uninterruptible region", Effect.uninterruptible(again()))
    case 5:
      return reach("a mask", masked(again(), again()))
    case 6:
      return reach("an interruptible region", Effect.interruptible(again()))
    case 7:
      return Effect.flatMap(Effect.exit(again()), (exit) => Effect.as(log.note(`exit ${exit._tag}`), 1))
    case 8:
      return Effect.catch(again(), (error) => Effect.as(log.note(`caught ${error}`), 2))
    case 9:
      return Effect.provideService(again(), Tenant, `tenant ${id}`)
    case 10:
      return Effect.withSpan(again(), `span ${id}`)
    case 11:
      return reach("a race", Effect.race(again(), again()))
    case 12:
      return reach(
        "a timeout within",
        Effect.timeoutOrElse(again(), { duration: dice.pick(3, 5, 10), orElse: () => Effect.fail("inner timeout") })
      )
    case 13:
      return acquired(log.note(`acquire ${id}`), finalizer(), again(), dice.below(2) === 0)
    case 14:
      return dice.below(6) === 0
        ? after(Effect.forkChild(child()), reach("a child", again()))
        : after(Effect.forkScoped(child()), reach("a fiber in the scope", again()))
    case 15:
      return reach("a fiber that is joined", joined(again(), dice.pick(true, false)))
    case 16:
      return reach("two at once", both(again(), again()))
    case 17:
      return after(Effect.forkScoped(child()), reach("a fiber in the scope", again()))
    default:
      return dice.below(2) === 0
        ? after(Effect.forkChild(child(), { startImmediately: true }), reach("a child", again()))
        : after(Effect.forkDetach(child()), reach("a daemon", again()))
  }
}

/**
 * An exit in words, without the numbers of fibers. An interruption is told once: Effect repeats it for each span that a
 * cause passes on its way.
 */
export const words = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? `Success ${String(exit.value)}` : [
    ...new Set(
      exit.cause.reasons.map((reason) =>
        reason._tag === "Fail" ? `Fail ${String(reason.error)}` : reason._tag === "Die"
          ? `Die ${String(reason.defect)}`
          : "Interrupt"
      )
    )
  ].join(" + ")
