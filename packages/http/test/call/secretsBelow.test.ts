/** A secret that a client below the policy adds to a request is in nothing that the call emits. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import { Emitted } from "../Emitted.ts"

const secret = "S3CRET"

/** How a client below adds it. */
const additions: Readonly<
  Record<string, (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest>
> = {
  "a parameter": HttpClientRequest.setUrlParam("token", secret),
  "a URL with a query": (request) => HttpClientRequest.setUrl(request, `https://api.example/item?api_key=${secret}`),
  "a password": (request) => HttpClientRequest.setUrl(request, `https://u:${secret}@api.example/item`),
  "a header": HttpClientRequest.setHeader("authorization", secret)
}

const answers: Readonly<Record<string, typeof globalThis.fetch>> = {
  "answered": async () => new Response("ok"),
  "busy": async () => new Response("busy", { status: 503 }),
  "no JSON": async () => new Response("{"),
  "reset": async (url) => {
    throw new TypeError(`fetch failed: ${url}`, { cause: Object.assign(new Error(`${url}`), { code: "ECONNRESET" }) })
  },
  "cut": async (url) =>
    new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError(`terminated ${url}`)) }))
}

describe.each(Object.keys(additions))("%s added by a client below", (addition) => {
  it.live.each(Object.keys(answers))("is not shown when the request is %s", (answer) =>
    Effect.gen(function*() {
      const emitted = new Emitted()
      const below = Layer.effect(
        HttpClient.HttpClient,
        Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(additions[addition]!))
      ).pipe(Layer.provide(FetchHttpClient.layer))
      const policy = ResilientHttpClient.layer({ retry: { times: 1, backoff: Backoff.constant({ delay: 1 }) } })
      yield* emitted.of(
        Effect.tap(HttpClient.get("https://api.example/item"), (response) =>
          Effect.andThen(Effect.logInfo("answered", response), response.json))
      ).pipe(
        Effect.provide(Layer.provide(policy, below)),
        Effect.provideService(FetchHttpClient.Fetch, answers[answer]!)
      )
      yield* emitted.of(
        Effect.flatMap(HttpClient.get("https://api.example/item"), HttpClientResponse.filterStatusOk)
      ).pipe(
        Effect.provide(Layer.provide(policy, below)),
        Effect.provideService(FetchHttpClient.Fetch, answers[answer]!)
      )
      const shown = yield* emitted.shown
      assert.isAbove(emitted.clientSpans, 0)
      assert.deepStrictEqual(
        shown.filter((text) =>
          text.includes(secret)
        ).map(around),
        []
      )
    }))
})

it.live("a secret of the request itself, which a client below has replaced, is not shown either", () =>
  Effect.gen(function*() {
    const emitted = new Emitted()
    const url = `https://api.example/item?token=${secret}`
    const below = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(
        HttpClient.HttpClient,
        HttpClient.mapRequest(HttpClientRequest.setUrl("https://gateway.example/?key=0TH3R"))
      )
    ).pipe(Layer.provide(FetchHttpClient.layer))
    yield* emitted.of(HttpClient.get(url)).pipe(
      Effect.provide(Layer.provide(ResilientHttpClient.layer({ retry: false }), below)),
      Effect.provideService(
        FetchHttpClient.Fetch,
        (other) => Promise.reject(new TypeError(`fetch failed: ${other}, for ${url}`))
      )
    )
    const shown = yield* emitted.shown
    assert.isTrue(shown.some((text) => text.includes("fetch failed")))
    assert.deepStrictEqual(shown.filter((text) => text.includes(secret) || text.includes("0TH3R")).map(around), [])
  }))

const around = (text: string): string => {
  const at = text.indexOf(secret)
  return text.slice(Math.max(0, at - 160), at + 60)
}
