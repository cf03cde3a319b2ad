/**
 * The span of one request, with the attributes of OpenTelemetry's HTTP client conventions and the redaction that
 * Effect's own clients apply.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
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

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** How often the request was sent before: what a policy tells the transport below it. */
export const Resends: Context.Reference<number> = Context.Reference<number>("@holdfast/http/Resends", {
  defaultValue: () => 0
})

export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>, request: Request): boolean =>
  !fiber.getRef(Tracer.DisablePropagation) && !fiber.getRef(HttpClient.TracerDisabledWhen)(request)

export const traced = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request,
  url: URL,
  send: (request: Request) => Effect.Effect<Response, Failure>
): Effect.Effect<Response, Failure> =>
  Effect.useSpan(fiber.getRef(HttpClient.SpanNameGenerator)(request), { kind: "client" }, (span) => {
    const names = fiber.getRef(Headers.CurrentRedactedNames)
    const filter = fiber.getRef(HttpClient.TracerHeaderFilter)
    span.attribute("http.request.method", request.method)
    const resends = fiber.getRef(Resends)
    if (resends > 0) span.attribute("http.request.resend_count", resends)
    addUrl(span, url, redactedParams(fiber, request))
    addHeaders(span, "request", request.headers, filter, names)
    const outgoing = fiber.getRef(HttpClient.TracerPropagationEnabled)
      ? HttpClientRequest.setHeaders(request, HttpTraceContext.toHeaders(span))
      : request
    return Effect.map(Effect.withParentSpan(send(outgoing), span, { captureStackTrace: false }), (response) => {
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
  const reason = new HttpClientError.StatusCodeError({ request, response })
  span.end(now, Exit.fail(new HttpClientError.HttpClientError({ reason })))
}

const redactedParams = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request
): ReadonlyArray<string | RegExp> => {
  const names = fiber.getRef(UrlParams.CurrentRedactedNames)
  const secret = request.urlParams.params.filter(([, value]) => Redacted.isRedacted(value)).map(([name]) => name)
  return secret.length === 0 ? names : [...names, ...secret]
}

const addUrl = (span: Tracer.Span, url: URL, redacted: ReadonlyArray<string | RegExp>): void => {
  const query = UrlParams.redactUrl(url.search, redacted).slice(1)
  span.attribute("url.full", UrlParams.redactUrl(url.href, redacted))
  span.attribute("url.path", url.pathname)
  if (query !== "") span.attribute("url.query", query)
  span.attribute("url.scheme", url.protocol.slice(0, -1))
  span.attribute("server.address", url.hostname.replace(/^\[|\]$/g, ""))
  span.attribute("server.port", url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port))
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
    span.attribute(`http.${phase}.header.${name}`, value)
  }
}
