/**
 * The counts of a rate limit as small synchronous machines, to which time comes in as an argument, in milliseconds. They
 * count as Effect's stores do, so that a process that goes on without its store goes on by the same rule.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { PolicyError, RateLimited } from "../../PolicyError.ts"
import { nowOf } from "../call/now.ts"
import * as Alarm from "../fiber/alarm.ts"
import { Line, type Member } from "../linkedQueue.ts"

export interface Rules {
  readonly algorithm: "fixed-window" | "token-bucket"
  readonly limit: number
  readonly window: number
  /** What one call takes of the window. */
  readonly refill: number
}

/** The count of one key, and its queue. */
export class Limit {
  readonly key: string | undefined
  rules: Rules
  /** Before this nothing is to be had, as the last refusal has said. */
  nextAt = 0
  private refusedAt = 0
  // A fixed window: when it was opened, and what it has let through. Each call adds its share to the length of the
  // window.
  private openedAt = 0
  private count = 0
  // A bucket: what is in it, and since when the next token flows.
  private tokens: number
  private refilledAt = -Infinity
  private readonly line = new Line<Place>()

  constructor(rules: Rules, key: string | undefined) {
    this.rules = rules
    this.key = key
    this.tokens = rules.limit
  }

  /** Counts by other rules from now on. What has been let through still counts, and those who wait keep their places. */
  change(rules: Rules): void {
    const used = this.rules.limit - this.tokens
    this.rules = rules
    this.tokens = Math.max(0, rules.limit - used)
    this.nextAt = 0
    this.line.first?.retry()
  }

  /** Lets one call through and gives 0, or says how long none will be and counts nothing. */
  take(now: number): number {
    return this.rules.algorithm === "fixed-window" ? this.takeOfWindow(now) : this.takeOfBucket(now)
  }

  private get endsAt(): number {
    return this.openedAt + this.count * this.rules.window / this.rules.limit
  }

  private takeOfWindow(now: number): number {
    // A window from before the clock was set back is over too.
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

  /** How many tokens have flowed. What is missing by less than a clock can tell has flowed as well. */
  private flowed(now: number): number {
    return Math.floor((now - this.refilledAt) / this.rules.refill + 1e-6)
  }

  /** Whether a machine that was made now would do the same. */
  isFresh(now: number): boolean {
    if (this.waiting > 0 || this.isRefused(now)) return false
    const { algorithm, limit } = this.rules
    return algorithm === "fixed-window" ? this.endsAt <= now : this.tokens + this.flowed(now) >= limit
  }

  /** Whether asking is in vain. A refusal from before the clock was set back says nothing. */
  isRefused(now: number): boolean {
    return now < this.nextAt && now >= this.refusedAt
  }

  refuse(now: number, wait: number): void {
    this.refusedAt = now
    this.nextAt = now + Math.max(1, Math.ceil(wait))
  }

  /** When one who joins the queue now will be let through, if nobody leaves it before. */
  get expectedAt(): number {
    const { algorithm, limit, refill, window } = this.rules
    return this.nextAt +
      (algorithm === "fixed-window" ? Math.floor(this.waiting / limit) * window : this.waiting * refill)
  }

  /** How many calls are in the queue. */
  get waiting(): number {
    return this.line.length
  }

  isFirst(place: Place): boolean {
    return this.line.first === place
  }

  enqueue(place: Place): void {
    this.line.join(place)
  }

  /** Takes a place out of the queue, if it is in it, and tells the one that becomes the first. */
  leave(place: Place): void {
    const wasFirst = this.isFirst(place)
    if (this.line.leave(place) && wasFirst) this.line.first?.advance()
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
  private resting = false

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
      Alarm.set(this, fiber, Math.max(0, this.until - nowOf(fiber)))
      return Effect.sync(() => Alarm.clear(this))
    })
  }

  advance(): void {
    Alarm.clear(this)
    // A fiber goes on within `resume`: without the yield it would run before the one that was let through.
    this.resume?.(Effect.yieldNow)
  }

  /** The first in the queue rests for so long, or until the limit changes. */
  rest(fiber: Fiber.Fiber<unknown, unknown>, millis: number): Effect.Effect<void, Rejection> {
    return Effect.callback((resume) => {
      this.resting = true
      this.resume = resume
      Alarm.set(this, fiber, millis)
      return Effect.sync(() => {
        this.resting = false
        Alarm.clear(this)
      })
    })
  }

  /** Ends the rest of the first in the queue. */
  retry(): void {
    if (!this.resting) return
    this.resting = false
    Alarm.clear(this)
    this.resume?.(Effect.void)
  }

  override ring(): void {
    if (this.resting) return this.retry()
    this.limit.leave(this)
    this.resume?.(this.reject())
  }
}
