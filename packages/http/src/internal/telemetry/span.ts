/**
 * The span of one request, with the attributes of OpenTelemetry's HTTP client conventions and the redaction that
 * Effect's own clients apply.
 *
 * Guarded by `test/call/telemetry.test.ts` and `test/call/unsentTimeouts.test.ts`.
 */
import * as Cause from "effect/Cause"
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
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { hiddenUrl, shownHeader, type UrlSecrets, urlSecrets, withNames } from "../secrets/hiddenUrl.ts"
import { Shown } from "../secrets/shown.ts"
import type { Target } from "../undici/target.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** What only a policy knows of a request that it sends. */
export interface Told {
  /** What is shown of the request, if that is not the request itself. */
  readonly shown: Shown | undefined
  /** How many times the request was sent before. */
  readonly resends: number
  /** The template of the endpoint's path. */
  readonly template: string | undefined
}

/** Adds what only the policy knows. */
export const addTold = (span: Tracer.Span, { resends, template }: Told): void => {
  if (resends > 0) span.attribute("http.request.resend_count", resends)
  if (template !== undefined) span.attribute("url.template", template)
}

export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>, request: Request): boolean =>
  !fiber.getRef(Tracer.DisablePropagation) && !fiber.getRef(HttpClient.TracerDisabledWhen)(request)

export const traced = (
  fiber: Fiber.Fiber<unknown, unknown>,
  request: Request,
  target: Target,
  told: Told | undefined,
  send: (headers: Readonly<Record<string, string>>, span: Tracer.Span) => Effect.Effect<Response, Failure>
): Effect.Effect<Response, Failure> =>
  Effect.useSpan(fiber.getRef(HttpClient.SpanNameGenerator)(request), clientSpan, (span) => {
    const secrets = redactedParams(fiber, request)
    if (told !== undefined) addTold(span, told)
    span.attribute("http.request.method", request.method)
    addTarget(span, target, secrets)
    addHeaders(fiber, span, "request", request.headers, secrets)
    const headers = fiber.getRef(HttpClient.TracerPropagationEnabled)
      ? { ...request.headers, ...HttpTraceContext.toHeaders(span) }
      : request.headers
    // What `useSpan` ends afterwards has ended already.
    const end = (cause: Cause.Cause<unknown>) => {
      const now = fiber.getRef(References.TracerTimingEnabled) ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : 0n
      span.end(
        now,
        Exit.failCause(told === undefined ? cause : (told.shown ?? Shown.always(fiber, request)).failure(cause))
      )
    }
    const answered = Effect.map(send(headers, span), (response) => {
      span.attribute("http.response.status_code", response.status)
      addHeaders(fiber, span, "response", response.headers, secrets)
      // The response succeeds, and its span fails: OpenTelemetry counts 4xx and 5xx as errors of a client span.
      if (response.status >= 400) {
        span.attribute("error.type", String(response.status))
        const reason = new HttpClientError.StatusCodeError({ request: response.request, response })
        end(Cause.fail(new HttpClientError.HttpClientError({ reason })))
      }
      return response
    })
    return told === undefined ? answered : Effect.onExitPrimitive(answered, (exit) => {
      if (Exit.isFailure(exit)) end(exit.cause)
      return undefined
    })
  })

const clientSpan = { kind: "client" } as const

const redactedParams = (fiber: Fiber.Fiber<unknown, unknown>, request: Request): UrlSecrets => {
  const secret = request.urlParams.params.filter(([, value]) => Redacted.isRedacted(value)).map(([name]) => name)
  return withNames(urlSecrets(fiber), secret)
}

const addTarget = (span: Tracer.Span, { origin, path }: Target, secrets: UrlSecrets): void => {
  const question = path.indexOf("?")
  if (question === -1) {
    const name = hiddenUrl(path, secrets)
    span.attribute("url.full", origin.url + name)
    span.attribute("url.path", name)
  } else {
    const query = hiddenUrl(path.slice(question), secrets)
    const name = hiddenUrl(path.slice(0, question), secrets)
    span.attribute("url.full", origin.url + name + query)
    span.attribute("url.path", name)
    if (query !== "?") span.attribute("url.query", query.slice(1))
  }
  span.attribute("url.scheme", origin.scheme)
  span.attribute("server.address", origin.address)
  span.attribute("server.port", origin.port)
}

const addHeaders = (
  fiber: Fiber.Fiber<unknown, unknown>,
  span: Tracer.Span,
  phase: "request" | "response",
  headers: Headers.Headers,
  secrets: UrlSecrets
): void => {
  const filter = fiber.getRef(HttpClient.TracerHeaderFilter)
  if (filter === noHeaders) return
  const redacted = fiber.getRef(Headers.CurrentRedactedNames)
  for (const name in headers) {
    if (!filter(name, phase)) continue
    const value = Headers.isRedactedName(name, redacted)
      ? "<redacted>"
      : shownHeader(name, headers[name] ?? "", secrets)
    span.attribute(attributeOf(phase, name), value)
  }
}

/** The filter that lets no header into a span, which is Effect's default. */
const noHeaders = HttpClient.TracerHeaderFilter.defaultValue()

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
