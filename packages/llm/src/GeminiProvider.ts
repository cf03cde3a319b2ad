/**
 * Google's Gemini by its own API, `generateContent` and `streamGenerateContent`, on the Gemini API and, by `baseUrl`, on Vertex AI.
 *
 * **When to use**
 *
 * Use it for Gemini with all that its own API has, such as the signatures of thoughts.
 *
 * **Details**
 *
 * A stream is complete once a `finishReason` has arrived and the body has ended in order. A prompt that was blocked is a
 * `ContentPolicyError`, so that `fallbackOnContentPolicy` applies; a filter that stops an answer after some content ends it with
 * the finish reason `content-filter`. A malformed call of a tool is a failure, which a chain asks again.
 *
 * Effect's provider-defined tools are sent if their id begins with `google.` or `gemini.`: `google.google_search` is the vendor's
 * `googleSearch`, with its arguments. What a search found is cited as source parts; the vendor's own calls and their results are not
 * parts.
 *
 * The signatures of thoughts go back to the model that wrote them, on the part that had them. A conversation that another model
 * began is sent with the value that Google documents for calls without a signature.
 *
 * Source: Gemini API reference, "Generating content", "Thinking", "Thought signatures", "Structured output", "Function calling".
 *
 * **Gotchas**
 *
 * - Give it an `HttpClient` that does not retry: the chain does. For Vertex AI it also sets `authorization`.
 * - A model that thinks in silence may time out, so the default model is asked for a summary of its thoughts. For another model,
 *   pass {@link summarized}, or raise the chain's `timeouts.firstContent`.
 *
 * **Example**
 *
 * See {@link make}.
 */
import type * as AiError from "effect/ai/AiError"
import type { IdGenerator } from "effect/ai/IdGenerator"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Address from "./Address.ts"
import * as Setting from "./internal/config/environment.ts"
import * as GeminiRequest from "./internal/gemini/request.ts"
import * as GeminiResponse from "./internal/gemini/response.ts"
import * as GeminiUsage from "./internal/gemini/usage.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import { fields } from "./internal/protocol/field.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"

