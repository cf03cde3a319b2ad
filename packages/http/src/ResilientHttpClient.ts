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
 * When it hurts: two retries around one another multiply. Take out `retryTransient` of the caller, and `maxRetries` of
 * an SDK, when this layer is below.
 */
import * as Deadline from "@holdfast/core/Deadline"
import * as Policy from "@holdfast/core/Policy"
import type { AttemptTimeout } from "@holdfast/core/PolicyError"
import { DeadlineExceeded, isPolicyError, PolicyError } from "@holdfast/core/PolicyError"
import * as Retry from "@holdfast/core/Retry"
import * as RetryBudget from "@holdfast/core/RetryBudget"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as HttpPolicy from "./HttpPolicy.ts"
import { positiveMillis } from "./internal/argument.ts"
import { AttemptFailure, Call, freeOnRetry } from "./internal/attempt.ts"
import { transportError } from "./internal/bodyResponse.ts"
import { OriginPauses } from "./internal/originPauses.ts"
import { uuid } from "./internal/uuid.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Failure = HttpClientError.HttpClientError

/** What the policy itself can fail with. */
export type PolicyFailure = PolicyError<AttemptTimeout | DeadlineExceeded>

/** The client with its exact error type. */
export class ResilientHttpClient extends Context.Service<
  ResilientHttpClient,
  HttpClient.HttpClient.With<Failure | PolicyFailure>
>()("@holdfast/http/ResilientHttpClient") {}

/**
 * Makes the client over the `HttpClient` in the context. Options that cannot be right are a `RangeError` that names the
 * option.
 */
export const make = (
  options?: HttpPolicy.Options
): Effect.Effect<ResilientHttpClient["Service"], never, HttpClient.HttpClient> => Effect.map(parts(options), exact)

interface Parts {
  readonly prepare: HttpClient.HttpClient.Preprocess<never, never>
  readonly run: Run
}

type Run = (request: Request) => Effect.Effect<Response, Failure | PolicyFailure>

const parts = (options: HttpPolicy.Options = {}): Effect.Effect<Parts, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const inner = yield* HttpClient.HttpClient
    const total = millis("timeouts.total", options.timeouts?.total)
    const attempt = millis("timeouts.attempt", options.timeouts?.attempt)
    const retry = options.retry === false ? { times: 0 } : options.retry ?? {}
    const { budget, onRetry, onTimeout } = retry
    // One budget for both policies below.
    const shared = budget === undefined || RetryBudget.isRetryBudget(budget) ? budget : yield* RetryBudget.make(budget)
    const policyOf = (onTimeout: "retry" | "stop" | undefined) =>
      Policy.make({
        name: options.name ?? "http",
        deadline: total,
        attemptTimeout: attempt,
        retry: {
          ...retry,
          budget: shared,
          while: (failure: AttemptFailure) => HttpPolicy.decide(failure.attempt, options),
          onTimeout,
          onRetry: (event) => {
            freeOnRetry(event)
            onRetry?.(event)
          }
        }
      })
    const repeatable = yield* policyOf(onTimeout)
    // Nobody knows whether the server carried out what timed out.
    const careful = yield* policyOf("stop")

    const { max, mode } = Retry.make({ retryAfter: retry.retryAfter }).retryAfter
    const pauses = retry.times === 0 ? undefined : new OriginPauses(mode === "wait" ? Infinity : max)

    const run: Run = (request) =>
      Effect.withFiber((fiber) => {
        const origin = originOf(request.url)
        if (pauses?.isEmpty === false) {
          const wait = pauses.left(origin, fiber.getRef(Clock.Clock).currentTimeMillisUnsafe())
          if (wait > 0) return later(wait, total, fiber, run(request))
        }
        const call = new Call(inner, options, total, pauses, origin, fiber, request)
        const policy = call.isRepeatable ? repeatable : careful
        const answer = policy.protect({ key: origin })(call.attempt())
        return Effect.catch(
          Effect.onExitPrimitive(answer, () => call.abandon()),
          (failure): Effect.Effect<Response, Failure | PolicyFailure> => {
            if (!(failure instanceof AttemptFailure)) return Effect.fail(failure)
            const { outcome } = failure
            return outcome._tag === "Response"
              ? Effect.succeed(call.bounded(outcome.response))
              : Effect.fail(outcome.error)
          }
        )
      })

    return { prepare: prepare(options), run: keepSecrets(options, run) }
  })

/**
 * Begins a call after the pause that its origin has asked for, and up to a tenth later by chance, or fails at once if
 * there is no time for it.
 */
