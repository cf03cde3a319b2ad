/**
 * Providers in, one `LanguageModel` out: the providers are asked in order until one answers.
 *
 * **When to use**
 *
 * Use it wherever a program needs a model and one provider is not enough: put a local one last, so that an answer comes even when
 * every cloud is down. For one provider without retries, in a test, use {@link layerNoop}.
 *
 * **Details**
 *
 * Retry and fallback sit below the resolution of tools: one `LanguageModel.make` has hooks that walk the providers. A tool handler
 * runs once for each call, whatever happened before the answer was whole, and a tool's failure is never a provider's.
 *
 * - Nothing is seen before the commit. The first text, reasoning or tool parameters commit the request to a provider. Before that an
 *   attempt may be retried or handed on; after it a failure is `StreamInterrupted`, with the content that was seen.
 * - An end needs a proof. A stream that ends without the provider's own terminator has failed, and its tool calls never run.
 * - An answer is one provider's. {@link answeredBy} tells its name from the response.
 * - A provider that failed is skipped for its `cooldown`, and then probed by one request. While the first of three cools down, the
 *   second is asked first and the third next. If all providers of a chain are cooling down, it asks them anyway.
 * - Each provider's attempts run under a `Policy` of `@holdfast/core` named `llm.<provider>`, with its events and warnings.
 *
 * **Gotchas**
 *
 * Retry nowhere else. Give the providers a transport without retries: attempts multiply, and an HTTP client does not know what
 * `FallbackDecision` knows.
 *
 * A failure is an `AiError`: see `ChainError` for the attempts that it holds.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import type * as Arguments from "@holdfast/core/Arguments"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Budgets, layerConfig as budgetsConfig } from "./Budgets.ts"
import { Connectivity, makeConfig as connectivityConfig } from "./Connectivity.ts"
import * as Check from "./internal/compile/check.ts"
import * as Compile from "./internal/compile/compile.ts"
import type { Options, ProgramOptions, Source } from "./internal/compile/options.ts"
import * as Configured from "./internal/config/chain.ts"
import { modelOf } from "./internal/model/languageModel.ts"
import { prepareStore } from "./internal/store/configured.ts"

export type {
  HedgeOptions,
  Options,
  ProgramOptions,
  RepairOptions,
  RetryOptions,
  Source,
  Timeouts,
  Treatment
} from "./internal/compile/options.ts"

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * The check of the options, for those that are part of others.
 *
 * ```ts import.meta.vitest
 * import { Arguments } from "@holdfast/core"
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * const options = { providers: [TestProvider.script("cloud", [])], retry: { times: -1 } }
 * Arguments.faults(ProviderChain.optionsCheck, options).map(Arguments.format)
 * // => ["retry.times must be a whole number of 0 or more, got -1"]
 * ```
 */
export const optionsCheck: Arguments.Check<unknown> = Check.optionsCheck

/**
 * Makes a `LanguageModel` from providers. Dies with a `RangeError` that lists every invalid option by its path.
 */
export const make = <E = never, R = never>(
  options: Options<E, R>
): Effect.Effect<LanguageModel.LanguageModel, E, R> =>
  Effect.gen(function*() {
    Check.checkOptions(options)
    const providers = yield* Effect.forEach(
      options.providers,
      (source) => Effect.isEffect(source) ? source : Effect.succeed(source)
    )
    const entered = { chain: yield* Compile.chainOf(options, providers), leave: undefined }
    return yield* modelOf(() => entered)
  })

/**
 * The layer of a `LanguageModel` over a chain of providers.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 *
 * const cloud = TestProvider.script("cloud", [TestProvider.failure(new AiError.QuotaExhaustedError({}))])
 * const ollama = TestProvider.script("ollama", [TestProvider.text("Hello from here")], { location: "local" })
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layer({ providers: [cloud, ollama] }))
 * )
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hello from here"
 * ```
 */
export const layer = <E = never, R = never>(
  options: Options<E, R>
): Layer.Layer<LanguageModel.LanguageModel, E, R> => Layer.effect(LanguageModel.LanguageModel, make(options))

