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

export type Client = HttpClient.HttpClient.With<HttpClientError.HttpClientError | PolicyError<ReasonOf<Options>>>

// From undici's parser these are buffers, which the types of other runtimes do not know.
type Raw = NonNullable<Dispatcher.DispatchController["rawHeaders"]> | null

export class Dispatch implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null
  rawHeaders: Raw = null
  rawTrailers: Raw = null

  private readonly handler: Dispatcher.DispatchHandler
  private readonly body: unknown
  private readonly onEnd: (dispatch: Dispatch) => void
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private onResume: (() => void) | undefined = undefined
  private isOver = false

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
      this.handler.onRequestStart?.(this, {})
      return this.aborted ? Effect.interrupt : Effect.flatMap(request, (request) => this.send(client, request))
    })
    const fiber = Effect.runForkWith(context)(run)
    this.fiber = fiber
    fiber.addObserver((exit) => this.ended(exit))
  }

  abort(reason?: Error): void {
    if (this.isOver || this.aborted) return
    this.aborted = true
    this.reason = reason ?? new errors.RequestAbortedError()
    this.fiber?.interruptUnsafe()
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

  private send(client: Client, request: HttpClientRequest.HttpClientRequest): Effect.Effect<BodyResponse, unknown> {
    return Effect.flatMap(client.execute(request), (answer) => {
      const response = StreamResponse.wrap(answer)
      const headers = response.fields
      this.rawHeaders = (response.rawHeaders ?? flat(headers)) as Raw
      this.handler.onResponseStart?.(this, response.status, headers, response.statusText)
      const read = Stream.runForEachArray(response.stream, (chunks) => this.hand(chunks, 0))
      return Effect.as(this.aborted ? Effect.andThen(response.cancel, Effect.interrupt) : read, response)
    })
  }

  /** Gives the handler one chunk after the other, and waits where it pauses. */
  private hand(chunks: ReadonlyArray<Uint8Array>, from: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (let i = from; i < chunks.length; i++) {
        if (this.aborted) return Effect.interrupt
        if (this.paused) return Effect.andThen(this.resumed, this.hand(chunks, i))
        this.handler.onResponseData?.(this, bufferOf(chunks[i]!))
      }
      return this.paused && !this.aborted ? this.resumed : Effect.void
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
    if (Exit.isFailure(exit)) return this.fail(this.reason ?? errorOf(exit.cause))
    const { rawTrailers, trailers } = exit.value
    this.rawTrailers = (rawTrailers ?? flat(trailers)) as Raw
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
