/**
 * The latency of calls, whose quantile says when to hedge.
 *
 * Guarded by `test/Hedge.test.ts` and `test/keyed.test.ts`.
 */
import type { Quantile } from "./options.ts"

// Exact up to 32 ms, then 16 buckets for each power of two, so that a latency is known to a sixteenth, up to 70
// minutes.
const exact = 32
const buckets = exact + 17 * 16
const longest = 2 ** 22 - 1

const bucketOf = (latency: number): number => {
  const value = Math.max(0, Math.min(longest, Math.floor(latency)))
  if (value < exact) return value
  const power = 31 - Math.clz32(value)
  return exact + (power - 5) * 16 + ((value >>> (power - 4)) & 15)
}

/** The largest latency of a bucket. */
const topOf = (bucket: number): number => {
  if (bucket < exact) return bucket
  const power = 5 + ((bucket - exact) >> 4)
  return ((17 + ((bucket - exact) & 15)) << (power - 4)) - 1
}

/**
 * A quantile of the latencies of the last window. Tower keeps two histograms that change places; as the quantile is
 * taken only when they do, one histogram and its last answer say the same.
 */
export class Latencies {
  /** The quantile, or `Infinity` until there is one. */
  quantile = Infinity
  /** When a call last asked for it. */
  usedAt = -Infinity
  private readonly rules: Quantile
  private readonly counts = new Uint32Array(buckets)
  private total = 0
  private startedAt = NaN

  constructor(rules: Quantile) {
    this.rules = rules
  }

  record(now: number, latency: number): void {
    // The first latency opens the first window, and a clock that was set back opens another.
    if (!(now >= this.startedAt)) this.open(now)
    const bucket = bucketOf(latency)
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.total++
    const { max, min, minimumCalls, quantile, window } = this.rules
    if (this.total < minimumCalls || (this.quantile !== Infinity && now - this.startedAt < window)) return
    this.quantile = Math.min(max, Math.max(min, topOf(this.bucketAt(quantile))))
    this.open(now)
  }

  /**
   * Records a first attempt that has not succeeded, if it has exceeded the delay. It would have taken longer still, so it
   * counts as a little more than the delay at least: were it left out, or counted as what it took, the quantile could only
   * sink, and with every hedge there would be more of them.
   */
  lost(now: number, took: number, delay: number): void {
    if (took >= delay) this.record(now, Math.max(took, 1 + delay * 17 / 16))
  }

  /** Starts over, as new latencies do. */
  forget(): void {
    this.quantile = Infinity
    this.open(NaN)
  }

  private bucketAt(quantile: number): number {
    const rank = Math.ceil(quantile * this.total)
    let below = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      below += this.counts[bucket] ?? 0
      if (below >= rank) return bucket
    }
    return buckets - 1
  }

  private open(now: number): void {
    this.counts.fill(0)
    this.total = 0
    this.startedAt = now
  }
}
