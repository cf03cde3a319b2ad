/**
 * OpenAI's Responses API, and compatible servers by a preset of `OpenAiProvider` or a `baseUrl`.
 *
 * **When to use**
 *
 * Use it for a reasoning model that calls tools: it keeps the thoughts across the calls. `OpenAiProvider` speaks chat completions,
 * which more servers know.
 *
 * **Details**
 *
 * Nothing is stored at the vendor's by default: the conversation goes out whole, and items of reasoning with their encrypted
 * content, which only their author can read. With `store: true` the API keeps the responses, and a request that goes on from one
 * of this provider's own, as Effect's `ResponseIdTracker` finds out, sends `previous_response_id` and the new messages alone. If
 * the API no longer has that response, the whole conversation is sent.
 *
 * A stream is complete once `response.completed` or `response.incomplete` has arrived. A response that failed or was cancelled is
 * a failure, and so is an answer of which a filter left nothing.
 *
 * Effect's provider-defined tools are sent if their id begins with `openai.`: `openai.web_search` is the vendor's `web_search`, with
 * its arguments. What a search found is cited as source parts; the vendor's own calls and their results are not parts.
 *
 * Source: OpenAI API reference, "Create a model response" and "Streaming events"; "Reasoning models"; "Conversation state".
 *
 * **Gotchas**
 *
 * - Give it an `HttpClient` that does not retry: the chain does.
 * - A model that thinks in silence may time out: pass {@link summarized} as `parameters`, or raise the chain's
 *   `timeouts.firstContent`.
 * - `preflight` checks the address and the key, not the model.
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
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Setting from "./internal/config/environment.ts"
import * as OpenAiApi from "./internal/openai/api.ts"
import * as Parameter from "./internal/parameters/fields.ts"
import * as Answer from "./internal/protocol/answer/answer.ts"
import { newIds } from "./internal/protocol/answer/newIds.ts"
import { withParameters } from "./internal/protocol/request/body.ts"
import * as OptionChecks from "./internal/protocol/request/options.ts"
import * as ProviderRequest from "./internal/protocol/request/providerRequest.ts"
import * as ResponsesRequest from "./internal/responses/request.ts"
import * as ResponsesResponse from "./internal/responses/response.ts"
import type { Options as ChatOptions } from "./OpenAiProvider.ts"
import * as Parameters from "./Parameters.ts"
import * as Provider from "./Provider.ts"
import { detail } from "./ProviderFailure.ts"

/** How to reach the API, and which model to ask. */
export interface Options extends ChatOptions {
  /** Names the provider in events, errors and priorities. Default: `"openai-responses"`, or the preset's name. */
  readonly name?: string | undefined
  /** Whether the API keeps the responses, so that a conversation goes on from the last one. Default: `false`. */
  readonly store?: boolean | undefined
}

/** The `parameters` of a model that streams a summary of its thoughts. */
export const summarized = { reasoning: { summary: "auto" } } as const

/**
 * Makes a provider over the `HttpClient` in context. Throws a `RangeError` for an invalid URL, and if neither you nor the
 * preset name a model.
 *
 * ```ts import.meta.vitest
 * import { OpenAiResponsesProvider } from "@holdfast/llm"
 * import { Effect, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const program = OpenAiResponsesProvider.make({
 *   apiKey: Redacted.make("sk-..."),
 *   model: "gpt-5",
 *   parameters: OpenAiResponsesProvider.summarized
 * })
 *
 * const provider = await Effect.runPromise(program.pipe(Effect.provide(FetchHttpClient.layer)))
 * const title = `${provider.name}/${provider.model}`
 * title // => "openai-responses/gpt-5"
 * ```
 */
export const make = (options?: Options): Effect.Effect<Provider.Provider, never, HttpClient.HttpClient> =>
  Effect.map(HttpClient.HttpClient, makeWith(options ?? {}))

/**
 * Makes a provider from `OPENAI_API_KEY`, `OPENAI_RESPONSES_MODEL` (or `OPENAI_MODEL`) and `OPENAI_RESPONSES_BASE_URL` (or
 * `OPENAI_BASE_URL`); `options` set the rest. Fails with a `ConfigError` if there is neither a key nor a base URL.
 *
 * ```ts import.meta.vitest
 * import { OpenAiResponsesProvider } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-...", OPENAI_RESPONSES_MODEL: "gpt-5" })
 * const program = OpenAiResponsesProvider.makeConfig().pipe(
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * const provider = await Effect.runPromise(program)
 * provider.model // => "gpt-5"
 * ```
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "apiKey" | "model" | "baseUrl" | "preset">
): Effect.fn.Return<Provider.Provider, Config.ConfigError, HttpClient.HttpClient> {
  const { model, ...api } = yield* Setting.api("OPENAI", {
    key: "a key of OpenAI's",
    others: { model: "OPENAI_MODEL", address: "OPENAI_BASE_URL" },
    model: "OPENAI_RESPONSES_MODEL",
    address: "OPENAI_RESPONSES_BASE_URL"
  })
  return yield* Setting.make(() => make({ ...options, ...api, model }))
})

type Body = Readonly<Record<string, unknown>>

/** Models that do not reason have nothing to encrypt, and the API refuses to be asked. */
const reasons = (model: string): boolean => !/(^|\/)(gpt-3|gpt-4|chatgpt)|-chat/.test(model)

