/**
 * What is tried where Node's modules are: in Node, Bun and Deno. undici is bundled with the scenarios, for Bun puts a client of
 * its own in its place.
 */
import * as Backoff from "@holdfast/core/Backoff"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { runner } from "./runner.ts"

const twice = {
  retry: { times: 2, backoff: Backoff.constant({ delay: "1 millis" }) }
} satisfies HttpPolicy.Options

/** What a call gives, or the reason for which it failed, and whether every connection is free again. */
const call = (
  options: HttpPolicy.Options,
  use: (client: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>,
  transport: UndiciTransport.Options = {}
) =>
  Effect.gen(function*() {
    const ended = yield* Effect.catch(use(yield* HttpClient.HttpClient), (error) => Effect.succeed(reasonOf(error)))
    const { stats } = yield* UndiciTransport.UndiciTransport
    const isIdle = Effect.map(stats, ({ running }) => running === 0)
    // A connection that was given up closes a little later.
    const idle = yield* Effect.repeat(isIdle, {
      until: (idle) => idle,
      schedule: Schedule.spaced("5 millis"),
      times: 400
    })
    return { ended, idle }
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        ResilientHttpClient.layer(options),
        UndiciTransport.layer({ connections: 1, gracePeriod: 0, ...transport })
      )
    )
  )

const reasonOf = (error: unknown): unknown =>
  HttpClientError.isHttpClientError(error)
    ? Option.match(HttpFailure.fromClientError(error), {
      onNone: () => Object(error.reason.cause).reason?._tag ?? error.reason._tag,
      onSome: ({ reason, requestWritten }) => [reason._tag, requestWritten]
    })
    : Object(error)._tag

const get = (options: HttpPolicy.Options, url: string, transport?: UndiciTransport.Options) =>
  call(options, (client) => Effect.flatMap(client.get(url), ({ text }) => text), transport)

const once = { retry: false } satisfies HttpPolicy.Options

export const scenarios: Readonly<Record<string, (server: string) => Effect.Effect<unknown, unknown>>> = {
  "a lost connection is retried": (server) => get(twice, `${server}/reset-once`),
  "a cut body is retried": (server) => get(twice, `${server}/cut-once`),
  "a 503 with Retry-After is waited for": (server) => get(twice, `${server}/busy-once`),
  "a lost connection has its reason": (server) => get(once, `${server}/reset`),
  "a refused connection has its reason": () => get(once, "http://127.0.0.1:1025/"),
  "a name that does not resolve has its reason": () => get(once, "http://host.invalid/"),
  "a head that does not come times out": (server) => get(once, `${server}/silent`, { headersTimeout: "1 seconds" }),
  "a body that stalls times out": (server) => get(once, `${server}/stall`, { bodyTimeout: "1 seconds" }),
  "a stream that is left half-read frees its connection": (server) =>
    call(
      twice,
      (client) =>
        Effect.flatMap(client.get(`${server}/endless`), ({ stream }) =>
          Effect.map(Stream.runCollect(Stream.take(stream, 2)), ({ length }) => length))
    ),
  "an interrupted call frees its connection": (server) =>
    call(
      twice,
      (client) => Effect.map(Effect.timeoutOption(client.get(`${server}/silent`), "50 millis"), Option.isNone)
    ),
  "a stream is uploaded": (server) =>
    call(once, (client) =>
      Effect.flatMap(
        client.post(`${server}/size`, {
          body: HttpBody.stream(Stream.map(Stream.range(1, 50), () => new Uint8Array(10_000)))
        }),
        ({ text }) => text
      )),
  "gzip is decoded": (server) => get(once, `${server}/gzip`),
  "fifty calls share two connections": (server) =>
    call(
      twice,
      (client) =>
        Effect.map(
          Effect.forEach(
            Array.from({ length: 50 }),
            () => Effect.flatMap(client.get(`${server}/there`), ({ text }) => text),
            {
              concurrency: "unbounded"
            }
          ),
          (texts) => texts.filter((text) => text === "answered").length
        ),
      { connections: 2 }
    ),
  "UndiciFetch is retried": (server) =>
    Effect.promise(async () => {
      await using fetch = UndiciFetch.createFetch(twice)
      const response = await fetch(`${server}/busy-once`, { method: "PUT", body: "stock" })
      return [response.status, await response.text()]
    }),
  "ResilientDispatcher is retried": (server) =>
    Effect.promise(async () => {
      const dispatcher = ResilientDispatcher.createDispatcher(twice)
      const { origin, pathname } = new URL(`${server}/busy-once`)
      const { body, statusCode } = await dispatcher.request({ origin, path: pathname, method: "GET" })
      const text = await body.text()
      await dispatcher.close()
      return [statusCode, text]
    }),
  "a cut download is resumed": (server) =>
    call(once, (client) =>
      ResumableDownload.stream(`${server}/ranges`).pipe(
        Stream.runFold(() => 0, (size, chunk) => size + chunk.length),
        Effect.provideService(HttpClient.HttpClient, client)
      ))
}

export const { names, run } = runner(scenarios)
