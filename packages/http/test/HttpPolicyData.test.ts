/** Policies for HTTP as data: what a file may hold, and the faults of an invalid one. */
import { assert, describe, it } from "@effect/vitest"
import { assertEquals } from "@effect/vitest/utils"
import * as Backoff from "@holdfast/core/Backoff"
import * as Hedge from "@holdfast/core/Hedge"
import * as Jitter from "@holdfast/core/Jitter"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** What a YAML parser makes of a whole policy, with both forms of a duration. */
const file = {
  name: "shop",
  baseUrl: "https://api.example.com/v1",
  headers: { accept: "application/json" },
  userAgent: "shop/1.0",
  attemptHeader: true,
  deadlineHeader: "x-envoy-expected-rq-timeout-ms",
  timeouts: { attempt: 10, total: "30 seconds" },
  bulkhead: { limit: 64, queue: 128, maxWait: "1 second" },
  rateLimit: { limit: 100, window: 1 },
  retry: {
    times: 3,
    backoff: { type: "exponential", initial: 1, max: "16 seconds", jitter: { proportional: 0.1 } },
    retryAfter: { mode: "giveUp", max: 60 },
    budget: { ratio: 0.2 }
  },
  circuitBreaker: { trip: { type: "consecutive", failures: 5 }, openFor: { type: "constant", delay: 30 } },
  hedge: { after: { quantile: 0.99, min: "10 millis" }, max: 1 },
  retryOn: [429, 503],
  idempotencyKey: "none",
  idempotent: false,
  streamBody: "replayable",
  commit: "head",
  endpoints: {
    charge: { path: "/v1/charges", methods: ["POST"], retry: false, timeouts: { total: false, attempt: 60 } },
    search: { origin: "https://search.example.com", hedge: { after: "500 millis" }, bulkhead: false }
  },
  transport: { connections: 50, idleConnections: 10, keepAlive: 30, connectTimeout: "5 seconds", gracePeriod: 0 }
}

const decode = (input: unknown) => Effect.runSync(HttpPolicyData.decode(input))

const refused = (input: unknown) => Effect.runSync(Effect.flip(HttpPolicyData.decode(input))).message

describe("decode", () => {
  it("takes durations in words and in seconds, and keeps all the rest as it is", () => {
    const data = decode(file)
    assertEquals(data.timeouts, { attempt: Duration.seconds(10), total: Duration.seconds(30) })
    assertEquals(data.hedge, { after: { quantile: 0.99, min: Duration.millis(10) }, max: 1 })
    assertEquals(data.endpoints?.["charge"], {
      path: "/v1/charges",
      methods: ["POST"],
      retry: false,
      timeouts: { total: false, attempt: Duration.minutes(1) }
    })
    assertEquals(data.transport, {
      connections: 50,
      idleConnections: 10,
      keepAlive: Duration.seconds(30),
      connectTimeout: Duration.seconds(5),
      gracePeriod: Duration.zero
    })
    assertEquals(data.retryOn, [429, 503])
  })

  it("makes the options of a client of it, and those of a pool", () => {
    const options = HttpPolicyData.toOptions(decode(file))
    assertEquals(options.retry, {
      times: 3,
      backoff: Backoff.exponential({ initial: "1 second", max: "16 seconds", jitter: Jitter.proportional(0.1) }),
      retryAfter: { mode: "giveUp", max: Duration.minutes(1) },
      budget: { ratio: 0.2 }
    })
    assertEquals(options.hedge, { after: Hedge.quantile({ quantile: 0.99, min: "10 millis" }), max: 1 })
    assertEquals(options.endpoints?.["search"], {
      origin: "https://search.example.com",
      hedge: { after: Duration.millis(500) },
      bulkhead: false
    })
    assert.notProperty(options, "transport")
  })

  it.live("makes a client on a pool of both", () =>
    Effect.gen(function*() {
      const { transport, ...data } = decode(file)
      const client = ResilientHttpClient.layer(HttpPolicyData.toOptions(data))
      const { stats } = yield* Effect.provide(
        UndiciTransport.UndiciTransport,
        Layer.provideMerge(client, UndiciTransport.layer(transport))
      )
      assert.strictEqual((yield* stats).connected, 0)
    }))

  it("takes nothing for the policy that says nothing", () => {
    assertEquals(decode({}), {})
    assertEquals(HttpPolicyData.toOptions({}), {})
  })
})

/** The keys that many bring along. */
const flat = {
  timeout: 30.0,
  max_retries: 3,
  initial_retry_delay: 1.0,
  max_retry_delay: 16.0,
  retry_multiplier: 2.0,
  retry_jitter: 0.1,
  max_keepalive_connections: 20,
  max_connections: 100,
  keepalive_expiry: 30.0
}

