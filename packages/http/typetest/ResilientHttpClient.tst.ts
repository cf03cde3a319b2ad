import type { AttemptTimeout, DeadlineExceeded, PolicyError } from "@holdfast/core/PolicyError"
import type * as HttpFailure from "@holdfast/http/HttpFailure"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import { expect, test } from "tstyche"

test("the standard tag keeps the standard error", () => {
  expect(ResilientHttpClient.layer()).type.toBe<
    Layer.Layer<HttpClient | ResilientHttpClient.ResilientHttpClient, never, HttpClient>
  >()
})

test("the own tag has the exact error", () => {
  const get = (client: ResilientHttpClient.ResilientHttpClient["Service"]) => client.get("/")
  expect<ReturnType<typeof get>>().type.toBe<
    Effect.Effect<HttpClientResponse, HttpClientError | PolicyError<AttemptTimeout | DeadlineExceeded>>
  >()
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
