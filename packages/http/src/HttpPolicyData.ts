/**
 * Policies for HTTP as data: one schema for the client and its pool, in a configuration file or the environment. Equal
 * settings in YAML, JSON and `Config` decode to the same value.
 *
 * The keys are those of `HttpPolicy.Options`, and under `transport` those of `UndiciTransport.Options`. Durations are
 * written as `"30 seconds"` or as a number of seconds. Flat keys, common in other clients, work too: `timeout` (of one
 * attempt), `max_retries`, `initial_retry_delay`, `max_retry_delay`, `retry_multiplier`, `retry_jitter`,
 * `max_connections`, `max_keepalive_connections` and `keepalive_expiry`.
 *
 * Invalid settings are rejected with path and reason: an unknown key, an attempt timeout above the total, a retry
 * around a retry, a hedge around requests that are unsafe to repeat, an invalid pool. Options that are not data, such
 * as a predicate, come from the program: spread the decoded options and add them. Keep secrets out of the file: {@link
 * options} reads `bearer` from `Config`.
 */
import * as Hedge from "@holdfast/core/Hedge"
import * as Policy from "@holdfast/core/Policy"
import * as PolicyData from "@holdfast/core/PolicyData"
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Headers from "effect/http/Headers"
import { all as allMethods } from "effect/http/HttpMethod"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Struct from "effect/Struct"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { headerName, headerValue, longestTimer } from "./internal/argument.ts"
import { Endpoints, refuseHedge } from "./internal/client/endpoints.ts"
import { checkBaseUrl } from "./internal/client/request.ts"
import * as Flat from "./internal/config/flatKeys.ts"

const where = "HttpPolicyData"
const { Time } = Flat
const { bulkhead, circuitBreaker, rateLimit, retry } = PolicyData.PolicyData.fields
const key = Schema.optionalKey

/** The message of the `RangeError` that `make` throws, if it throws one. */
const reasonOf = (make: () => unknown): string | undefined => {
  try {
    make()
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

/** Rejects data from which `make` throws a `RangeError`, with its message. */
const makes = <A>(make: (data: A) => unknown, expected: string) =>
  Schema.makeFilter<A>((data) => reasonOf(() => make(data)), { expected })

/** Throws a `RangeError` if the options of a part are invalid. */
const partOf = (options: Policy.AnyOptions): unknown => Effect.runSync(Policy.make(options))

/** A duration within the range of a timer. */
const Timer = Time.check(Schema.makeFilter((time) => {
  const millis = Duration.toMillis(time)
  return millis >= 1 && millis <= longestTimer
}, { expected: "a duration from 1 millisecond to 24 days" }))

const count = (least: number) => Schema.Int.check(Schema.isGreaterThanOrEqualTo(least))

const QuantileData = Schema.Struct({
  quantile: key(Schema.Finite),
  window: key(Time),
  minimumCalls: key(Schema.Finite),
  min: key(Time),
  max: key(Time)
}).check(makes(Hedge.quantile, "a valid quantile"))

/** `after` is a duration or a quantile of the latency. The hedge shares the retries' budget. */
const HedgeData = Schema.Struct({
  after: Schema.Union([Time, QuantileData]),
  max: key(Schema.Finite),
  maxKeys: key(Schema.Finite),
  idleTimeToLive: key(Time)
}).check(makes((data) => partOf({ hedge: toHedge(data) }), "a valid hedge"))

const toHedge = ({ after, ...rest }: typeof HedgeData.Type): HttpPolicy.HedgeOptions => ({
  ...rest,
  after: Duration.isDuration(after) ? after : Hedge.quantile(after)
})

const orNone = <S extends Schema.Constraint>(schema: S) => key(Schema.Union([Schema.Literal(false), schema]))

const TimeoutsData = Schema.Struct({ attempt: orNone(Timer), total: orNone(Timer) }).check(
  Schema.makeFilter((data) => {
    const reason = tooLong(data)
    return reason === undefined ? undefined : { path: ["attempt"], issue: reason }
  })
)

/** Why the attempt timeout is invalid, if it is longer than the total. */
const tooLong = ({ attempt, total }: typeof TimeoutsData.Type): string | undefined =>
  attempt && total && Duration.isGreaterThan(attempt, total)
    ? `timeouts.attempt must not be longer than timeouts.total (${Duration.format(total)}), got ${
      Duration.format(attempt)
    }`
    : undefined

const parts = {
  retry: orNone(retry.schema.check(
    makes((data) => partOf({ retry: PolicyData.toOptions({ retry: data }).retry }), "a valid retry")
  )),
  timeouts: key(TimeoutsData),
  bulkhead: orNone(bulkhead.schema.check(makes((data) => partOf({ bulkhead: data }), "a valid bulkhead"))),
  rateLimit: orNone(rateLimit.schema.check(makes((data) => partOf({ rateLimit: data }), "a valid rate limit"))),
  circuitBreaker: orNone(circuitBreaker.schema.check(makes(
    (data) => partOf({ circuitBreaker: PolicyData.toOptions({ circuitBreaker: data }).circuitBreaker }),
    "a valid circuit breaker"
  ))),
  hedge: orNone(HedgeData),
  retryOn: key(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 599 })))),
  idempotencyKey: key(Schema.Literals(["auto", "none"])),
  idempotent: key(Schema.Boolean),
  streamBody: key(Schema.Literals(["once", "replayable"])),
  commit: key(Schema.Literals(["firstByte", "head"]))
}

