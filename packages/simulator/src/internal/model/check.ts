/**
 * The checks of a system. They fill in the defaults and turn durations into milliseconds.
 *
 * Guarded by `test/System.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Policy from "@holdfast/core/Policy"
import * as Effect from "effect/Effect"
import type { PolicyOptions, Protector } from "../../Protection.ts"
import { chainOf, type CheckedChain, modelOf } from "../chain/check.ts"
import { httpOf, statusesOf } from "../endpoint/check.ts"
import { eventOf } from "./checkEvents.ts"
import { latency } from "./distribution.ts"
import * as Sampler from "./sampler.ts"

const { array, boolean, duration, integer, number, oneOf, optional, record, struct } = Arguments

const time = duration({ min: 0 })
const span = duration({ above: 0 })
const isParallel = (value: unknown): value is { readonly parallel: unknown } =>
  typeof value === "object" && value !== null && "parallel" in value

const policy: Arguments.Check<PolicyOptions | Protector> = (value, place) => {
  if (Effect.isEffect(value)) return value as Protector
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    place.fault(`must be the options of Policy.make, or an effect that makes { protect }, got ${Arguments.show(value)}`)
    return {}
  }
  Policy.optionsCheck(value, place)
  return value
}

const callFields = (targets: ReadonlyArray<string>) => ({
  to: oneOf(...targets),
  policy: optional(policy),
  http: optional(httpOf),
  shared: optional(boolean, false),
  probability: optional(Arguments.share, 1),
  times: optional(integer({ min: 1, max: 1_000 }), 1),
  optional: optional(boolean, false),
  network: optional(time, 0),
  cache: optional(Arguments.refine(
    struct({ hits: number({ above: 0, max: 1 }), size: optional(integer({ min: 1 }), 1_000) }),
    ({ hits }, place) => {
      if (hits === 1) place.at("hits").fault("must be below 1, got 1")
    }
  ))
})

const callOf = (chains: ReadonlyArray<string>) =>
(
  { http, policy, to }: { readonly http: unknown; readonly policy: unknown; readonly to: string },
  place: Arguments.Place
): void => {
  if (http === undefined) return
  if (policy !== undefined) {
    place.at("http").fault("must not be beside a policy: give the policy of the client in http.policy")
  }
  if (chains.includes(to)) place.at("http").fault("must call a service: a chain calls its providers itself")
}

const serviceOf = (targets: ReadonlyArray<string>, chains: ReadonlyArray<string>) => {
  const call = Arguments.refine(struct(callFields(targets)), callOf(chains))
  const parallel = struct({ parallel: array(call) })
  const step: Arguments.Check<ReadonlyArray<CheckedCall>> = (value, place) =>
    isParallel(value) ? parallel(value, place)?.parallel ?? [] : [call(value, place)]
  return Arguments.refine(
    struct({
      instances: optional(integer({ min: 1, max: 1_000 }), 1),
      balance: optional(oneOf("random", "roundRobin", "leastBusy"), "random" as const),
      workers: optional(integer({ min: 1, infinite: true }), Infinity),
      queue: optional(integer({ min: 0, infinite: true }), Infinity),
      order: optional(oneOf("fifo", "lifo"), "fifo" as const),
      latency,
      slowdown: optional(number({ min: 0 }), 0),
      errors: optional(number({ min: 0, max: 1 }), 0),
      timeout: optional(duration({ above: 0, infinite: true }), Infinity),
      abandoned: optional(oneOf("served", "skipped", "stopped"), "served" as const),
      calls: optional(array(step), []),
      price: optional(number({ min: 0 }), 0),
      statuses: statusesOf,
      retryAfter: optional(span),
      model: optional(modelOf)
    }),
    ({ calls, model, slowdown, workers }, place) => {
      if (slowdown > 0 && workers === Infinity) place.at("slowdown").fault("needs workers")
      if (model !== undefined && calls.length > 0) {
        place.at("calls").fault("must not be made by a service that is a model")
      }
    }
  )
}

const callerOf = (targets: ReadonlyArray<string>, chains: ReadonlyArray<string>) =>
  Arguments.refine(
    struct({
      ...callFields(targets),
      rate: optional(number({ above: 0 })),
      users: optional(integer({ min: 1, max: 1_000_000 })),
      think: optional(latency, Sampler.constant(1_000)),
      arrivals: optional(oneOf("poisson", "regular", "counted"), "poisson" as const),
      clients: optional(integer({ min: 1, max: 10_000 }), 1),
      daily: optional(struct({ peak: number({ above: 0 }), period: optional(span, 86_400_000) })),
      bursts: optional(Arguments.refine(
        struct({ every: span, for: span, times: number({ min: 0 }) }),
        (bursts, place) => {
          if (bursts.for > bursts.every) place.at("for").fault(`must be at most every (${bursts.every} ms)`)
        }
      )),
      again: optional(struct({
        share: optional(Arguments.share, 1),
        times: optional(integer({ min: 1, max: 100 }), 1),
        after: optional(latency, Sampler.constant(2_000))
      })),
      within: optional(duration({ above: 0, infinite: true }), Infinity)
    }),
    (caller, place) => {
      const { arrivals, bursts, daily, rate, users } = caller
      callOf(chains)(caller, place)
      if (arrivals === "counted" && (bursts !== undefined || daily !== undefined)) {
        place.at("arrivals").fault("must not be \"counted\" for a rate that changes: leave out daily and bursts")
      }
      if ((rate === undefined) === (users === undefined)) {
        place.fault("must have either a rate, for calls per second, or users, for calls one after the other")
      }
    }
  )

/** A circle of services that call one another, as a path; `undefined` without one. A chain calls its providers, which call nothing. */
const cycleIn = (services: Readonly<Record<string, CheckedService>>): string | undefined => {
  const done = new Set<string>()
  const visit = (name: string, path: ReadonlyArray<string>): string | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name].join(" -> ")
    if (done.has(name)) return undefined
    done.add(name)
    for (const { to } of services[name]?.calls.flat() ?? []) {
      const cycle = visit(to, [...path, name])
      if (cycle !== undefined) return cycle
    }
    return undefined
  }
  return Object.keys(services).map((name) => visit(name, [])).find((cycle) => cycle !== undefined)
}

