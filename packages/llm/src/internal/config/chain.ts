/**
 * A chain as the environment and the file in force describe it: its providers, each with its client, and its options.
 *
 * Guarded by `test/config/selection.test.ts`, `test/config/settings.test.ts` and `test/config/pools.test.ts`.
 */
import type { Quantile } from "@holdfast/core/Hedge"
import type * as Policy from "@holdfast/core/Policy"
import type * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AnthropicProvider from "../../AnthropicProvider.ts"
import * as GeminiProvider from "../../GeminiProvider.ts"
import * as LlmConfig from "../../LlmConfig.ts"
import * as OllamaProvider from "../../OllamaProvider.ts"
import * as OpenAiProvider from "../../OpenAiProvider.ts"
import * as OpenAiResponsesProvider from "../../OpenAiResponsesProvider.ts"
import type { Parameters } from "../../Parameters.ts"
import * as Pool from "../../Pool.ts"
import type { Provider } from "../../Provider.ts"
import * as Compile from "../compile/compile.ts"
import type { Options, ProgramOptions, Treatment } from "../compile/options.ts"
import { asMember } from "./below.ts"
import type { Transport } from "./client.ts"
import { orConfigError, overClient } from "./client.ts"
import { overrideFor } from "./data/overrides.ts"
import type { NamedMember } from "./data/pools.ts"
import { membersOf } from "./data/pools.ts"
import * as Setting from "./environment.ts"
import type { Name } from "./registry.ts"
import { servers } from "./registry.ts"
import { retrySettings } from "./retrySettings.ts"
import * as Selection from "./selection.ts"

type Configurable = Effect.Effect<Provider, Config.ConfigError, HttpClient.HttpClient>

/** How a provider that settings can describe is made. */
const source = (server: Name, options: { readonly name: string }): Configurable => {
  const { protocol } = servers[server]
  switch (protocol._tag) {
    case "ChatCompletions":
      return OpenAiProvider.makeConfig({ ...options, preset: protocol.preset })
    case "Responses":
      return OpenAiResponsesProvider.makeConfig(options)
    case "Messages":
      return AnthropicProvider.makeConfig(options)
    case "Converse":
      // Its signer and its codec are loaded by those who ask it.
      return Effect.flatMap(
        Effect.promise(() => import("../../BedrockProvider.ts")),
        ({ makeConfig }) => makeConfig(options)
      )
    case "GenerateContent":
      return GeminiProvider.makeConfig(options)
    case "OllamaChat":
      return protocol.isCloud ? OllamaProvider.makeCloudConfig(options) : OllamaProvider.makeConfig(options)
  }
}

/** The member of a pool of the file that has this name. */
export const memberOf = (file: LlmConfig.LlmConfig, name: string): NamedMember | undefined =>
  membersOf(file.pools).find((member) => member.name === name)

/** A provider, or a member of a pool, over its own client. */
export const overItsClient = Effect.fnUntraced(function*(
  choice: Pick<Selection.Choice, "provider" | "server">,
  transport: Transport | undefined
) {
  const member = memberOf(yield* LlmConfig.Current, choice.provider)
  const plain = source(choice.server, { name: choice.provider })
  return yield* overClient(
    member === undefined ? plain : Effect.provide(plain, asMember(member.data)),
    choice,
    transport
  )
})

