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
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import * as HttpFailure from "../HttpFailure.ts"
import { alreadyRead, concat, highWater, transportError } from "./bodyResponse.ts"
import { meaningOf } from "./failureCode.ts"
import { UploadFailure } from "./requestBody.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>

const waiting = 0
const reading = 1
const ended = 2
const failed = 3
type State = typeof waiting | typeof reading | typeof ended | typeof failed

// One object for every cancelled exchange: undici wants a reason, and nobody reads it.
const cancelled = new Error("The exchange was cancelled by the caller")

type OnHead = (exchange: Exchange, failure: Failure | undefined) => void

export class Exchange implements Dispatcher.DispatchHandler {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly options: Dispatcher.DispatchOptions
  /** Told once, when undici has done with the connection. */
  readonly owner: { release(): void }

  status = 0
  headers: IncomingHttpHeaders | undefined = undefined
  /** Whether someone has begun to read the body. */
  isRead = false

  /**
   * Told once, with the head or the failure that came instead of it, and then forgotten: it leads to the fiber, which
   * may lead to the response, and a response that its own exchange holds is never garbage.
   */
  private onHead: OnHead | undefined
  private state: State = waiting
  private controller: Dispatcher.DispatchController | undefined = undefined
  private written = false
  private released = false
  private failure: Failure | undefined = undefined
  private chunks: Array<Uint8Array> = []
  private buffered = 0
  private received = 0
  private collecting = false
  private streamed = false
  private waiters: Array<() => void> | undefined = undefined
  private scope: Scope.Closeable | undefined = undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    options: Dispatcher.DispatchOptions,
    owner: { release(): void },
    onHead: OnHead
  ) {
    this.request = request
    this.options = options
    this.owner = owner
    this.onHead = onHead
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

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200 || this.state !== waiting) return
    this.status = status
    this.headers = headers
    this.state = reading
    queueMicrotask(() => this.deliver(undefined))
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.state !== reading) return
    this.chunks.push(chunk)
    this.buffered += chunk.length
    this.received += chunk.length
    if (this.collecting) return
    if (this.buffered > highWater) controller.pause()
    this.notify()
  }

  onResponseEnd(): void {
    if (this.state === reading) {
      this.state = ended
      this.notify()
    }
    this.finish()
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    if (this.state === waiting) {
      this.state = failed
      const failure = this.failureOf(error)
      queueMicrotask(() => this.deliver(failure))
    } else if (this.state === reading) {
      this.fail(this.failureOf(error))
    }
    this.finish()
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
      this.chunks = []
      this.buffered = 0
    }
    this.state = failed
    // A request that undici still queues has no controller; onRequestStart ends it.
    this.controller?.abort(cancelled)
  }

  /** Cancels the body when `parent` closes, unless it has come whole by then. */
  attach(parent: Scope.Scope): Effect.Effect<void> {
    this.scope = Scope.forkUnsafe(parent)
    return Scope.addFinalizer(this.scope, Effect.sync(() => this.cancel()))
  }

  /** Whether the body has come whole. */
  get isComplete(): boolean {
    return this.state === ended
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.state >= ended
  }

  /** The whole body, now or when it has come. */
  collect(): Effect.Effect<Uint8Array, Failure> {
    this.isRead = true
    if (this.streamed) return Effect.fail(alreadyRead(this.request))
    this.collecting = true
    if (this.state !== reading) return this.collected()
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
    const [first, ...rest] = this.chunks
    if (first !== undefined) {
      this.chunks = []
      this.buffered = 0
      this.controller?.resume()
      return Effect.succeed([first, ...rest])
    }
    if (this.state === failed) return Effect.fail(this.failure!)
    return this.state === ended ? Cause.done() : Effect.flatMap(this.arrival(), () => this.pull())
  }

  private collected(): Effect.Effect<Uint8Array, Failure> {
    if (this.state === failed) return Effect.fail(this.failure!)
    if (this.chunks.length !== 1) this.chunks = [concat(this.chunks, this.buffered)]
    return Effect.succeed(this.chunks[0]!)
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

  private deliver(failure: Failure | undefined): void {
    const { onHead } = this
    this.onHead = undefined
    onHead?.(this, failure)
  }

  private notify(): void {
    const waiters = this.waiters
    if (waiters === undefined) return
    this.waiters = undefined
    queueMicrotask(() => {
      for (const waiter of waiters) waiter()
    })
  }

  private fail(failure: Failure): void {
    // What came before the failure can still be read: it is what a stream hands on before it fails.
    this.state = failed
    this.failure = failure
    this.notify()
  }

  private finish(): void {
    if (this.released) return
    this.released = true
    // The exchange is over: closing its scope only takes it off the parent.
    if (this.scope !== undefined) Scope.closeUnsafe(this.scope, Exit.void)
    this.owner.release()
  }

  private failureOf(error: Error): Failure {
    if (error instanceof UploadFailure || meaningOf(error)?.is === "encode") {
      return new HttpClientError.HttpClientError({
        reason: new HttpClientError.EncodeError({
          request: this.request,
          cause: error instanceof UploadFailure ? error.cause : error,
          description: error.message
        })
      })
    }
    return transportError(
      this.request,
      HttpFailure.fromUnknown(error, {
        phase: this.state === reading ? "body" : this.written ? "headers" : "connect",
        requestWritten: this.written,
        received: this.received
      })
    )
  }
}
