/** What requests are given on their way: who asks, how often it was asked, and for how long an answer is of use. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Deadline from "@holdfast/core/Deadline"
import { isPolicyError } from "@holdfast/core/PolicyError"
import * as DeadlineHeader from "@holdfast/http/DeadlineHeader"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { play, refused } from "../Play.ts"

const { always, respond } = TestTransport

const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer({ ...options, retry: { times: 2, backoff: Backoff.constant({ delay: "1 second" }) } }),
    Layer.merge(TestTransport.layer(script), Logger.layer([]))
  )

/** What the header was in each request that was sent. */
const sent = (header: string) =>
  Effect.flatMap(
    TestTransport.TestTransport,
    (transport) => Effect.map(transport.sent, (sent) => sent.map(({ request }) => request.headers[header]))
  )

describe("attemptHeader", () => {
  it.effect("counts the attempts that went before, on all but the first", () =>
    Effect.gen(function*() {
      yield* play(HttpClient.get("http://north/"))
      assert.deepStrictEqual(yield* sent("previous-attempts"), [undefined, "1", "2"])
    }).pipe(Effect.provide(over([always(respond(503))], { attemptHeader: true }))))

  it.effect("has the name that it is given, and is not sent unless it is asked for", () =>
    Effect.gen(function*() {
      yield* play(HttpClient.get("http://north/"))
      assert.deepStrictEqual(yield* sent("grpc-previous-rpc-attempts"), [undefined, "1", "2"])
      assert.deepStrictEqual(yield* sent("previous-attempts"), [undefined, undefined, undefined])
    }).pipe(Effect.provide(over([always(respond(503))], { attemptHeader: "Grpc-Previous-Rpc-Attempts" }))))

  it.effect("counts the legs of a race too", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(HttpClient.get("http://north/"), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* sent("previous-attempts"), [undefined, "1"])
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(over([always(TestTransport.hang)], { attemptHeader: true, hedge: { after: "1 second" } }))))
})

describe("deadlineHeader", () => {
  it.effect("says what is left of the total at each attempt", () =>
    Effect.gen(function*() {
      yield* play(HttpClient.get("http://north/"))
      assert.deepStrictEqual(yield* sent("deadline-remaining-ms"), ["10000", "9000", "8000"])
    }).pipe(Effect.provide(over([always(respond(503))], { deadlineHeader: true, timeouts: { total: "10 seconds" } }))))

  it.effect("is not more than an attempt may take, nor than the deadline in force", () =>
    Effect.gen(function*() {
      yield* play(Deadline.within(HttpClient.get("http://north/"), "4500 millis"))
      assert.deepStrictEqual(yield* sent("x-envoy-expected-rq-timeout-ms"), ["3000", "3000", "2500"])
    }).pipe(Effect.provide(over([always(respond(503))], {
      deadlineHeader: "x-envoy-expected-rq-timeout-ms",
      timeouts: { attempt: "3 seconds", total: "10 seconds" }
    }))))

  it.effect("is not sent where nothing bounds the time", () =>
    Effect.gen(function*() {
      yield* play(HttpClient.get("http://north/"))
      assert.deepStrictEqual(yield* sent("deadline-remaining-ms"), [undefined])
    }).pipe(Effect.provide(over([respond(200)], { deadlineHeader: true }))))
})

describe("DeadlineHeader", () => {
  const arriving = (value: string, name: string = DeadlineHeader.defaultName) => Headers.fromInput({ [name]: value })

  it.effect("carries a deadline from a client through a server to the next", () =>
    Effect.gen(function*() {
      yield* play(HttpClient.get("http://north/").pipe(DeadlineHeader.within(arriving("7000"))))
      assert.deepStrictEqual(yield* sent("deadline-remaining-ms"), ["7000"])
    }).pipe(Effect.provide(over([respond(200)], { deadlineHeader: true, timeouts: { total: "1 minute" } }))))

  it.effect("interrupts the work when the time is up", () =>
    Effect.gen(function*() {
      const { exit } = yield* play(Effect.flip(DeadlineHeader.within(Effect.never, arriving("1500"))), "2 seconds")
      assert.deepStrictEqual(
        Exit.map(exit, ({ reason }) => [reason._tag, Duration.toMillis(reason.deadline)]),
        Exit.succeed(["DeadlineExceeded", 1500])
      )
    }))

  it.effect("does not start work once no time is left", () =>
    Effect.gen(function*() {
      let begun = false
      const error = yield* Effect.flip(DeadlineHeader.within(Effect.sync(() => begun = true), arriving("0")))
      assert.strictEqual(error.reason.phase, "queue")
      assert.isFalse(begun)
    }))

  it.effect.each(["", "soon", "-1", "1.5", "1e3", "0x10", " 5", "9".repeat(16)])(
    "takes %j for no deadline",
    (value) =>
      Effect.gen(function*() {
        const left = yield* DeadlineHeader.within(Deadline.remaining, arriving(value))
        assert.deepStrictEqual(left, Option.none())
      })
  )

  it.effect("reads the header of the name that it is given", () =>
    Effect.gen(function*() {
      const name = "X-Envoy-Expected-Rq-Timeout-Ms"
      const left = yield* Deadline.remaining.pipe(DeadlineHeader.within(arriving("5", name), { name }))
      assert.deepStrictEqual(left, Option.some(Duration.millis(5)))
    }))
})

