/**
 * `ResilientFetch.createFetch` for Node, over its own connection pools.
 *
 * **When to use**
 *
 * Use it on Node where a library takes a `fetch` and the bounds of the connections matter: how many there are, and how
 * long a request may wait for one.
 *
 * **Details**
 *
 * `UndiciTransport` replaces the platform's fetch, so every wait is bounded and every failure has a reason. A URL that
 * is not HTTP, such as `data:`, goes to the platform's fetch.
 *
 * **Gotchas**
 *
 * This module needs Node; elsewhere, use `ResilientFetch`. Close the `fetch` when you are done, because the pools keep
 * their connections open.
 *
 * **Example**
 *
 * See {@link createFetch}.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as Scope from "effect/Scope"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { closable, fetcher, withoutEffect } from "./internal/fetch/create.ts"
import { bothOptions } from "./internal/undici/bothOptions.ts"
import type { ClosableFetch } from "./ResilientFetch.ts"
import * as ResilientHttpClient from "./ResilientHttpClient.ts"
import * as UndiciTransport from "./UndiciTransport.ts"

/** The options of {@link createFetch}: those of a policy, and those of its transport. */
export interface Options extends HttpPolicy.Options {
  /** The bounds of the connection pools. Default: those of `UndiciTransport`. */
  readonly transport?: UndiciTransport.Options | undefined
}

/**
 * Makes a `fetch` with its own connection pools. `close` ends the requests in progress and closes every connection.
 *
 * Invalid options throw a `RangeError` that names the option.
 *
 * ```ts import.meta.vitest
 * import * as UndiciFetch from "@holdfast/http/UndiciFetch"
 *
 * await using fetch = UndiciFetch.createFetch({ retry: { times: 2 }, transport: { connections: 20 } })
 *
 * // What is not HTTP goes to the fetch of the platform.
 * const response = await fetch("data:,in%20stock")
 * await response.text() // => "in stock"
 * ```
 */
export const createFetch = (options: Options = {}): ClosableFetch => {
  const { policy, transport } = bothOptions<UndiciTransport.Options, Options>("UndiciFetch.createFetch", options)
  const scope = Scope.makeUnsafe()
  const made = Effect.gen(function*() {
    const { client } = yield* Scope.provide(UndiciTransport.make(transport), scope)
    const resilient = yield* Effect.provideService(
      ResilientHttpClient.make<HttpPolicy.Options>(policy),
      HttpClient.HttpClient,
      client
    )
    return yield* fetcher(resilient, policy, true)
  })
  return closable(
    Effect.runSync(withoutEffect(globalThis.fetch)(made)),
    () => Effect.runPromise(Scope.close(scope, Exit.void))
  )
}
