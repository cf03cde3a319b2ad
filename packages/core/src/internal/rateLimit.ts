/**
 * A rate limit as a part of a call: the counts of this process by key, the queues of those who wait, and the store.
 *
 * The counts are small synchronous machines, to which time comes in as an argument, in milliseconds. They count as
 * Effect's stores do, so that a process that goes on without its store goes on by the same rule.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import type * as Store from "effect/persistence/RateLimiter"
import { Deadline } from "../Deadline.ts"
import { PolicyError, RateLimited } from "../PolicyError.ts"
import type { Options } from "../RateLimit.ts"
import * as Alarm from "./alarm.ts"
import { integer, millis, positiveMillis } from "./argument.ts"
import { Line, type Member } from "./line.ts"

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
  readonly rules: Rules
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

type Rejection = PolicyError<RateLimited>

/** A place in the queue, with an alarm for the end of the wait. Only the first in the queue asks for a permission. */
class Place extends Alarm.Alarm implements Member<Place> {
  before: Place | undefined = undefined
  after: Place | undefined = undefined
  /** When the wait ends. */
  readonly until: number
  private readonly limit: Limit
  private readonly reject: () => Effect.Effect<never, Rejection>
  private resume: ((effect: Effect.Effect<void, Rejection>) => void) | undefined = undefined

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

  override ring(): void {
    this.limit.leave(this)
    this.resume?.(this.reject())
  }
}

// A store that has failed is left alone for a while.
const storePause = 5_000

/** The compiled options of a rate limit, with its counts by key. */
export class RateLimits {
  readonly name: string
  readonly rules: Rules
  readonly maxWait: number
  readonly queue: number
  rejections = 0
  private readonly only: Limit
  private readonly maxKeys: number
  // In the order of their last use.
  private readonly keyed = new Map<string, Limit>()
  private readonly store: Store.RateLimiter | undefined
  private readonly storeTimeout: number
  private storeFailed = false
  private storeFrom = -Infinity
  private readonly context: Context.Context<never>
  private readonly rejected: Metric.Counter<number>
  private rejection: Exit.Exit<never, Rejection> | undefined = undefined
  private rejectedFor = 0

  constructor(
    where: string,
    options: Options,
    store: Store.RateLimiter | undefined,
    context: Context.Context<never>
  ) {
    const limit = integer(where, "limit", options.limit, 1)
    const window = positiveMillis(where, "window", options.window)
    this.name = options.name ?? "rate limit"
    this.rules = { algorithm: options.algorithm ?? "fixed-window", limit, window, refill: window / limit }
    this.maxWait = millis(where, "maxWait", options.maxWait ?? 0)
    this.queue = options.queue === undefined || options.queue === Infinity
      ? Infinity
      : integer(where, "queue", options.queue, 0)
    this.maxKeys = integer(where, "maxKeys", options.maxKeys ?? 1_000, 1)
    this.storeTimeout = positiveMillis(where, "storeTimeout", options.storeTimeout ?? "1 second")
    this.only = new Limit(this.rules, undefined)
    this.store = store
    this.context = context
    this.rejected = Metric.counter("holdfast.rate_limit.rejections", {
      description: "Calls that a rate limit rejected",
      attributes: { "holdfast.policy": this.name },
      incremental: true
    })
  }

  /** The machine of a key, if there is one: asking leaves no trace. */
  peek(key: string | undefined): Limit | undefined {
    return key === undefined ? this.only : this.keyed.get(key)
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed.size
  }

  /** Lets a call through at once and without an effect, where that is possible. */
  tryAdmit(key: string | undefined, now: number): boolean {
    if (this.store !== undefined) return false
    const limit = this.get(key, now)
    if (limit.waiting > 0 || limit.isRefused(now)) return false
    const wait = limit.take(now)
    if (wait > 0) limit.refuse(now, wait)
    return wait === 0
  }

  /** Succeeds when the call may run: now, or after a wait in the queue. */
  admit(key: string | undefined): Effect.Effect<void, Rejection> {
    return Effect.withFiber((fiber) => {
      const now = nowOf(fiber)
      const limit = this.get(key, now)
      // What has been refused until later need not be asked for again, and nobody passes those who wait.
      if (limit.waiting > 0 || limit.isRefused(now)) return this.queueUp(limit, now, fiber)
      return Effect.flatMap(
        this.ask(limit),
        (wait) => wait === 0 ? Effect.void : this.queueUp(limit, nowOf(fiber), fiber)
      )
    })
  }

