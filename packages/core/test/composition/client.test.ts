/**
 * A client that runs its attempts as steps of a fiber has the same policy as a program that calls `protect`: the same
 * attempts at the same instants, the same end, and the same deadline and attempt number wherever it may read them.
 */
import { describe } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Deadline from "@holdfast/core/Deadline"
import * as Frame from "@holdfast/core/Frame"
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { Dice, words } from "../Program.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Way = "protect" | "begin" | "begin, with attempts of its own"

const tagOf = (error: unknown) => isPolicyError(error) ? error.reason._tag : error

const now = (fiber: AnyFiber) => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

const play = (seed: number, way: Way, reach: (what: string) => void) =>
  Effect.gen(function*() {
    const dice = new Dice(seed)
    const lines: Array<string> = []
    const deadline = dice.pick(undefined, 20.5, 45.5, 90.5)
    const attemptTimeout = dice.pick(undefined, 5, 15)
    const times = dice.pick(0, 1, 3)
    const policy = yield* Policy.make({
      deadline,
      attemptTimeout,
      retry: {
        times,
        backoff: Backoff.constant({ delay: dice.pick(0, 3, 20) }),
        while: (error: string) => {
          lines.push(`asks about ${error} with ${seen(Fiber.getCurrent())}`)
          return error !== "last"
        }
      },
      ...(dice.below(2) === 0 && { bulkhead: { limit: 1, queue: dice.pick(0, 2), maxWait: 30 } }),
      ...(dice.below(3) === 0 && { rateLimit: { limit: 1, window: 7, maxWait: 40 } }),
      ...(dice.below(3) === 0 && { circuitBreaker: { trip: CircuitBreaker.consecutive(2), openFor: 10 } }),
      ...(dice.below(6) === 0 && {
        hedge: {
          after: 4,
          while: (error: unknown) => {
            lines.push(`hedges ${String(error)} with ${seen(Fiber.getCurrent())}`)
            return true
          }
        }
      })
    })
    const seen = (fiber: AnyFiber | undefined) =>
      fiber === undefined
        ? "no fiber"
        : `${Deadline.inForce(fiber)} ${fiber.getRef(Schedule.CurrentMetadata).attempt} ${
          fiber.getRef(Deadline.Deadline)
        }`
    const attempt = (name: string) => {
      const script = Array.from({ length: 5 }, () => ({
        takes: dice.pick(0, 2, 4, 9, 30, 100),
        ends: dice.pick("well", "badly", "badly", "badly", "last", "dead")
      }))
      let attempts = 0
      return (fiber: AnyFiber, running?: Frame.Running): Effect.Effect<string, string> => {
        const { ends, takes } = script[attempts++ % 5]!
        // Within one that is the client's own, the deadline is asked of the call.
        lines.push(`${now(fiber)} ${name} ${attempts} ${running?.deadline() ?? Deadline.inForce(fiber)}`)
        if (attempts > 1) reach("a second attempt")
        const end = ends === "well"
          ? Effect.succeed(`${name} ${attempts}`)
          : ends === "dead"
          ? Effect.die("dead")
          : Effect.fail(ends)
        return Effect.onExit(takes === 0 ? end : Effect.andThen(Effect.sleep(takes), end), (exit) =>
          Effect.sync(() => {
            lines.push(`${now(fiber)} ${name} ${words(exit)}`)
          }))
      }
    }
    const call = (name: string) => {
      const one = attempt(name)
      return way === "protect"
        ? policy.protect(Hedge.idempotent(Effect.withFiber((fiber) => one(fiber))))
        : Effect.withFiber((fiber) =>
          Frame.begin(fiber, policy, undefined, (...by) => Hedge.idempotent(one(...by)), way !== "begin")
        )
    }
    const callers = [0, dice.pick(0, 1, 6)].map((at, i) => {
      const inner = call(`call ${i}`)
      const region = dice.below(8)
      const within = region === 0
        ? Effect.uninterruptible(inner)
        : region === 1
        ? Deadline.within(inner, 33.5)
        : inner
      const after = Effect.withFiber((fiber) => Effect.sync(() => lines.push(`after call ${i} with ${seen(fiber)}`)))
      return Effect.andThen(Effect.sleep(at), Effect.onExit(within, () => after))
    })
    const fibers = yield* Effect.forEach(callers, (caller) => Effect.forkChild(caller, { startImmediately: true }))
    const leaves = dice.pick(undefined, undefined, 0, 3, 8, 25)
    if (leaves !== undefined) {
      yield* TestClock.adjust(leaves)
      if (fibers[0]!.pollUnsafe() === undefined) reach("an interrupted caller")
      fibers[0]!.interruptUnsafe()
    }
    yield* TestClock.adjust("1 minute")
    const ends = fibers.map((fiber) => {
      const exit = fiber.pollUnsafe()
      return exit === undefined ? "hangs" : words(Exit.mapError(exit, tagOf))
    })
    for (const end of ends) if (end.includes("DeadlineExceeded")) reach("a deadline that passes")
    for (const end of ends) if (end.includes("AttemptTimeout")) reach("an attempt that times out")
    if (deadline !== undefined && attemptTimeout !== undefined && attemptTimeout < deadline) reach("a covered deadline")
    return { lines, ends }
  }).pipe(Effect.provide(TestClock.layer()))

const cases = [
  "a second attempt",
  "an interrupted caller",
  "a deadline that passes",
  "an attempt that times out",
  "a covered deadline"
]

describe("a client's call", () => {
  law(
    "is what `protect` makes of its attempts",
    { seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 })) },
    ({ seed }, reach) =>
      Effect.gen(function*() {
        const expected = yield* play(seed, "protect", reach)
        for (const way of ["begin", "begin, with attempts of its own"] as const) {
          deepStrictEqual({ seed, way, ...(yield* play(seed, way, () => undefined)) }, { seed, way, ...expected })
        }
      }),
    { cases: 2_000, reaches: cases }
  )
})
