/**
 * C12: a policy is, in everything but what its parts decide, the plain operators composed by hand. Random programs run
 * under both, with the same caller, and must end with the same exit, run the same finalizers in the same order and at the
 * same instants, and leave the same children, references, spans and async context.
 *
 * The differences that are wanted, each said in `docs/transparency.md`:
 * - a call that gives up fails with the cause of its last attempt, untouched, where `Effect.retry` keeps its first failure
 *   and turns failures beside a defect into defects;
 * - a hedge starts the next leg when one fails or times out, which no plain operator does: the law draws hedges whose first
 *   leg to end decides, as under `Effect.raceAllFirst`, and gives them no attempt timeout;
 * - no delay is slept that would pass the deadline and no attempt starts when it has passed, so the law draws a deadline that
 *   falls on no instant of the program, or a delay and a call within a call.
 */
import { afterEach, describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Logger from "effect/Logger"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { Dice, Log, program, request, Tenant, words as wordsOf } from "../Program.ts"

afterEach(() => Unexported.allow(true))

type Work = Effect.Effect<number, string, Scope.Scope>
type Protect = (self: Work) => Work

interface Parts {
  readonly deadline: number | undefined
  readonly bulkhead: boolean
  readonly circuitBreaker: "none" | "own" | "stored"
  /** After how long a second leg runs beside the first. */
  readonly hedge: number | undefined
  readonly rateLimit: boolean
  readonly times: number | undefined
  readonly delay: number
  readonly attemptTimeout: number | undefined
}

const draw = (dice: Dice): Parts => {
  const deadline = dice.pick(undefined, undefined, 10.5, 25.5, 60.5)
  const hedge = dice.pick(undefined, undefined, undefined, 4, 3_600_000)
  return {
    deadline,
    bulkhead: dice.below(2) === 0,
    circuitBreaker: dice.pick("none", "none", "own", "stored"),
    hedge,
    rateLimit: dice.below(3) === 0,
    times: dice.pick(undefined, 0, 1, 2),
    delay: deadline === undefined ? dice.pick(0, 5, 10) : 0,
    attemptTimeout: hedge === undefined
      ? dice.pick(undefined, undefined, 5, 10, deadline === 10.5 ? 10 : 20)
      : undefined
  }
}

/** The policy of the parts, with the errors that it adds in the words of those below. */
const asPolicy = (parts: Parts, log: Log): Effect.Effect<Protect> =>
  Effect.gen(function*() {
    const { circuitBreaker, hedge } = parts
    const neverOpens = { isFailure: () => false }
    const policy = yield* Policy.make({
      deadline: parts.deadline,
      bulkhead: parts.bulkhead ? { limit: 8 } : undefined,
      rateLimit: parts.rateLimit ? { limit: 1_000, window: "1 second" } : undefined,
      circuitBreaker: circuitBreaker === "none"
        ? undefined
        : circuitBreaker === "own"
        ? neverOpens
        : yield* Effect.provide(CircuitBreaker.makeShared({ ...neverOpens, name: "stored" }), layerStoreMemory()),
      retry: parts.times === undefined
        ? undefined
        : { times: parts.times, backoff: Backoff.constant({ delay: parts.delay }) },
      hedge: hedge === undefined ? undefined : { after: hedge, while: () => false },
      attemptTimeout: parts.attemptTimeout
    })
    const words = (cause: Cause.Cause<unknown>): Cause.Cause<string> => {
      const own = Cause.map(cause, (error) => isPolicyError(error) ? error.reason._tag : String(error))
      return parts.times === undefined ? own : afterRetry(own)
    }
    return (self) => seen(policy.protect(Hedge.idempotent(self)), words, log)
  })

/** By exported means a call is a handler even without a retry, so that an interruption drops the failure beside it. */
const toldBy = (cause: Cause.Cause<string>, { frames }: Log): Cause.Cause<string> =>
  frames || !Cause.hasInterrupts(cause) ? cause : Cause.fromReasons(
    cause.reasons.filter((reason) => !Cause.isFailReason(reason))
  )

/**
 * The end of a call as a finalizer sees it, which no handler has touched, and then as a handler does. An interrupted fiber
 * skips handlers and drops what they would have taken, so that one alone would hide what the other sees.
 */
const seen = <E>(
  self: Effect.Effect<number, E, Scope.Scope>,
  words: (cause: Cause.Cause<E>) => Cause.Cause<string>,
  log: Log
): Work =>
  Effect.catchCause(
    Effect.onExit(
      self,
      (exit) =>
        log.note(`ends in ${wordsOf(Exit.isSuccess(exit) ? exit : Exit.failCause(toldBy(words(exit.cause), log)))}`)
    ),
    (cause) => Effect.failCause(words(cause))
  )

/** What `Effect.retry` makes of the cause that it gives up with. */
const afterRetry = (cause: Cause.Cause<string>): Cause.Cause<string> => {
  const failure = cause.reasons.find(Cause.isFailReason)
  if (failure === undefined) return cause
  return cause.reasons.some(Cause.isDieReason)
    ? Cause.fromReasons(
      cause.reasons.map((reason) => Cause.isFailReason(reason) ? Cause.makeDieReason(reason.error) : reason)
    )
    : Cause.fail(failure.error)
}

/** The same parts as plain operators. A circuit that never opens and a limit that is never reached are nothing. */
const byHand = (parts: Parts, log: Log): Effect.Effect<Protect> =>
  Effect.sync(() => {
    const semaphore = Semaphore.makeUnsafe(8)
    const timeout = (duration: number | undefined, error: string): Protect => (self) =>
      duration === undefined ? self : Effect.timeoutOrElse(self, { duration, orElse: () => Effect.fail(error) })
    const retry: Protect = (self) =>
      parts.times === undefined ? self : Effect.retry(
        self,
        parts.delay === 0
          ? { times: parts.times }
          : { times: parts.times, schedule: Schedule.spaced(parts.delay) }
      )
    const bulkhead: Protect = (self) => parts.bulkhead ? semaphore.withPermits(1)(self) : self
    const { hedge: after } = parts
    // The diagnostics know one arm that sleeps for a timeout.
    const legs = (self: Work): ReadonlyArray<Work> => after === undefined ? [self] : [self, Effect.delay(self, after)]
    const hedge: Protect = (self) => after === undefined ? self : Effect.raceAllFirst(legs(self))
    return (self) =>
      seen(
        timeout(parts.deadline, "DeadlineExceeded")(
          bulkhead(retry(hedge(timeout(parts.attemptTimeout, "AttemptTimeout")(self))))
        ),
        identity,
        log
      )
  })

/** A caller of the call: in what region it is, and what it does before and after. */
const caller = (
  dice: Dice,
  log: Log,
  protect: Protect,
  work: Work,
  sync: boolean,
  parts: Parts
): Effect.Effect<unknown, string> => {
  const region = dice.below(5)
  const call = Effect.suspend((): Work => {
    switch (region) {
      case 0:
        return Effect.uninterruptible(protect(work))
      case 1:
        return Effect.uninterruptibleMask((restore) => protect(restore(work)))
      case 2:
        return Effect.uninterruptibleMask((restore) => restore(protect(work)))
      default:
        return protect(work)
    }
  })
  if (region < 2) log.reached.add("an uninterruptible caller")
  if (parts.hedge !== undefined) log.reached.add("a hedge")
  if (parts.circuitBreaker === "stored") log.reached.add("a circuit in a store")
  const nested = dice.below(4) === 0 && parts.deadline === undefined ? protect(call) : call
  const before = sync || dice.below(2) === 0 ? Effect.void : Effect.forkChild(
    Effect.onExit(Effect.sleep(dice.pick(1, 7, 50)), (exit) => log.note(`earlier child ${exit._tag}`))
  )
  return Effect.gen(function*() {
    yield* before
    const exit = yield* Effect.onExit(nested, (exit) => log.note(`call ${exit._tag}`)).pipe(
      Effect.scoped,
      Effect.provideService(Tenant, "caller"),
      Effect.exit
    )
    yield* log.note("after")
    if (!sync) yield* Effect.sleep(15)
    yield* log.note("later")
    return yield* exit
  })
}

interface Story {
  readonly exit: string
  readonly lines: ReadonlyArray<string>
  readonly reached: ReadonlySet<string>
}

type Make = (parts: Parts, log: Log) => Effect.Effect<Protect>

const play = (seed: number, make: Make, sync: boolean, frames: boolean): Effect.Effect<Story> =>
  Effect.gen(function*() {
    const dice = new Dice(seed)
    const log = new Log(frames)
    const parts = draw(dice)
    const protect = yield* make(sync ? { ...parts, delay: 0, hedge: undefined } : parts, log)
    const self = caller(dice, log, protect, program(dice, log, dice.pick(2, 3, 4), sync), sync, parts)
    if (sync) {
      const exit = yield* Effect.withFiber(({ context }) =>
        Effect.succeed(Effect.runSyncExitWith(context)(Effect.provide(self, Logger.layer([]))))
      )
      return { exit: wordsOf(exit), lines: log.lines, reached: log.reached }
    }
    const leavesAt = dice.pick(undefined, undefined, 0, 1, 3, 5, 6, 10, 11, 17, 25)
    // Under the clock of this program alone.
    return yield* Effect.gen(function*() {
      const fiber = yield* Effect.withFiber(({ context }) =>
        Effect.succeed(request.run("caller", () => Effect.runForkWith(context)(Effect.provide(self, Logger.layer([])))))
      )
      if (leavesAt !== undefined) {
        yield* TestClock.adjust(leavesAt)
        if (fiber.pollUnsafe() === undefined) log.reached.add("an interrupted caller")
        fiber.interruptUnsafe()
      }
      yield* TestClock.adjust("1 minute")
      const exit = fiber.pollUnsafe()
      return { exit: exit === undefined ? "hangs" : wordsOf(exit), lines: log.lines, reached: log.reached }
    }).pipe(Effect.provide(TestClock.layer()))
  })

const Seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

const ofSync = [
  "a finalizer that dies",
  "a finalizer that sleeps",
  "a defect",
  "an interruption of its own",
  "an uninterruptible region",
  "a mask",
  "an interruptible region",
  "an uninterruptible caller"
]

const ofAsync = [
  ...ofSync,
  "a race",
  "a timeout within",
  "a child",
  "a fiber in the scope",
  "a daemon",
  "a hedge",
  "a circuit in a store",
  "an interrupted caller"
]

const compare = (seed: number, frames: boolean, sync: boolean, reach: (what: string) => void) =>
  Effect.gen(function*() {
    const expected = yield* play(seed, byHand, sync, frames)
    for (const what of sync ? ofSync : ofAsync) if (expected.reached.has(what)) reach(what)
    Unexported.allow(frames)
    const { exit, lines } = yield* play(seed, asPolicy, sync, frames)
    deepStrictEqual({ seed, exit, lines }, { seed, exit: expected.exit, lines: expected.lines })
  })

describe.each([["as a frame", true], ["by the public API", false]])("C12, a call", (way, frames) => {
  law(
    `${way}, does what the plain operators do`,
    { seed: Seed },
    ({ seed }, reach) => compare(seed, frames, false, reach),
    { cases: 10_000, reaches: ofAsync }
  )

  law(
    `${way}, runs at once what the plain operators run at once`,
    { seed: Seed },
    ({ seed }, reach) => compare(seed, frames, true, reach),
    { cases: 2_000, reaches: ofSync }
  )
})
