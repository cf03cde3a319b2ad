/**
 * A ledger in memory. `Usage` and `UsageSql` open one.
 *
 * Guarded by `test/Usage.test.ts` and `test/laws.test.ts`.
 */
import * as Arguments from "@holdfast/core/Arguments"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { ChainEvent } from "../../ChainEvent.ts"
import type { Entry } from "./entry.ts"
import { entryOf } from "./entry.ts"
import type { Price } from "./price.ts"
import { priceCheck } from "./price.ts"
import type { Prices } from "./prices/prices.ts"
import { isPrices } from "./prices/prices.ts"
import type { Total } from "./totals.ts"
import { add, plus, zero } from "./totals.ts"

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

export const checks = {
  capacity: Arguments.optional(Arguments.integer({ min: 1 }), 1000),
  prices: Arguments.optional(Arguments.or(isPrices, Arguments.record(priceCheck)), {})
}

/** Opens a ledger with options that have been checked. `also` takes each new entry. */
export const open = (
  { capacity, prices }: { readonly capacity: number; readonly prices: NonNullable<Options["prices"]> },
  also?: (entry: Entry) => void
) =>
  Effect.gen(function*() {
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
      also?.(entry)
    }

    return {
      entries: Effect.sync((): ReadonlyArray<Entry> => last.slice(-capacity)),
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
      observer: (event: ChainEvent) => {
        if (
          event._tag === "AttemptSucceeded" || event._tag === "AttemptFailed" || event._tag === "AttemptInterrupted"
        ) {
          write(entryOf(event, prices))
        }
      }
    }
  })
