/** A limit without a fiber is, but for its cost, `Effect.timeoutOrElse`. */
import { assert, describe, it } from "@effect/vitest"
import * as Deadline from "@holdfast/core/Deadline"
import * as PolicyError from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { within } from "../../src/internal/within.ts"

type Failure = "broken" | "late" | PolicyError.PolicyError

type Limit = <A, R>(self: Effect.Effect<A, Failure, R>, millis: number) => Effect.Effect<A, Failure, R>

/** What is meant. */
const timeout: Limit = (self, duration) =>
  Effect.timeoutOrElse(self, { duration, orElse: () => Effect.fail<Failure>("late") })

const ours: Limit = (self, millis) => within(self, Duration.millis(millis), (): Failure => "late")

interface Script {
  readonly wait: number
  readonly limit: number
  readonly cleanup: number
  readonly ending: "value" | "fails" | "dies" | "never"
  readonly interruptedAt: number
  readonly deadline: number
}

const told = (exit: Exit.Exit<unknown, Failure> | undefined): string =>
  exit === undefined ?
    "running" :
    Exit.isSuccess(exit) ?
    String(exit.value) :
    exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? PolicyError.isPolicyError(reason.error) ? reason.error.reason._tag : reason.error
        : Cause.isDieReason(reason)
        ? String(reason.defect)
        : reason._tag
    ).join()

const endings: Readonly<Record<Script["ending"], Effect.Effect<string, Failure>>> = {
  value: Effect.succeed("value"),
  fails: Effect.fail("broken"),
  dies: Effect.die("bug"),
  never: Effect.never
}

/** What happens, with its times, and the deadlines that the effect sees meanwhile and afterwards. */
const play = (script: Script, limit: Limit) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const clock = yield* Effect.clockWith(Effect.succeed)
    const start = clock.currentTimeMillisUnsafe()
    const see = (what: string) =>
      Effect.sync(() => void seen.push(`${clock.currentTimeMillisUnsafe() - start} ${what}`))
    const left = Effect.flatMap(Deadline.remaining, (remaining) =>
      see(
        `left: ${Option.match(remaining, { onNone: () => "all", onSome: (duration) => Duration.toMillis(duration) })}`
      ))
    const inner = Effect.contextWith((context: Context.Context<never>) => {
      const later = Effect.provideContext(Effect.andThen(Effect.sleep(500), left), context)
      return Effect.forkDetach(later).pipe(
        Effect.andThen(Effect.forkChild(Effect.onExit(Effect.never, () => see("a child has ended")))),
        Effect.andThen(left),
        Effect.andThen(Effect.sleep(script.wait)),
        Effect.andThen(left),
        Effect.andThen(endings[script.ending]),
        Effect.onExit(() => Effect.andThen(Effect.sleep(script.cleanup), see("let go")))
      )
    })
    const limited = Effect.onExit(
      limit(inner, script.limit),
      (exit) => Effect.andThen(left, see(`ended ${told(exit)}`))
    )
    const fiber = yield* Effect.forkChild(
      script.deadline === Infinity ? limited : Deadline.within(limited, script.deadline),
      { startImmediately: true }
    )
    yield* TestClock.adjust(script.interruptedAt)
    if (script.interruptedAt < 1_000) fiber.interruptUnsafe()
    yield* TestClock.adjust("1 hour")
    const exit = fiber.pollUnsafe()
    yield* Fiber.interrupt(fiber)
    return { seen, exit: told(exit) }
  })

const tens = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

describe("a limit without a fiber", () => {
  law(
    "is Effect's timeout, for what it limits and for what is around it",
    {
      wait: tens(12),
      limit: tens(12),
      cleanup: tens(3),
      ending: Schema.Literals(["value", "value", "fails", "dies", "never"]),
      interruptedAt: tens(30),
      deadline: tens(30)
    },
    ({ cleanup, deadline, ending, interruptedAt, limit, wait }, reach) =>
      Effect.gen(function*() {
        // No two of these end at the same instant: a tie may end either way.
        const script: Script = {
          ending,
          wait: wait * 10,
          limit: limit * 10 + 5,
          cleanup: cleanup * 10,
          interruptedAt: interruptedAt > 12 ? 1_000 : interruptedAt * 10 + 7,
          deadline: deadline > 12 ? Infinity : deadline * 10 + 3
        }
        const meant = yield* play(script, timeout)
        assert.deepStrictEqual(yield* play(script, ours), meant)
        if (meant.exit === "late") reach("what is late")
        if (meant.exit === "value") reach("what is in time")
        if (meant.exit === "Interrupt") reach("an interruption")
        if (meant.exit === "DeadlineExceeded") reach("a deadline around it")
      }),
    { cases: 400, reaches: ["what is late", "what is in time", "an interruption", "a deadline around it"] }
  )

  it.effect("keeps its own time alone under a limit of no end", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(ours(Effect.as(Effect.sleep("1 day"), "value"), Infinity))
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* Fiber.join(fiber), "value")
    }))
})
