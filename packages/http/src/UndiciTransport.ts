/**
 * The transport for Node: Effect's `HttpClient` on undici's connections. Every wait is bounded, and every failure has a
 * reason.
 *
 * undici's pool queues without bound when it is full and keeps every connection that it has opened. Its APIs above
 * `dispatch` add an `AbortSignal`, a Node stream and two promises to each request. Here the connections are pooled
 * behind a bounded queue and driven by a handler of our own: a request suspends its fiber once, a body of up to 64 KiB
 * never holds its connection, and interrupting a request or closing the layer leaves no socket, timer or listener
 * behind.
 *
 * When it hurts: connections are kept open. If a server needs a new connection for each request (load balancing by
 * connection), set `keepAlive` to a few milliseconds. Upgrades (WebSocket) are rejected: use the platform's client.
 *
 * If a response is larger than 64 KiB and not read to its end, its body is cancelled when the `Scope` of the request
 * closes, or when the response is garbage collected.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { Client } from "undici"
import { ConnectionReset } from "./HttpFailure.ts"
import { positiveMillis } from "./internal/argument.ts"
import { isTraced, traced } from "./internal/call/span.ts"
import { Connector, type Route } from "./internal/undici/connect/connector.ts"
import { proxies } from "./internal/undici/connect/environment.ts"
import { encodeError, Exchange, type Limits, notSent } from "./internal/undici/exchange/exchange.ts"
import { bodyOf, UploadFailure } from "./internal/undici/exchange/requestBody.ts"
import type { Options, ProxyOptions, ProxyRules, Stats } from "./internal/undici/options.ts"
import { PoolMetrics } from "./internal/undici/pool/metrics.ts"
import { Pools } from "./internal/undici/pool/pools.ts"
import { settingsOf } from "./internal/undici/settings.ts"
import { InvalidTarget, type Target } from "./internal/undici/target.ts"
import { TransportTimeouts } from "./TransportTimeouts.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

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
      (pools) => close(pools, gracePeriod)
    ),
    (pools) => ({
      client: HttpClient.makeWith<never, never, Failure, never>(
        Effect.flatMap((request) => send(pools, limits, request)),
        Effect.succeed
      ),
      stats: Effect.sync(() => pools.stats()),
      statsChanges: pools.changes
    })
  )
}

/** Bun replaces undici with a client of its own, which has no `dispatch`. */
const refuseOtherRuntimes = (): void => {
  if (typeof Client.prototype.dispatch === "function") return
  throw new Error("UndiciTransport needs undici, which this runtime replaces: use FetchHttpClient.layer of effect/http")
}

const close = (pools: Pools, gracePeriod: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    pools.close()
    const drained = Effect.interruptible(Effect.timeoutOption(pools.drained, gracePeriod))
    const destroy = Effect.promise(() => pools.destroy())
    return gracePeriod === 0 ? destroy : Effect.andThen(drained, destroy)
  })

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
  >
): Layer.Layer<HttpClient.HttpClient | UndiciTransport, Config.ConfigError> =>
  Layer.effectContext(
    Effect.flatMap(Config.all([Config.unwrap(options), proxyConfig]), ([given, proxy]) =>
      Effect.map(
        orConfigError(Effect.suspend(() => make(given.proxy === undefined ? { ...given, proxy } : given))),
        provides
      ))
  )

/** An invalid value from a file or the environment is an error, not a defect. */
const orConfigError = <A, R>(self: Effect.Effect<A, never, R>): Effect.Effect<A, Config.ConfigError, R> =>
  Effect.catchDefect(self, (defect) =>
    defect instanceof RangeError
      ? Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: defect.message, cause: defect })))
      : Effect.die(defect))

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
  options?: { readonly every?: Duration.Input | undefined }
): Layer.Layer<never, never, UndiciTransport> => {
  const every = positiveMillis("UndiciTransport.layerMetrics", "every", options?.every ?? "10 seconds")
  return Layer.effectDiscard(
    Effect.flatMap(UndiciTransport, ({ stats }) => {
      const metrics = new PoolMetrics()
      const record = Effect.flatMap(stats, (stats) => metrics.record(stats))
      return Effect.forkScoped(Effect.forever(Effect.andThen(record, Effect.sleep(every))), { startImmediately: true })
    })
  )
}

const provides = (
  transport: UndiciTransport["Service"]
): Context.Context<HttpClient.HttpClient | UndiciTransport> =>
  Context.add(Context.make(UndiciTransport, transport), HttpClient.HttpClient, transport.client)

const send = (pools: Pools, limits: Limits, request: Request): Effect.Effect<Response, Failure> =>
  Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => {
    if (request.headers["upgrade"] !== undefined) return refuseUpgrade(request)
    const target = pools.targets.of(request)
    if (target instanceof InvalidTarget) return invalidUrl(request, target.cause)
    return isTraced(fiber, request)
      ? traced(
        fiber,
        request,
        target,
        (headers, span) =>
          exchange(pools, limits, request, target, headers, Context.add(fiber.context, Tracer.ParentSpan, span))
      )
      : exchange(pools, limits, request, target, request.headers, fiber.context)
  })

const exchange = (
  pools: Pools,
  limits: Limits,
  request: Request,
  target: Target,
  headers: Readonly<Record<string, string>>,
  context: Context.Context<never>
): Effect.Effect<Response, Failure> =>
  Effect.callback((resume) => {
    const body = bodyOf(request, context)
    if (body instanceof UploadFailure) return resume(Effect.fail(encodeError(request, body.message)))
    if (pools.isClosing) return resume(Effect.fail(notSent(request, new ConnectionReset({ code: "UND_ERR_CLOSED" }))))
    const { origin, path } = target
    const pool = pools.of(origin)
    const { forward } = pool.route
    const scope = Context.getOrUndefined(context, Scope.Scope)
    const options = {
      method: request.method,
      path: forward === undefined ? path : origin.url + path,
      headers: sentHeaders(request, headers, forward),
      body,
      ...(!Context.get(context, TransportTimeouts) && withoutTimeouts)
    }
    const one = new Exchange(request, options, target, limits, scope, resume)
    pool.send(one, context)
    return Effect.sync(() => {
      pool.forget(one)
      one.cancel()
    })
  })

/** undici takes 0 for no timeout. */
const withoutTimeouts = { headersTimeout: 0, bodyTimeout: 0 }

const sentHeaders = (
  request: Request,
  headers: Readonly<Record<string, string>>,
  forward: Route["forward"]
): Readonly<Record<string, string>> => {
  const own = forward === undefined ? headers : { ...forward, ...headers }
  // undici chooses the boundary between the parts of a form, and sets `content-type` to match.
  return isForm(request.body) ? Headers.remove(Headers.fromInput(own), "content-type") : own
}

const isForm = (body: Request["body"]): boolean =>
  body._tag === "FormData" || (body._tag === "Raw" && body.body instanceof FormData)

const refuseUpgrade = (request: Request): Effect.Effect<never, Failure> =>
  Effect.fail(
    encodeError(request, "UndiciTransport does not upgrade connections: use NodeHttpClient or a WebSocket client")
  )

const invalidUrl = (request: Request, cause: unknown): Effect.Effect<never, Failure> =>
  Effect.fail(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.InvalidUrlError({
        request,
        cause,
        description: "The URL must be absolute, with http or https"
      })
    })
  )
