/**
 * What the chains of a fleet share, so that many processes act as one: a provider that one of them finds down is skipped by all, one
 * request in the fleet probes it, and an account's limits and budgets hold for the sum of all.
 *
 * **When to use**
 *
 * Provide `ChainStoreRedis.layer`, or `ChainStoreConfig.layerConfig`, where several processes use the same accounts. A chain without a store shares nothing, and needs
 * none: everything here then holds for the process. Use {@link layerMemory} for several chains of one program, and in tests.
 *
 * **Details**
 *
 * A chain takes the store that is in the context of `ProviderChain.make`. Chains share what has the same `name` and providers of the
 * same name. In the store are:
 *
 * - cool-downs, and the one request that probes a provider afterwards. Its lease is renewed while it runs; when its process is gone,
 *   another request may probe;
 * - the requests and tokens of the last minute, for the `limits` of the members of a pool: reserved by estimate, settled by usage;
 * - requests in flight, for the strategies of a pool;
 * - what budgets have spent.
 *
 * Each operation is atomic. A request asks the store before it is sent, so it never goes to a provider that the fleet knows to be cooling
 * down, but for a request that has no other provider left.
 *
 * **Gotchas**
 *
 * While the store is away, each process goes on with what it knows by itself: limits and budgets then hold for each process, not for the
 * fleet. Afterwards it tells the store what happened meanwhile.
 *
 * **Example**
 *
 * See {@link layerMemory}.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeMemory } from "./internal/store/memory.ts"
import type { Settings } from "./internal/store/settings.ts"
import { settingsOf } from "./internal/store/settings.ts"
import { ChainStore } from "./internal/store/store.ts"
import * as LlmConfig from "./LlmConfig.ts"

export type { Settings } from "./internal/store/settings.ts"

export type {
  Account,
  Address,
  Admission,
  Entry,
  Holding,
  MemberState,
  Report,
  Reserved,
  Settlement,
  Spending
} from "./internal/store/store.ts"
export { ChainStore, ChainStoreError } from "./internal/store/store.ts"

/**
 * Keeps what is shared in this process: for several chains of one program, and for tests.
 *
 * ```ts import.meta.vitest
 * import { ChainStore } from "@holdfast/llm"
 * import { Duration, Effect } from "effect"
 *
 * const budget = { key: "tag:user:42", window: Duration.hours(24), limit: 1 }
 * const program = Effect.gen(function*() {
 *   const store = yield* ChainStore.ChainStore
 *   const first = yield* store.reserve({ ...budget, amount: 0.75 })
 *   const second = yield* store.reserve({ ...budget, amount: 0.5 })
 *   return [first._tag, second._tag, yield* store.spent(budget)]
 * }).pipe(Effect.provide(ChainStore.layerMemory))
 *
 * await Effect.runPromise(program) // => ["Reserved", "Refused", 0.75]
 * ```
 */
export const layerMemory: Layer.Layer<ChainStore> = Layer.sync(ChainStore, makeMemory)

/**
 * What the environment and the file of `LlmConfig.layer` say of the store of `ChainStoreConfig.layerConfig`; `undefined` where they say
 * nothing. Fails with a `ConfigError` if a URL is invalid, and does not show it.
 *
 * ```ts import.meta.vitest
 * import { ChainStore } from "@holdfast/llm"
 * import { ConfigProvider, Effect } from "effect"
 *
 * const env = ConfigProvider.fromUnknown({ LLM_STORE_URL: "rediss://:secret@redis.test" })
 * const settings = await Effect.runPromise(Effect.provide(ChainStore.settings, ConfigProvider.layer(env)))
 * settings?.shown // => "rediss://redis.test:6379"
 * ```
 */
export const settings: Effect.Effect<Settings | undefined, Config.ConfigError> = Effect.flatMap(
  LlmConfig.Current,
  ({ store }) => settingsOf(store)
)
