/**
 * The resilient client as a `Dispatcher` of undici, for programs that are built on undici: its `request`, `stream`,
 * `pipeline` and `fetch`, and everything that uses the global dispatcher.
 *
 * **When to use**
 *
 * Use it in a program that calls undici or `fetch` in many places. `setGlobalDispatcher(createDispatcher())` makes all
 * of them resilient, Node's own `fetch` included. New code is better off with `ResilientHttpClient`, or with
 * `UndiciFetch` if you need a `fetch`.
 *
 * **Details**
 *
 * A dispatch is one call under the policy, with all its retries; the handler sees the last response or failure, and no
 * byte of an attempt that was retried. It is told what undici's `Agent` tells, in the same order: interim responses (103
 * Early Hints), trailers, and what of the request was sent, the last for each attempt. Requests go over pools of their own, as those of `UndiciTransport` do. Bodies
 * are handed on as they come, compressed or not: undici's `fetch` decodes them. The handler's `pause`, `resume` and
 * `abort` reach the connection. An error is undici's own where there is one, with its `code`; otherwise a
 * `PolicyError`, or an `HttpFailure` such as `PoolTimeout`. Upgrades (WebSocket) and `CONNECT` are passed to an undici
 * `Agent` over the same addresses, proxies and TLS options, without retries.
 *
 * **Gotchas**
 *
 * undici's `fetch` gives every body as a stream. A body of up to 64 KiB with a `content-length` is read ahead, so that
 * a retry can send it again; a longer one is sent once. The types need `@types/node`, as undici's do.
 *
 * A policy needs these differences from an `Agent`:
 *
 * - `onRequestStart` comes at once, and not when there is a connection: a call begins once, and its attempts may use
 *   several. So it also comes before a failure to connect and before the error of an invalid request.
 * - `onResponseStart` waits for the first 64 KiB of the body or its end, because a body that is cut is retried.
 *   `commit: "head"` hands the head on at once.
 * - `dispatch` always returns `true`: instead of `drain` events there is the pool's bounded queue.
 * - A body that is shorter or longer than its `content-length` is refused before any of it is sent.
 * - A 100 (Continue) that was not requested is skipped, as RFC 9110 section 15.2 says; undici closes the connection.
 * - Header names are sent in lower case, and the values of a repeated header in one line.
 * - A path that is a whole URL is refused: for a proxy, there is `transport.proxy`.
 *
 * **Example**
 *
 * See {@link make} and {@link createDispatcher}.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Scope from "effect/Scope"
import type { Dispatcher } from "undici"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { CurrentDispatch, ResilientDispatcher } from "./internal/dispatcher/dispatcher.ts"
import { upgrading } from "./internal/dispatcher/upgrades.ts"
import { withoutEffect } from "./internal/fetch/create.ts"
import { bothOptions } from "./internal/undici/bothOptions.ts"
import { Connector } from "./internal/undici/connect/connector.ts"
import { closing, Pools } from "./internal/undici/pool/pools.ts"
import { send } from "./internal/undici/send.ts"
import { settingsOf } from "./internal/undici/settings.ts"
import * as ResilientHttpClient from "./ResilientHttpClient.ts"
import type * as UndiciTransport from "./UndiciTransport.ts"

/** The options of a dispatcher: those of a policy, and those of its transport. */
export interface Options extends HttpPolicy.Options {
  /**
   * The bounds of the connection pools. A dispatcher decodes nothing, so there is no `maxDecodedSize`. Default: those of
   * `UndiciTransport`.
   */
  readonly transport?: Omit<UndiciTransport.Options, "maxDecodedSize"> | undefined
}

/**
 * Makes a dispatcher that runs its calls in the context of the program: with its tracer, logger and clock. When the scope
 * closes, requests in progress have the transport's `gracePeriod` to end.
 *
 * Invalid options throw a `RangeError` that names the option.
 *
 * ```ts import.meta.vitest
 * import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const dispatcher = yield* ResilientDispatcher.make({ retry: { times: 3 } })
 *   // yield* Effect.promise(() => request("https://api.example.com/stock/42", { dispatcher }))
 *   return typeof dispatcher.dispatch
 * })
 *
 * await Effect.runPromise(Effect.scoped(program)) // => "function"
 * ```
 */
export const make = (options: Options = {}): Effect.Effect<Dispatcher, never, Scope.Scope> =>
  Effect.flatMap(Effect.flatMap(Effect.scope, Scope.fork), (scope) => inScope(options, scope))

/**
 * Makes a dispatcher for a program without Effect. Its `close` waits for the requests in progress and closes every
 * connection; `destroy` ends them. It logs nothing and sends no trace headers.
 *
 * Invalid options throw a `RangeError` that names the option.
 *
 * ```ts import.meta.vitest
 * import * as ResilientDispatcher from "@holdfast/http/ResilientDispatcher"
 *
 * const dispatcher = ResilientDispatcher.createDispatcher({
 *   retry: { times: 3 },
 *   timeouts: { attempt: "10 seconds" },
 *   transport: { connections: 20 }
 * })
 * // setGlobalDispatcher(dispatcher), or request(url, { dispatcher }), or fetch(url, { dispatcher })
 * await dispatcher.close() // => undefined
 * ```
 */
export const createDispatcher = (options: Options = {}): Dispatcher =>
  Effect.runSync(withoutEffect(globalThis.fetch)(inScope(options, Scope.makeUnsafe())))

const inScope = (options: Options, scope: Scope.Closeable): Effect.Effect<Dispatcher> =>
  Effect.gen(function*() {
    const { policy, transport = {} } = bothOptions<UndiciTransport.Options, Options>(
      "ResilientDispatcher.make",
      options,
      (transport, place) => {
        if (!("maxDecodedSize" in transport)) return
        place.at("maxDecodedSize").fault("must be left out: a dispatcher hands bodies on as they come")
      }
    )
    const { bounds, client, dialing, gracePeriod, limits, maxConnections } = settingsOf(transport)
    const connector = new Connector(dialing)
    const pools = yield* Scope.provide(
      Effect.acquireRelease(
        Effect.sync(() => new Pools(connector, client, bounds, maxConnections)),
        (pools) => closing(pools, gracePeriod)
      ),
      scope
    )
    const upgrades = yield* Scope.provide(
      Effect.acquireRelease(
        Effect.sync(() => upgrading(connector)),
        (agent) => Effect.promise(() => agent.destroy())
      ),
      scope
    )
    const asTheyCome = { ...limits, decodes: false }
    const inner = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
      Effect.flatMap((request) =>
        Effect.flatMap(CurrentDispatch, (dispatched) => send(pools, asTheyCome, request, dispatched))
      ),
      Effect.succeed
    )
    const resilient = yield* Effect.provideService(
      ResilientHttpClient.make<HttpPolicy.Options>(policy),
      HttpClient.HttpClient,
      inner
    )
    const context = yield* Effect.context<never>()
    const close = () => Effect.runPromiseWith(context)(Scope.close(scope, Exit.void))
    return new ResilientDispatcher({ client: resilient, context, upgrades, close })
  })
