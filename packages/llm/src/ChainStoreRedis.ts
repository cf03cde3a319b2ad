/**
 * Keeps what the chains of a fleet share in Redis, Valkey or a cluster of them. {@link ChainStore} says what that is.
 *
 * **When to use**
 *
 * Use it where several processes call the same providers with the same accounts.
 *
 * **Details**
 *
 * - It asks for the `Redis` of `effect/persistence`: `RedisClient.layer`, which starts while Redis is away and knows clusters, or any other.
 * - Each step is one script of one key, but for a look at the members of a chain, whose keys share a slot. The clock is that of Redis,
 *   so the clocks of the processes need not agree. Requires Redis 5, or any Valkey.
 * - A request asks once before it is sent and tells once when it has ended, besides one look every 250 milliseconds for the whole process.
 *   While it runs, the process says every 3 seconds that it lives. One that has not said so for 10 seconds loses its probe, and its
 *   requests in flight do not count.
 * - A step waits for `timeout` at most. Then the process goes on alone, logs one warning, and asks again each second. When Redis is back
 *   it says so, and tells what happened meanwhile: cool-downs, and what was taken of limits and budgets.
 *
 * **Gotchas**
 *
 * This module is not part of the index: import it from `@holdfast/llm/ChainStoreRedis`.
 *
 * **Example**
 *
 * See {@link layer}.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redis from "effect/persistence/Redis"
import { guarded } from "./internal/store/guard.ts"
import { makeRedis } from "./internal/store/redis/store.ts"
import { ChainStore } from "./internal/store/store.ts"

/** Options of a store in Redis. */
export interface Options {
  /** The prefix of the keys in Redis. Default: `"holdfast:"`. */
  readonly prefix?: string | undefined
  /** How long a step waits for Redis before the process goes on alone. Default: `"250 millis"`. */
  readonly timeout?: Arguments.DurationInput | undefined
}

const optionsCheck = Arguments.struct({
  prefix: Arguments.optional(Arguments.text, "holdfast:"),
  timeout: Arguments.optional(Arguments.duration({ above: 0 }), 250)
})

const make = (options: Options) =>
  Effect.suspend(() => {
    const { prefix, timeout } = Arguments.check("ChainStoreRedis.layer", optionsCheck, options)
    // By then the process that asked has gone on alone.
    return Effect.map(makeRedis({ prefix, late: 4 * timeout }), (store) => guarded(store, timeout))
  })

/**
 * The store in Redis. Dies with a `RangeError` that lists every invalid option.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain } from "@holdfast/llm"
 * import * as ChainStoreRedis from "@holdfast/llm/ChainStoreRedis"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect, Layer } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { Redis } from "effect/persistence"
 *
 * // In production: RedisClient.layer({ url: "redis://..." }).
 * const NoRedis = Layer.effect(Redis.Redis, Redis.make({
 *   send: () => Effect.fail(new Redis.RedisError({ cause: "refused" })),
 *   subscribe: () => Effect.never,
 *   connect: Effect.never
 * }))
 *
 * const LlmLive = ProviderChain.layer({ providers: [TestProvider.script("openai", [TestProvider.text("Hi")])] }).pipe(
 *   Layer.provide(ChainStoreRedis.layer({ prefix: "shop:" })),
 *   Layer.provide(NoRedis)
 * )
 *
 * // Redis is away: the process goes on alone.
 * const program = LanguageModel.generateText({ prompt: "Hello?" }).pipe(Effect.provide(LlmLive))
 *
 * const { text } = await Effect.runPromise(program)
 * text // => "Hi"
 * ```
 */
export const layer = (options: Options = {}): Layer.Layer<ChainStore, never, Redis.Redis> =>
  Layer.effect(ChainStore, make(options))

/** {@link layer} with options from `Config`. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<ChainStore, Config.ConfigError, Redis.Redis> =>
  Layer.effect(ChainStore, Effect.flatMap(Config.unwrap(options), make))
