/**
 * An `HttpClient` that retries correctly, over any other `HttpClient`: undici, fetch, or a script in a test.
 *
 * **When to use**
 *
 * Use it instead of Effect's `retryTransient`, which counts errors and responses separately (9 requests for
 * `times: 2`), leaves the body of a failed attempt on the connection that the next attempt waits for, repeats POSTs,
 * and sleeps for as long as a `Retry-After` says.
 *
 * **Details**
 *
 * An attempt fails for an error or a transient response, and one policy of `@holdfast/core` retries it if `HttpPolicy`
 * allows it. A status is not an error: when the retries end, you get the last response, its body still readable, or the
 * last transport error. If the policy ends a call, it fails with a `PolicyError`: the cause of an `HttpClientError` under
 * the standard tag. The types of {@link make} and {@link Service} have exactly the reasons of the configured parts.
 *
 * **Gotchas**
 *
 * Nested retries multiply. Above this layer, remove `retryTransient` and set an SDK's `maxRetries` to 0. One of these
 * clients around another throws a `RangeError` if both retry, or logs a warning later if combinators hide the inner one.
 *
 * **Example**
 *
 * See {@link make} and {@link Service}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type { FromReason } from "@holdfast/core/PolicyError"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { transportError } from "./internal/call/bodyResponse.ts"
import { client, type Live, over, overChanges } from "./internal/live/live.ts"

type Failure = HttpClientError.HttpClientError

/** The errors of a policy with the options `O`. Default: those of every part. */
export type PolicyFailure<O = HttpPolicy.Options> = FromReason<HttpPolicy.ReasonOf<O>>

/** A client with the policy that the options `O` describe. */
export type Of<O> = HttpClient.HttpClient.With<Failure | PolicyFailure<O>>

/**
 * The client with `PolicyError` in its error type, whatever the options. To have exactly the reasons of your options,
 * declare a {@link Service}.
 */
export class ResilientHttpClient extends Context.Service<ResilientHttpClient, Of<HttpPolicy.Options>>()(
  "@holdfast/http/ResilientHttpClient"
) {}

/**
 * Makes the client over the `HttpClient` in the context. Throws a `RangeError` that names an invalid option.
 *
 * ```ts import.meta.vitest
 * import { ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { CircuitBreaker } from "@holdfast/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* ResilientHttpClient.make({
 *     retry: false,
 *     circuitBreaker: { trip: CircuitBreaker.consecutive(1) }
 *   })
 *   const get = client.get("http://localhost/stock")
 *   const response = yield* get
 *   // The error channel has `CircuitOpen`, and no other reason.
 *   const rejected = yield* Effect.catchReason(get, "PolicyError", "CircuitOpen", () => Effect.succeed("open"))
 *   return [response.status, rejected]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(TestTransport.layer([TestTransport.respond(503)]))))
 * // => [503, "open"]
 * ```
 */
export const make = <const O extends HttpPolicy.Options = {}>(
  options?: O & HttpPolicy.Exact<O>
): Effect.Effect<Of<O>, never, HttpClient.HttpClient> => Effect.map(over(options), (live) => exact<O>(live))

const exact = <O>(live: Live): Of<O> =>
  // A policy fails only with the reasons of its parts, and the type of the options names those.
  client(live, (error) => error as PolicyFailure<O>)

/** The same client with the error type of the standard `HttpClient`. */
const standard = (live: Live): HttpClient.HttpClient => client(live, (error, request) => transportError(request, error))

const provides = (live: Live): Context.Context<HttpClient.HttpClient | ResilientHttpClient> =>
  Context.add(Context.make(ResilientHttpClient, exact(live)), HttpClient.HttpClient, standard(live))

/**
 * Provides {@link ResilientHttpClient} and the standard `HttpClient`, so that every library that uses one is protected.
 * Needs an `HttpClient` below: `UndiciTransport.layer`, `FetchHttpClient.layer`, or `TestTransport.layer` in tests.
 *
 * ```ts import.meta.vitest
 * import { ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Backoff } from "@holdfast/core"
 * import { Effect, Layer } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const HttpLive = ResilientHttpClient.layer({
 *   baseUrl: "https://api.example.com",
 *   retry: { times: 3, backoff: Backoff.constant({ delay: "1 millis" }) },
 *   timeouts: { attempt: "10 seconds", total: "30 seconds" }
 * }).pipe(
 *   Layer.provide(TestTransport.layer([
 *     TestTransport.fail("ConnectionReset"), TestTransport.respond(503),
 *     TestTransport.json(200, { left: 3 })
 *   ]))
 * )
 *
 * const program = HttpClient.get("/stock").pipe(Effect.flatMap((response) => response.json))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(HttpLive))) // => { left: 3 }
 * ```
 */
