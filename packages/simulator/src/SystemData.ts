/**
 * Systems as files: one schema for the system in a YAML or JSON file.
 *
 * **When to use**
 *
 * Use it to keep a system beside the configuration that it tests, and to run it from a command line.
 *
 * **Details**
 *
 * The keys are those of `System`, policies are `PolicyData`, those of HTTP `HttpPolicyData`, and durations are `"30 seconds"` or a number of seconds.
 * Unknown keys are rejected with their path, and invalid systems with all their faults.
 *
 * **Gotchas**
 *
 * - A number is in seconds here, as in `PolicyData`, but in milliseconds in a `System` that is written in code.
 * - A file cannot hold a protector: its policies are data.
 *
 * **Example**
 *
 * See {@link decode}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { ChainSchema, ModelSchema, toChain } from "./internal/chain/data.ts"
import type { ChainData } from "./internal/chain/dataTypes.ts"
import { systemOf } from "./internal/model/check.ts"
import { number, Time, time } from "./internal/time.ts"
import * as System from "./System.ts"

export type { ChainData, HedgeData, RetryData, TreatmentData } from "./internal/chain/dataTypes.ts"

/** An HTTP request of a file: its policy is `HttpPolicyData`. */
export interface HttpData extends Omit<System.Http, "policy"> {
  readonly policy?: HttpPolicyData.HttpPolicyData | undefined
}

/** A call of a file: its policy is `PolicyData`. */
export interface CallData extends Omit<System.Call, "policy" | "http"> {
  readonly policy?: PolicyData.PolicyData | undefined
  readonly http?: HttpData | undefined
}

/** Calls at the same time. */
export interface ParallelData {
  readonly parallel: ReadonlyArray<CallData>
}

/** A service of a file. */
export interface ServiceData extends Omit<System.Service, "calls"> {
  readonly calls?: ReadonlyArray<CallData | ParallelData> | undefined
}

/** A caller of a file. */
export interface CallerData extends CallData, Omit<System.Caller, keyof System.Call> {}

/** A system of a file. Its durations are those of `effect/Duration` once it is decoded. */
export interface SystemData extends Omit<System.System, "services" | "chains" | "callers"> {
  readonly services: Readonly<Record<string, ServiceData>>
  readonly chains?: Readonly<Record<string, ChainData>> | undefined
  readonly callers: Readonly<Record<string, CallerData>>
}

const LatencySchema = Schema.Union([
  Time,
  Schema.Struct({ exponential: Time }),
  Schema.Struct({ uniform: Schema.Tuple([Time, Time]) }),
  Schema.Struct({ median: Time, p99: Time }),
  Schema.Struct({ samples: Schema.Array(Time) })
])
const latency = Schema.optionalKey(LatencySchema)

const call = {
  to: Schema.String,
  policy: Schema.optionalKey(PolicyData.PolicyData),
  http: Schema.optionalKey(Schema.Struct({
    method: Schema.optionalKey(Schema.Literals(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])),
    url: Schema.optionalKey(Schema.String),
    policy: Schema.optionalKey(HttpPolicyData.HttpPolicyData)
  })),
  shared: Schema.optionalKey(Schema.Boolean),
  probability: number,
  times: number,
  optional: Schema.optionalKey(Schema.Boolean),
  network: time,
  cache: Schema.optionalKey(Schema.Struct({ hits: Schema.Finite, size: number }))
}
const CallSchema = Schema.Struct(call)

const ServiceSchema = Schema.Struct({
  instances: number,
  balance: Schema.optionalKey(Schema.Literals(["random", "roundRobin", "leastBusy"])),
  workers: number,
  queue: number,
  order: Schema.optionalKey(Schema.Literals(["fifo", "lifo"])),
  latency: LatencySchema,
  slowdown: number,
  errors: number,
  timeout: time,
  abandoned: Schema.optionalKey(Schema.Literals(["served", "skipped", "stopped"])),
  calls: Schema.optionalKey(
    Schema.Array(Schema.Union([CallSchema, Schema.Struct({ parallel: Schema.Array(CallSchema) })]))
  ),
  price: number,
  statuses: Schema.optionalKey(
    Schema.Struct({ failed: number, dependency: number, overloaded: number, limited: number, timeout: number })
  ),
  retryAfter: time,
  model: Schema.optionalKey(ModelSchema)
})

