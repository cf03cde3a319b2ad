/** Traffic through a proxy, and what must be true of it whatever the proxy does. */
import { assert } from "@effect/vitest"
import * as Backoff from "@holdfast/core/Backoff"
import * as PolicyEvent from "@holdfast/core/PolicyEvent"
import type * as HttpPolicy from "@holdfast/http/HttpPolicy"
import * as ResilientHttpClient from "@holdfast/http/ResilientHttpClient"
import * as UndiciTransport from "@holdfast/http/UndiciTransport"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Server from "../server.ts"
import type { Upstream } from "./daemon.ts"

/** The client on undici, patient enough for a server that is away for a moment. */
export const client = (options: HttpPolicy.Options = {}, transport: UndiciTransport.Options = {}) =>
  Layer.provideMerge(
    ResilientHttpClient.layer({
      retry: { times: 20, backoff: Backoff.exponential({ initial: "5 millis", max: "200 millis" }) },
      ...options
    }),
    Layer.merge(UndiciTransport.layer({ connections: 4, ...transport }), Logger.layer([]))
  )

/** One request of a kind, with an id that the upstream counts by. */
export const send = (url: string, kind: "GET" | "POST" | "keyed", id: string) => {
  const headers = { "x-id": id, ...(kind === "keyed" ? { "idempotency-key": id } : {}) }
  const request = kind === "GET"
    ? HttpClientRequest.get(url, { headers })
    : HttpClientRequest.post(url, { headers, body: HttpBody.text("pay") })
  return Effect.flatMap(
    HttpClient.execute(request),
    ({ headers, status, text }) => Effect.map(text, (text) => ({ status, text, worker: headers["x-worker"] ?? "" }))
  )
}

/** How many attempts, and which delays, a call had. */
export const watched = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const delays: Array<number> = []
    const exit = yield* Effect.exit(PolicyEvent.observe(call, (event) => {
      if (event._tag === "RetryScheduled") delays.push(event.delay)
    }))
    return { exit, delays }
  })

/**
 * Four callers without a pause, during whom the proxy is reloaded three times. Whatever may be repeated arrives; whatever may not
 * arrives once, or its caller is told that it failed.
 */
export const through = <E, R>(url: string, upstream: Upstream, reload: Effect.Effect<void, E, R>) =>
  Effect.gen(function*() {
    const kinds = ["GET", "POST", "keyed"] as const
    const state = { over: false }
    let answered = 0
    const workers = new Set<string>()
    const caller = (name: number) =>
      Effect.gen(function*() {
        for (let i = 0; !state.over; i++) {
          const kind = kinds[(name + i) % 3]!
          const id = `${kind}-${name}-${i}`
          const exit = yield* Effect.exit(send(url, kind, id))
          if (Exit.isSuccess(exit) && exit.value.status === 200) {
            assert.strictEqual(exit.value.text, id)
            answered++
            workers.add(exit.value.worker)
            assert.isAtLeast(upstream.seen.get(id) ?? 0, 1, id)
          } else {
            assert.strictEqual(kind, "POST", `${id}: ${String(exit)}`)
          }
          if (kind === "POST") assert.isAtMost(upstream.seen.get(id) ?? 0, 1, id)
        }
      })
    const more = Effect.suspend(() => {
      const before = answered
      return Server.until(() => answered >= before + 50)
    })
    const byAnother = Effect.suspend(() => {
      const before = workers.size
      return Server.until(() => workers.size > before)
    })
    yield* Effect.all([
      Effect.forEach([0, 1, 2, 3], caller, { concurrency: "unbounded", discard: true }),
      Effect.gen(function*() {
        for (let round = 1; round <= 3; round++) {
          yield* more
          yield* Effect.all([reload, byAnother], { concurrency: 2 })
        }
        yield* more
        state.over = true
      })
    ], { concurrency: "unbounded", discard: true })
    yield* Server.idle
  })
