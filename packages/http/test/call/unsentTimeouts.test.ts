/** A POST that times out before anything of it was sent may be sent again; one that was sent may not. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { play } from "../Play.ts"
import * as Server from "../server.ts"

const options: HttpPolicy.Options = {
  retry: { times: 2, backoff: Backoff.constant({ delay: 0 }) },
  timeouts: { attempt: "300 millis" }
}

const { always, fail, hang, respond } = TestTransport
const waits = fail("PoolTimeout", { delay: "1 minute" })

/** How many requests a transport was asked for, and how the call ended. */
const post = (script: ReadonlyArray<TestTransport.Step>, body: HttpBody.HttpBody, own: HttpPolicy.Options = {}) =>
  Effect.gen(function*() {
    const { exit, events } = yield* play(HttpClient.post("http://north/", { body }), "60 seconds")
    const because = events.flatMap((event) => event._tag === "RetryStopped" ? [event.because] : [])
    const { sent } = yield* TestTransport.TestTransport
    return { sends: (yield* sent).length, ok: Exit.isSuccess(exit), because }
  }).pipe(
    Effect.provide(
      Layer.provideMerge(
        ResilientHttpClient.layer({ ...options, ...own }),
        TestTransport.layer([...script, always(hang)])
      )
    )
  )

const text = HttpBody.text("pay")
const mayHave = ["the attempt timed out and may have been carried out"]

describe("timeouts.attempt of a POST without a key", () => {
  it.effect("retries while it waits for a connection, for each attempt anew", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* post([waits, respond(200)], text), { sends: 2, ok: true, because: [] })
      assert.deepStrictEqual(yield* post([waits, waits, waits, respond(200)], text), {
        sends: 3,
        ok: false,
        because: [undefined]
      })
    }))

  it.effect("stops once anything was written, in this attempt or a later one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* post([hang], text), { sends: 1, ok: false, because: mayHave })
      assert.deepStrictEqual(yield* post([waits, hang], text), { sends: 2, ok: false, because: mayHave })
    }))

  it.effect("stops where the program says so", () =>
    Effect.gen(function*() {
      const own = { retry: { ...options.retry as object, onTimeout: "stop" as const } }
      assert.deepStrictEqual(yield* post([waits], text, own), { sends: 1, ok: false, because: mayHave })
    }))

  it.effect("stops once a single-use body has been read", () =>
    Effect.gen(function*() {
      const body = HttpBody.stream(Stream.succeed(new Uint8Array(1)))
      // The script reads the body before it waits.
      assert.deepStrictEqual(yield* post([waits], body), { sends: 1, ok: false, because: mayHave })
    }))

  it.live("over undici: waits in the queue of a full pool, and is sent once the connection is free", () =>
    Effect.gen(function*() {
      const heads: Array<string> = []
      let answer = (): void => {}
      const server = yield* Server.raw((socket, _, head) => {
        heads.push(head.split(" ").slice(0, 2).join(" "))
        if (head.startsWith("GET /slow")) answer = () => socket.write(Server.response(200, "slow"))
        else socket.write(Server.response(200, "paid"))
      })
      yield* Effect.gen(function*() {
        const slow = yield* Effect.forkChild(HttpClient.get(`${server.url}/slow`), { startImmediately: true })
        while (heads.length === 0) yield* Effect.sleep(1)
        const paid = yield* Effect.forkChild(HttpClient.post(`${server.url}/pay`, { body: text }), {
          startImmediately: true
        })
        // The first attempt ends while the GET has the only connection.
        yield* Effect.sleep("450 millis")
        answer()
        const response = yield* Fiber.join(paid)
        assert.strictEqual(response.status, 200)
        assert.deepStrictEqual(heads.toSorted(), ["GET /slow", "POST /pay"])
        yield* Effect.exit(Fiber.join(slow))
      }).pipe(Effect.provide(Layer.provide(
        ResilientHttpClient.layer({
          ...options,
          endpoints: { slow: { path: "/slow", timeouts: { attempt: false } } }
        }),
        UndiciTransport.layer({ connections: 1, gracePeriod: 0 })
      )))
    }))

  it.live.each([["undici", UndiciTransport.layer({ gracePeriod: 0 })], ["fetch", FetchHttpClient.layer]] as const)(
    "over %s: is sent once to a server that does not answer",
    ([, transport]) =>
      Effect.gen(function*() {
        let requests = 0
        const server = yield* Server.raw(() => {
          requests++
        })
        const error = yield* Effect.flip(HttpClient.post(server.url, { body: text })).pipe(
          Effect.provide(Layer.provide(ResilientHttpClient.layer(options), transport))
        )
        assert.isTrue(isPolicyError(error.reason.cause) && error.reason.cause.reason._tag === "AttemptTimeout")
        assert.strictEqual(requests, 1)
      })
  )
})
