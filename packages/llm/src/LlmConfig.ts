/**
 * A chain as data: the `llm:` section of a configuration file, YAML or JSON, decoded by one schema.
 *
 * `http` sets how all providers are called, in the keys of `HttpPolicyData` or in common flat keys (`timeout`, `max_retries`,
 * `max_connections`). `providers.<name>` overrides it for one provider. Retries, timeouts and the bulkhead are the chain's: it
 * is the one place that retries, its timeouts are those of a model, and a slot in the bulkhead is held until a stream has been
 * read. The provider's own client gets the rest: headers, rate limit and breaker. The other keys match environment variables,
 * which win over the file.
 *
 * - `timeout` limits three times of a cloud provider: to its first content, between two chunks, and to a whole answer. It does
 *   not apply to local providers, which may have to load a model: set theirs under `providers`, or keep the defaults.
 * - `timeouts.total` of `http` is the deadline of a whole request.
 *
 * Invalid settings are rejected with path and reason: an unknown key, a retry around a retry, a hedge, which would pay for a
 * request twice. API keys are secrets: keep them out of the file.
 *
 * ```yaml
 * llm:
 *   provider_priority: [openai, ollama]
 *   http: { timeout: 30.0, max_retries: 3, initial_retry_delay: 1.0, max_retry_delay: 16.0, max_connections: 100 }
 *   providers:
 *     openai: { timeout: 60.0 }
 * ```
 */
import * as PolicyData from "@holdfast/core/PolicyData"
import type { Options as HttpOptions } from "@holdfast/http/HttpPolicy"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rec from "effect/Record"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import type { Name } from "./internal/config/registry.ts"
import { names, servers } from "./internal/config/registry.ts"
import type * as ProviderChain from "./ProviderChain.ts"
import { Price } from "./Usage.ts"

const key = Schema.optionalKey

/** A duration: `"30 seconds"`, or a number of seconds. */
const Time = PolicyData.PolicyData.fields.deadline.schema

type Http = HttpPolicyData.HttpPolicyData

// -----------------------------------------------------------------------------
// What a chain has no use for
// -----------------------------------------------------------------------------

const ownUrl = "a provider has a URL of its own: say it under base_urls"
const noRepeat = "a chain decides by the provider's failure what is repeated"

/** The keys of HTTP that have no meaning for a chain, with the reason. */
const strangers: { readonly [K in keyof Http]?: string } = {
  hedge: "a second request to a model costs as much as the first, and may call its tools twice",
  endpoints: "a provider has one endpoint",
  baseUrl: ownUrl,
  name: "the provider's name is its policy's",
  retryOn: noRepeat,
  idempotencyKey: noRepeat,
  idempotent: noRepeat,
  streamBody: noRepeat,
  commit: noRepeat
}

const faults = (http: Http) => [
  ...Object.entries(strangers).flatMap(([name, reason]) => {
    const value = http[name as keyof Http]
    return value === undefined || value === false
      ? []
      : [{ path: [name], issue: `${name} has no meaning here: ${reason}` }]
  }),
  ...(http.retry && http.retry.onTimeout !== undefined
    ? [{ path: ["retry", "onTimeout"], issue: `retry.onTimeout has no meaning here: ${noRepeat}` }]
    : []),
  ...(http.retry && http.retry.retryAfter?.mode !== undefined && http.retry.retryAfter.mode !== "giveUp"
    ? [{
      path: ["retry", "retryAfter", "mode"],
      issue: "a chain asks the next provider where a Retry-After is longer than max: say giveUp, or leave it out"
    }]
    : [])
]

const HttpData = HttpPolicyData.HttpPolicyData.check(Schema.makeFilter((http: Http) => faults(http)))

/** One deadline and one budget are over all providers. */
const ProviderData = HttpData.check(Schema.makeFilter((http: Http) => [
  ...(http.timeouts?.total === undefined
    ? []
    : [{ path: ["timeouts", "total"], issue: "one deadline is over all providers: say it under http" }]),
  ...(!http.retry || http.retry.budget === undefined
    ? []
    : [{ path: ["retry", "budget"], issue: "one budget is over all providers: say it under http" }])
]))

// -----------------------------------------------------------------------------
// Schema
// -----------------------------------------------------------------------------

