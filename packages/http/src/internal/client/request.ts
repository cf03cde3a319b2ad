/**
 * What is done to a request once, before its first attempt and before any redirect: base URL, default headers and the
 * idempotency key.
 *
 * Guarded by `test/client/bounds.test.ts` and `test/client/requestHeaders.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as HttpPolicy from "../../HttpPolicy.ts"
import { Secrets } from "../secrets/headerSecrets.ts"
import { isAbsolute } from "./origin.ts"
import { uuid } from "./uuid.ts"

type Request = HttpClientRequest.HttpClientRequest

/** What each request gets unless it has it. */
export interface RequestDefaults {
  readonly baseUrl: string | undefined
  readonly headers: Headers.Headers
  readonly secrets: Secrets
}

/** Compiles the options that are about requests. They have been checked. */
export const compile = (options: HttpPolicy.Options): RequestDefaults => {
  const { baseUrl, bearer, userAgent } = options
  const plain: Record<string, string> = userAgent === undefined ? {} : { "user-agent": userAgent }
  const secret: Record<string, string> = {}
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (typeof value === "string") plain[name.toLowerCase()] = value
    else secret[name.toLowerCase()] = Redacted.value(value)
  }
  if (bearer !== undefined) secret["authorization"] = `Bearer ${Redacted.value(bearer)}`
  return {
    baseUrl: baseUrl?.trim(),
    headers: Headers.fromInput(plain),
    secrets: new Secrets(Headers.fromInput(secret), baseUrl)
  }
}

/** `isKeyed` says whether a POST or PATCH without an `Idempotency-Key` gets one. */
export const prepare = (
  { baseUrl, headers, secrets }: RequestDefaults,
  isKeyed: ((request: Request) => boolean) | undefined
): HttpClient.HttpClient.Preprocess<never, never> => {
  const hasDefaults = Object.keys(headers).length > 0
  const isPlain = baseUrl === undefined && !hasDefaults
  return (request) => {
    if (isPlain && !secrets.mayMark(request) && (isKeyed === undefined || !needsKey(request))) {
      return Effect.succeed(request)
    }
    return Effect.withFiber((fiber) => {
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
}

const needsKey = (request: Request): boolean =>
  (request.method === "POST" || request.method === "PATCH") && !HttpPolicy.isKeyed(request)
