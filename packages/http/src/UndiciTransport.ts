/**
 * The transport for Node: Effect's `HttpClient` on undici's connection pools, with bounds on every wait and failures
 * that say what happened.
 *
 * undici's pool alone queues without bound when it is full, and its clients above `dispatch` add an `AbortSignal`, a
 * Node stream and two promises to each request. Here the pool is driven by a handler of our own: a request suspends its
 * fiber once, a body of up to 64 KiB never holds its connection, and interrupting a request or closing the layer
 * leaves no socket, timer or listener behind.
 *
 * When it hurts: connections are kept open, so a server that must see a new one for each request (load balancing by
 * connection) needs `keepAlive` at a few milliseconds. Upgrades (WebSocket) are refused: use the platform's client.
 *
 * The body of a response that is larger than 64 KiB and not read to its end is cancelled when the `Scope` in which the
 * request was made closes, or when the response is garbage collected.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Url from "effect/http/Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { ConnectionOptions } from "node:tls"
import type { Pool } from "undici"
import * as HttpFailure from "./HttpFailure.ts"
import { atLeast, positiveMillis } from "./internal/argument.ts"
import { transportError } from "./internal/bodyResponse.ts"
import { isTraced, traced } from "./internal/clientSpan.ts"
import { Exchange } from "./internal/exchange.ts"
import type { Bounds } from "./internal/originPool.ts"
import { OriginPool } from "./internal/originPool.ts"
import { PoolMetrics } from "./internal/poolMetrics.ts"
import { bodyOf } from "./internal/requestBody.ts"
import { UndiciResponse } from "./internal/undiciResponse.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** The bounds of the transport. undici counts timeouts above a second in steps of half a second. */
export interface Options {
  /** How many connections to one origin (scheme, host and port) may be open at once. Defaults to 100. */
  readonly connections?: number | undefined
  /**
   * How long an idle connection is kept for the next request. A server that announces less with `Keep-Alive: timeout`
   * is believed. Defaults to 30 seconds.
   */
  readonly keepAlive?: Duration.Input | undefined
  /** How long opening a connection may take, TLS included; then `ConnectTimeout`. Defaults to 10 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long the head of a response may take after the request; then `HeadersTimeout`. Defaults to 5 minutes. */
  readonly headersTimeout?: Duration.Input | undefined
  /** How long the body may make no progress while it is read; then `BodyTimeout`. Defaults to 5 minutes. */
  readonly bodyTimeout?: Duration.Input | undefined
  /** How long a request waits for a connection when all are in use; then `PoolTimeout`. Defaults to 10 seconds. */
  readonly poolWait?: Duration.Input | undefined
  /** How many requests to one origin may wait at once; the next fails with `PoolTimeout`. Defaults to 1,000. */
  readonly poolQueue?: number | undefined
  /** What Node's `tls.connect` takes: certificates, keys, trust. Defaults to Node's own. */
  readonly tls?: TlsOptions | undefined
}

/** The options of `tls.connect`, but those that the transport itself sets. */
export type TlsOptions = Omit<ConnectionOptions, "host" | "path" | "port" | "socket" | "timeout">

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
}>()("@holdfast/http/UndiciTransport") {}

/**
 * Makes a transport. Closing the scope fails what is under way and destroys every connection.
 *
 * Throws a `RangeError` for a bound that cannot be right.
 */
export const make = (options: Options = {}): Effect.Effect<UndiciTransport["Service"], never, Scope.Scope> => {
  const { bounds, poolOptions } = settings(options)
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Pools(poolOptions, bounds)),
      (pools) => Effect.promise(() => pools.destroy())
    ),
    (pools) => ({
      client: HttpClient.makeWith<never, never, Failure, never>(
        Effect.flatMap((request) => send(pools, request)),
        Effect.succeed
      ),
      stats: Effect.sync(() => pools.stats())
    })
  )
}

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

