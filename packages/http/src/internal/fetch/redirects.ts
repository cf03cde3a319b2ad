/**
 * Redirects as the Fetch Standard has them (section "HTTP-redirect fetch"), over transports that do not follow them: the
 * method and the body that a status leaves, the headers that stay with their origin, at most 20 in a row. The connection
 * of a redirect is free before its target is asked.
 *
 * Guarded by `test/fetch/contract.test.ts` and
 * `test/issues/a-dropped-response-of-fetch-keeps-its-connection.test.ts`.
 */
import { plural } from "@holdfast/core/Arguments"
import * as Deadline from "@holdfast/core/Deadline"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { StreamResponse } from "../call/streamResponse.ts"
import { originOf } from "../client/origin.ts"

/** The answer, and how it was found. */
export interface Answer {
  readonly response: BodyResponse
  readonly url: string
  readonly redirected: boolean
  /** Whether a redirect has led to another origin, even if a later one has led back. */
  readonly isForeign: boolean
}

/** A redirect that the Fetch Standard makes a network error. */
export class RedirectError extends Error {
  override readonly name = "RedirectError"
}

type Request = HttpClientRequest.HttpClientRequest

/**
 * Asks, and follows redirects as `mode` says. `total` is the longest that all of them may take, in milliseconds. `referer`
 * says what each of them is told to come from.
 */
export const follow = <E>(
  client: HttpClient.HttpClient.With<E>,
  request: Request,
  mode: RequestRedirect,
  total: number | undefined,
  referer: ((target: URL) => string | undefined) | undefined
): Effect.Effect<Answer, E | RedirectError> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const inForce = yield* Effect.withFiber((fiber) => Effect.succeed(Deadline.inForce(fiber)))
    const deadline = Math.min(inForce, clock.currentTimeMillisUnsafe() + (total ?? Infinity))
    let next = yield* client.preprocess(request)
    let url = new URL(next.url)
    let isForeign = false
    if (referer !== undefined) next = referred(next, referer(url))
    for (let hops = 0;; hops++) {
      const asked = client.postprocess(Effect.succeed(next))
      const response = StreamResponse.wrap(
        yield* hops === 0 || deadline === Infinity ? asked : Effect.provideService(asked, Deadline.Deadline, deadline)
      )
      const isRedirect = redirects.has(response.status) || response.web?.type === "opaqueredirect"
      if (!isRedirect || mode === "manual") return { response, url: url.href, redirected: hops > 0, isForeign }
      const location = mode === "error"
        ? new RedirectError("A redirect came, and the request says redirect: \"error\"")
        : locationOf(response, url)
      if (location === undefined) return { response, url: url.href, redirected: hops > 0, isForeign }
      yield* response.discard
      if (location instanceof RedirectError) return yield* Effect.fail(location)
      if (hops === longest) {
        return yield* Effect.fail(new RedirectError(`More than ${plural(longest, "redirect")} in a row`))
      }
      const isSameOrigin = originOf(url.href) === originOf(location.href)
      isForeign ||= !isSameOrigin
      const target = targetOf(next, response.status, location, isSameOrigin)
      if (target instanceof RedirectError) return yield* Effect.fail(target)
      next = referer === undefined ? target : referred(target, referer(location))
      url = location
    }
  })

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

const longest = 20

const locationOf = (response: BodyResponse, url: URL): URL | RedirectError | undefined => {
  if (response.web?.type === "opaqueredirect") {
    return new RedirectError(
      "This runtime does not show where a redirect leads, and secret headers keep it from being followed without a look"
    )
  }
  const value = response.headers["location"]
  if (value === undefined) return undefined
  const location = URL.parse(unescaped(value), url)
  if (location === null) return new RedirectError("The Location of a redirect is not a URL")
  if (location.protocol !== "http:" && location.protocol !== "https:") {
    return new RedirectError(`A redirect leads to ${location.protocol}, which is not HTTP`)
  }
  if (location.username !== "" || location.password !== "") {
    return new RedirectError("A redirect leads to a URL with a name or password in it")
  }
  if (location.hash === "") location.hash = url.hash
  return location
}

/** A header is read byte by byte, and a `Location` beyond ASCII is UTF-8 (Fetch Standard, section "location URL"). */
const unescaped = (value: string): string => {
  if (!/[\x80-\xff]/.test(value) || /[^\0-\xff]/.test(value)) return value
  return new TextDecoder().decode(Uint8Array.from(value, (char) => char.charCodeAt(0)))
}

const referred = (request: Request, referer: string | undefined): Request =>
  referer === undefined
    ? HttpClientRequest.removeHeader(request, "referer")
    : HttpClientRequest.setHeader(request, "referer", referer)

const targetOf = (
  request: Request,
  status: number,
  location: URL,
  isSameOrigin: boolean
): Request | RedirectError => {
  const { body } = request
  if (status !== 303 && body._tag === "Stream") {
    return new RedirectError(`A ${status} asks for the body again, but it is a stream, which can be read only once`)
  }
  const dropsBody = (status === 303 && request.method !== "GET" && request.method !== "HEAD") ||
    ((status === 301 || status === 302) && request.method === "POST")
  let headers = dropsBody ? Headers.removeMany(request.headers, ofBody) : request.headers
  if (!isSameOrigin) headers = Headers.removeMany(headers, ofOrigin)
  return HttpClientRequest.makeWith(
    dropsBody ? "GET" : request.method,
    location.href,
    UrlParams.empty,
    Option.none(),
    headers,
    dropsBody ? HttpBody.empty : body
  )
}

const ofBody = ["content-encoding", "content-language", "content-length", "content-location", "content-type"]
const ofOrigin = ["authorization", "cookie", "host", "proxy-authorization"]
