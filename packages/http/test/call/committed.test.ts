/** An attempt ends at the point that `commit` names: a failure before it is retried, one behind it goes to the program. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"

/** Responses whose bodies break after some pieces of a kilobyte, and how often one was asked for. */
const cutBodies = (length = 100_000, pieces = 0) => {
  let sent = 0
  const fetch: typeof globalThis.fetch = () => {
    sent++
    let left = pieces
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) =>
      left-- > 0
        ? controller.enqueue(new Uint8Array(1024))
        : controller.error(Object.assign(new Error("reset"), { code: "ECONNRESET" }))
    const body = new ReadableStream({ pull }, { highWaterMark: 0 })
    return Promise.resolve(new Response(body, { headers: { "content-length": String(length) } }))
  }
  return { fetch, sent: () => sent }
}

const get = (fetch: typeof globalThis.fetch, options: HttpPolicy.Options) =>
  HttpClient.get("http://shop.example/").pipe(
    Effect.provide(Layer.provide(
      ResilientHttpClient.layer({ retry: { times: 2, backoff: Backoff.constant({ delay: 0 }) }, ...options }),
      FetchHttpClient.layer
    )),
    Effect.provideService(FetchHttpClient.Fetch, fetch),
    Effect.provide(Logger.layer([]))
  )

describe("a body that is cut before its first byte", () => {
  it.effect("is retried, and the last failure says that it came in the body", () =>
    Effect.gen(function*() {
      const { fetch, sent } = cutBodies()
      const error = yield* Effect.flip(get(fetch, {}))
      const { phase } = Option.getOrThrow(HttpFailure.fromClientError(error))
      assert.deepStrictEqual([sent(), phase], [3, "body"])
    }))

  it.effect("is the program's with `commit: \"head\"`, which has the response by then", () =>
    Effect.gen(function*() {
      const { fetch, sent } = cutBodies()
      const response = yield* get(fetch, { commit: "head" })
      assert.deepStrictEqual([sent(), response.status], [1, 200])
      yield* Effect.flip(response.text)
      assert.strictEqual(sent(), 1)
    }))
})

describe("a body that is cut in the middle", () => {
  it.effect.each([["up to 64 KiB is retried", 65_536, 3], ["beyond is the program's", 65_537, 1]] as const)(
    "%s",
    ([, length, times]) =>
      Effect.gen(function*() {
        const { fetch, sent } = cutBodies(length, 40)
        yield* Effect.flip(Effect.flatMap(get(fetch, {}), (response) => response.text))
        assert.strictEqual(sent(), times)
      })
  )
})
