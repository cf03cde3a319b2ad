/** Requests that have a policy of their own, and what it has in common with the client's. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as Bulkhead from "@holdfast/core/Bulkhead"
import * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import { isPolicyError } from "@holdfast/core/PolicyError"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { law } from "../../../../vitest.law.ts"
import { play, refused, sent } from "../Play.ts"

const { always, respond } = TestTransport

const over = (script: ReadonlyArray<TestTransport.Step>, options: HttpPolicy.Options) =>
  Layer.provideMerge(
    ResilientHttpClient.layer(options),
    Layer.merge(TestTransport.layer(script), Logger.layer([]))
  )

const execute = (method: HttpMethod, url: string) => HttpClient.execute(HttpClientRequest.make(method)(url))

/** The endpoint that a request is for: the name of the policy that its events are of. */
const policyOf = (method: HttpMethod, url: string) =>
  Effect.map(play(execute(method, url)), ({ events }) => events[0]?.policy)

/** The status of a response, or the reason of the policy's failure. */
const outcome = <R>(request: Effect.Effect<{ readonly status: number }, HttpClientError, R>) =>
  Effect.match(request, {
    onSuccess: ({ status }) => status,
    onFailure: ({ cause }) => isPolicyError(cause) ? cause.reason._tag : "HttpClientError"
  })

describe("matching", () => {
  const endpoints = {
    charge: { methods: ["POST"], path: "/v1/charges" },
    item: { path: "/v1/items/:id" },
    files: { origin: "https://files.example.com" },
    writes: { methods: ["PUT", "DELETE"] },
    all: { path: "/v1/*" }
  } as const

  it.effect.each<[HttpMethod, string, string]>([
    ["POST", "https://api.example.com/v1/charges", "http/charge"],
    ["POST", "https://api.example.com/v1/charges?dry=1#x", "http/charge"],
    ["POST", "https://api.example.com/v1/x/../charges", "http/charge"],
    ["POST", "https://api.example.com/v1/charges/", "http/all"],
    ["GET", "https://api.example.com/v1/charges", "http/all"],
    ["GET", "https://api.example.com/v1/items/42", "http/item"],
    ["GET", "https://api.example.com/v1/items/42/parts", "http/all"],
    ["GET", "https://files.example.com/v2/a", "http/files"],
    ["GET", "https://FILES.example.com:443/v2/a", "http/files"],
    ["GET", "http://files.example.com/v2/a", "http"],
    ["DELETE", "https://api.example.com/v2/a", "http/writes"],
    ["GET", "https://api.example.com/v2/a", "http"]
  ])("takes the first that fits: %s %s is for %s", ([method, url, expected]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* policyOf(method, url), expected)
    }).pipe(Effect.provide(over([always(respond(200))], { endpoints }))))

  it.effect("goes by the whole URL, that of baseUrl included", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* policyOf("GET", "/items/42"), "shop/item")
    }).pipe(
      Effect.provide(over([always(respond(200))], { name: "shop", baseUrl: "https://api.example.com/v1", endpoints }))
    ))

  it.effect("goes by the new URL after a redirect", () =>
    Effect.gen(function*() {
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
      const { events } = yield* play(client.get("https://api.example.com/v1/a"))
      assert.deepStrictEqual([...new Set(events.map(({ policy }) => policy))], ["http/all", "http/files"])
    }).pipe(Effect.provide(over([
      respond(302, { headers: { location: "https://files.example.com/a" } }),
      respond(200)
    ], { endpoints }))))

  it.effect("leaves an invalid URL to the transport to reject", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* policyOf("GET", "http://north:port/v1/items/42"), "http")
    }).pipe(Effect.provide(over([always(respond(200))], { endpoints }))))

  law("a path of text is taken for itself alone", {
    a: Schema.Array(Schema.Literals(["v1", "items", "a.b", "42", "x%20y", "-", "~"])).check(Schema.isMaxLength(3)),
    b: Schema.Array(Schema.Literals(["v1", "items", "axb", "42", "x y", "-", "~"])).check(Schema.isMaxLength(3)),
    isCopy: Schema.Boolean
  }, ({ a, b: drawn, isCopy }, reach) =>
    Effect.gen(function*() {
      const path = (parts: ReadonlyArray<string>) => `/${parts.join("/")}`
      const b = isCopy ? a.map((part) => part.replace("%20", " ")) : drawn
      const same = path(a) === path(b).replaceAll(" ", "%20")
      reach(same ? "the path of the endpoint" : "another path")
      const policy = yield* policyOf("GET", `http://north${path(b)}`).pipe(
        Effect.provide(over([always(respond(200))], { endpoints: { it: { path: path(a) } } }))
      )
      assert.strictEqual(policy, same ? "http/it" : "http")
    }), { cases: 1_000, reaches: ["the path of the endpoint", "another path"] })
})

