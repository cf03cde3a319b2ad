/**
 * A call whose attempts follow a script: what the laws are tried on.
 */
import * as Hedge from "@holdfast/core/Hedge"
import type { Policy } from "@holdfast/core/Policy"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"

export class Down extends Data.TaggedError("Down")<{
  readonly attempt: number
  readonly retryAfter?: Duration.Duration | undefined
  readonly isRetryable?: boolean
}> {}

/** One attempt: it takes `takes` milliseconds and then has its outcome. */
export const Step = Schema.Struct({
  takes: Schema.Literals([0, 0, 1, 50, 400, 2_000]),
  outcome: Schema.Literals(["succeed", "fail", "fail", "fail", "hint", "refuse", "die", "interrupt", "hang", "deaf"])
})

export const Steps = Schema.Array(Step).check(Schema.isMaxLength(8))

export interface Trace<A, E> extends Story<A, E> {
  readonly executions: number
  /** The most attempts that ran at the same time. */
  readonly parallel: number
  /** Attempts that still ran when the call had ended, or started after it. */
  readonly left: number
}

/** An exit in words, without the numbers of the fibers that were interrupted. */
export const show = <A, E>(exit: Exit.Exit<A, E>): string => String(exit).replaceAll(/Interrupt\(\d+\)/g, "Interrupt")

/** An attempt of a script. */
export const attempt = (step: typeof Step.Type | undefined, attempt: number): Effect.Effect<number, Down> => {
  const effect = step === undefined ? Effect.succeed(attempt) : outcome(step, attempt)
  return step === undefined || step.takes === 0 ? effect : Effect.delay(effect, step.takes)
}

const outcome = (step: typeof Step.Type, attempt: number): Effect.Effect<number, Down> => {
  switch (step.outcome) {
    case "succeed":
      return Effect.succeed(attempt)
    case "fail":
      return Effect.fail(new Down({ attempt }))
    case "hint":
      return Effect.fail(new Down({ attempt, retryAfter: Duration.seconds(attempt) }))
    case "refuse":
      return Effect.fail(new Down({ attempt, isRetryable: false }))
    case "die":
      return Effect.die(`defect ${attempt}`)
    case "interrupt":
      return Effect.interrupt
    case "hang":
      return Effect.never
    case "deaf":
      return Effect.uninterruptible(Effect.delay(Effect.succeed(attempt), "3 seconds"))
  }
}

/** What a call did, from its start to its end. */
export interface Story<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** Milliseconds from start to end, by the `TestClock`. */
  readonly took: number
  /** With `at` in milliseconds from the start. */
  readonly events: ReadonlyArray<PolicyEvent.PolicyEvent>
  /** What was logged, each entry as `LEVEL message`. */
  readonly logs: ReadonlyArray<string>
}

/** Runs an effect under the `TestClock` to its end, or to the end of our patience. */
export const watch = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  seed = 1,
  patience: Duration.Input = "1 hour"
): Effect.Effect<Story<A, E>, never, R> =>
  Effect.gen(function*() {
    const events: Array<PolicyEvent.PolicyEvent> = []
    const logs: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void logs.push(`${logLevel.toUpperCase()} ${message}`))
    const startedAt = yield* Clock.currentTimeMillis
    const fiber = yield* self.pipe(
      PolicyEvent.observe((event) => events.push({ ...event, at: event.at - startedAt })),
      Effect.exit,
      Effect.zip(Clock.currentTimeMillis),
      Random.withSeed(seed),
      Effect.provide(Logger.layer([logger])),
      Effect.forkChild({ startImmediately: true })
    )
    // An hour is longer than any script can take, so that what is still running after it hangs.
    yield* TestClock.adjust(patience)
    const ended = fiber.pollUnsafe()
    const [exit, endedAt] = ended === undefined
      ? yield* Fiber.interrupt(fiber).pipe(Effect.as([hung, yield* Clock.currentTimeMillis] as const))
      : yield* Fiber.join(fiber)
    return { exit, took: endedAt - startedAt, events, logs }
  })

const hung: Exit.Exit<never> = Effect.runSyncExit(Effect.die("still running after an hour"))

/** A policy that takes the scripts, with a hedge or without. */
export type Playable<X> = Policy<Down, X, never, Hedge.Idempotent<unknown, unknown, unknown>>

/** Plays a script under a policy and the `TestClock`, to its end. The attempt after the last step succeeds. */
export const play = <X>(
  steps: ReadonlyArray<typeof Step.Type>,
  policy: Playable<X>,
  seed = 1
): Effect.Effect<Trace<number, Down | X>> =>
  Effect.gen(function*() {
    let executions = 0
    let running = 0
    let parallel = 0
    const self = Effect.suspend(() => {
      const step = steps[executions++]
      parallel = Math.max(parallel, ++running)
      return Effect.ensuring(attempt(step, executions), Effect.sync(() => running--))
    })
    const story = yield* watch(policy.protect(Hedge.idempotent(self)), seed)
    const ended = executions
    // What a call leaves behind would show itself by now.
    yield* TestClock.adjust("1 hour")
    return { ...story, executions, parallel, left: running + executions - ended }
  })

/** An effect that fails `failures` times and then gives the number of the attempt, and when it ran, from its first run on. */
export interface Flaky {
  readonly at: Array<number>
  readonly errors: Array<Down>
  readonly effect: Effect.Effect<number, Down>
}

export const flaky = (failures: number): Flaky => {
  const times: Array<number> = []
  const at: Array<number> = []
  const errors: Array<Down> = []
  const effect = Effect.gen(function*() {
    times.push(yield* Clock.currentTimeMillis)
    const attempt = times.length
    at.push((times[attempt - 1] ?? NaN) - (times[0] ?? NaN))
    if (attempt > failures) return attempt
    const error = new Down({ attempt })
    errors.push(error)
    return yield* error
  })
  return { at, errors, effect }
}

/** Runs a thunk that must throw a `RangeError`, and gives its message. */
export const rangeError = (thunk: () => unknown): string => {
  try {
    thunk()
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
  throw new Error("expected a RangeError")
}
