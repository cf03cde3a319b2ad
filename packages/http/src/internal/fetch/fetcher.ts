/**
 * A `fetch` over an `HttpClient`. The platform's own `Request` reads the arguments, so that what it refuses is refused
 * here, in its words; the client asks; a platform's `Response` gives the answer.
 *
 * Guarded by `test/fetch/contract.test.ts` and `test/fetch/promises.test.ts`.
 */
import type { PolicyError } from "@holdfast/core/PolicyError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import { isAbsolute } from "../client/origin.ts"
import type { Options, ReasonOf } from "../policyOptions.ts"
import { closed, fetchFailed } from "./errors.ts"
import { initOf, passedOn } from "./init.ts"
import { verified } from "./integrity.ts"
import { type Answer, follow } from "./redirects.ts"
import { cacheHeaders, rangeHeaders, refererOf } from "./requestHeaders.ts"
import { responseOf } from "./response.ts"
import { type Upload, uploadOf } from "./upload.ts"

export type Client = HttpClient.HttpClient.With<HttpClientError.HttpClientError | PolicyError<ReasonOf<Options>>>

/** What a fetch needs to know beside its client. */
export interface Settings {
  readonly baseUrl: string | undefined
  /** How long all that one call asks may take, in milliseconds. */
  readonly total: number | undefined
  readonly context: Context.Context<never>
  /** What fetches `data:`, `blob:` and all else that is not HTTP. */
  readonly platform: typeof globalThis.fetch
  /** Whether nothing below is a `fetch`, so that what a `fetch` adds to a request is added here. */
  readonly isBare: boolean
}

export class Fetcher {
  private readonly client: Client
  private readonly settings: Settings
  private readonly underWay = new Set<(reason: unknown) => void>()
  private isClosed = false

  constructor(client: Client, settings: Settings) {
    this.client = client
    this.settings = settings
  }

  readonly fetch: typeof globalThis.fetch = async (input: string | URL | Request, init?: RequestInit) => {
    if (this.isClosed) throw closed()
    const target = this.located(read(input))
    if (!isHttp(target)) return this.settings.platform(target, init)
    const said = initOf(target, init)
    const signal = signalOf(target, said)
    const request = new Request(target, { ...said, signal: null })
    const upload = await uploadOf(request, said)
    if (signal?.aborted === true) {
      upload.cancel(signal.reason)
      throw signal.reason
    }
    return this.run(request, upload, signal, passedOn(target, said, request))
  }

  /** Ends all calls and bodies under way with the reason `closed`, and refuses new ones. */
  close(): void {
    this.isClosed = true
    for (const abort of this.underWay) abort(closed())
  }

  private run(
    request: Request,
    upload: Upload,
    signal: AbortSignal | undefined,
    init: RequestInit
  ): Promise<Response> {
    const context = Context.add(this.settings.context, FetchHttpClient.RequestInit, {
      ...Context.getOrUndefined(this.settings.context, FetchHttpClient.RequestInit),
      ...init
    })
    return new Promise((resolve, reject) => {
      const stop = (reason: unknown): void => {
        this.underWay.delete(stop)
        reject(reason)
        upload.cancel(reason)
        fiber.interruptUnsafe()
      }
      const unlisten = listen(signal, stop)
      this.underWay.add(stop)
      const { isBare, total } = this.settings
      const referer = isBare ? (url: URL) => refererOf(request, url) : undefined
      const asked = follow(this.client, requestOf(request, upload, isBare), request.redirect, total, referer)
      const fiber: Fiber.Fiber<Answer, unknown> = Effect.runForkWith(context)(
        request.integrity === "" ? asked : Effect.flatMap(asked, (answer) => verified(answer, request.integrity))
      )
      fiber.addObserver((exit) => {
        unlisten()
        const isStopped = !this.underWay.delete(stop)
        if (Exit.isFailure(exit)) {
          const reason = fetchFailed(exit.cause)
          upload.cancel(reason)
          reject(reason)
        } else if (isStopped) {
          Effect.runForkWith(context)(exit.value.response.cancel)
        } else {
          resolve(this.answered(exit.value, request, upload, signal, context))
        }
      })
    })
  }

  private answered(
    answer: Answer,
    request: Request,
    upload: Upload,
    signal: AbortSignal | undefined,
    context: Context.Context<never>
  ): Response {
    let forget = () => {}
    return responseOf(answer, request.method, {
      context,
      listen: (abort) => {
        const unlisten = listen(signal, abort)
        this.underWay.add(abort)
        forget = () => {
          unlisten()
          this.underWay.delete(abort)
        }
        return forget
      },
      onEnd: () => upload.cancel(undefined)
    })
  }

  /** What is asked for, with the base URL before a relative one. */
  private located(input: string | Request): string | Request {
    const { baseUrl } = this.settings
    if (baseUrl === undefined || typeof input !== "string" || scheme.test(input) || isAbsolute(input)) return input
    return HttpClientRequest.prependUrl(HttpClientRequest.make("GET")(input), baseUrl).url
  }
}

/** The first argument, read once. Only the platform can say in its words that it is nothing to fetch. */
const read = (input: string | URL | Request): string | Request => {
  if (input instanceof Request || typeof input === "string") return input
  if (typeof input === "object" && input !== null) return String(input)
  return new Request(input)
}

const scheme = /^\s*[a-z][a-z\d+.-]*:/i

const isHttp = (input: string | Request): boolean => {
  const protocol = URL.parse(input instanceof Request ? input.url : input)?.protocol
  return protocol === undefined || protocol === "http:" || protocol === "https:"
}

const signalOf = (input: string | URL | Request, init: RequestInit): AbortSignal | undefined => {
  const signal = init.signal === undefined && input instanceof Request ? input.signal : init.signal
  if (signal === undefined || signal === null) return undefined
  if (signal instanceof AbortSignal) return signal
  throw new TypeError("The signal of a request must be an AbortSignal")
}

const listen = (signal: AbortSignal | undefined, stop: (reason: unknown) => void): () => void => {
  if (signal === undefined) return () => {}
  const onAbort = () => stop(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  return () => signal.removeEventListener("abort", onAbort)
}

const requestOf = (request: Request, { body }: Upload, isBare: boolean): HttpClientRequest.HttpClientRequest => {
  let headers = Headers.fromInput(request.headers)
  // The transport chooses the boundary of a form.
  if (body._tag === "FormData") headers = Headers.remove(headers, "content-type")
  if (headers["accept"] === undefined) headers = Headers.set(headers, "accept", "*/*")
  if (isBare) {
    headers = Headers.merge(Headers.fromInput(cacheHeaders(request.cache)), headers)
    headers = Headers.merge(headers, Headers.fromInput(rangeHeaders(headers)))
  }
  return HttpClientRequest.makeWith(
    // A method that Effect has no name for is still a method.
    request.method as HttpMethod,
    request.url,
    UrlParams.empty,
    Option.none(),
    headers,
    body
  )
}