const byName = <S extends Schema.Constraint>(schema: S) => Schema.Struct(Rec.map(servers, () => key(schema)))

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** The settings under `llm:`. */
export const LlmConfig = Schema.Struct({
  /** How all providers are called. */
  http: key(HttpData),
  /** Overrides of `http`, by provider. */
  providers: key(byName(ProviderData)),
  /** As `OPENAI_MODEL` and the like. */
  models: key(byName(Schema.NonEmptyString)),
  /** As `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL` and `OLLAMA_HOST`. */
  base_urls: key(byName(Schema.NonEmptyString)),
  /** As `PROVIDER_PRIORITY`. */
  provider_priority: key(Schema.NonEmptyArray(Schema.Literals(names))),
  /** As `LLM_RETRY_*`. */
  retry: key(Schema.Struct({
    attempts: key(count),
    min_wait: key(Time),
    max_wait: key(Time),
    multiplier: key(Schema.Finite.check(Schema.isGreaterThan(0)))
  })),
  /** As `CONNECTIVITY_*`. */
  connectivity: key(Schema.Struct({ check_url: key(Schema.NonEmptyString), timeout_ms: key(count) })),
  /** As `LLM_MAX_TOOL_ITERATIONS`. */
  max_tool_iterations: key(count),
  /** As `LLM_PRICES`. */
  prices: key(Schema.Record(Schema.String, Price)),
  /** As `cooldown` of `ProviderChain.Options`. */
  cooldown: key(Time)
}).check(Schema.makeFilter(({ http, retry }) =>
  retry !== undefined && http?.retry !== undefined
    ? { path: ["retry"], issue: "retry beside the retries of http is a retry around a retry: say one of them" }
    : undefined
))
export type LlmConfig = typeof LlmConfig.Type

const File = Schema.Struct({ llm: key(LlmConfig) })

/** Overlays one provider's settings on those of all. */
const over = (config: LlmConfig, name: Name): Effect.Effect<Http, Schema.SchemaError> => {
  const own = config.providers?.[name]
  return own === undefined ? Effect.succeed(config.http ?? {}) : HttpPolicyData.merge(config.http ?? {}, own)
}

const at = (path: ReadonlyArray<string>) => (error: Schema.SchemaError) =>
  new Schema.SchemaError(new SchemaIssue.Pointer(path, error.issue))

/**
 * Decodes a file's value. Rejects invalid settings and reports the path and the reason.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig } from "@holdfast/llm"
 * import { Effect } from "effect"
 *
 * const refused = LlmConfig.decode({ llm: { providers: { openai: { timeout: 60.0, hedge: { after: 1 } } } } })
 *
 * const { message } = await Effect.runPromise(Effect.flip(refused))
 * message.includes("hedge has no meaning here: a second request to a model costs as much as the first") // => true
 * ```
 */
export const decode = (input: unknown): Effect.Effect<LlmConfig, Schema.SchemaError> =>
  Effect.gen(function*() {
    const file = yield* Schema.decodeUnknownEffect(File)(input, { onExcessProperty: "error", errors: "all" })
    const config = file.llm ?? {}
    // Settings that are valid alone may be invalid on top of those of all providers.
    for (const name of names) yield* Effect.mapError(over(config, name), at(["llm", "providers", name]))
    return config
  })

// -----------------------------------------------------------------------------
// What it means
// -----------------------------------------------------------------------------

/** The treatment of a provider by its settings, with the timeouts of its location. */
const treatment = (
  { bulkhead, retry }: Http,
  attempt: Duration.Duration | false | undefined
): Omit<ProviderChain.Treatment, "cooldown"> => {
  const options = retry && PolicyData.toOptions({ retry }).retry
  const maxRetryAfter = retry ? retry.retryAfter?.max : undefined
  return {
    ...(retry === false && { retry: false }),
    ...(options && {
      retry: {
        ...(options.times !== undefined && { times: options.times }),
        ...(options.backoff !== undefined && { backoff: options.backoff }),
        ...(options.maxElapsed !== undefined && { maxElapsed: options.maxElapsed }),
        ...(maxRetryAfter !== undefined && { maxRetryAfter })
      }
    }),
    ...(attempt !== undefined && {
      timeouts: attempt && { firstContent: attempt, betweenChunks: attempt, answer: attempt }
    }),
    ...(bulkhead && { bulkhead })
  }
}

const overrideOf = (config: LlmConfig, name: Name): Effect.Effect<ProviderChain.Treatment, Schema.SchemaError> =>
  Effect.map(over(config, name), (http) => {
    const own = config.providers?.[name]
    return treatment(http, (servers[name].location === "local" ? own : http)?.timeouts?.attempt)
  })

/**
 * The options of a chain. `overrides` has the providers that have settings of their own.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig } from "@holdfast/llm"
 * import { Duration, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({ llm: { http: { timeout: 30.0 }, providers: { openai: { max_retries: 5 } } } })
 *   return yield* LlmConfig.toOptions(config)
 * })
 *
 * const { overrides, timeouts } = await Effect.runPromise(program)
 * timeouts // => { firstContent: Duration.seconds(30), betweenChunks: Duration.seconds(30), answer: Duration.seconds(30) }
 * overrides?.["openai"]?.retry // => { times: 5 }
 * ```
 */
