/**
 * Whether a response is Effect's own of `fetch` was asked of its web form. The web form of a response of Holdfast's HTTP
 * client takes the body, so that its stream failed afterwards: each streamed answer through that client over `fetch` was
 * "broken off".
 */
import { it } from "@effect/vitest"
import { deepStrictEqual, strictEqual } from "@effect/vitest/utils"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { webBody } from "../../src/internal/protocol/answer/webBody.ts"

const fetched = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(request, new Response("one two")))
)

it.effect("leaves a response of another client as it is", () =>
  Effect.gen(function*() {
    const response = yield* HttpClient.get("http://api.test/chat")
    strictEqual(webBody(response), undefined)
    strictEqual(yield* Stream.mkString(Stream.decodeText(response.stream)), "one two")
  }).pipe(
    Effect.provide(
      ResilientHttpClient.layer({ retry: { times: 1 } }).pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, fetched))
      )
    )
  ))

it.effect("reads a response of fetch as it is", () =>
  Effect.gen(function*() {
    const { request } = yield* fetched.get("http://api.test/chat")
    const body = webBody(HttpClientResponse.fromWeb(request, new Response("one two")))
    deepStrictEqual(body === undefined ? "none" : yield* Effect.promise(() => new Response(body).text()), "one two")
  }))