/** How to reach the API, and which model to ask. */
export interface Options {
  /** Sent as `x-goog-api-key`. Without one, give the provider an `HttpClient` that sets `authorization`. Default: none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** The model's id. Default: `"gemini-3.5-flash"`. */
  readonly model?: string | undefined
  /**
   * The URL of the API, with or without its version. That of Vertex AI ends in `/publishers/google`. Default:
   * `"https://generativelanguage.googleapis.com/v1"`.
   */
  readonly baseUrl?: string | undefined
  /** Names the provider in events, errors and priorities. Default: `"gemini"`. */
  readonly name?: string | undefined
  /** Whether the server is in the cloud or on your own machine or network. Default: `"cloud"`. */
  readonly location?: Provider.Location | undefined
  /** Capabilities that differ from {@link Provider.defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request. Default: none. */
  readonly headers?: Headers.Input | undefined
  /**
   * Fields of every request's body: `{ generationConfig: { temperature: 0 }, safetySettings: [...] }`. They override the provider's
   * own, except for the contents; `generationConfig` is merged field by field, `null` removes a field. Default: {@link summarized}
   * for the default model, `{}` for any other.
   */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** The model that is asked when none is named. */
export const defaultModel = "gemini-3.5-flash"

/** Where the Gemini API is. */
export const defaultBaseUrl = "https://generativelanguage.googleapis.com/v1"

/** The `parameters` of a model that streams a summary of its thoughts. */
export const summarized = { generationConfig: { thinkingConfig: { includeThoughts: true } } } as const

/**
 * Makes a provider over the `HttpClient` in context. Throws a `RangeError` for an invalid URL.
 *
 * ```ts import.meta.vitest
 * import { GeminiProvider } from "@holdfast/llm"
 * import { Effect, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = GeminiProvider.make({ apiKey: Redacted.make("AIza..."), model: "gemini-3.8-flash" })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "gemini/gemini-3.8-flash"
 * ```
 */
export const make = (options?: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `GEMINI_API_KEY` (or `GOOGLE_API_KEY`), `GEMINI_MODEL` and `GEMINI_BASE_URL` (or
 * `GOOGLE_GEMINI_BASE_URL`); `options` set the rest. Fails with a `ConfigError` if there is neither a key nor a base URL.
 *
 * ```ts import.meta.vitest
 * import { GeminiProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = GeminiProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(ConfigProvider.fromUnknown({ GEMINI_API_KEY: "AIza..." }))])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "gemini-3.5-flash"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl">
): Effect.fn.Return<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> {
  const api = yield* Setting.api("GEMINI", {
    key: "a key of Google AI Studio's",
    others: { key: "GOOGLE_API_KEY", address: "GOOGLE_GEMINI_BASE_URL" }
  })
  return yield* Setting.make(() => make({ ...options, ...api }))
})

/** What follows the URL of the API: its version, where the URL has none. */
const versionOf = (baseUrl: string): string => /\/v\d\w*(\/|$)/.test(baseUrl) ? "" : "/v1"

/** A name with a slash is a whole one: `models/...`, `tunedModels/...`. */
const pathOf = (model: string): string =>
  (model.includes("/") ? model : `models/${model}`).split("/").map(encodeURIComponent).join("/")

const makeWith = (options: Options) => {
  OptionChecks.check("GeminiProvider", OptionChecks.common, options)
  const name = options.name ?? "gemini"
  const model = options.model ?? defaultModel
  const address = Address.make("GeminiProvider.make", "baseUrl", options.baseUrl ?? defaultBaseUrl)
  const baseUrl = address.shown
  const path = `${versionOf(baseUrl)}/${pathOf(model)}`
  const url = baseUrl + path
  const secrets = options.apiKey === undefined ? address.secrets : [options.apiKey, ...address.secrets]
  const parameters: NonNullable<Options["parameters"]> = {
    ...(model === defaultModel ? summarized : {}),
    ...options.parameters
  }

  return (client: HttpClient.HttpClient): Provider.Provider => {
    const callOf = (method: string): ProviderRequest.ProviderRequest => ({
      module: "GeminiProvider",
      method,
      provider: name,
      client,
      secrets,
      advice: (kind, status, isApi) => {
        if (status === 404 && !isApi) return `Check the address: no API of ${name} is at ${baseUrl}`
        if (kind === "unknownModel") return `Check that ${baseUrl} serves the model "${model}"`
        if (kind === "wrongAddress") return "Check that GEMINI_BASE_URL is the address of the API"
        if (kind === "keyRejected") return "Set GEMINI_API_KEY to a valid key"
        return undefined
      },
      counted: ({ usageMetadata }) => GeminiUsage.counted(fields(usageMetadata)),
      unreachable: () => `no connection to ${name} at ${baseUrl}`
    })

    const requestTo: Address.Address["request"] = (method, path) =>
      address.request(method, path).pipe(
        HttpClientRequest.setHeaders(options.headers ?? {}),
        HttpClientRequest.setHeaders(
          options.apiKey === undefined ? {} : { "x-goog-api-key": Redacted.value(options.apiKey) }
        )
      )

    const post = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, AiError.AiError> {
      const body = yield* Effect.mapError(
        GeminiRequest.make(request, model),
        (reason) => ProviderRequest.failure(call, reason)
      )
      const fields = Parameter.fields(yield* Parameters.Current, "gemini", model, parameters)
      const to = requestTo("POST", `${path}:${stream ? "streamGenerateContent" : "generateContent"}`)
      return (stream ? HttpClientRequest.setUrlParam(to, "alt", "sse") : to).pipe(
        HttpClientRequest.accept(stream ? "text/event-stream" : "application/json"),
        HttpClientRequest.bodyJsonUnsafe(GeminiRequest.withParameters({ ...body }, fields))
      )
    })

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const response = yield* ProviderRequest.open(call, yield* post(call, request, stream))
      const errors = ProviderRequest.errors(call, url, response)
      const make = GeminiResponse.make({ request, errors, newId: yield* newIds })
      return { body: ProviderRequest.body(call, response), make }
    })

    return {
      name,
      model,
      location: options.location ?? "cloud",
      capabilities: { ...Provider.defaultCapabilities, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, "gemini", model),
      preflight: Effect.asVoid(Effect.scoped(ProviderRequest.open(callOf("preflight"), requestTo("GET", path))))
    }
  }
}
