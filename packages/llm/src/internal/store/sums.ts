/**
 * Sums over sliding windows by key: what budgets have spent. A machine that takes the time as an argument.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */
import type { Reserved } from "./store.ts"
import { SlidingWindow } from "./window.ts"

/** How many sums a new key examines, to evict those that have nothing left to count. */
const looks = 4

/** A key and the length of its window, in milliseconds. */
export interface SumKey {
  readonly key: string
  readonly window: number
}

interface Sum {
  readonly window: SlidingWindow
  /** Since when it counts; 0 while it counts nothing. */
  madeAt: number
  /** Since when a store keeps the whole that it is a part of, as that has said. */
  wholeMadeAt: number
}

export class Sums {
  /** The least recently examined first. */
  private readonly sums = new Map<string, Sum>()

  get size(): number {
    return this.sums.size
  }

  reserve(
    now: number,
    { amount, limit, ...at }: SumKey & { readonly amount: number; readonly limit: number }
  ): Reserved {
    const sum = this.get(now, at)
    const { window } = sum
    const wait = window.wait(now, amount, { requests: Infinity, amount: limit, alone: false })
    if (wait > 0) return { _tag: "Refused", wait, sum: window.amount, madeAt: sum.madeAt }
    const slot = window.add(now, 0, amount)
    return { _tag: "Reserved", slot, sum: window.amount, madeAt: sum.madeAt ||= now }
  }

  settle(now: number, { more, slot, ...at }: SumKey & { readonly slot: number; readonly more: number }): number {
    const sum = this.get(now, at)
    sum.window.correct(now, slot, more)
    sum.madeAt ||= now
    return sum.window.amount
  }

  spent(now: number, { key, window }: SumKey): number {
    const known = this.sums.get(`${window} ${key}`)?.window
    known?.advance(now)
    return known?.amount ?? 0
  }

  /**
   * Takes since when a store keeps the whole of a sum. Returns what this process has added to it, if the store has lost what it knew, and
   * else 0.
   */
  follow(now: number, at: SumKey, madeAt: number): number {
    const sum = this.get(now, at)
    const before = sum.wholeMadeAt
    sum.wholeMadeAt = madeAt
    return before > 0 && before !== madeAt ? sum.window.amount : 0
  }

  private get(now: number, { key, window }: SumKey): Sum {
    const name = `${window} ${key}`
    const known = this.sums.get(name)
    if (known !== undefined) {
      known.window.advance(now)
      if (known.window.isEmpty) known.madeAt = 0
      return known
    }
    this.evict(now)
    const made = { window: new SlidingWindow(window), madeAt: 0, wholeMadeAt: 0 }
    this.sums.set(name, made)
    return made
  }

  private evict(now: number): void {
    let left = looks
    for (const [name, sum] of this.sums) {
      if (left-- === 0) return
      this.sums.delete(name)
      sum.window.advance(now)
      if (!sum.window.isEmpty) this.sums.set(name, sum)
    }
  }
}
