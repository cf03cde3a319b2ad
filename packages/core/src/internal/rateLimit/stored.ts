/**
 * A rate limit as a part of a call: the counts of this process by key, the queues of waiting calls, and the store.
 *
 * Guarded by `test/rateLimit/rateLimit.test.ts` and `test/rateLimit/count.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Store from "effect/persistence/RateLimiter"
import { PolicyError, RateLimited } from "../../PolicyError.ts"
import { deadlineOf } from "../call/deadline.ts"
import { nowOf } from "../fiber/now.ts"
import { Keyed, type Loss } from "../keyed.ts"
import { Limit, Place, type Rejection, type Rules } from "./count.ts"
import { defaults, type RateLimitOptions } from "./options.ts"

// How long a failed store is skipped, in milliseconds.
const storePause = 5_000

/** The compiled options of a rate limit, with its counts by key. */
export class RateLimits {
  readonly name: string
  readonly rules: Rules
  readonly maxWait: number
  readonly queue: number
  rejections = 0
  private only: Limit
  private readonly keyed: Keyed<Limit>
  private readonly store: Store.RateLimiter | undefined
  private readonly storeTimeout: number
  private storeFailed = false
  private storeFrom = -Infinity
  private readonly context: Context.Context<never>
  private readonly rejected: Metric.Counter<number>
  private rejection: Exit.Exit<never, Rejection> | undefined = undefined
  private rejectedFor = 0

  constructor(
    options: RateLimitOptions,
    store: Store.RateLimiter | undefined,
    context: Context.Context<never>
  ) {
    const { algorithm, limit, window } = options
    this.name = options.name ?? defaults.name
    this.rules = { algorithm, limit, window, refill: window / limit }
    this.maxWait = options.maxWait
    this.queue = options.queue
    this.keyed = new Keyed(options.maxKeys, { create: (key) => new Limit(this.rules, key), lossOf })
    this.storeTimeout = options.storeTimeout
    this.only = new Limit(this.rules, undefined)
    this.store = store
    this.context = context
    this.rejected = Metric.counter("holdfast.rate_limit.rejections", {
      description: "Calls that a rate limit rejected",
      attributes: { "holdfast.policy": this.name, unit: "{call}" },
      incremental: true
    })
  }

  /** The machine of a key, if there is one. Changes nothing. */
  peek(key: string | undefined): Limit | undefined {
    return key === undefined ? this.only : this.keyed.peek(key)
  }

  /** Takes over the counts and queues of another limit, which follows these rules from now on. */
  takeOver(other: RateLimits): void {
    this.only = other.only
    this.keyed.share(other.keyed)
    for (const limit of [this.only, ...this.keyed.values()]) limit.change(this.rules)
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed.size
  }

