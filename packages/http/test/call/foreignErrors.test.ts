/** An error from a program or another client ends a call as a failure, whatever its getters do when they are read. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"

const boom = (): never => {
  throw new Error("A getter threw")
}

/** The error, with getters that throw. */
const throwing = (error: object, ...keys: ReadonlyArray<string>): object => {
  for (const key of keys) Object.defineProperty(error, key, { get: boom, enumerable: true, configurable: true })
  return error
}

const trapped = (target: object): object =>
  new Proxy(target, { get: boom, has: boom, ownKeys: boom, getPrototypeOf: boom, getOwnPropertyDescriptor: boom })

const error = (properties: object = {}): Error => Object.assign(new Error("x"), properties)

const ring = (length: number): Error => {
  const errors = Array.from({ length }, () => error())
  errors.forEach((one, i) => one.cause = errors[(i + 1) % length])
  return errors[0]!
}

/** Every part of it is itself. */
const knot = (): AggregateError => {
  const knotted = new AggregateError([])
  knotted.errors.push(...Array.from({ length: 10 }, () => knotted))
  return knotted
}

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const hostile: Readonly<Record<string, () => unknown>> = {
  "a code that throws": () => throwing(error(), "code"),
  "a cause that throws": () => throwing(error(), "cause"),
  "a message that throws": () => throwing(error(), "message"),
  "a name that throws": () => throwing(error(), "name"),
  "parts that throw": () => throwing(error(), "errors"),
  "a system call that throws": () => throwing(error({ code: "ETIMEDOUT" }), "syscall"),
  "a stack that throws": () => throwing(error(), "stack"),
  "a tag that throws": () => throwing(error(), "_tag", "~@holdfast/http/HttpFailure"),
  "a hint that throws": () => throwing(error(), "retryAfter"),
  "all that throws": () => throwing(error(), "code", "cause", "message", "name", "errors", "stack", "_tag", "toJSON"),
  "a cause of which all throws": () => error({ cause: throwing(error(), "code", "cause", "message", "name") }),
  "a part of which all throws": () => new AggregateError([trapped(error()), throwing(error(), "code")]),
  "a proxy": () => trapped(error()),
  "a proxy of a TypeError": () => trapped(new TypeError("fetch failed")),
  "a proxy of a function": () => trapped(() => undefined),
  "parts in a proxy": () => error({ errors: trapped([]) }),
  "a proxy that was revoked": () => revoked(error()),
  "parts in a proxy that was revoked": () => error({ errors: revoked([]) }),
  "a message that is not text": () => error({ message: { toString: boom } }),
  "a name that is not text": () => error({ name: { toString: boom } }),
  "a code that is not text": () => error({ code: { toString: boom } }),
  "a long code": () => error({ code: "E".repeat(1_000_000) }),
  "a ring of one": () => ring(1),
  "a ring of three": () => ring(3),
  "a knot": knot,
  "a thousand causes": () =>
    Array.from({ length: 1000 }).reduce<Error>((cause) => new Error("outer", { cause }), error()),
  "a frozen error": () => Object.freeze(error({ code: "ECONNRESET" })),
  "an object without a prototype": () => Object.create(null) as unknown,
  "a symbol": () => Symbol("x"),
  "nothing": () => undefined,
  "null": () => null,
  "a hint that is negative": () => error({ retryAfter: Duration.millis(-5) }),
  "what says to be one of ours": () => ({ "~@holdfast/http/HttpFailure": 1, _tag: "HttpFailure" })
}

type Failure = HttpClientError.HttpClientError

const failed = (request: HttpClientRequest.HttpClientRequest, cause: unknown): Failure =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** Where the error comes from. */
const clients: Readonly<Record<string, (cause: unknown) => Layer.Layer<HttpClient.HttpClient>>> = {
  "a client": (cause) =>
    Layer.succeed(HttpClient.HttpClient, HttpClient.make((request) => Effect.fail(failed(request, cause)))),
  "a fetch": (cause) => overFetch(() => Promise.reject(cause)),
  "a body": (cause) =>
    overFetch(() => Promise.resolve(new Response(new ReadableStream({ pull: (body) => body.error(cause) })))),
  "a body that was decoded": (cause) =>
    Layer.succeed(
      HttpClient.HttpClient,
      HttpClient.make((request) => {
        const response = HttpClientResponse.fromWeb(request, new Response("x"))
        const reason = new HttpClientError.DecodeError({ request, response, cause })
        return Effect.fail(new HttpClientError.HttpClientError({ reason }))
      })
    )
}

const overFetch = (fetch: typeof globalThis.fetch) =>
  Layer.provide(FetchHttpClient.layer, Layer.succeed(FetchHttpClient.Fetch, fetch))

const retry = { times: 1, backoff: Backoff.constant({ delay: 1 }) }

const policies: Readonly<Record<string, HttpPolicy.Options>> = {
  "retries": { retry },
  "secrets": { retry, bearer: Redacted.make("S3CRET") },
  "hedges": { retry, hedge: { after: 1 } },
  "nothing": { retry: false }
}

describe.each(Object.entries(hostile))("%s", (_, make) => {
  it("is classified", () => {
    for (const phase of [undefined, "headers", "body"] as const) {
      const failure = HttpFailure.fromUnknown(make(), { phase })
      assert.isString(failure.reason._tag)
      assert.isString(failure.message)
    }
    assert.isFalse(HttpFailure.isHttpFailure(make()))
  })

  it.live.each(Object.keys(clients))("is the failure of a call, from %s", (client) =>
    Effect.gen(function*() {
      for (const options of Object.values(policies)) {
        for (const url of ["http://x/", "http://u:S3CRET@x/?token=S3CRET"]) {
          const exit = yield* HttpClient.get(url).pipe(
            Effect.flatMap(({ text }) => text),
            Effect.timeout("5 seconds"),
            Effect.exit,
            Effect.provide(Layer.provide(ResilientHttpClient.layer(options), clients[client]!(make())))
          )
          assert.isTrue(Exit.isFailure(exit) && !Cause.hasDies(exit.cause) && !Cause.hasInterrupts(exit.cause))
          assert.isTrue(HttpClientError.isHttpClientError(Exit.isFailure(exit) && Cause.squash(exit.cause)))
        }
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it("is the cause of what a fetch rejects with", async () => {
    await using fetch = ResilientFetch.createFetch({ retry: false, fetch: () => Promise.reject(make()) })
    const rejected: unknown = await fetch("http://x/?token=S3CRET").catch((error: unknown) => error)
    assert.instanceOf(rejected, TypeError)
  })
})
