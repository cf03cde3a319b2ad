/**
 * A fiber that outlived the call that started it sent the deadline of that call as its own, and waited for no pause that
 * ended after it. The reference is still in its context; only the core knows that the call has ended.
 */
import { assert, it } from "@effect/vitest"
import * as Deadline from "@holdfast/core/Deadline"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

const { always, respond } = TestTransport

const over = (headers: Readonly<Record<string, string>>, status: number) =>
  Layer.provideMerge(
    ResilientHttpClient.layer({ deadlineHeader: true, retry: { times: 1, retryAfter: { mode: "wait" } } }),
    Layer.merge(TestTransport.layer([always(respond(status, { headers }))]), Logger.layer([]))
  )

const later = Effect.delay(Effect.exit(HttpClient.get("http://north/")), "1 minute")

const inDaemon = Effect.gen(function*() {
  const fiber = yield* Deadline.within(Effect.forkDetach(later), "1 second")
  yield* TestClock.adjust("1 hour")
  yield* Fiber.join(fiber)
  const transport = yield* TestTransport.TestTransport
  return yield* transport.sent
})

it.effect("sends no deadline of a call that has ended", () =>
  Effect.gen(function*() {
    const sent = yield* inDaemon
    assert.deepStrictEqual(sent.map(({ request }) => request.headers["deadline-remaining-ms"]), [undefined])
  }).pipe(Effect.provide(over({}, 200))))

it.effect("waits for a pause that a call that has ended would not have had time for", () =>
  Effect.gen(function*() {
    const sent = yield* inDaemon
    assert.strictEqual(sent.length, 2)
  }).pipe(Effect.provide(over({ "retry-after": "30" }, 503))))
