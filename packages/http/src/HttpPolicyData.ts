/**
 * Policies for HTTP as data: one schema for the client and its pool, in a configuration file or the environment.
 *
 * **When to use**
 *
 * Use it for clients that operators configure: {@link decode} the settings and turn them into options with
 * {@link toOptions}, or read the options from `Config` with {@link options}.
 *
 * **Details**
 *
 * Equal settings in YAML, JSON and `Config` decode to the same value. The keys are those of `HttpPolicy.Options`, and
 * under `transport` those of `UndiciTransport.Options`. Durations are written as `"30 seconds"` or as a number of
 * seconds. Flat keys, common in other clients, work too: `timeout` (of one attempt), `max_retries`,
 * `initial_retry_delay`, `max_retry_delay`, `retry_multiplier`, `retry_jitter`, `max_connections`,
 * `max_keepalive_connections` and `keepalive_expiry`.
 *
 * Invalid settings are rejected with path and reason: an unknown key, an attempt timeout above the total, a retry
 * around a retry, a hedge around requests that are unsafe to repeat, an invalid pool.
 *
 * **Gotchas**
 *
 * Options that are not data, such as a predicate, come from the program: spread the decoded options and add them. Keep
 * secrets out of the file: {@link options} reads `bearer` from `Config`.
 *
 * **Example**
 *
 * See {@link decode} and {@link config}.
 */
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as HttpPolicy from "./HttpPolicy.ts"
import * as Convert from "./internal/config/convert.ts"
import { Checked, decodeWith } from "./internal/config/faults.ts"
import { type Settings, type TransportData as Transport, withFlatKeys } from "./internal/config/schema.ts"

/** The decoded settings of a file. */
export type HttpPolicyData = typeof Settings.Type

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
export const HttpPolicyData = withFlatKeys(Checked)

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
 * message.split("\n")[0] // => "must not be longer than timeouts.total (10000 millis), got 60000 millis"
 * message.split("\n")[1] // => '  at ["timeouts"]["attempt"]'
 * ```
 */
export const decode: (input: unknown) => Effect.Effect<HttpPolicyData, Schema.SchemaError> = decodeWith(HttpPolicyData)

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
export const toOptions: (data: HttpPolicyData) => HttpPolicy.Options = Convert.toOptions

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
    : over.retry && { ...self.retry, ...Convert.retryOver(self.retry, over.retry) }
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
export type TransportData = typeof Transport.Type

/** Reads the pool's options from `Config`, for `UndiciTransport.layerConfig`, under the same path. */
export const transport = (path?: Path): Config.Config<TransportData> =>
  Config.map(config(path), (data) => data.transport ?? {})

const under = <A>(config: Config.Config<A>, path: Path = []): Config.Config<A> =>
  typeof path === "string"
    ? Config.nested(config, path)
    : path.reduceRight<Config.Config<A>>((config, segment) => Config.nested(config, String(segment)), config)
