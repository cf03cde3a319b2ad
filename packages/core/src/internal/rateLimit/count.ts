/**
 * The counts of a rate limit as small synchronous machines. Time is an argument, in milliseconds. They count as
 * Effect's stores do, so that a process that continues without its store applies the same rule.
 *
 * Guarded by `test/rateLimit/count.test.ts`, `test/rateLimit/rateLimit.test.ts` and `test/Arguments.test.ts`.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { PolicyError, RateLimited } from "../../PolicyError.ts"
import * as Alarm from "../fiber/alarm.ts"
import { handOver } from "../fiber/handOver.ts"
import { nowOf } from "../fiber/now.ts"
import { LinkedQueue, type Member } from "../linkedQueue.ts"

export interface Rules {
  readonly algorithm: "fixed-window" | "token-bucket"
  readonly limit: number
  readonly window: number
  /** The share of the window that one call takes, in milliseconds. */
  readonly refill: number
}

/** The count of one key, and its queue. */
export class Limit {
  readonly key: string | undefined
  rules: Rules
  /** No permission is available before this, according to the last refusal. */
  nextAt = 0
  private refusedAt = 0
  // A fixed window: when it opened, and how many calls it has admitted. Each call adds its share to the length of the
  // window.
  private openedAt = 0
  private count = 0
  // A bucket: its tokens, and when the next one started to flow.
  private tokens: number
  private refilledAt = -Infinity
  private readonly waiters = new LinkedQueue<Place>()

  constructor(rules: Rules, key: string | undefined) {
    this.rules = rules
    this.key = key
    this.tokens = rules.limit
  }

  /** Counts by other rules from now on. Admitted calls still count, and waiting calls keep their places. */
  change(rules: Rules): void {
    const used = this.rules.limit - this.tokens
    this.rules = rules
    this.tokens = Math.max(0, rules.limit - used)
    this.nextAt = 0
    this.waiters.first?.retry()
  }

  /** Admits one call and returns 0, or counts nothing and returns how long to wait. */
  take(now: number): number {
    return this.rules.algorithm === "fixed-window" ? this.takeOfWindow(now) : this.takeOfBucket(now)
  }

  private get endsAt(): number {
    return this.openedAt + this.count * this.rules.window / this.rules.limit
  }

  private takeOfWindow(now: number): number {
    // If the clock was set back, the old window is over too.
    if (this.endsAt <= now || now < this.openedAt) {
      this.openedAt = now
      this.count = 0
    }
    if (this.count >= this.rules.limit) return this.endsAt - now
    this.count++
    return 0
  }

  private takeOfBucket(now: number): number {
    const { limit, refill } = this.rules
    if (now < this.refilledAt) this.refilledAt = now
    const flowed = this.flowed(now)
    if (flowed > 0) {
      this.tokens = Math.min(limit, this.tokens + flowed)
      this.refilledAt += flowed * refill
    }
    if (this.tokens >= limit) this.refilledAt = now
    if (this.tokens < 1) return refill - (now - this.refilledAt)
    this.tokens--
    return 0
  }

  /** How many tokens have flowed. The tolerance absorbs rounding errors. */
  private flowed(now: number): number {
    return Math.floor((now - this.refilledAt) / this.rules.refill + 1e-6)
  }

  /** Whether a new machine would behave the same. */
  isFresh(now: number): boolean {
    if (this.waiting > 0 || this.isRefused(now)) return false
    const { algorithm, limit } = this.rules
    return algorithm === "fixed-window" ? this.endsAt <= now : this.tokens + this.flowed(now) >= limit
  }

  /** Whether the last refusal still holds. It does not if the clock was set back since. */
  isRefused(now: number): boolean {
    return now < this.nextAt && now >= this.refusedAt
  }

  refuse(now: number, wait: number): void {
    this.refusedAt = now
    this.nextAt = now + Math.max(1, Math.ceil(wait))
  }

  /** When a call that joins the queue at `now` will be admitted, if no call leaves the queue before. */
  expectedAt(now: number): number {
    const { algorithm, limit, refill, window } = this.rules
    return (this.isRefused(now) ? this.nextAt : now) +
      (algorithm === "fixed-window" ? Math.floor(this.waiting / limit) * window : this.waiting * refill)
  }

  /** How many calls are in the queue. */
  get waiting(): number {
    return this.waiters.length
  }

  isFirst(place: Place): boolean {
    return this.waiters.first === place
  }

  enqueue(place: Place): void {
    this.waiters.join(place)
  }

  /** Takes a place out of the queue, if it is in it, and advances the new first place. */
  leave(place: Place): void {
    const wasFirst = this.isFirst(place)
    if (this.waiters.leave(place) && wasFirst) this.waiters.first?.advance()
  }
}

export type Rejection = PolicyError<RateLimited>

/** A place in the queue, with an alarm for the end of the wait. Only the first in the queue asks for a permission. */
export class Place extends Alarm.Alarm implements Member<Place> {
  before: Place | undefined = undefined
  after: Place | undefined = undefined
  /** When the wait ends. */
  readonly until: number
  private readonly limit: Limit
  private readonly reject: () => Effect.Effect<never, Rejection>
  private resume: ((effect: Effect.Effect<void, Rejection>) => void) | undefined = undefined
  /** Lets it go on, from within another call. */
  private goOn: (() => void) | undefined = undefined
  private resting = false
  private restsFrom = 0
  private restsFor = 0
  /** How long it has rested by the timers, in milliseconds. The clock may stand still or go back meanwhile. */
  rested = 0
  // The shortest next rest. It doubles while the clock does not follow the timers, so that they end the wait soon.
  private shortest = 1

  constructor(limit: Limit, until: number, reject: () => Effect.Effect<never, Rejection>) {
    super()
    this.limit = limit
    this.until = until
    this.reject = reject
  }

  /** Waits to be the first. */
  turn(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, Rejection> {
    return Effect.callback((resume) => {
      if (this.limit.isFirst(this)) return resume(Effect.void)
      this.resume = resume
      this.goOn = handOver(fiber, resume)
      Alarm.set(this, fiber, Math.max(0, this.until - nowOf(fiber)))
      return Effect.sync(() => Alarm.clear(this))
    })
  }

  advance(): void {
    Alarm.clear(this)
    this.goOn?.()
  }

  /** Makes the first in the queue wait until the limit's next permission, or until the limit changes. */
  rest(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, Rejection> {
    return Effect.callback((resume) => {
      const now = nowOf(fiber)
      if (this.restsFor > 0) this.shortest = now - this.restsFrom < this.restsFor / 2 ? 2 * this.restsFor : 1
      this.resting = true
      this.restsFrom = now
      this.restsFor = Math.max(this.shortest, this.limit.nextAt - now)
      this.resume = resume
      this.goOn = handOver(fiber, resume)
      Alarm.set(this, fiber, this.restsFor)
      return Effect.sync(() => {
        this.resting = false
        Alarm.clear(this)
      })
    })
  }

  /** Ends the wait of the first in the queue, because the rules have changed. */
  retry(): void {
    if (!this.resting) return
    this.resting = false
    Alarm.clear(this)
    this.goOn?.()
  }

  override ring(): void {
    if (this.resting) {
      this.resting = false
      this.rested += this.restsFor
      return this.resume?.(Effect.void)
    }
    this.limit.leave(this)
    this.resume?.(this.reject())
  }

  override clockFailed(cause: Cause.Cause<never>): void {
    this.resting = false
    this.limit.leave(this)
    this.resume?.(Effect.failCause(cause))
  }
}
