/**
 * A `fetch` as the request handler of the AWS SDK (version 3) and of every client that Smithy generates.
 *
 * **When to use**
 *
 * Use it to give such a client the policy of a `ResilientFetch` or an `UndiciFetch`.
 *
 * **Details**
 *
 * Text and bytes are sent again on a retry; streams are sent once.
 *
 * **Gotchas**
 *
 * Give the client `maxAttempts: 1`, so that only one layer retries. S3 requires the length of a stream, which the
 * platform's `fetch` does not send: use `UndiciFetch` for streams.
 *
 * **Example**
 *
 * See {@link make}.
 */
import * as Base64 from "effect/encoding/Base64"
import type { Fetch } from "./ResilientFetch.ts"

/** A request of a Smithy client. */
export interface Request {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  readonly path: string
  readonly query?: Readonly<Record<string, string | ReadonlyArray<string> | null>> | undefined
  readonly fragment?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly method: string
  readonly body?: unknown
}

/** A response to a Smithy client. */
export interface Response {
  readonly statusCode: number
  readonly reason: string
  readonly headers: Record<string, string>
  readonly body: ReadableStream<Uint8Array> | Uint8Array
}

/** The options of one request. */
export interface HandlerOptions {
  readonly abortSignal?: unknown
  readonly requestTimeout?: number | undefined
}

/** The `requestHandler` of a Smithy client. */
export interface Handler {
  readonly metadata: { readonly handlerProtocol: string }
  readonly handle: (request: Request, options?: HandlerOptions) => Promise<{ response: Response }>
  readonly updateHttpClientConfig: (key: never, value: never) => void
  readonly httpHandlerConfigs: () => {}
  readonly destroy: () => void
}

/**
 * Makes the handler. It does not close the `fetch`: that is up to you.
 *
 * ```ts import.meta.vitest
 * import * as ResilientFetch from "@holdfast/http/ResilientFetch"
 * import * as SmithyHandler from "@holdfast/http/SmithyHandler"
 *
 * const fetch = ResilientFetch.createFetch({ retry: { times: 3 } })
 * const requestHandler = SmithyHandler.make(fetch)
 * // new S3Client({ requestHandler, maxAttempts: 1 })
 * requestHandler.metadata // => { handlerProtocol: "http/1.1" }
 * ```
 */
export const make = (fetch: Fetch): Handler => ({
  metadata: { handlerProtocol: "http/1.1" },
  handle: async (request, options) => {
    const signals = signalsOf(options)
    const response = await fetch(urlOf(request), {
      method: request.method,
      headers: headersOf(request),
      redirect: "manual",
      ...bodyOf(request),
      ...(signals.length === 0 ? undefined : { signal: AbortSignal.any(signals) })
    })
    return {
      response: {
        statusCode: response.status,
        reason: response.statusText,
        headers: Object.fromEntries(response.headers),
        body: response.body ?? new Uint8Array()
      }
    }
  },
  // The fetch has its options already.
  updateHttpClientConfig: () => undefined,
  httpHandlerConfigs: () => ({}),
  destroy: () => undefined
})

const signalsOf = ({ abortSignal, requestTimeout = 0 }: HandlerOptions = {}): Array<AbortSignal> => {
  const signals = typeof abortSignal === "object" && abortSignal !== null ? [standardSignal(abortSignal)] : []
  // A timer takes no more. Smithy's own handlers ignore other values too.
  return requestTimeout > 0 && requestTimeout < 2 ** 31
    ? [...signals, AbortSignal.timeout(Math.ceil(requestTimeout))]
    : signals
}

/** The signal, or one that follows it if it is of Smithy's own class. */
const standardSignal = (signal: { readonly aborted?: boolean }): AbortSignal => {
  if (signal instanceof AbortSignal) return signal
  const controller = new AbortController()
  if (signal.aborted === true) controller.abort()
  // It has no other way to tell.
  else Reflect.set(signal, "onabort", () => controller.abort())
  return controller.signal
}

/** Removes the headers of the connection, which a fetch sets itself and does not accept, and adds name and password. */
const headersOf = ({ headers, password, username }: Request): Record<string, string> => {
  const sent = Object.entries(headers).filter(([name]) => !own.has(name.toLowerCase()))
  if (username === undefined && password === undefined) return Object.fromEntries(sent)
  const credentials = new TextEncoder().encode(`${username ?? ""}:${password ?? ""}`)
  return { authorization: `Basic ${Base64.encode(credentials)}`, ...Object.fromEntries(sent) }
}

const own: ReadonlySet<string> = new Set(["connection", "expect", "host", "transfer-encoding"])

const urlOf = ({ fragment, hostname, path, port, protocol, query }: Request): string => {
  const host = port === undefined ? hostname : `${hostname}:${port}`
  const parameters = Object.keys(query ?? {}).toSorted().flatMap((name) => {
    const value = query?.[name]
    const key = escape(name)
    if (value === null || value === undefined) return [key]
    return (typeof value === "string" ? [value] : value).map((one) => `${key}=${escape(one)}`)
  })
  const search = parameters.length === 0 ? "" : `?${parameters.join("&")}`
  return `${protocol}//${host}${path}${search}${fragment === undefined ? "" : `#${fragment}`}`
}

/** Escapes as AWS signatures do: they reserve more characters than a URL does. */
const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const bodyOf = ({ body, method }: Request): RequestInit => {
  if (body === undefined || body === null || method === "GET" || method === "HEAD") return {}
  return isIterable(body) ? { body: streamOf(body), ...half } : { body: body as BodyInit }
}

const half: object = { duplex: "half" }

/** Whether a body is a stream, Node's included, which a fetch does not take as a body: {@link streamOf} converts it. */
const isIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === "object" && body !== null && Symbol.asyncIterator in body

const streamOf = (body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> => {
  if (body instanceof ReadableStream) return body
  const chunks = body[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    async cancel(reason) {
      await chunks.return?.(reason)
    }
  })
}
