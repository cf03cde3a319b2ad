/**
 * An `HttpClient` that plays a script and records what was asked of it: responses, failures, delays, cut and stalled
 * bodies, one step a request.
 *
 * **When to use**
 *
 * Use it to test a program and its policy against an unreliable server, without a socket.
 *
 * **Details**
 *
 * Time is the `Clock`'s, so that under `TestClock` a test of ten retries takes no time at all.
 *
 * **Gotchas**
 *
 * A request beyond the end of the script is a defect that says so: a client that sends too much fails the test. Use
 * {@link always} for a script without an end. A streamed request body is read to its end before its step is played.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as HttpFailure from "../HttpFailure.ts"
import { transportError } from "../internal/call/bodyResponse.ts"
import { CurrentProgress } from "../internal/call/progress.ts"
import { StreamResponse } from "../internal/call/streamResponse.ts"
import { type FailureTag, scriptedFailure } from "../internal/testing/scriptedFailure.ts"

type Failure = HttpClientError.HttpClientError

export type { FailureTag } from "../internal/testing/scriptedFailure.ts"

/** What a response does after its head. */
export interface Body {
  /** What comes, in this order. */
  readonly chunks: ReadonlyArray<Uint8Array>
  /** How long each chunk takes. */
  readonly every: Duration.Duration
  /** How the body ends: whole, cut, or never. */
  readonly end: "whole" | "cut" | "never"
}

/** One step of a script: what happens to one request. */
export type Step =
  | {
    readonly _tag: "Respond"
    readonly status: number
    readonly headers: Headers.Headers
    readonly setCookie: ReadonlyArray<string>
    readonly body: Body
    readonly delay: Duration.Duration
  }
  | { readonly _tag: "Fail"; readonly failure: HttpFailure.HttpFailure; readonly delay: Duration.Duration }
  | { readonly _tag: "Hang" }
  | { readonly _tag: "Always"; readonly step: Step }

/** One request that was made. */
export interface Sent {
  readonly request: HttpClientRequest.HttpClientRequest
  /** The whole URL, parameters included. */
  readonly url: string
  /** When it was made, in milliseconds by the `Clock`. */
  readonly at: number
  /** What its body held, decoded as UTF-8. */
  readonly body: string
}

/** The client that plays the script, and the record of what it was asked. */
export class TestTransport extends Context.Service<TestTransport, {
  readonly client: HttpClient.HttpClient
  /** What was sent so far, in order. */
  readonly sent: Effect.Effect<ReadonlyArray<Sent>>
  /** How many responses hold a connection: requested, and neither read to the end, failed nor cancelled. */
  readonly inUse: Effect.Effect<number>
}>()("@holdfast/http/testing/TestTransport") {}

/**
 * A response. A string or bytes come at once and whole; {@link chunked}, {@link cut} and {@link stalled} make bodies
 * that do not. `delay` is how long the head takes. Default: no headers, an empty body and no delay.
 */
export const respond = (status: number, options?: {
  readonly headers?: Headers.Input | undefined
  readonly setCookie?: ReadonlyArray<string> | undefined
  readonly body?: string | Uint8Array | Body | undefined
  readonly delay?: Duration.Input | undefined
}): Step => ({
  _tag: "Respond",
  status,
  headers: Headers.fromInput(options?.headers),
  setCookie: options?.setCookie ?? [],
  body: bodyOf(options?.body ?? ""),
  delay: Duration.fromInputUnsafe(options?.delay ?? 0)
})

/** A response with a JSON body. */
export const json = (status: number, value: unknown, options?: {
  readonly headers?: Headers.Input | undefined
  readonly delay?: Duration.Input | undefined
}): Step => {
  const headers = Headers.set(Headers.fromInput(options?.headers), "content-type", "application/json")
  return respond(status, { ...options, headers, body: JSON.stringify(value) })
}

/**
 * A failure instead of a response. `requestWritten` is what the transport knows. Default: what the reason implies:
 * false for those that come before the request is sent.
 */
export const fail = (reason: FailureTag, options?: {
  readonly requestWritten?: boolean | undefined
  readonly delay?: Duration.Input | undefined
}): Step => ({
  _tag: "Fail",
  failure: scriptedFailure(reason, options?.requestWritten),
  delay: Duration.fromInputUnsafe(options?.delay ?? 0)
})

/** No answer, ever. */
export const hang: Step = { _tag: "Hang" }

/** A step that is played for every request from here on. */
export const always = (step: Step): Step => ({ _tag: "Always", step })

/** A body that comes in chunks, `every` so often. Default: all at once. */
export const chunked = (
  chunks: ReadonlyArray<string | Uint8Array>,
  options?: { readonly every?: Duration.Input | undefined }
): Body => ({
  chunks: chunks.map(encode),
  every: Duration.fromInputUnsafe(options?.every ?? 0),
  end: "whole"
})

