/**
 * A `fetch` as the request handler of the AWS SDK (version 3) and of every client that Smithy generates.
 *
 * Give the client `maxAttempts: 1`, so that one layer retries. Bodies that are text or bytes can be sent again; streams are
 * sent once. S3 wants the length of a stream, which a `fetch` of the platform does not send: use `UndiciFetch` for those.
 */
import type { Fetch } from "./ResilientFetch.ts"

/** What a Smithy client sends. */
export interface Request {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  readonly path: string
  readonly query?: Readonly<Record<string, string | ReadonlyArray<string> | null>> | undefined
  readonly fragment?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly method: string
  readonly body?: unknown
}

/** What it is given. */
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

/** What a Smithy client takes as `requestHandler`. */
export interface Handler {
  readonly metadata: { readonly handlerProtocol: string }
  readonly handle: (request: Request, options?: HandlerOptions) => Promise<{ response: Response }>
  readonly updateHttpClientConfig: (key: never, value: never) => void
  readonly httpHandlerConfigs: () => {}
  readonly destroy: () => void
}

/**
 * Makes the handler. The fetch stays the caller's to close.
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
      headers: headersOf(request.headers),
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

const signalsOf = (options: HandlerOptions | undefined): Array<AbortSignal> => {
  const { abortSignal, requestTimeout } = options ?? {}
  const signals = abortSignal instanceof AbortSignal ? [abortSignal] : []
  return requestTimeout === undefined || requestTimeout <= 0
    ? signals
    : [...signals, AbortSignal.timeout(requestTimeout)]
}

/** The headers without those that are the connection's: a fetch sends these by itself, and refuses to be told. */
const headersOf = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name.toLowerCase())))

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

/** As a signature has it, which counts more characters among the reserved ones than a URL does. */
const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

const bodyOf = ({ body, method }: Request): RequestInit => {
  if (body === undefined || body === null || method === "GET" || method === "HEAD") return {}
  return isIterable(body) ? { body: streamOf(body), ...half } : { body: body as BodyInit }
}

const half: object = { duplex: "half" }

/** Streams of Node are no bodies of a fetch. */
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
