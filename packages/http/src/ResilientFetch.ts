/**
 * The resilient client as a standard `fetch`.
 *
 * **When to use**
 *
 * Give it to libraries that take a `fetch`: SDKs, `ky`, `graphql-request`, and code that was written for the platform.
 *
 * **Details**
 *
 * It keeps the contract of the platform's fetch: an abort rejects with its reason, before the head and in the middle of
 * a body; bodies stream both ways; redirects, `Request` objects, forms and several `set-cookie` headers behave the
 * same; a network failure is a `TypeError`. Its `cause` is the `HttpFailure` or the `PolicyError`. A status is not an
 * error: when the retries end, you get the last response.
 *
 * Requests are retried by the rules of `HttpPolicy`. A `ReadableStream` body is sent once; text, bytes, forms, blobs,
 * and the body of a `Request` of up to 64 KiB are sent again on a retry. The promise resolves once the response reaches
 * the point that `commit` names. By default that is the first byte of the body, or the whole body if it is announced
 * with 64 KiB or less, and a cut before it is retried. `commit: "head"` resolves with the head, as the platform does.
 *
 * **Gotchas**
 *
 * Nested retries multiply. Turn off the retries of an SDK that uses this `fetch` (`maxRetries: 0`).
 *
 * **Example**
 *
 * See {@link createFetch}, and {@link make} for a program with Effect.
 */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { closable, fetcher, read, withoutEffect } from "./internal/fetch/create.ts"
import * as ResilientHttpClient from "./ResilientHttpClient.ts"

/** A standard `fetch`. */
export type Fetch = typeof globalThis.fetch

/** A `fetch` that you close with {@link ClosableFetch.close}. */
export interface ClosableFetch extends Fetch, AsyncDisposable {
  /**
   * Rejects calls and bodies in progress with a `TypeError`, releases their resources, and closes every connection.
   * Later calls reject too.
   */
  readonly close: () => Promise<void>
}

/**
 * Makes a `fetch` over the `HttpClient` in the context, which may be `FetchHttpClient.layer`, `UndiciTransport.layer`,
 * or a script in a test. It works for as long as that client does.
 *
 * Invalid options throw a `RangeError` that names the option.
 *
 * ```ts import.meta.vitest
 * import { ResilientFetch } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const fetch = yield* ResilientFetch.make({ baseUrl: "https://api.example.com" })
 *   return yield* Effect.promise(() => fetch("/stock").then((response) => response.json()))
 * })
 *
 * const Test = TestTransport.layer([
 *   TestTransport.respond(503, { headers: { "retry-after-ms": "1" } }),
 *   TestTransport.json(200, { left: 3 })
 * ])
 * await Effect.runPromise(program.pipe(Effect.provide(Test))) // => { left: 3 }
 * ```
 */
export const make = <const O extends HttpPolicy.Options = {}>(
  options?: O & HttpPolicy.Exact<O>
): Effect.Effect<Fetch, never, HttpClient.HttpClient> =>
  Effect.flatMap(
    ResilientHttpClient.make<HttpPolicy.Options>(options),
    (client) => Effect.map(fetcher(client, options ?? {}), ({ fetch }) => fetch)
  )

/** The options of {@link createFetch}: those of a policy, and the `fetch` below it. */
export interface Options extends HttpPolicy.Options {
  /** The `fetch` that sends the requests. Default: the platform's, at the time {@link createFetch} is called. */
  readonly fetch?: Fetch | undefined
}

/**
 * Makes a `fetch` for a program without Effect, over the `fetch` of the platform: Node, Bun, Deno, workers and
 * browsers. `UndiciFetch.createFetch` is the same over connection pools of its own, on Node.
 *
 * It logs nothing and sends no trace headers. Use `retry.onRetry` to see every retry.
 *
 * Invalid options throw a `RangeError` that names the option.
 *
 * ```ts import.meta.vitest
 * import { ResilientFetch } from "@holdfast/http"
 *
 * let asked = 0
 * await using fetch = ResilientFetch.createFetch({
 *   retry: { times: 2 },
 *   // Leave this out to ask the network.
 *   fetch: async () => new Response("in stock", { status: ++asked === 1 ? 503 : 200, headers: { "retry-after-ms": "1" } })
 * })
 *
 * const response = await fetch("https://api.example.com/stock/42")
 * await response.text() // => "in stock"
 * asked // => 2
 * ```
 */
export const createFetch = (options: Options = {}): ClosableFetch => {
  const { fetch: platform = globalThis.fetch, ...policy } = read("ResilientFetch.createFetch", options)
  const made = Effect.flatMap(ResilientHttpClient.make<HttpPolicy.Options>(policy), (client) => fetcher(client, policy))
  const over = made.pipe(Effect.provide(FetchHttpClient.layer), withoutEffect(platform))
  return closable(Effect.runSync(over), () => Promise.resolve())
}
