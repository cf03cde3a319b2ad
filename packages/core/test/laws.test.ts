/**
 * The laws of the policies, as properties over scripts of outcomes and delays, under `TestClock` and seeded `Random`.
 */
import { describe } from "@effect/vitest"
import { assertTrue, deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import * as Jitter from "@holdfast/core/Jitter"
import * as Policy from "@holdfast/core/Policy"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as Retry from "@holdfast/core/Retry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { law } from "../../../vitest.law.ts"
import { backoffs, between, build, hedgesOf, Mixture } from "./AllParts.ts"
import { Down, play, show, Steps, type Trace } from "./Script.ts"

const make = (mixture: Mixture) => Effect.map(build(mixture), ({ policy }) => policy)

/** Attempts that often fail, one after the other. */
const Failing = Schema.Array(
  Schema.Struct({
    takes: Schema.Literals([0, 1]),
    outcome: Schema.Literals(["fail", "fail", "fail", "fail", "succeed"])
  })
).check(Schema.isMinLength(6), Schema.isMaxLength(16))

/** Failures that take more than a second together. */
const slowly = Array.from({ length: 3 }, () => ({ takes: 400, outcome: "fail" } as const))

/** Whether the deadline has ended the call or its retries. */
const metDeadline = ({ events }: Trace<unknown, unknown>): boolean =>
  events.some((event) =>
    event._tag === "DeadlinePassed" || (event._tag === "RetryStopped" && event.reason === "deadline")
  )

describe("C1", () => {
  law(
    "a call is executed at most (1 + times) x (1 + hedges), one attempt at a time and its hedges",
    { steps: Steps, options: Mixture },
    (input, reach) =>
      Effect.gen(function*() {
        const trace = yield* play(input.steps, yield* make(input.options))
        const legs = 1 + hedgesOf(input.options)
        assertTrue(trace.executions >= 1)
        assertTrue(trace.executions <= (1 + input.options.times) * legs)
        assertTrue(trace.parallel <= legs)
        strictEqual(trace.left, 0)
        if (trace.executions > 1) reach("a second execution")
      }),
    { reaches: ["a second execution"] }
  )

  law(
    "a retry in a retry multiplies and does no more",
    { steps: Failing, outer: between(0, 3), inner: between(0, 3) },
    (input, reach) =>
      Effect.gen(function*() {
        const backoff = backoffs.none
        const outer = yield* Policy.make({ retry: { times: input.outer, backoff } })
        const inner = yield* Policy.make({ retry: { times: input.inner, backoff } })
        const trace = yield* play(input.steps, Policy.wrap(outer, inner))
        assertTrue(trace.executions <= (1 + input.outer) * (1 + input.inner))
        if (trace.executions > 1 + Math.max(input.outer, input.inner)) reach("retries of both")
      }),
    { reaches: ["retries of both"] }
  )
})

describe("C2", () => {
  // Few retries, whose delays still grow, and more than any call makes.
  const Attempt = Schema.Union([between(1, 8), between(1, 1_000_000)])
  const Millis = between(1, 100_000)
  const Unit = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))
  const jitters = [Jitter.none, Jitter.full, Jitter.equal, Jitter.proportional(0.2), Jitter.proportional(1)]

  law(
    "every delay is finite and between zero and the maximum",
    { attempt: Attempt, initial: Millis, more: Millis, factor: between(1, 10), previous: Millis, random: Unit },
    ({ attempt, factor, initial, more, previous, random }, reach) =>
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
        const grown = initial * factor ** (attempt - 1)
        reach(grown < max ? "a delay that grows" : "a delay that the maximum cuts")
      }),
    { reaches: ["a delay that grows", "a delay that the maximum cuts"] }
  )
})

describe("C3", () => {
  law(
    "a call ends by its deadline, and no delay is slept that passes it",
    { steps: Steps, options: Mixture, slow: Schema.Boolean },
    (input, reach) =>
      Effect.gen(function*() {
        // Most calls have ended after twenty seconds.
        const deadline = input.options.deadline === 5_000 ? 5_000 : 1_000
        // What cannot be interrupted is waited for, whatever the deadline: these scripts are another test's.
        const hearing = input.steps.filter((step) => step.outcome !== "deaf")
        const steps = input.slow ? [...slowly, ...hearing] : hearing
        const trace = yield* play(
          steps,
          yield* make({ ...input.options, deadline, times: input.options.times + (input.slow ? 3 : 0) })
        )
        assertTrue(trace.took <= deadline)
        if (metDeadline(trace)) reach("a deadline that ends the call")
        for (const event of trace.events) {
          if (event._tag === "RetryScheduled") assertTrue(event.at + event.delay < deadline)
        }
      }),
    { reaches: ["a deadline that ends the call"] }
  )

  law(
    "a policy within another keeps to the outer deadline",
    { steps: Steps, options: Mixture },
    (input, reach) =>
      Effect.gen(function*() {
        const steps = input.steps.filter((step) => step.outcome !== "deaf")
        const outer = yield* Policy.make({ deadline: 300 })
        const trace = yield* play(steps, Policy.wrap(outer, yield* make(input.options)))
        assertTrue(trace.took <= 300)
        if (trace.took === 300 || metDeadline(trace)) reach("a deadline that ends the call")
        for (const event of trace.events) {
          if (event._tag === "RetryScheduled") assertTrue(event.at + event.delay < 300)
        }
      }),
    { reaches: ["a deadline that ends the call"] }
  )
})

