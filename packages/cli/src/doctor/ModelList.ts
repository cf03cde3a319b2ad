/** The models that a cloud lists, by the settings that say where it is and with which key. */
import * as Address from "@holdfast/llm/Address"
import * as AnthropicProvider from "@holdfast/llm/AnthropicProvider"
import * as OpenAiProvider from "@holdfast/llm/OpenAiProvider"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const Page = Schema.Struct({ data: Schema.Array(Schema.Struct({ id: Schema.String })) })

const list = (request: HttpClientRequest.HttpClientRequest) =>
  HttpClient.execute(request).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap(HttpClientResponse.schemaBodyJson(Page)),
    Effect.map(({ data }) => data.map(({ id }) => id))
  )

const text = (name: string) =>
  Config.map(Config.option(Config.String(name)), Option.filter((text) => text.trim() !== ""))

const secret = (name: string) =>
  Config.map(Config.option(Config.Redacted(name)), Option.filter((key) => Redacted.value(key).trim() !== ""))

/** `GET /models` of a server that speaks OpenAI's API; `undefined` where it has no list. */
export const openAi = Effect.fnUntraced(function*(preset: keyof typeof OpenAiProvider.presets) {
  const { baseUrl, keyHeader, models, variables }: OpenAiProvider.Preset = OpenAiProvider.presets[preset]
  const url = Option.getOrElse(yield* text(`${variables}_BASE_URL`), () => baseUrl)
  if (url === undefined || models === "unlisted" || keyHeader !== "authorization") return undefined
  const request = Address.make("doctor", "baseUrl", url).request("GET", "/models")
  const key = yield* secret(`${variables}_API_KEY`)
  return yield* list(Option.isSome(key) ? HttpClientRequest.bearerToken(request, key.value) : request)
})

/** `GET /v1/models` of Anthropic's API: the first thousand. */
export const anthropic = Effect.gen(function*() {
  const url = Option.getOrElse(yield* text("ANTHROPIC_BASE_URL"), () => AnthropicProvider.defaultBaseUrl)
  const address = Address.make("doctor", "baseUrl", url)
  const request = address.request("GET", address.shown.endsWith("/v1") ? "/models" : "/v1/models").pipe(
    HttpClientRequest.setUrlParam("limit", "1000"),
    HttpClientRequest.setHeader("anthropic-version", AnthropicProvider.apiVersion)
  )
  const key = yield* secret("ANTHROPIC_API_KEY")
  return yield* list(
    Option.isSome(key) ? HttpClientRequest.setHeader(request, "x-api-key", Redacted.value(key.value)) : request
  )
})

/** The first few of many, in words. */
export const some = (models: ReadonlyArray<string>): string =>
  models.slice(0, 5).join(", ") + (models.length > 5 ? ` and ${models.length - 5} more` : "")
