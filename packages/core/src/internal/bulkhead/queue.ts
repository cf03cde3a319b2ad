/**
 * A bulkhead as a small synchronous state machine: permits, a bounded queue, and for the adaptive one a limit that
 * follows latency. Time comes in as an argument, in milliseconds, so that the bulkhead's own combinator, the fused policy
 * and a simulator drive the same machine.
 */
import * as Exit from "effect/Exit"
import { BulkheadFull, PolicyError } from "../../PolicyError.ts"
import { LinkedQueue, type Member } from "../linkedQueue.ts"

/** A call in the queue. */
export interface Waiter extends Member<Waiter> {
  /** Called once, when a permit is handed over. It may run the call to its end, and must not throw. */
  grant(): void
}

/** How many calls may run, and how many may wait for one of them to end. */
export class Bulkhead {
  limit: number
  queue: number
  running = 0
  /** Calls rejected since the machine was made. */
  rejections = 0
  /** Whether {@link settle} must be called. */
  adapts: boolean = false
  /** @internal When a call last used it. */
  usedAt = 0
  private readonly waiters = new LinkedQueue<Waiter>()
  private granting = false
  private rejection: Exit.Exit<never, PolicyError<BulkheadFull>> | undefined = undefined
  private rejectedAt = -1

  constructor(limit: number, queue: number) {
    this.limit = limit
    this.queue = queue
  }

  /** How many calls are in the queue. */
  get waiting(): number {
    return this.waiters.length
  }

  /** Whether no call is running or waiting. */
  get idle(): boolean {
    return this.running === 0 && this.waiting === 0
  }

  /** Takes a permit at once, never ahead of waiting calls. */
  tryAcquire(): boolean {
    if (this.running >= this.limit || this.waiters.first !== undefined) return false
    this.running++
    return true
  }

  /**
   * Sets a fixed limit from now on. Running and waiting calls keep their places, even beyond a smaller limit or queue.
   */
  resize(limit: number, queue: number): void {
    this.limit = limit
    this.queue = queue
    this.adapts = false
    this.handOut()
  }

  /** Releases a permit. */
  release(): void {
    this.running--
    this.handOut()
  }

  /** Hands free permits to the longest waiting calls. */
  private handOut(): void {
    // A call that ends within its `grant` re-enters here. The loop below then continues, so the stack does not grow.
    if (this.waiters.first === undefined || this.granting) return
    this.granting = true
    try {
      for (
        let first = this.waiters.first;
        first !== undefined && this.running < this.limit;
        first = this.waiters.first
      ) {
        this.waiters.leave(first)
        this.running++
        first.grant()
      }
    } finally {
      this.granting = false
    }
  }

  /** Puts a call at the end of the queue; `false` when the queue is full. */
  enqueue(waiter: Waiter): boolean {
    if (this.waiting >= this.queue) return false
    this.waiters.join(waiter)
    return true
  }

  /** Takes a call out of the queue; `false` when it is not in it. */
  cancel(waiter: Waiter): boolean {
    return this.waiters.leave(waiter)
  }

  /** Counts a rejection and returns its error, the same instance while the limit is unchanged. */
  reject(): Exit.Exit<never, PolicyError<BulkheadFull>> {
    this.rejections++
    if (this.rejection === undefined || this.rejectedAt !== this.limit) {
      this.rejectedAt = this.limit
      this.rejection = Exit.fail(
        new PolicyError({ reason: new BulkheadFull({ limit: this.limit, queue: this.queue }) })
      )
    }
    return this.rejection
  }

  /**
   * Settles a call that still holds its permit: `latency` since it got the permit, and whether an overloaded dependency
   * `dropped` it. Do not settle calls that were interrupted or failed for another reason.
   */
  settle(_now: number, _latency: number, _dropped: boolean): void {}
}

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

/**
 * The machines of one bulkhead: the one for calls without a key, and one for each key. Idle machines expire, and at
 * `maxKeys` idle ones are evicted. A machine with running or waiting calls is never evicted, so there are never more
 * than `maxKeys` plus the keys in use.
 */
export class Bulkheads {
  readonly name: string
  only: Bulkhead
  /** The longest wait in the queue, in milliseconds. */
  readonly maxWait: number
  /** Whether an error means that the dependency is overloaded. */
  readonly isOverload: (error: unknown) => boolean
  private readonly create: () => Bulkhead
  private readonly maxKeys: number
  private readonly idleTimeToLive: number
  private keyed = new Map<string, Bulkhead>()
  private sweepAt = 0
  /** Rejections of evicted machines. */
  private past = 0

  constructor(options: {
    readonly name: string
    readonly create: () => Bulkhead
    readonly maxWait: number
    readonly isOverload: (error: unknown) => boolean
    readonly maxKeys: number
    readonly idleTimeToLive: number
  }) {
    this.name = options.name
    this.create = options.create
    this.only = options.create()
    this.maxWait = options.maxWait
    this.isOverload = options.isOverload
    this.maxKeys = options.maxKeys
    this.idleTimeToLive = options.idleTimeToLive
  }

  /** The machine of a key. Use it before anything else runs, or it may be evicted. */
  get(key: string | undefined, now: number): Bulkhead {
    if (key === undefined) return this.only
    this.sweep(now)
    const known = this.keyed.get(key)
    if (known !== undefined) {
      known.usedAt = now
      return known
    }
    this.makeRoom()
    const machine = this.create()
    machine.usedAt = now
    this.keyed.set(key, machine)
    return machine
  }

  /** The machine of a key, if there is one. Changes nothing. */
  peek(key: string | undefined): Bulkhead | undefined {
    return key === undefined ? this.only : this.keyed.get(key)
  }

  /**
   * Takes over the machines of another bulkhead with their calls, and sets their limits. The other then has the same machines,
   * so that its calls count here too.
   */
  takeOver(other: Bulkheads, limit: number, queue: number): void {
    this.only = other.only
    this.keyed = other.keyed
    this.past = other.past
    for (const machine of [this.only, ...this.keyed.values()]) machine.resize(limit, queue)
  }

  /** A machine that no call has used. */
  get fresh(): Bulkhead {
    return this.create()
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed.size
  }

  /** A sum over all current machines. */
  sum(of: (machine: Bulkhead) => number): number {
    let sum = of(this.only)
    for (const machine of this.keyed.values()) sum += of(machine)
    return sum
  }

  /** All rejected calls, including those of evicted machines. */
  get rejections(): number {
    return this.past + this.sum((machine) => machine.rejections)
  }

  private sweep(now: number): void {
    // Otherwise a clock set back would delay the next sweep by the same time.
    if (now < this.sweepAt && this.sweepAt - now <= this.idleTimeToLive) return
    this.sweepAt = now + this.idleTimeToLive
    for (const [key, machine] of this.keyed) {
      if (machine.idle && now - machine.usedAt >= this.idleTimeToLive) this.drop(key, machine)
    }
  }

  // Examines a few machines, oldest first, so that each call costs the same in a flood of new keys. A busy one moves to
  // the end, so that the next one is examined.
  private makeRoom(): void {
    let looks = 8
    for (const [key, machine] of this.keyed) {
      if (this.keyed.size < this.maxKeys || looks-- === 0) return
      if (machine.idle) {
        this.drop(key, machine)
      } else {
        this.keyed.delete(key)
        this.keyed.set(key, machine)
      }
    }
  }

  private drop(key: string, machine: Bulkhead): void {
    this.past += machine.rejections
    this.keyed.delete(key)
  }
}
