/**
 * Providers in, one `LanguageModel` out: the first that answers is the model, and the last is the local one that always
 * can.
 *
 * There is one `LanguageModel.make`, whose hooks walk the providers. Retry and fallback therefore sit below the resolution
 * of tools: a tool handler runs once for a call of the model's, whatever happened before the answer was whole, and a
 * tool's failure is never a provider's.
 *
 * - **Nothing is seen before the commit.** The first text, reasoning or tool parameters commit the request to a provider.
 *   Before that an attempt may be repeated or handed on; after it a failure is `StreamInterrupted`, with what was seen.
 * - **An end needs a proof.** A stream that ends without the provider's own terminator has failed. Tool calls are held
 *   back until the proof has come, so that none runs of an answer that is not whole.
 * - **One answer is one provider's.** Its name is in the response: see `answeredBy`.
 * - **A provider that had to be given up is left alone** for a while; then one request finds out whether it is back.
 * - **A failure is an `AiError`**, with the whole story on it: see `ChainError.NoAnswer` and
 *   `ChainError.StreamInterrupted`. `ChainEvent.observe` tells it while it happens.
 *
 * The chain is the one place that retries. Give its providers a transport that does not: attempts multiply, and an HTTP
 * client cannot know what `FallbackDecision` knows. Each provider's attempts run under a `Policy` of `@holdfast/core` named
 * `llm.<provider>`, whose events and warnings are there as well.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import type * as Bulkhead from "@holdfast/core/Bulkhead"
import type * as RetryBudget from "@holdfast/core/RetryBudget"
import type { TransportData } from "@holdfast/http/HttpPolicyData"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import { Connectivity, makeConfig as connectivityConfig } from "./Connectivity.ts"
import * as Compile from "./internal/chain/compile.ts"
import { generateText } from "./internal/chain/generateText.ts"
import { streamText } from "./internal/chain/streamText.ts"
import * as Configured from "./internal/config/chain.ts"
import type { Provider } from "./Provider.ts"
import { codecTransformer } from "./Provider.ts"

/** How attempts at one provider are repeated, before the next one is asked. */
export interface RetryOptions {
  /**
   * How many retries there may be at each provider after its first attempt. Default: 2; 4 at a local provider that says that it
   * is loading its model or busy.
   */
  readonly times?: number | undefined
  /**
   * The delays between attempts. Default: 0.5 seconds, doubled each time up to 8, less up to half by chance; at local providers
   * 1 second, doubled each time up to 8, more or less a tenth.
   */
  readonly backoff?: Schedule.Schedule<unknown, AiError.AiError> | undefined
  /** The time after its first attempt in which further attempts at a provider may start. Default: no limit. */
  readonly maxElapsed?: DurationInput | undefined
  /** The longest delay that a provider may ask for. If it asks for more, the next one is asked at once. Default: 60 seconds. */
  readonly maxRetryAfter?: Duration.Input | undefined
}

/**
 * Timeouts of one provider. The transport limits the time to connect; its `headersTimeout` and `bodyTimeout` are off while one of
 * these timeouts runs, and for local providers, so that no default of the transport ends an answer that the chain waits for.
 * `fetch` on Node keeps its own limit of 5 minutes: use `UndiciTransport`.
 *
 * Any data from the server is a sign of life for `head` and `betweenChunks`: a ping, a comment, a part without content. Only
 * content counts for `firstContent`.
 */
export interface Timeouts {
  /**
   * Until the first sign of life of a stream. Default: no limit of its own.
   */
  readonly head?: Duration.Input | undefined
  /** Until the first text, reasoning or tool parameters of a stream. Default: 30 seconds, locally 5 minutes. */
  readonly firstContent?: Duration.Input | undefined
  /** Between two signs of life once a stream has begun. Default: 60 seconds. */
  readonly betweenChunks?: Duration.Input | undefined
  /** Until a whole answer that is not streamed. Default: 2 minutes, locally 10 minutes. */
  readonly answer?: Duration.Input | undefined
}

/** A provider, or how to make one. */
export type Source<E = never, R = never> = Provider | Effect.Effect<Provider, E, R>

