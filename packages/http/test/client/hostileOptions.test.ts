/** Options that are not what they look like: an unreadable one, or one that would be left out in silence, is a RangeError. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
import * as ResilientFetch from "@holdfast/http/ResilientFetch"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as TestTransport from "@holdfast/http/testing/TestTransport"
import * as UndiciFetch from "@holdfast/http/UndiciFetch"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"

const boom = (): never => {
  throw new TypeError("boom")
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const hostile: Readonly<Record<string, () => unknown>> = {
  "null": () => null,
  "a text": () => "retry",
  "an array": () => [],
  "a Map": () => new Map([["retry", false]]),
  "a function": () => boom,
  "a getter that throws": () => ({
    get name() {
      return boom()
    }
  }),
  "a part by a getter that throws": () => ({
    get retry() {
      return boom()
    }
  }),
  "a proxy that throws": () => new Proxy({ name: "x" }, { get: boom }),
  "a proxy without keys": () => new Proxy({}, { ownKeys: boom }),
  "a proxy that is revoked": revoked,
  "a key that is inherited by all": () => JSON.parse("{\"__proto__\":{}}"),
  "headers as a Map": () => ({ headers: new Map([["a", "1"]]) }),
  "headers as Headers": () => ({ headers: new Headers({ a: "1" }) }),
  "headers as pairs": () => ({ headers: [["a", "1"]] }),
  "a header beyond latin": () => ({ headers: { a: "\u2192" } }),
  "a header with a control character": () => ({ headers: { a: "a\u0001" } }),
  "a secret beyond latin": () => ({ headers: { a: Redacted.make("\u2192") } }),
  "endpoints as a Map": () => ({ endpoints: new Map() }),
  "an empty bearer": () => ({ bearer: Redacted.make("") }),
  "statuses as a Set": () => ({ retryOn: new Set([500]) })
}

const makers: Readonly<Record<string, (options: never) => unknown>> = {
  "ResilientHttpClient.make": (options) =>
    Effect.runSync(Effect.provide(ResilientHttpClient.make(options), TestTransport.layer([]))),
  "ResilientFetch.createFetch": ResilientFetch.createFetch,
  "UndiciFetch.createFetch": UndiciFetch.createFetch,
  "ResilientDispatcher.createDispatcher": ResilientDispatcher.createDispatcher
}

describe.each(Object.entries(makers))("%s", (_, make) => {
  it.each(Object.entries(hostile))("refuses %s", (_, options) => {
    assert.throws(() => make(options() as never), RangeError)
  })
})

describe.each(Object.entries(makers).slice(2))("%s", (_, make) => {
  it.each(Object.entries(hostile).slice(0, 10).filter(([name]) => name !== "a part by a getter that throws"))(
    "refuses %s for a transport",
    (_, transport) => {
      const given = transport()
      assert.throws(() => make({ transport: given } as never), RangeError)
    }
  )
})

it("UndiciTransport.make rejects options that are not an object", () => {
  for (const options of [null, 5, [], new Map(), revoked()]) {
    assert.throws(() => Effect.runSync(Effect.scoped(UndiciTransport.make(options as never))), RangeError)
  }
})

it.live.each<[string, "GET" | "POST", HttpPolicy.Options]>([
  ["idempotent", "POST", { idempotent: (async () => false) as never }],
  ["idempotent", "POST", { idempotent: (() => "yes") as never }],
  ["retryOn", "GET", { retryOn: (async () => false) as never }]
])("an answer of %s counts only if it is true", ([, method, options]) =>
  Effect.gen(function*() {
    yield* Effect.exit(HttpClient.execute(HttpClientRequest.make(method)("http://a.example/")))
    assert.lengthOf(yield* (yield* TestTransport.TestTransport).sent, 1)
  }).pipe(Effect.provide(Layer.provideMerge(
    ResilientHttpClient.layer({ retry: { times: 2, backoff: Backoff.constant({ delay: 1 }) }, ...options }),
    Layer.merge(TestTransport.layer([TestTransport.always(TestTransport.respond(503))]), Logger.layer([]))
  ))))
