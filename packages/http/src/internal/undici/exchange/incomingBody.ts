/**
 * The incoming body of a response: the buffer between undici's parser and the fibers that read.
 *
 * Up to 64 KiB are read off the socket in advance. A body that fits never holds its connection, read or not, so a pool
 * of one connection goes on after an unread response. Above 64 KiB the socket is paused, and TCP makes the server wait.
 *
 * Never resume a fiber from inside undici's parser: the fiber may send the next request at once, and the parser is not
 * re-entrant. Fibers are notified in a microtask instead, once per packet.
 *
 * Guarded by `test/undici/exchange.test.ts`, `test/undici/misbehaving.test.ts` and `test/undici/decoding.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import { alreadyRead, concat, highWater } from "../../call/bodyResponse.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>

export const waiting = 0
export const reading = 1
export const ended = 2
export const failed = 3
export type State = typeof waiting | typeof reading | typeof ended | typeof failed

export abstract class IncomingBody {
  readonly request: HttpClientRequest.HttpClientRequest
  /** Whether reading has begun. */
  isRead = false

  protected state: State = waiting
  protected failure: Failure | undefined = undefined
  protected received = 0
  private chunks: Array<Uint8Array> | undefined = undefined
  private buffered = 0
  private collecting = false
  private streamed = false
  private waiters: Array<() => void> | undefined = undefined
  private isTold = false

  constructor(request: HttpClientRequest.HttpClientRequest) {
    this.request = request
  }

  /** Cancels the exchange. */
  abstract cancel(): void

  /** Resumes reading from the socket. */
  protected abstract goOn(): void

  /** Whether {@link headIsTold} has something to do. */
  protected abstract get isAwaited(): boolean

  /** Resumes the fiber that waits for the head. */
  protected abstract headIsTold(): void

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

  /** Waits for the whole body. */
  collect(): Effect.Effect<Uint8Array, Failure> {
    this.isRead = true
    if (this.streamed) return Effect.fail(alreadyRead(this.request))
    this.collecting = true
    if (this.state === failed) return Effect.fail(this.failure!)
    const { whole } = this
    if (whole !== undefined) return Effect.succeed(whole)
    this.goOn()
    return Effect.flatMap(this.arrival(), () => this.collect())
  }

  /** Waits until `bytes` bytes are buffered, or the body is complete. */
  buffer(bytes: number): Effect.Effect<void, Failure> {
    if (this.state === failed) return Effect.fail(this.failure!)
    return this.state === ended || this.buffered >= bytes
      ? Effect.void
      : Effect.flatMap(this.arrival(), () => this.buffer(bytes))
  }

  /** Streams the body, or replays it if it was collected. Ending the stream early cancels the rest. */
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
      this.goOn()
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

  /** Buffers a chunk from the parser. Returns whether to pause the socket. */
  protected push(chunk: Uint8Array): boolean {
    if (this.chunks === undefined) this.chunks = [chunk]
    else this.chunks.push(chunk)
    this.buffered += chunk.length
    if (this.collecting) return false
    if (this.waiters !== undefined) this.tellSoon()
    return this.buffered > highWater
  }

  protected drop(): void {
    this.chunks = undefined
    this.buffered = 0
  }

  protected end(): void {
    this.state = ended
    if (this.waiters !== undefined) this.tellSoon()
  }

  protected fail(failure: Failure): void {
    // What came before the failure can still be read: it is what a stream hands on before it fails.
    this.state = failed
    this.failure = failure
    if (this.isAwaited || this.waiters !== undefined) this.tellSoon()
  }

  /** Notifies the waiting fibers once undici's parser is done. */
  protected tellSoon(): void {
    if (this.isTold) return
    this.isTold = true
    news.push(this)
    if (news.length === 1) void resolved.then(tellAll)
  }

  tell(): void {
    this.isTold = false
    const { waiters } = this
    if (this.isAwaited) {
      this.headIsTold()
    } else if (waiters !== undefined) {
      this.waiters = undefined
      for (const waiter of waiters) waiter()
    }
  }
}

const resolved = Promise.resolve()
let news: Array<IncomingBody> = []

const tellAll = (): void => {
  const all = news
  news = []
  for (const body of all) body.tell()
}
