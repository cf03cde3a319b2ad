import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import { errors } from "undici"
import * as Server from "./server.ts"

const coded = (code: string, more?: object) => Object.assign(new Error("the message says nothing"), { code, ...more })

const request = HttpClientRequest.get("http://localhost/")

describe("HttpFailure", () => {
  const table: ReadonlyArray<[error: unknown, tag: string, phase: string, written: boolean]> = [
    [coded("ENOTFOUND", { syscall: "getaddrinfo" }), "DnsFailure", "connect", false],
    [coded("EAI_AGAIN"), "DnsFailure", "connect", false],
    [coded("ECONNREFUSED"), "ConnectRefused", "connect", false],
    [coded("EHOSTUNREACH"), "ConnectRefused", "connect", false],
    [new errors.ConnectTimeoutError(), "ConnectTimeout", "connect", false],
    [coded("ETIMEDOUT", { syscall: "connect" }), "ConnectTimeout", "connect", false],
    [coded("ETIMEDOUT", { syscall: "read" }), "ConnectionReset", "headers", true],
    [coded("CERT_HAS_EXPIRED"), "TlsFailure", "connect", false],
    [coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "TlsFailure", "connect", false],
    [coded("ERR_TLS_CERT_ALTNAME_INVALID"), "TlsFailure", "connect", false],
    [coded("ERR_SSL_WRONG_VERSION_NUMBER"), "TlsFailure", "connect", false],
    [coded("ECONNRESET"), "ConnectionReset", "headers", true],
    [coded("EPIPE"), "ConnectionReset", "headers", true],
    [new errors.SocketError(), "ConnectionReset", "headers", true],
    [new errors.HeadersTimeoutError(), "HeadersTimeout", "headers", true],
    [new errors.BodyTimeoutError(), "BodyTimeout", "body", true],
    [new errors.ResponseContentLengthMismatchError(), "BodyCut", "body", true],
    [coded("HPE_INVALID_CONSTANT"), "ProtocolError", "headers", true],
    [new errors.HeadersOverflowError(), "ProtocolError", "headers", true],
    [AbortSignal.timeout(0) && new DOMException("x", "TimeoutError"), "HeadersTimeout", "headers", true],
    [new TypeError("Failed to fetch"), "ConnectionReset", "headers", true],
    [new Error("ECONNREFUSED"), "ProtocolError", "headers", true],
    ["not even an error", "ProtocolError", "headers", true]
  ]

  it.each(table)("classifies %s as %s", (error, tag, phase, written) => {
    const failure = HttpFailure.fromUnknown(error)
    assert.deepStrictEqual([failure.reason._tag, failure.phase, failure.requestWritten], [tag, phase, written])
  })

  it.each(table)("classifies %s the same below a TypeError of fetch and an AggregateError", (error, tag) => {
    if (!(error instanceof Error) || !("code" in error)) return
    const below = new TypeError("fetch failed", { cause: new AggregateError([error]) })
    assert.strictEqual(HttpFailure.fromUnknown(below).reason._tag, tag)
  })

  it("calls a connection that is lost in the body a cut body", () => {
    const failure = HttpFailure.fromUnknown(coded("ECONNRESET"), { phase: "body", received: 7 })
    assert.deepStrictEqual([failure.reason._tag, failure.phase], ["BodyCut", "body"])
    assert.include(failure.message, "7 bytes")
  })

  it("believes the client about what was written", () => {
    const failure = HttpFailure.fromUnknown(coded("ECONNRESET"), { phase: "connect", requestWritten: false })
    assert.deepStrictEqual([failure.reason._tag, failure.phase, failure.requestWritten], [
      "ConnectionReset",
      "connect",
      false
    ])
  })

  it("gives back the failure that is among the causes", () => {
    const failure = HttpFailure.fromStatus(503)
    const error = new HttpClientError.HttpClientError({
      reason: new HttpClientError.TransportError({ request, cause: failure })
    })
    assert.strictEqual(HttpFailure.fromUnknown(error), failure)
    assert.deepStrictEqual(HttpFailure.fromClientError(error), Option.some(failure))
  })

  it("has none for a request that could not be built and a body that did not decode", () => {
    const encode = new HttpClientError.EncodeError({ request, cause: coded("ECONNRESET") })
    assert.isTrue(Option.isNone(HttpFailure.fromClientError(new HttpClientError.HttpClientError({ reason: encode }))))
  })

  it.effect("keeps the first KiB of the body of a response that counts as a failure", () =>
    Effect.gen(function*() {
      const response = yield* HttpClient.get("http://localhost/")
      const failure = yield* HttpFailure.fromResponse(response)
      assert.isTrue(failure.reason._tag === "StatusFailure" && failure.reason.excerpt === "x".repeat(1024))
      assert.isTrue(failure.isRetryable)
      assert.strictEqual(yield* (yield* TestTransport.TestTransport).inUse, 0)
    }).pipe(Effect.provide(TestTransport.layer([TestTransport.respond(503, { body: "x".repeat(5000) })]))))

  it.live("sees through fetch that the connection was refused", () =>
    Effect.gen(function*() {
      const url = yield* Server.closedPort
      const error = yield* Effect.flip(HttpClient.get(url))
      const failure = Option.getOrThrow(HttpFailure.fromClientError(error))
      assert.deepStrictEqual([failure.reason._tag, failure.requestWritten], ["ConnectRefused", false])
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.live("sees through fetch that the body was cut", () =>
    Effect.gen(function*() {
      const server = yield* Server.raw((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () => socket.destroy())
      })
      const error = yield* Effect.flip(Effect.flatMap(HttpClient.get(server.url), (response) => response.text))
      const failure = Option.getOrThrow(HttpFailure.fromClientError(error))
      assert.deepStrictEqual([failure.reason._tag, failure.phase], ["BodyCut", "body"])
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