const canonical = {
  timeouts: { attempt: "30 seconds" },
  retry: {
    times: 3,
    backoff: { type: "exponential", initial: "1 second", max: "16 seconds", factor: 2, jitter: { proportional: 0.1 } }
  },
  transport: { connections: 100, idleConnections: 20, keepAlive: "30 seconds" }
}

describe("flat keys", () => {
  it("decode to the same value as the keys that they stand for", () => {
    assertEquals(decode(flat), decode(canonical))
  })

  it("each stands for itself, beside the other keys", () => {
    assertEquals(
      decode({ timeout: "5 seconds", timeouts: { total: 60 }, max_retries: 1, retry: { budget: { ratio: 0.1 } } }),
      decode({ timeouts: { total: 60, attempt: 5 }, retry: { times: 1, budget: { ratio: 0.1 } } })
    )
    assertEquals(
      decode({ max_connections: 5, transport: { poolWait: 1 } }),
      decode({ transport: { connections: 5, poolWait: 1 } })
    )
    assertEquals(decode({ retry_multiplier: 3 }), decode({ retry: { backoff: { type: "exponential", factor: 3 } } }))
  })

  it("are for an endpoint too, over the delays of the client", () => {
    const data = decode({ ...flat, endpoints: { slow: { path: "/slow", timeout: 60, max_retry_delay: 8 } } })
    const options = HttpPolicyData.toOptions(data)
    assertEquals(options.endpoints?.["slow"], {
      path: "/slow",
      timeouts: { attempt: Duration.minutes(1) },
      retry: {
        backoff: Backoff.exponential({
          initial: "1 second",
          max: "8 seconds",
          factor: 2,
          jitter: Jitter.proportional(0.1)
        })
      }
    })
  })
})

