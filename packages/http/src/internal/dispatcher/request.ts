/**
 * A dispatch of undici as a request of Effect's: its target as it stands, its headers, and its body.
 *
 * Guarded by `test/dispatcher/dispatcher.fetch.test.ts` and `test/dispatcher/dispatcher.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { stringify } from "node:querystring"
import { Readable } from "node:stream"
import { type Dispatcher, errors, FormData as UndiciFormData } from "undici"
import { concat } from "../call/bodyResponse.ts"
import { Origin, type Target } from "../undici/target.ts"

/** Where a dispatch goes. undici sends its path as it is, so nothing is parsed or escaped. */
export const targetOf = ({ origin, path, query }: Dispatcher.DispatchOptions): Target => {
  const url = origin instanceof URL ? origin : URL.parse(origin ?? "")
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new errors.InvalidArgumentError("opts.origin must be a URL with http or https")
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new errors.InvalidArgumentError("opts.origin must end after the host and port: the rest belongs in opts.path")
  }
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw new errors.InvalidArgumentError("opts.path must be a string that begins with a slash")
  }
  if (query !== undefined && query !== null && /[?#]/.test(path)) {
    throw new errors.InvalidArgumentError("opts.query must be left out when opts.path has a query of its own")
  }
  const parameters = stringify(query ?? undefined)
  const to = new Origin(url)
  const whole = parameters === "" ? path : `${path}?${parameters}`
  return { origin: to, path: whole, url: to.url + whole }
}

/** The request, with its body read ahead if it is a small stream, so that a retry can send it again. */
export const requestOf = (
  options: Dispatcher.DispatchOptions,
  { url }: Target
): Effect.Effect<HttpClientRequest.HttpClientRequest, unknown> => {
  const headers = headersOf(options.headers)
  const request = (body: HttpBody.HttpBody) =>
    HttpClientRequest.makeWith(options.method as HttpMethod, url, UrlParams.empty, Option.none(), headers, body)
  const { body } = options as { readonly body?: unknown }
  if (!isIterable(body)) return Effect.succeed(request(valueOf(body)))
  const length = Number(headers["content-length"] ?? Infinity)
  if (length > replayableBytes) return Effect.succeed(request(HttpBody.raw(readableOf(body))))
  return Effect.map(
    Stream.runCollect(Stream.fromAsyncIterable(readableOf(body) as AsyncIterable<Uint8Array>, (cause) => cause)),
    (chunks) => request(HttpBody.uint8Array(concat(chunks, chunks.reduce((sum, { length }) => sum + length, 0))))
  )
}

/** How much of a stream is held to be sent again: 64 KiB. */
const replayableBytes = 64 * 1024

const valueOf = (body: unknown): HttpBody.HttpBody => {
  if (body === undefined || body === null) return HttpBody.empty
  if (ArrayBuffer.isView(body)) {
    return HttpBody.uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
  }
  if (body instanceof FormData) return HttpBody.formData(body)
  return HttpBody.raw(body)
}

/** Whether a body is read once: Node's streams, and the iterables that undici's `fetch` makes of every body. */
const isIterable = (body: unknown): body is AsyncIterable<unknown> | Iterable<unknown> =>
  typeof body === "object" && body !== null && !ArrayBuffer.isView(body) && !(body instanceof FormData) &&
  !(body instanceof UndiciFormData) && !(body instanceof URLSearchParams) &&
  (Symbol.asyncIterator in body || Symbol.iterator in body)

const readableOf = (body: AsyncIterable<unknown> | Iterable<unknown>): Readable =>
  body instanceof Readable ? body : Readable.from(body, { objectMode: false })

/** Headers in each of the forms that undici takes, with its rules for their values. */
const headersOf = (input: Dispatcher.DispatchOptions["headers"]): Headers.Headers => {
  const headers: Record<string, string> = {}
  for (const [name, value] of pairsOf(input)) {
    if (value === undefined) continue
    const key = name.toLowerCase()
    const before = headers[key]
    if (before !== undefined && (key === "host" || key === "content-length")) {
      throw new errors.InvalidArgumentError(`opts.headers must have ${key} once`)
    }
    const text = Array.isArray(value) ? value.map((one) => textOf(name, one)) : [textOf(name, value)]
    const all = before === undefined ? text : [before, ...text]
    headers[key] = all.join(key === "cookie" ? "; " : ", ")
  }
  return Headers.fromRecordUnsafe(headers)
}

/** undici sends a value that is `null` as an empty one. */
const textOf = (name: string, value: unknown): string => {
  if (typeof value === "object" && value !== null || typeof value === "function" || typeof value === "symbol") {
    throw new errors.InvalidArgumentError(`opts.headers: the value of ${name} must be text, or an array of texts`)
  }
  return value === null ? "" : String(value)
}

const pairsOf = (input: Dispatcher.DispatchOptions["headers"]): Iterable<readonly [string, unknown]> => {
  if (input === undefined || input === null) return []
  if (typeof input !== "object") throw new errors.InvalidArgumentError("opts.headers must be an object or an array")
  if (Array.isArray(input)) {
    if (input.length % 2 !== 0) throw new errors.InvalidArgumentError("opts.headers must have a value for each name")
    return Array.from({ length: input.length / 2 }, (_, i) => [String(input[2 * i]), input[2 * i + 1]])
  }
  return Symbol.iterator in input ? pairs(input) : Object.entries(input)
}

function* pairs(input: Iterable<unknown>): Generator<readonly [string, unknown]> {
  for (const pair of input) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new errors.InvalidArgumentError("opts.headers must have pairs of a name and a value")
    }
    yield [String(pair[0]), pair[1]]
  }
}
