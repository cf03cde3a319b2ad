/**
 * A standard `Response` of what the client was answered, with the parts that its constructor does not take.
 *
 * Guarded by `test/fetch/contract.test.ts` and
 * `test/issues/a-dropped-response-of-fetch-keeps-its-connection.test.ts`.
 */
import type * as Context from "effect/Context"
import type { BodyResponse } from "../call/bodyResponse.ts"
import type { Answer } from "./redirects.ts"
import { type Body, readable } from "./responseBody.ts"

/** How a body is told that its request was aborted, and whom it tells that it has ended. */
export interface Lifetime {
  readonly context: Context.Context<never>
  readonly listen: (abort: (reason: unknown) => void) => () => void
  readonly onEnd: () => void
}

/** The response for a request with the method `method`. */
export const responseOf = (answer: Answer, method: string, lifetime: Lifetime): Response => {
  const { response } = answer
  const { status, web } = response
  const hasBody = method !== "HEAD" && !bodiless.has(status) && (web === undefined || web.body !== null)
  const body = hasBody ? readable(response, lifetime.context, lifetime.listen, lifetime.onEnd) : undefined
  if (!hasBody) lifetime.onEnd()
  const statusText = web?.statusText ?? response.statusText
  const isConstructible = status >= 200 && status <= 599
  const made = new Response(body?.stream ?? null, {
    headers: headersOf(response),
    status: isConstructible ? status : 200,
    statusText: phrase.test(statusText) ? statusText : ""
  })
  const url = web === undefined || web.url === "" ? answer.url : web.url
  return dressed(made, {
    type: answer.isForeign ? "cors" : web?.type ?? "basic",
    url: url.split("#", 1)[0] ?? "",
    redirected: answer.redirected || (web?.redirected ?? false),
    ...(isConstructible ? undefined : { status, ok: false })
  }, body)
}

/** The statuses whose responses have no body (Fetch Standard, "null body status"). */
const bodiless: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])

/** What may stand behind a status (RFC 9112 section 4). */
const phrase = /^[\t\x20-\x7e\x80-\xff]*$/

const headersOf = (response: BodyResponse): Headers => {
  if (response.web !== undefined) return new Headers(response.web.headers)
  const headers = new Headers()
  for (const [name, value] of Object.entries(response.headers)) {
    if (name !== "set-cookie") headers.append(name, value)
  }
  for (const cookie of response.setCookie) headers.append("set-cookie", cookie)
  return headers
}

interface Facts {
  readonly type: ResponseType
  readonly url: string
  readonly redirected: boolean
  readonly status?: number
  readonly ok?: boolean
}

/** Gives a response, and every clone of it, what only a platform's fetch can give. */
const dressed = (response: Response, facts: Facts, body: Body | undefined): Response => {
  for (const [name, value] of Object.entries(facts)) {
    Object.defineProperty(response, name, { value, configurable: true })
  }
  for (const name of ["append", "delete", "set"]) Object.defineProperty(response.headers, name, { value: immutable })
  if (body !== undefined) {
    for (const name of readers) {
      const read = response[name]
      // Chromium reports only its own error when the stream under a body fails.
      const own = () => read.call(response).catch((error: unknown) => Promise.reject(body.failure()?.error ?? error))
      Object.defineProperty(response, name, { value: own, configurable: true, writable: true })
    }
  }
  const clone = () => dressed(Response.prototype.clone.call(response), facts, body)
  return Object.defineProperty(response, "clone", { value: clone, configurable: true, writable: true })
}

const readers = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const

const immutable = () => {
  throw new TypeError("The headers of a response that came from a server are immutable")
}
