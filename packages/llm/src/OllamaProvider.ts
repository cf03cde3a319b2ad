/**
 * A model on your own machine or network, over Ollama's native `/api/chat`.
 *
 * **When to use**
 *
 * Use it for a model without a bill, often as the last provider of a chain, or by {@link makeCloudConfig} for Ollama's cloud.
 *
 * **Details**
 *
 * Ollama's `/v1` is not used: there an error in the middle of a stream becomes an empty chunk and an end without a terminator, and
 * neither the context size nor how long the model stays loaded is configurable. Source: Ollama `docs/api.md` and `docs/faq.md`.
 *
 * **Gotchas**
 *
 * The first answer may wait minutes for the model to load; a chain's `localTimeouts` allow for that. A prompt that does not fit
 * the context is rejected and not truncated (`truncate: false`): set `numCtx` if prompts are long.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as AiError from "effect/ai/AiError"
import type { IdGenerator } from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Setting from "./internal/config/environment.ts"
import * as OllamaApi from "./internal/ollama/api.ts"
import * as OllamaRequest from "./internal/ollama/request.ts"
import * as OllamaResponse from "./internal/ollama/response.ts"
import type { Inspection, PullProgress } from "./internal/ollama/server.ts"
import * as OllamaServer from "./internal/ollama/server.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"
import { detail } from "./ProviderFailure.ts"

/** Where Ollama runs, and which model to ask. */
export interface Options {
  /** A URL or, as in `OLLAMA_HOST`, `host`, `host:port` or `:port`. Default: `"http://127.0.0.1:11434"`. */
  readonly host?: string | undefined
  /** The model's name and tag. Default: `"llama3.2"`. */
  readonly model?: string | undefined
  /** Sent as a bearer token: ollama.com wants one, a server of your own none. Default: none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** Whether the server is in the cloud or on your own machine or network. Default: `"local"`. */
  readonly location?: Provider.Location | undefined
  /** The context's size in tokens. Default: what the server chooses by its memory. */
  readonly numCtx?: number | undefined
  /** How long the model stays loaded after an answer; `Infinity` keeps it loaded. Default: the server's 5 minutes. */
  readonly keepAlive?: Arguments.DurationInput | undefined
  /** Whether a thinking model thinks, or how much: gpt-oss takes a level and ignores `false`. Default: the model decides. */
  readonly think?: boolean | "low" | "medium" | "high" | undefined
  /** Names the provider in events, errors and priorities. Default: `"ollama"`. */
  readonly name?: string | undefined
  /**
   * Capabilities that differ from {@link Provider.defaultCapabilities}; {@link OllamaProvider.inspect} asks the server.
   * Default: `{}`, with `numCtx` as the context window.
   */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request, for a proxy in front. Default: none. */
  readonly headers?: Headers.Input | undefined
  /** Model options of every request: `{ temperature: 0 }`. Default: `{}`. */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
  /**
   * Whether `preflight` downloads a missing model, which may be gigabytes; a function receives the progress. Requests for
   * answers never download. Default: `false`.
   */
  readonly pull?: boolean | ((progress: PullProgress) => Effect.Effect<void>) | undefined
}

export type { Inspection, PullProgress } from "./internal/ollama/server.ts"

/** A provider that can inspect its server and download its model. */
export interface OllamaProvider extends Provider.Provider {
  /** The server's URL, without user, password and query. */
  readonly host: string
  /**
   * Checks whether the server runs, whether the model is installed and what it can do, without loading it. The error
   * names the command that helps.
   */
  readonly inspect: Effect.Effect<Inspection, AiError.AiError>
  /**
   * Downloads the model, as `ollama pull` does, and streams the progress. A download that breaks off is resumed, until five
   * attempts in a row made no progress.
   */
  readonly pull: Stream.Stream<PullProgress, AiError.AiError>
}

/**
 * Tells an Ollama provider, which can inspect its server, from the others.
 *
 * ```ts import.meta.vitest
 * import { OllamaProvider } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 *
 * OllamaProvider.isOllamaProvider(TestProvider.script("ollama", [])) // => false
 * ```
 */
export const isOllamaProvider = (provider: Provider.Provider): provider is OllamaProvider =>
  "inspect" in provider && "pull" in provider

/** The default model. */
export const defaultModel = "llama3.2"

/** The default address of Ollama. */
export const defaultHost = OllamaApi.defaultHost

/**
 * Parses a host as Ollama's own client parses `OLLAMA_HOST`: without a scheme the port defaults to 11434, and a listen address
 * such as `0.0.0.0` becomes the loopback address. Throws a `RangeError` if the host is invalid.
 *
 * ```ts import.meta.vitest
 * import { OllamaProvider } from "@holdfast/llm"
 *
 * OllamaProvider.parseHost("192.168.1.7") // => "http://192.168.1.7:11434"
 * OllamaProvider.parseHost("0.0.0.0:8080") // => "http://127.0.0.1:8080"
 * OllamaProvider.parseHost("https://ollama.example.com/") // => "https://ollama.example.com"
 * ```
 */
export const parseHost = (host: string): string => OllamaApi.parseHost("OllamaProvider", host)