  /** Admits a call at once and without an effect, if possible. */
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
      // Do not ask again before the refused time is over, and do not overtake waiting calls.
      if (limit.waiting > 0 || limit.isRefused(now)) return this.queueUp(limit, now, fiber)
      return Effect.flatMap(
        this.ask(limit),
        (wait) => wait === 0 ? Effect.void : this.queueUp(limit, nowOf(fiber), fiber)
      )
    })
  }

  /** Waits in the queue, unless the wait would be too long. */
  private queueUp(limit: Limit, now: number, fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, Rejection> {
    const deadline = deadlineOf(fiber)
    // A call admitted as the deadline passes is useless.
    const until = Math.min(now + this.maxWait, deadline - 1)
    if (limit.expectedAt(now) > until || limit.waiting >= this.queue) return this.reject(limit, now)
    const place = new Place(limit, until, () => this.reject(limit, nowOf(fiber)))
    // Leaving is safe before joining, so that an interruption finds no gap.
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
      if (!limit.isRefused(nowOf(fiber)) && (yield* this.ask(limit)) === 0) return
      // Other calls, here or in another process, may have been admitted meanwhile. Under a clock that stands still, such as a
      // faked `Date`, the wait has an end too: timers that ring a little early do not add up to twice the time.
      const now = nowOf(fiber)
      if (Math.max(limit.nextAt, now) > place.until || place.rested > 2 * this.maxWait) {
        limit.leave(place)
        return yield* this.reject(limit, now)
      }
      yield* place.rest(fiber)
    }
  })

  /** Asks for one permission: 0, or how long to wait before it is worth asking again. */
  private ask(limit: Limit): Effect.Effect<number> {
    const { store } = this
    return Effect.suspend(() => store === undefined ? this.askHere(limit) : this.askStore(store, limit))
  }

  private askHere(limit: Limit): Effect.Effect<number> {
    return Effect.map(currentTime, (now) => {
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
    const deadline = yield* Effect.withFiber((fiber) => Effect.succeed(deadlineOf(fiber)))
    const askedAt = yield* currentTime
    if (askedAt < this.storeFrom) return yield* this.askHere(limit)
    // One call tries a failed store; the others do not wait for the result.
    if (this.storeFailed) this.storeFrom = askedAt + storePause
    // A store that throws has failed as one that dies.
    const exit = yield* Effect.suspend(() =>
      store.consume({
        algorithm,
        onExceeded: "fail",
        window,
        limit: calls,
        key: limit.key === undefined ? this.name : `${this.name}:${limit.key}`
      })
    ).pipe(
      Effect.timeoutOrElse({
        duration: Math.max(0, Math.min(this.storeTimeout, deadline - askedAt)),
        orElse: () => Effect.fail(timedOut)
      }),
      Effect.exit
    )
    const now = yield* currentTime
    const refusal = refusalOf(exit)
    if (Exit.isSuccess(exit) || refusal !== undefined) {
      this.storeFailed = false
      this.storeFrom = -Infinity
      if (refusal !== undefined) {
        limit.refuse(now, refusal)
        return refusal
      }
      // The count of this process follows the store, ready for when the store fails.
      limit.take(now)
      return 0
    }
    const late = Cause.squash(exit.cause) === timedOut
    // A call cut short by its deadline says nothing about the store.
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

  /** Counts a rejection and makes its error. Calls with the same wait share one error instance. */
  private reject(limit: Limit, now: number): Exit.Exit<never, Rejection> {
    this.rejections++
    this.rejected.updateUnsafe(1, this.context)
    const wait = Math.max(1, Math.ceil(limit.expectedAt(now) - now))
    if (this.rejection === undefined || this.rejectedFor !== wait) {
      this.rejectedFor = wait
      this.rejection = Exit.fail(new PolicyError({ reason: new RateLimited({ retryAfter: Duration.millis(wait) }) }))
    }
    return this.rejection
  }

  /** The machine of a key. Use it before anything else runs, or it may be evicted. */
  private get(key: string | undefined, now: number): Limit {
    return key === undefined ? this.only : this.keyed.get(key, now)
  }
}

const lossOf = (limit: Limit, now: number): Loss =>
  limit.waiting > 0 ? "use" : limit.isFresh(now) ? "nothing" : limit.isRefused(now) ? "much" : "little"

const currentTime = Effect.withFiber((fiber) => Effect.succeed(nowOf(fiber)))

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

/** Compiles options that have been checked. */
export const compile = (options: RateLimitOptions, context: Context.Context<never>): RateLimits =>
  new RateLimits(options, options.name === undefined ? undefined : limiterOf(context), context)

/** The limiter of a context: its own, or one over its store. */
const limiterOf = (context: Context.Context<never>): Store.RateLimiter | undefined => {
  const store = Context.getOrUndefined(context, Store.RateLimiterStore)
  return Context.getOrUndefined(context, Store.RateLimiter) ?? (store === undefined
    ? undefined
    // A limiter needs only its store, and making it is synchronous.
    : Effect.runSync(Effect.provideService(Store.make, Store.RateLimiterStore, store)))
}