/** A body whose connection is lost after what is given. */
export const cut = (body: string | Uint8Array | Body): Body => ({ ...bodyOf(body), end: "cut" })

/** A body of which nothing more comes after what is given. */
export const stalled = (body: string | Uint8Array | Body): Body => ({ ...bodyOf(body), end: "never" })

/** Makes the transport for a script. */
export const make = (script: ReadonlyArray<Step>): Effect.Effect<TestTransport["Service"]> =>
  Effect.sync(() => {
    const sent: Array<Sent> = []
    let inUse = 0
    const occupied = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        inUse++
        return Effect.onError(effect, () => Effect.sync(() => inUse--))
      })
    const play = (request: HttpClientRequest.HttpClientRequest, url: string, step: Step | undefined) =>
      Effect.suspend((): Effect.Effect<HttpClientResponse.HttpClientResponse, Failure> => {
        switch (step?._tag) {
          case undefined:
            return Effect.die(
              new Error(
                `TestTransport: request ${sent.length} came, and the script ends after ${script.length}: ` +
                  "add a step, or end it with TestTransport.always(step)"
              )
            )
          case "Always":
            return play(request, url, step.step)
          case "Hang":
            return Effect.never
          case "Fail":
            return Effect.delay(Effect.fail(transportError(request, step.failure)), step.delay)
          case "Respond": {
            const { headers, setCookie, status } = step
            const body = Stream.ensuring(streamOf(request, step.body), Effect.sync(() => inUse--))
            const response = Effect.sync(() => new StreamResponse({ request, status, url, headers, setCookie }, body))
            return Effect.delay(response, step.delay)
          }
        }
      })
    return {
      client: HttpClient.makeWith<never, never, Failure, never>(
        Effect.flatMap(Effect.fnUntraced(function*(request) {
          const url = Option.match(HttpClientRequest.toUrl(request), {
            onNone: () => request.url,
            onSome: (url) => url.href
          })
          const at = yield* Clock.currentTimeMillis
          const body = yield* textOf(request)
          sent.push({ request, url, at, body })
          const last = script.at(-1)
          const step = script[sent.length - 1] ?? (last?._tag === "Always" ? last : undefined)
          const progress = yield* CurrentProgress
          if (progress !== undefined) {
            progress.isTracked = true
            if (isWritten(step)) progress.isWritten = true
          }
          return yield* occupied(play(request, url, step))
        })),
        Effect.succeed
      ),
      sent: Effect.sync(() => sent.slice()),
      inUse: Effect.sync(() => inUse)
    }
  })

/**
 * Provides `HttpClient` with the script, and `TestTransport` with the record.
 *
 * ```ts import.meta.vitest
 * import { TestTransport } from "@holdfast/http/testing/TestTransport"
 * import * as Script from "@holdfast/http/testing/TestTransport"
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("http://localhost/stock")
 *   const sent = yield* (yield* TestTransport).sent
 *   return [yield* response.json, sent.length] as const
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Script.layer([Script.json(200, { left: 3 })]))))
 * // => [{ left: 3 }, 1]
 * ```
 */
export const layer = (script: ReadonlyArray<Step>): Layer.Layer<HttpClient.HttpClient | TestTransport> =>
  Layer.effectContext(
    Effect.map(
      make(script),
      (transport) => Context.add(Context.make(TestTransport, transport), HttpClient.HttpClient, transport.client)
    )
  )

/** What fails unwritten is unwritten while it waits to fail, too. */
const isWritten = (step: Step | undefined): boolean =>
  step?._tag === "Always" ? isWritten(step.step) : step?._tag !== "Fail" || step.failure.requestWritten

const encode = (chunk: string | Uint8Array): Uint8Array =>
  typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk

const bodyOf = (body: string | Uint8Array | Body): Body =>
  typeof body === "string" || body instanceof Uint8Array ? chunked(body.length === 0 ? [] : [body]) : body

const streamOf = (
  request: HttpClientRequest.HttpClientRequest,
  body: Body
): Stream.Stream<Uint8Array, Failure> => {
  const chunks = Stream.mapEffect(
    Stream.fromIterable(body.chunks),
    (chunk) => Effect.delay(Effect.succeed(chunk), body.every)
  )
  if (body.end === "whole") return chunks
  if (body.end === "never") return Stream.concat(chunks, Stream.never)
  const reason = new HttpFailure.BodyCut({
    code: "ECONNRESET",
    received: body.chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  })
  const failure = new HttpFailure.HttpFailure({ reason, phase: "body", requestWritten: true })
  return Stream.concat(chunks, Stream.fail(transportError(request, failure)))
}

const textOf = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<string> => {
  switch (request.body._tag) {
    case "Uint8Array":
      return Effect.succeed(new TextDecoder().decode(request.body.body))
    case "Stream":
      return Effect.orDie(Stream.mkString(Stream.decodeText(request.body.stream)))
    case "Raw":
      return Effect.succeed(String(request.body.body))
    default:
      return Effect.succeed("")
  }
}
