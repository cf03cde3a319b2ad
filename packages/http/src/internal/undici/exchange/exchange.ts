/**
 * One request and its response on an undici connection, from the hand-over to the last byte of the body.
 *
 * Guarded by `test/undici/exchange.test.ts`, `test/undici/transport.test.ts`, `test/undici/sockets.test.ts` and
 * `test/undici/misbehaving.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Scope from "effect/Scope"
import type { IncomingHttpHeaders } from "node:http"
import { platform } from "node:os"
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import * as HttpFailure from "../../../HttpFailure.ts"
import { transportError } from "../../call/bodyResponse.ts"
import { meaningOf } from "../../call/failureCode.ts"
import type { Progress } from "../../call/progress.ts"
import { handedOver } from "../../call/redirects.ts"
import { read } from "../../foreignError.ts"
import { proxyRefusal } from "../connect/proxyRefusal.ts"
import type { Target } from "../target.ts"
import type { Carrier } from "./carrier.ts"
import { decoded, tooLarge } from "./decoding.ts"
import { encodeError, notSent } from "./failures.ts"
import { ended, failed, IncomingBody, reading, waiting } from "./incomingBody.ts"
import { Patience } from "./patience.ts"
import { describeRefusal } from "./refusedRequest.ts"
import { UploadFailure } from "./requestBody.ts"
import { type Raw, UndiciResponse } from "./response.ts"

type Failure = HttpClientError.HttpClientError
type Resume = (effect: Effect.Effect<HttpClientResponse.HttpClientResponse, Failure>) => void

/** undici wants a reason, and nothing reads it. */
export const cancelled = new Error("The exchange was cancelled by the caller")

/** What is done with the body: bounds in bytes, and codings. */
export interface Limits {
  readonly maxResponseSize: number
  readonly maxDecodedSize: number
  /** How long a head may take that is announced by interim responses, in milliseconds; 0 for ever. */
  readonly headersTimeout: number
  /** Whether content codings are decoded here. */
  readonly decodes: boolean
}

export class Exchange extends IncomingBody implements Dispatcher.DispatchHandler {
  readonly options: Dispatcher.DispatchOptions
  readonly target: Target

  /** What carries it, once it is started, and whether that was open by then. */
  connection: Carrier<Exchange> | undefined = undefined
  wasOpen = false

  status = 0
  statusText = ""
  headers: IncomingHttpHeaders | undefined = undefined
  trailers: IncomingHttpHeaders | undefined = undefined