const EndpointData = Schema.Struct({
  origin: key(Schema.String),
  path: key(Schema.String),
  methods: key(Schema.Array(Schema.Literals([...allMethods]))),
  ...parts
})

const TransportData = Schema.Struct({
  connections: key(count(1)),
  idleConnections: key(count(0)),
  maxConnections: key(count(1)),
  keepAlive: key(Timer),
  keepAliveMax: key(Timer),
  connectTimeout: key(Timer),
  headersTimeout: key(Timer),
  bodyTimeout: key(Timer),
  poolWait: key(Timer),
  poolQueue: key(count(0)),
  gracePeriod: key(Time)
}).check(Schema.makeFilter(({ connections = 100, idleConnections, keepAlive = thirtySeconds, keepAliveMax }) => {
  if (idleConnections !== undefined && idleConnections > connections) {
    return {
      path: ["idleConnections"],
      issue: `idleConnections must not be above connections (${connections}), got ${idleConnections}`
    }
  }
  return keepAliveMax !== undefined && Duration.isLessThan(keepAliveMax, keepAlive)
    ? { path: ["keepAliveMax"], issue: "keepAliveMax must not be shorter than keepAlive" }
    : undefined
}))

const thirtySeconds = Duration.seconds(30)

const HeadersData = Schema.Record(Schema.String, Schema.String).check(
  Schema.makeFilter((headers) =>
    Object.entries(headers).flatMap(([name, value]) => {
      const issue = Headers.isRedactedName(name, Headers.CurrentRedactedNames.defaultValue())
        ? `${name} is a secret: give it as a Redacted header of the program, or as bearer`
        : reasonOf(() => headerValue(where, `headers.${name}`, value) + headerName(where, "headers", name))
      return issue === undefined ? [] : [{ path: [name], issue }]
    })
  )
)

const HeaderName = Schema.String.check(makes((name) => headerName(where, "header", name), "the name of a header"))

const Unchecked = Schema.Struct({
  name: key(Schema.NonEmptyString),
  baseUrl: key(Schema.String.check(makes((url) => checkBaseUrl(where, url), "a URL of HTTP or a path"))),
  headers: key(HeadersData),
  userAgent: key(Schema.String.check(makes((value) => headerValue(where, "userAgent", value), "a single line"))),
  attemptHeader: key(Schema.Union([Schema.Boolean, HeaderName])),
  deadlineHeader: key(Schema.Union([Schema.Boolean, HeaderName])),
  ...parts,
  endpoints: key(Schema.Record(
    Schema.String,
    Schema.Struct({ ...EndpointData.fields, ...Flat.policyKeys }).pipe(Schema.decodeTo(
      Schema.toType(EndpointData),
      SchemaTransformation.transformEffect({
        decode: (data) =>
          unless(Flat.policyConflict(data), () => Flat.withoutFlat({ ...data, ...Flat.policyParts(data) })),
        encode: (data) => Effect.succeed(data)
      })
    ))
  )),
  transport: key(TransportData)
})

/** The decoded settings of a file. */
export type HttpPolicyData = typeof Unchecked.Type

