import type * as CircuitBreaker from "@holdfast/core/CircuitBreaker"
import type {
  AttemptTimeout,
  BulkheadFull,
  CircuitOpen,
  DeadlineExceeded,
  PolicyError,
  RateLimited
} from "@holdfast/core/PolicyError"
import type * as HttpFailure from "@holdfast/http/HttpFailure"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as HttpPolicyData from "@holdfast/http/HttpPolicyData"
import * as HttpPolicyFile from "@holdfast/http/HttpPolicyFile"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as ResumableDownload from "@holdfast/http/ResumableDownload"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import type { HttpClient } from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import type { Path } from "effect/Path"
import * as Stream from "effect/Stream"
import { expect, test } from "tstyche"

test("the standard tag keeps the standard error", () => {
  expect(ResilientHttpClient.layer()).type.toBe<
    Layer.Layer<HttpClient | ResilientHttpClient.ResilientHttpClient, never, HttpClient>
  >()
})

const failures = <E>(client: Effect.Effect<HttpClient.With<E>, never, HttpClient>) => client as unknown as E

test("a client has the reasons of its parts, and no others", () => {
  expect(failures(ResilientHttpClient.make())).type.toBe<HttpClientError>()
  expect(failures(ResilientHttpClient.make({ retry: { times: 3 }, hedge: { after: "1 second" } }))).type.toBe<
    HttpClientError
  >()
  expect(failures(ResilientHttpClient.make({ timeouts: { total: "1 second" } })))
    .type.toBe<HttpClientError | PolicyError<DeadlineExceeded>>()
  expect(failures(ResilientHttpClient.make({ timeouts: { attempt: "1 second" } })))
    .type.toBe<HttpClientError | PolicyError<AttemptTimeout>>()
  expect(failures(ResilientHttpClient.make({ bulkhead: { limit: 1 }, circuitBreaker: {} })))
    .type.toBe<HttpClientError | PolicyError<BulkheadFull | CircuitOpen>>()
  expect(failures(ResilientHttpClient.make({ rateLimit: { limit: 1, window: 1 }, bulkhead: undefined })))
    .type.toBe<HttpClientError | PolicyError<RateLimited>>()
  expect(failures(ResilientHttpClient.make({ bulkhead: false, circuitBreaker: false, timeouts: { total: false } })))
    .type.toBe<HttpClientError>()
})

test("a client has the reasons of its endpoints too", () => {
  const client = ResilientHttpClient.make({
    timeouts: { total: "1 second" },
    endpoints: {
      charge: { path: "/charges", bulkhead: { limit: 1 } },
      search: { path: "/search", circuitBreaker: {}, timeouts: { attempt: "1 second", total: false } }
    }
  })
  expect(failures(client)).type.toBe<
    HttpClientError | PolicyError<AttemptTimeout | BulkheadFull | CircuitOpen | DeadlineExceeded>
  >()
})

test("options that are not known have every reason", () => {
  expect(failures(ResilientHttpClient.make({} as HttpPolicy.Options))).type.toBe<HttpClientError | PolicyError>()
  expect<ResilientHttpClient.ResilientHttpClient["Service"]>().type.toBe<
    HttpClient.With<HttpClientError | PolicyError>
  >()
})

class Inventory extends ResilientHttpClient.Service<Inventory>()("Inventory", {
  timeouts: { total: "30 seconds" },
  circuitBreaker: {}
}) {}

test("a service has the reasons that its class declares", () => {
  const get = (client: Inventory["Service"]) => client.get("/")
  expect<ReturnType<typeof get>>().type.toBe<
    Effect.Effect<HttpClientResponse, HttpClientError | PolicyError<CircuitOpen | DeadlineExceeded>>
  >()
  expect(Inventory.layer).type.toBe<Layer.Layer<Inventory, never, HttpClient>>()
  expect(Inventory.layerNoop).type.toBe<Layer.Layer<Inventory, never, HttpClient>>()
})

test("a service takes no part that its class does not declare", () => {
  expect(Inventory.layerWith).type.toBeCallableWith({ circuitBreaker: { probes: 2 } })
  expect(Inventory.layerWith).type.toBeCallableWith({ retry: false })
  expect(Inventory.layerWith).type.not.toBeCallableWith({ bulkhead: { limit: 1 } })
  expect(Inventory.layerConfig).type.toBeCallableWith(Config.succeed({ retry: false } as const))
  expect(Inventory.layerConfig).type.not.toBeCallableWith(HttpPolicyData.options("http"))
  expect(Inventory.layerReloading).type.toBeCallableWith(Stream.succeed({ retry: false } as const))
  expect(Inventory.layerReloading).type.not.toBeCallableWith(Stream.succeed({ bulkhead: { limit: 1 } }))
})

