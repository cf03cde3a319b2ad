/**
 * What is done to a request once, before its first attempt and before any redirect: base URL, default headers and the
 * idempotency key.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"
import * as HttpPolicy from "../../HttpPolicy.ts"
import { headerName, headerValue } from "../argument.ts"
import { hiddenUrl, withSecretNames } from "../call/hiddenUrl.ts"
import { isAbsolute } from "./origin.ts"
import { Secrets } from "./secrets.ts"
import { uuid } from "./uuid.ts"

type Request = HttpClientRequest.HttpClientRequest

/** Throws a `RangeError` for a base URL that is neither a URL of HTTP nor a path. */
export const checkBaseUrl = (where: string, baseUrl: string): void => {
  if (/^\/(?![/\\])/.test(baseUrl) || isAbsolute(baseUrl)) return
  const shown = hiddenUrl(baseUrl, withSecretNames(UrlParams.CurrentRedactedNames.defaultValue()))
  throw new RangeError(`${where}: baseUrl must be a URL of HTTP or a path, got ${JSON.stringify(shown)}`)
}

/** What each request gets unless it has it. */
export interface RequestDefaults {
  readonly baseUrl: string | undefined
  readonly headers: Headers.Headers
  readonly secrets: Secrets
}

/** Checks the options that are about requests, and compiles them. Throws a `RangeError` that names the one at fault. */
export const compile = (where: string, options: HttpPolicy.Options): RequestDefaults => {
  const { baseUrl, bearer, userAgent } = options
  const all: Record<string, string | Redacted.Redacted> = userAgent === undefined ? {} : { "user-agent": userAgent }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    all[headerName(where, "headers", name).toLowerCase()] = value
  }
  if (bearer !== undefined) {
    if ("authorization" in all) throw new RangeError(`${where}: bearer must not be beside a header authorization`)
    all["authorization"] = Redacted.make(`Bearer ${Redacted.value(bearer)}`)
  }
  if (baseUrl !== undefined) checkBaseUrl(where, baseUrl)
  const checked = Object.entries(all).map(([name, value]) => {
    const text = headerValue(where, `headers.${name}`, typeof value === "string" ? value : Redacted.value(value))
    return { name, text, isSecret: typeof value !== "string" }
  })
  const headers = (isSecret: boolean) =>
    Headers.fromInput(
      checked.filter((header) => header.isSecret === isSecret).map(({ name, text }): [string, string] => [name, text])
    )
  return { baseUrl: baseUrl?.trim(), headers: headers(false), secrets: new Secrets(headers(true), baseUrl) }
}

/** `isKeyed` says whether a POST or PATCH without an `Idempotency-Key` gets one. */
export const prepare = (
  { baseUrl, headers, secrets }: RequestDefaults,
  isKeyed: ((request: Request) => boolean) | undefined
): HttpClient.HttpClient.Preprocess<never, never> => {
  const hasDefaults = Object.keys(headers).length > 0
  return (request) =>
    Effect.withFiber((fiber) => {
      let prepared = request
      if (baseUrl !== undefined && !isAbsolute(request.url)) {
        prepared = HttpClientRequest.prependUrl(prepared, baseUrl)
      }
      if (hasDefaults) {
        prepared = HttpClientRequest.updateHeaders(prepared, (own) => Headers.merge(headers, own))
      }
      prepared = secrets.mark(prepared, fiber)
      return isKeyed !== undefined && needsKey(prepared) && isKeyed(prepared)
        ? Effect.map(uuid, (key) => HttpClientRequest.setHeader(prepared, "idempotency-key", key))
        : Effect.succeed(prepared)
    })
}

const needsKey = (request: Request): boolean =>
  (request.method === "POST" || request.method === "PATCH") && !HttpPolicy.isKeyed(request)
