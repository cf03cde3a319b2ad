/**
 * What a service that is asked too often admits.
 *
 * Guarded by `test/model.test.ts` and `test/laws.test.ts`.
 */

/** Admits requests, or says for how many milliseconds to stay away. `tokens` are those of a language model. */
export interface Limiter {
  admit(now: number, tokens: number): number
}

/** Sums of parts of a request round by less than this, so that a request is admitted just when it was told to come. */
const rounding = 1e-9

/** A bucket that fills within a minute, of requests or of tokens. A request larger than the bucket is admitted when it is full. */
class MinuteBucket {
  private readonly size: number
  private left: number
  private at = 0

  constructor(size: number) {
    this.size = size
    this.left = size
  }

  /** Milliseconds until there is room for so much. */
  wait(now: number, amount: number): number {
    if (this.size === Infinity) return 0
    this.left = Math.min(this.size, this.left + (now - this.at) * this.size / 60_000)
    this.at = now
    const missing = Math.min(amount, this.size) - this.left
    return missing <= rounding * this.size ? 0 : missing * 60_000 / this.size
  }

  take(amount: number): void {
    this.left -= amount
  }

  /** What is left, and how many milliseconds it takes until the bucket is full again; `undefined` without a limit. */
  rest(now: number): Rest | undefined {
    if (this.size === Infinity) return undefined
    this.wait(now, 0)
    return {
      limit: this.size,
      left: Math.max(0, Math.floor(this.left + rounding * this.size)),
      full: (this.size - this.left) * 60_000 / this.size
    }
  }
}

/** What is left of a limit. */
export interface Rest {
  readonly limit: number
  readonly left: number
  /** In how many milliseconds all of it is. */
  readonly full: number
}

/** The limits of an account: requests and tokens a minute. */
export class Account implements Limiter {
  private readonly requests: MinuteBucket
  private readonly tokens: MinuteBucket

  constructor(requestsPerMinute: number, tokensPerMinute: number) {
    this.requests = new MinuteBucket(requestsPerMinute)
    this.tokens = new MinuteBucket(tokensPerMinute)
  }

  admit(now: number, tokens: number): number {
    const wait = Math.max(this.requests.wait(now, 1), this.tokens.wait(now, tokens))
    if (wait > 0) return wait
    this.requests.take(1)
    this.tokens.take(tokens)
    return 0
  }

  rest(now: number): { readonly requests: Rest | undefined; readonly tokens: Rest | undefined } {
    return { requests: this.requests.rest(now), tokens: this.tokens.rest(now) }
  }
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
    if (this.tokens < 1 - rounding) return (1 - this.tokens) / this.rate
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
