/**
 * A bulkhead as a small synchronous state machine: permits, a bounded queue, and for the adaptive one a limit that
 * follows latency. Time comes in as an argument, in milliseconds, so that the bulkhead's own combinator, the fused policy
 * and a simulator drive the same machine.
 */
import * as Exit from "effect/Exit"
import { BulkheadFull, PolicyError } from "../../PolicyError.ts"
import { Line, type Member } from "../linkedQueue.ts"

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
  /** Calls turned away, since the machine was made. */
  rejections = 0
  /** Whether {@link settle} wants to be told how calls end. */
  adapts: boolean = false
  /** @internal When a call last asked for it. */
  usedAt = 0
  private readonly line = new Line<Waiter>()
  private granting = false
  private rejection: Exit.Exit<never, PolicyError<BulkheadFull>> | undefined = undefined
  private rejectedAt = -1

  constructor(limit: number, queue: number) {
    this.limit = limit
    this.queue = queue
  }

  /** How many calls are in the queue. */
  get waiting(): number {
    return this.line.length
  }

  /** Neither runs nor keeps a call. */
  get idle(): boolean {
    return this.running === 0 && this.waiting === 0
  }

  /** Takes a permit at once, never past those who wait. */
  tryAcquire(): boolean {
    if (this.running >= this.limit || this.line.first !== undefined) return false
    this.running++
    return true
  }

  /** Sets a fixed limit from now on. Calls that run or wait keep their places, also beyond a smaller limit or queue. */
  resize(limit: number, queue: number): void {
    this.limit = limit
    this.queue = queue
    this.adapts = false
    this.handOut()
  }

  /** Gives a permit back. */
  release(): void {
    this.running--
    this.handOut()
  }

  /** Hands out what is free to those who have waited longest. */
  private handOut(): void {
    // A call that ends within its `grant` gets here again: the loop below goes on, and the stack does not grow.
    if (this.line.first === undefined || this.granting) return
    this.granting = true
    try {
      for (let first = this.line.first; first !== undefined && this.running < this.limit; first = this.line.first) {
        this.line.leave(first)
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
    this.line.join(waiter)
    return true
  }

  /** Takes a call out of the queue; `false` when it is not in it. */
  cancel(waiter: Waiter): boolean {
    return this.line.leave(waiter)
  }

  /** Counts a rejection and gives its error, which is one and the same as long as the limit is. */
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
   * Takes the end of a call that has its permit still: `latency` since it got the permit, and whether it was `dropped`
   * by a dependency that had too much to do. A call that was interrupted or failed for another reason is not settled.
   */
  settle(_now: number, _latency: number, _dropped: boolean): void {}
}

/** What an adaptive limit goes by. */
export interface Bounds {
  readonly min: number
  readonly max: number
  readonly initial: number
  readonly tolerance: number
  /** How long to watch before the limit moves, in milliseconds. */
  readonly window: number
}

// What a window needs before it says anything (WindowedLimit has the same ten).
const enough = 10

// After how many windows with all places taken the latency without load is measured again. The first time it was measured
// under whatever load there was, so the next look comes soon, and the others twice as late each time. Once they are a minute of
// windows apart, the latency is known, and is looked at only while it holds the limit down.
const firstLook = 5
const lastLook = 60

/**
 * Netflix's gradient. The windows, the tolerance and the square root are theirs; three things differ:
 *
 * - A window lasts for two latencies, so that each move sees what the last one did.
 * - A dropped call shrinks the limit by its share of the window. Theirs cuts at the first drop, so that a thousand calls a
 *   second of which one times out would end at the minimum.
 * - The latency without load is looked at for one window at a quarter of the limit, which is then restored, as BBR does;
 *   after the first minutes only while it holds the limit down. Theirs is at intervals, and climbs from the square root.
 */
export class AdaptiveBulkhead extends Bulkhead {
  override adapts = true
  readonly bounds: Bounds
  /** The limit before it is rounded down. */
  private estimate: number
  /** The latency without load, as far as it is known. */
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
    // What began under the full limit says nothing of the latency without load.
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
      // The clock has no finer measure than a millisecond, and a queue that is shorter harms nobody.
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
    // Callers that leave places free say nothing of whether there should be more of them.
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
 * The machines of one bulkhead: the one for calls without a key, and one for each key. Those that are idle age out, and
 * when there are `maxKeys`, idle ones make room; one that runs or keeps a call is never dropped, so that there are never
 * more than `maxKeys` and the keys in use.
 */
export class Bulkheads {
  readonly name: string
  only: Bulkhead
  /** The longest wait in the queue, in milliseconds. */
  readonly maxWait: number
  /** Whether an error says that the dependency has too much to do. */
  readonly isOverload: (error: unknown) => boolean
  private readonly create: () => Bulkhead
  private readonly maxKeys: number
  private readonly idleTimeToLive: number
  private keyed = new Map<string, Bulkhead>()
  private sweepAt = 0
  /** Rejections of machines that are gone. */
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

  /** The machine of a key. It has to be used before anything else runs, or it may be dropped. */
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

  /** The machine of a key, if there is one: asking leaves no trace. */
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

  /** A machine that no call has asked for. */
  get fresh(): Bulkhead {
    return this.create()
  }

  /** How many keys are known. */
  get size(): number {
    return this.keyed.size
  }

  /** A sum over all machines there are. */
  sum(of: (machine: Bulkhead) => number): number {
    let sum = of(this.only)
    for (const machine of this.keyed.values()) sum += of(machine)
    return sum
  }

  /** All calls that were turned away, those by machines that are gone included. */
  get rejections(): number {
    return this.past + this.sum((machine) => machine.rejections)
  }

  private sweep(now: number): void {
    // A clock that was set back would put the next sweep off for as long.
    if (now < this.sweepAt && this.sweepAt - now <= this.idleTimeToLive) return
    this.sweepAt = now + this.idleTimeToLive
    for (const [key, machine] of this.keyed) {
      if (machine.idle && now - machine.usedAt >= this.idleTimeToLive) this.drop(key, machine)
    }
  }

  // Looks at a few machines, oldest first, so that a flood of new keys costs each call the same. A busy one goes to the
  // end, which brings the next into sight.
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
