import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inUse, sent } from "./Play.ts"

const get = HttpClient.get("http://localhost/a", { urlParams: { q: "1" } })

describe("TestTransport", () => {
  it.effect("plays its steps in order and records what was sent", () =>
    Effect.gen(function*() {
      const first = yield* get
      assert.deepStrictEqual([first.status, first.headers["x-a"], yield* first.text], [201, "b", "made"])
      assert.deepStrictEqual(Object.keys(first.cookies.cookies), ["id"])
      yield* TestClock.adjust("1 second")
      const second = yield* HttpClient.put("http://localhost/b", { body: HttpBody.text("put") })
      assert.deepStrictEqual(yield* second.json, { a: 1 })
      assert.deepStrictEqual((yield* sent).map(({ at, body, request, url }) => [request.method, url, at, body]), [
        ["GET", "http://localhost/a?q=1", 0, ""],
        ["PUT", "http://localhost/b", 1000, "put"]
      ])
    }).pipe(Effect.provide(TestTransport.layer([
      TestTransport.respond(201, { headers: { "X-A": "b" }, setCookie: ["id=1"], body: "made" }),
      TestTransport.json(200, { a: 1 })
    ]))))

  it.effect("dies when more is sent than the script has", () =>
    Effect.gen(function*() {
      yield* get
      const exit = yield* Effect.exit(get)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }).pipe(Effect.provide(TestTransport.layer([TestTransport.respond(200)]))))

  it.effect("plays the last step for ever when told to", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 5; i++) yield* Effect.exit(get)
      assert.strictEqual((yield* sent).length, 5)
    }).pipe(Effect.provide(TestTransport.layer([TestTransport.always(TestTransport.respond(503))]))))

  it.effect("takes the time that a step says, by the Clock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.flatMap(get, (response) => response.text), {
        startImmediately: true
      })
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(yield* inUse, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "ab")
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(TestTransport.layer([
      TestTransport.respond(200, {
        delay: "1 second",
        body: TestTransport.chunked(["a", "b"], { every: "1 second" })
      })
    ]))))

  it.effect("cuts a body after what was given of it", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const response = yield* get
      const error = yield* Effect.flip(
        Stream.runForEach(Stream.decodeText(response.stream), (text) => Effect.sync(() => seen.push(text)))
      )
      const failure = Option.getOrThrow(HttpFailure.fromClientError(error))
      assert.deepStrictEqual([seen.join(""), failure.reason._tag, failure.phase], ["half", "BodyCut", "body"])
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(TestTransport.layer([
      TestTransport.respond(200, { body: TestTransport.cut("half") })
    ]))))

  it.effect.each(
    [
      "DnsFailure",
      "ConnectRefused",
      "ConnectTimeout",
      "TlsFailure",
      "PoolTimeout",
      "ConnectionReset",
      "HeadersTimeout",
      "ProtocolError"
    ] as const
  )("fails with %s", (tag) =>
    Effect.gen(function*() {
      const failure = Option.getOrThrow(HttpFailure.fromClientError(yield* Effect.flip(get)))
      assert.strictEqual(failure.reason._tag, tag)
      assert.strictEqual(yield* inUse, 0)
    }).pipe(Effect.provide(TestTransport.layer([TestTransport.fail(tag)]))))
})