/**
 * Makes a provider over the `HttpClient` in context. Nothing is sent before the first request; use `inspect` or
 * `preflight` to check whether it would be answered.
 *
 * ```ts import.meta.vitest
 * import { OllamaProvider } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OllamaProvider.make({ model: "qwen3:8b", numCtx: 16_384 })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * provider.host // => "http://127.0.0.1:11434"
 * provider.capabilities.contextWindow // => 16_384
 * ```
 */
export const make = (options?: Options): Effect.Effect<OllamaProvider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `OLLAMA_HOST` and `OLLAMA_MODEL`; `options` set the rest.
 *
 * ```ts import.meta.vitest
 * import { OllamaProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OLLAMA_HOST: "gpu.local", OLLAMA_MODEL: "qwen3:8b" })
 * const program = OllamaProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.host // => "http://gpu.local:11434"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "host" | "model">
): Effect.fn.Return<OllamaProvider, Config.ConfigError, HttpClient.HttpClient> {
  const host = Option.getOrUndefined(yield* Setting.text("OLLAMA_HOST"))
  const model = Option.getOrUndefined(yield* Setting.text("OLLAMA_MODEL"))
  return yield* Setting.make(() => make({ ...options, host, model }))
})

/** The default address of Ollama's cloud. */
export const defaultCloudHost = "https://ollama.com"

/** The default model of Ollama's cloud. */
export const defaultCloudModel = "gpt-oss:120b"

/**
 * Makes a provider of Ollama's cloud, named `"ollama-cloud"`, from `OLLAMA_API_KEY`, `OLLAMA_CLOUD_MODEL` and
 * `OLLAMA_CLOUD_HOST`; `options` set the rest. Fails with a `ConfigError` if there is neither a key nor a host.
 *
 * ```ts import.meta.vitest
 * import { OllamaProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OllamaProvider.makeCloudConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({ OLLAMA_API_KEY: "key" }))])
 * )
 *
 * const { host, location } = await Effect.runPromise(program)
 * host // => "https://ollama.com"
 * location // => "cloud"
 * ```
 */
export const makeCloudConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "host" | "model" | "location">
): Effect.fn.Return<OllamaProvider, Config.ConfigError, HttpClient.HttpClient> {
  const { apiKey, baseUrl, model } = yield* Setting.api("OLLAMA", {
    key: "a key of ollama.com",
    model: "OLLAMA_CLOUD_MODEL",
    address: "OLLAMA_CLOUD_HOST"
  })
  return yield* Setting.make(() =>
    make({
      name: "ollama-cloud",
      ...options,
      location: "cloud",
      apiKey,
      host: baseUrl ?? defaultCloudHost,
      model: model ?? defaultCloudModel
    })
  )
})

const fields = {
  ...OptionChecks.common,
  think: Arguments.optional(Arguments.oneOf(true, false, "low", "medium", "high")),
  pull: Arguments.optional(
    Arguments.or((pull): pull is boolean => typeof pull === "boolean", Arguments.callback())
  )
}

const makeWith = (options: Options) => {
  const api = OllamaApi.make("OllamaProvider", options, defaultModel, fields)
  const { host, model, name, numCtx } = api
  const path = "/api/chat"
  const url = host + path

  return (client: HttpClient.HttpClient): OllamaProvider => {
    const callOf = (method: string) => api.callOf(client, method)

    const post = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, AiError.AiError> {
      const body = yield* Effect.mapError(
        OllamaRequest.make(request),
        (reason) => ProviderRequest.failure(call, reason)
      )
      const fields = Parameter.fields(yield* Parameters.Current, "ollama", model, api.body.options)
      return api.request("POST", path).pipe(
        HttpClientRequest.bodyJsonUnsafe({
          ...api.body,
          ...(Object.keys(fields).length === 0 ? {} : { options: fields }),
          ...body,
          stream,
          ...(options.think === undefined ? {} : { think: options.think })
        })
      )
    })

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const response = yield* ProviderRequest.open(call, yield* post(call, request, stream))
      const make = OllamaResponse.make({ request, errors: ProviderRequest.errors(call, url), newId: yield* newIds })
      return { body: ProviderRequest.body(call, response), make }
    })

    const serverOf = (method: string) => ({ host, model, numCtx, request: api.request, call: callOf(method) })
    const inspect = OllamaServer.inspect(serverOf("inspect"))
    const pull = OllamaServer.pull(serverOf("pull"))
    const onProgress = typeof options.pull === "function" ? options.pull : () => Effect.void
    const isMissing = ({ reason }: AiError.AiError) => detail(reason).kind === "unknownModel"

    return {
      name,
      model,
      host,
      location: options.location ?? "local",
      capabilities: { ...Provider.defaultCapabilities, contextWindow: numCtx, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, "ollama", model),
      inspect,
      pull,
      preflight: options.pull === undefined || options.pull === false
        ? Effect.asVoid(inspect)
        : inspect.pipe(
          Effect.catchIf(isMissing, () => Effect.andThen(Stream.runForEach(pull, onProgress), inspect)),
          Effect.asVoid
        ),
      models: Effect.map(OllamaServer.installed(serverOf("models")), (models) => models.map(({ name }) => name))
    }
  }
}
