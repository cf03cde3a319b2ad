/**
 * What a service that is asked too often admits.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */

/** Admits requests, or says for how many milliseconds to stay away. */
export interface Limiter {
  admit(now: number): number
}

/** A bucket of one second: `rate` requests a second, and as many at once. */
export class TokenBucket implements Limiter {
  private readonly rate: number
  private readonly size: number
  private tokens: number
  private at: number

  constructor(ratePerSecond: number, now: number) {
    this.rate = ratePerSecond / 1_000
    this.size = Math.max(1, ratePerSecond)
    this.tokens = this.size
    this.at = now
  }

  admit(now: number): number {
    this.tokens = Math.min(this.size, this.tokens + (now - this.at) * this.rate)
    this.at = now
    if (this.tokens < 1) return (1 - this.tokens) / this.rate
    this.tokens--
    return 0
  }
}

/** `requests` in each window. */
export class Window implements Limiter {
  private readonly requests: number
  private readonly window: number
  private from: number
  private admitted = 0

  constructor(requests: number, window: number, now: number) {
    this.requests = requests
    this.window = window
    this.from = now
  }

  admit(now: number): number {
    const passed = Math.floor((now - this.from) / this.window)
    if (passed > 0) {
      this.from += passed * this.window
      this.admitted = 0
    }
    if (this.admitted >= this.requests) return this.from + this.window - now
    this.admitted++
    return 0
  }
}
