/**
 * Chat completions of OpenAI, and of compatible servers by {@link presets} or `baseUrl`: clouds such as Azure OpenAI, OpenRouter,
 * Groq and Mistral, and servers on your own machines such as vLLM, LM Studio and llama.cpp.
 *
 * **When to use**
 *
 * Use it for any server that speaks chat completions. For a reasoning model of OpenAI's that calls tools, prefer
 * `OpenAiResponsesProvider`: it keeps the thoughts across the calls.
 *
 * **Details**
 *
 * A stream is complete once a `finish_reason` and `[DONE]` have arrived. If either is missing, it fails, because half of the
 * answer may be missing too. The provider asks for usage (`stream_options.include_usage`) and works without it. Errors in the
 * middle of a stream become failures, never text.
 *
 * Source: OpenAI API reference, "Create chat completion" and "Streaming"; the servers' own docs for what they add.
 *
 * **Gotchas**
 *
 * - Give it an `HttpClient` that does not retry: the chain does.
 * - Name the preset of a server that has one, and not only its `baseUrl`: servers differ in what they take.
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
import { identity } from "effect/Function"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Setting from "./internal/config/environment.ts"
import * as OpenAiApi from "./internal/openai/api.ts"
import * as OpenAiRequest from "./internal/openai/request.ts"
import * as OpenAiResponse from "./internal/openai/response.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import type * as Row from "./internal/presets/preset.ts"
import { localHabits } from "./internal/presets/preset.ts"
import * as Presets from "./internal/presets/presets.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import { withParameters } from "./internal/protocol/request/body.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import { isRefusedAsEmpty } from "./internal/protocol/request/refusedAsEmpty.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"
import { detail } from "./ProviderFailure.ts"

/** A server of chat completions: where it is, and how it differs in what it is sent. */
export type Preset = Row.Preset

/**
 * The supported servers. Pass a name as the option `preset`.
 *
 * ```ts import.meta.vitest
 * import { OpenAiProvider } from "@holdfast/llm"
 *
 * Object.keys(OpenAiProvider.presets).slice(0, 4) // => ["openai", "openrouter", "groq", "azure"]
 * OpenAiProvider.presets.groq.baseUrl // => "https://api.groq.com/openai/v1"
 * ```
 */
export const presets = Presets.presets

/** How to reach the API, and which model to ask. */
export interface Options {
  /** The server, which sets the defaults below. Default: `"openai"`. */
  readonly preset?: keyof typeof presets | undefined
  /** Sent as a bearer token, to Azure as `api-key`. Servers on your own machine usually need no key. Default: none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** The model's id. Default: the preset's (`"gpt-5-mini"` of `"openai"`); Azure, vLLM and others have none, so name it. */
  readonly model?: string | undefined
  /** The URL of the API, including the version. Default: the preset's; Azure and Vertex have none, so name it. */
  readonly baseUrl?: string | undefined
  /** Names the provider in events, errors and priorities. Default: the preset's name. */
  readonly name?: string | undefined
  /** Whether the server is in the cloud or on your own machine or network. Default: the preset's. */
  readonly location?: Provider.Location | undefined
  /** Capabilities that differ from {@link Provider.defaultCapabilities}. Default: `{}`. */
  readonly capabilities?: Partial<Provider.Capabilities> | undefined
  /** Headers of every request, such as OpenRouter's `X-Title`. Default: none. */
  readonly headers?: Headers.Input | undefined
  /**
   * Fields of every request's body: `{ temperature: 0 }`. They override the provider's own, except for the model and the messages;
   * `null` removes a field: `{ stream_options: null }`. Default: `{}`.
   */
  readonly parameters?: Readonly<Record<string, Schema.Json>> | undefined
}

/** OpenAI's default model. */
export const defaultModel = presets.openai.model

/** The URL of OpenAI's own API. */
export const defaultBaseUrl = presets.openai.baseUrl

/**
 * Makes a provider over the `HttpClient` in context. Throws a `RangeError` for an invalid URL, and if neither you nor the
 * preset name a model.
 *
 * ```ts import.meta.vitest
 * import { OpenAiProvider } from "@holdfast/llm"
 * import { Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OpenAiProvider.make({ preset: "lmstudio", model: "qwen3" })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "lmstudio/qwen3"
 * ```
 */
