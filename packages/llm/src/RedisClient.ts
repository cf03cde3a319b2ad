/**
 * A client of Redis, Valkey or a cluster of them, over the npm package `redis`, for `ChainStoreRedis` and the stores of `@holdfast/core`.
 *
 * **When to use**
 *
 * Use it for a store that a program can do without: it starts while Redis is away, and connects when it is back. `NodeRedis` of
 * `@effect/platform-node` fails to be made while Redis is away, and knows no cluster.
 *
 * **Details**
 *
 * - A command fails at once while there is no connection; none is queued, since a step of a store is of no use later.
 * - A connection is replaced when a command on it has had no answer for 3 seconds, and when its server has become a replica.
 * - With several URLs, or `cluster`, it asks the node that has the key of a script, and follows a cluster that changes.
 * - The layer waits a second at most for the first connection.
 *
 * **Gotchas**
 *
 * - This module needs Node and the npm package `redis`, and is not part of the index: import it from `@holdfast/llm/RedisClient`.
 * - It sends commands and scripts. It neither subscribes nor reserves connections.
 * - TLS trusts the certificates that Node trusts: set `ca`, or `NODE_EXTRA_CA_CERTS`, for one of your own.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as Redacted from "effect/Redacted"
import { makeClient } from "./internal/store/redis/client.ts"
import * as Target from "./internal/store/redis/target.ts"

/** Options of a client. */
export interface Options {
  /**
   * `redis://user:password@host:6379/0`, with TLS `rediss://...`, or `unix:///run/redis.sock`; `valkey:` and `valkeys:` mean the same as
   * `redis:` and `rediss:`. Several URLs, separated by commas, are nodes of a cluster.
   */
  readonly url: Redacted.Redacted | string
  /** The password. Default: that of the URL. */
  readonly password?: Redacted.Redacted | undefined
  /** Whether the servers are a cluster. Default: whether there are several. */
  readonly cluster?: boolean | undefined
  /** Whether the connection is encrypted. Default: as the scheme of the URL says. */
  readonly tls?: boolean | undefined
  /**
   * The certificate, in PEM, of the authority that signed that of the server. Default: those that Node.js trusts, with those of
   * `NODE_EXTRA_CA_CERTS`.
   */
  readonly ca?: string | undefined
}

const fields = Arguments.struct({
  // Checked with the others, which say how it is meant.
  url: (value) => value,
  password: Arguments.optional(Arguments.instance(Redacted.isRedacted, "a `Redacted`")),
  cluster: Arguments.optional(Arguments.boolean),
  tls: Arguments.optional(Arguments.boolean),
  ca: Arguments.optional(Target.certificate)
})

const optionsCheck: Arguments.Check<Target.Target | undefined> = (value, place) => {
  const before = place.faults.length
  const options = fields(value, place)
  if (place.faults.length > before) return undefined
  const { ca, cluster, password, tls, url } = options
  const target = Target.check({ ca, cluster, tls, password: password as Redacted.Redacted | undefined })(
    url,
    place.at("url")
  )
  if (ca !== undefined && target?.tls === false) place.at("ca").fault(Target.withoutTls)
  return target
}

const make = (options: Options) =>
  Effect.suspend(() => {
    const target = Arguments.check("RedisClient.layer", optionsCheck, options)
    return target === undefined ? Effect.die(new RangeError("RedisClient.layer: url is missing")) : makeClient(target)
  })

/**
 * A client. Dies with a `RangeError` that lists every invalid option, and shows no URL.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
 * import * as RedisClient from "@holdfast/llm/RedisClient"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 *
 * // No server is there, so the process goes on alone until one is.
 * const StoreLive = ChainStoreRedis.layer().pipe(Layer.provide(RedisClient.layer({ url: "redis://127.0.0.1:9" })))
 *
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(
 *   Effect.provide(ProviderChain.layer({ providers: [TestProvider.script("openai", [TestProvider.text("Hi")])] }).pipe(
 *     Layer.provide(StoreLive)
 *   ))
 * )
 *
 * const { text } = await Effect.runPromise(program)
 * text // => "Hi"
 * ```
 */
export const layer = (options: Options): Layer.Layer<Redis.Redis> => Layer.effect(Redis.Redis, make(options))

/** {@link layer} with options from `Config`. Fails with a `ConfigError` that lists every invalid one. */
export const layerConfig = (options: Config.Wrap<Options>): Layer.Layer<Redis.Redis, Config.ConfigError> =>
  Layer.effect(Redis.Redis, Arguments.orConfigError(Effect.flatMap(Config.unwrap(options), make)))