describe("C8", () => {
  law(
    "a policy without parts is the identity on every exit",
    { steps: Steps },
    ({ steps }, reach) =>
      Effect.gen(function*() {
        const bare = yield* play(steps, Policy.noop)
        const empty = yield* play(steps, yield* Policy.make({}))
        deepStrictEqual({ ...empty, exit: show(empty.exit) }, { ...bare, exit: show(bare.exit) })
        strictEqual(empty.executions, 1)
        if (Exit.isFailure(bare.exit)) {
          reach(Cause.hasFails(bare.exit.cause) ? "a failure" : "a defect or an interruption")
        }
      }),
    { reaches: ["a failure", "a defect or an interruption"] }
  )

  law(
    "parts that have nothing to do are the identity on every exit",
    { steps: Steps },
    ({ steps }, reach) =>
      Effect.gen(function*() {
        const bare = yield* play(steps, Policy.noop)
        const policy = yield* Policy.make({
          deadline: "3 hours",
          bulkhead: { limit: 1 },
          rateLimit: { limit: 1, window: 1 },
          retry: { times: 3, while: () => false, budget: { ratio: 0 } },
          circuitBreaker: { trip: CircuitBreaker.consecutive(2) },
          hedge: { after: "2 hours", while: () => false },
          attemptTimeout: "2 hours"
        })
        const idle = yield* play(steps, policy)
        deepStrictEqual(
          [show(idle.exit), idle.took, idle.executions, idle.left],
          [show(bare.exit), bare.took, bare.executions, bare.left]
        )
        if (Exit.isFailure(bare.exit)) {
          reach(Cause.hasFails(bare.exit.cause) ? "a failure" : "a defect or an interruption")
        }
      }),
    { reaches: ["a failure", "a defect or an interruption"] }
  )

  law(
    "defects and interruption come out as they are, and are never retried",
    { options: Mixture, takes: Schema.Literals([0, 1, 50]) },
    ({ options, takes }, reach) =>
      Effect.gen(function*() {
        if (options.times > 0) reach("retries that are left")
        // A hedge may come before the end, so that all of its legs have the same one.
        const legs = 1 + hedgesOf(options)
        const all = (outcome: "die" | "interrupt") => Array.from({ length: legs }, () => ({ takes, outcome }))
        const died = yield* play(all("die"), yield* make(options))
        const defect = Exit.isFailure(died.exit) ? Cause.squash(died.exit.cause) : died.exit
        assertTrue(typeof defect === "string" && /^defect [123]$/.test(defect), show(died.exit))
        const interrupted = yield* play(all("interrupt"), yield* make(options))
        assertTrue(Exit.isFailure(interrupted.exit) && Cause.hasInterruptsOnly(interrupted.exit.cause))
        for (const { events, executions } of [died, interrupted]) {
          assertTrue(executions <= legs)
          if (executions > 1) reach("a hedge beside the attempt")
          assertTrue(events.every(({ _tag, attempt }) => attempt === 1 && _tag !== "RetryScheduled"))
        }
      }),
    { reaches: ["retries that are left", "a hedge beside the attempt"] }
  )

  law(
    "after the last retry the last error itself comes out",
    { times: between(0, 5) },
    ({ times }, reach) =>
      Effect.gen(function*() {
        if (times > 0) reach("a retry")
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
    { reaches: ["a retry"] }
  )
})

describe("C9", () => {
  law(
    "the same seed and clock give the same events",
    { steps: Steps, options: Mixture, seed: between(0, 1_000) },
    (input, reach) =>
      Effect.gen(function*() {
        const first = yield* play(input.steps, yield* make(input.options), input.seed)
        const second = yield* play(input.steps, yield* make(input.options), input.seed)
        deepStrictEqual(second.events, first.events)
        deepStrictEqual(second.took, first.took)
        if (first.executions > 1) reach("a second execution")
      }),
    { reaches: ["a second execution"] }
  )
})

describe("C11", () => {
  const Three = Schema.Tuple([Mixture, Mixture, Mixture])
  const story = <A, E>({ executions, exit, took }: Trace<A, E>) => ({ exit: show(exit), executions, took })

  const added = ({ exit }: Trace<unknown, unknown>) =>
    Exit.isFailure(exit) &&
    exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isPolicyError(reason.error))

  // Parts have state, so that each play has policies of its own.
  const three = (options: typeof Three.Type) => Effect.all([make(options[0]), make(options[1]), make(options[2])])

  law("wrap is associative", { steps: Steps, options: Three }, ({ options, steps }, reach) =>
    Effect.gen(function*() {
      const [a, b, c] = yield* three(options)
      const left = yield* play(steps, Policy.wrap(Policy.wrap(a, b), c))
      const [d, e, f] = yield* three(options)
      const right = yield* play(steps, Policy.wrap(d, Policy.wrap(e, f)))
      deepStrictEqual(story(left), story(right))
      if (left.executions > 1) reach("a second execution")
      if (added(left)) reach("an error of a policy")
    }), { reaches: ["a second execution", "an error of a policy"] })

  law(
    "noop is its identity",
    { steps: Steps, options: Mixture },
    ({ options, steps }, reach) =>
      Effect.gen(function*() {
        const trace = yield* play(steps, yield* make(options))
        const alone = story(trace)
        if (trace.executions > 1) reach("a second execution")
        if (added(trace)) reach("an error of the policy")
        deepStrictEqual(story(yield* play(steps, Policy.wrap(yield* make(options), Policy.noop))), alone)
        deepStrictEqual(story(yield* play(steps, Policy.wrap(Policy.noop, yield* make(options)))), alone)
      }),
    { reaches: ["a second execution", "an error of the policy"] }
  )
})
