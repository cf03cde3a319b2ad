/**
 * Several callers of one policy at once, each with a script of its own. Some of them leave before their call has ended.
 */
import * as Hedge from "@holdfast/core/Hedge"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { attempt, type Down, type Playable, Step } from "./Script.ts"

/** One caller: when it comes, and after how long it leaves, in milliseconds. */
const Caller = Schema.Struct({
  steps: Schema.Array(Step).check(Schema.isMaxLength(5)),
  key: Schema.Literals(["none", "none", "blue"]),
  // Some come at the very moment at which a window or a circuit opens again.
  comesAfter: Schema.Literals([0, 0, 0, 1, 50, 400, 500, 600, 3_000]),
  leavesAfter: Schema.Literals(["never", "never", "never", 0, 1, 50, 399, 400, 700, 5_000])
})

export const Callers = Schema.Array(Caller).check(Schema.isMinLength(1), Schema.isMaxLength(7))

/** The call of one caller, as it is now. Times are in milliseconds from the start of the crowd. */
export interface Call<A, E> {
  readonly key: string | undefined
  startedAt: number
  endedAt: number
  exit: Exit.Exit<A, E> | undefined
  readonly events: Array<PolicyEvent.PolicyEvent>
  executions: number
  /** Executions that run. */
  running: number
  /** The most of them that ran at the same time. */
  parallel: number
  /** Sleeps of the call under its clock: its alarms, its waits and its attempts. */
  sleeping: number
}

/** Something that happened to a call. */
export interface Moment<A, E> {
  readonly at: number
  readonly call: Call<A, E>
  readonly what: "started" | "executed" | "ran" | "left" | "ended" | PolicyEvent.PolicyEvent
}

/** All that happened, in the order in which it did. */
export interface Chronicle<A, E> {
  readonly calls: ReadonlyArray<Call<A, E>>
  readonly moments: ReadonlyArray<Moment<A, E>>
  /** In words: what was wrong, and what a call had left behind when its caller saw its end, or did afterwards. */
  readonly wrongs: ReadonlyArray<string>
}

/** The clock of one call, which counts who sleeps by it. */
const counting = (clock: Clock.Clock, call: Call<unknown, unknown>): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) =>
    Effect.suspend(() => {
      call.sleeping++
      return Effect.ensuring(clock.sleep(duration), Effect.sync(() => call.sleeping--))
    })
})

/** Lets callers loose on a policy, under the `TestClock`, until all have ended or an hour is over. */
export const crowd = <X>(
  callers: ReadonlyArray<typeof Caller.Type>,
  policy: Playable<X>,
  options?: {
    readonly seed?: number
    /** How long the finalizers of an interrupted attempt take. */
    readonly lingers?: number
    /** Called at each moment. Returns a fault, if any; do not throw, since the call would swallow it. */
    readonly wrong?: (moment: Moment<number, Down | X>) => string | undefined
  }
): Effect.Effect<Chronicle<number, Down | X>> =>
  Effect.gen(function*() {
    const { lingers = 0, seed = 1, wrong } = options ?? {}
    const clock = yield* Clock.Clock
    const origin = clock.currentTimeMillisUnsafe()
    const now = () => clock.currentTimeMillisUnsafe() - origin
    const moments: Array<Moment<number, Down | X>> = []
    const wrongs: Array<string> = []
    const calls = callers.map(({ key }): Call<number, Down | X> => ({
      key: key === "none" ? undefined : key,
      startedAt: NaN,
      endedAt: NaN,
      exit: undefined,
      events: [],
      executions: 0,
      running: 0,
      parallel: 0,
      sleeping: 0
    }))

    const live = Effect.fnUntraced(function*(caller: typeof Caller.Type, call: Call<number, Down | X>, index: number) {
      const tell = (what: Moment<number, Down | X>["what"]) => {
        const moment = { at: now(), call, what }
        moments.push(moment)
        const words = wrong?.(moment)
        if (words !== undefined) wrongs.push(words)
        if (call.exit !== undefined && what !== "ended") wrongs.push(`${JSON.stringify(what)} after the end`)
      }
      const self = Effect.suspend(() => {
        const step = caller.steps[call.executions++]
        call.parallel = Math.max(call.parallel, ++call.running)
        tell("executed")
        return attempt(step, call.executions)
      }).pipe(
        Effect.onInterrupt(() => lingers === 0 ? Effect.void : Effect.sleep(lingers)),
        Effect.ensuring(Effect.sync(() => {
          call.running--
          tell("ran")
        }))
      )
      const run = policy.protect({ key: call.key })(Hedge.idempotent(self))
      if (caller.comesAfter > 0) yield* Effect.sleep(caller.comesAfter)
      call.startedAt = now()
      tell("started")
      const fiber = yield* run.pipe(
        PolicyEvent.observe((event) => {
          const seen = { ...event, at: event.at - origin }
          call.events.push(seen)
          tell(seen)
        }),
        Random.withSeed(`${seed}/${index}`),
        Effect.provideService(Clock.Clock, counting(clock, call)),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            call.exit = exit
            call.endedAt = now()
            tell("ended")
            if (call.running > 0) wrongs.push(`${call.running} attempts that run at the end`)
            if (call.sleeping > 0) wrongs.push(`${call.sleeping} timers that are set at the end`)
          })
        ),
        Effect.provide(Logger.layer([])),
        Effect.forkChild({ startImmediately: true })
      )
      if (caller.leavesAfter !== "never") {
        yield* Effect.sleep(caller.leavesAfter)
        if (call.exit === undefined) {
          tell("left")
          yield* Fiber.interrupt(fiber)
        }
      }
      yield* Fiber.await(fiber)
    })

    const fibers: Array<Fiber.Fiber<void>> = []
    for (const [index, call] of calls.entries()) {
      const caller = callers[index]
      if (caller === undefined) continue
      fibers.push(yield* Effect.forkChild(live(caller, call, index), { startImmediately: true }))
    }
    // Longer than any script can take, so that what is still running after it hangs, as scripts may without a timeout.
    yield* TestClock.adjust("1 hour")
    const evening = yield* Effect.forkChild(Fiber.interruptAll(fibers), { startImmediately: true })
    // What a call leaves behind would show itself by now.
    yield* TestClock.adjust("1 hour")
    yield* Fiber.join(evening)
    return { calls, moments, wrongs }
  })
