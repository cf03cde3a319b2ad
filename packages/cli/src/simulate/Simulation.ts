/**
 * An hour of calls to a dependency that is down for a part of it, under a policy: what reaches the dependency, how many
 * calls succeed and how long they take. It runs under the `TestClock`, so the hour takes seconds, and a seed repeats it.
 *
 * Calls come at moments of their own, whatever became of those before them, as users do. The dependency answers in
 * `latency` while it is well. While it is down, a share of what reaches it hangs, and the rest fails after a second.
 */
import * as Policy from "@holdfast/core/Policy"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"

/** What happens. Times of the outage are in minutes from the start. */
export interface Scenario {
  readonly minutes: number
  readonly callsPerMinute: number
  readonly downFrom: number
  readonly downTo: number
  /** The share of attempts that hang while it is down, from 0 to 1. */
  readonly hang: number
  /** How long an answer takes, in milliseconds. */
  readonly latency: number
  readonly seed: number
}

/** A policy to live through it. */
export interface Candidate {
  readonly name: string
  readonly options: Omit<Policy.Options, "hedge">
}

/** One minute of it: what began in it. */
export interface Minute {
  readonly calls: number
  readonly attempts: number
  readonly succeeded: number
  /** Milliseconds that the calls took. */
  readonly took: ReadonlyArray<number>
}

/** What it came to under one policy. */
export interface Outcome {
  readonly name: string
  readonly minutes: ReadonlyArray<Minute>
  /** The most attempts that ran at once. */
  readonly peak: number
  /** Calls that had not ended a quarter of an hour after the last one began. */
  readonly unended: number
}

class Down extends Data.TaggedError("Down")<{}> {}

const minute = 60_000
/** How long calls may go on after the last one has begun, in minutes. */
const afterwards = 15

/** When the calls come, in milliseconds from the start, in order. */
const arrivalsOf = ({ callsPerMinute, minutes }: Scenario) =>
  Effect.map(
    Effect.forEach(Array.from({ length: Math.round(callsPerMinute * minutes) }), () => Random.next),
    (shares) => shares.map((share) => Math.floor(share * minutes * minute)).toSorted((a, b) => a - b)
  )

const live = Effect.fnUntraced(function*(
  scenario: Scenario,
  candidate: Candidate,
  onMinute: (minute: number) => void
): Effect.fn.Return<Outcome> {
  const policy = yield* Effect.scoped(Policy.make(candidate.options))
  const start = yield* Clock.currentTimeMillis
  const elapsed = Effect.map(Clock.currentTimeMillis, (now) => now - start)
  const minutes = Array.from({ length: scenario.minutes }, () => ({
    calls: 0,
    attempts: 0,
    succeeded: 0,
    took: new Array<number>()
  }))
  const minuteAt = (at: number) => minutes[Math.min(minutes.length - 1, Math.floor(at / minute))]!
  // Before the clock is moved: it does not wait for who has not slept yet.
  const arrivals = yield* arrivalsOf(scenario)
  let running = 0
  let peak = 0
  let open = 0

  const dependency = Effect.gen(function*() {
    const at = yield* elapsed
    minuteAt(at).attempts++
    peak = Math.max(peak, ++running)
    if (at < scenario.downFrom * minute || at >= scenario.downTo * minute) return yield* Effect.sleep(scenario.latency)
    if ((yield* Random.next) < scenario.hang) return yield* Effect.never
    yield* Effect.sleep(1_000)
    return yield* new Down()
  }).pipe(Effect.ensuring(Effect.sync(() => running--)))

  const call = Effect.gen(function*() {
    const at = yield* elapsed
    const entry = minuteAt(at)
    entry.calls++
    open++
    const succeeded = yield* Effect.isSuccess(policy.protect(dependency))
    entry.took.push((yield* elapsed) - at)
    if (succeeded) entry.succeeded++
    open--
  })

  const users = yield* Effect.forkChild(
    Effect.scoped(Effect.gen(function*() {
      for (const at of arrivals) {
        yield* Effect.sleep(Math.max(0, at - (yield* elapsed)))
        yield* Effect.forkScoped(call)
      }
      // Who has not ended by then is not waited for.
      yield* Effect.sleep((scenario.minutes + afterwards) * minute - (yield* elapsed) - 1)
    })),
    { startImmediately: true }
  )
  for (let i = 1; i <= scenario.minutes + afterwards; i++) {
    onMinute(Math.min(i, scenario.minutes))
    yield* TestClock.adjust("1 minute")
  }
  const unended = open
  yield* Fiber.join(users)
  return { name: candidate.name, minutes, peak, unended }
}, (effect, scenario) =>
  effect.pipe(
    Random.withSeed(scenario.seed),
    Effect.provide(Layer.mergeAll(
      // It warns on the console about effects that take real time, as these do.
      TestClock.layer({ warningDelay: "1 day" }),
      Logger.layer([])
    ))
  ))

/** Lives through the scenario under a policy. `onMinute` is told of each minute as it begins. */
export const run: (
  scenario: Scenario,
  candidate: Candidate,
  onMinute: (minute: number) => void
) => Effect.Effect<Outcome> = live

/** The value below which the share of sorted numbers lies. */
const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/** What an outcome comes to, in numbers. Times are in milliseconds. */
export interface Summary {
  readonly name: string
  readonly calls: number
  readonly attempts: number
  /** The share of calls that succeeded, and of those outside of the outage. */
  readonly succeeded: number
  readonly succeededOutside: number
  /** Attempts by calls while it is down: 1 without a policy, more with retries, less when they are held back. */
  readonly amplification: number
  readonly peak: number
  /** How long calls took while it was down: half of them less than the first, nearly all less than the second. */
  readonly median: number
  readonly p99: number
  readonly unended: number
}

/** Sums up. */
export const summarise = (scenario: Scenario, outcome: Outcome): Summary => {
  const down = outcome.minutes.filter((_, i) => i >= scenario.downFrom && i < scenario.downTo)
  const outside = outcome.minutes.filter((_, i) => i < scenario.downFrom || i >= scenario.downTo)
  const sum = (minutes: ReadonlyArray<Minute>, of: "calls" | "attempts" | "succeeded") =>
    minutes.reduce((sum, minute) => sum + minute[of], 0)
  const took = down.flatMap((minute) => minute.took).toSorted((a, b) => a - b)
  return {
    name: outcome.name,
    calls: sum(outcome.minutes, "calls"),
    attempts: sum(outcome.minutes, "attempts"),
    succeeded: sum(outcome.minutes, "succeeded") / sum(outcome.minutes, "calls"),
    succeededOutside: sum(outside, "succeeded") / sum(outside, "calls"),
    amplification: sum(down, "attempts") / sum(down, "calls"),
    peak: outcome.peak,
    median: quantile(took, 0.5),
    p99: quantile(took, 0.99),
    unended: outcome.unended
  }
}