const says = ({ reason }: AiError.AiError, words: RegExp): boolean =>
  detail(reason).status === 400 && words.test("http" in reason ? reason.http?.body ?? "" : "")

/** How many responses of its own a provider remembers. */
const remembered = 10_000

const makeWith = (options: Options) => {
  const named = options.preset === undefined || options.preset === "openai" ? "openai-responses" : options.preset
  const api = OpenAiApi.make(
    "OpenAiResponsesProvider",
    { ...options, name: options.name ?? named },
    (preset) => preset.model,
    { ...OptionChecks.common, store: Arguments.optional(Arguments.boolean) }
  )
  const { baseUrl, model, name, preset } = api
  const store = options.store ?? false
  const path = "/responses"
  const url = baseUrl + path

  return (client: HttpClient.HttpClient): Provider.Provider => {
    const own = new Set<string>()
    const onId = (id: string): void => {
      if (!store) return
      own.add(id)
      const [oldest] = own
      if (own.size > remembered && oldest !== undefined) own.delete(oldest)
    }
    let asksForThoughts = !store && reasons(model)

    const bodyOf = (
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean,
      previous: string | undefined
    ): Effect.Effect<Body, AiError.AiError> =>
      Effect.flatMap(
        Parameters.Current,
        (parameters) =>
          Effect.mapBoth(ResponsesRequest.make(request, preset, previous), {
            onFailure: (reason) => ProviderRequest.failure(call, reason),
            onSuccess: (body) => {
              const asked = withParameters(
                {
                  model,
                  ...body,
                  store,
                  ...(asksForThoughts ? { include: ["reasoning.encrypted_content"] } : {}),
                  ...(stream ? { stream: true } : {})
                },
                Parameter.fields(parameters, "responses", model, options.parameters)
              )
              // The format is the request's; what `parameters` say beside it stays.
              const { text } = asked
              return body.text === undefined
                ? asked
                : { ...asked, text: { ...(Predicate.isReadonlyObject(text) ? text : {}), ...body.text } }
            }
          })
      )

    const send = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean,
      previous: string | undefined
    ) {
      const body = yield* bodyOf(call, request, stream, previous)
      return yield* ProviderRequest.open(
        call,
        api.request("POST", path).pipe(
          HttpClientRequest.accept(stream ? "text/event-stream" : "application/json"),
          HttpClientRequest.bodyJsonUnsafe(body)
        )
      )
    })

    const answerOf = Effect.fnUntraced(function*(
      call: ProviderRequest.ProviderRequest,
      request: LanguageModel.ProviderOptions,
      stream: boolean
    ): Effect.fn.Return<Answer.Answer, AiError.AiError, IdGenerator | Scope.Scope> {
      const { previousResponseId: last } = request
      const previous = last !== undefined && own.has(last) ? last : undefined
      const response = yield* send(call, request, stream, previous).pipe(
        Effect.catch((error) => {
          if (previous !== undefined && says(error, /previous_response/)) {
            own.delete(previous)
            return send(call, request, stream, undefined)
          }
          if (!asksForThoughts || !says(error, /encrypted_content|encrypted content/i)) return Effect.fail(error)
          asksForThoughts = false
          return send(call, request, stream, previous)
        })
      )
      const errors = ProviderRequest.errors(call, url, response)
      const make = ResponsesResponse.make({ request, errors, newId: yield* newIds }, onId)
      return { body: ProviderRequest.body(call, response), make }
    })

    const callOf = (method: string) => api.callOf(client, method)

    return {
      name,
      model,
      location: options.location ?? preset.location,
      capabilities: { ...Provider.defaultCapabilities, ...preset.capabilities, ...options.capabilities },
      ...Answer.methods(callOf, answerOf),
      drops: (asked) => Parameter.dropped(asked, "responses", model),
      preflight: Effect.asVoid(
        Effect.scoped(ProviderRequest.open(callOf("preflight"), api.request("GET", "/models")))
      )
    }
  }
}
