/**
 * One dispatch: a call of the client, told to a handler of undici's. The handler pauses, resumes and aborts it; it is told
 * of one end, whatever ended it.
 *
 * Guarded by `test/dispatcher/dispatcher.test.ts` and `test/dispatcher/dispatcher.fetch.test.ts`.
 */
import { isPolicyError, type PolicyError } from "@holdfast/core/PolicyError"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { type Dispatcher, errors } from "undici"
import * as HttpFailure from "../../HttpFailure.ts"
import type { BodyResponse } from "../call/bodyResponse.ts"
import { StreamResponse } from "../call/streamResponse.ts"
import { isA } from "../foreignError.ts"
import type { Options, ReasonOf } from "../policyOptions.ts"
import type { OnInterim } from "../undici/exchange/interim.ts"
import type { Watch } from "../undici/exchange/watchedExchange.ts"

export type Client = HttpClient.HttpClient.With<HttpClientError.HttpClientError | PolicyError<ReasonOf<Options>>>

// From undici's parser these are buffers, which the types of other runtimes do not know.
type Raw = Dispatcher.DispatchController["rawHeaders"]

export class Dispatch implements Dispatcher.DispatchController, Watch {
  aborted = false
  paused = false
  reason: Error | null = null
  rawHeaders: Exclude<Raw, undefined> = null
  rawTrailers: Exclude<Raw, undefined> = null

  private readonly handler: Dispatcher.DispatchHandler
  private readonly body: unknown
  private readonly onEnd: (dispatch: Dispatch) => void
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private onResume: (() => void) | undefined = undefined
  private isOver = false
  /** Why the handler gets no further event: it has aborted the call, or thrown. */
  private stopped: { readonly by: Error } | undefined = undefined

  constructor(handler: Dispatcher.DispatchHandler, body: unknown, onEnd: (dispatch: Dispatch) => void) {
    this.handler = handler
    this.body = body
    this.onEnd = onEnd
  }

  start(
    client: Client,
    request: Effect.Effect<HttpClientRequest.HttpClientRequest, unknown>,
    context: Context.Context<never>
  ): void {
    const run = Effect.suspend((): Effect.Effect<BodyResponse, unknown> => {
      // undici has no context either, unless an interceptor gives one.
      this.tell(() => this.handler.onRequestStart?.(this, null))
      return this.stopped !== undefined
        ? Effect.interrupt
        : Effect.flatMap(request, (request) => this.send(client, request))
    })
    const fiber = Effect.runForkWith(context)(run)
    this.fiber = fiber
    fiber.addObserver((exit) => this.ended(exit))
  }

  abort(reason?: Error): void {
    if (this.isOver || this.stopped !== undefined) return
    this.aborted = true
    this.reason = reason ?? null
    this.stop(reason ?? new errors.RequestAbortedError())
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    const { onResume } = this
    this.onResume = undefined
    onResume?.()
  }

  readonly onBodySent = (chunk: Buffer): void => this.tell(() => this.handler.onBodySent?.(chunk))

  readonly onRequestSent = (): void => this.tell(() => this.handler.onRequestSent?.())

  readonly onResponseStarted = (): void => this.tell(() => this.handler.onResponseStarted?.())

  readonly onInterim: OnInterim = (status, headers, statusText, rawHeaders) =>
    this.tell(() => {
      this.rawHeaders = rawHeaders ?? null
      this.handler.onResponseStart?.(this, status, headers, statusText)
    })

  /** Hands a step of an attempt to the handler. A handler that throws ends the call, as with undici. */
  private tell(step: () => void): void {
    if (this.isOver || this.stopped !== undefined) return
    try {
      step()
    } catch (error) {
      this.stop(error as Error)
    }
  }

  private stop(by: Error): void {
    this.stopped ??= { by }
    this.fiber?.interruptUnsafe()
  }

  private send(client: Client, request: HttpClientRequest.HttpClientRequest): Effect.Effect<BodyResponse, unknown> {
    return Effect.flatMap(client.execute(request), (answer) => {
      const response = StreamResponse.wrap(answer)
      const headers = response.fields
      this.tell(() => {
        this.rawHeaders = (response.rawHeaders ?? flat(headers)) as typeof this.rawHeaders
        this.handler.onResponseStart?.(this, response.status, headers, response.statusText)
      })
      if (this.stopped !== undefined) return Effect.andThen(response.cancel, Effect.interrupt)
      const read = Stream.runForEachArray(response.stream, (chunks) => this.hand(chunks, 0))
      // A handler that pauses at the head gets the end of an empty body when it resumes.
      return Effect.as(request.method === "HEAD" ? read : Effect.andThen(read, this.hand([], 0)), response)
    })
  }

  /** Gives the handler one chunk after the other, and waits where it pauses. */
  private hand(chunks: ReadonlyArray<Uint8Array>, from: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (let i = from; i < chunks.length; i++) {
        if (this.stopped !== undefined) return Effect.interrupt
        if (this.paused) return Effect.andThen(this.resumed, this.hand(chunks, i))
        this.tell(() => this.handler.onResponseData?.(this, bufferOf(chunks[i]!)))
      }
      if (this.stopped !== undefined) return Effect.interrupt
      return this.paused ? this.resumed : Effect.void
    })
  }

  private readonly resumed: Effect.Effect<void> = Effect.callback((resume) => {
    if (!this.paused) return resume(Effect.void)
    this.onResume = () => resume(Effect.void)
    return Effect.sync(() => this.onResume = undefined)
  })

  private ended(exit: Exit.Exit<BodyResponse, unknown>): void {
    this.isOver = true
    this.onEnd(this)
    if (Exit.isFailure(exit)) return this.fail(this.stopped?.by ?? errorOf(exit.cause))
    const { rawTrailers, trailers } = exit.value
    this.rawTrailers = (rawTrailers ?? flat(trailers)) as typeof this.rawTrailers
    try {
      this.handler.onResponseEnd?.(this, trailers)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  private fail(error: Error): void {
    if (this.body instanceof Readable && !this.body.destroyed) {
      this.body.on("error", () => undefined).destroy(error)
    }
    this.handler.onResponseError?.(this, error)
  }
}

/** undici's own error where there is one, as its users know it; otherwise that of the policy or of the transport. */
const errorOf = (cause: Cause.Cause<unknown>): Error => {
  const error = Cause.squash(cause)
  const said = HttpClientError.isHttpClientError(error) ? behind(error) : error
  return isA(said, Error) ? said : new errors.UndiciError(String(said))
}

const behind = (error: HttpClientError.HttpClientError): unknown => {
  const { reason } = error
  if (isPolicyError(reason.cause)) return reason.cause
  if (reason._tag === "EncodeError") return reason.cause ?? new errors.InvalidArgumentError(reason.description)
  const failure = Option.getOrUndefined(HttpFailure.fromClientError(error))
  return failure === undefined ? error : isA(failure.cause, Error) ? failure.cause : failure
}

/** Names and values by turns, as they stand in a message. */
const flat = (headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>): Array<string> =>
  Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : typeof value === "string" ? [name, value] : value.flatMap((one) => [name, one])
  )

const bufferOf = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