export const layer = (
  options?: HttpPolicy.Options
): Layer.Layer<HttpClient.HttpClient | ResilientHttpClient, never, HttpClient.HttpClient> =>
  Layer.effectContext(Effect.map(over(options), provides))

/** Options to read one by one. `HttpPolicyData.options` reads every option that is data. */
export interface ConfigOptions {
  readonly baseUrl?: string | undefined
  readonly bearer?: Redacted.Redacted | undefined
  readonly userAgent?: string | undefined
  readonly retry?: {
    readonly times?: number | undefined
    readonly maxElapsed?: Duration.Duration | undefined
  } | undefined
  readonly timeouts?: {
    readonly attempt?: Duration.Duration | undefined
    readonly total?: Duration.Duration | undefined
  } | undefined
  readonly idempotencyKey?: "auto" | "none" | undefined
}

/**
 * {@link layer} with options from `Config`: give a `Config` for each option, or `HttpPolicyData.options` for all of
 * them. They are overlaid on `options`, which takes the options that are not data. Invalid values fail with a
 * `ConfigError`.
 *
 * ```ts import.meta.vitest
 * import { HttpPolicyData, ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const settings = ConfigProvider.fromUnknown({
 *   http: { baseUrl: "https://api.example.com", max_retries: 1, initial_retry_delay: 0.001 }
 * })
 * const Live = ResilientHttpClient.layerConfig(HttpPolicyData.options("http")).pipe(Layer.provide([
 *   TestTransport.layer([TestTransport.respond(503), TestTransport.respond(200)]),
 *   ConfigProvider.layer(settings)
 * ]))
 *
 * const program = Effect.map(HttpClient.get("/stock"), (response) => response.status)
 * await Effect.runPromise(program.pipe(Effect.provide(Live))) // => 200
 * ```
 */
export const layerConfig = (
  config: Config.Wrap<ConfigOptions> | Config.Config<HttpPolicy.Options>,
  options?: HttpPolicy.Options
): Layer.Layer<HttpClient.HttpClient | ResilientHttpClient, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effectContext(Effect.map(overConfig(config, options), provides))

const overConfig = (
  config: Config.Wrap<ConfigOptions> | Config.Config<HttpPolicy.Options>,
  options: HttpPolicy.Options | undefined
): Effect.Effect<Live, Config.ConfigError, HttpClient.HttpClient> =>
  Effect.flatMap(
    (Config.isConfig(config) ? config : Config.unwrap<ConfigOptions>(config)) as Config.Config<HttpPolicy.Options>,
    (config) => Arguments.orConfigError(over(combine(options, config)))
  )

const combine = (options: HttpPolicy.Options | undefined, config: HttpPolicy.Options): HttpPolicy.Options => {
  const retry = options?.retry === false || config.retry === false ? false : { ...options?.retry, ...config.retry }
  return { ...options, ...config, retry, timeouts: { ...options?.timeouts, ...config.timeouts } }
}

/**
 * {@link layer} with a policy that changes while it is used: a call uses the options in force when it starts, and the
 * layer is ready with the first. `HttpPolicyFile.changes` reads them from a file.
 *
 * A part keeps its state if its options are unchanged, or if it is given as a value: an open breaker stays open, a
 * spent budget stays spent, and a bulkhead still counts the calls in it. Parts are matched by the names of the client,
 * the endpoint and the part. If the options of a breaker or a budget change, the new one takes over the state of the
 * old one, as `CircuitBreaker.makeFrom` and `RetryBudget.makeFrom` describe; a bulkhead or a rate limit starts empty.
 *
 * Invalid options change nothing, and a warning says why; if the first ones are invalid, the layer throws a
 * `RangeError`. When the stream ends or fails, the client keeps its policy; if the stream fails before its first
 * options, the layer fails. The `HttpClient` below stays the same: the options of its pool cannot change while it is
 * used.
 *
 * ```ts import.meta.vitest
 * import { ResilientHttpClient } from "@holdfast/http"
 * import type { HttpPolicy } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, Layer, Queue, Stream } from "effect"
 * import { HttpClient } from "effect/http"
 *
 * const program = Effect.gen(function*() {
 *   const options = yield* Queue.make<HttpPolicy.Options>()
 *   yield* Queue.offer(options, { retry: false })
 *   const Live = ResilientHttpClient.layerReloading(Stream.fromQueue(options)).pipe(
 *     Layer.provide(TestTransport.layer([TestTransport.always(TestTransport.respond(200))]))
 *   )
 *
 *   return yield* Effect.gen(function*() {
 *     const before = yield* HttpClient.get("http://localhost/stock")
 *     yield* Queue.offer(options, { headers: { "x-region": "north" } })
 *     yield* Effect.yieldNow
 *     const after = yield* HttpClient.get("http://localhost/stock")
 *     return [before.request.headers["x-region"], after.request.headers["x-region"]]
 *   }).pipe(Effect.provide(Live))
 * })
 *
 * await Effect.runPromise(program) // => [undefined, "north"]
 * ```
 */
