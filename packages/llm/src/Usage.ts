/**
 * The cost of a chain's answers: a ledger with one entry for every attempt, because failed attempts are billed too.
 *
 * **When to use**
 *
 * Use it to show or bound what a program spends, or to send each attempt to analytics.
 *
 * **Details**
 *
 * A chain writes to the `Ledger` in the context of the request, or else to the one that it was made with. The totals, one for each
 * model, cover all attempts; only the latest entries are kept.
 *
 * **Gotchas**
 *
 * Usage is recorded as the provider reports it. An answer that broke off has the counts reported until then and is marked `partial`;
 * without any report its entry has no tokens. In both cases the bill may be higher.
 *
 * **Example**
 *
 * See {@link Ledger} and {@link layer}.
 */
import { check, struct } from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { Observer } from "./ChainEvent.ts"
import type { Entry } from "./internal/usage/entry.ts"
import type { Options } from "./internal/usage/ledger.ts"
import { checks, open } from "./internal/usage/ledger.ts"
import { pricesSetting } from "./internal/usage/settings.ts"
import type { Totals } from "./internal/usage/totals.ts"

export { Entry, entryOf } from "./internal/usage/entry.ts"
export type { Ended } from "./internal/usage/entry.ts"
export type { Options } from "./internal/usage/ledger.ts"
export { Price } from "./internal/usage/price.ts"
export { report } from "./internal/usage/reported.ts"
export type { Details } from "./internal/usage/reported.ts"
export { CurrentTags, withTags } from "./internal/usage/tags.ts"
export type { Tags } from "./internal/usage/tags.ts"
export { sum, sumBy, zero } from "./internal/usage/totals.ts"
export type { By, Total, Totals } from "./internal/usage/totals.ts"

/** The record of a chain's attempts. */
export class Ledger extends Context.Service<Ledger, {
  /** The last entries, oldest first. */
  readonly entries: Effect.Effect<ReadonlyArray<Entry>>
  /** The sums of all entries, including those no longer kept. */
  readonly totals: Effect.Effect<Totals>
  /** Streams new entries as they are written. It does not end. */
  readonly stream: Stream.Stream<Entry>
  /** Records the attempts of events: for `ChainEvent.observe`, if the chain does not find the ledger in its context. */
  readonly observer: Observer
}>()("@holdfast/llm/Usage/Ledger") {}

/**
 * Entries as lines of JSON, each with its line end, to be appended to a file. `Entry` reads them back:
 * `Schema.fromJsonString(Usage.Entry)`.
 *
 * ```ts import.meta.vitest
 * import { Usage } from "@holdfast/llm"
 * import { Effect, Stream } from "effect"
 *
 * const entry: Usage.Entry = {
 *   at: 0,
 *   provider: "ollama",
 *   model: "llama3.2",
 *   location: "local",
 *   attempt: 1,
 *   outcome: "succeeded",
 *   durationMillis: 12,
 *   outputTokens: 3
 * }
 * const lines = await Effect.runPromise(Stream.runCollect(Usage.toJsonLines(Stream.make(entry))))
 * lines[0]?.endsWith("\"durationMillis\":12,\"outputTokens\":3}\n") // => true
 * ```
 */
export const toJsonLines = <E, R>(entries: Stream.Stream<Entry, E, R>): Stream.Stream<string, E, R> =>
  Stream.map(entries, (entry) => `${JSON.stringify(entry)}\n`)

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

const optionsCheck = struct(checks)

/** Opens a ledger. Throws a `RangeError` that lists every invalid option by its path. */
export const make = (options?: Options): Effect.Effect<Ledger["Service"]> =>
  open(check("Usage.make", optionsCheck, options ?? {}))

/**
 * A layer that opens a ledger.
 *
 * ```ts import.meta.vitest
 * import { ProviderChain, Usage } from "@holdfast/llm"
 * import * as TestProvider from "@holdfast/llm/testing/TestProvider"
 * import { Effect } from "effect"
 * import { AiError, LanguageModel } from "effect/ai"
 *
 * const cloud = TestProvider.script("cloud", [TestProvider.failure(new AiError.QuotaExhaustedError({}))])
 * const spare = TestProvider.script("spare", [TestProvider.text("Hello there")], { model: "large" })
 *
 * const program = Effect.gen(function*() {
 *   yield* LanguageModel.generateText({ prompt: "Hello?" })
 *   const ledger = yield* Usage.Ledger
 *   return yield* ledger.totals
 * }).pipe(Effect.provide([
 *   ProviderChain.layer({ providers: [cloud, spare] }),
 *   Usage.layer({ prices: { large: { input: 1, output: 5 } } })
 * ]))
 *
 * const { all, byProvider } = await Effect.runPromise(program)
 * all.attempts // => 2
 * byProvider["spare"]?.inputTokens // => 10
 * all.cost // => 0.00002
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Ledger> => Layer.effect(Ledger, make(options))

/**
 * A layer that opens a ledger with the prices of `LLM_PRICES`, which is `known` for `Prices.known`, or JSON:
 * `{"gpt-5-mini":{"input":0.25,"output":2}}`, with `"known":true` in it to have the known prices for all other models.
 * `options` set the rest, and the prices if it is not set. Fails with a `ConfigError` that has the path and the reason.
 *
 * ```ts import.meta.vitest
 * import { Usage } from "@holdfast/llm"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const env = ConfigProvider.layer(ConfigProvider.fromUnknown({ LLM_PRICES: "{\"gpt-5-mini\":{\"input\":\"cheap\"}}" }))
 * const opened = Effect.provide(Usage.Ledger, Usage.layerConfig().pipe(Layer.provide(env)))
 *
 * const error = await Effect.runPromise(Effect.flip(opened))
 * error.message.includes("LLM_PRICES") // => true
 * ```
 */
export const layerConfig = (options?: Options): Layer.Layer<Ledger, Config.ConfigError> =>
  Layer.effect(
    Ledger,
    Effect.flatMap(pricesSetting, (prices) => make(prices === undefined ? options : { ...options, prices }))
  )