export const toOptions = (
  config: LlmConfig
): Effect.Effect<Omit<ProviderChain.Options, "providers">, Schema.SchemaError> =>
  Effect.gen(function*() {
    const http = config.http ?? {}
    const total = http.timeouts?.total
    const budget = http.retry ? http.retry.budget : undefined
    const overrides: Record<string, ProviderChain.Treatment> = {}
    for (const name of names) {
      if (config.providers?.[name] !== undefined) overrides[name] = yield* overrideOf(config, name)
    }
    return {
      ...treatment(http, http.timeouts?.attempt),
      ...(total && { deadline: total }),
      ...(budget !== undefined && { retryBudget: budget }),
      ...(config.cooldown !== undefined && { cooldown: config.cooldown }),
      ...(Object.keys(overrides).length > 0 && { overrides })
    }
  })

/** The options of a provider's own client. It neither retries nor queues: the chain does. */
export const clientOptions = (config: LlmConfig, name: Name): Effect.Effect<HttpOptions, Schema.SchemaError> =>
  Effect.map(
    over(config, name),
    (http) => HttpPolicyData.toOptions(Struct.omit(http, ["bulkhead", "retry", "timeouts", "transport"]))
  )

/**
 * The options of the connection pool, for `UndiciTransport.layer`: those of all providers, or of one.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig } from "@holdfast/llm"
 * import { Effect } from "effect"
 *
 * const config = await Effect.runPromise(
 *   LlmConfig.decode({ llm: { http: { max_connections: 100 }, providers: { ollama: { max_connections: 2 } } } })
 * )
 * LlmConfig.transport(config) // => { connections: 100 }
 * LlmConfig.transport(config, "ollama") // => { connections: 2 }
 * ```
 */
export const transport = (config: LlmConfig, name?: Name): HttpPolicyData.TransportData => ({
  ...config.http?.transport,
  ...(name !== undefined && config.providers?.[name]?.transport)
})

// -----------------------------------------------------------------------------
// Beside the environment
// -----------------------------------------------------------------------------

/** The file in force. Default: an empty one. */
export const Current: Context.Reference<LlmConfig> = Context.Reference<LlmConfig>("@holdfast/llm/LlmConfig/Current", {
  defaultValue: () => ({})
})

const seconds = (duration: Duration.Duration | undefined): string | undefined =>
  duration === undefined ? undefined : `${Duration.toSeconds(duration)}`

/** The file's settings by their environment variables. */
const settingsOf = (
  { base_urls, connectivity, max_tool_iterations, models, prices, provider_priority, retry }: LlmConfig
) => {
  const settings: Readonly<Record<string, string | number | undefined>> = {
    ...Object.fromEntries(names.flatMap((name) => {
      const { address, model } = servers[name].variables
      return [[model, models?.[name]], [address, base_urls?.[name]]]
    })),
    PROVIDER_PRIORITY: provider_priority?.join(","),
    LLM_RETRY_ATTEMPTS: retry?.attempts,
    LLM_RETRY_MIN_WAIT: seconds(retry?.min_wait),
    LLM_RETRY_MAX_WAIT: seconds(retry?.max_wait),
    LLM_RETRY_MULTIPLIER: retry?.multiplier,
    CONNECTIVITY_CHECK_URL: connectivity?.check_url,
    CONNECTIVITY_TIMEOUT_MS: connectivity?.timeout_ms,
    LLM_MAX_TOOL_ITERATIONS: max_tool_iterations,
    LLM_PRICES: prices === undefined ? undefined : JSON.stringify(prices)
  }
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => value === undefined ? [] : [[name, `${value}`]])
  )
}

/** Reads the environment first, and the file where a variable is missing or blank. */
const below = (file: ConfigProvider.ConfigProvider): Layer.Layer<never> =>
  Layer.effect(
    ConfigProvider.ConfigProvider,
    Effect.map(ConfigProvider.ConfigProvider, (environment) =>
      ConfigProvider.make((path) =>
        Effect.filterOrElse(
          environment.load(path),
          (node) => node?.value !== undefined && node.value.trim() !== "",
          (node) => Effect.map(file.load(path), (said) => said ?? node)
        )
      ))
  )

/**
 * Provides the file's settings as defaults below the environment, where a blank variable counts as not set, to the layers above:
 * `ProviderChain.layerConfig`, `ChatService.layerConfig`, `Usage.layerConfig` and `Connectivity.layerConfig`.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig, ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({ llm: { provider_priority: ["ollama", "openai"] } })
 *   return yield* Effect.provide(ProviderChain.selection, LlmConfig.layer(config))
 * }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-..." }))))
 *
 * const choices = await Effect.runPromise(program)
 * choices.filter((choice) => choice.chosen).map((choice) => choice.provider) // => ["ollama", "openai"]
 * ```
 */
export const layer = (config: LlmConfig): Layer.Layer<never> =>
  Layer.merge(
    Layer.succeed(Current, config),
    below(ConfigProvider.fromUnknown(settingsOf(config)))
  )