export const layerReloading = <E, R>(
  changes: Stream.Stream<HttpPolicy.Options, E, R>
): Layer.Layer<HttpClient.HttpClient | ResilientHttpClient, E, HttpClient.HttpClient | R> =>
  Layer.effectContext(Effect.map(overChanges(changes), provides))

/** A client as a service of its own: the program names the client, and a layer gives it a policy. */
export interface ServiceClass<Self, Id extends string, O> extends Context.ServiceClass<Self, Id, Of<O>> {
  /** The client with the options of the class. */
  readonly layer: Layer.Layer<Self, never, HttpClient.HttpClient>

  /** The client below without a policy, with the same types: for tests, and for requests that must not be retried. */
  readonly layerNoop: Layer.Layer<Self, never, HttpClient.HttpClient>

  /** Other options. A part that the class does not declare is a type error: the program does not handle its errors. */
  readonly layerWith: <const O2 extends HttpPolicy.Options>(
    options: O2 & HttpPolicy.Exact<O2> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, never, HttpClient.HttpClient>

  /** The options from `Config`. Invalid values fail with a `ConfigError`. */
  readonly layerConfig: <const O2 extends HttpPolicy.Options>(
    config: Config.Config<O2> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, Config.ConfigError, HttpClient.HttpClient>

  /** Options that change while the client is used, as {@link layerReloading} takes them. */
  readonly layerReloading: <const O2 extends HttpPolicy.Options, E, R>(
    changes: Stream.Stream<O2, E, R> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, E, HttpClient.HttpClient | R>
}

/**
 * Declares a client as a service, for a program that calls several servers, each with its own policy. The error type
 * has exactly the reasons of the configured parts. Default for the policy's `name`: the identifier.
 *
 * ```ts import.meta.vitest
 * import { ResilientHttpClient } from "@holdfast/http"
 * import * as TestTransport from "@holdfast/http/testing/TestTransport"
 * import { Effect, Layer } from "effect"
 *
 * class Inventory extends ResilientHttpClient.Service<Inventory>()("app/Inventory", {
 *   baseUrl: "https://inventory.example.com",
 *   timeouts: { total: "30 seconds" }
 * }) {}
 *
 * const stock = Effect.gen(function*() {
 *   const inventory = yield* Inventory
 *   const response = yield* inventory.get("/stock/42")
 *   return yield* response.json
 * })
 *
 * const Live = Inventory.layer.pipe(Layer.provide(TestTransport.layer([TestTransport.json(200, { left: 3 })])))
 * await Effect.runPromise(stock.pipe(Effect.provide(Live))) // => { left: 3 }
 * ```
 */
export const Service = <Self>() =>
<const Id extends string, const O extends HttpPolicy.Options = {}>(
  id: Id,
  options?: O & HttpPolicy.Exact<O>
): ServiceClass<Self, Id, O> => {
  const Tag = Context.Service<Self, Of<O>>()(id)
  const named = (options: HttpPolicy.Options | undefined): HttpPolicy.Options => ({ name: id, ...options })
  const declared = (options: HttpPolicy.Options | undefined) => Effect.map(over(named(options)), exact<O>)
  return Object.assign(Tag, {
    layer: Layer.effect(Tag, declared(options)),
    layerNoop: Layer.effect(Tag, Effect.map(HttpClient.HttpClient, plain<O>)),
    layerWith: (options: HttpPolicy.Options) => Layer.effect(Tag, declared(options)),
    layerConfig: (config: Config.Config<HttpPolicy.Options>) =>
      Layer.effect(Tag, Effect.flatMap(config, (options) => Arguments.orConfigError(declared(options)))),
    layerReloading: <E, R>(changes: Stream.Stream<HttpPolicy.Options, E, R>) =>
      Layer.effect(Tag, Effect.map(overChanges(Stream.map(changes, named)), exact<O>))
  })
}

const plain = <O>(inner: HttpClient.HttpClient): Of<O> =>
  HttpClient.makeWith<never, never, Failure | PolicyFailure<O>, never>(Effect.flatMap(inner.execute), Effect.succeed)
