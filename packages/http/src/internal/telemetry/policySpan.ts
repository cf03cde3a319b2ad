/**
 * What a policy adds to the span of a request, whatever client opens it, and what it hides in it: the attributes of
 * OpenTelemetry's conventions that only the policy knows, and the secrets of URLs that Effect's redaction does not find.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/call/fetchFailures.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as UrlParams from "effect/http/UrlParams"
import * as Tracer from "effect/Tracer"
import { hiddenUrl, shownHeader, type UrlSecrets, urlSecrets } from "../secrets/hiddenUrl.ts"
import { Shown } from "../secrets/shown.ts"
import { addTold, isTraced, type Told } from "./span.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Sends a request of a policy. */
export type Send = (
  fiber: AnyFiber,
  request: HttpClientRequest.HttpClientRequest,
  told: Told
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

/**
 * The clients that take what a policy tells, and hide what it would. For any other a policy has to be the tracer, which
 * costs more than the span. A client that wraps one of them is another, so that what it does still happens.
 */
const listening = new WeakMap<HttpClient.HttpClient, Send>()

/** Says how a client takes what a policy tells: by then it is sure to do no less than its `execute`. */
export const listens = (client: HttpClient.HttpClient, send: Send): HttpClient.HttpClient => {
  listening.set(client, send)
  return client
}

/** How a policy sends its requests through a client. */
export interface Through {
  readonly send: Send
  /** Whether the client is one of ours, which runs nothing of the program but the stream of a body. */
  readonly isOwn: boolean
}

export const through = (client: HttpClient.HttpClient): Through => {
  const send = listening.get(client)
  return {
    send: send ?? ((fiber, request, told) => withPolicySpan(fiber, request, told, client.execute(request))),
    isOwn: send !== undefined
  }
}

/** Sends a request, and completes the span that its client opens. */
const withPolicySpan = <A, E, R>(
  fiber: AnyFiber,
  request: HttpClientRequest.HttpClientRequest,
  told: Told,
  sending: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const { shown } = told
  const named = shown === undefined
    ? sending
    : Effect.provideService(sending, UrlParams.CurrentRedactedNames, shown.urlSecrets.names)
  if (!isTraced(fiber, request)) return named
  const secrets = shown?.urlSecrets ?? urlSecrets(fiber)
  const tracer = fiber.getRef(Tracer.Tracer)
  let isOpen = false
  const own = Tracer.make({
    span: (options) => {
      const span = tracer.span(options)
      if (options.kind !== "client" || isOpen) return span
      isOpen = true
      complete(span, told, secrets, () => shown ?? Shown.always(fiber, request))
      return span
    },
    ...(tracer.context !== undefined && { context: tracer.context.bind(tracer) })
  })
  return Effect.provideService(named, Tracer.Tracer, own)
}

const complete = (span: Tracer.Span, told: Told, secrets: UrlSecrets, shown: () => Shown): void => {
  const { attribute, end } = span
  addTold(span, told)
  // Read by a client that has the span, and by no exporter: these are not enumerable, as the methods are not.
  define(span, "attribute", (key: string, value: unknown) => {
    attribute.call(span, key, typeof value === "string" ? shownValue(key, value, secrets) : value)
  })
  define(span, "end", (time: bigint, exit: Parameters<typeof end>[1]) => {
    end.call(span, time, Exit.isSuccess(exit) ? exit : Exit.failCause(shown().failure(exit.cause)))
  })
}

const define = (span: Tracer.Span, name: "attribute" | "end", value: unknown): void => {
  Reflect.defineProperty(span, name, { value, configurable: true, writable: true })
}

const shownValue = (key: string, value: string, secrets: UrlSecrets): string => {
  switch (key) {
    case "url.full":
    case "url.path":
      return hiddenUrl(value, secrets)
    case "url.query":
      return hiddenUrl(`?${value}`, secrets).slice(1)
    default:
      return key.startsWith("http.re") ? shownHeader(key.slice(key.lastIndexOf(".") + 1), value, secrets) : value
  }
}
