/**
 * Quantiles of a stream of durations in constant memory.
 *
 * **When to use**
 *
 * Use it for the latencies of a simulation or a load test, where all values are too many to keep.
 *
 * **Details**
 *
 * A value is counted in the bucket of its exponent and the first seven bits of its mantissa, as an HDR histogram does,
 * so a quantile is at most 0.4 % from the value that it stands for. Counting takes no logarithm and gives the same
 * result in every engine.
 *
 * **Gotchas**
 *
 * - The quantiles take a value below half a microsecond as 0.
 * - Without values, the mean and the quantiles are `NaN`, and the maximum is 0.
 *
 * **Example**
 *
 * See {@link Histogram}.
 */

/** The bits of the mantissa that choose a bucket. */
const bits = 7
const perExponent = 1 << bits
/** Values from 2 ** -11 to 2 ** 53 milliseconds have buckets of their own. */
const lowest = -11
const size = 64 * perExponent

const float = new Float64Array(1)
const words = new Uint32Array(float.buffer)
// The word with the exponent: the second on the little-endian machines that JavaScript runs on.
const high = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0
const shift = 20 - bits
const first = (1023 + lowest) << bits

const bucketOf = (value: number): number => {
  if (!(value > 0)) return 0
  float[0] = value
  return Math.min(size - 1, Math.max(0, (words[high]! >>> shift) - first))
}

/** The middle of a bucket. */
const valueOf = (bucket: number): number => {
  const exponent = lowest + Math.floor(bucket / perExponent)
  return 2 ** exponent * (1 + (bucket % perExponent + 0.5) / perExponent)
}

/**
 * Counts values.
 *
 * ```ts import.meta.vitest
 * import { Histogram } from "@holdfast/simulator"
 *
 * const histogram = new Histogram.Histogram()
 * for (let i = 1; i <= 1_000; i++) histogram.add(i)
 *
 * histogram.count // => 1_000
 * histogram.mean // => 500.5
 * Math.abs(histogram.quantile(0.99) - 990) / 990 < 0.004 // => true
 * ```
 */
export class Histogram {
  private readonly counts = new Float64Array(size)
  count = 0
  sum = 0
  /** The greatest value, exactly. 0 if there is no value. */
  max = 0

  /** Counts a value in milliseconds. A value below zero counts as zero. */
  add(value: number): void {
    this.counts[bucketOf(value)]!++
    this.count++
    this.sum += value
    if (value > this.max) this.max = value
  }

  /** `NaN` if there is no value. */
  get mean(): number {
    return this.sum / this.count
  }

  /** The value below which a share of the values lies; `NaN` without values. */
  quantile(share: number): number {
    if (this.count === 0) return NaN
    const rank = Math.max(1, Math.ceil(share * this.count))
    if (rank === this.count) return this.max
    let seen = 0
    for (let bucket = 0; bucket < size; bucket++) {
      seen += this.counts[bucket]!
      if (seen >= rank) return bucket === 0 ? 0 : Math.min(this.max, valueOf(bucket))
    }
    return this.max
  }

  /** Counts the values of another histogram too. */
  merge(other: Histogram): void {
    if (other.count === 0) return
    for (let bucket = 0; bucket < size; bucket++) this.counts[bucket]! += other.counts[bucket]!
    this.count += other.count
    this.sum += other.sum
    this.max = Math.max(this.max, other.max)
  }

  /** Forgets all values. */
  clear(): void {
    if (this.count === 0) return
    this.counts.fill(0)
    this.count = this.sum = this.max = 0
  }
}