  /** Runs an effect when it may run. */
  run<A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string | undefined
  ): Effect.Effect<A, E | Rejection, R> {
    return Effect.withFiber<A, E | Rejection, R>((fiber) =>
      this.tryAdmit(key, nowOf(fiber)) ? self : Effect.andThen(this.admit(key), self)
    )
  }

  /** Waits in the queue, unless the wait would be too long. */
  private queueUp(limit: Limit, now: number, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, Rejection> {
    const deadline = fiber.getRef(Deadline)
    // What would be let through as the deadline passes is of no use.
    const until = Math.min(now + this.maxWait, deadline - 1)
    if (limit.expectedAt > until || limit.waiting >= this.queue) return this.reject(limit, now)
    const place = new Place(limit, until, () => this.reject(limit, nowOf(fiber)))
    // Leaving is as well for one that has not come yet, so that an interruption finds no gap.
    return Effect.onExitPrimitive(
      Effect.suspend(() => {
        limit.enqueue(place)
        return this.wait(limit, place, fiber)
      }),
      () => {
        limit.leave(place)
        return undefined
      }
    )
  }

  private readonly wait = Effect.fnUntraced({ self: this }, function*(
    this: RateLimits,
    limit: Limit,
    place: Place,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.fn.Return<void, Rejection> {
    yield* place.turn(fiber)
    for (;;) {
      const now = nowOf(fiber)
      // Others, here or elsewhere, may have been let through meanwhile.
      if (limit.nextAt > place.until) {
        limit.leave(place)
        return yield* this.reject(limit, now)
      }
      if (limit.isRefused(now)) yield* Effect.sleep(limit.nextAt - now)
      if ((yield* this.ask(limit)) === 0) return
    }
  })

  /** Asks for one permission: 0, or how long to wait before it is worth asking again. */
  private ask(limit: Limit): Effect.Effect<number> {
    const { store } = this
    return Effect.suspend(() => store === undefined ? this.askHere(limit) : this.askStore(store, limit))
  }

  private askHere(limit: Limit): Effect.Effect<number> {
    return Effect.map(Clock.currentTimeMillis, (now) => {
      const wait = limit.take(now)
      if (wait > 0) limit.refuse(now, wait)
      return wait
    })
  }

  private readonly askStore = Effect.fnUntraced({ self: this }, function*(
    this: RateLimits,
    store: Store.RateLimiter,
    limit: Limit
  ): Effect.fn.Return<number> {
    const { algorithm, limit: calls, window } = this.rules
    const deadline = yield* Deadline
    const askedAt = yield* Clock.currentTimeMillis
    if (askedAt < this.storeFrom) return yield* this.askHere(limit)
    // One call tries a store that has failed; the others do not wait for what comes of it.
    if (this.storeFailed) this.storeFrom = askedAt + storePause
    const exit = yield* store.consume({
      algorithm,
      onExceeded: "fail",
      window,
      limit: calls,
      key: limit.key === undefined ? this.name : `${this.name}:${limit.key}`
    }).pipe(
      Effect.timeoutOrElse({
        duration: Math.max(0, Math.min(this.storeTimeout, deadline - askedAt)),
        orElse: () => Effect.fail(timedOut)
      }),
      Effect.exit
    )
    const now = yield* Clock.currentTimeMillis
    const refusal = refusalOf(exit)
    if (Exit.isSuccess(exit) || refusal !== undefined) {
      this.storeFailed = false
      this.storeFrom = -Infinity
      if (refusal !== undefined) {
        limit.refuse(now, refusal)
        return refusal
      }
      // The count of this process follows, so that it is of use when the store is not.
      limit.take(now)
      return 0
    }
    const late = Cause.squash(exit.cause) === timedOut
    // A call in a hurry says nothing of the store.
    if (late && now - askedAt < this.storeTimeout) return yield* this.askHere(limit)
    if (!this.storeFailed) {
      const why = late
        ? `did not answer in ${Duration.format(Duration.millis(this.storeTimeout))}`
        : "failed"
      yield* Effect.logWarning(
        `${this.name}: the rate limit's store ${why}; calls go on with this process's own count`
      )
    }
    this.storeFailed = true
    this.storeFrom = now + storePause
    return yield* this.askHere(limit)
  })

  /** Counts a rejection and makes its error. Calls that are told of the same wait are told so by the same error. */
  private reject(limit: Limit, now: number): Exit.Exit<never, Rejection> {
    this.rejections++
    this.rejected.updateUnsafe(1, this.context)
    const wait = Math.max(1, Math.ceil(limit.expectedAt - now))
    if (this.rejection === undefined || this.rejectedFor !== wait) {
      this.rejectedFor = wait
      this.rejection = Exit.fail(new PolicyError({ reason: new RateLimited({ retryAfter: Duration.millis(wait) }) }))
    }
    return this.rejection
  }

  /** The machine of a key. It has to be used before anything else runs, or it may be dropped. */
  private get(key: string | undefined, now: number): Limit {
    if (key === undefined) return this.only
    let limit = this.keyed.get(key)
    if (limit === undefined) {
      this.makeRoom(now)
      limit = new Limit(this.rules, key)
    } else {
      this.keyed.delete(key)
    }
    this.keyed.set(key, limit)
    return limit
  }

  // Looks at a few machines, oldest first, so that a flood of new keys costs each call the same. Fresh ones go, which
  // loses nothing; when there is no room those without a queue go too, and their counts with them.
  private makeRoom(now: number): void {
    let looks = 8
    for (const [key, limit] of this.keyed) {
      const full = this.keyed.size >= this.maxKeys
      if (limit.isFresh(now) || (full && limit.waiting === 0)) this.keyed.delete(key)
      else if (!full) return
      if (--looks === 0) return
    }
  }
}

const timedOut = { _tag: "StoreTimeout" } as const

/** How long to wait, where the store has refused; `undefined` where it has not. */
const refusalOf = (
  exit: Exit.Exit<unknown, Store.RateLimiterError | typeof timedOut>
): number | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  return error !== undefined && "reason" in error && error.reason._tag === "RateLimitExceeded"
    ? Math.max(1, Duration.toMillis(error.reason.retryAfter))
    : undefined
}

const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
