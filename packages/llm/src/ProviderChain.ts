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
  /** No attempt at a provider starts later than this after the first one there. Defaults to no limit. */
  readonly maxElapsed?: DurationInput | undefined
  /** The longest pause that a provider may ask for; for a longer one the next is asked at once. Defaults to 60 seconds. */
  readonly maxRetryAfter?: Duration.Input | undefined
}

/**
 * How long a provider may take. The clock for connecting is the transport's; its `headersTimeout` and `bodyTimeout` are off
 * where one of these clocks runs, and for local providers, so that no default of the transport ends an answer that the chain
 * waits for. Over `fetch` on Node its own 5 minutes stay: use `UndiciTransport`.
 *
 * Whatever comes from the server is a sign of life for `head` and `betweenChunks`: a ping, a comment, a part without content.
 * Only content counts for `firstContent`.
 */
export interface Timeouts {
  /**
   * Until the first sign of life of a stream. Default: no limit of its own.
   */
  readonly head?: Duration.Input | undefined
  /** Until the first text, reasoning or tool parameters of a stream. Defaults to 30 seconds, locally to 5 minutes. */
  readonly firstContent?: Duration.Input | undefined
  /** Between two signs of life once a stream has begun. Default: 60 seconds. */
  readonly betweenChunks?: Duration.Input | undefined
  /** Until a whole answer that is not streamed. Defaults to 2 minutes, locally to 10 minutes. */
  readonly answer?: Duration.Input | undefined
}

/** A provider, or how to make one. */
export type Source<E = never, R = never> = Provider | Effect.Effect<Provider, E, R>

/** How one provider is treated. */
export interface Treatment {
  /** How attempts are repeated; `false` for not at all. Defaults to `{}`. */
  readonly retry?: RetryOptions | false | undefined
  /** The clocks; `false` for none. Defaults to `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /**
   * How many requests it answers at the same time, and how many wait for that; a stream counts until it has been read. A
   * request that gets no slot in time goes to the next provider. Default: no limit; `maxWait` is as long as `firstContent`, 30
   * seconds, locally 5 minutes.
   */
  readonly bulkhead?: Bulkhead.Options | undefined
  /**
   * How long it is left alone when it had to be given up: credentials refused, quota spent, retries used up. A longer hint
   * of its own counts. Afterwards one request finds out whether it is back. Defaults to 30 seconds; zero for not at all.
   */
  readonly cooldown?: Duration.Input | undefined
}

/** What a chain is made of. The treatment is that of each provider, of which each has a state of its own. */
export interface Options<E = never, R = never> extends Treatment {
  /** Who is asked, in this order. Names are unique. */
  readonly providers: readonly [Source<E, R>, ...ReadonlyArray<Source<E, R>>]
  /** The clocks of providers in the cloud; `false` for none. Defaults to `{}`. */
  readonly timeouts?: Timeouts | false | undefined
  /** The clocks of local providers, which may have to load a model first; `false` for none. Defaults to `{}`. */
  readonly localTimeouts?: Timeouts | false | undefined
  /** How the providers of these names are treated, where that differs from the others. Defaults to `{}`. */
  readonly overrides?: Readonly<Record<string, Treatment>> | undefined
  /**
   * Bounds the retries at all providers together; `false` for no bound. Defaults to that of `RetryBudget`: ten a second, and
   * one for five attempts beyond.
   */
  readonly retryBudget?: RetryBudget.Options | RetryBudget.RetryBudget | false | undefined
  /** How long a whole request may take, with all providers, pauses and the stream to its end. Defaults to no limit. */
  readonly deadline?: Duration.Input | undefined
  /** Whether another provider may be asked what one refused for its content policy. Defaults to `false`. */
  readonly fallbackOnContentPolicy?: boolean | undefined
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Makes a `LanguageModel` of providers. Options that cannot be right are a `RangeError` that names the option.
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
 * The layer of a `LanguageModel` made of providers.
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
 * One provider alone: no retry, no clock, no other provider. For tests, and to see what a policy does by its absence.
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

/** How a chain from the environment is made, besides what the environment says. */
export interface ProgramOptions extends Omit<Options, "providers"> {
  /**
   * Makes the pool of a provider for which a file says something else than for the others: `UndiciTransport.layer`. Defaults
   * to none, and such a file is refused.
   */
  readonly transport?: ((options: TransportData) => Layer.Layer<HttpClient.HttpClient>) | undefined
}

/**
 * The layer of a `LanguageModel` that the environment describes: OpenAI first where `OPENAI_API_KEY` (or `OPENAI_BASE_URL`)
 * is set, then Anthropic where `ANTHROPIC_API_KEY` (or `ANTHROPIC_BASE_URL`) is, then OpenRouter and Groq likewise, vLLM,
 * LM Studio and llama.cpp where `VLLM_MODEL` (or `VLLM_BASE_URL`) and the like are, Ollama last.
 * `PROVIDER_PRIORITY=ollama,openai` is another order, or fewer. The providers' own settings are those of
 * `OpenAiProvider.makeConfig`, `AnthropicProvider.makeConfig` and `OllamaProvider.makeConfig`.
 *
 * - `LLM_RETRY_ATTEMPTS` is how many attempts there are at each provider, the first included.
 * - `LLM_RETRY_MULTIPLIER`, `LLM_RETRY_MIN_WAIT` and `LLM_RETRY_MAX_WAIT` are the pauses between them, as tenacity has them:
 *   multiplier x 2^(n-1) seconds before the n-th retry, not less than the one and not more than the other. Durations are
 *   numbers of seconds, or `"2 minutes"`. Where one of them is set, the others default to 1, 0 and 60 seconds.
 * - Where `CONNECTIVITY_CHECK_URL` is set, it is probed whether this machine is online, as {@link Connectivity} says.
 *
 * A file says the same, and more, where `LlmConfig.layer` is below. What the environment says counts first, then the file,
 * then `options`.
 *
 * Fails with a `ConfigError` that says what to set when nothing is configured.
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
