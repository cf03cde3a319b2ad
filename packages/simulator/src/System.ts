/**
 * A system as data: services with workers and queues, the calls between them, the callers, and what goes wrong.
 *
 * **When to use**
 *
 * Describe the part of your system that a policy stands in, with the policy that production has. `SystemData` reads a system
 * from a file, and `Scenarios` has some to start from.
 *
 * **Details**
 *
 * A call has a policy: the options of `Policy.make`, as production has them, or an effect that makes anything else that
 * protects a call. The simulator runs the policy itself, not a model of it. All that is modelled is the other side: how
 * long a service takes, what it rejects, and when it breaks.
 *
 * **Gotchas**
 *
 * A model shows what its parts do to each other. It shows nothing about a part that it does not have: give services the
 * workers, queues and timeouts that the real ones have, since overload lives in them.
 *
 * **Example**
 *
 * See {@link make}.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import * as Arguments from "@holdfast/core/Arguments"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import type { Reason } from "./CallFailure.ts"
import type { Event } from "./Event.ts"
import { type Checked, systemOf } from "./internal/model/check.ts"
import type { Latency } from "./Latency.ts"
import type { Chain, Model } from "./Llm.ts"
import type { PolicyOptions, Protect, Protector } from "./Protection.ts"

export type { PolicyOptions, Protect, Protector }

/** One call from a service or a caller to a service or a chain. */
export interface Call {
  /** The name of the service or chain that is called. */
  readonly to: string

  /** What protects the call. Each client has a policy of its own, with its own breaker and budget. Default: nothing. */
  readonly policy?: PolicyOptions | Protector | undefined

  /** Makes the call an HTTP request, under the policy of a `ResilientHttpClient`. Default: a call without a protocol. */
  readonly http?: Http | undefined

  /** Whether all clients share one policy. Default: false. */
  readonly shared?: boolean | undefined

  /** The share of requests that make this call: above 0, at most 1. Default: 1. */
  readonly probability?: number | undefined

  /** How many such calls are made at the same time, all of which must succeed. Default: 1. */
  readonly times?: number | undefined

  /** Whether the request goes on when the call fails. Default: false. */
  readonly optional?: boolean | undefined

  /** How long the network takes, there and back: half of it each way. Default: zero. */
  readonly network?: DurationInput | undefined

  /** A cache before the service, which answers a share of the calls at once. Default: no cache. */
  readonly cache?: Cache | undefined
}

/**
 * An HTTP request. The service answers with the statuses of its {@link Service} and with `Retry-After`, and the client decides
 * as it does in production: by status, method and header. A last response of 400 or more is a failed call.
 */
export interface Http {
  /** Decides whether the request is safe to repeat. Default: `"GET"`. */
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD" | "OPTIONS" | undefined

  /** What the `endpoints` of the policy are matched with. Default: `"http://service/"`. */
  readonly url?: string | undefined

  /** The options of the client. Default: those of `ResilientHttpClient`. */
  readonly policy?: HttpPolicy.Options | undefined
}

/** A look-aside cache: a call that misses goes to the service, and its answer fills the cache. */
export interface Cache {
  /** The share of calls that a warm cache answers: above 0, below 1. */
  readonly hits: number

  /** How many answers fill the cache when it is cold. Its share of hits grows with each. Default: 1,000. */
  readonly size?: number | undefined
}

/** Calls that a request makes at the same time. */
export interface Parallel {
  readonly parallel: ReadonlyArray<Call>
}

/** A service. Without workers it serves any number of requests at once. */
export interface Service {
  /** How many instances there are, each with its own workers and queue. Default: 1. */
  readonly instances?: number | undefined

  /** Which instance gets a request. Default: `"random"`. */
  readonly balance?: "random" | "roundRobin" | "leastBusy" | undefined

  /** How many requests an instance serves at once. A worker is held until its request has ended. Default: no limit. */
  readonly workers?: number | undefined

  /** How many requests wait at an instance for a worker. One more is rejected. Default: no limit. */
  readonly queue?: number | undefined

  /** Whether the request that has waited longest goes first. Default: `"fifo"`. */
  readonly order?: "fifo" | "lifo" | undefined

  /** How long a worker is busy with a request, without the calls that it makes. */
  readonly latency: Latency

  /**
   * How much longer a request takes when all workers are busy: its time is multiplied by 1 + slowdown x the share of
   * workers that are busy. Needs `workers`. Default: 0.
   */
  readonly slowdown?: number | undefined

  /** The share of requests that fail after their time: from 0 to 1. Default: 0. */
  readonly errors?: number | undefined