  /**
   * Told once, with the response or the failure that came instead of it, and then forgotten: it leads to the fiber,
   * which may lead to the response, and a response that its own exchange holds is never garbage.
   */
  private resume: Resume | undefined
  /** In which the request was made, if in any. */
  private parent: Scope.Scope | undefined
  private scope: Scope.Closeable | undefined = undefined
  private readonly limits: Limits
  /** How many bytes of the body may come. */
  private bound: number
  private controller: Dispatcher.DispatchController | undefined = undefined
  private written = false
  private progress: Progress | undefined
  private released = false
  private wasRepeated = false
  private patience: Patience | undefined = undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    options: Dispatcher.DispatchOptions,
    target: Target,
    limits: Limits,
    parent: Scope.Scope | undefined,
    resume: Resume
  ) {
    super(request)
    this.options = options
    this.target = target
    this.limits = limits
    this.bound = limits.maxResponseSize
    this.parent = parent
    this.resume = resume
  }

  /** Notes in `progress` when the request is written. */
  track(progress: Progress | undefined): void {
    this.progress = progress
    if (progress !== undefined) progress.isTracked = true
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.state === failed) {
      controller.abort(cancelled)
      return
    }
    this.controller = controller
    // undici calls this right before the first write to the socket.
    this.written = true
    if (this.progress !== undefined) this.progress.isWritten = true
    this.connection?.expectResponse()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = ""
  ): void {
    if (this.state !== waiting) return
    if (status < 200) {
      this.patience ??= new Patience(controller, this.options.headersTimeout ?? this.limits.headersTimeout)
      return
    }
    this.patience?.end()
    if (status === 407 && this.connection?.isForwarded === true) return controller.abort(proxyRefusal(status))
    this.status = status
    this.statusText = statusText
    this.headers = headers
    if (headers["content-encoding"] === undefined) this.bound = Math.min(this.bound, this.limits.maxDecodedSize)
    this.state = reading
    this.tellSoon()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.state !== reading) return
    this.received += chunk.length
    if (this.received > this.bound) {
      this.fail(tooLarge(this.request, this.bound, this.bound < this.limits.maxResponseSize))
      this.drop()
      controller.abort(cancelled)
    } else if (this.push(chunk)) {
      controller.pause()
    }
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.trailers = trailers
    if (this.state === reading) this.end()
    this.finish()
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.state === waiting) {
      if (this.isStale(error)) return this.repeat()
      this.fail(this.failureOf(error))
    } else if (this.state === reading) {
      this.fail(this.failureOf(error))
    }
    this.finish()
  }

  /** Fails an exchange that was not started. */
  refuse(reason: HttpFailure.Reason): void {
    this.dropBody()
    this.fail(notSent(this.request, reason))
  }

  /** Ends the exchange from this side, and closes the connection under one that is unfinished. */
  cancel(): void {
    if (this.state >= ended) return
    if (this.state === reading) {
      this.fail(
        transportError(
          this.request,
          new HttpFailure.HttpFailure({
            reason: new HttpFailure.BodyCut({ code: "CANCELLED", received: this.received }),
            phase: "body",
            requestWritten: true
          })
        )
      )
      this.drop()
    }
    this.state = failed
    this.resume = undefined
    if (this.connection === undefined) return this.dropBody()
    // A request that undici still holds back has no controller; onRequestStart ends it, if it comes to that.
    if (this.controller === undefined) this.connection.giveUp()
    else this.controller.abort(cancelled)
  }

  /** Gives back a connection that it was to use, and was cancelled before. */
  giveBack(): void {
    this.dropBody()
    this.finish()
  }

  /** The head and the trailers, as undici's parser gave them. */
  get raw(): Raw | undefined {
    return this.controller
  }

  protected goOn(): void {
    this.controller?.resume()
  }

  protected get isAwaited(): boolean {
    return this.resume !== undefined
  }

  protected headIsTold(): void {
    const { resume } = this
    this.resume = undefined
    resume?.(this.response())
  }

  private response(): Effect.Effect<HttpClientResponse.HttpClientResponse, Failure> {
    const { parent } = this
    this.parent = undefined
    // Without a head there is no response to read up to the failure.
    if (this.status === 0) return Effect.fail(this.failure!)
    const own = new UndiciResponse(this)
    const response = this.limits.decodes ? decoded(own, this.limits.maxDecodedSize) : own
    if (this.isOver) return Effect.succeed(response)
    if (parent === undefined) return handedOver(response)
    // Cancels the body when the scope closes, unless it has come whole by then.
    this.scope = Scope.forkUnsafe(parent)
    return Effect.andThen(Scope.addFinalizer(this.scope, Effect.sync(() => this.cancel())), handedOver(response))
  }

  private finish(): void {
    if (this.released) return
    this.released = true
    this.patience?.end()
    // The exchange is over: closing its scope only takes it off the parent. One that has closed by itself keeps the exit, which
    // may be the response.
    if (this.scope !== undefined) Scope.closeUnsafe(this.scope, Exit.void)
    this.scope = undefined
    this.connection?.release()
  }

  /** Whether a kept connection turned out to be closed before anything was written on it. */
  private isStale(error: Error): boolean {
    return this.wasOpen && !this.wasRepeated && this.size !== undefined && !this.isWritten(error) &&
      meaningOf(error)?.is === "lost" && this.connection?.isDestroyed === false
  }

  /**
   * Whether any of the request may have reached the server. A small request is one write, on a connection that without
   * TLS and HTTP/2 has nothing else to write; when the system refuses that, it has taken nothing. (Windows tells later.)
   */
  private isWritten(error: Error): boolean {
    if (!this.written || this.state !== waiting) return this.written
    const refused = read(error, "syscall") === "write" && this.connection?.isPlain === true && !isWindows
    return !(refused && this.size !== undefined && this.size <= smallRequest)
  }

  /** How long the request's body is, if it is not a stream. */
  private get size(): number | undefined {
    const { body } = this.options
    if (body === null || body === undefined) return 0
    return typeof body === "string" ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : undefined
  }

  /** Once more on the same connection, which undici opens again. */
  private repeat(): void {
    this.wasRepeated = true
    this.written = false
    this.controller = undefined
    queueMicrotask(() => this.connection?.dispatch(this))
  }

  private dropBody(): void {
    if (this.options.body instanceof Readable) this.options.body.destroy()
  }

  private failureOf(error: Error): Failure {
    if (error instanceof UploadFailure) return encodeError(this.request, error.message, error.cause)
    if (meaningOf(error)?.is === "encode") {
      return encodeError(this.request, describeRefusal(this.request, error), error)
    }
    return transportError(
      this.request,
      HttpFailure.fromUnknown(error, {
        phase: this.state === reading ? "body" : this.written ? "headers" : "connect",
        requestWritten: this.isWritten(error),
        received: this.received
      })
    )
  }
}

/** What fits into the empty buffer of a socket in one go, whatever the system. */
const smallRequest = 4096
const isWindows = platform() === "win32"
