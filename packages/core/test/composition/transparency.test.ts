/**
 * C12: a policy is, in everything but what its parts decide, the plain operators composed by hand. Random programs run
 * under both, with the same caller, and must end with the same exit, run the same finalizers in the same order and at the
 * same instants, and leave the same children, references, spans and async context.
 *
 * The differences that are wanted, each said in `docs/transparency.md`:
 * - a call that gives up fails with the cause of its last attempt, untouched, where `Effect.retry` keeps its first failure
 *   and turns failures beside a defect into defects;
 * - no delay is slept that would pass the deadline and no attempt starts when it has passed, so the law draws a deadline that
 *   falls on no instant of the program, or a delay and a call within a call.
 */
import { afterEach, describe, it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as TestClock from "effect/testing/TestClock"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { Dice, Log, program, request, Tenant, words } from "../Program.ts"
import { law } from "../Script.ts"

afterEach(() => Unexported.allow(true))

type Work = Effect.Effect<number, string, Scope.Scope>
type Protect = (self: Work) => Work

interface Parts {
  readonly deadline: number | undefined
  readonly bulkhead: boolean
  readonly circuitBreaker: boolean
  readonly rateLimit: boolean
  readonly times: number | undefined
  readonly delay: number
  readonly attemptTimeout: number | undefined
}

const draw = (dice: Dice): Parts => {
  const deadline = dice.pick(undefined, undefined, 10.5, 25.5, 60.5)
  return {
    deadline,
    bulkhead: dice.below(2) === 0,
    circuitBreaker: dice.below(3) === 0,
    rateLimit: dice.below(3) === 0,
    times: dice.pick(undefined, 0, 1, 2),
    delay: deadline === undefined ? dice.pick(0, 5, 10) : 0,
    attemptTimeout: dice.pick(undefined, undefined, 5, 10, deadline === 10.5 ? 10 : 20)
  }
}

/** The policy of the parts, with the errors that it adds in the words of those below. */
const asPolicy = (parts: Parts): Effect.Effect<Protect> =>
  Effect.map(
    Policy.make({
      deadline: parts.deadline,
      bulkhead: parts.bulkhead ? { limit: 2 } : undefined,
      rateLimit: parts.rateLimit ? { limit: 1_000, window: "1 second" } : undefined,
      circuitBreaker: parts.circuitBreaker ? { isFailure: () => false } : undefined,
      retry: parts.times === undefined
        ? undefined
        : { times: parts.times, backoff: Backoff.constant({ delay: parts.delay }) },
      attemptTimeout: parts.attemptTimeout
    }),
    (policy) => (self: Work) =>
      Effect.catchCause(policy.protect(self), (cause) => {
        const own = Cause.map(cause, (error) => isPolicyError(error) ? error.reason._tag : error)
        return Effect.failCause(parts.times === undefined ? own : afterRetry(own))
      })
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
const byHand = (parts: Parts): Effect.Effect<Protect> =>
  Effect.sync(() => {
    const semaphore = Semaphore.makeUnsafe(2)
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
    return (self) =>
      // The handler is that of the policy.
      Effect.catchCause(
        timeout(parts.deadline, "DeadlineExceeded")(
          bulkhead(retry(timeout(parts.attemptTimeout, "AttemptTimeout")(self)))
        ),
        Effect.failCause
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
  if (region < 2) log.reached.add("a caller that cannot be interrupted")
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

const play = (seed: number, make: (parts: Parts) => Effect.Effect<Protect>, sync: boolean): Effect.Effect<Story> =>
  Effect.gen(function*() {
    const dice = new Dice(seed)
    const log = new Log()
    const parts = draw(dice)
    const protect = yield* make(sync ? { ...parts, delay: 0 } : parts)
    const self = caller(dice, log, protect, program(dice, log, dice.pick(2, 3, 4), sync), sync, parts)
    if (sync) {
      const exit = yield* Effect.withFiber(({ context }) =>
        Effect.succeed(Effect.runSyncExitWith(context)(Effect.provide(self, Logger.layer([]))))
      )
      return { exit: words(exit), lines: log.lines, reached: log.reached }
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
      return { exit: exit === undefined ? "hangs" : words(exit), lines: log.lines, reached: log.reached }
    }).pipe(Effect.provide(TestClock.layer()))
  })

/** How many programs there were, and in how many of them each thing was met. */
const met = new Map<string, number>()

const meet = (reached: ReadonlySet<string>): void => {
  for (const what of ["programs", ...reached]) met.set(what, (met.get(what) ?? 0) + 1)
}

const Seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

describe.each([["as a frame", true], ["by the public API", false]])("C12, a call", (way, frames) => {
  law(`${way}, does what the plain operators do`, { seed: Seed }, ({ seed }) =>
    Effect.gen(function*() {
      const expected = yield* play(seed, byHand, false)
      meet(expected.reached)
      Unexported.allow(frames)
      const { exit, lines } = yield* play(seed, asPolicy, false)
      deepStrictEqual({ seed, exit, lines }, { seed, exit: expected.exit, lines: expected.lines })
    }), 10_000)

  law(
    `${way}, runs at once what the plain operators run at once`,
    { seed: Seed },
    ({ seed }) =>
      Effect.gen(function*() {
        const expected = yield* play(seed, byHand, true)
        Unexported.allow(frames)
        const { exit, lines } = yield* play(seed, asPolicy, true)
        deepStrictEqual({ seed, exit, lines }, { seed, exit: expected.exit, lines: expected.lines })
      }),
    2_000
  )
})

it("C12 meets all that programs do in a tenth of them at least", () => {
  const programs = met.get("programs") ?? 0
  const seldom = [...met].filter(([, times]) => times * 10 < programs)
  deepStrictEqual(seldom, [])
  strictEqual(met.size, 15)
})
