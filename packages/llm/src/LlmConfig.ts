/**
 * A chain as data: the `llm:` section of a configuration file, YAML or JSON, decoded by one schema.
 *
 * **When to use**
 *
 * Use it to set providers, models, retries and timeouts without a new release. `LlmConfigFile` reads it from YAML or JSON.
 *
 * **Details**
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
 * **Gotchas**
 *
 * Invalid settings are rejected, all of them at once, with path and reason: an unknown key, a retry around a retry, a hedge
 * under `http`. API keys are secrets: a file names the variables that have them.
 *
 * **Example**
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
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Struct from "effect/Struct"
import type { Options, Treatment } from "./internal/compile/options.ts"
import { below } from "./internal/config/below.ts"
import { answerOptions } from "./internal/config/data/answers.ts"
import { membersOf } from "./internal/config/data/pools.ts"
import { faultsOf, over } from "./internal/config/faults.ts"
import type { Name } from "./internal/config/registry.ts"
import { names, servers } from "./internal/config/registry.ts"
import type { Http } from "./internal/config/schema.ts"
import { File, LlmConfig } from "./internal/config/schema.ts"

export { LlmConfig } from "./internal/config/schema.ts"

/**
 * Decodes a file's value. The error has every invalid setting, with its path and the reason.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig } from "@holdfast/llm"
 * import { Effect } from "effect"
 *
 * const refused = LlmConfig.decode({ llm: { providers: { openai: { timeout: 60.0, hedge: { after: 1 } } } } })
 *
 * const { message } = await Effect.runPromise(Effect.flip(refused))
 * message.includes("hedge has no meaning here: a chain asks another provider beside one that is late") // => true
 * ```
 */
export const decode = (input: unknown): Effect.Effect<LlmConfig, Schema.SchemaError> =>
  Effect.suspend(() => {
    const [first, ...rest] = faultsOf(input)
    return first === undefined
      ? Effect.map(Schema.decodeUnknownEffect(File)(input, { onExcessProperty: "error", errors: "all" }), (file) =>
        file.llm ?? {})
      : Effect.fail(new Schema.SchemaError(new SchemaIssue.Composite(File.ast, [first, ...rest])))
  })

// -----------------------------------------------------------------------------
// What it means
// -----------------------------------------------------------------------------

/** The treatment of a provider by its settings, with the timeouts of its location. */
const treatment = (
  { bulkhead, retry }: Http,
  attempt: Duration.Duration | false | undefined
): Omit<Treatment, "cooldown"> => {
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

const overrideOf = (config: LlmConfig, name: Name): Effect.Effect<Treatment, Schema.SchemaError> =>
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
): Effect.Effect<Omit<Options, "providers">, Schema.SchemaError> =>
  Effect.gen(function*() {
    const http = config.http ?? {}
    const total = http.timeouts?.total
    const budget = http.retry ? http.retry.budget : undefined
    const overrides: Record<string, Treatment> = {}
    for (const name of names) {
      if (config.providers?.[name] === undefined) continue
      overrides[name] = yield* overrideOf(config, name)
      // The members of pools are treated as their server is.
      for (const { data, name: member } of membersOf(config.pools)) {
        if (data.provider === name) overrides[member] = overrides[name]
      }
    }
    return {
      ...treatment(http, http.timeouts?.attempt),
      ...(total && { deadline: total }),
      ...(budget !== undefined && { retryBudget: budget }),
      ...(config.cooldown !== undefined && { cooldown: config.cooldown }),
      ...(config.store?.name !== undefined && { name: config.store.name }),
      ...answerOptions(config),
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
    below(config)
  )
