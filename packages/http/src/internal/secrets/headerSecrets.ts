/**
 * Where secret headers go: to the origin that they are for, and to no other.
 *
 * Configured secrets, the `Redacted` headers and `bearer`, are for the origin of `baseUrl`; without one, for the origin
 * that the program addressed the request to. They are added to a request as it is sent, once its origin is certain. A
 * redirect sends the headers of the first request again, and nothing in them says that they were meant for elsewhere:
 * so a request that has or gets secrets notes the origin that it was first for, in its headers, under a symbol, which
 * Effect's combinators carry along and no transport sees.
 *
 * Guarded by `test/call/secrets.laws.test.ts` and `test/client/secrets.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import { originOf } from "../client/origin.ts"

type Request = HttpClientRequest.HttpClientRequest
type AnyFiber = Fiber.Fiber<unknown, unknown>

const FirstOrigin: unique symbol = Symbol("@holdfast/http/FirstOrigin")

/** The secrets of a client. */
export class Secrets {
  /** The names of the secret headers. */
  readonly names: ReadonlyArray<string>
  private readonly headers: Headers.Headers
  /** The origin of `baseUrl`. */
  private readonly home: string | undefined
  /** Whether the secrets are for the origin that a request is first for. */
  private readonly followsRequest: boolean

  constructor(headers: Headers.Headers, baseUrl: string | undefined) {
    this.headers = headers
    this.names = Object.keys(headers)
    this.home = baseUrl === undefined ? undefined : originOf(baseUrl)
    this.followsRequest = baseUrl === undefined && this.names.length > 0
  }

  /** Whether {@link mark} has anything to look at. Most requests have no header of their own. */
  mayMark(request: Request): boolean {
    if (this.followsRequest) return true
    for (const name in request.headers) if (!dropped.has(name)) return true
    return false
  }

  /** Notes the origin of a request that has or gets secrets. Done once, before any redirect. */
  mark(request: Request, fiber: AnyFiber): Request {
    if (!this.followsRequest && !this.hasOwn(request.headers, fiber)) return request
    const headers = Headers.merge(request.headers, Headers.empty)
    return withHeaders(request, Object.assign(headers, { [FirstOrigin]: originOf(request.url) }))
  }

  /** Whether {@link send} has anything to do for a request. */
  concerns(request: Request): boolean {
    return this.names.length > 0 || FirstOrigin in request.headers
  }

  /** Sends a request, or what a redirect made of it, with the secrets that are for its origin. */
  send<A, E, R>(
    request: Request,
    run: (request: Request) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      const redacted = [...fiber.getRef(Headers.CurrentRedactedNames), ...this.names]
      const origin = originOf(request.url)
      const isMarked = FirstOrigin in request.headers
      const isFirst = isMarked && Reflect.get(request.headers, FirstOrigin) === origin
      const own = isMarked ? ownHeaders(request.headers, isFirst ? [] : redacted) : request.headers
      const isHome = this.followsRequest ? isFirst : origin !== undefined && origin === this.home
      return run(withHeaders(request, isHome ? Headers.merge(this.headers, own) : own)).pipe(
        withoutOwnRedirects,
        Effect.provideService(Headers.CurrentRedactedNames, redacted)
      )
    })
  }

  /** Whether a request has a secret header of its own that would follow a redirect to another origin. */
  private hasOwn(headers: Headers.Headers, fiber: AnyFiber): boolean {
    for (const name in headers) {
      if (dropped.has(name)) continue
      if (this.names.includes(name)) return true
      if (Headers.isRedactedName(name, fiber.getRef(Headers.CurrentRedactedNames))) return true
    }
    return false
  }
}

/** Effect's `followRedirects` and `fetch` themselves take these from a request that goes to another origin. */
const dropped: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie"])

/** The headers without the note of {@link Secrets.mark}, and without those of the names `redacted`. */
const ownHeaders = (headers: Headers.Headers, redacted: ReadonlyArray<string | RegExp>): Headers.Headers =>
  Headers.fromInput(Object.entries(headers).filter(([name]) => !Headers.isRedactedName(name, redacted)))

const withHeaders = (request: Request, headers: Headers.Headers): Request =>
  HttpClientRequest.makeWith(
    request.method,
    request.url,
    request.urlParams,
    request.hash,
    headers,
    request.body
  )

/** Keeps `fetch` from following redirects below this client, with secrets that it does not know to be any. */
const withoutOwnRedirects = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const init = Context.getOrUndefined(fiber.context, FetchHttpClient.RequestInit)
    return init?.redirect === "error"
      ? effect
      : Effect.provideService(effect, FetchHttpClient.RequestInit, { ...init, redirect: "manual" })
  })