  /** How long a request may take, its wait included. Then it fails. Default: no limit. */
  readonly timeout?: DurationInput | undefined

  /**
   * What becomes of a request whose client has given up. Most servers do not notice (`"served"`); some drop it when its
   * turn comes (`"skipped"`), a few interrupt it (`"stopped"`). Default: `"served"`.
   */
  readonly abandoned?: "served" | "skipped" | "stopped" | undefined

  /** The calls that a request makes when its own work is done, one after the other. Default: none. */
  readonly calls?: ReadonlyArray<Call | Parallel> | undefined

  /** What a request costs that is served, in any currency. Default: 0. */
  readonly price?: number | undefined

  /** The statuses that it answers HTTP requests with. Default: failed 500, dependency 502, overloaded 503, limited 429, timeout 504. */
  readonly statuses?: Partial<Readonly<Record<Exclude<Reason, "cut" | "refused">, number>>> | undefined

  /** How long it asks a client to wait when its queue is full. Default: it does not say. */
  readonly retryAfter?: DurationInput | undefined

  /** Makes it a provider of a language model, whose `latency` is the time to the first token. Default: an ordinary service. */
  readonly model?: Model | undefined
}

/** Where calls come from. Open callers have a `rate`, closed ones `users`. */
export interface Caller extends Call {
  /** Calls per second, whatever becomes of those before them. */
  readonly rate?: number | undefined

  /** How many users call one after the other, each with a pause of `think` between calls. */
  readonly users?: number | undefined

  /** How long a user pauses between calls. Default: 1 second. */
  readonly think?: Latency | undefined

  /**
   * How the calls of a `rate` come: at random (`"poisson"`), evenly (`"regular"`), or at random instants of which there
   * are exactly rate x duration (`"counted"`). Default: `"poisson"`.
   */
  readonly arrivals?: "poisson" | "regular" | "counted" | undefined

  /** How many clients there are. Each has a policy of its own, unless it is `shared`. Default: 1. */
  readonly clients?: number | undefined

  /** A rate that follows the day. Default: a rate that does not. */
  readonly daily?: Daily | undefined

  /** Bursts of calls. Default: none. */
  readonly bursts?: Bursts | undefined

  /** People who try again when a call has failed. Default: none. */
  readonly again?: Again | undefined

  /** A call that takes longer counts as failed. Default: any time will do. */
  readonly within?: DurationInput | undefined
}

/** The rate goes from its own value to `peak` times that, and back, once a period. */
export interface Daily {
  readonly peak: number
  /** Default: 1 day. */
  readonly period?: DurationInput | undefined
}

/** Every so often the rate is multiplied for a while. */
export interface Bursts {
  readonly every: DurationInput
  readonly for: DurationInput
  readonly times: number
}

/** A person who presses the button again. */
export interface Again {
  /** The share of failed calls that are made again: above 0, at most 1. Default: 1. */
  readonly share?: number | undefined
  /** How often at most. Default: 1. */
  readonly times?: number | undefined
  /** How long it takes. Default: 2 seconds. */
  readonly after?: Latency | undefined
}

/** A system, and how long it is watched. */
export interface System {
  /** How long callers call. Default: 10 minutes. */
  readonly duration?: DurationInput | undefined
  /** The services by name. */
  readonly services: Readonly<Record<string, Service>>
  /** Chains of those services that are language models, by name. Default: none. */
  readonly chains?: Readonly<Record<string, Chain>> | undefined
  /** The callers by name. */
  readonly callers: Readonly<Record<string, Caller>>
  /** What goes wrong. Default: nothing. */
  readonly events?: ReadonlyArray<Event> | undefined
}

/**
 * Checks a system. Throws a `RangeError` that lists all faults by path.
 *
 * ```ts import.meta.vitest
 * import { System } from "@holdfast/simulator"
 *
 * const system = System.make({
 *   services: { stock: { workers: 10, latency: "50 millis" } },
 *   callers: { users: { to: "stock", rate: 100, policy: { retry: { times: 2 }, attemptTimeout: "1 second" } } }
 * })
 *
 * let message = ""
 * try {
 *   System.make({ ...system, callers: { users: { to: "stok", rate: 0 } } })
 * } catch (error) {
 *   message = String(error)
 * }
 * message
 * // => 'RangeError: System.make: 2 options are invalid: callers.users.to must be "stock", got "stok": did you mean "stock"?; callers.users.rate must be a number above 0, got 0'
 * ```
 */
export const make = (system: System): System => {
  check("System.make", system)
  return system
}

/** @internal */
export const check = (where: string, system: System): Checked => Arguments.check(where, systemOf, system)
