/**
 * The Messages API of Anthropic's Claude, and of compatible servers by `baseUrl`.
 *
 * **When to use**
 *
 * Use it for Claude at Anthropic, or behind a gateway that speaks this API. `BedrockProvider` asks Claude on Amazon Bedrock.
 *
 * **Details**
 *
 * A stream is complete once a `stop_reason` and `message_stop` have arrived. Errors in the middle of a stream become failures,
 * and so does the `message_start` of a second answer, because it would join the two. A refusal without content is a
 * `ContentPolicyError`, so that `fallbackOnContentPolicy` applies; a refusal after some content ends the answer with the finish
 * reason `content-filter`.
 *
 * Effect's provider-defined tools are sent if their id begins with `anthropic.`: `anthropic.web_search_20250305` is the vendor's
 * `web_search`, with its arguments. What a search found is cited as source parts; the vendor's own calls and their results are not
 * parts.
 *
 * A message or a part with the option `anthropic.cacheControl` is marked to be cached, and so is one with Bedrock's
 * `bedrock.cachePoint`, because a chain may ask either.
 *
 * Structured output uses `output_config.format`. Thinking keeps its signatures and goes back only to the model that signed it.
 *
 * Source: Claude API reference, "Create a Message", "Streaming Messages", "Errors", "Structured outputs", "Thinking", "Stop
 * reasons and fallback" and "What's new in Claude Sonnet 5.5".
 *
 * **Gotchas**
 *
 * - Give it an `HttpClient` that does not retry: the chain does.
 * - The newest models think by default and hide it: no content arrives until they are done, and a chain may time out. The default
 *   model is therefore asked for a summary. For another model, pass {@link summarized}, or raise the chain's
 *   `timeouts.firstContent`.
 * - A tool choice of `required`, or of one tool, is sent unchanged. The vendor's newest models reject it, and a chain then asks the
 *   next provider.
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
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Address from "./Address.ts"
import * as AnthropicRequest from "./internal/anthropic/request.ts"
import * as AnthropicResponse from "./internal/anthropic/response.ts"
import * as AnthropicUsage from "./internal/anthropic/usage.ts"
import * as Setting from "./internal/config/environment.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import { fields } from "./internal/protocol/field.ts"
import { withParameters } from "./internal/protocol/request/body.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"

/** How to reach the API, and which model to ask. */
export interface Options {
  /** Sent as `x-api-key`. Gateways on your own network may need no key. Default: none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** The model's id. Default: `"claude-sonnet-5-5"`. */
  readonly model?: string | undefined
  /** The URL of the API, with or without `/v1`. Default: `"https://api.anthropic.com"`. */
  readonly baseUrl?: string | undefined
  /** The most tokens of an answer, thinking included; the API requires a limit. Default: 16000. */
  readonly maxTokens?: number | undefined
  /** Names the provider in events, errors and priorities. Default: `"anthropic"`. */
  readonly name?: string | undefined
  /** Whether the server is in the cloud or on your own machine or network. Default: `"cloud"`. */
  readonly location?: Provider.Location | undefined
  /** Capabilities that differ from {@link Provider.defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request, such as `anthropic-beta`. Default: none. */
  readonly headers?: Headers.Input | undefined
  /**
   * Fields of every request's body: `{ output_config: { effort: "low" } }`. They win over the provider's own, but for the model and
   * the messages; `null` takes a field out. Default: {@link summarized} for the default model, `{}` for any other.
   */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** The model that is asked when none is named. */
export const defaultModel = "claude-sonnet-5-5"

/** Where Anthropic's own API is. */
export const defaultBaseUrl = "https://api.anthropic.com"

/** The `parameters` of a model that thinks as much as it sees fit, and streams a summary of its thoughts. */
export const summarized = { thinking: { type: "adaptive", display: "summarized" } } as const

/** The version of the API that this module speaks, sent as `anthropic-version`. */
export const apiVersion = "2023-06-01"

/**
 * Makes a provider over the `HttpClient` in context.
 *
 * ```ts import.meta.vitest
 * import { AnthropicProvider } from "@holdfast/llm"
 * import { Effect, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = AnthropicProvider.make({ apiKey: Redacted.make("sk-ant-..."), model: "claude-opus-5-5" })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "anthropic/claude-opus-5-5"
 * ```
 */
export const make = (options?: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `ANTHROPIC_API_KEY`, `ANTHROPIC_MODEL` and `ANTHROPIC_BASE_URL`; `options` set the rest. Fails
 * with a `ConfigError` if there is neither a key nor a base URL.
 *
 * ```ts import.meta.vitest
 * import { AnthropicProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ ANTHROPIC_API_KEY: "sk-ant-...", ANTHROPIC_MODEL: "claude-opus-5-5" })
 * const program = AnthropicProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "claude-opus-5-5"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl">
): Effect.fn.Return<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> {
  const api = yield* Setting.api("ANTHROPIC", { key: "a key of Anthropic's" })
  return yield* Setting.make(() => make({ ...options, ...api }))
})

const Models = Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })

const makeWith = (options: Options) => {
  OptionChecks.check("AnthropicProvider", {
    ...OptionChecks.common,
    maxTokens: Arguments.optional(Arguments.integer({ min: 1 }))
  }, options)
  const name = options.name ?? "anthropic"
  const model = options.model ?? defaultModel
  const address = Address.make("AnthropicProvider.make", "baseUrl", options.baseUrl ?? defaultBaseUrl)
  const baseUrl = address.shown
  const version = baseUrl.endsWith("/v1") ? "" : "/v1"
  const maxTokens = options.maxTokens ?? 16_000
  const path = `${version}/messages`
  const url = baseUrl + path
  const secrets = options.apiKey === undefined ? address.secrets : [options.apiKey, ...address.secrets]
  const parameters: NonNullable<Options["parameters"]> = {
    ...(model === defaultModel ? summarized : {}),
    ...options.parameters
  }
  return (client: HttpClient.HttpClient): Provider.Provider => {
    const callOf = (method: string): ProviderRequest.ProviderRequest => ({
      module: "AnthropicProvider",
      method,
      provider: name,
      client,
      secrets,
      advice: (kind) => {
        if (kind === "unknownModel") return `Check that ${baseUrl} serves the model "${model}"`
        if (kind === "wrongAddress") return "Check that ANTHROPIC_BASE_URL is the address of the API"
        if (kind === "keyRejected") return "Set ANTHROPIC_API_KEY to a valid key"
        return undefined
      },
      counted: ({ usage }) => AnthropicUsage.counted(fields(usage)),
      unreachable: () => `no connection to ${name} at ${baseUrl}`
    })

    const requestTo: Address.Address["request"] = (method, path) =>
      address.request(method, path).pipe(
        HttpClientRequest.setHeader("anthropic-version", apiVersion),
        HttpClientRequest.setHeaders(options.headers ?? {}),
        HttpClientRequest.setHeaders(
          options.apiKey === undefined ? {} : { "x-api-key": Redacted.value(options.apiKey) }
        )
      )

    const post = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<HttpClientRequest.HttpClientRequest, AiError.AiError> {
      const said = Parameter.fields(yield* Parameters.Current, "messages", model, parameters)
      const { output_config: config, thinking } = said
      const outputConfig: object = Predicate.isReadonlyObject(config) ? config : {}
      const isManual = Predicate.isReadonlyObject(thinking) && thinking["type"] === "enabled"
      const { format, ...body } = yield* Effect.mapError(
        AnthropicRequest.make(request, model, !isManual && !AnthropicRequest.refusesForcedTools(model)),
        (reason) => ProviderRequest.failure(call, reason)
      )
      const fields = withParameters(
        { model, max_tokens: maxTokens, ...body, ...(stream ? { stream: true } : {}) },
        // Manual thinking wants its thoughts before the calls that are answered: another model's have none.
        isManual && AnthropicRequest.lacksThoughts(body) ? { ...said, thinking: null } : said
      )
      return requestTo("POST", path).pipe(
        HttpClientRequest.accept(stream ? "text/event-stream" : "application/json"),
        HttpClientRequest.bodyJsonUnsafe(
          format === undefined
            ? fields
            : {
              ...fields,
              output_config: { ...outputConfig, format }
            }
        )
      )
    })

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const response = yield* ProviderRequest.open(call, yield* post(call, request, stream))
      const origin = { model, requestId: response.headers["request-id"] }
      const errors = ProviderRequest.errors(call, url, response)
      const make = AnthropicResponse.make({ request, errors, newId: yield* newIds }, origin)
      return { body: ProviderRequest.body(call, response), make }
    })

    return {
      name,
      model,
      location: options.location ?? "cloud",
      capabilities: { ...Provider.defaultCapabilities, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, "messages", model),
      preflight: Effect.scoped(
        ProviderRequest.open(
          callOf("preflight"),
          requestTo("GET", `${version}/models/${encodeURIComponent(model)}`)
        )
      ).pipe(Effect.asVoid),
      // The longest page that the API gives ("List Models").
      models: Effect.map(
        ProviderRequest.json(
          callOf("models"),
          HttpClientRequest.setUrlParam(requestTo("GET", `${version}/models`), "limit", "1000"),
          Models
        ),
        ({ data }) => data.map(({ id }) => id)
      )
    }
  }
}