describe("bearer and userAgent", () => {
  const bearer = Redacted.make("s3cret")

  it.effect("say who asks, unless a request does", () =>
    Effect.gen(function*() {
      yield* HttpClient.get("/stock")
      yield* HttpClient.get("/stock", { headers: { authorization: "Basic x", "user-agent": "mine" } })
      assert.deepStrictEqual(yield* sent("authorization"), ["Bearer s3cret", "Basic x"])
      assert.deepStrictEqual(yield* sent("user-agent"), ["shop/1.0", "mine"])
    }).pipe(Effect.provide(over([always(respond(200))], { baseUrl: "http://north", bearer, userAgent: "shop/1.0" }))))

  it.effect("go to the origin of baseUrl alone, and the token into no error", () =>
    Effect.gen(function*() {
      yield* HttpClient.get("http://south/")
      assert.deepStrictEqual(yield* sent("authorization"), [undefined])
      const error = yield* Effect.flip(HttpClient.get("/stock"))
      assert.notInclude(JSON.stringify(error) + String(error) + Cause.pretty(Cause.fail(error)), "s3cret")
    }).pipe(
      Effect.provide(over([respond(200), TestTransport.fail("TlsFailure")], { baseUrl: "http://north", bearer }))
    ))
})

describe("invalid options are rejected before anything is sent", () => {
  it.each<[string, HttpPolicy.Options, string]>([
    [
      "a header with a line break",
      { headers: { "x-a": "1\r\nx-b: 2" } },
      "headers.x-a must be a single line, got one with a line break"
    ],
    [
      "a secret with a line break, which is not told",
      { bearer: Redacted.make("s3cret\n") },
      "bearer must be a single line, got one with a line break"
    ],
    [
      "a user agent with a line break",
      { userAgent: "a\nb" },
      "userAgent must be a single line, got one with a line break"
    ],
    [
      "the name of a header with a space",
      { headers: { "x a": "1" } },
      `headers."x a" must be the name of a header, got "x a"`
    ],
    ["an empty name", { attemptHeader: "" }, `attemptHeader must be the name of a header, got ""`],
    ["a name with a colon", { deadlineHeader: "a:" }, `deadlineHeader must be the name of a header, got "a:"`],
    [
      "a base URL of another scheme",
      { baseUrl: "ftp://north" },
      `baseUrl must be a URL of HTTP or a path, got "ftp://north"`
    ],
    [
      "an invalid base URL",
      { baseUrl: "http://north:port" },
      `baseUrl must be a URL of HTTP or a path, got "http://north:port"`
    ],
    [
      "a token beside a header that says the same",
      { bearer: Redacted.make("x"), headers: { Authorization: "y" } },
      "bearer must not be beside a header authorization"
    ]
  ])("%s", (_, options, message) => {
    assert.strictEqual(refused(options), message)
  })

  it("but not a base URL that is a path, as a page has it", () => {
    assert.strictEqual(refused({ baseUrl: "/api" }), undefined)
  })
})

it.effect("a deadline from outside ends the wait for a pause, where the policy has none", () =>
  Effect.gen(function*() {
    yield* play(HttpClient.get("http://north/"), "2 seconds").pipe(Effect.forkChild({ startImmediately: true }))
    const { exit } = yield* play(Effect.flip(Deadline.within(HttpClient.get("http://north/"), "1 second")), "2 seconds")
    assert.isTrue(Exit.isSuccess(exit) && isPolicyError(exit.value) && exit.value.reason._tag === "DeadlineExceeded")
  }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "5" } }), always(respond(200))], {}))))
