/**
 * The body of a response of `fetch`, read without a fiber that waits for it: each read is one suspension of the fiber that asks.
 *
 * Effect's stream of such a body takes eleven steps of a fiber for a chunk, and a chain that has to end a read which is late needs
 * a second fiber, for Effect ends fibers and not what they wait for. A read here can be ended from outside, so a chain asks for the
 * {@link endableOf | end} of its stream. Three things have to hold as with Effect's stream:
 * - Only Effect's own response is read so. One that a client has changed has a stream of its own, which counts.
 * - Nothing is read ahead, and the body is cancelled with the scope.
 * - A read that was interrupted or ended is the last: its chunk would be lost.
 *
 * Guarded by `test/protocol/answer/webBody.test.ts` and `test/chain/streamReader.test.ts`.
 */
import type * as AiError from "effect/ai/AiError"
import type * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Next } from "../../onDemand.ts"
import { opened } from "../../onDemand.ts"
import { enough } from "./rest.ts"

/** How the reads of a stream are ended, and who wants to know when they begin and end. */
export interface Endable {
  /** Ends the read that is going on, and all that follow, with this failure. */
  end: ((exit: Exit.Exit<never, AiError.AiError>) => void) | undefined
  watch: { readonly begins: () => void; readonly ends: () => void } | undefined
}

// By the pull itself, so that a stream which was changed on its way to the chain is not taken for one: what it waits for may
// be something else.
const endables = new WeakMap<object, Endable>()

/** Of a pull that was opened; `undefined` where only an interruption ends a read. */
export const endableOf = (pull: object): Endable | undefined => {
  const endable = endables.get(pull)
  return endable?.end === undefined ? undefined : endable
}

/** A stream that is opened on demand, and may say how its reads are ended. */
export const endable = <A, R>(
  open: (scope: Scope.Scope, self: Endable) => Effect.Effect<Next<A, AiError.AiError, R>, AiError.AiError, R>
): Stream.Stream<A, AiError.AiError, R> =>
  Stream.fromChannel(Channel.fromTransform((_: unknown, scope) => {
    const self: Endable = { end: undefined, watch: undefined }
    const pull = opened(Effect.suspend(() => open(scope, self)))
    endables.set(pull, self)
    return Effect.succeed(pull)
  }))

/** A body of Effect's own response of `fetch`. */
export interface WebBody {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  /** What a failure to read it means. */
  readonly failed: (cause: unknown) => AiError.AiError
}

/** A body as a stream, or as it is where that may be read. */
export type Body = Stream.Stream<Uint8Array, AiError.AiError> | WebBody

/** The body of a response, if it is one of Effect's own of `fetch`. */
export const webBody = (
  response: HttpClientResponse.HttpClientResponse
): ReadableStream<Uint8Array<ArrayBuffer>> | undefined => {
  // Another response may count as read once it was asked for its web form, and its stream then fails.
  if (Object.hasOwn(response, "stream") || Object.getPrototypeOf(response) !== ownOf(response)) return undefined
  return Option.getOrUndefined(HttpClientResponse.toWeb(response))?.body ?? undefined
}

let own: object | undefined

/** The prototype of Effect's own response of `fetch`. */
const ownOf = ({ request }: HttpClientResponse.HttpClientResponse): object =>
  own ??= Object.getPrototypeOf(HttpClientResponse.fromWeb(request, new Response())) as object

/** The body of a response; `failed` says what a failure to read it means. */
export const bodyOf = (
  response: HttpClientResponse.HttpClientResponse,
  failed: (error: HttpClientError.HttpClientError) => AiError.AiError
): Body => {
  const readable = webBody(response)
  return readable === undefined ? Stream.mapError(response.stream, failed) : {
    readable,
    failed: (cause) => {
      const reason = new HttpClientError.DecodeError({ request: response.request, response, cause })
      return failed(new HttpClientError.HttpClientError({ reason }))
    }
  }
}

/** Why the rest of a body is cancelled. Without a reason `fetch` makes one for each, whose stack takes as long as a token. */
let whole: DOMException | undefined

/** What takes the bytes in. */
export interface Sink<A> {
  readonly take: (chunks: ReadonlyArray<Uint8Array>) => void
  /** The body has ended. */
  readonly end: () => void
  /** Whether the answer is whole. */
  readonly isDone: () => boolean
  /** What there is to give; `undefined` for more bytes first. */
  readonly ready: () => Pull.Pull<A, AiError.AiError> | undefined
}

/** Reads a body into a sink. */
export class WebReader<A> {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>
  private readonly sink: Sink<A>
  private readonly failed: WebBody["failed"]
  private readonly self: Endable
  private resume: ((end: Pull.Pull<A, AiError.AiError>) => void) | undefined
  private over: Exit.Exit<never, AiError.AiError | Cause.Done> | undefined

  constructor({ failed, readable }: WebBody, sink: Sink<A>, self: Endable) {
    this.reader = readable.getReader()
    this.sink = sink
    this.failed = failed
    this.self = self
    self.end = (exit) => {
      this.over = exit
      this.give(exit)
    }
  }

  readonly pull: Pull.Pull<A, AiError.AiError> = Effect.callback((resume) => {
    const ready = this.over ?? this.sink.ready()
    if (ready !== undefined) return resume(ready)
    this.resume = resume
    this.self.watch?.begins()
    this.read()
    return this.stop
  })

  private read(): void {
    this.reader.read().then(this.onRead, this.onFailure)
  }

  private give(end: Pull.Pull<A, AiError.AiError>): void {
    const { resume } = this
    this.resume = undefined
    this.self.watch?.ends()
    resume?.(end)
  }

  private readonly onRead = ({ value }: ReadableStreamReadResult<Uint8Array>): void => {
    // It was ended or interrupted meanwhile.
    if (this.resume === undefined) return
    let ready: Pull.Pull<A, AiError.AiError> | undefined
    try {
      if (value === undefined) this.sink.end()
      else this.sink.take([value])
      ready = this.sink.ready()
    } catch (defect) {
      ready = Effect.die(defect)
    }
    if (ready === undefined) this.read()
    else this.give(ready)
  }

  private readonly onFailure = (cause: unknown): void => this.give(Effect.fail(this.failed(cause)))

  private readonly stop: Effect.Effect<void> = Effect.sync(() => {
    this.over = Exit.interrupt()
    this.resume = undefined
    this.self.watch?.ends()
  })

  /** Reads the rest of the body of an answer that is whole, as far as that is worth it. */
  readonly rest: Effect.Effect<void> = Effect.callback((resume) => {
    const isEnough = enough()
    const over = () => resume(Effect.void)
    const read = (): void =>
      void this.reader.read().then(({ value }) => value === undefined || isEnough(value) ? over() : read(), over)
    read()
  })

  /** Cancels what was not read. Of an answer that is whole, the rest of the body is nothing to wait for. */
  readonly release: Effect.Effect<void> = Effect.suspend(() => {
    const { reader } = this
    if (this.sink.isDone()) {
      whole ??= new DOMException("The answer has been read", "AbortError")
      reader.cancel(whole).catch(() => undefined)
      reader.releaseLock()
      return Effect.void
    }
    return Effect.ensuring(
      Effect.promise(() =>
        // A body that broke off refuses to be cancelled with the error that a read has given already.
        reader.cancel().catch((error: unknown) => reader.closed.then(() => Promise.reject(error), () => undefined))
      ),
      Effect.sync(() => reader.releaseLock())
    )
  })
}