test("what no option is called is refused", () => {
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ retries: 3 })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ retry: { while: () => true } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ timeouts: { attempts: "1 second" } })
  expect(ResilientHttpClient.layer).type.not.toBeCallableWith({ endpoints: { a: { paths: "/a" } } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ retry: { retryAfter: { mx: "1 second" } } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ retry: { budget: { rate: 1 } } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ bulkhead: { limit: 1, que: 1 } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ rateLimit: { limit: 1, window: "1s", que: 1 } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ circuitBreaker: { openfor: "1s" } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ hedge: { after: "1s", maximum: 1 } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ hedge: { after: "1s", budget: { rate: 1 } } })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({
    endpoints: { a: { path: "/a", retry: { retryAfter: { mx: "1 second" } } } }
  })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ endpoints: { a: { path: "/a", method: "GET" } } })
  expect(ResilientFetch.createFetch).type.not.toBeCallableWith({ timeouts: { attempts: "1s" } })
  expect(ResumableDownload.stream).type.not.toBeCallableWith("/a", { retry: { timse: 1 } })
  expect(UndiciTransport.layer).type.not.toBeCallableWith({ conections: 1 })
  expect(UndiciTransport.layer).type.not.toBeCallableWith({ proxy: { url: "http://p", usrname: "a" } })
  expect(UndiciTransport.layer).type.not.toBeCallableWith({ tls: { serverName: "a" } })
})

test("a duration may be short, and needs a unit", () => {
  expect(ResilientHttpClient.make).type.toBeCallableWith({ timeouts: { attempt: "30s", total: "1m 30s" } })
  expect(UndiciTransport.layer).type.toBeCallableWith({ keepAlive: "30s", poolWait: "500ms" })
  expect(ResilientHttpClient.make).type.not.toBeCallableWith({ timeouts: { attempt: "30" } })
  expect(UndiciTransport.layer).type.not.toBeCallableWith({ keepAlive: "soon" })
})

test("a policy that changes needs what its options need, and fails with what they fail with", () => {
  expect(ResilientHttpClient.layerReloading(HttpPolicyFile.changes("http.yaml"))).type.toBe<
    Layer.Layer<
      HttpClient | ResilientHttpClient.ResilientHttpClient,
      HttpPolicyFile.FileError,
      FileSystem | HttpClient | Path
    >
  >()
})

test("a breaker of any error serves, and one of HttpFailure", () => {
  const options = (circuitBreaker: CircuitBreaker.CircuitBreaker<HttpFailure.HttpFailure>) =>
    ResilientHttpClient.layer({ circuitBreaker })
  expect(options).type.toBeCallableWith({} as CircuitBreaker.CircuitBreaker)
  expect(options).type.not.toBeCallableWith({} as CircuitBreaker.CircuitBreaker<string>)
})

test("what a file says of the pool is for the transport", () => {
  expect(UndiciTransport.layer).type.toBeCallableWith({} as HttpPolicyData.TransportData)
  expect(UndiciTransport.layerConfig).type.toBeCallableWith(HttpPolicyData.transport("http"))
  expect(ResilientHttpClient.layerConfig).type.toBeCallableWith(HttpPolicyData.options("http"))
})

test("any HttpClient serves as the transport", () => {
  const live = ResilientHttpClient.layer().pipe(Layer.provide(UndiciTransport.layer()))
  expect(live).type.toBe<Layer.Layer<HttpClient | ResilientHttpClient.ResilientHttpClient>>()
  const test = ResilientHttpClient.layer().pipe(Layer.provide(TestTransport.layer([])))
  expect(test).type.toBe<Layer.Layer<HttpClient | ResilientHttpClient.ResilientHttpClient>>()
})

test("options come from Config, each by itself or all at once", () => {
  expect(ResilientHttpClient.layerConfig).type.toBeCallableWith({
    baseUrl: Config.String("BASE_URL"),
    timeouts: { total: Config.Duration("TOTAL") }
  })
  expect(UndiciTransport.layerConfig).type.toBeCallableWith({ connections: Config.Int("CONNECTIONS") })
  expect(UndiciTransport.layerConfig).type.not.toBeCallableWith({ connections: 100 })
})

test("retry has no while: HttpPolicy answers it", () => {
  expect(ResilientHttpClient.layer).type.not.toBeCallableWith({ retry: { while: () => true } })
})

test("a failure says where, what, and whether it was written", () => {
  expect<HttpFailure.HttpFailure["phase"]>().type.toBe<"pool" | "connect" | "headers" | "body">()
  expect<HttpFailure.HttpFailure["requestWritten"]>().type.toBe<boolean>()
  expect<HttpFailure.HttpFailure["retryAfter"]>().type.toBe<Duration.Duration | undefined>()
})

test("a script cannot fail a head with what only a body can", () => {
  expect(TestTransport.fail).type.toBeCallableWith("ConnectionReset")
  expect(TestTransport.fail).type.not.toBeCallableWith("BodyCut")
})
