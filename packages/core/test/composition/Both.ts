/**
 * One policy in three ways, for the law of transparency: as a `Policy`, as its parts one around the other, and as the plain
 * operators composed by hand.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Deadline from "@holdfast/core/Deadline"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as RateLimit from "@holdfast/core/RateLimit"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import { layerStoreMemory } from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { type Dice, type Log, words as wordsOf } from "../Program.ts"

export type Work = Effect.Effect<number, string, Scope.Scope>
export type Protect = (self: Work) => Work

/** A part around what is within it. */
type Inner = Effect.Effect<number, unknown, Scope.Scope>
type Around = (self: Inner) => Inner

export interface Parts {
  readonly deadline: number | undefined
  readonly bulkhead: boolean
  readonly circuitBreaker: "none" | "never opens" | "ignores" | "observes" | "disabled" | "stored"
  /** After how long a second leg runs beside the first. */
  readonly hedge: number | undefined
  readonly rateLimit: boolean
  readonly times: number | undefined
  readonly delay: number
  /** Whether the delay comes from a schedule that is not a `Backoff`. */
  readonly schedule: boolean
  readonly asks: "always" | "at once" | "by an effect" | "about results"
  readonly budget: "none" | "own" | "stored"
  readonly attemptTimeout: number | undefined
  /** Whether the parts stand alone, one around the other. */
  readonly alone: boolean
}

export const draw = (dice: Dice): Parts => {
  const deadline = dice.pick(undefined, undefined, 10.5, 25.5, 60.5)
  const hedge = dice.pick(undefined, undefined, undefined, 4, 3_600_000)
  return {
    deadline,
    bulkhead: dice.below(2) === 0,
    circuitBreaker: dice.pick("none", "none", "never opens", "ignores", "observes", "disabled", "stored", "stored"),
    hedge,
    rateLimit: dice.below(3) === 0,
    times: dice.pick(undefined, 0, 1, 2),
    delay: deadline === undefined ? dice.pick(0, 5, 10) : 0,
    schedule: dice.below(3) === 0,
    asks: dice.pick("always", "always", "at once", "by an effect", "about results"),
    budget: dice.pick("none", "none", "own", "stored"),
    attemptTimeout: hedge === undefined
      ? dice.pick(undefined, undefined, 5, 10, deadline === 10.5 ? 10 : 20)
      : undefined,
    alone: dice.below(2) === 0
  }
}

// Predicates, which all ways ask.

const word = (error: unknown): string => isPolicyError(error) ? error.reason._tag : String(error)

/** A policy does not ask about its own timeouts, and retries after them. */
const isTransient = (error: unknown): boolean => !word(error).endsWith("7")

const isTransientLater = (log: Log) => (error: unknown): Effect.Effect<boolean> =>
  word(error) === "AttemptTimeout"
    ? Effect.succeed(true)
    : Effect.as(log.note(`asked about ${word(error)}`), isTransient(error))

const isOpen = (result: number): boolean => result % 2 === 1

const again = "again "

// By what this package has.

const breakerOf = ({ circuitBreaker }: Parts): Effect.Effect<CircuitBreaker.CircuitBreaker | undefined> => {
  const trip = CircuitBreaker.consecutive(1)
  switch (circuitBreaker) {
    case "none":
      return Effect.undefined
    case "never opens":
      return CircuitBreaker.make({ isFailure: () => false })
    case "ignores":
      return CircuitBreaker.make({ ignore: () => true })
    case "observes":
      return CircuitBreaker.make({ trip, mode: "observe" })
    case "disabled":
      return CircuitBreaker.make({ trip, mode: "disabled" })
    case "stored":
      return Effect.provide(
        CircuitBreaker.makeShared({ isFailure: () => false, ignore: () => false, name: "stored" }),
        layerStoreMemory()
      )
  }
}

const plenty = { ratio: 1, minPerSecond: 1_000 }

const budgetOf = ({ budget }: Parts): Effect.Effect<RetryBudget.RetryBudget | undefined, never, Scope.Scope> =>
  budget === "none"
    ? Effect.undefined
    : budget === "own"
    ? RetryBudget.make(plenty)
    : Effect.provide(RetryBudget.makeShared({ key: "stored", ...plenty }), RetryBudget.layerStoreMemory)

