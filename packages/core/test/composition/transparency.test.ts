/**
 * C12: a policy is, in everything but what its parts decide, the plain operators composed by hand. Random programs run
 * under both, with the same caller, and must end with the same exit, run the same finalizers in the same order and at the
 * same instants, and leave the same children, references, spans, attempt numbers and async context.
 */
import { afterEach, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { readFileSync } from "node:fs"
import { law } from "../../../../vitest.law.ts"
import * as Unexported from "../../src/internal/fiber/unexported.ts"
import { Dice, Log, program, request, Tenant, words as wordsOf } from "../Program.ts"
import { asPolicy, byHand, draw, type Parts, type Protect, type Work } from "./Both.ts"

afterEach(() => Unexported.allow(true))

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
  if (parts.alone) log.reached.add("parts that stand alone")
  if (parts.times !== undefined && parts.asks === "by an effect") log.reached.add("a predicate that is an effect")
  if (parts.times !== undefined && parts.asks === "about results") log.reached.add("a predicate about results")
  if (parts.times !== undefined && parts.schedule) log.reached.add("a schedule")
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

type Make = (parts: Parts, log: Log) => Effect.Effect<Protect, never, Scope.Scope>

/** Lets what needs no time happen: without a sleeper the clock would jump over it. */
const settle = Effect.repeat(TestClock.adjust(0), { times: 8 })

/** Parts that need no time. */
const atOnce = ({ budget }: Parts) => ({
  delay: 0,
  hedge: undefined,
  budget: budget === "stored" ? "own" : budget
} as const)

const play = (seed: number, make: Make, sync: boolean, frames: boolean): Effect.Effect<Story, never, Scope.Scope> =>
  Effect.gen(function*() {
    const dice = new Dice(seed)
    const log = new Log(frames)
    const parts = draw(dice)
    const protect = yield* make(sync ? { ...parts, ...atOnce(parts) } : parts, log)
    const self = caller(dice, log, protect, program(dice, log, dice.pick(2, 3, 4, 5), sync), sync, parts)
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
      yield* settle
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
  "an uninterruptible caller",
  "parts that stand alone",
  "a predicate that is an effect",
  "a predicate about results",
  "a schedule"
]

const ofAsync = [
  ...ofSync,
  "a race",
  "two at once",
  "a fiber that is joined",
  "a callback",
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

/** The differences that are wanted, as `docs/transparency.md` begins to say them, and what keeps the law off them. */
const wanted = {
  "An attempt runs in its caller's fiber": "no program interrupts its own fiber from outside",
  "A call that gives up fails with the cause of its last attempt":
    "`afterRetry` makes of that what `Effect.retry` does",
  "No delay is slept that would pass the deadline": "a deadline falls on no instant of a program, or none is drawn",
  "An attempt that the deadline ends is a failure to the circuit breaker": "no circuit of the law rejects",
  "A hedge starts the next leg when one fails": "its `while` says no, and it has no attempt timeout",
  "A policy's own `attemptTimeout` is retried without asking": "a predicate by hand says yes to it",
  "A retry logs a line and adds an event": "there is no logger, and events of spans are not compared"
}

describe("C12, the deliberate differences", () => {
  it("are those that the documentation lists", () => {
    const page = readFileSync(new URL("../../../../docs/transparency.md", import.meta.url), "utf8")
    const [, table = ""] = page.split("## Deliberate differences")
    const rows = table.split("\n## ")[0]?.split("\n").filter((line) => line.startsWith("| ")).slice(2) ?? []
    const listed = rows.map((row) => Object.keys(wanted).find((words) => row.startsWith(`| ${words}`)) ?? row)
    deepStrictEqual(listed, Object.keys(wanted))
  })
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
