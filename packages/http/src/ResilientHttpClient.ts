/**
 * An `HttpClient` that retries correctly, over any other `HttpClient`: undici, fetch, or a script in a test.
 *
 * Effect's `retryTransient` counts errors and responses each by itself (9 requests for `times: 2`), leaves the body of
 * a failed attempt on the connection that the next one waits for, repeats POSTs, and sleeps as long as a `Retry-After`
 * says. Here an attempt is one effect that fails for both, under one policy of `@holdfast/core`; what a server, a
 * method and a body say about another attempt is `HttpPolicy`.
 *
 * A status is not an error: when the retries end, the last response comes out as it is, with its body to read, and the
 * last transport error as itself. What the policy adds is `PolicyError`: under the standard `HttpClient` tag it arrives
 * as the cause of an `HttpClientError`, under {@link ResilientHttpClient} as itself.
 *
 * The error type of {@link make} and of a {@link Service} has exactly the reasons of the parts that are configured.
 *
 * When it hurts: two retries around one another multiply. Take out `retryTransient` of the caller, and `maxRetries` of
 * an SDK, when this layer is below. One of these clients around another is refused when both retry.
 */
import * as Arguments from "@holdfast/core/Arguments"
import type { FromReason, PolicyError } from "@holdfast/core/PolicyError"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpPolicy from "./HttpPolicy.ts"
import { transportError } from "./internal/call/bodyResponse.ts"
import { compileClient, type Compiled } from "./internal/client/client.ts"
import { OriginPauses } from "./internal/client/pauses.ts"

type Failure = HttpClientError.HttpClientError

/** What a policy with the options `O` itself can fail with: by default all that any can. */
export type PolicyFailure<O = HttpPolicy.Options> = FromReason<HttpPolicy.ReasonOf<O>>

/** A client with the policy that the options `O` describe. */
export type Of<O> = HttpClient.HttpClient.With<Failure | PolicyFailure<O>>

/**
 * The client with the errors of its policy as themselves, of whatever options: where a program knows the options,
 * a {@link Service} knows the reasons.
 */
export class ResilientHttpClient extends Context.Service<ResilientHttpClient, Of<HttpPolicy.Options>>()(
  "@holdfast/http/ResilientHttpClient"
) {}

/**
 * Makes the client over the `HttpClient` in the context. Options that cannot be right are a `RangeError` that names the
 * option.
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

/** A client whose policy may change while it is used: each call goes by what it finds when it begins. */
interface Live {
  current: Compiled
}

/** Clients that retry, around which no other may. */
const retrying = new WeakSet<object>()

const over = (options: HttpPolicy.Options = {}): Effect.Effect<Live, never, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (inner) => Effect.map(compile(inner, new OriginPauses(), options), live))

const live = (current: Compiled): Live => ({ current })

const compile = (
  inner: HttpClient.HttpClient,
  pauses: OriginPauses,
  options: HttpPolicy.Options,
  previous?: Compiled
): Effect.Effect<Compiled> =>
  Effect.map(compileClient(inner, pauses, options, previous), (compiled) => {
    if (compiled.retries && retrying.has(inner)) {
      throw new RangeError("ResilientHttpClient.make: retry must be false around a client that retries itself")
    }
    return compiled
  })

const exact = <O>(live: Live): Of<O> =>
  // The reasons are those of the parts that are there: the types of the options say which.
  client(live, (error) => error as PolicyFailure<O>)

/** The same client with the error type that everyone expects. */
const standard = (live: Live): HttpClient.HttpClient => client(live, (error, request) => transportError(request, error))

const client = <E>(
  live: Live,
  own: (error: PolicyError, request: HttpClientRequest) => E
): HttpClient.HttpClient.With<Failure | E> =>
  marked(
    live,
    HttpClient.makeWith<never, never, Failure | E, never>(
      Effect.flatMap((request) => live.current.run(request, own)),
      (request) => live.current.prepare(request)
    )
  )

const marked = <C extends object>({ current }: Live, client: C): C => {
  if (current.retries) retrying.add(client)
  return client
}

const provides = (live: Live): Context.Context<HttpClient.HttpClient | ResilientHttpClient> =>
  Context.add(Context.make(ResilientHttpClient, exact(live)), HttpClient.HttpClient, standard(live))

/**
 * Provides the standard `HttpClient`, so that every library that asks for one is protected, and
 * {@link ResilientHttpClient}. Needs an `HttpClient` below: `UndiciTransport.layer`, `FetchHttpClient.layer`, or
 * `TestTransport.layer` in tests.
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
 *     TestTransport.fail("ConnectionReset"),
 *     TestTransport.respond(503),
 *     TestTransport.json(200, { left: 3 })
 *   ]))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* HttpClient.get("/stock")
 *   return yield* response.json
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(HttpLive))) // => { left: 3 }
 * ```
 */