describe("what an endpoint says", () => {
  it.effect("is over what the client says, key by key for retry and timeouts", () =>
    Effect.gen(function*() {
      const { events } = yield* play(execute("GET", "http://north/once"))
      assert.deepStrictEqual(events.flatMap((event) => event._tag === "RetryScheduled" ? [event.delay] : []), [500])
      const slow = yield* play(outcome(execute("GET", "http://north/slow")))
      assert.deepStrictEqual(slow.exit, Exit.succeed("AttemptTimeout"))
      const none = yield* play(execute("GET", "http://north/never"))
      assert.strictEqual(none.events.length, 3)
    }).pipe(Effect.provide(over([respond(503), respond(503), TestTransport.hang, always(respond(503))], {
      retry: { times: 2, backoff: Backoff.constant({ delay: "500 millis" }) },
      timeouts: { total: "20 seconds" },
      endpoints: {
        once: { path: "/once", retry: { times: 1 } },
        slow: { path: "/slow", retry: { times: 0 }, timeouts: { attempt: "1 second" } },
        never: { path: "/never", retry: false }
      }
    }))))

  it.effect("takes a part away with false", () =>
    Effect.gen(function*() {
      yield* Effect.forkChild(execute("GET", "http://north/"), { startImmediately: true })
      assert.strictEqual(yield* outcome(execute("GET", "http://north/")), "BulkheadFull")
      yield* Effect.forkChild(execute("GET", "http://north/free"), { startImmediately: true })
      yield* Effect.forkChild(execute("GET", "http://north/free"), { startImmediately: true })
      assert.strictEqual((yield* sent).length, 3)
    }).pipe(Effect.provide(over([always(TestTransport.hang)], {
      bulkhead: { limit: 1 },
      endpoints: { free: { path: "/free", bulkhead: false } }
    }))))

  it.effect("shares with the client what it does not say: the same circuit, and the same budget", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* outcome(execute("GET", "http://north/a")), 503)
      assert.strictEqual(yield* outcome(execute("GET", "http://north/b")), "CircuitOpen")
      assert.strictEqual(yield* outcome(execute("GET", "http://north/own")), 503)
      assert.strictEqual(yield* outcome(execute("GET", "http://north/own")), "CircuitOpen")
    }).pipe(Effect.provide(over([always(respond(503))], {
      retry: false,
      circuitBreaker: { trip: CircuitBreaker.consecutive(1) },
      endpoints: {
        a: { path: "/a", timeouts: { total: "1 minute" } },
        own: { path: "/own", circuitBreaker: { trip: CircuitBreaker.consecutive(1) } }
      }
    }))))

  it.effect("shares the pause that a server asks for with all that call its origin", () =>
    Effect.gen(function*() {
      yield* execute("GET", "http://north/a")
      const fiber = yield* Effect.forkChild(execute("GET", "http://north/b"), { startImmediately: true })
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* sent).length, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }).pipe(Effect.provide(over([respond(429, { headers: { "retry-after": "5" } }), respond(200)], {
      endpoints: { a: { path: "/a", retry: { retryAfter: { mode: "giveUp", max: "1 second" } } } },
      retry: { retryAfter: { max: "5 seconds" } }
    }))))

  it.effect("bounds a pause by its own policy, whichever endpoint got the hint", () =>
    Effect.gen(function*() {
      yield* Effect.forkChild(execute("GET", "http://north/patient"), { startImmediately: true })
      yield* Effect.forkChild(execute("GET", "http://north/hasty"), { startImmediately: true })
      yield* TestClock.adjust("1900 millis")
      assert.strictEqual((yield* sent).length, 1)
      yield* TestClock.adjust("400 millis")
      assert.deepStrictEqual((yield* sent).map(({ url }) => url), ["http://north/patient", "http://north/hasty"])
    }).pipe(Effect.provide(over([respond(503, { headers: { "retry-after": "10" } }), respond(200)], {
      retry: { retryAfter: { max: "2 seconds" } },
      endpoints: { patient: { path: "/patient", retry: { retryAfter: { max: "1 minute" } } } }
    }))))

  it.effect("gives a key of its own to the requests of an endpoint that asks for it", () =>
    Effect.gen(function*() {
      yield* execute("POST", "http://north/charges")
      yield* execute("POST", "http://north/other")
      const keys = (yield* sent).map(({ request }) => request.headers["idempotency-key"])
      assert.strictEqual(keys[0]?.length, 36)
      assert.strictEqual(keys[1], undefined)
    }).pipe(Effect.provide(over([always(respond(200))], {
      endpoints: { charges: { path: "/charges", idempotencyKey: "auto" } }
    }))))

  it.effect("says in the event why a request of it is not repeated", () =>
    Effect.gen(function*() {
      const { events } = yield* play(execute("POST", "http://north/charges"))
      const stopped = events.find((event) => event._tag === "RetryStopped")
      assert.deepInclude(stopped, {
        policy: "http/charges",
        reason: "notRetryable",
        because: "POST without an Idempotency-Key may have been carried out"
      })
    }).pipe(Effect.provide(over([respond(503)], { endpoints: { charges: { path: "/charges" } } }))))
})

