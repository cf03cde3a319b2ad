/** What a run tells: metrics and spans in OpenTelemetry's words over every client, and no secret in anything. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { inspect } from "node:util"
import { recorder } from "../../../../vitest.tracer.ts"
import * as Server from "../server.ts"

const clients = [["undici", UndiciTransport.layer({ gracePeriod: 0 })], ["fetch", FetchHttpClient.layer]] as const

const durations = Effect.map(
  Metric.snapshot,
  (snapshot) => snapshot.filter(({ id }) => id === "http.client.request.duration")
)

const byStatus = (a: Attributes, b: Attributes): number => statusOf(a).localeCompare(statusOf(b))
const statusOf = (attributes: Attributes): string => attributes?.["http.response.status_code"] ?? ""
type Attributes = Readonly<Record<string, string>> | undefined

describe("http.client.request.duration", () => {
  it.effect("counts each request by method, server, status, template and error, in seconds", () =>
    Effect.gen(function*() {
      yield* Effect.exit(HttpClient.get("https://telemetry.example/v1/charges/7"))
      const found = (yield* durations).filter(({ attributes }) =>
        attributes?.["server.address"] === "telemetry.example"
      )
      assert.deepStrictEqual(
        found.map(({ attributes }) => attributes).toSorted(byStatus),
        [
          { "http.response.status_code": "200" },
          { "http.response.status_code": "503", "error.type": "503" },
          { "error.type": "ConnectionReset" }
        ].map((own) =>
          Object.assign(own, {
            unit: "s",
            "http.request.method": "GET",
            "server.address": "telemetry.example",
            "server.port": "443",
            "url.scheme": "https",
            "url.template": "/v1/charges/{id}"
          })
        ).toSorted(byStatus)
      )
      assert.isTrue(found.every(({ state }) => "count" in state && state.count === 1))
    }).pipe(Effect.provide(Layer.provideMerge(
      ResilientHttpClient.layer({
        retry: { backoff: Backoff.constant({ delay: 0 }) },
        endpoints: { charge: { path: "/v1/charges/:id" } }
      }),
      Layer.merge(
        TestTransport.layer([
          TestTransport.respond(503),
          TestTransport.fail("ConnectionReset"),
          TestTransport.respond(200)
        ]),
        Logger.layer([])
      )
    ))))
})

it.effect("requests that differ in one thing are counted apart, in whatever order they come", () =>
  Effect.gen(function*() {
    const requests = [
      HttpClient.get("http://apart.example/v1/charges/7"),
      HttpClient.get("http://apart.example/v1/refunds/7"),
      HttpClient.del("http://apart.example/v1/charges/7"),
      HttpClient.get("http://apart.example:8080/v1/charges/7"),
      HttpClient.get("http://apart.example/v1/charges/missing")
    ]
    yield* Effect.all([...requests, ...requests])
    const found = (yield* durations).filter(({ attributes }) => attributes?.["server.address"] === "apart.example")
    assert.lengthOf(found, requests.length)
    assert.isTrue(found.every(({ state }) => "count" in state && state.count === 2))
  }).pipe(Effect.provide(Layer.provide(
    ResilientHttpClient.layer({
      endpoints: { charge: { path: "/v1/charges/:id" }, refund: { path: "/v1/refunds/:id" } }
    }),
    TestTransport.layer(Array.from({ length: 10 }, (_, i) => TestTransport.respond(i % 5 === 4 ? 404 : 200)))
  ))))

it.effect("counts each request once, with policies around policies", () =>
  Effect.gen(function*() {
    const call = Effect.exit(HttpClient.get("https://nested.example/"))
    for (const wait of ["0 millis", "0 millis", "2 seconds"] as const) {
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestClock.adjust(wait)
      yield* Fiber.join(fiber)
    }
    yield* Fiber.interrupt(yield* Effect.forkChild(call, { startImmediately: true }))
    assert.isTrue(Exit.hasDies(yield* call))
    const found = (yield* durations).filter(({ attributes }) => attributes?.["server.address"] === "nested.example")
    const counts = found.map(({ attributes, state }) => [
      attributes?.["error.type"] ?? attributes?.["http.response.status_code"],
      "count" in state ? state.count : undefined
    ])
    assert.deepStrictEqual(
      new Map(counts as Array<[string, number]>),
      new Map([
        ["503", 1],
        ["200", 1],
        ["ConnectionReset", 2],
        ["AttemptTimeout", 1],
        ["Interrupted", 1],
        ["Defect", 1]
      ])
    )
  }).pipe(Effect.provide(
    Layer.merge(
      Logger.layer([]),
      ResilientHttpClient.layer({ retry: false, timeouts: { total: "1 minute" } }).pipe(
        Layer.provide(ResilientHttpClient.layer({ retry: false, circuitBreaker: {} })),
        Layer.provide(ResilientHttpClient.layer({
          retry: { times: 1, backoff: Backoff.constant({ delay: 0 }), onTimeout: "stop" },
          timeouts: { attempt: "1 second" }
        })),
        Layer.provide(TestTransport.layer([
          TestTransport.respond(503),
          TestTransport.respond(200),
          TestTransport.fail("ConnectionReset"),
          TestTransport.fail("ConnectionReset"),
          TestTransport.hang,
          // The script ends with it, and the next request dies.
          TestTransport.hang
        ]))
      )
    )
  )))

describe("a request without an answer", () => {
  it.effect.each(
    [
      ["AttemptTimeout", { timeouts: { attempt: "1 second" } }],
      ["DeadlineExceeded", { timeouts: { total: "1 second" } }],
      ["Interrupted", {}]
    ] as const
  )("is counted as %s", ([type, options]) =>
    Effect.gen(function*() {
      const host = `${type.toLowerCase()}.example`
      const call = Effect.exit(HttpClient.get(`https://${host}/`)).pipe(Effect.timeoutOption("3 seconds"))
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      yield* Effect.exit(Fiber.join(fiber))
      const found = (yield* durations).filter(({ attributes }) => attributes?.["server.address"] === host)
      assert.deepStrictEqual(found.map(({ attributes }) => attributes?.["error.type"]), [type])
      const seconds = found.map(({ state }) => "sum" in state ? state.sum : undefined)
      assert.deepStrictEqual(seconds, [type === "Interrupted" ? 3 : 1])
    }).pipe(Effect.provide(Layer.provideMerge(
      ResilientHttpClient.layer({ retry: false, ...options }),
      Layer.merge(TestTransport.layer([TestTransport.hang]), Logger.layer([]))
    ))))

  it("has a unit in each metric of the transport", () =>
    Effect.runPromise(
      Effect.gen(function*() {
        const server = yield* Server.raw((socket) => socket.write(Server.response(200, "")))
        yield* HttpClient.get(server.url)
        yield* Effect.sleep(30)
        const units = (yield* Metric.snapshot).filter(({ id }) =>
          id.startsWith("http.client.") || id.startsWith("holdfast.http.")
        ).map(({ attributes, id }) => [id, attributes?.["unit"]])
        assert.deepStrictEqual(
          new Map(units as Array<[string, string]>),
          new Map([
            ["http.client.request.duration", "s"],
            ["http.client.open_connections", "{connection}"],
            ["http.client.active_requests", "{request}"],
            ["holdfast.http.pending_requests", "{request}"]
          ])
        )
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.provideMerge(
          Layer.merge(ResilientHttpClient.layer(), UndiciTransport.layerMetrics({ every: 10 })),
          UndiciTransport.layer({ gracePeriod: 0 })
        ))
      )
    ))
})

describe.each(clients)("over %s", (_, transport) => {
  it.live("spans have OpenTelemetry's attributes, with resends and the template", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket, request) =>
        socket.write(Server.response(request === 1 ? 503 : 404, ""))
      )
      const { spans, tracer } = recorder()
      yield* HttpClient.get(`${server.url}/v1/charges/7?q=1`).pipe(
        Effect.withTracer(tracer),
        Effect.provide(Layer.merge(
          Layer.provide(
            ResilientHttpClient.layer({
              retry: { backoff: Backoff.constant({ delay: 0 }) },
              endpoints: { charge: { path: "/v1/charges/:id" } }
            }),
            transport
          ),
          Logger.layer([])
        ))
      )
      const attributes = spans.filter(({ kind }) => kind === "client").map((span) =>
        Object.fromEntries(span.attributes)
      )
      const { port } = new URL(server.url)
      const expected = (status: number, resends: number | undefined) => ({
        "http.request.method": "GET",
        "http.request.resend_count": resends,
        "http.response.status_code": status,
        "error.type": String(status),
        "server.address": "127.0.0.1",
        "server.port": Number(port),
        "url.full": `${server.url}/v1/charges/7?q=1`,
        "url.path": "/v1/charges/7",
        "url.query": "q=1",
        "url.scheme": "http",
        "url.template": "/v1/charges/{id}"
      })
      const names = Object.keys(expected(0, 0))
      assert.deepStrictEqual(
        attributes.map((all) => Object.fromEntries(names.map((name) => [name, all[name]]))),
        [expected(503, undefined), expected(404, 1)]
      )
    }))

  it.live("no log, span, metric or error of any failure has a secret", () =>
    Effect.gen(function*() {
      const secret = "S3CRET"
      const told: Array<string> = []
      const seen: Array<string> = []
      const { spans, tracer } = recorder()
      const logger = Logger.make(({ cause, message }) => {
        told.push(inspect(message, { depth: 9 }) + Cause.pretty(cause))
      })
      const answers: Record<string, (socket: { write: (text: string) => unknown; destroy: () => unknown }) => unknown> =
        {
          ok: (socket) => socket.write(Server.response(200, "ok", { "set-cookie": `a=${secret}`, "x-key": secret })),
          busy: (socket) => socket.write(Server.response(503, "busy", { "x-key": secret })),
          gone: (socket) => socket.write(Server.response(410, "")),
          reset: (socket) => socket.destroy(),
          cut: (socket) => {
            socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            socket.destroy()
          },
          garbage: (socket) => socket.write("SSH-2.0\r\n\r\n"),
          silent: () => undefined
        }
      const server = yield* Server.raw((socket, _, head) => {
        seen.push(head)
        answers[head.split(/[ /?]/)[2] ?? ""]?.(socket)
      })
      const closed = yield* Server.closedPort
      const options: HttpPolicy.Options = {
        bearer: Redacted.make(secret),
        headers: { "x-key": Redacted.make(secret) },
        retry: { times: 1, backoff: Backoff.constant({ delay: 0 }) },
        timeouts: { attempt: "200 millis", total: "1 second" },
        bulkhead: { limit: 9 },
        circuitBreaker: { trip: CircuitBreaker.consecutive(1_000) }
      }
      const urls = [
        ...Object.keys(answers).map((path) => `${server.url}/${path}`),
        `${closed}/`,
        "http://no.invalid/",
        "http://x:y/"
      ]
      for (const url of urls) {
        const call = Effect.flatMap(
          HttpClient.get(url, {
            headers: { cookie: `a=${secret}`, "x-api-key": secret },
            urlParams: {
              hidden: Redacted.make(secret),
              "X-Amz-Signature": secret,
              token: secret,
              access_token: secret,
              "client-secret": secret,
              key: secret
            }
          }),
          (response) => Effect.as(response.text, response)
        )
        const exit = yield* Effect.exit(call).pipe(
          Effect.provide(
            Layer.merge(Layer.provide(ResilientHttpClient.layer(options), transport), Logger.layer([logger]))
          ),
          Effect.withTracer(tracer)
        )
        told.push(String(exit), JSON.stringify(exit), inspect(exit, { depth: 2 }))
        if (Exit.isFailure(exit)) {
          told.push(
            Cause.pretty(exit.cause),
            String(Cause.squash(exit.cause)),
            JSON.stringify(Cause.squash(exit.cause))
          )
        }
      }
      for (const { attributes, events, name, status } of spans) {
        told.push(name, JSON.stringify([...attributes]), inspect(events, { depth: 6 }))
        if (status._tag === "Ended" && Exit.isFailure(status.exit)) told.push(Cause.pretty(status.exit.cause))
      }
      told.push(JSON.stringify(yield* Metric.snapshot))
      // The server had all of them.
      assert.isTrue(seen.some((head) => head.split(secret).length === 11), seen[0])
      assert.isAtLeast(spans.length, urls.length)
      assert.deepStrictEqual(told.filter((text) => text.includes(secret)).map((text) => text.slice(0, 400)), [])
    }))
})
