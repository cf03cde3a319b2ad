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
 * Usage is recorded as the provider reports it. A stream that broke off before its usage arrived has an entry without tokens, and the
 * bill may differ.
 *
 * **Example**
 *
 * See {@link Ledger} and {@link layer}.
 */
import { check, integer, optional, or, record, struct } from "@holdfast/core/Arguments"
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Observer } from "./ChainEvent.ts"
import * as Setting from "./internal/config/environment.ts"
import { Entry, entryOf } from "./internal/usage/entry.ts"
import type { Price } from "./internal/usage/price.ts"
import { priceCheck } from "./internal/usage/price.ts"
import type { Prices } from "./internal/usage/prices/prices.ts"
import { fromData, isPrices, PricesData } from "./internal/usage/prices/prices.ts"
import type { Total, Totals } from "./internal/usage/totals.ts"
import { add, plus, zero } from "./internal/usage/totals.ts"

export { Entry, entryOf } from "./internal/usage/entry.ts"
export type { Ended } from "./internal/usage/entry.ts"
export { Price } from "./internal/usage/price.ts"
export { CurrentTags, withTags } from "./internal/usage/tags.ts"
export type { Tags } from "./internal/usage/tags.ts"
export { sum, zero } from "./internal/usage/totals.ts"
export type { Total, Totals } from "./internal/usage/totals.ts"

/** Options of a ledger. */
export interface Options {
  /**
   * Prices by model, or by `provider/model` where one model has several; or `Prices.known`, those that vendors publish. Default:
   * none, so that no cost is taken for true that the program did not ask for.
   */
  readonly prices?: Readonly<Record<string, Price>> | Prices | undefined
  /**
   * The number of entries kept, and how far a reader of the stream may lag before it misses the oldest. Default: 1000.
   */
  readonly capacity?: number | undefined
}

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

const ledgerOptions = struct({
  capacity: optional(integer({ min: 1 }), 1000),
  prices: optional(or(isPrices, record(priceCheck)), {})
})

/** Opens a ledger. Throws a `RangeError` that lists every invalid option by its path. */
export const make = (options?: Options): Effect.Effect<Ledger["Service"]> => {
  const { capacity, prices } = check("Usage.make", ledgerOptions, options ?? {})
  return Effect.gen(function*() {
    const written = yield* PubSub.sliding<Entry>(capacity)
    const byModel = new Map<string, { readonly provider: string; total: Total }>()
    let all = zero
    let last: Array<Entry> = []

    const write = (entry: Entry) => {
      const key = `${entry.provider}/${entry.model}`
      const known = byModel.get(key)
      if (known === undefined) byModel.set(key, { provider: entry.provider, total: plus(zero, entry) })
      else known.total = plus(known.total, entry)
      all = plus(all, entry)
      last.push(entry)
      // Cut in halves, so that a full ledger does not move all entries for each new one.
      if (last.length >= 2 * capacity) last = last.slice(-capacity)
      PubSub.publishUnsafe(written, entry)
    }

    return {
      entries: Effect.sync(() => last.slice(-capacity)),
      totals: Effect.sync(() => {
        const byProvider: Record<string, Total> = {}
        for (const { provider, total } of byModel.values()) {
          byProvider[provider] = add(byProvider[provider] ?? zero, total)
        }
        return {
          all,
          byProvider,
          byModel: Object.fromEntries(Array.from(byModel, ([key, { total }]) => [key, total]))
        }
      }),
      stream: Stream.fromPubSub(written),
      observer: (event) => {
        if (
          event._tag === "AttemptSucceeded" || event._tag === "AttemptFailed" || event._tag === "AttemptInterrupted"
        ) {
          write(entryOf(event, prices))
        }
      }
    }
  })
}

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

const decodeTable = Schema.decodeUnknownEffect(Schema.fromJsonString(PricesData))

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
    Effect.gen(function*() {
      const json = Option.getOrUndefined(yield* Setting.text("LLM_PRICES"))
      if (json === undefined) return yield* make(options)
      const data = json === "known" ? json : yield* Effect.mapError(
        decodeTable(json, { onExcessProperty: "error", errors: "all" }),
        (error) => Setting.fail(`LLM_PRICES cannot be read: ${error.message}`, error)
      )
      return yield* make({ ...options, prices: yield* Effect.promise(() => fromData(data)) })
    })
  )
