/** Keys of requests, and the bound on the origins that are remembered. */
import { assert, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { play, sent } from "../Play.ts"

const over = (options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer([TestTransport.always(TestTransport.respond(503))]), Logger.layer([]))
  )

it.effect.each(["POST", "PATCH"] as const)(
  "idempotencyKey auto gives a %s one key on every attempt",
  (method) =>
    Effect.gen(function*() {
      yield* play(HttpClient.execute(HttpClientRequest.make(method)("http://north/")))
      yield* play(HttpClient.execute(HttpClientRequest.make(method)("http://north/")))
      const keys = (yield* sent).map(({ request }) => request.headers["idempotency-key"])
      assert.lengthOf(keys, 4)
      assert.deepStrictEqual([keys[0] === keys[1], keys[2] === keys[3], keys[1] === keys[2]], [true, true, false])
      assert.isTrue(keys.every((key) => key !== undefined && key.length === 36))
    }).pipe(Effect.provide(over({ idempotencyKey: "auto", retry: { times: 1 } })))
)

it.effect("an origin's spent budget is forgotten when a thousand others were met since", () =>
  Effect.gen(function*() {
    // How many requests one more call sends.
    const requests = Effect.gen(function*() {
      const before = (yield* sent).length
      yield* play(HttpClient.get("http://first/"), "1 second")
      return (yield* sent).length - before
    })
    assert.deepStrictEqual([yield* requests, yield* requests], [2, 1])
    for (let other = 0; other < 999; other++) yield* HttpClient.post(`http://other-${other}/`)
    assert.strictEqual(yield* requests, 1)
    for (let other = 999; other < 2_000; other++) yield* HttpClient.post(`http://other-${other}/`)
    assert.strictEqual(yield* requests, 2)
  }).pipe(Effect.provide(over({
    retry: {
      times: 1,
      backoff: Backoff.constant({ delay: 0 }),
      budget: { ratio: 0, minPerSecond: 0.001, window: "1000 seconds" }
    }
  }))))