/** The policy of one provider. */
export interface Treatment {
  /** Retries; `false` disables them. Default: `{}`. */
  readonly retry?: RetryOptions | false | undefined
  /** The timeouts; `false` disables them. Default: `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /**
   * The most concurrent requests, and the most that wait for a slot; a stream holds its slot until it has been read. A request
   * that gets no slot in time goes to the next provider. Default: no limit; `maxWait` is `firstContent`: 30 seconds, locally 5
   * minutes.
   */
  readonly bulkhead?: Bulkhead.Options | undefined
  /**
   * How long a failed provider is skipped: credentials rejected, quota spent, retries used up. A longer `Retry-After` from it
   * wins. Then one request probes it. Default: 30 seconds; 0 disables.
   */
  readonly cooldown?: Duration.Input | undefined
}

/** Options of a chain. Its policy applies to each provider, and each provider has a state of its own. */
export interface Options<E = never, R = never> extends Treatment {
  /** The providers, in the order in which they are asked. Names are unique. */
  readonly providers: readonly [Source<E, R>, ...ReadonlyArray<Source<E, R>>]
  /** The timeouts of cloud providers; `false` disables them. Default: `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /** The timeouts of local providers, which may have to load a model first; `false` disables them. Default: `{}`. */
  readonly localTimeouts?: Timeouts | false | undefined
  /** Overrides of the policy, by the provider's name. Default: `{}`. */
  readonly overrides?: Readonly<Record<string, Treatment>> | undefined
  /**
   * Limits the retries at all providers together; `false` removes the limit. Default: that of `RetryBudget`, ten a second plus
   * one for every five attempts.
   */
  readonly retryBudget?: RetryBudget.Options | RetryBudget.RetryBudget | false | undefined
  /** The deadline of a whole request: all providers, all delays, and the stream to its end. Default: no limit. */
  readonly deadline?: Duration.Input | undefined
  /** Whether a request that one provider's content policy rejected is sent to the next. Default: `false`. */
  readonly fallbackOnContentPolicy?: boolean | undefined
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Makes a `LanguageModel` from providers. Throws a `RangeError` that names the option if one is invalid.
 */
export const make = <E = never, R = never>(
  options: Options<E, R>
): Effect.Effect<LanguageModel.LanguageModel, E, R> =>
  Effect.gen(function*() {
    const providers = yield* Effect.forEach(
      options.providers,
      (source) => Effect.isEffect(source) ? source : Effect.succeed(source)
    )
    const { members, settings } = yield* Compile.chainOf(options, providers)
    return yield* LanguageModel.make({
      codecTransformer,
      generateText: (request) => generateText(members, settings, request),
      streamText: (request) => streamText(members, settings, request)
    })
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

/** Options of a chain that the environment configures. */
export interface ProgramOptions extends Omit<Options, "providers"> {
  /**
   * Makes the connection pool of a provider whose pool the file configures separately: `UndiciTransport.layer`. Default: none,
   * so such a file is rejected.
   */
  readonly transport?: ((options: TransportData) => Layer.Layer<HttpClient.HttpClient>) | undefined
}

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
 * `LlmConfig.layer` below it adds the settings of a file. The environment wins over the file, and the file over `options`.
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
      const chain = make({ ...yield* Configured.options(program, providers), providers })
      return Option.isSome(yield* Effect.serviceOption(Connectivity))
        ? yield* chain
        : yield* Effect.provideService(chain, Connectivity, yield* connectivityConfig())
    })
  )

// What it would do, to look at.
export { providersConfig, treatments } from "./internal/config/chain.ts"
export type { Treated } from "./internal/config/chain.ts"
export { servers } from "./internal/config/registry.ts"
export type { Name, Server } from "./internal/config/registry.ts"
export { selection } from "./internal/config/selection.ts"
export type { Choice } from "./internal/config/selection.ts"

// -----------------------------------------------------------------------------
// Changes
// -----------------------------------------------------------------------------

export { layerReloading, layerReloadingConfig } from "./internal/config/reloading.ts"

// -----------------------------------------------------------------------------
// Responses
// -----------------------------------------------------------------------------

export { AnsweredBy, answeredBy } from "./internal/chain/authorship.ts"
