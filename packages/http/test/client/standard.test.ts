/** The policies in one word, at the client that a user makes of them. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { play, refused } from "../Play.ts"

const { always, respond } = TestTransport

const over = (options: HttpPolicy.Options, step: TestTransport.Step) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer([always(step)]), Logger.layer([]))
  )

const sent = (method: "GET" | "POST") =>
  Effect.gen(function*() {
    yield* play(Effect.exit(HttpClient.execute(HttpClientRequest.make(method)("http://north/"))))
    return (yield* (yield* TestTransport.TestTransport).sent).map(({ at }) => at)
  })

describe.each([["standard", HttpPolicy.standard], ["standardHedging", HttpPolicy.standardHedging]] as const)(
  "HttpPolicy.%s",
  (_, options) => {
    it("is valid as it is", () => {
      assert.isUndefined(refused(options))
    })

    it.effect("sends a GET at most four times, and a POST once", () =>
      Effect.gen(function*() {
        assert.lengthOf(yield* Effect.provide(sent("GET"), over(options, respond(503))), 4)
        assert.lengthOf(yield* Effect.provide(sent("POST"), over(options, respond(503))), 1)
      }))

    it.effect("ends a call after 30 seconds, and an attempt after 10", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(Effect.timed(Effect.exit(HttpClient.get("http://north/"))))
        const [took] = yield* exit
        assert.isAtMost(Duration.toMillis(took), 30_000)
        const starts = (yield* (yield* TestTransport.TestTransport).sent).map(({ at }) => at)
        assert.isTrue(starts.some((at) => at >= 10_000) && starts.every((at) => at < 30_000))
      }).pipe(Effect.provide(over(options, TestTransport.hang))))

    it.effect("opens the circuit of an origin when a tenth of a hundred attempts fail", () =>
      Effect.gen(function*() {
        for (let call = 0; call < 100; call++) yield* Effect.exit(HttpClient.post("http://north/"))
        const transport = yield* TestTransport.TestTransport
        const before = (yield* transport.sent).length
        assert.strictEqual(before, 100)
        // The 101st waits for the probe, and is not sent.
        yield* Effect.forkChild(HttpClient.post("http://north/"), { startImmediately: true })
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual((yield* transport.sent).length, before)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* transport.sent).length, before + 1)
      }).pipe(Effect.provide(over(options, respond(503)))))
  }
)

it.effect("standardHedging sends a second GET beside one that is slow, and no second POST", () =>
  Effect.gen(function*() {
    const [first, second] = yield* Effect.provide(sent("GET"), over(HttpPolicy.standardHedging, TestTransport.hang))
    assert.strictEqual(second! - first!, 2000)
    const posts = yield* Effect.provide(sent("POST"), over(HttpPolicy.standardHedging, TestTransport.hang))
    assert.lengthOf(posts, 1)
  }))
