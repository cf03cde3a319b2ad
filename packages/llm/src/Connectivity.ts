/**
 * Whether this machine is online. While it is offline, a chain skips its cloud providers without a request or a retry, and a local
 * model answers at once.
 *
 * **When to use**
 *
 * Use it on machines that lose their network, such as laptops, with a local provider at the end of the chain.
 *
 * **Details**
 *
 * One URL is probed: any response means online, whatever its status, except 511, with which a network asks for a login (RFC 6585,
 * section 6). The result is cached for a while, and concurrent requests share one probe. A chain uses the `Connectivity` in the context
 * of the request, or else the one that it was made with. Without either, it assumes that the machine is online.
 *
 * **Gotchas**
 *
 * If the URL is down, all cloud providers are skipped even if they are up. Choose a provider's own URL, or one that is up whenever the
 * network is.
 *
 * **Example**
 *
 * See {@link layer} and {@link layerOffline}.
 */
import type { DurationInput } from "@holdfast/core/Arguments"
import { check, duration, optional, string, struct } from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Address from "./Address.ts"
import * as Setting from "./internal/config/environment.ts"

/** Whether this machine is online. */
export class Connectivity extends Context.Service<Connectivity, {
  /** The cached result, or that of a new probe. */
  readonly isOnline: Effect.Effect<boolean>
  /** Clears the cached result, so that the next request probes again. */
  readonly forget: Effect.Effect<void>
}>()("@holdfast/llm/Connectivity") {}

/** Options of a probe. */
export interface Options {
  /** The URL to which a `HEAD` request is sent. */
  readonly url: string
  /** The probe's timeout, after which the machine counts as offline. Default: 3 seconds. */
  readonly timeout?: DurationInput | undefined
  /** How long the result "online" is cached. Default: 30 seconds. */
  readonly onlineFor?: DurationInput | undefined
  /** How long the result "offline" is cached. Default: 5 seconds. */
  readonly offlineFor?: DurationInput | undefined
}

const networkAuthenticationRequired = 511

const positive = duration({ above: 0, infinite: true })

const probeOptions = struct({
  url: string,
  timeout: optional(positive, 3_000),
  onlineFor: optional(positive, 30_000),
  offlineFor: optional(positive, 5_000)
})

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Makes a probe over the `HttpClient` in context. Throws a `RangeError` that lists every invalid option by its path.
 */
export const make = (options: Options): Effect.Effect<Connectivity["Service"], never, HttpClient.HttpClient> => {
  const { offlineFor, onlineFor, timeout, url } = check("Connectivity.make", probeOptions, options)
  const request = Address.make("Connectivity.make", "url", url).request("HEAD", "")
  return Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const probe = HttpClient.withScope(client).execute(request).pipe(
      Effect.map((response) => response.status !== networkAuthenticationRequired),
      Effect.scoped,
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(false) }),
      Effect.orElseSucceed(() => false)
    )
    const [isOnline, forget] = yield* Effect.cachedInvalidateWithTTL(
      probe,
      (exit: Exit.Exit<boolean>) => Exit.isSuccess(exit) && exit.value ? onlineFor : offlineFor
    )
    return { isOnline, forget }
  })
}

const always = (online: boolean): Connectivity["Service"] => ({
  isOnline: Effect.succeed(online),
  forget: Effect.void
})

/**
 * Makes a probe of `CONNECTIVITY_CHECK_URL` with a timeout of `CONNECTIVITY_TIMEOUT_MS` milliseconds; `options` set the rest.
 * Without a URL nothing is probed, and the machine counts as online.
 */
export const makeConfig = Effect.fnUntraced(function*(
  options?: Omit<Options, "url" | "timeout">
): Effect.fn.Return<Connectivity["Service"], Config.ConfigError, HttpClient.HttpClient> {
  const url = Option.getOrUndefined(yield* Setting.text("CONNECTIVITY_CHECK_URL"))
  const limit = Option.getOrUndefined(yield* Setting.text("CONNECTIVITY_TIMEOUT_MS"))
  if (limit !== undefined && !(Number(limit) > 0)) {
    return yield* Effect.fail(
      Setting.fail(`CONNECTIVITY_TIMEOUT_MS must be a number of milliseconds above zero, got ${JSON.stringify(limit)}`)
    )
  }
  if (url === undefined) return always(true)
  const timeout = limit === undefined ? undefined : Duration.millis(Number(limit))
  return yield* Effect.flatten(Setting.check(() => make({ ...options, url, timeout })))
})

// -----------------------------------------------------------------------------
// Layers
// -----------------------------------------------------------------------------

/**
 * A layer that probes a URL.
 *
 * ```ts import.meta.vitest
 * import { Connectivity } from "@holdfast/llm"
 * import { Effect, Layer } from "effect"
 * import { HttpClient, HttpClientError } from "effect/http"
 *
 * const unplugged = Layer.succeed(HttpClient.HttpClient, HttpClient.make((request) =>
 *   Effect.fail(new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) }))))
 * const program = Connectivity.Connectivity.use((connectivity) => connectivity.isOnline).pipe(
 *   Effect.provide(Layer.provide(Connectivity.layer({ url: "https://example.com" }), unplugged))
 * )
 *
 * await Effect.runPromise(program) // => false
 * ```
 */
export const layer = (options: Options): Layer.Layer<Connectivity, never, HttpClient.HttpClient> =>
  Layer.effect(Connectivity, make(options))

/**
 * A layer that probes what {@link makeConfig} finds in the environment.
 *
 * ```ts import.meta.vitest
 * import { Connectivity } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * const env = ConfigProvider.fromUnknown({})
 * const program = Connectivity.Connectivity.use((connectivity) => connectivity.isOnline).pipe(
 *   Effect.provide(Connectivity.layerConfig()),
 *   Effect.provide([FetchHttpClient.layer, ConfigProvider.layer(env)])
 * )
 *
 * await Effect.runPromise(program) // => true
 * ```
 */
export const layerConfig = (
  options?: Omit<Options, "url" | "timeout">
): Layer.Layer<Connectivity, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(Connectivity, makeConfig(options))

/** Online, whatever the network: for tests, and where there is nothing to probe. */
export const layerOnline: Layer.Layer<Connectivity> = Layer.succeed(Connectivity, always(true))

/**
 * Offline, whatever the network: for tests, and for programs that must not use the cloud.
 *
 * ```ts import.meta.vitest
 * import { Connectivity, ProviderChain } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * const cloud = TestProvider.script("cloud", [])
 * const ollama = TestProvider.script("ollama", [TestProvider.text("Hello from here")], { location: "local" })
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide([ProviderChain.layer({ providers: [cloud, ollama] }), Connectivity.layerOffline])
 * )
 *
 * const response = await Effect.runPromise(program)
 * response.text // => "Hello from here"
 * cloud.requests.length // => 0
 * ```
 */
export const layerOffline: Layer.Layer<Connectivity> = Layer.succeed(Connectivity, always(false))