/**
 * One provider alone, without retries, timeouts or fallback. For tests, and to compare with a chain.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const flaky = TestProvider.script("cloud", [TestProvider.failure(TestProvider.disconnected), TestProvider.text("Hi")])
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.map((response) => response.text),
 *   Effect.catchReason("AiError", "NetworkError", () => Effect.succeed("not even once more")),
 *   Effect.provide(ProviderChain.layerNoop(flaky))
 * )
 *
 * await Effect.runPromise(program) // => "not even once more"
 * ```
 */
export const layerNoop = <E = never, R = never>(
  provider: Source<E, R>
): Layer.Layer<LanguageModel.LanguageModel, E, R> =>
  layer({ providers: [provider], retry: false, timeouts: false, localTimeouts: false, cooldown: 0 })

// -----------------------------------------------------------------------------
// Configuration
// -----------------------------------------------------------------------------

/**
 * The layer of a `LanguageModel` that the environment configures: OpenAI first where `OPENAI_API_KEY` (or `OPENAI_BASE_URL`)
 * is set, then Anthropic where `ANTHROPIC_API_KEY` (or `ANTHROPIC_BASE_URL`) is, then OpenRouter and Groq likewise, vLLM,
 * LM Studio and llama.cpp where `VLLM_MODEL` (or `VLLM_BASE_URL`) and the like are, Ollama last.
 * `PROVIDER_PRIORITY=ollama,openai` sets another order, or fewer providers. Their own settings are those of
 * `OpenAiProvider.makeConfig`, `AnthropicProvider.makeConfig` and `OllamaProvider.makeConfig`.
 *
 * - `LLM_RETRY_ATTEMPTS` is the number of attempts at each provider, including the first.
 * - `LLM_RETRY_MULTIPLIER`, `LLM_RETRY_MIN_WAIT` and `LLM_RETRY_MAX_WAIT` set the delays, as in tenacity:
 *   multiplier x 2^(n-1) seconds before the n-th retry, at least the minimum and at most the maximum. Durations are numbers
 *   of seconds, or `"2 minutes"`. If one of them is set, the others default to 1, 0 and 60 seconds.
 * - `CONNECTIVITY_CHECK_URL` is probed, if set, to find out whether this machine is online. See {@link Connectivity}.
 *
 * `LlmConfig.layer` below it adds the settings of a file. The environment wins over the file, and the file over `options`. Its
 * budgets are in force, unless the context has a `Budgets`. A file that describes a store needs `ChainStoreConfig.layerConfig` in the
 * context.
 *
 * If nothing is configured, it fails with a `ConfigError` that says what to set.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layerConfig()),
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({}))]),
 *   Effect.flip
 * )
 *
 * const error = await Effect.runPromise(program)
 * error.message.includes("Set OPENAI_API_KEY") // => true
 * ```
 */
export const layerConfig = (
  options?: ProgramOptions
): Layer.Layer<LanguageModel.LanguageModel, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LanguageModel.LanguageModel,
    Effect.gen(function*() {
      const { transport, ...program } = options ?? {}
      const providers = yield* Configured.providers(transport)
      const sources = yield* Configured.sources(providers)
      yield* (yield* prepareStore).swap
      const connectivity = Option.getOrUndefined(yield* Effect.serviceOption(Connectivity))
      const budgets = Option.getOrUndefined(yield* Effect.serviceOption(Budgets))
      return yield* make({ ...yield* Configured.options(program, providers), providers: sources }).pipe(
        Effect.provideService(Connectivity, connectivity ?? (yield* connectivityConfig())),
        Effect.provideService(Budgets, budgets ?? Context.get(yield* Layer.build(budgetsConfig), Budgets))
      )
    })
  )

// What it would do, to look at.
export { providerConfig, providersConfig, treatments } from "./internal/config/chain.ts"
export type { Treated } from "./internal/config/chain.ts"
export { servers } from "./internal/config/registry.ts"
export type { Name, Server } from "./internal/config/registry.ts"
export { selection } from "./internal/config/selection.ts"
export type { Choice } from "./internal/config/selection.ts"

// -----------------------------------------------------------------------------
// Changes
// -----------------------------------------------------------------------------

export { layerReloading, layerReloadingConfig } from "./internal/reload/reloading.ts"

// -----------------------------------------------------------------------------
// Responses
// -----------------------------------------------------------------------------

export { AnsweredBy, answeredBy } from "./internal/authorship/answeredBy.ts"
