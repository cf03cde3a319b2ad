/**
 * Over fetch, a chunk without a length came out as a body that does not decode, behind which `fromClientError` found no
 * failure: undici's parser gives some of its errors no code, and the error's name is all that tells.
 */
import { assert, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as Server from "../server.ts"

it.live("finds a ProtocolError behind a body that fetch could not parse", () =>
  Effect.gen(function*() {
    const server = yield* Server.raw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", () => socket.write("garbage\r\n"))
    })
    const error = yield* Effect.flip(Effect.flatMap(HttpClient.get(server.url), (response) => response.text))
    const failure = Option.getOrUndefined(HttpFailure.fromClientError(error))
    assert.strictEqual(failure?.reason._tag, "ProtocolError")
  }).pipe(Effect.provide(FetchHttpClient.layer)))