describe("refuses, with path and reason,", () => {
  it.each<[string, unknown, string]>([
    [
      "a key that nothing has",
      { retries: 3 },
      "is not an option (`retries`: did you mean `max_retries`?)\n  at [\"retries\"]"
    ],
    [
      "one within a part",
      { retry: { budget: { rate: 1 } } },
      "is not an option (the options are ratio, minPerSecond, window)\n  at [\"retry\"][\"budget\"][\"rate\"]"
    ],
    [
      "one of the pool in an endpoint",
      { endpoints: { a: { path: "/a", max_connections: 1 } } },
      "is not an option (the options are origin, path, methods, retry, timeouts, bulkhead, rateLimit, circuitBreaker, hedge, " +
      "retryOn, idempotencyKey, idempotent, streamBody, commit, timeout, max_retries, initial_retry_delay, max_retry_delay, " +
      "retry_multiplier, retry_jitter)\n  at [\"endpoints\"][\"a\"][\"max_connections\"]"
    ],
    [
      "an attempt above the total",
      { timeouts: { attempt: 31, total: 30 } },
      "must not be longer than timeouts.total (30000 millis), got 31000 millis\n  at [\"timeouts\"][\"attempt\"]"
    ],
    [
      "an attempt above the total, in flat keys",
      { timeout: 31, timeouts: { total: 30 } },
      "must not be longer than timeouts.total (30000 millis), got 31000 millis\n  at [\"timeouts\"][\"attempt\"]"
    ],
    [
      "an attempt of an endpoint above the total of the client",
      { timeouts: { total: 30 }, endpoints: { slow: { path: "/slow", timeout: 60 } } },
      "must not be longer than timeouts.total (30000 millis), got 60000 millis\n  at [\"endpoints\"][\"slow\"][\"timeouts\"][\"attempt\"]"
    ],
    [
      "a retry around a retry",
      { max_retries: 3, retry: { times: 2 } },
      "max_retries beside retry.times is a retry around a retry: give only one\n  at [\"max_retries\"]"
    ],
    [
      "a retry around none",
      { initial_retry_delay: 1, retry: false },
      "initial_retry_delay beside retry is a retry around a retry: give only one\n  at [\"initial_retry_delay\"]"
    ],
    [
      "a retry around a retry in an endpoint",
      { endpoints: { a: { path: "/a", max_retries: 1, retry: { times: 2 } } } },
      "max_retries beside retry.times is a retry around a retry: give only one\n  at [\"endpoints\"][\"a\"][\"max_retries\"]"
    ],
    [
      "delays that are told twice",
      { retry_jitter: 0.1, retry: { backoff: { type: "constant", delay: 1 } } },
      "retry_jitter beside retry.backoff is a retry around a retry: give only one\n  at [\"retry_jitter\"]"
    ],
    [
      "a time that is told twice",
      { timeout: 1, timeouts: { attempt: 1 } },
      "timeout and timeouts.attempt are the same: give only one\n  at [\"timeout\"]"
    ],
    [
      "a pool that is told twice",
      { keepalive_expiry: 1, transport: { keepAlive: 1 } },
      "keepalive_expiry and transport.keepAlive are the same: give only one\n  at [\"keepalive_expiry\"]"
    ],
    [
      "a hedge around requests that must not be repeated",
      { endpoints: { charge: { methods: ["POST"], hedge: { after: 1 } } } },
      "must be around requests that may be repeated, got POST without " +
      "idempotencyKey \"auto\" and not declared idempotent\n  at [\"endpoints\"][\"charge\"][\"hedge\"]"
    ],
    [
      "a pool that keeps more than it may open",
      { max_connections: 10, max_keepalive_connections: 20 },
      "must be at most connections (10), got 20\n  at [\"transport\"][\"idleConnections\"]"
    ],
    [
      "a pool without connections",
      { max_connections: 0 },
      "must be a whole number of 1 or more, got 0\n  at [\"transport\"][\"connections\"]"
    ],
    [
      "an endpoint that matches nothing in particular",
      { endpoints: { a: {} } },
      "must say to which origin, path or methods it applies\n  at [\"endpoints\"][\"a\"]"
    ],
    [
      "a bulkhead without a permit",
      { bulkhead: { limit: 0 } },
      "must be a whole number of 1 or more, got 0\n  at [\"bulkhead\"][\"limit\"]"
    ],
    [
      "a time that no timer can measure",
      { timeouts: { total: "30 days" } },
      "must be a finite duration of 1ms or more, at most 24d, got 2592000000 millis\n  at [\"timeouts\"][\"total\"]"
    ],
    [
      "a secret in a file",
      { headers: { Authorization: "Bearer s3cret" } },
      "Authorization is a secret: give it as a Redacted header of the program, or as bearer\n  at [\"headers\"][\"Authorization\"]"
    ],
    [
      "a header with a line break",
      { headers: { "x-a": "1\r\nx-b: 2" } },
      "must be a single line, got one with a line break\n  at [\"headers\"][\"x-a\"]"
    ],
    [
      "an invalid base URL",
      { baseUrl: "example.com" },
      "must be a URL of HTTP or a path, got \"example.com\": write \"https://\" before it\n  at [\"baseUrl\"]"
    ],
    ["what is not a map", "llm", "Expected object"]
  ])("%s", (_, input, message) => {
    assert.strictEqual(refused(input), message)
  })

  it("everything at once, not the first alone", () => {
    const faults = refused({
      retrys: 1,
      retry: { times: -1, timse: 3, backoff: { type: "exponential", factor: 0.5 } },
      timeouts: { attempt: 2, total: 1 },
      bulkhead: { limit: 0, queue: -1, maxwait: 1 },
      headers: { cookie: "a", "x a": "1" },
      transport: { conections: 1, keepAlive: "soon", poolQueue: -1 },
      timeout: 3,
      endpoints: { a: { methdos: ["GET"] }, b: { path: "x", hedge: { after: -1 } } }
    })
    const places = faults.split("\n").filter((line) => line.startsWith("  at ")).map((line) => line.slice(5))
    assert.deepStrictEqual(places.toSorted(), [
      `["bulkhead"]["limit"]`,
      `["bulkhead"]["maxwait"]`,
      `["bulkhead"]["queue"]`,
      `["endpoints"]["a"]["methdos"]`,
      `["endpoints"]["b"]["hedge"]["after"]`,
      `["endpoints"]["b"]["path"]`,
      `["headers"]["cookie"]`,
      `["headers"]["x a"]`,
      `["retry"]["backoff"]`,
      `["retry"]["times"]`,
      `["retry"]["timse"]`,
      `["retrys"]`,
      `["timeout"]`,
      `["timeouts"]["attempt"]`,
      `["transport"]["conections"]`,
      `["transport"]["keepAlive"]`,
      `["transport"]["poolQueue"]`
    ])
    assert.include(faults, "did you mean `maxWait`?")
    assert.include(faults, "did you mean `methods`?")
    assert.include(faults, "did you mean `connections`?")
  })
})

describe("merge", () => {
  it("rejects settings that contradict each other in two places", () => {
    const error = Effect.runSync(
      Effect.flip(HttpPolicyData.merge(decode({ timeouts: { total: 30 } }), decode({ timeout: 60 })))
    )
    assert.include(error.message, "must not be longer than timeouts.total (30000 millis), got 60000 millis")
  })

  it("takes retries away with false, and brings them back", () => {
    const merged = (self: unknown, over: unknown) => Effect.runSync(HttpPolicyData.merge(decode(self), decode(over)))
    assertEquals(merged({ max_retries: 3 }, { retry: false }), decode({ retry: false }))
    assertEquals(merged({ retry: false }, { max_retries: 3 }), decode({ max_retries: 3 }))
    assertEquals(
      merged({ max_connections: 5 }, { keepalive_expiry: 3 }),
      decode({ max_connections: 5, keepalive_expiry: 3 })
    )
    assertEquals(
      merged({ initial_retry_delay: 1 }, { retry: { backoff: { type: "constant", delay: 2 } } }),
      decode({ retry: { backoff: { type: "constant", delay: 2 } } })
    )
  })
})