export const layer = (
  options?: HttpPolicy.Options
): Layer.Layer<HttpClient.HttpClient | ResilientHttpClient, never, HttpClient.HttpClient> =>
  Layer.effectContext(Effect.map(over(options), provides))

/** The options that are often read one by one. `HttpPolicyData.options` reads all that are data. */
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
 * {@link layer} with options from `Config`, over `options` for what is not data: some of them each by itself, or all that
 * are data by `HttpPolicyData.options`. Values that cannot be right fail with a `ConfigError`.
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
 * {@link layer} with a policy that changes while it is used: a call goes by the options that came last before it began,
 * and the layer is ready with the first. `HttpPolicyFile.changes` gives those of a file.
 *
 * A part whose options are equal to what they were goes on with what it has seen: an open breaker stays open, a spent
 * budget stays spent, and a bulkhead counts who is in it. So does one that is given as a value. What a part is known by
 * is the name of the client, that of the endpoint, and its own. Where the options of a breaker or a budget change
 * themselves, the new one goes on from the old one as `CircuitBreaker.make` and `RetryBudget.make` say; a bulkhead or a
 * rate limit begins anew.
 *
 * Options that cannot be right change nothing, and a warning says why; the first ones are a `RangeError`. When the
 * stream ends or fails, the client stays as it is; if it fails before its first options, so does the layer. The client
 * below stays what it was: the options of a pool cannot change while it is used.
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

const overChanges = <E, R>(
  changes: Stream.Stream<HttpPolicy.Options, E, R>
): Effect.Effect<Live, E, HttpClient.HttpClient | R | Scope.Scope> =>
  Effect.gen(function*() {
    const inner = yield* HttpClient.HttpClient
    const pauses = new OriginPauses()
    const ready = yield* Deferred.make<Live, E>()
    let client: Live | undefined
    const take = (options: HttpPolicy.Options): Effect.Effect<void> => {
      if (client !== undefined) return swap(client, options)
      return Effect.flatMap(compile(inner, pauses, options), (first) => Deferred.succeed(ready, client = live(first)))
    }
    const swap = (client: Live, options: HttpPolicy.Options): Effect.Effect<void> =>
      compile(inner, pauses, options, client.current).pipe(
        Effect.flatMap((next) => {
          client.current = next
          return Effect.logInfo(`${options.name ?? "http"}: the policy has changed`)
        }),
        Effect.catchDefect((defect) =>
          Effect.logWarning(
            `${client.current.name}: the policy stays as it is: ${
              defect instanceof Error ? defect.message : String(defect)
            }`
          )
        )
      )
    const follow = Effect.andThen(
      Stream.runForEach(changes, take),
      Effect.suspend(() => client === undefined ? take({}) : Effect.void)
    )
    yield* follow.pipe(
      Effect.catchCause((cause) =>
        client === undefined
          ? Deferred.failCause(ready, cause)
          : Effect.logWarning("The policy of the HTTP client changes no more", cause)
      ),
      Effect.forkScoped
    )
    return yield* Deferred.await(ready)
  })

/** A client as a service of its own: the program says which client it calls with, a layer says with what policy. */
export interface ServiceClass<Self, Id extends string, O> extends Context.ServiceClass<Self, Id, Of<O>> {
  /** The client that the class declares. */
  readonly layer: Layer.Layer<Self, never, HttpClient.HttpClient>

  /** For tests and for what must not be retried: the client below, with the same types. */
  readonly layerNoop: Layer.Layer<Self, never, HttpClient.HttpClient>

  /** Other options. They cannot have a part that the class does not declare: the program does not know its errors. */
  readonly layerWith: <const O2 extends HttpPolicy.Options>(
    options: O2 & HttpPolicy.Exact<O2> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, never, HttpClient.HttpClient>

  /** The options from `Config`. Values that cannot be right fail with a `ConfigError`. */
  readonly layerConfig: <const O2 extends HttpPolicy.Options>(
    config: Config.Config<O2> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, Config.ConfigError, HttpClient.HttpClient>

  /** Options that change while the client is used, as {@link layerReloading} takes them. */
  readonly layerReloading: <const O2 extends HttpPolicy.Options, E, R>(
    changes: Stream.Stream<O2, E, R> & ([HttpPolicy.ReasonOf<O2>] extends [HttpPolicy.ReasonOf<O>] ? unknown : never)
  ) => Layer.Layer<Self, E, HttpClient.HttpClient | R>
}

/**
 * Declares a client as a service, for a program that calls several servers each with a policy of its own. The error type
 * has exactly the reasons of the parts that are configured. The policy's `name` is the identifier, unless the options
 * have another.
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
