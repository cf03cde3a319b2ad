/** What a resilient fetch promises beyond the platform's: what is sent again, what never is, and that all is released. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { isPolicyError } from "@holdfast/core/PolicyError"
import { isHttpFailure } from "@holdfast/http/HttpFailure"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import * as Effect from "effect/Effect"
import { getEventListeners } from "node:events"
import { rejection } from "./contract.ts"
import { contractServer } from "./server.ts"

const half = { duplex: "half" } as const
const quick = { retry: { times: 2, backoff: Backoff.constant({ delay: 1 }) } } as const

const fetches = [["fetch", ResilientFetch.createFetch], ["undici", UndiciFetch.createFetch]] as const

const causeOf = async (promise: Promise<unknown>): Promise<unknown> => {
  const error = await promise.then(() => undefined, (error: unknown) => error)
  assert.instanceOf(error, TypeError)
  return error.cause
}

describe.each(fetches)("over %s", (_, createFetch) => {
  it("sends a GET again, and gives the last answer as it is", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    assert.strictEqual((await fetch(`${server.url}/status/503?h-retry-after-ms=1`)).status, 503)
    assert.strictEqual(server.count("/status/503"), 3)
  })

  it("tells what failed by the cause of a TypeError", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    const reset = await causeOf(fetch(`${server.url}/reset`))
    assert.isTrue(isHttpFailure(reset) && reset.reason._tag === "ConnectionReset")
    assert.strictEqual(server.count("/reset"), 3)
    const refused = await causeOf(fetch("http://127.0.0.1:1/"))
    assert.isTrue(isHttpFailure(refused))
  })

  it("gives the error of the policy as the cause", async () => {
    await using server = await contractServer()
    await using fetch = createFetch({
      retry: false,
      circuitBreaker: { trip: CircuitBreaker.consecutive(1) },
      timeouts: { total: "10 seconds" }
    })
    await rejection(fetch(`${server.url}/reset`))
    const open = await causeOf(fetch(`${server.url}/reset`))
    assert.isTrue(isPolicyError(open) && open.reason._tag === "CircuitOpen")
  })

  it("ends a body that outlasts the total", async () => {
    await using server = await contractServer()
    await using fetch = createFetch({ retry: false, timeouts: { total: "100 millis" } })
    const response = await fetch(`${server.url}/stall/late`)
    const late = await causeOf(response.text())
    assert.isTrue(isPolicyError(late) && late.reason._tag === "DeadlineExceeded")
    await server.aborted("/stall/late")
  })

  it("never sends a POST again that may have been carried out, unless it has a key", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    await rejection(fetch(`${server.url}/reset`, { method: "POST", body: "pay" }))
    assert.strictEqual(server.count("/reset"), 1)
    await rejection(fetch(`${server.url}/reset`, { method: "POST", body: "pay", headers: { "idempotency-key": "k" } }))
    assert.strictEqual(server.count("/reset"), 4)
  })

  it("never sends a stream twice", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(3))
        controller.close()
      }
    })
    await rejection(fetch(`${server.url}/status/503`, { method: "PUT", body, ...half }))
    assert.strictEqual(server.count("/status/503"), 1)
  })

  it("sends what a Request holds again", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    await fetch(new Request(`${server.url}/status/503?h-retry-after-ms=1`, { method: "PUT", body: "stock" }))
    assert.strictEqual(server.count("/status/503"), 3)
  })

  it("refuses chunks that are not bytes", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    const body = new ReadableStream({ start: (controller) => controller.enqueue("text") })
    assert.instanceOf(await causeOf(fetch(`${server.url}/echo`, { method: "PUT", body, ...half })), Error)
  })

  it("cancels the body of a request that is aborted", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    const controller = new AbortController()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(1)), cancel: resolve })
    const { signal } = controller
    const answer = rejection(fetch(`${server.url}/silent`, { method: "POST", body, signal, ...half }))
    await server.arrived("/silent")
    controller.abort("reason")
    assert.deepStrictEqual(await answer, { rejected: "reason" })
    await promise
  })

  it("leaves no listener on a signal", async () => {
    await using server = await contractServer()
    await using fetch = createFetch(quick)
    const { signal } = new AbortController()
    await (await fetch(`${server.url}/status/200?body=abc`, { signal })).text()
    await (await fetch(`${server.url}/endless`, { signal })).body?.cancel()
    await fetch(`${server.url}/status/204`, { signal })
    await rejection(fetch(`${server.url}/reset`, { signal }))
    assert.deepStrictEqual(getEventListeners(signal, "abort"), [])
  })

  it("ends the requests in progress when it is closed, and rejects later ones", async () => {
    await using server = await contractServer()
    const fetch = createFetch(quick)
    const silent = rejection(fetch(`${server.url}/silent`))
    const body = rejection((await fetch(`${server.url}/stall`)).text())
    await server.arrived("/silent")
    await fetch.close()
    assert.deepStrictEqual(await Promise.all([silent, body, rejection(fetch(`${server.url}/echo`))]), [
      { rejected: "TypeError TypeError" },
      { rejected: "TypeError TypeError" },
      { rejected: "TypeError TypeError" }
    ])
    await Promise.all([server.aborted("/silent"), server.aborted("/stall")])
  })

  it("appends relative URLs to the base URL", async () => {
    await using server = await contractServer()
    await using fetch = createFetch({ ...quick, baseUrl: `${server.url}/echo` })
    const told = await (await fetch("/stock?left=3")).json()
    assert.strictEqual(told.path, "/echo/stock?left=3")
  })

  it("sends no trace headers", async () => {
    await using server = await contractServer()
    let sent: Headers | undefined
    await using fetch = ResilientFetch.createFetch({
      fetch: (input, init) => {
        sent = new Headers(init?.headers)
        return globalThis.fetch(input, init)
      }
    })
    await fetch(`${server.url}/echo`)
    assert.deepStrictEqual([...sent ?? []], [["accept", "*/*"]])
  })

  it("throws a RangeError for an invalid option", () => {
    assert.throws(() => createFetch({ retry: { times: -1 } }), RangeError)
  })
})

it.effect("asks the client of a program with Effect", () =>
  Effect.gen(function*() {
    const fetch = yield* ResilientFetch.make({ retry: { times: 1, backoff: Backoff.constant({ delay: 0 }) } })
    const response = yield* Effect.promise(() => fetch("http://localhost/stock"))
    assert.deepStrictEqual(yield* Effect.promise(() => response.json()), { left: 3 })
  }).pipe(Effect.provide(TestTransport.layer([TestTransport.respond(503), TestTransport.json(200, { left: 3 })]))))

it("reads past empty chunks of a client below", async () => {
  const script = TestTransport.layer([
    TestTransport.respond(200, { body: TestTransport.chunked(["", "a", "", "b", ""], { every: 1 }) })
  ])
  const text = await Effect.runPromise(
    Effect.flatMap(
      ResilientFetch.make({ retry: false, commit: "head" }),
      (fetch) => Effect.promise(() => fetch("http://a.example/").then((response) => response.text()))
    ).pipe(Effect.provide(script))
  )
  assert.strictEqual(text, "ab")
})
