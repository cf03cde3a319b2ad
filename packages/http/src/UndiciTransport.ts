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
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { ConnectionOptions } from "node:tls"
import { ConnectionReset } from "./HttpFailure.ts"
import { positiveMillis } from "./internal/argument.ts"
import { isTraced, traced } from "./internal/call/span.ts"
import { Connector, type Route } from "./internal/undici/connector.ts"
import { encodeError, Exchange, notSent } from "./internal/undici/exchange.ts"
import { PoolMetrics } from "./internal/undici/metrics.ts"
import { Pools } from "./internal/undici/pools.ts"
import { bodyOf, UploadFailure } from "./internal/undici/requestBody.ts"
import { settingsOf } from "./internal/undici/settings.ts"
import { InvalidTarget, type Target } from "./internal/undici/target.ts"
import { TransportTimeouts } from "./TransportTimeouts.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/**
 * The bounds of the transport. undici counts the timeouts of heads and bodies in steps of half a second, so they come up to a
 * second late and never within one: for a finer bound there is `timeouts.attempt` of the policy.
 */
export interface Options {
  /** How many connections to one origin (scheme, host and port) may be open at once. Defaults to 100. */
  readonly connections?: number | undefined
  /**
   * How many of them are kept when no request uses them; those beyond are closed as they fall idle, the longest idle
   * first. Defaults to 20, or to `connections` if that is less.
   */
  readonly idleConnections?: number | undefined
  /**
   * How many connections may be open at once in all, over every origin. When all are in use, the one that falls free
   * next goes to the request that has waited longest, whatever its origin. Defaults to no bound but `connections`.
   */
  readonly maxConnections?: number | undefined
  /**
   * How long an idle connection is kept for the next request. A server that announces less with `Keep-Alive: timeout`
   * is believed, less 2 seconds for what is on its way. Defaults to 30 seconds.
   */
  readonly keepAlive?: Duration.Input | undefined
  /** How long it is kept at most when the server announces more than `keepAlive`. Defaults to `keepAlive`. */
  readonly keepAliveMax?: Duration.Input | undefined
  /** How long opening a connection may take, TLS included; then `ConnectTimeout`. Defaults to 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * How long the head of a response may take after the request; then `HeadersTimeout`. `TransportTimeouts` turns this and
   * `bodyTimeout` off for one call. Defaults to 5 minutes.
   */
  readonly headersTimeout?: Duration.Input | undefined
  /** How long the body may make no progress while it is read; then `BodyTimeout`. Defaults to 5 minutes. */
  readonly bodyTimeout?: Duration.Input | undefined
  /** How long a request waits for a connection when all are in use; then `PoolTimeout`. Defaults to 10 seconds. */
  readonly poolWait?: Duration.Input | undefined
  /** How many requests to one origin may wait at once; the next fails with `PoolTimeout`. Defaults to 1,000. */
  readonly poolQueue?: number | undefined
  /**
   * How long what is under way when the layer closes may take to end. Requests made in that time fail at once. Then
   * every connection is destroyed. 0 destroys them at once. Defaults to 5 seconds.
   */
  readonly gracePeriod?: Duration.Input | undefined
  /**
   * Whether to speak HTTP/2 with servers that offer it (ALPN, so over https alone). `connections` is then the number of
   * requests under way at once, and they share one connection, or as few as the server's limit on streams allows: what
   * breaks the connection breaks all of them. The first request to an origin finds out, and others wait for it as they
   * wait for a connection. Defaults to `false`.
   */
  readonly http2?: boolean | undefined
  /** What Node's `tls.connect` takes: certificates, keys, trust. Defaults to Node's own. */
  readonly tls?: TlsOptions | undefined
  /** The path of a unix socket (or a named pipe of Windows) to open instead of host and port. Defaults to none. */
  readonly socketPath?: string | undefined
  /** A proxy for every request. Defaults to none. */
  readonly proxy?: ProxyOptions | undefined
}

/** The options of `tls.connect`, but those that the transport itself sets. */
export type TlsOptions = Omit<ConnectionOptions, "host" | "path" | "port" | "socket" | "timeout">

/**
 * A proxy as undici's `ProxyAgent` uses it: https goes through a tunnel (`CONNECT`), http is forwarded by the proxy.
 *
 * A proxy that refuses a request (407, 403) is a `ProtocolError` with a code like `PROXY_407`, one that cannot reach the
 * origin (502) a `ConnectRefused` with `PROXY_502`; in both cases nothing of the request was sent to the origin.
 */
export interface ProxyOptions {
  /** Where it is, with http or https. A name and password in it are used unless there are others below. */
  readonly url: string | URL | Redacted.Redacted
  /** What `Proxy-Authorization` says, as in `Bearer ...`. Defaults to name and password. */
  readonly token?: Redacted.Redacted | undefined
  readonly username?: string | undefined
  /** Defaults to an empty one. */
  readonly password?: Redacted.Redacted | undefined
  /** Headers for the proxy alone. Defaults to none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** Whether http goes through a tunnel as well. Defaults to `false`. */
  readonly tunnel?: boolean | undefined
  /** What `tls.connect` takes for a proxy with https. Defaults to Node's own. */
  readonly tls?: TlsOptions | undefined
}

/** The connections and requests of one origin. */
export interface OriginStats {
  /** Open connections. */
  readonly connected: number
  /** Open connections that no request uses. */
  readonly free: number
  /** Requests that wait for a connection. */
  readonly pending: number
  /** Exchanges under way: from the hand-over to a connection to the last byte of the body. */
  readonly running: number
}

/** The sums over all origins, and each origin by itself. */
export interface Stats extends OriginStats {
  readonly origins: Readonly<Record<string, OriginStats>>
}

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
  const { bounds, client, dialing, gracePeriod, maxConnections } = settingsOf(options)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Pools(new Connector(dialing), client, bounds, maxConnections)),
      (pools) => close(pools, gracePeriod)
    ),
    (pools) => ({
      client: HttpClient.makeWith<never, never, Failure, never>(
        Effect.flatMap((request) => send(pools, request)),
        Effect.succeed
      ),
      stats: Effect.sync(() => pools.stats()),
      statsChanges: pools.changes
    })
  )
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

/** {@link layer} with options from `Config`. */
export const layerConfig = (
  options: Config.Wrap<Omit<Options, "tls">>
): Layer.Layer<HttpClient.HttpClient | UndiciTransport, Config.ConfigError> =>
  Layer.effectContext(Effect.flatMap(Config.unwrap(options), (options) => Effect.map(make(options), provides)))

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

const send = (pools: Pools, request: Request): Effect.Effect<Response, Failure> =>
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
          exchange(pools, request, target, headers, Context.add(fiber.context, Tracer.ParentSpan, span))
      )
      : exchange(pools, request, target, request.headers, fiber.context)
  })

const exchange = (
  pools: Pools,
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
    const one = new Exchange(request, options, target, scope, resume)
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