const retryOf = (parts: Parts, log: Log, budget: RetryBudget.RetryBudget | undefined) => {
  const { asks, delay, times } = parts
  return times === undefined ? undefined : {
    times,
    budget,
    backoff: parts.schedule ? Schedule.spaced(delay) : Backoff.constant({ delay }),
    while: asks === "at once" ? isTransient : asks === "by an effect" ? isTransientLater(log) : undefined,
    whileResult: asks === "about results" ? isOpen : undefined
  }
}

const hedgeOf = ({ hedge }: Parts) => hedge === undefined ? undefined : { after: hedge, while: () => false }

/** The policy of the parts, with the errors that it adds in the words of those below. */
export const asPolicy = (parts: Parts, log: Log): Effect.Effect<Protect, never, Scope.Scope> =>
  Effect.gen(function*() {
    const circuitBreaker = yield* breakerOf(parts)
    const retry = retryOf(parts, log, yield* budgetOf(parts))
    const bulkhead = parts.bulkhead ? { limit: 8 } : undefined
    const rateLimit = parts.rateLimit ? { limit: 1_000, window: "1 second" } as const : undefined
    const { attemptTimeout, deadline } = parts
    const words = (cause: Cause.Cause<unknown>): Cause.Cause<string> => {
      const own = Cause.map(cause, word)
      return parts.times === undefined ? own : afterRetry(own)
    }
    if (!parts.alone) {
      const hedge = hedgeOf(parts)
      const policy = yield* Policy.make({
        deadline,
        bulkhead,
        rateLimit,
        circuitBreaker,
        retry,
        hedge,
        attemptTimeout
      })
      return (self) => seen(policy.protect(Hedge.idempotent(self)), words, log)
    }
    const around: Array<Around> = []
    if (deadline !== undefined) around.push(Deadline.within(deadline))
    if (bulkhead !== undefined) around.push((yield* Bulkhead.make(bulkhead)).protect)
    if (rateLimit !== undefined) around.push((yield* RateLimit.make(rateLimit)).protect)
    if (retry !== undefined) around.push(Retry.retry(retry))
    if (circuitBreaker !== undefined) around.push(circuitBreaker.protect)
    if (parts.hedge !== undefined) {
      const hedge = yield* Hedge.make({ after: parts.hedge, while: () => false })
      around.push((self) => hedge.protect(Hedge.idempotent(self)))
    }
    if (attemptTimeout !== undefined) around.push((yield* Policy.make({ attemptTimeout })).protect)
    return (self) => seen(around.reduceRight<Inner>((within, part) => part(within), self), words, log)
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
export const byHand = (parts: Parts, log: Log): Effect.Effect<Protect> =>
  Effect.sync(() => {
    const semaphore = Semaphore.makeUnsafe(8)
    const timeout = (duration: number | undefined, error: string): Protect => (self) =>
      duration === undefined ? self : Effect.timeoutOrElse(self, { duration, orElse: () => Effect.fail(error) })
    const { asks, times } = parts
    const retry: Protect = (self) =>
      times === undefined ? self : Effect.retry(self, {
        times,
        while: asks === "at once" ? isTransient : asks === "by an effect" ? isTransientLater(log) : () => true,
        ...(parts.delay > 0 && { schedule: Schedule.spaced(parts.delay) })
      })
    // A result that is worth another attempt is a failure to the retry, and what it was to those around it.
    const results: Protect = (self) =>
      times === undefined || asks !== "about results" ? retry(self) : retry(
        Effect.filterOrFail(self, (result) => !isOpen(result), (result) => `${again}${result}`)
      ).pipe(
        Effect.catchIf((error) => error.startsWith(again), (error) => Effect.succeed(Number(error.slice(again.length))))
      )
    const bulkhead: Protect = (self) => parts.bulkhead ? semaphore.withPermits(1)(self) : self
    const { hedge: after } = parts
    // The diagnostics know one arm that sleeps for a timeout.
    const legs = (self: Work): ReadonlyArray<Work> => after === undefined ? [self] : [self, Effect.delay(self, after)]
    const hedge: Protect = (self) => after === undefined ? self : Effect.raceAllFirst(legs(self))
    return (self) =>
      seen(
        timeout(parts.deadline, "DeadlineExceeded")(
          bulkhead(results(hedge(timeout(parts.attemptTimeout, "AttemptTimeout")(self))))
        ),
        identity,
        log
      )
  })
