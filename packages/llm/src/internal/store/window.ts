/**
 * Counts requests and an amount, such as tokens or money, over a sliding window cut into 60 slots. A slot counts until all of it has
 * left the window, so the sum is never less than that of any window, and at most a slot's more.
 *
 * Guarded by `test/store/ChainStore.test.ts`.
 */

const slots = 61

/** What sums of fractions may be off by. */
const rounding = 1e-9

interface Slot {
  readonly index: number
  requests: number
  amount: number
}

export class SlidingWindow {
  /** Milliseconds of a slot. */
  readonly width: number
  /** The oldest first. */
  private kept: Array<Slot> = []
  requests = 0
  amount = 0

  /** A window of so many milliseconds. */
  constructor(window: number) {
    this.width = window / (slots - 1)
  }

  /** Whether it has nothing to count. */
  get isEmpty(): boolean {
    return this.kept.length === 0
  }

  /** Forgets what has left the window. Returns the slot of the time. */
  advance(now: number): number {
    const index = Math.floor(now / this.width)
    const ahead = (this.kept.at(-1)?.index ?? index) - index
    // The clock went back: what was counted is as old as it was.
    if (ahead > 1) this.kept = this.kept.map((slot) => ({ ...slot, index: slot.index - ahead }))
    if ((this.kept[0]?.index ?? Infinity) > index - slots) return index
    this.kept = this.kept.filter((slot) => slot.index > index - slots)
    this.requests = 0
    this.amount = 0
    for (const { amount, requests } of this.kept) {
      this.requests += requests
      this.amount += amount
    }
    return index
  }

  /** Whether so much fits below the limits now. */
  fits(now: number, amount: number, limits: Limits): boolean {
    this.advance(now)
    return below(this.requests, this.amount, amount, limits)
  }

  /** Milliseconds until so much fits below the limits, if nothing is added; 0 where it does now. */
  wait(now: number, amount: number, limits: Limits): number {
    if (this.fits(now, amount, limits)) return 0
    let { amount: taken, requests } = this
    for (const slot of this.kept) {
      requests -= slot.requests
      taken -= slot.amount
      if (below(requests, taken, amount, limits)) return Math.max(1, Math.ceil((slot.index + slots) * this.width - now))
    }
    return Math.ceil(slots * this.width)
  }

  /** Counts a request with its amount. Returns its slot, for {@link correct}. */
  add(now: number, requests: number, amount: number): number {
    const index = this.advance(now)
    let slot = this.kept.at(-1)
    if (slot === undefined || slot.index < index) {
      slot = { index, requests: 0, amount: 0 }
      this.kept.push(slot)
    }
    slot.requests += requests
    slot.amount += amount
    this.requests += requests
    this.amount += amount
    return slot.index
  }

  /** A request took so much more than was counted, or less. If its slot has left the window, more counts from now. */
  correct(now: number, index: number, more: number): void {
    this.advance(now)
    const slot = this.kept.find((kept) => kept.index === index)
    if (slot !== undefined) {
      slot.amount += more
      this.amount += more
    } else if (more > 0) {
      this.add(now, 0, more)
    }
  }
}

/** The most in a window. An amount that is larger than `amount` by itself is let in alone if `alone` says so. */
export interface Limits {
  readonly requests: number
  readonly amount: number
  readonly alone: boolean
}

const below = (requests: number, taken: number, amount: number, limits: Limits): boolean =>
  requests + 1 <= limits.requests &&
  taken + (limits.alone ? Math.min(amount, limits.amount) : amount) <= limits.amount + rounding