describe("Config", () => {
  const env = (env: Record<string, string>) => ConfigProvider.constantCase(ConfigProvider.fromEnv({ env }))

  it("says in an environment what a file says, under any prefix", () => {
    const provider = env({
      APP_LLM_HTTP_TIMEOUT: "30.0",
      APP_LLM_HTTP_MAX_RETRIES: "3",
      APP_LLM_HTTP_INITIAL_RETRY_DELAY: "1 second",
      APP_LLM_HTTP_MAX_RETRY_DELAY: "16",
      APP_LLM_HTTP_RETRY_MULTIPLIER: "2.0",
      APP_LLM_HTTP_RETRY_JITTER: "0.1",
      APP_LLM_HTTP_MAX_KEEPALIVE_CONNECTIONS: "20",
      APP_LLM_HTTP_MAX_CONNECTIONS: "100",
      APP_LLM_HTTP_KEEPALIVE_EXPIRY: "30"
    })
    const path = ["app", "llm", "http"]
    assertEquals(Effect.runSync(HttpPolicyData.config(path).parse(provider)), decode(flat))
    assertEquals(Effect.runSync(HttpPolicyData.options(path).parse(provider)), HttpPolicyData.toOptions(decode(flat)))
    assertEquals(Effect.runSync(HttpPolicyData.transport(path).parse(provider)), decode(flat).transport ?? {})
  })

  it("says all of a whole policy, from a map", () => {
    const provider = ConfigProvider.fromUnknown({ http: file })
    assertEquals(Effect.runSync(HttpPolicyData.config("http").parse(provider)), decode(file))
  })

  it("is a policy without options if the settings are missing", () => {
    assertEquals(Effect.runSync(HttpPolicyData.options("http").parse(ConfigProvider.fromUnknown({}))), {})
  })

  it.effect("makes a client and its pool of one place, the token included", () =>
    Effect.gen(function*() {
      const provider = env({ HTTP_BASE_URL: "http://north", HTTP_BEARER: "s3cret", HTTP_MAX_RETRIES: "0" })
      const options = yield* HttpPolicyData.options("http").parse(provider)
      assertEquals(options.bearer, Redacted.make("s3cret"))
      assert.notInclude(JSON.stringify(options), "s3cret")
      const request = yield* HttpClient.get("/stock").pipe(
        Effect.map((response) => response.request),
        Effect.provide(Layer.provide(
          ResilientHttpClient.layerConfig(HttpPolicyData.options("http")),
          [TestTransport.layer([TestTransport.respond(503)]), ConfigProvider.layer(provider)]
        ))
      )
      assert.strictEqual(request.headers["authorization"], "Bearer s3cret")
      const pool = UndiciTransport.layerConfig(HttpPolicyData.transport("http"))
      yield* Effect.provide(Effect.void, Layer.provide(pool, ConfigProvider.layer(provider)))
    }))

  it.effect.each<[string, Record<string, string>, string]>([
    ["an invalid number", { APP_HTTP_MAX_RETRIES: "many" }, `["app"]["http"]["max_retries"]`],
    [
      "an attempt above the total",
      { APP_HTTP_TIMEOUT: "2", APP_HTTP_TIMEOUTS_TOTAL: "1" },
      `["app"]["http"]["timeouts"]["attempt"]`
    ],
    ["an invalid pool", { APP_HTTP_MAX_CONNECTIONS: "0" }, `["app"]["http"]["transport"]["connections"]`],
    [
      "a retry around a retry",
      { APP_HTTP_MAX_RETRIES: "1", APP_HTTP_RETRY_TIMES: "1" },
      `["app"]["http"]["max_retries"]`
    ],
    ["an endpoint", { APP_HTTP_ENDPOINTS_A_PATH: "a" }, `["app"]["http"]["endpoints"]["A"]`]
  ])("fails with a ConfigError that has the path: %s", ([, variables, path]) =>
    Effect.gen(function*() {
      const layer = ResilientHttpClient.layerConfig(HttpPolicyData.options(["app", "http"]))
      const error = yield* Layer.build(layer).pipe(
        Effect.provide([TestTransport.layer([]), ConfigProvider.layer(env(variables))]),
        Effect.flip
      )
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, `at ${path}`)
    }))
})

it("encodes to plain data in its own keys", () => {
  const encoded = Schema.encodeSync(HttpPolicyData.HttpPolicyData)(decode(flat))
  assert.deepStrictEqual(JSON.parse(JSON.stringify(encoded)), encoded)
  assert.deepStrictEqual(Object.keys(encoded).toSorted(), ["retry", "timeouts", "transport"])
})