export const make = (options?: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `OPENAI_API_KEY`, `OPENAI_MODEL` and `OPENAI_BASE_URL`, or from the variables of another preset
 * (`GROQ_API_KEY`); `options` set the rest. Fails with a `ConfigError` if a cloud preset has neither a key nor a base
 * URL.
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
  const api = yield* OpenAiApi.config(options?.preset)
  return yield* Setting.make(() => make({ ...options, ...api }))
})

const Models = Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })

type Body = Readonly<Record<string, unknown>>

/** Whether the server rejected `stream_options`. */
const refusesUsage = ({ reason }: AiError.AiError): boolean => {
  const status = detail(reason).status
  return (status === 400 || status === 422 || status === 501) &&
    /stream_options|include_usage/.test("http" in reason ? reason.http?.body ?? "" : "")
}

const makeWith = (options: Options) => {
  const api = OpenAiApi.make("OpenAiProvider", options, (preset) => preset.model)
  const { baseUrl, model, name, preset } = api
  const location = options.location ?? preset.location
  // Local servers of every kind may leave a model's tags in the content, where no parser removes them.
  const habits = location === "local" ? { ...preset, ...localHabits } : preset
  const path = "/chat/completions"
  const dialect = Parameter.dialectOf(preset.name)
  const url = baseUrl + path

  return (client: HttpClient.HttpClient): Provider.Provider => {
    const callOf = (method: string) => api.callOf(client, method)

    const body = (
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.Effect<Body, AiError.AiError> =>
      Effect.flatMap(Parameters.Current, (asked) =>
        Effect.mapBoth(OpenAiRequest.make(request, { preset, model }), {
          onFailure: (reason) => ProviderRequest.failure(call, reason),
          onSuccess: (body) =>
            withParameters(
              {
                model,
                ...body,
                ...(stream ? { stream: true } : {}),
                ...(stream && asksForUsage ? { stream_options: { include_usage: true } } : {})
              },
              Parameter.fields(asked, dialect, model, options.parameters)
            )
        }))

    const send = (call: ProviderRequest.ProviderRequest, body: Body) =>
      ProviderRequest.open(
        call,
        api.request("POST", path).pipe(
          HttpClientRequest.accept(body["stream"] === true ? "text/event-stream" : "application/json"),
          HttpClientRequest.bodyJsonUnsafe(body)
        )
      )

    /** Some servers reject `stream_options`. Send the request again without it, and leave it out from then on. */
    let asksForUsage = preset.usage === "asked"
    const withoutUsage = (call: ProviderRequest.ProviderRequest, body: Body) => (error: AiError.AiError) => {
      if (body["stream_options"] === undefined || !refusesUsage(error)) return Effect.fail(error)
      asksForUsage = false
      const { stream_options: _, ...rest } = body
      return send(call, rest)
    }

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const asked = yield* body(call, request, stream)
      const response = yield* Effect.catch(send(call, asked), withoutUsage(call, asked))
      const errors = ProviderRequest.errors(call, url, response)
      const make = OpenAiResponse.make({ request, errors, newId: yield* newIds }, habits)
      return { body: ProviderRequest.body(call, response), make }
    })

    const list = api.request("GET", "/models")
    const modelsBy = (call: ProviderRequest.ProviderRequest) =>
      Effect.map(ProviderRequest.json(call, list, Models), ({ data }) => data.map(({ id }) => id))
    const findModel = Effect.gen(function*() {
      const call = callOf("preflight")
      const has = yield* modelsBy(call)
      if (has.includes(model)) return
      return yield* ProviderRequest.missingModel(call, { url: baseUrl, model, has, advice: "Name one that it has" })
    })

    /** Without a list: a conversation without messages, which a server refuses once it has accepted the key and the model. */
    const sendNothing = api.request("POST", path).pipe(HttpClientRequest.bodyJsonUnsafe({ model, messages: [] }))

    return {
      name,
      model,
      location,
      capabilities: { ...Provider.defaultCapabilities, ...preset.capabilities, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, dialect, model),
      preflight: preset.models === "all"
        ? findModel
        : ProviderRequest.open(callOf("preflight"), preset.models === "some" ? list : sendNothing).pipe(
          Effect.scoped,
          Effect.asVoid,
          preset.models === "some" ? identity : Effect.catchIf(isRefusedAsEmpty, () => Effect.void)
        ),
      models: preset.models === "unlisted" ? undefined : modelsBy(callOf("models"))
    }
  }
}