const settings = (options: Options): { readonly bounds: Bounds; readonly poolOptions: Pool.Options } => {
  const millis = (name: string, value: Duration.Input) => positiveMillis("UndiciTransport.make", name, value)
  const count = (name: string, least: number, value: number) => atLeast("UndiciTransport.make", name, least, value)
  const connections = count("connections", 1, options.connections ?? 100)
  const keepAlive = millis("keepAlive", options.keepAlive ?? "30 seconds")
  return {
    bounds: {
      connections,
      poolWait: Duration.millis(millis("poolWait", options.poolWait ?? "10 seconds")),
      poolQueue: count("poolQueue", 0, options.poolQueue ?? 1000)
    },
    poolOptions: {
      connections,
      // One exchange a connection: what undici calls pipelining makes one slow answer hold up the next.
      pipelining: 1,
      // A pool of n connections is n exchanges at once. Over HTTP/2 it would be one connection, lost all at once.
      allowH2: false,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAlive,
      headersTimeout: millis("headersTimeout", options.headersTimeout ?? "5 minutes"),
      bodyTimeout: millis("bodyTimeout", options.bodyTimeout ?? "5 minutes"),
      connect: { ...options.tls, timeout: millis("connectTimeout", options.connectTimeout ?? "10 seconds") }
    }
  }
}

class Pools {
  private readonly origins = new Map<string, OriginPool>()
  private readonly options: Pool.Options
  private readonly bounds: Bounds
  private closed = false

  constructor(options: Pool.Options, bounds: Bounds) {
    this.options = options
    this.bounds = bounds
  }

  of(origin: string): OriginPool {
    const known = this.origins.get(origin)
    if (known !== undefined) return known
    const made = new OriginPool(origin, this.options, this.bounds, (idle) => {
      // An origin that nobody talks to any more is forgotten with its last connection.
      if (this.closed) return
      this.origins.delete(origin)
      void idle.pool.close()
    })
    this.origins.set(origin, made)
    return made
  }

  stats(): Stats {
    const origins: Record<string, OriginStats> = {}
    const sum = { connected: 0, free: 0, pending: 0, running: 0 }
    for (const [origin, pool] of this.origins) {
      const stats = origins[origin] = pool.stats
      sum.connected += stats.connected
      sum.free += stats.free
      sum.pending += stats.pending
      sum.running += stats.running
    }
    return { ...sum, origins }
  }

  destroy(): Promise<unknown> {
    this.closed = true
    return Promise.all(Array.from(this.origins.values(), ({ pool }) => pool.destroy()))
  }
}

const send = (pools: Pools, request: Request): Effect.Effect<Response, Failure> =>
  Effect.withFiber((fiber: Fiber.Fiber<unknown, unknown>) => {
    if (request.headers["upgrade"] !== undefined) return refuseUpgrade(request)
    const url = Url.make(request.url, request.urlParams, Option.getOrUndefined(request.hash))
    if (Result.isFailure(url)) return invalidUrl(request, url.failure)
    if (url.success.protocol !== "http:" && url.success.protocol !== "https:") return invalidUrl(request, undefined)
    return isTraced(fiber, request)
      ? traced(fiber, request, url.success, (request) => exchange(pools, request, url.success, fiber.context))
      : exchange(pools, request, url.success, fiber.context)
  })

const exchange = (
  pools: Pools,
  request: Request,
  url: URL,
  context: Context.Context<never>
): Effect.Effect<Response, Failure> =>
  Effect.callback((resume) => {
    const scope = Context.getOrUndefined(context, Scope.Scope)
    const origin = pools.of(url.origin)
    const options = {
      method: request.method,
      path: url.pathname + url.search,
      headers: request.headers,
      body: bodyOf(request, context)
    }
    const one = new Exchange(request, options, origin, (exchange, failure) => {
      if (failure !== undefined) return resume(Effect.fail(failure))
      const response = new UndiciResponse(exchange, url.href)
      resume(
        scope === undefined || exchange.isOver
          ? Effect.succeed(response)
          : Effect.as(exchange.attach(scope), response)
      )
    })
    origin.send(one, context, (reason) => {
      const failure = new HttpFailure.HttpFailure({ reason, phase: "pool", requestWritten: false })
      resume(Effect.fail(transportError(request, failure)))
    })
    return Effect.sync(() => {
      if (!origin.forget(one)) one.cancel()
    })
  })

const refuseUpgrade = (request: Request): Effect.Effect<never, Failure> =>
  Effect.fail(
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.EncodeError({
        request,
        description: "UndiciTransport does not upgrade connections: use NodeHttpClient or a WebSocket client"
      })
    })
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
