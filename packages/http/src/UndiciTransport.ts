/**
 * The transport for Node: Effect's `HttpClient` on undici's connections, with bounds on every wait and failures that say
 * what happened.
 *
 * undici's pool queues without bound when it is full and keeps every connection that it has opened, and its clients
 * above `dispatch` add an `AbortSignal`, a Node stream and two promises to each request. Here the connections are pooled
 * in front of a bounded queue, and driven by a handler of our own: a request suspends its fiber once, a body of up to
 * 64 KiB never holds its connection, and interrupting a request or closing the layer leaves no socket, timer or listener
 * behind.
 *
 * When it hurts: connections are kept open, so a server that must see a new one for each request (load balancing by
 * connection) needs `keepAlive` at a few milliseconds. Upgrades (WebSocket) are refused: use the platform's client.
 *
 * The body of a response that is larger than 64 KiB and not read to its end is cancelled when the `Scope` in which the
 * request was made closes, or when the response is garbage collected.
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

/** The transport: the client, and what its pools are doing. */
export class UndiciTransport extends Context.Service<UndiciTransport, {
  readonly client: HttpClient.HttpClient
  readonly stats: Effect.Effect<Stats>
  /** The stats now, and whenever they have changed, at most once a turn of the event loop. */
  readonly statsChanges: Stream.Stream<Stats>
}>()("@holdfast/http/UndiciTransport") {}

/**
 * Makes a transport. Closing the scope lets what is under way end, for as long as `gracePeriod` says; then it fails and
 * every connection is destroyed.
 *
 * Throws a `RangeError` for options that cannot be right.
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

/** Bun puts a client of its own in the place of undici's, which has no `dispatch`. */
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
 * Provides `HttpClient` on connection pools of its own, and `UndiciTransport` for their stats.
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
 * {@link layer} with options from `Config`. Without `proxy`, the proxies are those that `HTTP_PROXY`, `HTTPS_PROXY` and
 * `NO_PROXY` name, as {@link proxyConfig} reads them.
 *
 * Options that cannot be right are a `ConfigError`.
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

/** What is wrong with a value that a file or the environment gave is an error, and no defect. */
const orConfigError = <A, R>(self: Effect.Effect<A, never, R>): Effect.Effect<A, Config.ConfigError, R> =>
  Effect.catchDefect(self, (defect) =>
    defect instanceof RangeError
      ? Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message: defect.message, cause: defect })))
      : Effect.die(defect))

/**
 * The proxies of the environment, for `proxy` of {@link Options}: `HTTP_PROXY` for http, `HTTPS_PROXY` for https, but for
 * the hosts of `NO_PROXY`. Each may be in lower case, which is read first. An address without a scheme is one with http.
 */
export const proxyConfig: Config.Config<ProxyRules | undefined> = proxies

/**
 * Sets gauges from the stats of the transport, `every` so often: `http.client.open_connections` (by
 * `http.connection.state`), `http.client.active_requests` and `holdfast.http.pending_requests`, each by origin. Without
 * this layer nothing is done for them. `every` defaults to 10 seconds.
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
  // The boundary between the parts of a form is undici's to choose.
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
