/**
 * The store of a fleet that the environment and a file describe: `LLM_STORE_URL`, and `llm.store` of the file.
 *
 * **When to use**
 *
 * Use it where the file of a chain says what its fleet shares. A program that makes its store itself uses `ChainStoreRedis`.
 *
 * **Details**
 *
 * - `LLM_STORE_URL` is the URL of a Redis, a Valkey or a cluster, as `RedisClient` reads it; `LLM_STORE_PASSWORD` is its password, where
 *   the URL has none, and `LLM_STORE_CA` the certificate, in PEM, of the authority that signed its own. `llm.store.redis` may name other variables, a prefix, and more.
 * - Under `ProviderChain.layerReloadingConfig` the store follows the file. One that the file does not change keeps its connection and its
 *   state. A change is refused as a whole if its variable is not set.
 * - Without a store, each process is on its own.
 *
 * **Gotchas**
 *
 * - This module needs Node and the npm package `redis`, and is not part of the index: import it from `@holdfast/llm/ChainStoreConfig`.
 * - Provide it to the chain and to `Budgets`, or to both at once.
 *
 * **Example**
 *
 * See {@link layerConfig}.
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redis from "effect/persistence/Redis"
import * as ChainStoreRedis from "./ChainStoreRedis.ts"
import type { OpenStore } from "./internal/store/configured.ts"
import { makeConfigured } from "./internal/store/configured.ts"
import type { Settings } from "./internal/store/settings.ts"
import { settingsOf, withUrl } from "./internal/store/settings.ts"
import { ChainStore, ChainStoreError } from "./internal/store/store.ts"
import * as LlmConfig from "./LlmConfig.ts"
import * as RedisClient from "./RedisClient.ts"

const storeOf = ({ prefix, timeout }: Settings) => ChainStoreRedis.layer({ prefix, timeout })

const clientOf = ({ ca, cluster, password, tls, url }: Parameters<OpenStore>[0]) =>
  RedisClient.layer({ url, password, cluster, tls, ca })

const open: OpenStore = (settings) =>
  Effect.map(
    Layer.build(Layer.provide(storeOf(settings), clientOf(settings))),
    (context) => Context.get(context, ChainStore)
  )

/**
 * The store. Fails with a `ConfigError` if the file describes a store whose variable is not set, or if a URL is invalid, and shows
 * neither. It does not fail while the server is away.
 *
 * ```ts import.meta.vitest
 * import { Budgets, LlmConfig, ProviderChain } from "@holdfast/llm"
 * import * as ChainStoreConfig from "@holdfast/llm/ChainStoreConfig"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const file = LlmConfig.decode({ llm: { store: { name: "shop", redis: { url: "SHOP_REDIS_URL", prefix: "shop:" } } } })
 *
 * const program = Effect.gen(function*() {
 *   const FileLive = LlmConfig.layer(yield* file)
 *   const LlmLive = ProviderChain.layerConfig().pipe(
 *     Layer.provideMerge(Budgets.layerConfig),
 *     Layer.provide(ChainStoreConfig.layerConfig),
 *     Layer.provide(FileLive)
 *   )
 *   return [Layer.isLayer(LlmLive), (yield* Effect.flip(Effect.provide(ChainStoreConfig.inspect, FileLive))).message]
 * }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
 *
 * const [isLayer, message] = await Effect.runPromise(program)
 * isLayer // => true
 * String(message).includes("set SHOP_REDIS_URL to its URL, such as redis://host:6379") // => true
 * ```
 */
export const layerConfig: Layer.Layer<ChainStore, Config.ConfigError> = Layer.effect(ChainStore, makeConfigured(open))

// -----------------------------------------------------------------------------
// A look at it
// -----------------------------------------------------------------------------

/** What a look at the server has found. */
export interface Inspected extends Pick<Settings, "cluster" | "tls" | "prefix" | "timeout"> {
  /** Its URL, without what is secret about it. */
  readonly shown: string
  readonly server: "redis" | "valkey"
  readonly version: string | undefined
  /** How long a step of the store took. */
  readonly latency: Duration.Duration
}

const field = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, "mu").exec(info)?.[1]

/**
 * Looks at the server that the environment and the file name: its version, and how long a step takes, as a chain would make one. Fails with a
 * `ChainStoreError` if it is away, or runs no step. `undefined` if no store is described.
 */
export const inspect: Effect.Effect<Inspected | undefined, Config.ConfigError | ChainStoreError> = Effect.gen(
  function*() {
    const said = yield* settingsOf((yield* LlmConfig.Current).store)
    if (said === undefined) return undefined
    const settings = yield* withUrl(said)
    return yield* Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const store = yield* ChainStore
      const failed = ({ cause }: Redis.RedisError) =>
        new ChainStoreError({ message: cause instanceof Error ? cause.message : String(cause), cause })
      yield* Effect.mapError(redis.send("PING"), failed)
      // Those who may run scripts need not be allowed to ask for the version.
      const info = yield* Effect.orElseSucceed(redis.send("INFO", "server"), () => "")
      const step = store.reserve({ key: "inspected", window: Duration.seconds(1), amount: 0, limit: Infinity })
      yield* step
      const start = yield* Clock.monotonicTimeNanos
      yield* step
      const latency = Duration.nanos((yield* Clock.monotonicTimeNanos) - start)
      const valkey = field(String(info), "valkey_version")
      const { cluster, prefix, shown = "", timeout, tls } = settings
      return {
        shown,
        cluster,
        tls,
        prefix,
        timeout,
        server: valkey === undefined ? "redis" as const : "valkey" as const,
        version: valkey ?? field(String(info), "redis_version"),
        latency
      }
    }).pipe(Effect.provide(Layer.provideMerge(storeOf(settings), clientOf(settings))))
  }
)
