/**
 * The laws of the policies, as properties over scripts of outcomes and delays, under `TestClock` and seeded `Random`.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Down, law, play, show, Steps, type Trace } from "./Script.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Options = Schema.Struct({
  times: between(0, 5),
  deadline: Schema.Literals(["none", 1_000, 5_000, 20_000]),
  attemptTimeout: Schema.Literals(["none", 100, 1_000]),
  backoff: Schema.Literals(["exponential", "decorrelated", "linear", "constant", "steady", "schedule"]),
  retryAfter: Schema.Literals(["clamp", "giveUp", "wait"])
})

const backoffs = {
  exponential: Backoff.exponential({ initial: 100, max: 2_000 }),
  decorrelated: Backoff.decorrelated({ initial: 100, max: 2_000 }),
  linear: Backoff.linear({ initial: 100, jitter: Jitter.equal, max: 2_000 }),
  constant: Backoff.constant({ delay: 300, jitter: Jitter.proportional(0.5) }),
  // Adds up to exactly the deadlines above.
  steady: Backoff.constant({ delay: 500 }),
  schedule: Schedule.max([Schedule.spaced(200), Schedule.recurs(2)])
}

const make = (options: typeof Options.Type) =>
  Policy.make({
    deadline: options.deadline === "none" ? undefined : options.deadline,
    attemptTimeout: options.attemptTimeout === "none" ? undefined : options.attemptTimeout,
    retry: {
      times: options.times,
      backoff: backoffs[options.backoff],
      retryAfter: { mode: options.retryAfter, max: "2 seconds" }
    }
  })

describe("C1", () => {
  law(
    "a call is executed at most 1 + times, one attempt at a time",
    { steps: Steps, options: Options },
    (input) =>
      Effect.gen(function*() {
        const trace = yield* play(input.steps, yield* make(input.options))
        assertTrue(trace.executions >= 1)
        assertTrue(trace.executions <= 1 + input.options.times)
        assertTrue(trace.parallel <= 1)
        strictEqual(trace.left, 0)
      })
  )

  law(
    "a retry in a retry multiplies and does no more",
    { steps: Steps, outer: between(0, 3), inner: between(0, 3) },
    (input) =>
      Effect.gen(function*() {
        const backoff = backoffs.constant
        const outer = yield* Policy.make({ retry: { times: input.outer, backoff } })
        const inner = yield* Policy.make({ retry: { times: input.inner, backoff } })
        const trace = yield* play(input.steps, Policy.wrap(outer, inner))
        assertTrue(trace.executions <= (1 + input.outer) * (1 + input.inner))
      })
  )
})

describe("C2", () => {
  const Attempt = between(1, 1_000_000)
  const Millis = between(1, 100_000)
  const Unit = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))
  const jitters = [Jitter.none, Jitter.full, Jitter.equal, Jitter.proportional(0.2), Jitter.proportional(1)]

  law(
    "every delay is finite and between zero and the maximum",
    { attempt: Attempt, initial: Millis, more: Millis, factor: between(1, 10), previous: Millis, random: Unit },
    ({ attempt, factor, initial, more, previous, random }) =>
      Effect.sync(() => {
        const max = initial + more
        for (const jitter of jitters) {
          const sequences = [
            Backoff.exponential({ initial, factor, max, jitter }),
            Backoff.linear({ initial, increment: more, max, jitter }),
            Backoff.constant({ delay: max, jitter }),
            Backoff.decorrelated({ initial, max })
          ]
          for (const sequence of sequences) {
            const delay = sequence.delay(attempt, Math.min(previous, max), random)
            assertTrue(Number.isFinite(delay) && delay >= 0 && delay <= max, `${delay} is outside 0..${max}`)
          }
        }
      })
  )
})

describe("C3", () => {
  law(
    "a call ends by its deadline, and no delay is slept that passes it",
    { steps: Steps, options: Options },
    (input) =>
      Effect.gen(function*() {
        const { deadline } = input.options
        if (deadline === "none") return
        // What cannot be interrupted is waited for, whatever the deadline: these scripts are another test's.
        const steps = input.steps.filter((step) => step.outcome !== "deaf")
        const trace = yield* play(steps, yield* make(input.options))
        assertTrue(trace.took <= deadline)
        for (const event of trace.events) {
          if (event._tag === "RetryScheduled") assertTrue(event.at + event.delay < deadline)
        }
      })
  )

  law(
    "a policy within another keeps to the outer deadline",
    { steps: Steps, options: Options },
    (input) =>
      Effect.gen(function*() {
        const steps = input.steps.filter((step) => step.outcome !== "deaf")
        const outer = yield* Policy.make({ deadline: 1_500 })
        const trace = yield* play(steps, Policy.wrap(outer, yield* make(input.options)))
        assertTrue(trace.took <= 1_500)
        for (const event of trace.events) {
          if (event._tag === "RetryScheduled") assertTrue(event.at + event.delay < 1_500)
        }
      })
  )
})

describe("C8", () => {
  law("a policy without parts is the identity on every exit", { steps: Steps }, ({ steps }) =>
    Effect.gen(function*() {
      const bare = yield* play(steps, Policy.noop)
      const empty = yield* play(steps, yield* Policy.make({}))
      deepStrictEqual({ ...empty, exit: show(empty.exit) }, { ...bare, exit: show(bare.exit) })
      strictEqual(empty.executions, 1)
    }))

  law(
    "defects and interruption come out as they are, after one execution",
    { options: Options },
    ({ options }) =>
      Effect.gen(function*() {
        const policy = yield* make(options)
        const died = yield* play([{ takes: 0, outcome: "die" }], policy)
        deepStrictEqual(died.exit, Exit.die("defect 1"))
        strictEqual(died.executions, 1)
        const interrupted = yield* play([{ takes: 0, outcome: "interrupt" }], policy)
        assertTrue(Exit.isFailure(interrupted.exit) && Cause.hasInterruptsOnly(interrupted.exit.cause))
        strictEqual(interrupted.executions, 1)
      }),
    200
  )

  law(
    "after the last retry the last error itself comes out",
    { times: between(0, 5) },
    ({ times }) =>
      Effect.gen(function*() {
        const errors: Array<Down> = []
        const self = Effect.suspend(() => {
          const error = new Down({ attempt: errors.length + 1 })
          errors.push(error)
          return Effect.fail(error)
        })
        const retrying = Retry.retry(self, { times, backoff: Backoff.constant({ delay: 0 }) })
        strictEqual(yield* Effect.flip(Effect.provide(retrying, Logger.layer([]))), errors[times])
        strictEqual(errors.length, times + 1)
      }),
    200
  )
})

describe("C9", () => {
  law(
    "the same seed and clock give the same events",
    { steps: Steps, options: Options, seed: between(0, 1_000) },
    (input) =>
      Effect.gen(function*() {
        const policy = yield* make(input.options)
        const first = yield* play(input.steps, policy, input.seed)
        const second = yield* play(input.steps, policy, input.seed)
        deepStrictEqual(second.events, first.events)
        deepStrictEqual(second.took, first.took)
      }),
    500
  )
})

describe("C11", () => {
  const Three = Schema.Tuple([Options, Options, Options])
  const story = <A, E>({ executions, exit, took }: Trace<A, E>) => ({ exit: show(exit), executions, took })

  law("wrap is associative", { steps: Steps, options: Three }, ({ options, steps }) =>
    Effect.gen(function*() {
      const [a, b, c] = yield* Effect.all([make(options[0]), make(options[1]), make(options[2])])
      const left = yield* play(steps, Policy.wrap(Policy.wrap(a, b), c))
      const right = yield* play(steps, Policy.wrap(a, Policy.wrap(b, c)))
      deepStrictEqual(story(left), story(right))
    }), 500)

  law("noop is its identity", { steps: Steps, options: Options }, ({ options, steps }) =>
    Effect.gen(function*() {
      const policy = yield* make(options)
      const alone = story(yield* play(steps, policy))
      deepStrictEqual(story(yield* play(steps, Policy.wrap(policy, Policy.noop))), alone)
      deepStrictEqual(story(yield* play(steps, Policy.wrap(Policy.noop, policy))), alone)
    }), 500)
})
