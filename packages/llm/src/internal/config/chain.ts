/**
 * A chain as the environment and the file in force describe it: its providers, each with its client, and its options.
 *
 * Guarded by `test/config/selection.test.ts` and `test/config/settings.test.ts`.
 */
import type * as Policy from "@holdfast/core/Policy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Rec from "effect/Record"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as AnthropicProvider from "../../AnthropicProvider.ts"
import * as GeminiProvider from "../../GeminiProvider.ts"
import * as LlmConfig from "../../LlmConfig.ts"
import * as OllamaProvider from "../../OllamaProvider.ts"
import * as OpenAiProvider from "../../OpenAiProvider.ts"
import * as OpenAiResponsesProvider from "../../OpenAiResponsesProvider.ts"
import type { Provider } from "../../Provider.ts"
import * as Compile from "../compile/compile.ts"
import type { Options, ProgramOptions, Treatment } from "../compile/options.ts"
import * as Setting from "./environment.ts"
import type { Name } from "./registry.ts"
import { servers } from "./registry.ts"
import { retrySettings } from "./retrySettings.ts"
import * as Selection from "./selection.ts"

type Configurable = Effect.Effect<Provider, Config.ConfigError, HttpClient.HttpClient>

/** How each provider that settings can describe is made. */
const sources: Readonly<Record<Name, Configurable>> = Rec.map(servers, ({ protocol }) => {
  switch (protocol._tag) {
    case "ChatCompletions":
      return OpenAiProvider.makeConfig({ preset: protocol.preset })
    case "Responses":
      return OpenAiResponsesProvider.makeConfig()
    case "Messages":
      return AnthropicProvider.makeConfig()
    case "Converse":
      // Its signer and its codec are loaded by those who ask it.
      return Effect.flatMap(Effect.promise(() => import("../../BedrockProvider.ts")), ({ makeConfig }) => makeConfig())
    case "GenerateContent":
      return GeminiProvider.makeConfig()
    case "OllamaChat":
      return protocol.isCloud ? OllamaProvider.makeCloudConfig() : OllamaProvider.makeConfig()
  }
})

type Transport = NonNullable<ProgramOptions["transport"]>

const orConfigError = <A, R>(self: Effect.Effect<A, Schema.SchemaError, R>): Effect.Effect<A, Config.ConfigError, R> =>
  Effect.mapError(self, (error) => Setting.fail(error.message, error))

/** A provider over a client, and where a file says so a pool, of its own. */
export const overItsClient = Effect.fnUntraced(function*(
  name: Name,
  transport: Transport | undefined
) {
  const file = yield* LlmConfig.Current
  const options = yield* orConfigError(LlmConfig.clientOptions(file, name))
  const client = Object.keys(options).length === 0
    ? sources[name]
    : Effect.provide(sources[name], ResilientHttpClient.layer({ ...options, name: `llm.${name}`, retry: false }))
  if (file.providers?.[name]?.transport === undefined) return yield* client
  if (transport === undefined) {
    return yield* Effect.fail(
      Setting.fail(
        `llm.providers.${name} describes a pool of its own. Give ProviderChain.layerConfig what makes one: ` +
          "{ transport: UndiciTransport.layer }"
      )
    )
  }
  return yield* Effect.provide(client, yield* Layer.build(transport(LlmConfig.transport(file, name))))
})

/** The names of those that the settings choose, in their order. Warns of who may be missed. */
export const chosen: Effect.Effect<Arr.NonEmptyReadonlyArray<Name>, Config.ConfigError> = Effect.gen(
  function*() {
    const facts = yield* Selection.facts
    const choices = Selection.choose(facts)
    for (const { advice, because, provider } of Selection.missed(facts, choices)) {
      yield* Effect.logWarning(`The provider "${provider}" is left out: ${because}. ${advice ?? ""}`)
    }
    const [first, ...rest] = choices.filter((choice) => choice.chosen).map(({ provider }) => provider)
    return first === undefined ? yield* Effect.fail(Selection.noneConfigured(choices)) : [first, ...rest]
  }
)

/** The providers that the settings choose, in their order. */
export const providers = (
  transport: Transport | undefined
): Effect.Effect<
  Arr.NonEmptyReadonlyArray<Provider>,
  Config.ConfigError,
  HttpClient.HttpClient | Scope.Scope
> =>
  Effect.flatMap(
    chosen,
    Effect.forEach((name) => overItsClient(name, transport))
  )