const CallerSchema = Schema.Struct({
  ...call,
  rate: number,
  users: number,
  think: latency,
  arrivals: Schema.optionalKey(Schema.Literals(["poisson", "regular", "counted"])),
  clients: number,
  daily: Schema.optionalKey(Schema.Struct({ peak: Schema.Finite, period: time })),
  bursts: Schema.optionalKey(Schema.Struct({ every: Time, for: Time, times: Schema.Finite })),
  again: Schema.optionalKey(Schema.Struct({ share: number, times: number, after: latency })),
  within: time
})

const during = { service: Schema.String, at: Time, for: Time }
const event = <const Type extends string, const Fields extends Schema.Struct.Fields>(type: Type, fields: Fields) =>
  Schema.Struct({ type: Schema.Literal(type), ...fields })

const EventSchema = Schema.Union([
  event("outage", { ...during, hang: number, after: time }),
  event("brownOut", { ...during, slower: number, errors: number }),
  event("slowNode", { ...during, instances: number, slower: Schema.Finite }),
  event("deploy", { ...during, slower: number, warmUp: time }),
  event("coldCache", { service: Schema.String, at: Time }),
  event("lostPackets", { ...during, share: Schema.Finite }),
  event("rateLimit", { ...during, rate: Schema.Finite }),
  event("quota", { ...during, requests: Schema.Finite, window: time }),
  event("surge", { at: Time, for: Time, caller: Schema.optionalKey(Schema.String), times: Schema.Finite })
])

const Unchecked = Schema.Struct({
  duration: time,
  services: Schema.Record(Schema.String, ServiceSchema),
  chains: Schema.optionalKey(Schema.Record(Schema.String, ChainSchema)),
  callers: Schema.Record(Schema.String, CallerSchema),
  events: Schema.optionalKey(Schema.Array(EventSchema))
})

/** The schema of a system as data. */
export const SystemData: Schema.Codec<SystemData, unknown> = Unchecked.check(
  Schema.makeFilter<SystemData>(
    (data) =>
      Arguments.faults(systemOf, toSystem(data)).map(({ message, path }) => ({ path: [...path], issue: message })),
    { expected: "a valid system" }
  )
)

/**
 * Decodes the content of a file. Rejects unknown keys and invalid systems, and reports the path and the reason.
 *
 * ```ts import.meta.vitest
 * import { Simulation, SystemData } from "@holdfast/simulator"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const data = yield* SystemData.decode({
 *     duration: "2 minutes",
 *     services: { stock: { workers: 10, latency: { median: "20 millis", p99: "100 millis" } } },
 *     callers: { users: { to: "stock", rate: 50, policy: { retry: { times: 2 }, attemptTimeout: 1 } } },
 *     events: [{ type: "outage", service: "stock", at: "1 minute", for: 10 }]
 *   })
 *   return yield* Simulation.runEffect(SystemData.toSystem(data))
 * })
 *
 * const outcome = await Effect.runPromise(program)
 * outcome.recovery // => 0
 * ```
 */
export const decode = (input: unknown): Effect.Effect<SystemData, Schema.SchemaError> =>
  Schema.decodeUnknownEffect(SystemData)(input, { onExcessProperty: "error", errors: "all" })

const toCall = <A extends CallData>(call: A) => ({
  ...call,
  policy: call.policy === undefined ? undefined : PolicyData.toOptions(call.policy),
  http: call.http === undefined ? undefined : {
    ...call.http,
    policy: call.http.policy === undefined ? undefined : HttpPolicyData.toOptions(call.http.policy)
  }
})

/** Makes the system that the data describes. */
export const toSystem = (data: SystemData): System.System => ({
  ...data,
  services: Object.fromEntries(
    Object.entries(data.services).map(([name, service]) => [name, {
      ...service,
      calls: service.calls?.map((step) => "parallel" in step ? { parallel: step.parallel.map(toCall) } : toCall(step))
    }])
  ),
  chains: data.chains === undefined ? undefined : Object.fromEntries(
    Object.entries(data.chains).map(([name, chain]) => [name, toChain(chain)])
  ),
  callers: Object.fromEntries(Object.entries(data.callers).map(([name, caller]) => [name, toCall(caller)]))
})
