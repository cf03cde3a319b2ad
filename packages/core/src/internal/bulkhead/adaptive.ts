/**
 * A bulkhead whose limit follows the latency of its calls.
 *
 * Guarded by `test/bulkhead/adaptive.test.ts` and `test/keyed.test.ts`.
 */
import { Bulkhead } from "./queue.ts"

/** The rules of an adaptive limit. */
export interface Bounds {
  readonly min: number
  readonly max: number
  readonly initial: number
  readonly tolerance: number
  /** How long to measure before the limit changes, in milliseconds. */
  readonly window: number
}

// How many calls a window needs to be meaningful (WindowedLimit has the same ten).
const enough = 10

// After how many windows at the limit the latency without load is measured again. The first measurement had an unknown
// load, so the next comes soon, and the interval then doubles. Once it is `lastLook` windows, the latency counts as
// known and is measured only while it holds the limit down.
const firstLook = 5
const lastLook = 60

/**
 * Netflix's gradient. The windows, the tolerance and the square root are theirs; three things differ:
 *
 * - A window lasts at least two latencies, so that each change sees the effect of the last one.
 * - A dropped call shrinks the limit by its share of the window. Theirs cuts at the first drop, so a thousand calls a
 *   second with one timeout would end at the minimum.
 * - The latency without load is measured for one window at a quarter of the limit, which is then restored, as in BBR;
 *   after the first minutes only while it holds the limit down. Theirs measures at intervals, and climbs from the
 *   square root.
 */
export class AdaptiveBulkhead extends Bulkhead {
  override adapts = true
  readonly bounds: Bounds
  /** The limit before it is rounded down. */
  private estimate: number
  /** The best known latency without load. */
  private base = Infinity
  /** The latency in the last window. */
  private latency = 0
  private interval = firstLook
  private movesToLook = firstLook
  private looking = false
  private startedAt = NaN
  private calls = 0
  private drops = 0
  private total = 0
  private peak = 0

  constructor(bounds: Bounds, queue: number) {
    super(bounds.initial, queue)
    this.bounds = bounds
    this.estimate = bounds.initial
  }

  override settle(now: number, latency: number, dropped: boolean): void {
    const startedAt = now - latency
    // The first call opens the first window, and a clock that was set back opens another.
    if (!(now >= this.startedAt)) this.open(startedAt)
    // A call that began under the full limit says nothing about the latency without load.
    if (this.looking && startedAt < this.startedAt) return
    this.calls++
    if (dropped) this.drops++
    else this.total += latency
    if (this.running > this.peak) this.peak = this.running
    if (this.calls < enough || now - this.startedAt < Math.max(this.bounds.window, 2 * this.latency)) return
    this.move()
    this.open(now)
  }

  override forget(): void {
    this.limit = this.estimate = this.bounds.initial
    this.base = Infinity
    this.latency = 0
    this.interval = this.movesToLook = firstLook
    this.looking = false
    this.open(NaN)
  }

  private open(now: number): void {
    this.startedAt = now
    this.calls = 0
    this.drops = 0
    this.total = 0
    this.peak = 0
  }

  private move(): void {
    const answers = this.calls - this.drops
    if (answers > 0) {
      // The clock's resolution is a millisecond, and a shorter queue does no harm.
      this.latency = Math.max(1, this.total / answers)
      this.base = this.looking ? this.latency : Math.min(this.base, this.latency)
    }
    if (this.looking) {
      this.looking = false
      this.interval = Math.min(lastLook, this.interval * 2)
      this.movesToLook = this.interval
      this.limit = Math.floor(this.estimate)
      return
    }
    const dropped = this.drops / this.calls
    const headroom = Math.sqrt(this.estimate)
    // While callers leave permits unused, nothing shows whether more are needed.
    if (dropped === 0 && this.peak + headroom < this.estimate) return
    const gradient = answers === 0 ? 1 : Math.min(1, this.bounds.tolerance * this.base / this.latency)
    const next = this.estimate * Math.max(0.5, gradient - dropped) + headroom * (1 - dropped)
    const smooth = next < this.estimate ? this.estimate * 0.8 + next * 0.2 : next
    this.estimate = Math.min(this.bounds.max, Math.max(this.bounds.min, smooth))
    this.limit = Math.floor(this.estimate)
    if (gradient === 1 && this.interval === lastLook) {
      this.movesToLook = this.interval
    } else if (--this.movesToLook === 0) {
      this.looking = true
      this.limit = Math.max(this.bounds.min, Math.floor(this.estimate / 4))
    }
  }
}
