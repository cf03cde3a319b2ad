/**
 * A retry budget as a small synchronous state machine. Time comes in as an argument, in milliseconds, so that the budget's
 * own effects, the fused policy, a store and a simulator drive the same machine.
 *
 * Guarded by `test/peers/budgets.test.ts` and `test/RetryBudget.test.ts`.
 */

// Tower cuts the window into ten slots too. A call counts while it is in the ten newest, which are never more than a window, and
// a retry while it is in the eleven newest, which are never less: the budget errs on the side of the dependency.
const slots = 10
const ring = slots + 1

// What sums of fractions like 0.1 may be short of a whole by.
const rounding = 1e-9

/** Counts calls and retries of one window, and says whether there may be one more retry. */
export class RetryBudget {
  readonly ratio: number
  readonly reserve: number
  /** In milliseconds. */
  readonly window: number
  private readonly width: number
  private readonly calls = new Float64Array(ring)
  private readonly retries = new Float64Array(ring)
  private callsCounted = 0
  private retriesCounted = 0
  private newest = 0
  private tick = NaN

  constructor(ratio: number, reserve: number, window: number) {
    this.ratio = ratio
    this.reserve = reserve
    this.window = window
    this.width = window / slots
  }

  /** Counts calls, each of which pays for `ratio` retries. */
  deposit(now: number, calls = 1): void {
    this.advance(now)
    this.calls[this.newest] = (this.calls[this.newest] ?? 0) + calls
    this.callsCounted += calls
  }

  /** Takes a retry if the balance has one. */
  tryWithdraw(now: number): boolean {
    this.advance(now)
    if (this.left() < 1) return false
    this.record(now)
    return true
  }

  /** At once, as the machine always answers. */
  tryWithdrawHere(now: number): boolean {
    return this.tryWithdraw(now)
  }

  /** Counts retries that were allowed elsewhere. */
  record(now: number, retries = 1): void {
    this.advance(now)
    this.retries[this.newest] = (this.retries[this.newest] ?? 0) + retries
    this.retriesCounted += retries
  }

  /** Goes on from what another has counted, if its window is as long: a count means nothing for another window. */
  resume(other: RetryBudget): void {
    if (other.window !== this.window) return
    this.calls.set(other.calls)
    this.retries.set(other.retries)
    this.callsCounted = other.callsCounted
    this.retriesCounted = other.retriesCounted
    this.newest = other.newest
    this.tick = other.tick
  }

  /** How many retries there may be now. */
  balance(now: number): number {
    this.advance(now)
    return Math.max(0, Math.floor(this.left()))
  }

  private left(): number {
    return this.reserve + this.ratio * this.callsCounted - this.retriesCounted + rounding
  }

  private advance(now: number): void {
    const tick = Math.floor(now / this.width)
    if (tick === this.tick) return
    // The first time there is nothing to move, and a clock that was set back stands still.
    const steps = Math.min(ring, tick - this.tick)
    this.tick = tick
    for (let step = 0; step < steps; step++) {
      this.newest = (this.newest + 1) % ring
      this.retriesCounted -= this.retries[this.newest] ?? 0
      this.retries[this.newest] = 0
      const oldest = (this.newest + 1) % ring
      this.callsCounted -= this.calls[oldest] ?? 0
      this.calls[oldest] = 0
    }
  }
}
