/**
 * The outcome of a simulation, as data. Durations are in milliseconds, rates are per second, shares are from 0 to 1.
 *
 * **When to use**
 *
 * Read it in a test or a report of your own. `Bound.check` compares it with bounds, and `Picture.lines` shows it.
 *
 * **Details**
 *
 * The figures are those of the whole run and, if there are events, of the parts before, during and after them. A series has
 * one value for each slot of `every` milliseconds.
 *
 * **Gotchas**
 *
 * - `JSON.stringify` writes `null` for a number that is not finite: a latency without calls, a recovery that never came.
 * - A part of the run without any time, such as the one before an event at the start, has no figures.
 * - A call counts in the part in which it began, and a request in the part in which it reached the service.
 *
 * **Example**
 *
 * See `Simulation.run`.
 */
import type { Reason } from "./CallFailure.ts"

/** A part of the run: all of it, or what is before, during and after what goes wrong. */
export type Phase = "whole" | "before" | "during" | "after"

/** What the calls of one caller, or of all of them together, came to in a part of the run. */
export interface CallFigures {
  /** Calls that began. */
  readonly calls: number
  /** The share of the calls that ended in this part that succeeded, in time if the caller sets one. */
  readonly success: number
  /** Calls per second that succeeded. */
  readonly goodput: number
  /** How long calls took that ended, whether they succeeded or not. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

/** The headline figures of a part of the run. */
export interface Figures extends CallFigures {
  /**
   * Requests that reach a service for each that its callers' calls stand for: 1 without retries, less where calls are
   * rejected. It is that of the service with the most.
   */
  readonly amplification: number
  /** The busiest service: the share of its workers that were busy, on average. 0 if none has a bound. */
  readonly utilisation: number
  /** The share of the work of all services that was done for clients which had given up. */
  readonly wasted: number
  /** What all services cost. */
  readonly cost: number
}

/** A caller, with a series by the slot in which calls began. */
export interface CallerOutcome {
  readonly phases: Readonly<Partial<Record<Phase, CallFigures>>>
  /** Calls of people who tried again. */
  readonly again: number
  /** Calls that had not ended when the simulation did. */
  readonly unended: number
  readonly series: {
    readonly calls: ReadonlyArray<number>
    readonly succeeded: ReadonlyArray<number>
    /** Quantiles of the calls that ended in the slot. */
    readonly p50: ReadonlyArray<number>
    readonly p99: ReadonlyArray<number>
  }
}

/**
 * The calls from a caller or service to a service, and what their policies did. A chain is a service to its callers, and
 * calls its providers: its calls to a provider are the requests that asked it at least once.
 */
export interface EdgeOutcome {
  readonly from: string
  readonly to: string
  readonly calls: number
  /** Calls that the cache before the service answered. */
  readonly hits: number
  /** Requests that were sent, those that were answered well, and those that the client gave up. */
  readonly attempts: number
  readonly answered: number
  readonly abandoned: number
  /** The most requests that clients waited for at once. */
  readonly mostInFlight: number
  /** Requests for each call that was not answered by the cache, in each part of the run. */
  readonly amplification: Readonly<Partial<Record<Phase, number>>>
  readonly retries: number
  readonly hedges: number
  /** Calls that a part of the policy has rejected, by the part. */
  readonly rejected: Readonly<Record<"bulkhead" | "rateLimit" | "circuitBreaker", number> & Record<string, number>>
  /** Failed calls that were not tried again, by reason: `budget` are those that the retry budget has stopped. */
  readonly stopped: Readonly<Record<string, number>>
  readonly deadlines: number
  /** How often a breaker has opened. */
  readonly opened: number
  /** How often a chain passed a provider by, by reason: it is `cooling`, its bulkhead is `full`, or its limits leave no room. */
  readonly skipped: Readonly<Record<string, number>>
  readonly series: {
    readonly calls: ReadonlyArray<number>
    readonly attempts: ReadonlyArray<number>
    /** Breakers that are open or half open when the slot ends. */
    readonly open: ReadonlyArray<number>
  }
}

/** What a service came to in a part of the run. */
export interface ServiceFigures {
  readonly arrived: number
  readonly served: number
  /** Requests that were served for a client which had given up. */
  readonly wasted: number
  readonly rejected: number
  readonly amplification: number
  readonly utilisation: number
  /** Requests waiting for a worker, on average. */
  readonly queue: number
  /** Tokens of a language model that were used, and what all requests cost. */
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cost: number
}

/** A service. */
export interface ServiceOutcome {
  readonly phases: Readonly<Partial<Record<Phase, ServiceFigures>>>
  /** Requests that did not end well, by reason. */
  readonly failures: Readonly<Record<Reason, number>>
  /** Requests that were never answered, and those that were dropped because their client had given up. */
  readonly hung: number
  readonly skipped: number
  /** Requests that are at the service when the simulation ends. */
  readonly inService: number
  /** The most that waited at once. */
  readonly mostQueued: number
  /** How long answered requests were at the service, and the mean of all that have left it. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly mean: number }
  readonly tokens: { readonly input: number; readonly output: number }
  readonly cost: number
  readonly series: {
    readonly arrived: ReadonlyArray<number>
    readonly served: ReadonlyArray<number>
    /** Averages over the slot. */
    readonly busy: ReadonlyArray<number>
    readonly queue: ReadonlyArray<number>
  }
}

/** What came of it. */
export interface Outcome {
  readonly seed: number
  /** How long callers called, and how long a slot of the series is. */
  readonly duration: number
  readonly every: number
  /** From the begin of the first event to the end of the last one, if there are events. */
  readonly trigger: { readonly from: number; readonly to: number } | undefined
  readonly figures: Readonly<Partial<Record<Phase, Figures>>> & { readonly whole: Figures }
  /**
   * How long after the last event the calls succeed as often as before the first, for good: `Infinity` if they still do
   * not when callers stop, `undefined` without events.
   */
  readonly recovery: number | undefined
  readonly callers: Readonly<Record<string, CallerOutcome>>
  readonly edges: ReadonlyArray<EdgeOutcome>
  readonly services: Readonly<Record<string, ServiceOutcome>>
}