const fieldsOf = (value: unknown, key: string): Readonly<Record<string, unknown>> => {
  const record: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  return typeof record === "object" && record !== null ? record as Readonly<Record<string, unknown>> : {}
}

/** The check of a whole system. */
export const systemOf: Arguments.Check<Checked> = (value, place) => {
  const services = Object.keys(fieldsOf(value, "services"))
  const callers = Object.keys(fieldsOf(value, "callers"))
  const chains = Object.keys(fieldsOf(value, "chains"))
  const models = services.filter((name) => fieldsOf(fieldsOf(value, "services"), name)["model"] !== undefined)
  const priced = new Set(
    models.filter((name) => fieldsOf(fieldsOf(fieldsOf(value, "services"), name), "model")["price"] !== undefined)
  )
  const targets = [...services, ...chains]
  if (services.length === 0) place.at("services").fault("must have at least one service")
  if (callers.length === 0) place.at("callers").fault("must have at least one caller")
  for (const name of chains.filter((name) => services.includes(name))) {
    place.at("chains").at(name).fault("must have a name that no service has")
  }
  if (chains.length > 0 && models.length === 0) place.at("chains").fault("must have a service with a model to ask")
  const fields = {
    duration: optional(duration({ above: 0, max: 31 * 86_400_000 }), 600_000),
    services: record(serviceOf(targets, chains)),
    chains: optional(record(chainOf(models, priced)), {}),
    callers: record(callerOf(targets, chains)),
    events: optional(array(eventOf(services, callers)), [])
  }
  const check = Arguments.refine(struct(fields), (system, place) => {
    const cycle = cycleIn(system.services)
    if (cycle !== undefined) place.at("services").fault(`must not call each other in a circle, got ${cycle}`)
  })
  return check(value, place)
}

export type CheckedCall = Arguments.Checked<ReturnType<typeof callFields>>
export type CheckedService = ReturnType<ReturnType<typeof serviceOf>>
export type CheckedCaller = ReturnType<ReturnType<typeof callerOf>>
export type CheckedEvent = ReturnType<ReturnType<typeof eventOf>>

/** A system that has passed its checks. */
export interface Checked {
  readonly duration: number
  readonly services: Readonly<Record<string, CheckedService>>
  readonly chains: Readonly<Record<string, CheckedChain>>
  readonly callers: Readonly<Record<string, CheckedCaller>>
  readonly events: ReadonlyArray<CheckedEvent>
}