/** Those that the settings choose, in their order. Warns of who may be missed. */
export const chosen: Effect.Effect<Arr.NonEmptyReadonlyArray<Selection.Choice>, Config.ConfigError> = Effect.gen(
  function*() {
    const facts = yield* Selection.facts
    const choices = Selection.choose(facts)
    for (const { advice, because, provider } of Selection.missed(facts, choices)) {
      yield* Effect.logWarning(`The provider "${provider}" is left out: ${because}. ${advice ?? ""}`)
    }
    const [first, ...rest] = choices.filter((choice) => choice.chosen)
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
    Effect.forEach((choice) => overItsClient(choice, transport))
  )

/** The providers as a chain asks them: the members of a pool together, in the place of its first. */
export const sources = Effect.fnUntraced(function*(
  providers: Arr.NonEmptyReadonlyArray<Provider>,
  previous: ReadonlyArray<Provider | Pool.Pool> = []
): Effect.fn.Return<Arr.NonEmptyReadonlyArray<Provider | Pool.Pool>> {
  const file = yield* LlmConfig.Current
  const placed = new Set<string>()
  const before = previous.filter(Pool.isPool)
  const made: Array<Provider | Pool.Pool> = []
  for (const provider of providers) {
    const pool = memberOf(file, provider.name)?.pool
    if (pool === undefined) made.push(provider)
    else if (!placed.has(pool)) {
      placed.add(pool)
      const options = poolOptions(file, pool, providers)
      if (options !== undefined) made.push(yield* Pool.makeFrom(before, options))
    }
  }
  const [first = providers[0], ...rest] = made
  return [first, ...rest]
})

/** The options of a pool of the file, of those of its members that are there. */
const poolOptions = (
  { pools }: LlmConfig.LlmConfig,
  name: string,
  providers: ReadonlyArray<Provider>
): Pool.Options | undefined => {
  const { half_life: halfLife, strategy, warm_up: warmUp } = pools?.[name] ?? {}
  const [first, ...rest] = membersOf(pools).flatMap(({ data, name: member, pool }): ReadonlyArray<Pool.Member> => {
    const provider = pool === name ? providers.find((provider) => provider.name === member) : undefined
    const limits = { requestsPerMinute: data.requests_per_minute, tokensPerMinute: data.tokens_per_minute }
    return provider === undefined ? [] : [{ provider, weight: data.weight, price: data.price, limits }]
  })
  return first === undefined ? undefined : { strategy, warmUp, halfLife, members: [first, ...rest] }
}

/** The environment wins over the file, and the file over the program. */
export const options = Effect.fnUntraced(function*(
  program: Omit<Options, "providers">,
  providers: ReadonlyArray<Pick<Provider, "name" | "model"> & { readonly server?: Name }>
): Effect.fn.Return<Omit<Options, "providers">, Config.ConfigError> {
  const settings = yield* retrySettings
  const current = yield* LlmConfig.Current
  const file = yield* orConfigError(LlmConfig.toOptions(current))
  const overSettings = (base: Treatment["retry"], over: Treatment["retry"]): Treatment["retry"] => {
    const said = over === undefined ? base : over && { ...base, ...over }
    return settings === undefined ? said : { ...said, ...settings }
  }
  const overrides: Record<string, Treatment> = { ...program.overrides }
  for (const { model, name, server } of providers) {
    const member = server === undefined ? memberOf(current, name) : undefined
    const asked = server ?? member?.data.provider ?? name
    const said = overrideFor(current, { name, model, server: asked, pool: member?.pool })
    const own = { ...file.overrides?.[server ?? name], ...said }
    if (Object.keys(own).length === 0) continue
    const before = overrides[name]
    const retry = overSettings(before?.retry, own.retry)
    const parameters = { ...before?.parameters, ...own.parameters }
    overrides[name] = {
      ...before,
      ...own,
      ...(retry !== undefined && { retry }),
      ...(Object.keys(parameters).length > 0 && { parameters })
    }
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
 * Makes one provider as `ProviderChain.layerConfig` would, chosen or not, by its name or as `ProviderChain.selection` lists it, which
 * has the members of pools as well: from its variables, over the client that the file of
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
  name: Name | Pick<Selection.Choice, "provider" | "server">,
  options?: Pick<ProgramOptions, "transport">
): Effect.Effect<Provider, Config.ConfigError, HttpClient.HttpClient | Scope.Scope> =>
  overItsClient(typeof name === "string" ? { provider: name, server: name } : name, options?.transport)

/** The model that a choice would be asked for, as far as the settings say it; empty where they don't. */
const modelOf = ({ provider, server }: Selection.Choice): Effect.Effect<string, Config.ConfigError> =>
  Effect.gen(function*() {
    const { model, variables } = servers[server]
    const own = memberOf(yield* LlmConfig.Current, provider)?.data.model
    return own ?? Option.getOrUndefined(yield* Setting.text(variables.model)) ?? model ?? ""
  })

/** How `ProviderChain.layerConfig` would treat a provider. */
export interface Treated extends Selection.Choice {
  /** What bounds a whole answer, and what is repeated. */
  readonly policy: Policy.Description
  /** How long an attempt at a stream may take to its first content; `undefined` for any time. */
  readonly firstContent: Duration.Duration | undefined
  /** How long it may be silent in the middle of a stream; `undefined` for any time. */
  readonly betweenChunks: Duration.Duration | undefined
  /** How long it is skipped after it failed. */
  readonly cooldown: Duration.Duration
  /** When another provider is asked beside it, and for how many of them a request; `undefined` for never. */
  readonly hedge: { readonly after: Duration.Duration | Quantile; readonly max: number } | undefined
  /** How many times it is asked to repair an answer that does not follow its schema. */
  readonly repairs: number
  /** The parameters of its requests. */
  readonly parameters: Parameters
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
  const asked = yield* Effect.forEach(
    choices,
    (choice) => Effect.map(modelOf(choice), (model) => ({ name: choice.provider, model }))
  )
  const said = yield* options({}, asked)
  return yield* Effect.forEach(choices, (choice) =>
    Effect.map(
      Setting.make(() => Compile.describe(said, { name: choice.provider, location: choice.location })),
      (treated) => ({ ...choice, ...treated })
    ))
})
