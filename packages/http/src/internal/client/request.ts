/**
 * What is done to a request once, before its first attempt and before any redirect: base URL, default headers and the
 * idempotency key.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import type * as HttpPolicy from "../../HttpPolicy.ts"
import { headerName, headerValue } from "../argument.ts"
import { uuid } from "./uuid.ts"

type Request = HttpClientRequest.HttpClientRequest

/**
 * The origin of a URL, in lower case and without name and password; of one that is relative or not of HTTP there is none.
 */
export const originOf = (url: string): string | undefined => {
  if (url.startsWith(last.spelling) && url[last.spelling.length] === "/") return last.origin
  const [spelling, scheme, host] = /^(https?:\/\/)(?:[^/?#]*@)?([^/?#]*)/i.exec(url) ?? []
  if (spelling === undefined) return undefined
  last = { spelling, origin: `${scheme}${host}`.toLowerCase() }
  return last.origin
}

/** Most calls go to the origin that the call before went to. */
let last = { spelling: "http://", origin: "http://" }

/** Throws a `RangeError` for what cannot stand before a path. */
export const checkBaseUrl = (where: string, baseUrl: string): void => {
  if (baseUrl.startsWith("/") || (originOf(baseUrl) !== undefined && URL.canParse(baseUrl))) return
  throw new RangeError(`${where}: baseUrl must be a URL of HTTP or a path, got ${JSON.stringify(baseUrl)}`)
}

/** What each request gets unless it has it. */
export interface RequestDefaults {
  readonly baseUrl: string | undefined
  readonly headers: Headers.Headers
  /** The names of the headers that are secret. */
  readonly secrets: ReadonlyArray<string>
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
  const entries = Object.entries(all).map(([name, value]): [string, string] => [
    name,
    headerValue(where, `headers.${name}`, typeof value === "string" ? value : Redacted.value(value))
  ])
  return {
    baseUrl,
    headers: Headers.fromInput(entries),
    secrets: Object.entries(all).flatMap(([name, value]) => typeof value === "string" ? [] : [name])
  }
}

/** `isKeyed` says whether a POST or PATCH without an `Idempotency-Key` gets one. */
export const prepare = (
  { baseUrl, headers }: RequestDefaults,
  isKeyed: ((request: Request) => boolean) | undefined
): HttpClient.HttpClient.Preprocess<never, never> => {
  const hasDefaults = Object.keys(headers).length > 0
  return (request) => {
    let prepared = request
    if (baseUrl !== undefined && originOf(request.url) === undefined) {
      prepared = HttpClientRequest.prependUrl(prepared, baseUrl)
    }
    if (hasDefaults) {
      prepared = HttpClientRequest.updateHeaders(prepared, (own) => Headers.merge(headers, own))
    }
    return isKeyed !== undefined && needsKey(prepared) && isKeyed(prepared)
      ? Effect.map(uuid, (key) => HttpClientRequest.setHeader(prepared, "idempotency-key", key))
      : Effect.succeed(prepared)
  }
}

const needsKey = (request: Request): boolean =>
  (request.method === "POST" || request.method === "PATCH") && !("idempotency-key" in request.headers)
