/**
 * Whether this machine is online, so that a chain that cannot reach the cloud does not try to: no request is sent, no retry
 * waited for, and a local model answers at once.
 *
 * It is asked of one URL: any answer means online, whatever its status, but 511, by which a network wants to be logged in
 * to (RFC 6585, section 6). The result counts for a while, and requests that come at the same time share one probe. It
 * hurts where the URL is another's than the providers': the URL may be down while they are up. Choose one of theirs, or one
 * that is there when the network is.
 *
 * A chain takes the `Connectivity` in force where a request is made, or else the one it was made with; without any it
 * takes itself for online.
 */
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

/** Online or not. */
export class Connectivity extends Context.Service<Connectivity, {
  /** What is known, or what a probe finds. */
  readonly isOnline: Effect.Effect<boolean>
  /** Forgets what is known, so that the next one who asks has it probed. */
  readonly forget: Effect.Effect<void>
}>()("@holdfast/llm/Connectivity") {}

/** What is probed, and for how long the result counts. */
export interface Options {
  /** What is sent a `HEAD` request. */
  readonly url: string
  /** After how long without an answer it counts as offline. Defaults to 3 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** How long being online counts. Defaults to 30 seconds. */
  readonly onlineFor?: Duration.Input | undefined
  /** How long being offline counts. Defaults to 5 seconds. */
  readonly offlineFor?: Duration.Input | undefined
}

const networkAuthenticationRequired = 511

const positive = (name: string, input: Duration.Input): Duration.Duration => {
  const duration = Option.getOrUndefined(Duration.fromInput(input))
  if (duration === undefined || !(Duration.toMillis(duration) > 0)) {
    throw new RangeError(`Connectivity.make: ${name} must be a duration above zero, got ${String(input)}`)
  }
  return duration
}

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

/**
 * Makes a probe over the `HttpClient` in context. Options that cannot be right are a `RangeError` that names the option.
 */
export const make = (options: Options): Effect.Effect<Connectivity["Service"], never, HttpClient.HttpClient> => {
  const request = Address.make("Connectivity.make", "url", options.url).request("HEAD", "")
  const timeout = positive("timeout", options.timeout ?? "3 seconds")
  const onlineFor = positive("onlineFor", options.onlineFor ?? "30 seconds")
  const offlineFor = positive("offlineFor", options.offlineFor ?? "5 seconds")
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
 * Makes a probe of `CONNECTIVITY_CHECK_URL`, which counts as offline after `CONNECTIVITY_TIMEOUT_MS` milliseconds without an
 * answer; `options` are for the rest. Without a URL nothing is probed, and the machine counts as online.
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
 * Offline, whatever the network: for tests, and for a program that shall keep to itself.
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
