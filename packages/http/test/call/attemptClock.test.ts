/** An attempt's clock covers the attempt: it runs until the body has ended or is no longer read. */
import { assert, describe, it } from "@effect/vitest"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { law } from "../../../../vitest.law.ts"
import { play } from "../Play.ts"
import * as Server from "../server.ts"

const { chunked, respond } = TestTransport

const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer(script), Logger.layer([]))
  )

type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** The ways to read a body. */
const ways = {
  text: (response: Response): Effect.Effect<unknown, Failure> => response.text,
  json: (response: Response): Effect.Effect<unknown, Failure> => response.json,
  arrayBuffer: (response: Response): Effect.Effect<unknown, Failure> => response.arrayBuffer,
  stream: (response: Response): Effect.Effect<unknown, Failure> => Stream.runDrain(response.stream)
}

const policyOf = (error: Failure) => isPolicyError(error.reason.cause) ? error.reason.cause.reason._tag : undefined

describe("timeouts.attempt", () => {
  const drips = respond(200, { body: chunked(["1", "2", "3", "4", "5"], { every: "1 second" }) })
  const announced = respond(200, {
    headers: { "content-length": "99999999" },
    body: chunked(["1", "2", "3", "4", "5"], { every: "1 second" })
  })

  describe.each([["chunked", drips], ["with a length", announced]] as const)("of a body that drips, %s", (_, step) => {
    it.effect.each(["text", "arrayBuffer", "stream"] as const)(
      "ends the read by %s, and no retry follows",
      (way) =>
        Effect.gen(function*() {
          const call = Effect.flatMap(HttpClient.get("http://north/"), ways[way])
          const { exit } = yield* play(Effect.timed(Effect.flip(call)))
          const [took, error] = yield* exit
          assert.strictEqual(Duration.toMillis(took), 2500)
          assert.strictEqual(policyOf(error), "AttemptTimeout")
          assert.isTrue(Option.isNone(HttpFailure.fromClientError(error)))
          const transport = yield* TestTransport.TestTransport
          assert.lengthOf(yield* transport.sent, 1)
          assert.strictEqual(yield* transport.inUse, 0)
        }).pipe(Effect.provide(over([step], { timeouts: { attempt: "2500 millis", total: "1 minute" } })))
    )
  })

  it.effect("is off at an endpoint that streams", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(Effect.flatMap(HttpClient.get("http://north/events"), ways.text))
      assert.deepStrictEqual(exit, Exit.succeed("12345"))
    }).pipe(Effect.provide(over([drips], {
      timeouts: { attempt: "2 seconds" },
      endpoints: { events: { path: "/events", timeouts: { attempt: false } } }
    }))))

  it.effect("counts each attempt anew, and the body of the one that is answered", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(Effect.flatMap(HttpClient.get("http://north/"), ways.text))
      assert.deepStrictEqual(exit, Exit.succeed("12345"))
      assert.lengthOf(yield* (yield* TestTransport.TestTransport).sent, 2)
    }).pipe(Effect.provide(over([TestTransport.hang, drips], { timeouts: { attempt: "5500 millis" } }))))

  it.effect.each([0, 400, 1000])(
    "ends a body whose next chunk is here at each look of a slow reader, with %i ms between chunks",
    (every) =>
      Effect.gen(function*() {
        const read = (response: Response) => Stream.runForEach(response.stream, () => Effect.sleep("2 seconds"))
        const { exit } = yield* play(Effect.timed(Effect.flip(Effect.flatMap(HttpClient.get("http://north/"), read))))
        const [took, error] = yield* exit
        assert.strictEqual(policyOf(error), "AttemptTimeout")
        // A chunk is in the reader's hands when the time ends.
        assert.isAtMost(Duration.toMillis(took), 7000)
        assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
      }).pipe(Effect.provide(over([
        respond(200, { body: chunked(Array.from({ length: 60 }, () => "x"), { every }) })
      ], { timeouts: { attempt: "5 seconds" } })))
  )

  it.effect("leaves a body alone that is here already, however late it is read", () =>
    Effect.gen(function*() {
      const call = Effect.flatMap(HttpClient.get("http://north/"), (response) =>
        Effect.delay(response.text, "30 seconds"))
      assert.deepStrictEqual((yield* play(call)).exit, Exit.succeed("ok"))
    }).pipe(Effect.provide(
      over([respond(200, { headers: { "content-length": "2" }, body: "ok" })], { timeouts: { attempt: "1 second" } })
    )))

  law(
    "bounds head and body together: a call without retries ends by then, whole or with AttemptTimeout",
    {
      delay: Schema.Literals([0, 1000, 2000, 4000]),
      every: Schema.Literals([0, 500, 1500]),
      chunks: Schema.Literals([0, 1, 2, 4]),
      attempt: Schema.Literals([750, 2250, 3250, 9750]),
      commit: Schema.Literals(["head", "firstByte"]),
      way: Schema.Literals(["text", "arrayBuffer", "stream"])
    },
    ({ attempt, chunks, commit, delay, every, way }, reach) => {
      const body = chunked(Array.from({ length: chunks }, () => "x"), { every })
      return Effect.gen(function*() {
        const call = Effect.flatMap(HttpClient.get("http://north/"), ways[way])
        const { exit } = yield* play(Effect.timed(Effect.result(call)))
        const [took, result] = yield* exit
        const needs = delay + chunks * every
        reach(needs < attempt ? "whole" : delay < attempt ? "ended in the body" : "ended before the head")
        assert.deepStrictEqual(
          [Duration.toMillis(took), result._tag === "Success" ? "whole" : policyOf(result.failure)],
          needs < attempt ? [needs, "whole"] : [attempt, "AttemptTimeout"]
        )
        assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
      }).pipe(Effect.provide(over([respond(200, { delay, body })], { retry: false, commit, timeouts: { attempt } })))
    },
    { cases: 500, reaches: ["whole", "ended in the body", "ended before the head"] }
  )
})

describe.each([["undici", UndiciTransport.layer({ gracePeriod: 0 })], ["fetch", FetchHttpClient.layer]] as const)(
  "timeouts.attempt over %s",
  (_, transport) => {
    it.live.each(["chunked", "with a length"])("ends a body that drips, %s", (kind) =>
      Effect.gen(function*() {
        const server = yield* Server.http((_, response) => {
          response.writeHead(200, kind === "chunked" ? {} : { "content-length": "1000000" })
          const timer = setInterval(() => response.write("x"), 10)
          response.on("close", () => clearInterval(timer))
        })
        const live = Layer.provide(ResilientHttpClient.layer({ timeouts: { attempt: "150 millis" } }), transport)
        const since = yield* Clock.currentTimeMillis
        const error = yield* Effect.flip(Effect.provide(Effect.flatMap(HttpClient.get(server.url), ways.text), live))
        assert.strictEqual(policyOf(error), "AttemptTimeout")
        assert.isAtLeast((yield* Clock.currentTimeMillis) - since, 149)
      }))
  }
)