const later = (
  pause: number,
  total: number | undefined,
  fiber: Fiber.Fiber<unknown, unknown>,
  call: ReturnType<Run>
): ReturnType<Run> => {
  const now = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
  const wait = Math.ceil(pause * (1 + fiber.getRef(Random.Random).nextDoubleUnsafe() / 10))
  const deadline = Math.min(fiber.getRef(Deadline.Deadline), now + (total ?? Infinity))
  if (now + wait < deadline) {
    return Effect.provideService(Effect.andThen(Effect.sleep(wait), call), Deadline.Deadline, deadline)
  }
  const left = Duration.millis(Math.max(0, deadline - now))
  return Effect.fail(new PolicyError({ reason: new DeadlineExceeded({ deadline: left, phase: "queue" }) }))
}

const exact = ({ prepare, run }: Parts): ResilientHttpClient["Service"] =>
  HttpClient.makeWith<never, never, Failure | PolicyFailure, never>(Effect.flatMap(run), prepare)

/** The same client with the error type that everyone expects. */
const standard = ({ prepare, run }: Parts): HttpClient.HttpClient =>
  HttpClient.makeWith<never, never, Failure, never>(
    Effect.flatMap((request) =>
      Effect.mapError(run(request), (error) => isPolicyError(error) ? transportError(request, error) : error)
    ),
    prepare
  )

const provides = (parts: Parts): Context.Context<HttpClient.HttpClient | ResilientHttpClient> =>
  Context.add(Context.make(ResilientHttpClient, exact(parts)), HttpClient.HttpClient, standard(parts))

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
  Layer.effectContext(Effect.map(parts(options), provides))

/** The options that can come from `Config`: all that are data. */
export interface ConfigOptions {
  readonly baseUrl?: string | undefined
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

/** {@link layer} with options from `Config`, over `options` for what is not data. */
export const layerConfig = (
  config: Config.Wrap<ConfigOptions>,
  options?: HttpPolicy.Options
): Layer.Layer<HttpClient.HttpClient | ResilientHttpClient, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.flatMap(Config.unwrap(config), (config) => {
      const retry = options?.retry === false ? false : { ...options?.retry, ...config.retry }
      const timeouts = { ...options?.timeouts, ...config.timeouts }
      return Effect.map(parts({ ...options, ...config, retry, timeouts }), provides)
    })
  )

const millis = (name: string, input: Duration.Input | undefined): number | undefined =>
  input === undefined ? undefined : positiveMillis("ResilientHttpClient.make", name, input)

/** What is done to a request once, before its first attempt and before any redirect. */
const prepare = (options: HttpPolicy.Options): HttpClient.HttpClient.Preprocess<never, never> => {
  const { baseUrl, idempotencyKey } = options
  const defaults = Headers.fromInput(
    Object.entries(options.headers ?? {}).map(([name, value]): [string, string] => [
      name,
      typeof value === "string" ? value : Redacted.value(value)
    ])
  )
  const hasDefaults = Object.keys(defaults).length > 0
  return (request) => {
    let prepared = request
    if (baseUrl !== undefined && originOf(request.url) === undefined) {
      prepared = HttpClientRequest.prependUrl(prepared, baseUrl)
    }
    if (hasDefaults) {
      prepared = HttpClientRequest.updateHeaders(prepared, (headers) => Headers.merge(defaults, headers))
    }
    return idempotencyKey === "auto" && needsKey(prepared)
      ? Effect.map(uuid, (key) => HttpClientRequest.setHeader(prepared, "idempotency-key", key))
      : Effect.succeed(prepared)
  }
}

const needsKey = (request: Request): boolean =>
  (request.method === "POST" || request.method === "PATCH") && !("idempotency-key" in request.headers)

/**
 * Keeps configured secrets to the origin that they are for. A redirect comes through here once more with the headers of
 * the first request: Effect's `followRedirects` drops `authorization` and `cookie` by name, and knows no others.
 */
const keepSecrets = (options: HttpPolicy.Options, run: Run): Run => {
  const secrets = Object.entries(options.headers ?? {}).flatMap(([name, value]) =>
    typeof value === "string" ? [] : [name.toLowerCase()]
  )
  if (secrets.length === 0) return run
  const home = options.baseUrl === undefined ? undefined : originOf(options.baseUrl)
  return (request) => {
    const foreign = home !== undefined && originOf(request.url) !== home
    const kept = foreign ? HttpClientRequest.updateHeaders(request, Headers.removeMany(secrets)) : request
    return Effect.updateService(run(kept), Headers.CurrentRedactedNames, (names) => [...names, ...secrets])
  }
}

const originOf = (url: string): string | undefined => /^https?:\/\/[^/?#]*/i.exec(url)?.[0].toLowerCase()
