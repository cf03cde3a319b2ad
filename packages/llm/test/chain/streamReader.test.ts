/** The reader of a stream is, but for its cost, a timeout around each read. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { type Due, StreamReader } from "../../src/internal/chain/streamReader.ts"

interface Script {
  /** How long each chunk takes to come. */
  readonly waits: ReadonlyArray<number>
  /** How long the consumer takes for each. */
  readonly pauses: ReadonlyArray<number>
  readonly ending: "done" | "fails" | "dies" | "never"
  readonly limit: number
  readonly deadline: number
  /** When the consumer is interrupted. */
  readonly interruptedAt: number
  /** How long the source takes to let go. */
  readonly cleanup: number
}

interface Timing {
  readonly now: () => number
  readonly due: (from: number) => Due<string>
}

type Source = Pull.Pull<number, string>
type Reads = (source: Source, timing: Timing, scope: Scope.Scope) => Source

/** What is meant. */
const timeouts: Reads = (source, { due, now }) =>
  Effect.suspend(() => {
    const { at, error } = due(now())
    return Effect.timeoutOrElse(source, {
      duration: Math.max(0, at - now()),
      orElse: () => Effect.suspend(() => Effect.fail(error()))
    })
  })

const reader: Reads = (source, timing, scope) =>
  new StreamReader({ pull: source, context: Context.empty(), scope, ...timing }).pull

const outcomeOf = (exit: Exit.Exit<void, string | Cause.Done>): string =>
  Exit.isSuccess(exit) ?
    "whole" :
    exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? JSON.stringify(reason.error)
        : Cause.isDieReason(reason)
        ? String(reason.defect)
        : reason._tag
    ).join()

/** The trace of a script: each event of the source and of the consumer, with its time. */
const play = (script: Script, reads: Reads) =>
  Effect.gen(function*() {
    const clock = yield* Effect.clockWith(Effect.succeed)
    const start = clock.currentTimeMillisUnsafe()
    const now = () => clock.currentTimeMillisUnsafe() - start
    const seen: Array<string> = []
    const see = (what: string) => Effect.sync(() => void seen.push(`${now()} ${what}`))
    let asked = 0
    const source: Source = Effect.suspend(() => {
      const i = asked++
      const end = { done: Cause.done(), fails: Effect.fail("cut"), dies: Effect.die("bug"), never: Effect.never }
      const wait = script.waits[i]
      const work: Source = wait === undefined
        ? end[script.ending]
        : wait === 0
        ? Effect.succeed(i)
        : Effect.as(Effect.sleep(wait), i)
      return see(`asked ${i}`).pipe(
        Effect.andThen(work),
        Effect.onInterrupt(() => Effect.andThen(Effect.sleep(script.cleanup), see("let go")))
      )
    })
    const timing: Timing = {
      now,
      due: (from) =>
        from + script.limit <= script.deadline
          ? { at: from + script.limit, error: () => "silent" }
          : { at: script.deadline, error: () => "late" }
    }
    const consumer = Effect.scopedWith((scope) => {
      const pull = reads(source, timing, scope)
      const loop = (i: number): Effect.Effect<void, string | Cause.Done> =>
        Effect.flatMap(pull, (chunk) =>
          see(`got ${chunk}`).pipe(
            Effect.andThen(Effect.sleep(script.pauses[i] ?? 0)),
            Effect.andThen(Effect.suspend(() => loop(i + 1)))
          ))
      return Effect.onExit(loop(0), (exit) => see(`ended ${outcomeOf(exit)}`))
    })
    const fiber = yield* Effect.forkChild(consumer, { startImmediately: true })
    yield* TestClock.adjust(script.interruptedAt)
    if (script.interruptedAt < 2_000) fiber.interruptUnsafe()
    yield* TestClock.adjust("1 hour")
    const exit = fiber.pollUnsafe()
    yield* Fiber.interrupt(fiber)
    return { seen, exit: exit === undefined ? "running" : outcomeOf(exit) }
  })

/** Tens, so that no wait ends at the instant of a limit: a tie may end either way. */
const tens = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

describe("the reader of a stream", () => {
  law(
    "M9: is a timeout around each read, for the source and for the consumer",
    {
      waits: Schema.Array(tens(12)).check(Schema.isMaxLength(6)),
      pauses: Schema.Array(tens(12)).check(Schema.isMaxLength(6)),
      ending: Schema.Literals(["done", "fails", "dies", "never"]),
      limit: tens(10),
      deadline: tens(60),
      interruptedAt: tens(80),
      cleanup: tens(3)
    },
    (drawn, reach) =>
      Effect.gen(function*() {
        const script: Script = {
          ...drawn,
          waits: drawn.waits.map((wait) => wait * 10),
          pauses: drawn.pauses.map((pause) => pause * 10),
          limit: drawn.limit * 10 + 5,
          deadline: drawn.deadline > 40 ? Infinity : drawn.deadline * 10 + 3,
          interruptedAt: drawn.interruptedAt > 40 ? 2_000 : drawn.interruptedAt * 10 + 7,
          cleanup: drawn.cleanup * 10
        }
        const meant = yield* play(script, timeouts)
        assert.deepStrictEqual(yield* play(script, reader), meant)
        const last = meant.seen.at(-1) ?? ""
        if (last.includes("silent")) reach("silence")
        if (last.includes("late")) reach("a deadline")
        if (meant.seen.some((what) => what.endsWith("let go"))) reach("an interrupted read")
      }),
    { cases: 500, reaches: ["silence", "a deadline", "an interrupted read"] }
  )

  it.effect("keeps no fiber and no timer beyond the scope of its stream", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      let released = false
      const source: Source = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          released = true
        }))
      const timing = { now: () => 0, due: () => ({ at: 60_000, error: () => "silent" }) }
      const fiber = yield* Effect.forkChild(reader(source, timing, scope), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(released)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
    }))
})