const Checked = Schema.toType(Unchecked).check(
  Schema.makeFilter((data: HttpPolicyData) =>
    Object.entries(data.endpoints ?? {}).flatMap(([name, endpoint]) => {
      const at = `${where}: endpoints.${name}`
      const issues = [
        { path: [], issue: reasonOf(() => new Endpoints(where, [[name, endpoint, undefined]])) },
        { path: ["hedge"], issue: reasonOf(() => refuseHedge(at, endpoint, data)) },
        { path: ["timeouts"], issue: tooLong({ ...data.timeouts, ...endpoint.timeouts }) }
      ]
      return issues.flatMap(({ issue, path }) =>
        issue === undefined ? [] : [{ path: ["endpoints", name, ...path], issue }]
      )
    })
  )
)

const unless = <A>(conflict: Flat.Conflict | undefined, make: () => A): Effect.Effect<A, SchemaIssue.Issue> =>
  conflict === undefined
    ? Effect.sync(make)
    : Effect.fail(
      new SchemaIssue.Pointer([conflict.key], new SchemaIssue.InvalidValue({ message: conflict.reason }))
    )

/**
 * The schema of an HTTP policy as data.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData } from "@holdfast/http"
 * import { Schema } from "effect"
 *
 * const decode = Schema.decodeUnknownSync(HttpPolicyData.HttpPolicyData)
 *
 * decode({ timeout: 30, max_retries: 3, keepalive_expiry: 30 })
 * // => decode({ timeouts: { attempt: "30 seconds" }, retry: { times: 3 }, transport: { keepAlive: "30 seconds" } })
 * ```
 */
export const HttpPolicyData = Schema.Struct({ ...Unchecked.fields, ...Flat.policyKeys, ...Flat.poolKeys }).pipe(
  Schema.decodeTo(
    Checked,
    SchemaTransformation.transformEffect({
      decode: (data) =>
        unless(Flat.policyConflict(data) ?? Flat.poolConflict(data, data.transport), () => {
          const pool = Flat.poolParts(data)
          return Flat.withoutFlat({
            ...data,
            ...Flat.policyParts(data),
            ...(Object.keys(pool).length > 0 && { transport: { ...data.transport, ...pool } })
          })
        }),
      encode: (data) => Effect.succeed(data)
    })
  )
)

/**
 * Decodes settings. Rejects invalid ones, and reports the path and the reason of each.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData } from "@holdfast/http"
 * import { Effect } from "effect"
 *
 * const refused = HttpPolicyData.decode({ timeouts: { total: 10, attempt: "1 minute" } }).pipe(Effect.flip)
 *
 * const { message } = await Effect.runPromise(refused)
 * message // => 'timeouts.attempt must not be longer than timeouts.total (10s), got 1m\n  at ["timeouts"]["attempt"]'
 * ```
 */
export const decode = (input: unknown): Effect.Effect<HttpPolicyData, Schema.SchemaError> =>
  Schema.decodeUnknownEffect(HttpPolicyData)(input, { onExcessProperty: "error", errors: "all" })

/**
 * Turns the data into the options of `ResilientHttpClient`. The pool's options stay in `data.transport`, for
 * `UndiciTransport.layer`.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData } from "@holdfast/http"
 * import { Effect } from "effect"
 *
 * const data = Effect.runSync(HttpPolicyData.decode({ max_retries: 2, max_connections: 50 }))
 * HttpPolicyData.toOptions(data) // => { retry: { times: 2 } }
 * data.transport // => { connections: 50 }
 * ```
 */
export const toOptions = ({ endpoints, ...data }: HttpPolicyData): HttpPolicy.Options => ({
  ...toParts(Struct.omit(data, ["transport"])),
  ...(endpoints !== undefined && {
    endpoints: Object.fromEntries(
      Object.entries(endpoints).map(([name, endpoint]): [string, HttpPolicy.Endpoint] => {
        const retry = retryOver(data.retry, endpoint.retry)
        return [name, toParts({ ...endpoint, ...(retry !== undefined && { retry }) })]
      })
    )
  })
})

type PartsData = Pick<HttpPolicyData, "circuitBreaker" | "hedge" | "retry">

/** Converts the parts whose data differs from their options, and leaves the rest unchanged. */
const toParts = <D extends PartsData>({ circuitBreaker, hedge, retry, ...rest }: D) => {
  const made = PolicyData.toOptions({ ...(retry && { retry }), ...(circuitBreaker && { circuitBreaker }) })
  return {
    ...rest,
    ...(retry !== undefined && { retry: retry && given({ ...made.retry }) }),
    ...(circuitBreaker !== undefined && { circuitBreaker: circuitBreaker && given({ ...made.circuitBreaker }) }),
    ...(hedge !== undefined && { hedge: hedge && toHedge(hedge) })
  }
}

