/**
 * An hour of calls to a dependency that is down for a part of it, under a policy: what reaches the dependency, how many calls
 * succeed and how long they take.
 *
 * **When to use**
 *
 * Use it to compare policies before an outage does.
 *
 * **Details**
 *
 * `@holdfast/simulator` runs it in virtual time, and a seed repeats it. Calls come at random moments, whatever became of those
 * before them, as users do. The dependency answers in `latency` while it is well. While it is down, a share of the requests
 * that reach it hangs, and the others fail after a second.
 *
 * **Gotchas**
 *
 * One dependency with one limit is simulated here. For a system of services use `@holdfast/simulator` itself.
 *
 * **Example**
 *
 * See {@link run} and {@link summarise}.
 */
import type * as Policy from "@holdfast/core/Policy"
import type * as Simulated from "@holdfast/simulator/Outcome"
import * as Simulator from "@holdfast/simulator/Simulation"
import type * as System from "@holdfast/simulator/System"
import * as Effect from "effect/Effect"

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

/** One minute of it: what began in it, and how long what ended in it took. */
export interface Minute {
  readonly calls: number
  readonly attempts: number
  readonly succeeded: number
  /** How long half of the calls took at most that ended in it, in milliseconds. `NaN` if none did. */
  readonly median: number
}

/** What it came to under one policy. */
export interface Outcome {
  readonly name: string
  /** Everything that the simulator has counted. */
  readonly simulated: Simulated.Outcome
  readonly minutes: ReadonlyArray<Minute>
  /** The most attempts that ran at once. */
  readonly peak: number
  /** Calls that had not ended a quarter of an hour after the last one began. */
  readonly unended: number
}

const minute = 60_000

/** The scenario as a system of one caller and one dependency. */
export const systemOf = (scenario: Scenario, candidate: Candidate): System.System => ({
  duration: scenario.minutes * minute,
  services: { dependency: { latency: scenario.latency } },
  callers: {
    users: { to: "dependency", rate: scenario.callsPerMinute / 60, arrivals: "counted", policy: candidate.options }
  },
  events: [{
    type: "outage",
    service: "dependency",
    at: scenario.downFrom * minute,
    for: (scenario.downTo - scenario.downFrom) * minute,
    hang: scenario.hang,
    after: "1 second"
  }]
})

/** Lives through the scenario under a policy. `onMinute` is told several times a second of the minute that is reached. */
export const run = (
  scenario: Scenario,
  candidate: Candidate,
  onMinute: (minute: number) => void
): Effect.Effect<Outcome> =>
  Effect.map(
    Simulator.runEffect(systemOf(scenario, candidate), {
      seed: scenario.seed,
      every: minute,
      onProgress: ({ now }) => onMinute(Math.min(scenario.minutes, Math.ceil(now / minute)))
    }),
    (simulated): Outcome => {
      const { series: { calls = [], p50 = [], succeeded = [] } = {}, unended = 0 } = simulated.callers["users"] ?? {}
      const [edge] = simulated.edges
      return {
        name: candidate.name,
        simulated,
        minutes: calls.map((calls, i) => ({
          calls,
          attempts: edge?.series.attempts[i] ?? 0,
          succeeded: succeeded[i] ?? 0,
          median: p50[i] ?? NaN
        })),
        peak: edge?.mostInFlight ?? 0,
        unended
      }
    }
  )

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
export const summarise = (outcome: Outcome): Summary => {
  const { edges, figures: { after, before, during, whole } } = outcome.simulated
  const outside = [before, after].filter((part) => part !== undefined).filter(({ calls }) => calls > 0)
  const calls = outside.reduce((sum, part) => sum + part.calls, 0)
  return {
    name: outcome.name,
    calls: whole.calls,
    attempts: edges.reduce((sum, { attempts }) => sum + attempts, 0),
    succeeded: whole.success,
    succeededOutside: outside.reduce((sum, part) => sum + part.success * part.calls, 0) / calls,
    amplification: during?.amplification ?? NaN,
    peak: outcome.peak,
    median: during?.p50 ?? NaN,
    p99: during?.p99 ?? NaN,
    unended: outcome.unended
  }
}
