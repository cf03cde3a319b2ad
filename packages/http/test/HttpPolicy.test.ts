import { assert, describe, it } from "@effect/vitest"
import * as Retry from "@holdfast/core/Retry"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

const response = (status: number, headers: Record<string, string> = {}) =>
  HttpClientResponse.fromWeb(HttpClientRequest.get("/"), new Response(null, { status, headers }))

const written = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "ECONNRESET" }))
const unwritten = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "ECONNREFUSED" }))

const attempt = (request: HttpClientRequest.HttpClientRequest, failure = written): HttpPolicy.Attempt => ({
  request,
  failure,
  transientResponse: false,
  invited: false,
  bodySpent: false
})

describe("HttpPolicy", () => {
  it("believes x-should-retry before the status, and retryOn before the list", () => {
    assert.isTrue(HttpPolicy.isTransient(response(409, { "x-should-retry": "true" }), {}))
    assert.isFalse(HttpPolicy.isTransient(response(503, { "x-should-retry": "false" }), {}))
    assert.isFalse(HttpPolicy.isTransient(response(200, { "x-should-retry": "true" }), {}))
    const retryOn = (response: HttpClientResponse.HttpClientResponse) => response.status === 202
    assert.isTrue(HttpPolicy.isTransient(response(202), { retryOn }))
    assert.isFalse(HttpPolicy.isTransient(response(503), { retryOn }))
  })

  it.each(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"] as const)("repeats %s", (method) => {
    assert.isTrue(HttpPolicy.decide(attempt(HttpClientRequest.make(method)("/")), {}))
  })

  it.each(["POST", "PATCH"] as const)("repeats %s only with a key, a word for it, or proof", (method) => {
    const request = HttpClientRequest.make(method)("/")
    const decision = HttpPolicy.decide(attempt(request), {})
    assert.isTrue(decision instanceof Retry.Refusal && decision.because.startsWith(method))
    assert.isTrue(HttpPolicy.decide(attempt(HttpClientRequest.setHeader(request, "Idempotency-Key", "k")), {}))
    assert.isTrue(HttpPolicy.decide(attempt(request), { idempotent: true }))
    assert.isTrue(HttpPolicy.decide(attempt(request), { idempotent: (request) => request.url === "/" }))
    assert.isTrue(HttpPolicy.decide(attempt(request, unwritten), {}))
    assert.isTrue(HttpPolicy.decide({ ...attempt(request), invited: true }, {}))
  })

  it("never sends a spent body again, whatever else speaks for it", () => {
    const decision = HttpPolicy.decide({ ...attempt(HttpClientRequest.put("/"), unwritten), bodySpent: true }, {
      idempotent: true
    })
    assert.isTrue(decision instanceof Retry.Refusal && decision.because.includes("stream"))
  })

  it("does not repeat a request that cannot succeed later", () => {
    const tls = HttpFailure.fromUnknown(Object.assign(new Error(), { code: "CERT_HAS_EXPIRED" }))
    assert.isFalse(HttpPolicy.decide(attempt(HttpClientRequest.get("/"), tls), {}))
  })

  it("knows which bodies can be sent twice", () => {
    const yes = [HttpBody.empty, HttpBody.text("a"), HttpBody.formDataRecord({ a: "b" }), HttpBody.raw("a")]
    const no = [HttpBody.stream(Stream.empty), HttpBody.raw(new ReadableStream())]
    assert.deepStrictEqual(yes.map(HttpPolicy.isReplayable), yes.map(() => true))
    assert.deepStrictEqual(no.map(HttpPolicy.isReplayable), no.map(() => false))
  })
})
