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

export class Sums {
  /** The least recently examined first. */
  private readonly windows = new Map<string, SlidingWindow>()

  get size(): number {
    return this.windows.size
  }

  reserve(
    now: number,
    { amount, limit, ...at }: SumKey & { readonly amount: number; readonly limit: number }
  ): Reserved {
    const window = this.get(now, at)
    const wait = window.wait(now, amount, { requests: Infinity, amount: limit, alone: false })
    if (wait > 0) return { _tag: "Refused", wait, sum: window.amount }
    const slot = window.add(now, 0, amount)
    return { _tag: "Reserved", slot, sum: window.amount }
  }

  settle(now: number, { more, slot, ...at }: SumKey & { readonly slot: number; readonly more: number }): number {
    const window = this.get(now, at)
    window.correct(now, slot, more)
    return window.amount
  }

  spent(now: number, { key, window }: SumKey): number {
    const known = this.windows.get(`${window} ${key}`)
    known?.advance(now)
    return known?.amount ?? 0
  }

  private get(now: number, { key, window }: SumKey): SlidingWindow {
    const name = `${window} ${key}`
    const known = this.windows.get(name)
    if (known !== undefined) return known
    this.evict(now)
    const made = new SlidingWindow(window)
    this.windows.set(name, made)
    return made
  }

  private evict(now: number): void {
    let left = looks
    for (const [name, window] of this.windows) {
      if (left-- === 0) return
      this.windows.delete(name)
      window.advance(now)
      if (!window.isEmpty) this.windows.set(name, window)
    }
  }
}
