/**
 * The laws of `ResilientHttpClient` as properties over random scripts, under `TestClock`.
 */
import { assert, describe } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../vitest.law.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Each name is a way for one request to end. */
const steps = {
  ok: TestTransport.respond(200, { body: "ok" }),
  slow: TestTransport.respond(200, { body: "ok", delay: "3 seconds" }),
  trickle: TestTransport.respond(200, { body: TestTransport.chunked(["o", "k"], { every: "2 seconds" }) }),
  gone: TestTransport.respond(410),
  busy: TestTransport.respond(503, { body: "busy" }),
  later: TestTransport.respond(429, { headers: { "retry-after": "7" } }),
  large: TestTransport.respond(500, { headers: { "content-length": "9999999" }, body: TestTransport.stalled("x") }),
  endless: TestTransport.respond(502, { body: TestTransport.stalled("x") }),
  cut: TestTransport.respond(200, { body: TestTransport.cut("") }),
  half: TestTransport.respond(200, { headers: { "content-length": "4" }, body: TestTransport.cut("ha") }),
  stalled: TestTransport.respond(200, { body: TestTransport.stalled("") }),
  refused: TestTransport.fail("ConnectRefused"),
  waits: TestTransport.fail("PoolTimeout", { delay: "5 seconds" }),
  reset: TestTransport.fail("ConnectionReset", { delay: "1 second" }),
  hang: TestTransport.hang
}

const Step = Schema.Literals(Object.keys(steps) as ReadonlyArray<keyof typeof steps>)

/** What ends before anything is sent: most scripts begin with it, so that what must be sent once is often sent again. */
const Unsent = Schema.Array(Schema.Literals(["waits", "waits", "refused"])).check(Schema.isMaxLength(3))

/** What is drawn more often than others. */
const often = <const A>(value: A) => Array.from({ length: 3 }, () => value)

const Input = {
  unsent: Schema.Union([Unsent.check(Schema.isMinLength(1)), Unsent]),
  rest: Schema.Array(Step).check(Schema.isMaxLength(8)),
  method: Schema.Literals(["GET", "PUT", "DELETE", ...often("POST"), ...often("PATCH")]),
  keyed: Schema.Literals([true, ...often(false)]),
  times: between(0, 4),
  attempt: Schema.Literals(["none", ...often("2 seconds")]),
  total: Schema.Literals(["none", "9 seconds"]),
  hedges: Schema.Literals([0, 0, 1, 2]),
  interruptAt: Schema.Literals([...often("never"), 0, 500, 2500, 8000])
}

describe("ResilientHttpClient", () => {
  law(
    "sends at most 1 + times requests, each with its hedges, repeats nothing that it must not, and holds no connection afterwards",
    Input,
    ({ attempt, hedges, interruptAt, keyed, method, rest, times, total, unsent }, reach) =>
      Effect.gen(function*() {
        const transport = yield* TestTransport.TestTransport
        const script = [...unsent, ...rest]
        const request = HttpClientRequest.make(method)("http://localhost/", {
          headers: keyed ? { "idempotency-key": "k" } : {},
          body: method === "GET" || method === "DELETE" ? HttpBody.empty : HttpBody.text("body")
        })
        const startedAt = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const call = Effect.flatMap(HttpClient.execute(request), (response) => response.text)
        const ending = Effect.andThen(call, Effect.clockWith((clock) => clock.currentTimeMillis))
        const fiber = yield* Effect.forkChild(ending, { startImmediately: true })
        if (interruptAt !== "never") {
          yield* TestClock.adjust(interruptAt)
          yield* Fiber.interrupt(fiber)
        } else {
          yield* TestClock.adjust("100 seconds")
          if (fiber.pollUnsafe() === undefined) {
            // Only a call without timeouts may still wait, and only for what never comes.
            assert.strictEqual(total, "none")
            yield* Fiber.interrupt(fiber)
          }
        }
        const exit = yield* Fiber.await(fiber)
        if (total !== "none" && Exit.isSuccess(exit)) assert.isAtMost(exit.value - startedAt, 9000)
        assert.strictEqual(yield* transport.inUse, 0)

        const sent = yield* transport.sent
        assert.isAtMost(sent.length, (1 + times) * (1 + hedges))
        if (!keyed && !HttpPolicy.repeatableMethods.has(method)) {
          // All but the last must have been provably unwritten.
          const before = script.slice(0, sent.length - 1)
          assert.deepStrictEqual(before.filter((step) => step !== "refused" && step !== "waits"), [])
          if (before.length > 0) reach("a POST or PATCH without a key was sent again")
          if (before.includes("waits") && attempt !== "none") reach("one that timed out before it was sent")
        }
      }).pipe(
        Effect.provide(Layer.provideMerge(
          ResilientHttpClient.layer({
            hedge: hedges > 0 && { after: "1500 millis", max: hedges },
            retry: { times, backoff: Backoff.exponential({ initial: "500 millis", max: "2 seconds" }) },
            timeouts: {
              ...(attempt === "none" ? undefined : { attempt }),
              ...(total === "none" ? undefined : { total: Duration.seconds(9) })
            }
          }),
          Layer.merge(
            TestTransport.layer([...[...unsent, ...rest].map((step) => steps[step]), TestTransport.always(steps.ok)]),
            Logger.layer([])
          )
        ))
      ),
    {
      cases: 3000,
      reaches: ["a POST or PATCH without a key was sent again", "one that timed out before it was sent"]
    }
  )
})
