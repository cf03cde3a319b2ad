/**
 * One request and its response on an undici connection: the handler that undici calls, which is also the buffer that
 * the response reads from.
 *
 * Up to 64 KiB are taken off the socket before anyone asks for them. A body that fits in there never holds its
 * connection, read or not, which is what lets a pool of one connection go on after a response that nobody reads; above
 * it the socket is paused, and TCP makes the server wait.
 *
 * Nothing here resumes a fiber from inside undici's parser: a fiber may send the next request at once, and the parser
 * is not re-entrant. What the parser found in one packet is told in one microtask.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { IncomingHttpHeaders } from "node:http"
import { platform } from "node:os"
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import * as HttpFailure from "../../HttpFailure.ts"
import { alreadyRead, concat, highWater, transportError } from "../call/bodyResponse.ts"
import { meaningOf } from "../call/failureCode.ts"
import { handedOver } from "../call/redirects.ts"
import type { Connection } from "./connection.ts"
import { refusal } from "./connector.ts"
import { describeRefusal } from "./refusedRequest.ts"
import { UploadFailure } from "./requestBody.ts"
import { UndiciResponse } from "./response.ts"
import type { Target } from "./target.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>
type Resume = (effect: Effect.Effect<HttpClientResponse.HttpClientResponse, Failure>) => void

const waiting = 0
const reading = 1
const ended = 2
const failed = 3
type State = typeof waiting | typeof reading | typeof ended | typeof failed

/** One object for every cancelled exchange: undici wants a reason, and nobody reads it. */
export const cancelled = new Error("The exchange was cancelled by the caller")

export class Exchange implements Dispatcher.DispatchHandler {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly options: Dispatcher.DispatchOptions
  readonly target: Target

  /** What carries it, once it is started, and whether that was open by then. */
  connection: Connection | undefined = undefined
  wasOpen = false

  status = 0
  statusText = ""
  headers: IncomingHttpHeaders | undefined = undefined
  /** Whether someone has begun to read the body. */
  isRead = false