const given = <A extends object>(options: A): A =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

/** Overlays one retry on another; the backoff is merged key by key if both have the same type. */
const retryOver = (base: HttpPolicyData["retry"], over: HttpPolicyData["retry"]): HttpPolicyData["retry"] =>
  !base || !over || over.backoff === undefined || base.backoff?.type !== over.backoff.type
    ? over
    : { ...over, backoff: { ...base.backoff, ...over.backoff } as PolicyData.BackoffData }

/**
 * Overlays one set of options on another, such as one provider's on the defaults: `retry`, its backoff, `timeouts` and
 * `transport` are merged key by key, the rest is replaced whole. Fails as {@link decode} does if the result is invalid.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData } from "@holdfast/http"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const http = yield* HttpPolicyData.decode({ timeout: 30, max_retries: 3, initial_retry_delay: 1 })
 *   const openai = yield* HttpPolicyData.decode({ timeout: 60, max_retry_delay: 8 })
 *   return yield* HttpPolicyData.merge(http, openai)
 * })
 * const both = HttpPolicyData.decode({ timeout: 60, max_retries: 3, initial_retry_delay: 1, max_retry_delay: 8 })
 *
 * await Effect.runPromise(program) // => await Effect.runPromise(both)
 * ```
 */
export const merge: {
  (over: HttpPolicyData): (self: HttpPolicyData) => Effect.Effect<HttpPolicyData, Schema.SchemaError>
  (self: HttpPolicyData, over: HttpPolicyData): Effect.Effect<HttpPolicyData, Schema.SchemaError>
} = dual(2, (self: HttpPolicyData, over: HttpPolicyData) => {
  const retry = over.retry === undefined
    ? self.retry
    : over.retry && { ...self.retry, ...retryOver(self.retry, over.retry) }
  return Schema.decodeEffect(Checked)({
    ...self,
    ...over,
    ...(retry !== undefined && { retry }),
    ...((self.timeouts ?? over.timeouts) && { timeouts: { ...self.timeouts, ...over.timeouts } }),
    ...((self.transport ?? over.transport) && { transport: { ...self.transport, ...over.transport } })
  }, { errors: "all" })
})

type Path = string | ConfigProvider.Path

/**
 * Reads the data from `Config`, under a path. For an environment with its names in capitals use
 * `ConfigProvider.constantCase`: under `"http"`, both `HTTP_RETRY_TIMES` and `HTTP_MAX_RETRIES` are `retry.times`.
 * Fails with a `ConfigError` that names the path.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData } from "@holdfast/http"
 * import { ConfigProvider, Duration, Effect } from "effect"
 *
 * const env = ConfigProvider.fromEnv({ env: { APP_HTTP_TIMEOUTS_TOTAL: "30 seconds", APP_HTTP_MAX_RETRIES: "2" } })
 * const config = HttpPolicyData.config(["app", "http"])
 *
 * await Effect.runPromise(config.parse(env.pipe(ConfigProvider.constantCase)))
 * // => { timeouts: { total: Duration.seconds(30) }, retry: { times: 2 } }
 * ```
 */
export const config = (path?: Path): Config.Config<HttpPolicyData> =>
  Config.withDefault(Config.schema(HttpPolicyData, path), {})

/**
 * Reads the options of `ResilientHttpClient.layerConfig` from `Config`, under a path: every one that is data, and
 * `bearer`.
 */
export const options = (path?: Path): Config.Config<HttpPolicy.Options> =>
  Config.map(
    Config.all({ data: config(path), bearer: Config.option(under(Config.Redacted("bearer"), path)) }),
    ({ bearer, data }) => ({ ...toOptions(data), ...(Option.isSome(bearer) && { bearer: bearer.value }) })
  )

/** The pool's options, those of `UndiciTransport` that are data. */
export type TransportData = typeof TransportData.Type

/** Reads the pool's options from `Config`, for `UndiciTransport.layerConfig`, under the same path. */
export const transport = (path?: Path): Config.Config<TransportData> =>
  Config.map(config(path), (data) => data.transport ?? {})

const under = <A>(config: Config.Config<A>, path: Path = []): Config.Config<A> =>
  typeof path === "string"
    ? Config.nested(config, path)
    : path.reduceRight<Config.Config<A>>((config, segment) => Config.nested(config, String(segment)), config)