describe("classes of traffic", () => {
  it.effect("background calls leave room for those that a person waits for", () =>
    Effect.gen(function*() {
      const background = yield* Bulkhead.make({ name: "background", limit: 1 })
      const options: HttpPolicy.Options = {
        bulkhead: { limit: 2 },
        endpoints: {
          critical: { path: "/checkout", bulkhead: false },
          reindex: { path: "/reindex", bulkhead: background },
          export: { path: "/export", bulkhead: background }
        }
      }
      yield* Effect.gen(function*() {
        yield* Effect.forkChild(execute("GET", "http://north/reindex"), { startImmediately: true })
        assert.strictEqual(yield* outcome(execute("GET", "http://north/export")), "BulkheadFull")
        yield* Effect.forkChild(execute("GET", "http://north/stock"), { startImmediately: true })
        yield* Effect.forkChild(execute("GET", "http://north/checkout"), { startImmediately: true })
        assert.strictEqual((yield* sent).length, 3)
      }).pipe(Effect.provide(over([always(TestTransport.hang)], options)))
    }))
})

describe("invalid options are rejected, with the name of the endpoint", () => {
  it.each<[string, HttpPolicy.Options, string]>([
    ["nothing to match", { endpoints: { a: {} } }, "endpoints.a must say to which origin, path or methods it applies"],
    ["no methods", { endpoints: { a: { methods: [] } } }, "endpoints.a.methods must have one at least, got none"],
    [
      "an origin with a path",
      { endpoints: { a: { origin: "https://x.example.com/v1" } } },
      `endpoints.a.origin must be scheme, host and port ("https://api.example.com"), got "https://x.example.com/v1"`
    ],
    ["a path without a slash", { endpoints: { a: { path: "v1" } } }, `endpoints.a.path must begin with "/", got "v1"`],
    [
      "an invalid pattern",
      { endpoints: { a: { path: "/v1/(" } } },
      `endpoints.a.path must be a pattern of the URL Pattern standard, got "/v1/("`
    ],
    [
      "a hedge around what must not be repeated",
      { endpoints: { charge: { methods: ["POST"], path: "/charges", hedge: { after: "1 second" } } } },
      `endpoints.charge.hedge must be around requests that may be repeated, got POST without idempotencyKey "auto" and ` +
      "not declared idempotent"
    ],
    [
      "an attempt above the total of the client",
      { timeouts: { total: "5 seconds" }, endpoints: { a: { path: "/a", timeouts: { attempt: "6 seconds" } } } },
      "endpoints.a.timeouts.attempt must not be longer than timeouts.total (5000 millis), got 6000 millis"
    ]
  ])("%s", (_, options, message) => {
    assert.strictEqual(refused(options), message)
  })

  it("a part that the core refuses", () => {
    assert.match(
      refused({ endpoints: { a: { path: "/a", bulkhead: { limit: 0 } } } }) ?? "",
      /^endpoints\.a\.bulkhead\.limit .*got 0$/
    )
  })

  it("but not a hedge that a key makes safe", () => {
    const charge = { methods: ["POST"], path: "/charges", hedge: { after: "1 second" } } as const
    assert.strictEqual(refused({ endpoints: { charge: { ...charge, idempotencyKey: "auto" } } }), undefined)
    assert.strictEqual(refused({ idempotencyKey: "auto", endpoints: { charge } }), undefined)
    assert.strictEqual(refused({ endpoints: { charge: { ...charge, idempotent: true } } }), undefined)
  })
})
