/**
 * Counts requests and tokens of the last minute in slots of a second. A slot counts until all of it has left the minute, so the
 * sum is never less than that of any window of 60 seconds, and at most a second's more.
 */

const slotMillis = 1_000
const slots = 61

interface Slot {
  readonly index: number
  requests: number
  tokens: number
}

/** What one request has put into the window. */
export interface WindowEntry {
  readonly slot: Slot
  tokens: number
}

export class RateWindow {
  private readonly requests: number
  private readonly tokens: number
  /** The oldest first. */
  private kept: Array<Slot> = []
  private sum = { requests: 0, tokens: 0 }

  constructor(requests: number, tokens: number) {
    this.requests = requests
    this.tokens = tokens
  }

  private advance(now: number): number {
    const index = Math.floor(now / slotMillis)
    // A clock that went back keeps what it counted.
    const gone = this.kept.findIndex((slot) => slot.index > index - slots)
    const old = this.kept.splice(0, gone === -1 ? this.kept.length : gone)
    for (const slot of old) {
      this.sum.requests -= slot.requests
      this.sum.tokens -= slot.tokens
    }
    return index
  }

  /**
   * Milliseconds until a request with so many tokens may be let in; 0 where it may now. A request that is larger than the limit is
   * let in alone.
   */
  wait(now: number, tokens: number): number {
    this.advance(now)
    const asked = Math.min(tokens, this.tokens)
    let { requests, tokens: taken } = this.sum
    if (requests + 1 <= this.requests && taken + asked <= this.tokens) return 0
    for (const slot of this.kept) {
      requests -= slot.requests
      taken -= slot.tokens
      if (requests + 1 <= this.requests && taken + asked <= this.tokens) {
        return Math.max(1, (slot.index + slots) * slotMillis - now)
      }
    }
    return slots * slotMillis
  }

  enter(now: number, tokens: number): WindowEntry {
    const index = this.advance(now)
    let slot = this.kept.at(-1)
    if (slot === undefined || slot.index < index) {
      slot = { index, requests: 0, tokens: 0 }
      this.kept.push(slot)
    }
    slot.requests++
    slot.tokens += tokens
    this.sum.requests++
    this.sum.tokens += tokens
    return { slot, tokens }
  }

  /** The request took other tokens than expected. More than expected counts from now, if its slot has left the window. */
  correct(entry: WindowEntry, now: number, tokens: number): void {
    this.advance(now)
    const more = tokens - entry.tokens
    entry.tokens = tokens
    if (this.kept.includes(entry.slot)) {
      entry.slot.tokens += more
      this.sum.tokens += more
    } else if (more > 0) {
      const late = this.enter(now, more)
      late.slot.requests--
      this.sum.requests--
    }
  }
}
