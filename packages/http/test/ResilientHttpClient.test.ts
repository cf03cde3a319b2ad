import { assert, describe, it } from "@effect/vitest"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as PolicyEvent from "@holdfast/core/PolicyEvent"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { get, inUse, over, play, sent, stopOf } from "./Play.ts"

const { chunked, fail, respond, stalled } = TestTransport

const delaysOf = (events: ReadonlyArray<PolicyEvent.PolicyEvent>) =>
  events.flatMap((event) => event._tag === "RetryScheduled" ? [event.delay] : [])

const post = HttpClient.post("http://localhost/", { body: HttpBody.text("pay") })

describe("ResilientHttpClient", () => {
  describe("H1: one counter over errors and responses", () => {
    it.effect("sends 1 + times requests, whatever mixture of failures they meet", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([503, "last"]))
        assert.strictEqual((yield* sent).length, 4)
        assert.deepStrictEqual(delaysOf(events), [1000, 1000, 1000])
        assert.deepStrictEqual(stopOf(events), ["times", undefined])
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([
        respond(503, { body: "first" }),
        fail("ConnectionReset"),
        respond(500),
        respond(503, { body: "last" })
      ]))))

    it.effect("gives the last transport error as itself", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(Effect.flip(HttpClient.get("http://localhost/")))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.strictEqual(error?._tag, "HttpClientError")
        assert.isTrue(HttpFailure.isHttpFailure(error?.cause) && error.cause.reason._tag === "HeadersTimeout")
      }).pipe(Effect.provide(over([respond(503), fail("HeadersTimeout")], { retry: { times: 1 } }))))

    it.effect("gives what is not worth a retry at once", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([404, "no"]))
        assert.deepStrictEqual(events.map((event) => event._tag), ["AttemptStarted", "AttemptSucceeded"])
      }).pipe(Effect.provide(over([respond(404, { body: "no" })]))))

    it.effect("drains a small discarded body, and cancels a large or a stalled one, before the delay", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(get, { startImmediately: true })
        assert.strictEqual(yield* inUse, 1)
        yield* TestClock.adjust("200 millis")
        assert.strictEqual(yield* inUse, 0)
        // The large body of the second response goes at once, the stalled one of the third within a second.
        yield* TestClock.adjust("800 millis")
        assert.strictEqual((yield* sent).length, 2)
        assert.strictEqual(yield* inUse, 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* inUse, 1)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [200, "ok"])
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([
        respond(503, { body: chunked(["a", "b"], { every: "100 millis" }) }),
        respond(503, { headers: { "content-length": "5000000" }, body: stalled("x") }),
        respond(503, { body: stalled("x") }),
        respond(200, { body: "ok" })
      ]))))

    it.effect("leaves nothing behind when it is interrupted: in an attempt, in a delay, in a body", () =>
      Effect.gen(function*() {
        for (const millis of [0, 500, 1500]) {
          const fiber = yield* Effect.forkChild(get, { startImmediately: true })
          yield* TestClock.adjust(millis)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* inUse, 0)
        }
        assert.strictEqual((yield* sent).length, 4)
      }).pipe(Effect.provide(over([
        TestTransport.hang,
        respond(503, { body: stalled("x") }),
        respond(503),
        respond(200, { body: stalled("x") })
      ]))))

    it.effect("tells onRetry of each retry, before the delay", () => {
      const told: Array<number> = []
      return Effect.gen(function*() {
        yield* Effect.forkChild(get, { startImmediately: true })
        assert.deepStrictEqual(told, [1])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(told, [1, 2])
      }).pipe(Effect.provide(over([TestTransport.always(respond(503))], {
        retry: { times: 2, onRetry: ({ attempt }) => told.push(attempt) }
      })))
    })

    it.effect("has one budget, whatever the method", () =>
      Effect.gen(function*() {
        const first = yield* play(get)
        const second = yield* play(post)
        assert.strictEqual(stopOf(first.events)?.[0], "budget")
        assert.strictEqual(stopOf(second.events)?.[0], "budget")
        assert.strictEqual((yield* sent).length, 3)
      }).pipe(
        Effect.provide(
          over([TestTransport.always(fail("ConnectRefused"))], {
            retry: { budget: { ratio: 0, minPerSecond: 1 / 1000, window: "1000 seconds" } }
          })
        )
      ))

    it.effect("retries nothing with retry: false", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([503, "down"]))
      }).pipe(Effect.provide(over([respond(503, { body: "down" })], { retry: false }))))
  })

  describe("H2: only what may be repeated is", () => {
    it.effect("does not repeat a POST that the server may have seen, and says why", () =>
      Effect.gen(function*() {
        const response = yield* play(post)
        assert.deepStrictEqual(Exit.isSuccess(response.exit) && response.exit.value.status, 503)
        assert.deepStrictEqual(stopOf(response.events), [
          "notRetryable",
          "POST without an Idempotency-Key may have been carried out"
        ])
        const { events } = yield* play(post)
        assert.strictEqual(stopOf(events)?.[0], "notRetryable")
        assert.strictEqual((yield* sent).length, 2)
      }).pipe(Effect.provide(over([respond(503), fail("ConnectionReset")]))))

    it.effect("repeats a POST that was provably never written", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(post)
        assert.isTrue(Exit.isSuccess(exit) && exit.value.status === 201)
        assert.deepStrictEqual((yield* sent).map((sent) => sent.body), ["pay", "pay", "pay", "pay"])
      }).pipe(Effect.provide(over([
        fail("ConnectRefused"),
        fail("DnsFailure"),
        fail("PoolTimeout"),
        respond(201)
      ]))))

    it.effect("adds an Idempotency-Key of its own when told to: one a call, the same on every attempt", () =>
      Effect.gen(function*() {
        yield* play(post)
        yield* play(post)
        yield* play(get)
        const keys = (yield* sent).map((sent) => sent.request.headers["idempotency-key"])
        assert.match(keys[0] ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        assert.strictEqual(keys[1], keys[0])
        assert.notStrictEqual(keys[2], keys[0])
        assert.strictEqual(keys[3], undefined)
      }).pipe(Effect.provide(over([
        respond(503),
        respond(200),
        respond(200),
        respond(200)
      ], { idempotencyKey: "auto" }))))

    it.effect("keeps the caller's own Idempotency-Key", () =>
      Effect.gen(function*() {
        const request = HttpClientRequest.post("http://localhost/", { headers: { "Idempotency-Key": "mine" } })
        yield* play(HttpClient.execute(request))
        assert.deepStrictEqual((yield* sent).map((sent) => sent.request.headers["idempotency-key"]), ["mine", "mine"])
      }).pipe(Effect.provide(over([respond(503), respond(200)], { idempotencyKey: "auto" }))))

    it.effect("does not repeat a POST whose attempt timed out, and fails with that", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(Effect.flip(post))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.isTrue(isPolicyError(error?.cause) && error.cause.reason._tag === "AttemptTimeout")
        assert.strictEqual(stopOf(events)?.[0], "notRetryable")
        assert.strictEqual((yield* sent).length, 1)
      }).pipe(Effect.provide(over([TestTransport.hang], { timeouts: { attempt: "2 seconds" } }))))

    it.effect("never sends a body that is a stream twice", () =>
      Effect.gen(function*() {
        let rest = ["only", " once"]
        const once = Stream.unfold(undefined, () => {
          const [head, ...tail] = rest
          rest = tail
          return Effect.succeed(head === undefined ? undefined : [new TextEncoder().encode(head), undefined] as const)
        })
        const { events, exit } = yield* play(HttpClient.put("http://localhost/", { body: HttpBody.stream(once) }))
        assert.isTrue(Exit.isSuccess(exit) && exit.value.status === 503)
        assert.deepStrictEqual((yield* sent).map((sent) => sent.body), ["only once"])
        assert.include(stopOf(events)?.[1], "stream")
      }).pipe(Effect.provide(over([respond(503)]))))

    it.effect("sends a stream again that is declared to give the same bytes each time", () =>
      Effect.gen(function*() {
        const body = HttpBody.stream(Stream.make(new TextEncoder().encode("file")))
        yield* play(HttpClient.put("http://localhost/", { body }))
        assert.deepStrictEqual((yield* sent).map((sent) => sent.body), ["file", "file"])
      }).pipe(Effect.provide(over([respond(503), respond(200)], { streamBody: "replayable" }))))
  })

  describe("H3: what the server says about when", () => {
    it.effect("waits as long as Retry-After says, and at most a tenth longer", () =>
      Effect.gen(function*() {
        const { events } = yield* play(get)
        const [first = 0, second = 0] = delaysOf(events)
        assert.isTrue(first >= 5000 && first <= 5500)
        assert.isTrue(second >= 2500 && second <= 2750)
        assert.strictEqual((yield* sent).length, 3)
      }).pipe(Effect.provide(over([
        respond(429, { headers: { "retry-after": "5" } }),
        respond(503, { headers: { "retry-after-ms": "2500" } }),
        respond(200)
      ]))))

    it.effect("counts a date against the Clock", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.UTC(2026, 10, 23, 12, 0, 0))
        const { events } = yield* play(get)
        const [delay = 0] = delaysOf(events)
        assert.isTrue(delay >= 10_000 && delay <= 11_000)
      }).pipe(Effect.provide(over([
        respond(503, { headers: { "retry-after": "Mon, 23 Nov 2026 12:00:10 GMT" } }),
        respond(200)
      ]))))

    it.effect("clamps a day to a minute", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(get, "66 seconds")
        const [delay = 0] = delaysOf(events)
        assert.isTrue(delay >= 60_000 && delay <= 66_000)
        assert.deepStrictEqual(exit, Exit.succeed([200, ""]))
      }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "86400" } }), respond(200)]))))

    it.effect("gives up on a day when told to, with the response as it came", () =>
      Effect.gen(function*() {
        const { events, exit } = yield* play(get)
        assert.deepStrictEqual(exit, Exit.succeed([503, "tomorrow"]))
        assert.strictEqual(stopOf(events)?.[0], "retryAfter")
        assert.strictEqual(yield* inUse, 0)
      }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "86400" }, body: "tomorrow" })], {
        retry: { retryAfter: { mode: "giveUp" } }
      }))))

    it.effect("waits the day when told to", () =>
      Effect.gen(function*() {
        const { exit } = yield* play(get, "27 hours")
        assert.deepStrictEqual(exit, Exit.succeed([200, ""]))
      }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "86400" } }), respond(200)], {
        retry: { retryAfter: { mode: "wait" } }
      }))))

    describe("shares the pause by origin", () => {
      const busy = respond(429, { headers: { "retry-after": "10" } })
      const status = Effect.map(HttpClient.get("http://localhost/"), (response) => response.status)
      const start = <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.forkChild(call, { startImmediately: true })
      const times = Effect.map(sent, (all) => all.map(({ at }) => at))

      it.effect("with new calls, and with no other origin", () =>
        Effect.gen(function*() {
          yield* start(status)
          yield* TestClock.adjust("1 second")
          const waits = yield* start(status)
          const other = yield* start(HttpClient.get("http://other.localhost/"))
          assert.deepStrictEqual(yield* times, [0, 1000])
          yield* Fiber.join(other)
          yield* TestClock.adjust("8999 millis")
          assert.deepStrictEqual(yield* times, [0, 1000])
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* Fiber.join(waits), 200)
          const [, , ...after] = yield* times
          assert.strictEqual(after.length, 2)
          // Not all in the same millisecond, and none long after the pause.
          assert.isTrue(after.every((at) => at >= 10_000 && at <= 11_000))
          assert.strictEqual(yield* status, 200)
        }).pipe(Effect.provide(over([busy, TestTransport.always(respond(200))]))))

      it.effect("with a retry that another failure has brought about", () =>
        Effect.gen(function*() {
          const slow = yield* start(status)
          yield* start(status)
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(yield* Fiber.join(slow), 200)
          const [, , ...after] = yield* times
          assert.strictEqual(after.length, 2)
          assert.isTrue(after.every((at) => at >= 10_000 && at <= 11_000))
        }).pipe(Effect.provide(over([
          fail("ConnectionReset", { delay: "1 second" }),
          busy,
          TestTransport.always(respond(200))
        ]))))

      it.effect("when the call that was told is not retried itself", () =>
        Effect.gen(function*() {
          assert.strictEqual((yield* post).status, 429)
          yield* start(status)
          yield* TestClock.adjust("9 seconds")
          assert.strictEqual((yield* sent).length, 1)
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual((yield* sent).length, 2)
        }).pipe(Effect.provide(over([busy, respond(200)]))))

      it.effect("and fails at once, unsent, a call that has no time for it", () =>
        Effect.gen(function*() {
          yield* post
          const error = yield* Effect.flip(status)
          assert.isTrue(
            isPolicyError(error.cause) && error.cause.reason._tag === "DeadlineExceeded" &&
              error.cause.reason.phase === "queue"
          )
          assert.strictEqual((yield* sent).length, 1)
        }).pipe(Effect.provide(over([busy], { timeouts: { total: "9 seconds" } }))))

      it.effect("within the time that a call has in all", () =>
        Effect.gen(function*() {
          yield* post
          const call = yield* start(Effect.flip(status))
          yield* TestClock.adjust("11999 millis")
          assert.isUndefined(call.pollUnsafe())
          assert.strictEqual((yield* sent).length, 2)
          yield* TestClock.adjust("1 millis")
          const error = yield* Fiber.join(call)
          assert.isTrue(isPolicyError(error.cause) && error.cause.reason._tag === "DeadlineExceeded")
        }).pipe(Effect.provide(over([busy, TestTransport.hang], {
          timeouts: { total: "12 seconds" }
        }))))

      it.effect("and forgets a call that is interrupted in it", () =>
        Effect.gen(function*() {
          yield* Effect.flatMap(post, (response) => response.text)
          const waits = yield* start(status)
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.interrupt(waits)
          yield* TestClock.adjust("60 seconds")
          assert.strictEqual((yield* sent).length, 1)
          assert.strictEqual(yield* inUse, 0)
        }).pipe(Effect.provide(over([busy]))))

      it.effect("not where nothing is retried", () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* status, 429)
          assert.strictEqual(yield* status, 200)
        }).pipe(Effect.provide(over([busy, respond(200)], { retry: false }))))
    })

    it.effect("does as x-should-retry says", () =>
      Effect.gen(function*() {
        const no = yield* play(get)
        assert.deepStrictEqual(no.exit, Exit.succeed([503, ""]))
        const yes = yield* play(post)
        assert.isTrue(Exit.isSuccess(yes.exit) && yes.exit.value.status === 200)
        assert.strictEqual((yield* sent).length, 3)
      }).pipe(Effect.provide(over([
        respond(503, { headers: { "x-should-retry": "false" } }),
        respond(409, { headers: { "x-should-retry": "true" } }),
        respond(200)
      ]))))
  })
})
