/**
 * What chat completions and embeddings of one server have in common: where it is, how it is asked, what its errors mean.
 *
 * Guarded by `test/openai/presets.test.ts` and `test/OpenAiProvider.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Address from "../../Address.ts"
import * as Setting from "../config/environment.ts"
import type { Preset } from "../presets/preset.ts"
import { presets } from "../presets/presets.ts"
import * as OptionChecks from "../protocol/request/options.ts"
import type { ProviderRequest } from "../protocol/request/providerRequest.ts"
import { countedOf } from "./usage.ts"

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

/** The URL of an API: where a preset has a path and the URL names only the host, with that. */
const toUrl = (baseUrl: string, path: string | undefined): string => {
  const url = path === undefined ? null : URL.parse(baseUrl)
  if (url === null || url.pathname !== "/") return baseUrl
  url.pathname = path ?? ""
  return url.href
}

const names = Object.keys(presets)

/** Throws a `RangeError` if an option is invalid; `module` is the module in its message. */
export const make = (
  module: string,
  options: Options,
  defaultModel: (preset: Preset) => string | undefined,
  fields: Arguments.Fields = OptionChecks.common
): Api => {
  OptionChecks.check(module, { ...fields, preset: Arguments.optional(Arguments.oneOf(...names)) }, options, (place) => {
    const row: Preset | undefined = Object.hasOwn(presets, options.preset ?? "openai")
      ? presets[options.preset ?? "openai"]
      : undefined
    if (row === undefined) return
    if (options.baseUrl === undefined && row.baseUrl === undefined) {
      place.at("baseUrl").fault(
        `must be given for the preset "${row.name}", as ${row.exampleUrl ?? "a URL"}, got undefined`
      )
    }
    if (options.model === undefined && defaultModel(row) === undefined) {
      place.at("model").fault(`must be named for the preset "${row.name}", got undefined`)
    }
  })
  const preset: Preset = presets[options.preset ?? "openai"]
  const name = options.name ?? preset.name
  // Both have passed the check.
  const model = options.model ?? defaultModel(preset) ?? ""
  const address = Address.make(`${module}.make`, "baseUrl", toUrl(options.baseUrl ?? preset.baseUrl ?? "", preset.path))
  const baseUrl = address.shown
  return {
    preset,
    name,
    model,
    baseUrl,
    request: (method, path) => {
      const withHeaders = HttpClientRequest.setHeaders(address.request(method, path), options.headers ?? {})
      if (options.apiKey === undefined) return withHeaders
      return preset.keyHeader === "authorization"
        ? HttpClientRequest.bearerToken(withHeaders, options.apiKey)
        : HttpClientRequest.setHeader(withHeaders, preset.keyHeader, Redacted.value(options.apiKey))
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
      counted: countedOf,
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
  const row: Preset = presets[preset]
  const { baseUrl, embeddingModel, exampleUrl, location, model: chatModel, name, otherVariables, variables } = row
  const variable = variables + model
  const needsModel = (model === "_MODEL" ? chatModel : embeddingModel) === undefined
  // Without a URL of its own, a server is described by that: its key may be in the client.
  const key = location === "local" || baseUrl === undefined ? undefined : `a key of ${name}'s`
  return Setting.api(variables, { key, model: variable, others: otherVariables }).pipe(
    Effect.filterOrFail(
      (api) => api.baseUrl !== undefined || baseUrl !== undefined,
      () => Setting.fail(`Set ${variables}_BASE_URL to the URL of the API: ${exampleUrl ?? ""}`)
    ),
    Effect.filterOrFail(
      (api) => api.model !== undefined || !needsModel,
      () => Setting.fail(`Set ${variable} to a model that ${name} serves`)
    )
  )
}
