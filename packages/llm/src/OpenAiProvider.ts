/**
 * Chat completions: OpenAI, and by `baseUrl` whoever speaks the same: OpenRouter, Groq, vLLM, LM Studio, llama.cpp.
 *
 * A stream is whole when a `finish_reason` and `[DONE]` have come; servers that leave out either are refused, because
 * what is missing may be half of the answer. The provider asks for usage (`stream_options.include_usage`) and lives
 * without it. Errors in the middle of a stream become failures, never text.
 *
 * Give it an `HttpClient` without retries of its own: the chain is the place that retries.
 *
 * Source: OpenAI API reference, "Create chat completion" and "Streaming"; the servers' own docs for what they add.
 */
import type * as AiError from "effect/ai/AiError"
import type { IdGenerator } from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Answer from "./internal/answer.ts"
import * as BaseUrl from "./internal/baseUrl.ts"
import * as Exchange from "./internal/exchange.ts"
import { newIds } from "./internal/newIds.ts"
import * as OpenAiRequest from "./internal/openAiRequest.ts"
import * as OpenAiResponse from "./internal/openAiResponse.ts"
import * as Setting from "./internal/setting.ts"
import * as Provider from "./Provider.ts"

/** How to reach the API, and which model to ask. */
export interface Options {
  /** Sent as a bearer token. Servers on one's own machine need none. Defaults to none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** The model's id. Defaults to `"gpt-5-mini"`. */
  readonly model?: string | undefined
  /** Where the API is, up to and with the version. Defaults to `"https://api.openai.com/v1"`. */
  readonly baseUrl?: string | undefined
  /** Names the provider in events, errors and priorities. Defaults to `"openai"`. */
  readonly name?: string | undefined
  /** Whether the server is on one's own machine or network. Defaults to `"cloud"`. */
  readonly location?: Provider.Location | undefined
  /** What the model can do, where that differs from {@link Provider.defaultCapabilities}. Defaults to `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request. Defaults to none. */
  readonly headers?: Headers.Input | undefined
  /** Fields of every request's body: `{ temperature: 0 }`. Defaults to `{}`. */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** The model that is asked when none is named. */
export const defaultModel = "gpt-5-mini"

/** Where OpenAI's own API is. */
export const defaultBaseUrl = "https://api.openai.com/v1"

/**
 * Makes a provider over the `HttpClient` in context.
 *
 * ```ts import.meta.vitest
 * import { OpenAiProvider } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OpenAiProvider.make({ name: "studio", baseUrl: "http://127.0.0.1:1234/v1", model: "qwen3", location: "local" })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "studio/qwen3"
 * ```
 */
export const make = (options?: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `OPENAI_API_KEY`, `OPENAI_MODEL` and `OPENAI_BASE_URL`; `options` are for the rest. Fails with a
 * `ConfigError` when there is no key, unless a base URL says that the server is another.
 *
 * ```ts import.meta.vitest
 * import { OpenAiProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-...", OPENAI_MODEL: "gpt-5" })
 * const program = OpenAiProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "gpt-5"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl">
): Effect.fn.Return<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> {
  const apiKey = Option.getOrUndefined(yield* Setting.secret("OPENAI_API_KEY"))
  const model = Option.getOrUndefined(yield* Setting.text("OPENAI_MODEL"))
  const baseUrl = Option.getOrUndefined(yield* Setting.text("OPENAI_BASE_URL"))
  if (apiKey === undefined && baseUrl === undefined) {
    return yield* Effect.fail(
      Setting.fail("Set OPENAI_API_KEY to a key of OpenAI's, or OPENAI_BASE_URL to a server that needs none")
    )
  }
  return yield* Effect.flatten(Setting.check(() => make({ ...options, apiKey, model, baseUrl })))
})

const makeWith = (options: Options) => {
  const name = options.name ?? "openai"
  const model = options.model ?? defaultModel
  const baseUrl = BaseUrl.parse("OpenAiProvider.make", options.baseUrl ?? defaultBaseUrl)
  const url = `${baseUrl}/chat/completions`
  const secrets = options.apiKey === undefined ? [] : [options.apiKey]

  return (client: HttpClient.HttpClient): Provider.Provider => {
    const exchangeOf = (method: string): Exchange.Exchange => ({
      module: "OpenAiProvider",
      method,
      client,
      secrets,
      advice: (kind, status) => {
        if (kind === "unknownModel") return `Check that ${baseUrl} serves the model "${model}"`
        if (status === 401) return "Set OPENAI_API_KEY to a valid key"
        return undefined
      },
      unreachable: () => `no connection to ${name} at ${baseUrl}`
    })

    const errorsOf = (exchange: Exchange.Exchange): OpenAiResponse.Errors => ({
      inBand: (body, now) => Exchange.inBand(exchange, body, now),
      cut: (terminator) => Exchange.cut(exchange, url, terminator),
      unreadable: (what) => Exchange.unreadable(exchange, what)
    })

    const prepare = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
      const withHeaders = options.headers === undefined
        ? request
        : HttpClientRequest.setHeaders(request, options.headers)
      return options.apiKey === undefined ? withHeaders : HttpClientRequest.bearerToken(withHeaders, options.apiKey)
    }

    const post = Effect.fnUntraced(function*(
      exchange: Exchange.Exchange,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, AiError.AiError> {
      const body = yield* Effect.mapError(OpenAiRequest.make(request), (reason) => Exchange.failure(exchange, reason))
      return prepare(HttpClientRequest.post(url)).pipe(
        HttpClientRequest.accept(stream ? "text/event-stream" : "application/json"),
        HttpClientRequest.bodyJsonUnsafe({
          ...options.parameters,
          model,
          ...body,
          ...(stream ? { stream: true, stream_options: { include_usage: true } } : {})
        })
      )
    })

    const generateText = Effect.fnUntraced(function*(
      request: LanguageModel.ProviderOptions
    ): Effect.fn.Return<Array<Response.PartEncoded>, AiError.AiError, IdGenerator> {
      const exchange = exchangeOf("generateText")
      const completion = yield* Exchange.json(
        exchange,
        yield* post(exchange, request, false),
        OpenAiResponse.Completion
      )
      const newId = yield* newIds
      const now = yield* Clock.currentTimeMillis
      return yield* Effect.fromResult(OpenAiResponse.fromCompletion(completion, errorsOf(exchange), newId, now))
    })

    const streamText = (
      request: LanguageModel.ProviderOptions
    ): Stream.Stream<Response.StreamPartEncoded, AiError.AiError, IdGenerator> =>
      Stream.unwrap(Effect.gen(function*() {
        const exchange = exchangeOf("streamText")
        const response = yield* Exchange.open(exchange, yield* post(exchange, request, true))
        const newId = yield* newIds
        const text = Exchange.text(exchange, response)
        return Answer.run(text, OpenAiResponse.machine(errorsOf(exchange), newId))
      }))

    return {
      name,
      model,
      location: options.location ?? "cloud",
      capabilities: { ...Provider.defaultCapabilities, ...options.capabilities },
      generateText,
      streamText,
      preflight: Effect.scoped(
        Exchange.open(exchangeOf("preflight"), prepare(HttpClientRequest.get(`${baseUrl}/models`)))
      ).pipe(Effect.asVoid)
    }
  }
}
