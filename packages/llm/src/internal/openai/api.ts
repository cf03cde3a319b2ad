/** What chat completions and embeddings of one server have in common: where it is, how it is asked, what its errors mean. */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Address from "../../Address.ts"
import * as Setting from "../config/environment.ts"
import type { ProviderRequest } from "../protocol/request/providerRequest.ts"
import type { Preset } from "./presets.ts"
import { presets } from "./presets.ts"

/** How to reach a server. */
interface Options {
  readonly preset?: keyof typeof presets | undefined
  readonly apiKey?: Redacted.Redacted | undefined
  readonly model?: string | undefined
  readonly baseUrl?: string | undefined
  readonly name?: string | undefined
  readonly headers?: Headers.Input | undefined
}

/** A server and the model that it is asked for. */
export interface Api {
  readonly preset: Preset
  readonly name: string
  readonly model: string
  /** Where it is, as it may be shown. */
  readonly baseUrl: string
  readonly request: Address.Address["request"]
  readonly callOf: (client: HttpClient.HttpClient, method: string) => ProviderRequest
}

/** Throws a `RangeError` if an option is invalid; `module` is the module in its message. */
export const make = (module: string, options: Options, defaultModel: (preset: Preset) => string | undefined): Api => {
  const preset: Preset = presets[options.preset ?? "openai"]
  const name = options.name ?? preset.name
  const model = options.model ?? defaultModel(preset)
  const address = Address.make(`${module}.make`, "baseUrl", options.baseUrl ?? preset.baseUrl)
  const baseUrl = address.shown
  if (model === undefined) {
    throw new RangeError(`${module}.make: model must be named for the preset "${preset.name}", got ${options.model}`)
  }
  return {
    preset,
    name,
    model,
    baseUrl,
    request: (method, path) => {
      const withHeaders = HttpClientRequest.setHeaders(address.request(method, path), options.headers ?? {})
      return options.apiKey === undefined ? withHeaders : HttpClientRequest.bearerToken(withHeaders, options.apiKey)
    },
    callOf: (client, method) => ({
      module,
      method,
      provider: name,
      client,
      secrets: options.apiKey === undefined ? address.secrets : [options.apiKey, ...address.secrets],
      advice: (kind, status, isApi) => {
        if (status === 404 && !isApi) return `Check the address: no API of ${name} is at ${baseUrl}`
        if (kind === "unknownModel") return `Check that ${baseUrl} serves the model "${model}"`
        if (kind === "wrongAddress") {
          return `Check that ${preset.variables}_BASE_URL is the address of the API, with its version`
        }
        if (kind === "keyRejected") return `Set ${preset.variables}_API_KEY to a valid key`
        if (kind === "quotaSpent") return `Add credit to the account of ${name}, or wait until its quota is renewed`
        if (kind === "outOfMemory") return `Choose a smaller model than "${model}", or free memory on the server`
        return undefined
      },
      unreachable: () =>
        [`no connection to ${name} at ${baseUrl}`, ...(preset.start === undefined ? [] : [preset.start])].join(". ")
    })
  }
}

/** Key, model and URL from the variables of a preset; `model` is the end of the model's. */
export const config = (
  preset: keyof typeof presets = "openai",
  model: "_MODEL" | "_EMBEDDING_MODEL" = "_MODEL"
): Effect.Effect<Setting.Api, Config.ConfigError> => {
  const { embeddingModel, location, model: chatModel, name, variables }: Preset = presets[preset]
  const variable = variables + model
  const needsModel = (model === "_MODEL" ? chatModel : embeddingModel) === undefined
  return Effect.filterOrFail(
    Setting.api(variables, location === "local" ? undefined : `a key of ${name}'s`, variable),
    (api) => api.model !== undefined || !needsModel,
    () => Setting.fail(`Set ${variable} to a model that ${name} serves`)
  )
}
