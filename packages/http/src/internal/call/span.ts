/**
 * The span of one request, with the attributes of OpenTelemetry's HTTP client conventions and the redaction that
 * Effect's own clients apply.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as UrlParams from "effect/http/UrlParams"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { Target } from "../undici/target.ts"
import { withSecretNames } from "./queryNames.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>, request: Request): boolean =>
  !fiber.getRef(Tracer.DisablePropagation) && !fiber.getRef(HttpClient.TracerDisabledWhen)(request)

export const traced = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request,
  target: Target,
  send: (headers: Readonly<Record<string, string>>, span: Tracer.Span) => Effect.Effect<Response, Failure>
): Effect.Effect<Response, Failure> =>
  Effect.useSpan(fiber.getRef(HttpClient.SpanNameGenerator)(request), { kind: "client" }, (span) => {
    const names = fiber.getRef(Headers.CurrentRedactedNames)
    const filter = fiber.getRef(HttpClient.TracerHeaderFilter)
    span.attribute("http.request.method", request.method)
    addTarget(span, target, fiber, request)
    addHeaders(span, "request", request.headers, filter, names)
    const headers = fiber.getRef(HttpClient.TracerPropagationEnabled)
      ? { ...request.headers, ...HttpTraceContext.toHeaders(span) }
      : request.headers
    return Effect.map(send(headers, span), (response) => {
      span.attribute("http.response.status_code", response.status)
      addHeaders(span, "response", response.headers, filter, names)
      if (response.status >= 400) endAsFailed(fiber, span, request, response)
      return response
    })
  })

// The response succeeds, and its span fails: OpenTelemetry counts 4xx and 5xx as errors of a client span.
const endAsFailed = (
  fiber: Fiber.Fiber<unknown, unknown>,
  span: Tracer.Span,
  request: Request,
  response: Response
): void => {
  span.attribute("error.type", String(response.status))
  const now = fiber.getRef(References.TracerTimingEnabled) ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : 0n
  // The message of the error has the URL in it, and an exporter reads it where the names in force are others.
  const shown = HttpClientRequest.setUrl(request, UrlParams.redactUrl(request.url, redactedParams(fiber, request)))
  const reason = new HttpClientError.StatusCodeError({ request: shown, response })
  span.end(now, Exit.fail(new HttpClientError.HttpClientError({ reason })))
}

const redactedParams = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request
): ReadonlyArray<string | RegExp> => {
  const names = withSecretNames(fiber.getRef(UrlParams.CurrentRedactedNames))
  const secret = request.urlParams.params.filter(([, value]) => Redacted.isRedacted(value)).map(([name]) => name)
  return secret.length === 0 ? names : [...names, ...secret]
}

const addTarget = (
  span: Tracer.Span,
  { origin, path }: Target,
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request
): void => {
  const question = path.indexOf("?")
  if (question === -1) {
    span.attribute("url.full", origin.url + path)
    span.attribute("url.path", path)
  } else {
    const query = UrlParams.redactUrl(path.slice(question), redactedParams(fiber, request))
    const name = path.slice(0, question)
    span.attribute("url.full", origin.url + name + query)
    span.attribute("url.path", name)
    if (query !== "?") span.attribute("url.query", query.slice(1))
  }
  span.attribute("url.scheme", origin.scheme)
  span.attribute("server.address", origin.address)
  span.attribute("server.port", origin.port)
}

const addHeaders = (
  span: Tracer.Span,
  phase: "request" | "response",
  headers: Headers.Headers,
  filter: (name: string, phase: "request" | "response") => boolean,
  redacted: ReadonlyArray<string | RegExp>
): void => {
  for (const name in headers) {
    if (!filter(name, phase)) continue
    const value = Headers.isRedactedName(name, redacted) ? "<redacted>" : headers[name]
    span.attribute(attributeOf(phase, name), value)
  }
}

/** The attribute of a header. Most headers are the same few, and their attributes are not put together each time. */
const attributeOf = (phase: "request" | "response", name: string): string => {
  const known = attributes[phase].get(name)
  if (known !== undefined) return known
  const attribute = `http.${phase}.header.${name}`
  if (attributes[phase].size < maxAttributes) attributes[phase].set(name, attribute)
  return attribute
}

const attributes = { request: new Map<string, string>(), response: new Map<string, string>() }

/** How many are remembered: servers name headers as they like. */
const maxAttributes = 256
