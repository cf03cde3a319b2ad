/**
 * A response over a stream of bytes: what a script plays, and how a response of a client that is not ours is read,
 * waited for and given up in the same way as one of ours.
 *
 * Guarded by `test/contract/contract.test.ts` and `test/call/attemptClock.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { alreadyRead, BodyResponse, concat, transportError } from "./bodyResponse.ts"

type Failure = HttpClientError.HttpClientError
type Bytes = Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>], Failure>

const whole: Effect.Effect<void> = Effect.void

export interface Head {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly url: string
  readonly headers: Headers.Headers
  readonly setCookie: ReadonlyArray<string>
}

export class StreamResponse extends BodyResponse {
  readonly url: string
  readonly headers: Headers.Headers
  readonly setCookie: ReadonlyArray<string>

  private readonly scope = Scope.makeUnsafe()
  private readonly open: Effect.Effect<Bytes>
  private source: Bytes | undefined = undefined
  private chunks: Array<Uint8Array> = []
  private size = 0
  private done: Effect.Effect<void, Failure> | undefined = undefined
  private streamed = false

  constructor(head: Head, body: Stream.Stream<Uint8Array, Failure>) {
    super(head.request, head.status)
    this.url = head.url
    this.headers = head.headers
    this.setCookie = head.setCookie
    this.open = Effect.map(Scope.provide(Stream.toPull(body), this.scope), (pull) => {
      dropped.register(this, this.scope, this)
      return this.source = pull
    })
  }

  /** The same response, with its body in the hands of this class. */
  static wrap(response: HttpClientResponse.HttpClientResponse): BodyResponse {
    return response instanceof BodyResponse ? response : new WrappedResponse(response)
  }

  get isComplete(): boolean {
    return this.done === whole
  }

  get cancel(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.done !== undefined) return Effect.void
      const close = this.close(
        Effect.fail(transportError(this.request, new Error("The body was cancelled by the caller")))
      )
      // A stream that was never begun has nothing to close yet, and the connection under it is held anyway.
      return Effect.uninterruptible(this.source === undefined ? Effect.andThen(this.open, close) : close)
    })
  }

  buffered(bytes: number): Effect.Effect<void, Failure> {
    return Effect.suspend(() => {
      if (this.done !== undefined) return this.done
      return this.size >= bytes ? Effect.void : Effect.flatMap(this.next, () => this.buffered(bytes))
    })
  }

  get bytes(): Effect.Effect<Uint8Array, Failure> {
    return Effect.suspend(() => this.collect())
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.ensuring(
      Stream.fromPull(Effect.suspend(() => {
        if (this.streamed) return Effect.fail(alreadyRead(this.request))
        this.streamed = true
        return Effect.succeed(Effect.suspend(() => this.pull()))
      })),
      this.cancel
    )
  }

  private collect(): Effect.Effect<Uint8Array, Failure> {
    if (this.streamed) return Effect.fail(alreadyRead(this.request))
    if (this.done === undefined) return Effect.flatMap(this.next, () => this.collect())
    return Effect.map(this.done, () => {
      if (this.chunks.length !== 1) this.chunks = [concat(this.chunks, this.size)]
      return this.chunks[0]!
    })
  }

  private pull(): Bytes {
    const [first, ...rest] = this.chunks
    if (first !== undefined) {
      this.chunks = []
      return Effect.succeed([first, ...rest])
    }
    return this.done === undefined
      ? Effect.flatMap(this.next, () => this.pull())
      : Effect.flatMap(this.done, () => Cause.done())
  }

  /** Takes what comes next into the buffer. Interrupting it gives the body up. */
  private get next(): Effect.Effect<void, Failure> {
    return Pull.matchEffect(this.source ?? Effect.flatten(this.open), {
      onSuccess: (chunks) =>
        Effect.sync(() => {
          for (const chunk of chunks) {
            this.chunks.push(chunk)
            this.size += chunk.length
          }
        }),
      onFailure: (cause) => Effect.andThen(this.close(Effect.failCause(cause)), Effect.failCause(cause)),
      onDone: () => this.close(whole)
    }).pipe(Effect.onInterrupt(() => this.cancel))
  }

  private close(done: Effect.Effect<void, Failure>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.done !== undefined) return Effect.void
      this.done = done
      dropped.unregister(this)
      return Scope.close(this.scope, Exit.void)
    })
  }
}

// A response that is begun and dropped, as one is whose first chunk a policy has waited for, gives its connection up. The
// scope leads to the client's own response, and not to the one that is dropped.
const dropped = new FinalizationRegistry<Scope.Closeable>((scope) => {
  Effect.runFork(Scope.close(scope, Exit.void))
})

class WrappedResponse extends StreamResponse {
  private readonly response: HttpClientResponse.HttpClientResponse

  constructor(response: HttpClientResponse.HttpClientResponse) {
    const { headers, request, status, url } = response
    // fetch has no body for a HEAD or a 204, and Effect fails the stream of a body that is not there.
    const body = Stream.catchIf(
      response.stream,
      (error) => error.reason._tag === "EmptyBodyError",
      () => Stream.empty
    )
    super({ request, status, url, headers, setCookie: [] }, body)
    this.response = response
  }

  override get web() {
    return Option.getOrUndefined(HttpClientResponse.toWeb(this.response))
  }

  override get cookies() {
    return this.response.cookies
  }

  override get remoteAddress() {
    return this.response.remoteAddress
  }

  override get upgrade() {
    return this.response.upgrade
  }
}
