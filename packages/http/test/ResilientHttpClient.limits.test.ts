import { assert, describe, it } from "@effect/vitest"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { everySecond, get, inUse, over, play, sent, stopOf } from "./Play.ts"

const { chunked, cut, fail, respond, stalled } = TestTransport

describe("ResilientHttpClient", () => {
  describe("H4: timeouts", () => {
    it.effect("retries an attempt that takes too long", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([200, "ok"]))
        assert.deepStrictEqual((yield* sent).map((sent) => sent.at), [0, 3000])
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([
        respond(200, { delay: "1 hours" }),
        respond(200, { body: "ok" })
      ], { timeouts: { attempt: "2 seconds" } }))))

    it.effect("ends all attempts and delays with the total, and says so", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(Effect.flip(HttpClient.get("http://localhost/")))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.strictEqual(error?._tag === "HttpClientError" && error.reason._tag, "TransportError")
        assert.isTrue(isPolicyError(error?.cause) && error.cause.reason._tag === "DeadlineExceeded")
        assert.strictEqual(yield* inUse, 0)
      }).pipe(
        Effect.provide(over([fail("ConnectionReset"), TestTransport.hang], { timeouts: { total: "5 seconds" } }))
      ))

    it.effect("gives the failure at once when the delay would pass the total", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([503, "busy"]))
        assert.strictEqual(stopOf(events)?.[0], "deadline")
      }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "30" }, body: "busy" })], {
        timeouts: { total: "5 seconds" }
      }))))

    it.effect("holds the body to the total, and gives its connection up", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(Effect.flip(get))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.isTrue(isPolicyError(error?.cause) && error.cause.reason._tag === "DeadlineExceeded")
        assert.strictEqual(yield* inUse, 0)
        const client = yield* HttpClient.HttpClient
        const stream = Stream.unwrap(Effect.map(client.get("http://localhost/"), (response) => response.stream))
        const seen: Array<string> = []
        const read = Stream.runForEach(Stream.decodeText(stream), (text) => Effect.sync(() => seen.push(text)))
        const streamed = yield* play(Effect.flip(read))
        assert.isTrue(Exit.isSuccess(streamed.exit) && isPolicyError(streamed.exit.value.cause))
        assert.deepStrictEqual(seen, ["a", "b"])
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([
        respond(200, { body: stalled("x") }),
        respond(200, { body: chunked(["a", "b", "c"], { every: "2 seconds" }) })
      ], { timeouts: { total: "5 seconds" } }))))

    it.effect("fails under its own tag with the PolicyError itself", () =>
      Effect.gen(function*() {
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const { exit } = yield* play(Effect.flip(client.get("http://localhost/")))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.isTrue(error?._tag === "PolicyError" && error.reason._tag === "DeadlineExceeded")
      }).pipe(Effect.provide(over([TestTransport.hang], { timeouts: { total: "5 seconds" } }))))
  })

  describe("H7: secrets", () => {
    const secret = "sk-very-secret"
    const options: HttpPolicy.Options = {
      baseUrl: "https://api.example.com/v1",
      headers: { "x-goog-api-key": Redacted.make(secret), "x-app": "holdfast" }
    }

    it.effect("adds the base URL and the headers, and keeps the caller's", () =>
      Effect.gen(function*() {
        yield* HttpClient.get("/models", { headers: { "X-App": "mine" } })
        const [one] = yield* sent
        assert.strictEqual(one?.url, "https://api.example.com/v1/models")
        assert.strictEqual(one?.request.headers["x-goog-api-key"], secret)
        assert.strictEqual(one?.request.headers["x-app"], "mine")
      }).pipe(Effect.provide(over([respond(200)], options))))

    it.effect("sends secrets to the origin of the base URL alone, through a redirect too", () =>
      Effect.gen(function*() {
        const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
        const response = yield* client.get("/models", { headers: { authorization: `Bearer ${secret}` } })
        assert.strictEqual(response.status, 200)
        yield* client.get("https://elsewhere.example.com/")
        const seen = (yield* sent).map((sent) => [new URL(sent.url).host, JSON.stringify({ ...sent.request.headers })])
        assert.deepStrictEqual(seen.map(([host, headers]) => [host, headers?.includes(secret)]), [
          ["api.example.com", true],
          ["evil.example.com", false],
          ["elsewhere.example.com", false]
        ])
      }).pipe(Effect.provide(over([
        respond(302, { headers: { location: "https://evil.example.com/" } }),
        respond(200),
        respond(200)
      ], options))))

    it.effect("knows an origin by neither name nor password", () =>
      Effect.gen(function*() {
        const urls = ["http://me:pa%40ss@NORTH/a", "http://north/b", "HTTP://me:p@ss@north?c", "http://north/@"]
        const { events } = yield* play(Effect.forEach(urls, (url) => HttpClient.get(url)))
        assert.deepStrictEqual(new Set(events.map(({ key }) => key)), new Set(["http://north"]))
      }).pipe(Effect.provide(over([TestTransport.always(respond(200))]))))

    it.effect("lets observers see an HttpFailure, which holds neither the request nor the response", () =>
      Effect.gen(function*() {
        const { events } = yield* play(HttpClient.get("http://localhost/", { headers: { "x-key": secret } }))
        const failures = events.flatMap((event) => event._tag === "AttemptFailed" ? [event.error] : [])
        for (const error of failures) {
          assert.isTrue(HttpFailure.isHttpFailure(error) && error instanceof HttpFailure.HttpFailure)
          assert.isTrue(error instanceof Error)
          assert.notInclude(inspect(error, { depth: Infinity, showHidden: true }), secret)
        }
        assert.deepStrictEqual(failures.map(String), [
          "HttpFailure: The server answered 503",
          "HttpFailure: The connection ended before the response (ECONNRESET)"
        ])
        assert.deepStrictEqual(JSON.parse(JSON.stringify(failures)), [
          {
            _tag: "HttpFailure",
            phase: "headers",
            requestWritten: true,
            reason: {
              _tag: "StatusFailure",
              status: 503,
              retryAfter: { _id: "Duration", _tag: "Millis", millis: 5000 }
            }
          },
          {
            _tag: "HttpFailure",
            phase: "headers",
            requestWritten: true,
            reason: { _tag: "ConnectionReset", isRetryable: true, code: "ECONNRESET" }
          }
        ])
      }).pipe(Effect.provide(over([
        respond(503, { headers: { "retry-after": "5", "x-key": secret } }),
        fail("ConnectionReset"),
        respond(200)
      ]))))

    it.effect("shows no secret in the error, the events and the log", () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.layer([Logger.make(({ message }) => void lines.push(JSON.stringify(message)))])
        const { events, exit } = yield* play(Effect.flip(HttpClient.get("/models")).pipe(Effect.provide(logger)))
        const shown = JSON.stringify([exit, events, lines])
        assert.include(shown, "ConnectionReset")
        assert.strictEqual(lines.length, 1)
        assert.notInclude(shown, secret)
      }).pipe(Effect.provide(over([fail("ConnectionReset"), fail("ConnectionReset")], {
        ...options,
        retry: { times: 1 }
      }))))
  })

  describe("H8: a streamed response retries until the first byte, never after", () => {
    it.effect("retries a body that fails before its first byte", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([200, "whole"]))
        assert.strictEqual((yield* sent).length, 2)
      }).pipe(Effect.provide(over([respond(200, { body: cut("") }), respond(200, { body: "whole" })]))))

    it.effect("retries a short body of known length that is cut anywhere", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([200, "whole"]))
      }).pipe(Effect.provide(over([
        respond(200, { headers: { "content-length": "5" }, body: cut("wh") }),
        respond(200, { headers: { "content-length": "5" }, body: "whole" })
      ]))))

    it.effect("hands on what came and then the failure when a stream is cut after its first byte", () =>
      Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        const seen: Array<string> = []
        const read = Effect.flatMap(
          client.get("http://localhost/"),
          (response) =>
            Stream.runForEach(Stream.decodeText(response.stream), (text) => Effect.sync(() => seen.push(text)))
        )
        const { exit } = yield* play(Effect.flip(read))
        assert.isTrue(Exit.isSuccess(exit) && HttpFailure.isHttpFailure(exit.value.cause))
        assert.deepStrictEqual(seen, ["half"])
        assert.strictEqual((yield* sent).length, 1)
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([respond(200, { body: cut(chunked(["half"], { every: "1 seconds" })) })]))))

    it.effect("gives the response at its head when told to", () =>
      Effect.gen(function*() {
        const response = yield* HttpClient.get("http://localhost/")
        assert.strictEqual(response.headers["x-first"], "yes")
        yield* Effect.scoped(
          Effect.flip(Effect.timeout(response.text, "1 millis")).pipe(
            Effect.forkChild({ startImmediately: true }),
            Effect.tap(() => TestClock.adjust("1 millis")),
            Effect.flatMap(Fiber.join)
          )
        )
        assert.strictEqual(yield* inUse, 0)
      }).pipe(
        Effect.provide(over([respond(200, { headers: { "x-first": "yes" }, body: stalled("") })], { commit: "head" }))
      ))
  })

  describe("options", () => {
    it.effect("come from Config", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([503, ""]))
        assert.strictEqual((yield* sent).length, 2)
      }).pipe(Effect.provide(
        ResilientHttpClient.layerConfig(
          { retry: { times: Config.Int("RETRIES") } },
          { retry: { backoff: everySecond } }
        ).pipe(
          Layer.provideMerge(TestTransport.layer([TestTransport.always(respond(503))])),
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ RETRIES: 1 })))
        )
      )))
  })
})
