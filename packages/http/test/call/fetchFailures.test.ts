/** The failures of every runtime's `fetch` are told apart and retried as those of Node's, as far as they differ at all. */
import { assert, describe, it } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as HttpFailure from "@holdfast/http/HttpFailure"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { fetchFailures, type Recorded, type Row } from "./fetchFailures.ts"

const errorOf = ({ cause, message, name, ...rest }: Recorded): Error => {
  const options = cause === undefined ? undefined : { cause: errorOf(cause) }
  return Object.assign(name === "TypeError" ? new TypeError(message, options) : new Error(message, options), rest, {
    name
  })
}

const rows = Object.entries(fetchFailures).flatMap(([runtime, failures]) =>
  Object.entries(failures).map(([failure, row]) => ({ runtime, failure, row }))
)

/** A fetch that fails in this way. */
const failing = (error: Error, phase: Row[0], count: () => void): typeof globalThis.fetch => () => {
  count()
  if (phase === "head") return Promise.reject(error)
  let pulls = 0
  const body = new ReadableStream({
    pull: (controller) => pulls++ === 0 ? controller.enqueue(new TextEncoder().encode("half")) : controller.error(error)
  })
  return Promise.resolve(new Response(body, { headers: { "content-length": "100" } }))
}

describe("fetch", () => {
  it.each(rows)("of $runtime: $failure", ({ row: [phase, recorded, tag, written] }) => {
    const failure = HttpFailure.fromUnknown(errorOf(recorded), phase === "body" ? { phase } : {})
    assert.deepStrictEqual([failure.reason._tag, failure.requestWritten], [tag, written])
  })

  it.effect.each(rows)(
    "of $runtime: $failure is retried if it may pass, and a POST if nothing was sent",
    ({ row }) =>
      Effect.gen(function*() {
        const [phase, recorded, tag, written] = row
        for (const method of ["GET", "POST"] as const) {
          let count = 0
          const request = HttpClientRequest.make(method)("http://shop.example/")
          yield* Effect.exit(Effect.flatMap(HttpClient.execute(request), (response) => response.text)).pipe(
            Effect.provide(Layer.provide(
              ResilientHttpClient.layer({ retry: { times: 1, backoff: Backoff.constant({ delay: 0 }) } }),
              FetchHttpClient.layer
            )),
            Effect.provideService(FetchHttpClient.Fetch, failing(errorOf(recorded), phase, () => count++))
          )
          const isFinal = tag === "TlsFailure" || tag === "ProtocolError"
          assert.strictEqual(count, isFinal || (method === "POST" && written) ? 1 : 2, method)
        }
      }).pipe(Effect.provide(Logger.layer([])))
  )

  it("takes a TypeError without a code for a network error, and an argument that is refused for none", () => {
    const tagOf = (error: Error) => HttpFailure.fromUnknown(error).reason._tag
    assert.strictEqual(
      tagOf(new TypeError("words of a runtime to come", { cause: new Error("why") })),
      "ConnectionReset"
    )
    assert.strictEqual(tagOf(Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL" })), "ProtocolError")
    assert.strictEqual(tagOf(new Error("x is not a function")), "ProtocolError")
  })
})