  /**
   * Told once, with the response or the failure that came instead of it, and then forgotten: it leads to the fiber,
   * which may lead to the response, and a response that its own exchange holds is never garbage.
   */
  private resume: Resume | undefined
  /** In which the request was made, if in any. */
  private parent: Scope.Scope | undefined
  private scope: Scope.Closeable | undefined = undefined
  private state: State = waiting
  private controller: Dispatcher.DispatchController | undefined = undefined
  private written = false
  private released = false
  private isTold = false
  private wasRepeated = false
  private failure: Failure | undefined = undefined
  private chunks: Array<Uint8Array> | undefined = undefined
  private buffered = 0
  private received = 0
  private collecting = false
  private streamed = false
  private waiters: Array<() => void> | undefined = undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    options: Dispatcher.DispatchOptions,
    target: Target,
    parent: Scope.Scope | undefined,
    resume: Resume
  ) {
    this.request = request
    this.options = options
    this.target = target
    this.parent = parent
    this.resume = resume
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.state === failed) {
      controller.abort(cancelled)
      return
    }
    this.controller = controller
    // undici calls this right before the first write to the socket.
    this.written = true
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText = ""
  ): void {
    if (status < 200 || this.state !== waiting) return
    if (status === 407 && this.connection?.pool.route.forward !== undefined) return controller.abort(refusal(status))
    this.status = status
    this.statusText = statusText
    this.headers = headers
    this.state = reading
    this.tellSoon()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.state !== reading) return
    if (this.chunks === undefined) this.chunks = [chunk]
    else this.chunks.push(chunk)
    this.buffered += chunk.length
    this.received += chunk.length
    if (this.collecting) return
    if (this.buffered > highWater) controller.pause()
    if (this.waiters !== undefined) this.tellSoon()
  }

  onResponseEnd(): void {
    if (this.state === reading) {
      this.state = ended
      if (this.waiters !== undefined) this.tellSoon()
    }
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

  /** Ends the exchange from this side; the connection under an unfinished exchange is closed. */
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
      this.chunks = undefined
      this.buffered = 0
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

  /** Whether the body has come whole. */
  get isComplete(): boolean {
    return this.state === ended
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.state >= ended
  }

  /** The whole body, if it has come and was not taken chunk by chunk. */
  get whole(): Uint8Array | undefined {
    if (this.state !== ended || this.streamed) return undefined
    this.isRead = true
    this.collecting = true
    if (this.chunks?.length !== 1) this.chunks = [concat(this.chunks ?? [], this.buffered)]
    return this.chunks[0]
  }

  /** The whole body, now or when it has come. */
  collect(): Effect.Effect<Uint8Array, Failure> {
    this.isRead = true
    if (this.streamed) return Effect.fail(alreadyRead(this.request))
    this.collecting = true
    if (this.state === failed) return Effect.fail(this.failure!)
    const { whole } = this
    if (whole !== undefined) return Effect.succeed(whole)
    this.controller?.resume()
    return Effect.flatMap(this.arrival(), () => this.collect())
  }

  /** Waits until that much is here, or all of it. */
  buffer(bytes: number): Effect.Effect<void, Failure> {
    if (this.state === failed) return Effect.fail(this.failure!)
    return this.state === ended || this.buffered >= bytes
      ? Effect.void
      : Effect.flatMap(this.arrival(), () => this.buffer(bytes))
  }

  /** The body as it comes, or all at once if it was collected. Ending it early cancels the rest. */
  stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.ensuring(
      Stream.fromPull(Effect.suspend(() => {
        this.isRead = true
        if (this.streamed) return Effect.fail(alreadyRead(this.request))
        this.streamed = !this.collecting
        return Effect.succeed(this.streamed ? Effect.suspend(() => this.pull()) : this.replay())
      })),
      Effect.sync(() => this.cancel())
    )
  }

  private replay(): Bytes {
    let told = false
    return Effect.suspend(() => {
      if (told) return Cause.done()
      told = true
      return Effect.flatMap(this.collect(), (bytes) => bytes.length === 0 ? Cause.done() : Effect.succeed([bytes]))
    })
  }

  private pull(): Bytes {
    const [first, ...rest] = this.chunks ?? []
    if (first !== undefined) {
      this.chunks = undefined
      this.buffered = 0
      this.controller?.resume()
      return Effect.succeed([first, ...rest])
    }
    if (this.state === failed) return Effect.fail(this.failure!)
    return this.state === ended ? Cause.done() : Effect.flatMap(this.arrival(), () => this.pull())
  }

  /** Waits for the next thing that happens to the body. */
  private arrival(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const waiter = () => resume(Effect.void)
      if (this.waiters === undefined) this.waiters = [waiter]
      else this.waiters.push(waiter)
      return Effect.sync(() => this.cancel())
    })
  }

  /** Lets the fibers know, once undici's parser is done. */
  private tellSoon(): void {
    if (this.isTold) return
    this.isTold = true
    news.push(this)
    if (news.length === 1) void resolved.then(tellAll)
  }

  tell(): void {
    this.isTold = false
    const { resume, waiters } = this
    if (resume !== undefined) {
      this.resume = undefined
      resume(this.response())
    } else if (waiters !== undefined) {
      this.waiters = undefined
      for (const waiter of waiters) waiter()
    }
  }

  private response(): Effect.Effect<HttpClientResponse.HttpClientResponse, Failure> {
    const { parent } = this
    this.parent = undefined
    // Without a head there is no response to read up to the failure.
    if (this.status === 0) return Effect.fail(this.failure!)
    const response = new UndiciResponse(this)
    if (this.isOver) return Effect.succeed(response)
    if (parent === undefined) return handedOver(response)
    // Cancels the body when the scope closes, unless it has come whole by then.
    this.scope = Scope.forkUnsafe(parent)
    return Effect.andThen(Scope.addFinalizer(this.scope, Effect.sync(() => this.cancel())), handedOver(response))
  }

  private fail(failure: Failure): void {
    // What came before the failure can still be read: it is what a stream hands on before it fails.
    this.state = failed
    this.failure = failure
    if (this.resume !== undefined || this.waiters !== undefined) this.tellSoon()
  }

  private finish(): void {
    if (this.released) return
    this.released = true
    // The exchange is over: closing its scope only takes it off the parent.
    if (this.scope !== undefined) Scope.closeUnsafe(this.scope, Exit.void)
    this.connection?.release(this.state === ended)
  }

  /** Whether a kept connection turned out to be closed before anything was written on it. */
  private isStale(error: Error): boolean {
    return this.wasOpen && !this.wasRepeated && this.size !== undefined && !this.isWritten(error) &&
      meaningOf(error)?.is === "lost" && this.connection?.client.destroyed === false
  }

  /**
   * Whether any of the request may have reached the server. A small request is one write, on a connection that without
   * TLS and HTTP/2 has nothing else to write; when the system refuses that, it has taken nothing. (Windows tells later.)
   */
  private isWritten(error: Error): boolean {
    if (!this.written || this.state !== waiting) return this.written
    const refused = "syscall" in error && error.syscall === "write" && this.connection?.isPlain === true && !isWindows
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
    queueMicrotask(() => this.connection?.client.dispatch(this.options, this))
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

/** The failure of a request that never got a connection. */
export const notSent = (request: HttpClientRequest.HttpClientRequest, reason: HttpFailure.Reason): Failure =>
  transportError(request, new HttpFailure.HttpFailure({ reason, phase: "pool", requestWritten: false }))

/** The failure of a request that cannot be sent as it is. */
export const encodeError = (
  request: HttpClientRequest.HttpClientRequest,
  description: string,
  cause?: unknown
): Failure =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.EncodeError({ request, description, ...(cause === undefined ? undefined : { cause }) })
  })

/** What fits into the empty buffer of a socket in one go, whatever the system. */
const smallRequest = 4096
const isWindows = platform() === "win32"

const resolved = Promise.resolve()
let news: Array<Exchange> = []

const tellAll = (): void => {
  const all = news
  news = []
  for (const exchange of all) exchange.tell()
}