/** The environment wins over the file, and the file over the program. */
export const options = Effect.fnUntraced(function*(
  program: Omit<Options, "providers">,
  providers: ReadonlyArray<Pick<Provider, "name">>
): Effect.fn.Return<Omit<Options, "providers">, Config.ConfigError> {
  const settings = yield* retrySettings
  const file = yield* orConfigError(LlmConfig.toOptions(yield* LlmConfig.Current))
  const overSettings = (base: Treatment["retry"], over: Treatment["retry"]): Treatment["retry"] => {
    const said = over === undefined ? base : over && { ...base, ...over }
    return settings === undefined ? said : { ...said, ...settings }
  }
  const overrides: Record<string, Treatment> = { ...program.overrides }
  for (const { name } of providers) {
    const own = file.overrides?.[name]
    if (own === undefined) continue
    const before = overrides[name]
    const retry = overSettings(before?.retry, own.retry)
    overrides[name] = { ...before, ...own, ...(retry !== undefined && { retry }) }
  }
  return { ...program, ...file, retry: overSettings(program.retry, file.retry), overrides }
})

/**
 * Makes the providers that `ProviderChain.selection` chooses, in their order, to inspect them, for example by a
 * preflight. If none is chosen, it fails with a `ConfigError` that says what to set for each. It logs a warning for a provider
 * that is left out although `PROVIDER_PRIORITY` names it or its key is set but blank.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-...", OPENAI_MODEL: "gpt-5", OLLAMA_MODEL: "qwen3" })
 * const program = ProviderChain.providersConfig.pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const providers = await Effect.runPromise(program)
 * providers.map(({ model, name }) => `${name}/${model}`) // => ["openai/gpt-5", "ollama/qwen3"]
 * ```
 */
export const providersConfig: Effect.Effect<
  Arr.NonEmptyReadonlyArray<Provider>,
  Config.ConfigError,
  HttpClient.HttpClient
> = Effect.scoped(providers(undefined))

/**
 * Makes one provider as `ProviderChain.layerConfig` would, chosen or not: from its variables, over the client that the file of
 * `LlmConfig.layer` describes. Fails with a `ConfigError` if its settings are missing or invalid.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ GROQ_API_KEY: "gsk_..." })
 * const program = Effect.scoped(ProviderChain.providerConfig("groq")).pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "openai/gpt-oss-120b"
 * ```
 */
export const providerConfig = (
  name: Name,
  options?: Pick<ProgramOptions, "transport">
): Effect.Effect<Provider, Config.ConfigError, HttpClient.HttpClient | Scope.Scope> =>
  overItsClient(name, options?.transport)

/** How `ProviderChain.layerConfig` would treat a provider. */
export interface Treated extends Selection.Choice {
  /** What bounds a whole answer, and what is repeated. */
  readonly policy: Policy.Description
  /** How long an attempt at a stream may take to its first content; `undefined` for any time. */
  readonly firstContent: Duration.Duration | undefined
  /** How long it may be silent in the middle of a stream; `undefined` for any time. */
  readonly betweenChunks: Duration.Duration | undefined
  /** How long it is left alone when it had to be given up. */
  readonly cooldown: Duration.Duration
}

/**
 * Lists every provider that the environment and the file of `LlmConfig.layer` can configure, with whether
 * `ProviderChain.layerConfig` asks it and by which policy. Sends nothing and makes no provider. Fails with a `ConfigError` if
 * the settings are invalid.
 *
 * ```ts import.meta.vitest
 * import { LlmConfig, ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const config = yield* LlmConfig.decode({ llm: { http: { max_retries: 3 } } })
 *   return yield* Effect.provide(ProviderChain.treatments, LlmConfig.layer(config))
 * }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-..." }))))
 *
 * const [first] = await Effect.runPromise(program)
 * first?.provider // => "openai"
 * first?.policy.attempts // => 4
 * ```
 */
export const treatments: Effect.Effect<ReadonlyArray<Treated>, Config.ConfigError> = Effect.gen(function*() {
  const choices = yield* Selection.selection
  const said = yield* options({}, choices.map(({ provider }) => ({ name: provider })))
  return yield* Effect.forEach(choices, (choice) =>
    Effect.map(
      Setting.make(() => Compile.describe(said, { name: choice.provider, location: choice.location })),
      (treated) => ({ ...choice, ...treated })
    ))
})
