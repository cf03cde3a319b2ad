/**
 * The transport for Node: Effect's `HttpClient` on undici's connections. Every wait is bounded, and every failure has a
 * reason.
 *
 * **When to use**
 *
 * undici's pool queues without bound when it is full and keeps every connection that it has opened. Its APIs above
 * `dispatch` add an `AbortSignal`, a Node stream and two promises to each request. Use this transport on Node in place
 * of `FetchHttpClient` and of clients over those APIs.
 *
 * **Details**
 *
 * The connections are pooled behind a bounded queue and driven by a handler of our own: a request suspends its fiber
 * once, a body of up to 64 KiB never holds its connection, and interrupting a request or closing the layer leaves no
 * socket, timer or listener behind. If a response is larger than 64 KiB and not read to its end, its body is cancelled
 * when the `Scope` of the request closes, or when the response is garbage collected.
 *
 * **Gotchas**
 *
 * Connections are kept open. If a server needs a new connection for each request (load balancing by connection), set
 * `keepAlive` to a few milliseconds. Upgrades (WebSocket) are rejected: use the platform's client.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Client } from "undici"
import { listens } from "./internal/telemetry/policySpan.ts"
import { timer } from "./internal/timer.ts"
import { Connector } from "./internal/undici/connect/connector.ts"
import { proxies } from "./internal/undici/connect/environment.ts"
import type { Options, ProxyOptions, ProxyRules, Stats } from "./internal/undici/options.ts"
import { PoolMetrics } from "./internal/undici/pool/metrics.ts"
import { closing, Pools } from "./internal/undici/pool/pools.ts"
import { send, sendIn } from "./internal/undici/send.ts"
import { settingsOf } from "./internal/undici/settings.ts"

export type {
  Addresses,
  Options,
  OriginStats,
  ProxyOptions,
  ProxyRules,
  Stats,
  TlsOptions
} from "./internal/undici/options.ts"

/** The transport: the client, and the statistics of its pools. */
export class UndiciTransport extends Context.Service<UndiciTransport, {
  readonly client: HttpClient.HttpClient
  readonly stats: Effect.Effect<Stats>
  /** The stats now, and after every change, at most once per turn of the event loop. */
  readonly statsChanges: Stream.Stream<Stats>
}>()("@holdfast/http/UndiciTransport") {}

/**
 * Makes a transport. When the scope closes, requests in progress have `gracePeriod` to end; then they fail and every
 * connection is destroyed.
 *
 * Throws a `RangeError` for invalid options.
 */
export const make = (options: Options = {}): Effect.Effect<UndiciTransport["Service"], never, Scope.Scope> => {
  refuseOtherRuntimes()
  const { bounds, client, dialing, gracePeriod, limits, maxConnections } = settingsOf(options)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Pools(new Connector(dialing), client, bounds, maxConnections)),
      (pools) => closing(pools, gracePeriod)
    ),
    (pools) => ({
      client: listens(
        HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
          Effect.flatMap((request) => send(pools, limits, request)),
          Effect.succeed
        ),
        (fiber, request, told) => sendIn(fiber, pools, limits, request, undefined, told)
      ),
      stats: Effect.sync(() => pools.stats()),
      statsChanges: pools.changes
    })
  )
}

/** Bun replaces undici with a client of its own, which has no `dispatch`. */
const refuseOtherRuntimes = (): void => {
  if (typeof Client.prototype.dispatch === "function") return
  throw new Error(
    "UndiciTransport needs undici, which this runtime replaces: bundle undici with the program, or use FetchHttpClient.layer"
  )
}

/**
 * Provides `HttpClient` on its own connection pools, and `UndiciTransport` for their stats.
 *
 * ```ts import.meta.vitest
 * import { UndiciTransport } from "@holdfast/http"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const transport = yield* UndiciTransport.UndiciTransport
 *   return yield* transport.stats
 * })
 *
 * const stats = await Effect.runPromise(program.pipe(Effect.provide(UndiciTransport.layer({ connections: 20 }))))
 * stats // => { connected: 0, free: 0, pending: 0, running: 0, origins: {} }
 * ```
 */
export const layer = (options?: Options): Layer.Layer<HttpClient.HttpClient | UndiciTransport> =>
  Layer.effectContext(Effect.map(make(options), provides))

/**
 * {@link layer} with options from `Config`. Default for `proxy`: the proxies in `HTTP_PROXY`, `HTTPS_PROXY` and
 * `NO_PROXY`, as {@link proxyConfig} reads them.
 *
 * Fails with a `ConfigError` for invalid options.
 */
export const layerConfig = (
  options: Config.Wrap<
    Omit<Options, "addresses" | "proxy" | "tls"> & { readonly proxy?: ProxyOptions | undefined }
  > = {}
): Layer.Layer<HttpClient.HttpClient | UndiciTransport, Config.ConfigError> =>
  Layer.effectContext(
    Effect.flatMap(Config.all([Config.unwrap(options), proxyConfig]), ([given, proxy]) =>
      Effect.map(
        Arguments.orConfigError(Effect.suspend(() => make(given.proxy === undefined ? { ...given, proxy } : given))),
        provides
      ))
  )

/**
 * The proxies of the environment, for `proxy` of {@link Options}: `HTTP_PROXY` for http and `HTTPS_PROXY` for https,
 * except for the hosts in `NO_PROXY`. Lower-case names work too, and win. An address without a scheme is taken as http.
 */
export const proxyConfig: Config.Config<ProxyRules | undefined> = proxies

/**
 * Sets gauges from the transport's stats at the interval `every`: `http.client.open_connections` (by
 * `http.connection.state`), `http.client.active_requests` and `holdfast.http.pending_requests`, each by origin. Without
 * this layer the gauges cost nothing. Default for `every`: 10 seconds.
 *
 * ```ts import.meta.vitest
 * import { UndiciTransport } from "@holdfast/http"
 * import { Effect, Layer } from "effect"
 *
 * const HttpLive = Layer.provideMerge(UndiciTransport.layerMetrics({ every: "5 seconds" }), UndiciTransport.layer())
 *
 * await Effect.runPromise(Effect.succeed("measured").pipe(Effect.provide(HttpLive))) // => "measured"
 * ```
 */
export const layerMetrics = (
  options?: { readonly every?: Arguments.DurationInput | undefined }
): Layer.Layer<never, never, UndiciTransport> => {
  const { every } = Arguments.check("UndiciTransport.layerMetrics", metricsOptions, options ?? {})
  return Layer.effectDiscard(
    Effect.flatMap(UndiciTransport, ({ stats }) => {
      const metrics = new PoolMetrics()
      const record = Effect.flatMap(stats, (stats) => metrics.record(stats))
      return Effect.forkScoped(Effect.forever(Effect.andThen(record, Effect.sleep(every))), { startImmediately: true })
    })
  )
}

const metricsOptions = Arguments.struct({ every: Arguments.optional(timer, 10_000) })

const provides = (
  transport: UndiciTransport["Service"]
): Context.Context<HttpClient.HttpClient | UndiciTransport> =>
  Context.add(Context.make(UndiciTransport, transport), HttpClient.HttpClient, transport.client)
