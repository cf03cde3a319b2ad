/**
 * The events of a system: faults of its services and surges of its callers, and when they happen.
 *
 * **When to use**
 *
 * Put them in the `events` of a `System`, to see what its policies make of an outage, a deployment or a rate limit.
 *
 * **Details**
 *
 * `at` is the time from the start, and `for` is how long an event lasts. Events may overlap. The part of the run from the
 * begin of the first event to the end of the last one is the phase `during` of an outcome.
 *
 * **Gotchas**
 *
 * - Two events of type `lostPackets`, or two of type `brownOut` with `errors`, should not overlap at one service: the end
 *   of the first ends the faults of both.
 * - `outage` fails at once by default, which is the kindest way to be down. Set `hang` and `after` to the worse ones.
 * - `coldCache` empties the `cache` of the calls to the service, and does nothing if they have none.
 *
 * **Example**
 *
 * See `Simulation.run`.
 */
import type { DurationInput } from "@holdfast/core/Arguments"

interface During {
  /** When it begins. */
  readonly at: DurationInput
  /** How long it lasts. */
  readonly for: DurationInput
}

/** A service is down. */
export interface Outage extends During {
  readonly type: "outage"
  readonly service: string
  /** The share of requests that hang without an answer; the others fail: from 0 to 1. Default: 0. */
  readonly hang?: number | undefined
  /** How long it takes to fail. Default: zero, as for a refused connection. */
  readonly after?: DurationInput | undefined
}

/** A service is slow, or fails a share of its requests. */
export interface BrownOut extends During {
  readonly type: "brownOut"
  readonly service: string
  /** How many times longer a request takes. Default: 1. */
  readonly slower?: number | undefined
  /** The share of requests that fail. Default: 0. */
  readonly errors?: number | undefined
}

/** Some instances of a service are slow. */
export interface SlowNode extends During {
  readonly type: "slowNode"
  readonly service: string
  /** How many. Default: 1. */
  readonly instances?: number | undefined
  /** How many times longer a request takes there. */
  readonly slower: number
}

/**
 * A rolling deployment. One instance after the other gets no new requests for `for` divided by the number of instances, and
 * is cold when it returns.
 */
export interface Deploy extends During {
  readonly type: "deploy"
  readonly service: string
  /** How many times longer a request takes on a cold instance. It gets faster evenly during `warmUp`. Default: 1. */
  readonly slower?: number | undefined
  /** Default: 30 seconds. */
  readonly warmUp?: DurationInput | undefined
}

/** The caches before a service are empty, and fill again by the answers of the service. */
export interface ColdCache {
  readonly type: "coldCache"
  readonly service: string
  readonly at: DurationInput
}

/** A share of the requests to a service, or of its answers, is lost. The client sees nothing until its timeout. */
export interface LostPackets extends During {
  readonly type: "lostPackets"
  readonly service: string
  readonly share: number
}

/** A service admits a number of requests a second, and rejects the others with a `retryAfter`. */
export interface RateLimit extends During {
  readonly type: "rateLimit"
  readonly service: string
  /** Requests per second. */
  readonly rate: number
}

/** A service admits a number of requests in each window, and rejects the others until the next. */
export interface Quota extends During {
  readonly type: "quota"
  readonly service: string
  readonly requests: number
  /** Default: as long as the event. */
  readonly window?: DurationInput | undefined
}

/** More calls come. */
export interface Surge extends During {
  readonly type: "surge"
  /** The caller. Default: all. */
  readonly caller?: string | undefined
  /** How many times more. */
  readonly times: number
}

/** An event. */
export type Event =
  | Outage
  | BrownOut
  | SlowNode
  | Deploy
  | ColdCache
  | LostPackets
  | RateLimit
  | Quota
  | Surge
